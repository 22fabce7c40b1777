// A buyer who does not give up: finds the device, buys, takes delivery in as many sessions as it takes, and
// goes on after every fault that a stubborn person would go on after.

import type { Consumer } from "../firmware/consumer/consumer.ts";
import type { Dealer } from "../firmware/consumer/dealer.ts";
import type { PayOptions } from "../firmware/consumer/payment-questions.ts";
import type { Purchase } from "../firmware/consumer/purchase.ts";
import type { Result } from "../firmware/result.ts";
import { sleep } from "../hal/clock.ts";
import { TEST_CARDS } from "../hal/sim/sim-payment-host.ts";
import type { Site } from "./site.ts";

export interface Buying {
  service: number;
  price: number;
  units: number;
  card?: string;
  /** From an account, without a card. */
  account?: true;
  pay?: PayOptions;
  /** Units asked for in each session; all that remain when not given. */
  unitsPerSession?: number;
  /** Ends the delivery early, once so much of the session is delivered. */
  endAfterPulses?: number;
  /** The first session that is ended early; any when not given. */
  endFromSession?: number;
}

export interface Outcome {
  /** Every order that was paid or may have been, the last one first. */
  purchases: readonly Purchase[];
  done: boolean;
  /** Faults met on the way. */
  faults: readonly string[];
}

const AGAIN_MS = 2_000;
/** Faults after which the same step is tried again. */
const TRY_AGAIN = new Set([
  "timed-out",
  "internal",
  "not-ready",
  "busy",
  "payment-pending",
  "session-unknown",
]);

export function insisting(site: Site, faults: string[]): Insist {
  return async (step, attempt) => {
    for (;;) {
      const result = await attempt();
      if (result.ok) return result;
      faults.push(`${step}: ${result.fault.kind}`);
      if (!TRY_AGAIN.has(result.fault.kind)) return result;
      await sleep(site.world.clock, AGAIN_MS);
    }
  };
}

/** Goes on with everything that an earlier life of this buyer may have paid for. */
export async function goOn(site: Site, consumer: Consumer, buying: Buying): Promise<void> {
  const insist = insisting(site, []);
  const dealer = await findDealer(site, consumer);
  const card = { number: buying.card ?? TEST_CARDS.approve, expiryYear: 30, expiryMonth: 12 };
  for (const one of await consumer.purchases.list()) {
    if (one.state !== "paying" && one.state !== "paid") continue;
    const paid = await insist("pay", () => dealer.pay(one, card));
    if (paid.ok) await takeDelivery(dealer, consumer, paid.value, buying, insist);
  }
}

export async function buy(site: Site, consumer: Consumer, buying: Buying): Promise<Outcome> {
  const faults: string[] = [];
  const insist = insisting(site, faults);
  const dealer = await findDealer(site, consumer);
  const paid = await payFor(dealer, buying, insist);
  const done = paid !== undefined && (await takeDelivery(dealer, consumer, paid, buying, insist));
  return { purchases: await consumer.purchases.list(), done, faults };
}

/** Selects and pays, anew where an offer is gone. */
export async function payFor(
  dealer: Dealer,
  buying: Buying,
  insist: Insist,
): Promise<Purchase | undefined> {
  const card = { number: buying.card ?? TEST_CARDS.approve, expiryYear: 30, expiryMonth: 12 };
  for (;;) {
    const selected = await insist("select", () => dealer.select(buying, 100_000));
    if (!selected.ok) return undefined;
    const { purchase } = selected.value;
    const payer = buying.account === true ? undefined : card;
    const paid = await insist("pay", () => dealer.pay(purchase, payer, buying.pay));
    if (paid.ok) return paid.value;
    const gone = ["offer-unknown", "offer-expired", "payment-lost"].includes(paid.fault.kind);
    if (!gone) return undefined;
  }
}

export async function findDealer(site: Site, consumer: Consumer): Promise<Dealer> {
  for (;;) {
    const found = await consumer.discover({
      ...{ timeoutMs: 5_000, filter: { id: site.device }, enough: () => true },
    });
    const [first] = found.ok ? found.value : [];
    const dealer = first && (await consumer.init(first));
    if (dealer?.ok === true) return dealer.value;
    await sleep(site.world.clock, AGAIN_MS);
  }
}

export type Insist = <T>(step: string, attempt: () => Promise<Result<T>>) => Promise<Result<T>>;

async function takeDelivery(
  dealer: Dealer,
  consumer: Consumer,
  paid: Purchase,
  buying: Buying,
  insist: Insist,
): Promise<boolean> {
  const { endAfterPulses = Number.POSITIVE_INFINITY, endFromSession = 1, unitsPerSession } = buying;
  for (;;) {
    const begun = await insist("begin", () =>
      dealer.begin(paid, unitsPerSession, ({ session, pulses }) => {
        if (pulses >= endAfterPulses && session >= endFromSession) void dealer.end(paid);
      }),
    );
    const now = await consumer.purchases.get(paid.id);
    if (now?.state === "closed") return true;
    if (!begun.ok) {
      // Closed at the device already: what is left are receipts that we lack, and they go to whoever asks.
      await insist("standing", () => dealer.standing(paid));
      const settled = await dealer.settled(paid, 120_000);
      return settled.state === "closed";
    }
  }
}
