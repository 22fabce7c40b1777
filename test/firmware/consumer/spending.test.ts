// The spending limit: what it counts, and that two who pay at once never pass it together.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Purchase,
  Purchases,
  withoutPayer,
  withPayer,
} from "../../../firmware/consumer/purchase.ts";
import { Spending } from "../../../firmware/consumer/spending.ts";
import { type Offer, signOffer } from "../../../firmware/token/offer.ts";
import { peekReceipt, signReceipt } from "../../../firmware/token/receipt.ts";
import type { SimStore } from "../../../hal/sim/sim-store.ts";
import { simStore } from "../../../hal/sim/sim-store.ts";
import { story, value } from "../../support/sale.ts";

const { keys } = story;
const settlement = story.receipts.find((one) => one.is === "settlement");
if (settlement?.is !== "settlement") throw new Error("the story has a settlement");

/** One process of the identity. */
function process(sim: SimStore) {
  const purchases = new Purchases(sim.store());
  return { purchases, spending: new Spending(sim.store(), purchases) };
}
type Process = ReturnType<typeof process>;

function offerOf(number: number, totalMinor: number, currency = "EUR"): Offer {
  const id = number.toString(16).padStart(16, "0");
  const lines = [{ kind: "units" as const, amountMinor: totalMinor }];
  return { ...story.offer, id, units: 1, priceMinor: totalMinor, totalMinor, lines, currency };
}

async function quote({ purchases }: Process, offer: Offer): Promise<void> {
  const purchase: Purchase = {
    id: offer.id,
    state: "quoted",
    device: story.device,
    name: "Charger",
    operatorKey: keys.operator.publicKey,
    certificate: story.signed.certificate,
    offer: signOffer(offer, keys.device),
    receipts: [],
    sessions: 0,
    bench: true,
  };
  await purchases.insert(purchase);
}

/** Begins to pay; the kind of the fault, where it may not. */
async function begin({ purchases, spending }: Process, offer: Offer): Promise<string> {
  let why = "ok";
  await purchases.change(offer.id, withPayer, async () => {
    const reserved = await spending.reserve(offer);
    why = reserved.ok ? "ok" : reserved.fault.kind;
    return reserved.ok ? reserved.value : undefined;
  });
  return why;
}

/** Settles it: so much was charged, the rest came back. */
async function close({ purchases }: Process, offer: Offer, chargedMinor: number): Promise<void> {
  const { totalMinor } = offer;
  const moved = { capturedMinor: totalMinor, refundedMinor: totalMinor - chargedMinor };
  const receipt = { ...settlement, ...moved, order: offer.id, amountMinor: chargedMinor };
  const receipts = [signReceipt(receipt as NonNullable<typeof settlement>, keys.device)];
  await purchases.change(offer.id, (now) => ({ ...now, state: "closed", receipts }));
}

const EUR = (amountMinor: number) => ({ currency: "EUR", amountMinor });

async function limited(limitMinor: number) {
  const sim = simStore();
  const one = process(sim);
  await one.spending.limit(EUR(limitMinor));
  return { sim, one, other: process(sim) };
}

