// sluice pay: pays an offer, once however often it is called.

import type { FaultKind } from "../../firmware/fault.ts";
import { formatMinor } from "../../firmware/money.ts";
import { type Fault, ok, type Result } from "../../firmware/result.ts";
import type { Command } from "../command.ts";
import { CONSUMER_HELP, CONSUMER_OPTIONS, withBuyer } from "../consumer.ts";
import { openDealerOf } from "../device-choice.ts";
import { nextCommand } from "../next-command.ts";
import type { OptionValues } from "../option-value.ts";
import { findOrder } from "../order-reference.ts";
import {
  type ChosenPayment,
  PAYMENT_HELP,
  PAYMENT_OPTIONS,
  payOptionsOf,
  readPayment,
} from "../payment-options.ts";
import { keptOffer } from "../receipt-keeping.ts";
import {
  BY_THE_UNIT_HELP,
  BY_THE_UNIT_OPTIONS,
  chooseStream,
  readByTheUnit,
  type WantedStream,
} from "../stream-options.ts";

export const pay: Command = {
  name: "pay",
  summary: "pay an offer",
  usage:
    "REF [--card NUMBER]... [--expiry YYMM] [--method NAME] [--extras-up-to N] [--stream] [options]",
  help: `Pays the order REF (its id, the beginning of it, or last). The card is sealed to the payment
host: the device cannot read it. Call it again when the answer was lost: it is charged once.

${BY_THE_UNIT_HELP}
${PAYMENT_HELP}
${CONSUMER_HELP}

example: sluice pay last --card decline --card approve`,
  options: { ...CONSUMER_OPTIONS, ...PAYMENT_OPTIONS, ...BY_THE_UNIT_OPTIONS },
  positionalsMax: 1,
  run: (invocation) =>
    withBuyer(invocation, readHow, async (buyer, { chosen, byTheUnit }) => {
      const { positionals, consumer, values, out } = buyer;
      const order = await findOrder(consumer.purchases, positionals[0]);
      if (!order.ok) return order;
      const offer = keptOffer(order.value);
      if (!offer.ok) return offer;
      const dealer = await openDealerOf(buyer, order.value);
      if (!dealer.ok) return dealer;
      const { totalMinor, currency, id } = offer.value;
      const total = formatMinor(totalMinor, currency);
      const { service } = offer.value;
      const stream = byTheUnit
        ? await chooseStream(buyer, dealer.value, service, byTheUnit)
        : ok(undefined);
      if (!stream.ok) return stream;
      const terms = stream.value;
      out.say(
        terms ? `holding ${total} on ${chosen.shown}` : `paying ${total} with ${chosen.shown}`,
      );
      const paid = await dealer.value.pay(order.value, chosen.cards[0], {
        ...payOptionsOf(chosen, offer.value, out),
        ...(terms && { stream: terms }),
      });
      if (!paid.ok) return { ok: false, fault: withNextStep(paid.fault, id) };
      const { state, device } = paid.value;
      out.emit({ step: "pay", order: id, device, totalMinor, currency, state });
      const isHeld = paid.value.stream !== undefined;
      const now = isHeld ? "is held, and paid by the unit" : "is paid";
      out.say(`order ${id} ${state === "closed" ? "was paid, and is closed" : now}`);
      if (state === "paid") out.say(`take delivery with: ${nextCommand("begin", id, values)}`);
      return ok(undefined);
    }),
};

interface How {
  chosen: ChosenPayment;
  /** Undefined for in one piece. */
  byTheUnit: WantedStream | undefined;
}

function readHow(values: OptionValues): Result<How> {
  const chosen = readPayment(values);
  if (!chosen.ok) return chosen;
  const byTheUnit = readByTheUnit(values, chosen.value);
  return byTheUnit.ok ? ok({ chosen: chosen.value, byTheUnit: byTheUnit.value }) : byTheUnit;
}

const UNDECIDED = "it is not known whether it was paid: sluice status REF asks the device";
const LATER = "no money moved: sluice pay REF tries again, as long as the offer lasts";
const NEXT: Partial<Record<FaultKind, string>> = {
  "not-ready": LATER,
  "too-many": LATER,
  "timed-out": UNDECIDED,
  "payment-pending": UNDECIDED,
  internal: UNDECIDED,
  "credential-invalid":
    "it takes another card, or an account that covers it; sluice quote asks anew",
  "payment-rejected":
    "nothing at the device takes it in this way: try without --method; the log of sluice run says why",
  "not-streamed": "no money moved: sluice pay REF without --stream pays it in one piece",
  "payment-cancelled": "it was cancelled, and what was taken goes back",
  "over-limit": "sluice limit shows what is used of it",
};

/** A payment's fault, and what to type about this order. */
export function withNextStep(fault: Fault, order: string): Fault {
  const next = NEXT[fault.kind]?.replace("REF", order);
  return next === undefined ? fault : { ...fault, message: `${fault.message}; ${next}` };
}
