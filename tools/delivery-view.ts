// One delivery as the payer follows it: a progress line or object, the first Ctrl-C ends it and waits for the
// receipt, the second leaves it to the device.

import type { Dealer, Delivered, Progress } from "../firmware/consumer/dealer.ts";
import type { Purchase } from "../firmware/consumer/purchase.ts";
import { deliveredPulses } from "../firmware/consumer/stream-order.ts";
import type { StreamChoice } from "../firmware/consumer/streams.ts";
import { formatMinor } from "../firmware/money.ts";
import { fail, type Result } from "../firmware/result.ts";
import { chargeOf } from "../firmware/token/charge.ts";
import type { Offer } from "../firmware/token/offer.ts";
import { stopWords } from "../firmware/token/stop-words.ts";
import { countText } from "../firmware/units.ts";
import type { Output } from "./command.ts";
import type { Buyer } from "./consumer.ts";
import { nextCommand } from "./next-command.ts";
import { keptOffer, keptReceipts, tellReceipts } from "./receipt-keeping.ts";
import { pulsesText, unitsText } from "./sale-text.ts";

/** Stops that the payer meant; any other is told as a failure beside its receipt. */
const AS_WANTED: ReadonlySet<string> = new Set(["exhausted", "consumer-end", "customer-button"]);

/** Begins a session and stays until its receipt is here and told. Errors: the device's; `out-of-order`; `not-ready` when it stopped early. */
export async function deliver(
  buyer: Buyer,
  dealer: Dealer,
  purchase: Purchase,
  units: number | undefined,
  stream?: StreamChoice,
): Promise<Result<void>> {
  const { out, consumer } = buyer;
  const offer = keptOffer(purchase);
  if (!offer.ok) return offer;
  out.emit({ step: "begin", order: purchase.id, device: dealer.device, ...(units && { units }) });
  out.say("delivery begins (Ctrl-C ends it)");
  const interrupts = watchInterrupts(buyer, dealer, purchase);
  consumer.onEvent((told) => {
    if (told.event !== "proof") return;
    const { event: step, ...proof } = told;
    out.emit({ step, ...proof });
  });
  const soFar = purchase.prepaid ? toldSoFar(dealer, purchase) : keptSoFar(purchase, offer.value);
  try {
    const onProgress = (progress: Progress): void => {
      const from = soFar();
      if (from !== undefined) showProgress(out, from, progress);
    };
    const begun = dealer.begin(purchase, units, onProgress, stream);
    const delivered = await Promise.race([begun, interrupts.left]);
    if (!delivered.ok) return delivered;
    return tellDelivered(buyer, offer.value, delivered.value);
  } finally {
    consumer.onEvent(undefined);
    interrupts.close();
  }
}

/** What a session's progress is shown by. */
interface SoFar {
  offer: Offer;
  /** Pulses of the sessions before. */
  before: number;
  isPrepaid: boolean;
}

function keptSoFar(purchase: Purchase, offer: Offer): () => SoFar {
  const before = deliveredPulses(keptReceipts(purchase));
  return () => ({ offer, before, isPrepaid: false });
}

/**
 * A token does not say how many pulses a unit has, and others may have had a part of it: the device is asked once its
 * delivery runs. Progress is shown when that is known.
 */
function toldSoFar(dealer: Dealer, purchase: Purchase): () => SoFar | undefined {
  let told: SoFar | undefined;
  let isAsked = false;
  const ask = async (): Promise<void> => {
    const standing = await dealer.standing(purchase);
    const { grantPulses, pulses: before } = standing.ok ? standing.value : {};
    const offer = keptOffer(purchase, grantPulses);
    if (before !== undefined && offer.ok) told = { offer: offer.value, before, isPrepaid: true };
    else isAsked = false;
  };
  return () => {
    // What is wrong with the journal will be told by the delivery itself.
    if (!isAsked) void ask().catch(() => undefined);
    isAsked = true;
    return told;
  };
}

function showProgress(out: Output, { offer, before, isPrepaid }: SoFar, progress: Progress): void {
  const { session, pulses, held, proved } = progress;
  const { amountMinor } = chargeOf(offer, before, pulses);
  const { currency, unit, id: order } = offer;
  const paid = proved === undefined ? {} : { proved };
  out.emit({
    step: "progress",
    order,
    session,
    pulses,
    amountMinor,
    currency,
    unit,
    held,
    ...paid,
  });
  const shown = proved === undefined ? "" : `   ${countText(proved, "unit")} proved`;
  const wait = held ? "   waiting for the device" : "";
  const so = `${pulsesText(before + pulses, offer)} of ${unitsText(1000 * offer.units, unit)}`;
  out.progress(
    `${so}   ${isPrepaid ? "prepaid" : formatMinor(amountMinor, currency)}${shown}${wait}`,
  );
}

function tellDelivered(
  buyer: Buyer,
  offer: Offer,
  { purchase, receipts }: Delivered,
): Result<void> {
  const session = receipts.find((one) => one.is === "session");
  if (session !== undefined) {
    const { milliUnits, pulses, reason, breakdown: { cause } = {} } = session;
    const { id: order, unit } = offer;
    const units = milliUnits / 1000;
    buyer.out.emit({
      step: "end",
      order,
      session: session.session,
      pulses,
      units,
      unit,
      stop: reason,
      ...(cause && { cause }),
    });
    buyer.out.say(
      `stopped: ${stopWords({ reason, cause })}, ${unitsText(milliUnits, unit)} delivered`,
    );
  }
  const told = tellReceipts(buyer, purchase, receipts);
  if (!told.ok) return told;
  const isLeft = purchase.state === "paid";
  const next = nextCommand("begin", purchase.id, buyer.values);
  if (isLeft) buyer.out.say(`what is left stays good: ${next}`);
  if (session === undefined || AS_WANTED.has(session.reason)) return told;
  const stop = { reason: session.reason, cause: session.breakdown?.cause };
  const rest = isLeft ? "what is left stays good" : "the settlement says what became of the rest";
  return fail("not-ready", `the delivery stopped early (${stopWords(stop)}); ${rest}`);
}

interface Interrupts {
  /** Resolves, with a fault, when the user will wait no longer. */
  left: Promise<Result<never>>;
  close(): void;
}

function watchInterrupts({ out, values }: Buyer, dealer: Dealer, purchase: Purchase): Interrupts {
  let count = 0;
  let leave: (left: Result<never>) => void = () => undefined;
  const left = new Promise<Result<never>>((resolve) => {
    leave = resolve;
  });
  const end = async (): Promise<void> => {
    const ended = await dealer.end(purchase);
    if (!ended.ok && count === 1) out.say(`the device has not ended it: ${ended.fault.message}`);
  };
  const onInterrupt = (): void => {
    count += 1;
    if (count === 1) {
      out.say("ending: the receipt follows (Ctrl-C again leaves without it)");
      void end();
      return;
    }
    dealer.leave();
    const next = nextCommand("status", purchase.id, values);
    leave(fail("timed-out", `left before the receipt: ${next} fetches it`));
  };
  process.on("SIGINT", onInterrupt);
  return { left, close: () => process.off("SIGINT", onInterrupt) };
}