describe("a spending limit", () => {
  test("counts what is open in full, and what is settled as it was charged", async () => {
    const { one } = await limited(1_000);
    const [first, second] = [offerOf(1, 700), offerOf(2, 400)];
    for (const offer of [first, second]) await quote(one, offer);
    expect(await begin(one, first)).toBe("ok");
    expect(await one.spending.check(second)).toMatchObject({ fault: { kind: "over-limit" } });
    expect(await begin(one, second)).toBe("over-limit");
    expect(await one.purchases.get(second.id)).toMatchObject({ state: "quoted" });
    await close(one, first, 250);
    const used = { currency: "EUR", limitMinor: 1_000, spentMinor: 250, openMinor: 0 };
    expect(await one.spending.list()).toEqual([used]);
    expect(await begin(one, second)).toBe("ok");
    expect(await one.spending.list()).toEqual([{ ...used, openMinor: 400 }]);
  });

  test("is not used by a payment that failed or was put off, until it was taken after all", async () => {
    const { one } = await limited(100);
    const [first, second] = [offerOf(1, 100), offerOf(2, 100)];
    for (const offer of [first, second]) await quote(one, offer);
    await begin(one, first);
    await one.purchases.change(first.id, withoutPayer);
    expect(await begin(one, second)).toBe("ok");
    await one.purchases.change(second.id, (now) => ({ ...now, state: "failed" }));
    expect(await begin(one, first)).toBe("ok");
    await one.purchases.change(first.id, (now) => ({ ...now, state: "failed" }));
    expect(await one.spending.list()).toMatchObject([{ spentMinor: 0, openMinor: 0 }]);
    await one.purchases.change(second.id, (now) => ({ ...now, state: "paid" }));
    expect(await one.spending.list()).toMatchObject([{ openMinor: 100 }]);
  });

  test("remembers the latest payments that failed: they are the likeliest to have been taken", async () => {
    const { one } = await limited(100);
    const offers = Array.from({ length: 42 }, (_, i) => offerOf(i + 1, 100));
    for (const offer of offers) {
      await quote(one, offer);
      expect(await begin(one, offer)).toBe("ok");
      await one.purchases.change(offer.id, (now) => ({ ...now, state: "failed" }));
    }
    const next = offerOf(43, 100);
    await quote(one, next);
    expect(await begin(one, next)).toBe("ok");
    await one.purchases.change(next.id, (now) => ({ ...now, state: "failed" }));
    await one.purchases.change(offers[41]?.id ?? "", (now) => ({ ...now, state: "paid" }));
    expect(await one.spending.list()).toMatchObject([{ openMinor: 100 }]);
  });

  test("in one currency allows nothing in another; none allows everything", async () => {
    const { one } = await limited(1_000);
    expect(await one.spending.check(offerOf(1, 1, "JPY"))).toMatchObject({
      ok: false,
      fault: { kind: "over-limit", at: "offer.currency" },
    });
    await one.spending.unlimit();
    expect(value(await one.spending.check(offerOf(1, 1_000_000, "JPY")))).toBeUndefined();
    expect(await one.spending.list()).toEqual([]);
  });

  test("that is set again counts from nothing", async () => {
    const { one } = await limited(100);
    const [first, second] = [offerOf(1, 100), offerOf(2, 100)];
    for (const offer of [first, second]) await quote(one, offer);
    await begin(one, first);
    await one.spending.limit(EUR(100));
    expect(await begin(one, second)).toBe("ok");
  });

  test("leaves room for a bounded number of open orders", async () => {
    const { one } = await limited(1_000);
    const kinds: string[] = [];
    for (let number = 1; number <= 66; number++) {
      const offer = offerOf(number, 1);
      await quote(one, offer);
      kinds.push(await begin(one, offer));
    }
    expect(kinds.filter((kind) => kind === "ok")).toHaveLength(64);
    expect(kinds.at(-1)).toBe("too-many");
  });

  test("is never passed by two processes that pay, fail and settle at once", async () => {
    const deeds = fc.array(fc.record({ total: fc.integer({ min: 1, max: 60 }), ends: fc.nat(3) }), {
      minLength: 2,
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(deeds, async (wanted) => {
        const { one, other } = await limited(100);
        const live = async ({ total, ends }: (typeof wanted)[number], index: number) => {
          const who = index % 2 === 0 ? one : other;
          const offer = offerOf(index + 1, total);
          await quote(who, offer);
          if ((await begin(who, offer)) !== "ok" || ends === 0) return;
          if (ends === 1) await close(who, offer, Math.floor(total / 2));
          else if (ends === 2) await who.purchases.change(offer.id, withoutPayer);
          else await close(who, offer, total);
        };
        const all = Promise.all(wanted.map(live));
        let isOver = false;
        void all.then(() => {
          isOver = true;
        });
        // By the purchases themselves, whatever the record says of them.
        const used = async (): Promise<number> => {
          const minors = (await one.purchases.list()).map(({ id, state, receipts }) => {
            const total = wanted[Number.parseInt(id, 16) - 1]?.total ?? 0;
            if (state === "paying") return total;
            if (receipts[0] === undefined) return 0;
            const receipt = value(peekReceipt(receipts[0]));
            return receipt.is === "settlement" ? receipt.amountMinor : 0;
          });
          return minors.reduce((sum, minor) => sum + minor, 0);
        };
        while (!isOver) expect(await used()).toBeLessThanOrEqual(100);
        expect(await used()).toBeLessThanOrEqual(100);
      }),
      { numRuns: 40 },
    );
  });
});
