// `sluice refund`: gives money of a closed order back.

import { formatMinor } from "../../firmware/money.ts";
import { AMOUNT_MINOR_MAX } from "../../firmware/protocol/messages.ts";
import { ok, type Result } from "../../firmware/result.ts";
import type { Command } from "../command.ts";
import { OPERATOR_HELP, OPERATOR_OPTIONS, type Operator, withOperator } from "../operator.ts";
import { integerOption, type OptionValues } from "../option-value.ts";
import { askPayment, giveBack, resolveOrder } from "../refunding.ts";

const WAIT_S = 30;

export const refund: Command = {
  name: "refund",
  summary: "give money of a closed order back to its payer",
  usage: "ORDER [--amount MINOR] [--show] [options]",
  help: `ORDER is the id of an order of the device, the beginning of one, or last. At most what was captured and
did not go back already; over all that paid it, in proportion. It is written down before money moves,
and moves once, whatever fails in between. What is not delivered of an open order comes back by itself
when it closes: "sluice reverse" closes it now. Signed by the device's operator.

  --amount MINOR     so much, in the minor unit of its currency (default: all that is left)
  --show             only tell what was paid, and what went back
  --wait SECONDS     how long to wait for the payment host (default: ${WAIT_S}); the device goes on by itself
${OPERATOR_HELP}

example: sluice refund last --amount 150`,
  options: {
    ...OPERATOR_OPTIONS,
    amount: { type: "string" },
    show: { type: "boolean" },
    wait: { type: "string" },
  },
  positionalsMax: 1,
  run: (invocation) =>
    withOperator(invocation, readWanted, (operator, wanted) =>
      run(operator, invocation.positionals[0], wanted),
    ),
};

interface Wanted {
  amountMinor: number;
  waitS: number;
  show: boolean;
}

function readWanted(values: OptionValues): Result<Wanted> {
  const amount = integerOption(values, "amount", { min: 1, max: AMOUNT_MINOR_MAX });
  if (!amount.ok) return amount;
  const wait = integerOption(values, "wait", { min: 0, max: 3600 });
  if (!wait.ok) return wait;
  const show = values["show"] === true;
  return ok({ amountMinor: amount.value ?? 0, waitS: wait.value ?? WAIT_S, show });
}

async function run(
  operator: Operator,
  reference: string | undefined,
  { amountMinor, waitS, show }: Wanted,
): Promise<Result<void>> {
  const order = await resolveOrder(operator, reference);
  if (!order.ok) return order;
  const action = { do: "payment-refund", order: order.value, amountMinor } as const;
  return show ? tell(operator, order.value) : giveBack(operator, order.value, action, waitS);
}

async function tell(operator: Operator, order: string): Promise<Result<void>> {
  const { out, device } = operator;
  const answer = await askPayment(operator, order);
  if (!answer.ok) return answer;
  const { currency, state, way, pendingMinor, ...amounts } = answer.value;
  out.emit({ step: "payment", device, order, ...answer.value });
  out.say(`order ${order}: ${state}, ${way}`);
  for (const name of ["taken", "captured", "refunded", "refundedLater", "owed", "left"] as const) {
    const label = name === "refundedLater" ? "refunded later" : name;
    out.say(`  ${label.padEnd(14)}  ${formatMinor(amounts[`${name}Minor`], currency)}`);
  }
  if (pendingMinor !== undefined) {
    out.say(`  ${formatMinor(pendingMinor, currency)} is on its way back`);
  }
  return ok(undefined);
}
