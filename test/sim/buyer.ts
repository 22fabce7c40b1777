// A buyer who does not give up: finds the device, buys, takes delivery in as many sessions as it takes, and
// goes on after every fault that a stubborn person would go on after.

import type { Consumer } from "../../firmware/consumer/consumer.ts";
import type { Dealer } from "../../firmware/consumer/dealer.ts";
import type { Purchase } from "../../firmware/consumer/purchase.ts";
import type { Result } from "../../firmware/result.ts";
import { sleep } from "../../hal/clock.ts";
import { TEST_CARDS } from "../../hal/sim/sim-payment-host.ts";
import type { Site } from "./site.ts";

export interface Buying {
  service: number;
  price: number;
  units: number;
  card?: string;
  /** Units asked for in each session; all that remain when not given. */
  unitsPerSession?: number;
  /** Ends the delivery early, once so much of the session is delivered. */
  endAfterPulses?: number;
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

export async function buy(site: Site, consumer: Consumer, buying: Buying): Promise<Outcome> {
  const { clock } = site.world;
  const faults: string[] = [];
  const insist = async <T>(step: string, attempt: () => Promise<Result<T>>): Promise<Result<T>> => {
    for (;;) {
      const result = await attempt();
      if (result.ok) return result;
      faults.push(`${step}: ${result.fault.kind}`);
      if (!TRY_AGAIN.has(result.fault.kind)) return result;
      await sleep(clock, AGAIN_MS);
    }
  };
  const dealer = await findDealer(site, consumer);
  const card = { number: buying.card ?? TEST_CARDS.approve, expiryYear: 30, expiryMonth: 12 };
  for (;;) {
    const selected = await insist("select", () => dealer.select(buying, 100_000));
    if (!selected.ok) break;
    const paid = await insist("pay", () => dealer.pay(selected.value.purchase, card));
    if (!paid.ok) {
      const gone = ["offer-unknown", "offer-expired", "payment-lost"].includes(paid.fault.kind);
      if (gone) continue;
      break;
    }
    const done = await takeDelivery(dealer, consumer, paid.value, buying, insist);
    return { purchases: await consumer.purchases.list(), done, faults };
  }
  return { purchases: await consumer.purchases.list(), done: false, faults };
}

async function findDealer(site: Site, consumer: Consumer): Promise<Dealer> {
  for (;;) {
    const found = await consumer.discover({ timeoutMs: 5_000, enough: () => true });
    const [first] = found.ok ? found.value : [];
    const dealer = first && (await consumer.init(first));
    if (dealer?.ok === true) return dealer.value;
    await sleep(site.world.clock, AGAIN_MS);
  }
}

type Insist = <T>(step: string, attempt: () => Promise<Result<T>>) => Promise<Result<T>>;

async function takeDelivery(
  dealer: Dealer,
  consumer: Consumer,
  paid: Purchase,
  buying: Buying,
  insist: Insist,
): Promise<boolean> {
  const { endAfterPulses = Number.POSITIVE_INFINITY, unitsPerSession } = buying;
  for (;;) {
    const begun = await insist("begin", () =>
      dealer.begin(paid, unitsPerSession, ({ pulses }) => {
        if (pulses >= endAfterPulses) void dealer.end(paid);
      }),
    );
    const now = await consumer.purchases.get(paid.id);
    if (now?.state === "closed") return true;
    if (!begun.ok) {
      // Closed at the device already: what is left are receipts that we lack.
      const settled = await dealer.settled(paid, 120_000);
      return settled.state === "closed";
    }
  }
}
