// `sluice reverse`: takes a payment back as a whole.

import { ok, type Result } from "../../firmware/result.ts";
import type { Command } from "../command.ts";
import { OPERATOR_HELP, OPERATOR_OPTIONS, type Operator, withOperator } from "../operator.ts";
import { integerOption, type OptionValues } from "../option-value.ts";
import { giveBack, resolveOrder } from "../refunding.ts";

const WAIT_S = 30;

export const reverse: Command = {
  name: "reverse",
  summary: "close an order and give all of its money back",
  usage: "ORDER [options]",
  help: `ORDER is the id of an order of the device, the beginning of one, or last. A paid order of which nothing
is being delivered is closed, with a receipt, and all that was taken for it goes back, also for what was
delivered; of a closed order the rest goes back. Delivery that runs is ended with "sluice outlet open".
Signed by the device's operator.

  --wait SECONDS     how long to wait for the payment host (default: ${WAIT_S}); the device goes on by itself
${OPERATOR_HELP}

example: sluice reverse last`,
  options: { ...OPERATOR_OPTIONS, wait: { type: "string" } },
  positionalsMax: 1,
  run: (invocation) =>
    withOperator(invocation, readWait, (operator, waitS) =>
      run(operator, invocation.positionals[0], waitS),
    ),
};

function readWait(values: OptionValues): Result<number> {
  const wait = integerOption(values, "wait", { min: 0, max: 3600 });
  return wait.ok ? ok(wait.value ?? WAIT_S) : wait;
}

async function run(
  operator: Operator,
  reference: string | undefined,
  waitS: number,
): Promise<Result<void>> {
  const order = await resolveOrder(operator, reference);
  if (!order.ok) return order;
  return giveBack(operator, order.value, { do: "payment-reverse", order: order.value }, waitS);
}
