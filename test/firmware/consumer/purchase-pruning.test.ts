// What a consumer's journal lets go of when it has grown, and what it never does.

import { describe, expect, test } from "vitest";
import { AutoLedger } from "../../../firmware/consumer/auto-ledger.ts";
import { Consumer } from "../../../firmware/consumer/consumer.ts";
import { type Purchase, Purchases, withPayer } from "../../../firmware/consumer/purchase.ts";
import {
  FINISHED_KEPT,
  prunePurchases,
  REMOVED_AT_ONCE_MAX,
  SLACK,
} from "../../../firmware/consumer/purchase-pruning.ts";
import { Spending } from "../../../firmware/consumer/spending.ts";
import { type Offer, signOffer } from "../../../firmware/token/offer.ts";
import { simBroker } from "../../../hal/sim/sim-link.ts";
import { type SimStore, simStore } from "../../../hal/sim/sim-store.ts";
import { simWorld } from "../../../hal/sim/world.ts";
import type { Store } from "../../../hal/store.ts";
import { crypto, story, value } from "../../support/sale.ts";

const { keys, offer, signed } = story;
const DAY_MS = 24 * 3600 * 1000;
const EXPIRED_MS = offer.expiresS * 1000;
const NOW_MS = EXPIRED_MS + 2 * DAY_MS;
const idOf = (number: number): string => number.toString(16).padStart(16, "0");

function purchaseOf(number: number, more: Partial<Purchase> = {}): Purchase {
  return {
    id: idOf(number),
    state: "closed",
    device: story.device,
    name: "Charger",
    operatorKey: keys.operator.publicKey,
    certificate: signed.certificate,
    offer: signed.offer,
    receipts: [],
    sessions: 1,
    bench: true,
    madeMs: number,
    ...more,
  };
}

/** The newer, the higher its number. */
async function fill(store: Store, from: number, count: number): Promise<void> {
  const purchases = new Purchases(store);
  for (let i = 0; i < count; i++) await purchases.insert(purchaseOf(from + i));
}

const idsIn = (sim: SimStore): readonly string[] => sim.durable("purchase").map(({ id }) => id);

/** Older than everything else, with enough finished ones after them to push out all that may go. */
async function pushed(...old: readonly Partial<Purchase>[]): Promise<readonly string[]> {
  const sim = simStore();
  const purchases = new Purchases(sim.store());
  for (const [i, more] of old.entries()) await purchases.insert(purchaseOf(i, more));
  await fill(sim.store(), 1000, FINISHED_KEPT + SLACK);
  await prunePurchases(sim.store(), NOW_MS);
  return idsIn(sim).filter((id) => id < idOf(1000));
}

describe("pruning", () => {
  test("keeps the newest of what is finished, in one commit", async () => {
    const sim = simStore();
    await fill(sim.store(), 0, FINISHED_KEPT + SLACK + 1);
    const commits = sim.commits();
    expect(await prunePurchases(sim.store(), NOW_MS)).toBe(SLACK + 1);
    expect(sim.commits()).toBe(commits + 1);
    expect(idsIn(sim)).toHaveLength(FINISHED_KEPT);
    expect(idsIn(sim)[0]).toBe(idOf(SLACK + 1));
    expect(await prunePurchases(sim.store(), NOW_MS)).toBe(0);
    expect(sim.commits()).toBe(commits + 1);
  });

  test("leaves a journal alone that has not grown", async () => {
    const sim = simStore();
    await fill(sim.store(), 0, FINISHED_KEPT + SLACK);
    expect(await prunePurchases(sim.store(), NOW_MS)).toBe(0);
  });

  test("does a bounded piece of work each time", async () => {
    const sim = simStore();
    await fill(sim.store(), 0, FINISHED_KEPT + REMOVED_AT_ONCE_MAX + 200);
    expect(await prunePurchases(sim.store(), NOW_MS)).toBe(REMOVED_AT_ONCE_MAX);
    expect(idsIn(sim)[0]).toBe(idOf(REMOVED_AT_ONCE_MAX));
    expect(await prunePurchases(sim.store(), NOW_MS)).toBe(SLACK + 100);
  });

  test("I6: what is paid, or may be, stays at any age", async () => {
    const left = await pushed(
      { state: "paid", token: signed.token },
      { state: "paying", payers: 1 },
      { state: "failed" },
      { state: "closed" },
    );
    expect(left).toEqual([idOf(0), idOf(1)]);
  });

  test("a quote goes a day after its offer expired, and never by a clock that was not set", async () => {
    const fresh = signOffer({ ...offer, id: idOf(1), expiresS: NOW_MS / 1000 - 60 }, keys.device);
    const unreadable = new Uint8Array([2]);
    const quotes = [{ offer: signed.offer }, { offer: fresh }, { offer: unreadable }];
    const left = await pushed(...quotes.map((more) => ({ ...more, state: "quoted" as const })));
    expect(left).toEqual([idOf(1), idOf(2)]);

    const sim = simStore();
    await new Purchases(sim.store()).insert(purchaseOf(0, { state: "quoted" }));
    await fill(sim.store(), 1000, FINISHED_KEPT + SLACK);
    await prunePurchases(sim.store(), undefined);
    expect(idsIn(sim)).toContain(idOf(0));
  });

  test("what a spending limit or a standing need still counts stays", async () => {
    const sim = simStore();
    const store = sim.store();
    const purchases = new Purchases(store);
    const spending = new Spending(store, purchases);
    await spending.limit({ currency: "EUR", amountMinor: 10_000 });
    const limited: Offer = { ...offer, id: idOf(0) };
    await purchases.insert(
      purchaseOf(0, { state: "quoted", offer: signOffer(limited, keys.device) }),
    );
    await purchases.change(limited.id, withPayer, async () =>
      value(await spending.reserve(limited)),
    );
    await purchases.change(limited.id, (now) => ({ ...now, state: "failed" }));
    const ledger = value(await AutoLedger.open(store, "tank", "EUR"));
    value(await ledger.change({ open: [{ order: idOf(1), totalMinor: 350 }] }));
    await purchases.insert(purchaseOf(1));
    await purchases.insert(purchaseOf(2));
    await fill(store, 1000, FINISHED_KEPT + SLACK);
    await prunePurchases(store, NOW_MS);
    expect(idsIn(sim).filter((id) => id < idOf(1000))).toEqual([idOf(0), idOf(1)]);
    // Both still count, and go on from the record that they read before.
    expect(await spending.list()).toMatchObject([{ spentMinor: 0 }]);
    value(await ledger.change({ open: [] }));
  });
});

test("setup of a consumer prunes, by the clock of its machine", async () => {
  const sim = simStore();
  const world = simWorld({ seed: 1, wallStartMs: NOW_MS });
  const { clock } = world;
  await fill(sim.store(), 0, FINISHED_KEPT + SLACK);
  await new Purchases(sim.store()).insert(purchaseOf(5000, { state: "quoted", madeMs: 0 }));
  const link = simBroker({ clock }).connect("one");
  const consumer = new Consumer(
    { clock, store: sim.store(), link, crypto, entropy: world.entropy() },
    {
      connection: "one",
      boxSecret: keys.consumerBox,
      operators: [],
      trustNew: false,
      simulatedHost: true,
    },
  );
  const ready = consumer.setup();
  await world.runFor(1_000);
  value(await ready);
  expect(idsIn(sim)).toHaveLength(FINISHED_KEPT);
  expect(idsIn(sim)).not.toContain(idOf(5000));
});

describe("pruning beside others", () => {
  test.each(["purchase", "auto"])(
    "removes nothing when a record of %s changes meanwhile",
    async (kind) => {
      const sim = simStore();
      const store = sim.store();
      await fill(store, 0, FINISHED_KEPT + SLACK + 1);
      const ledger = value(await AutoLedger.open(store, "tank", "EUR"));
      value(await ledger.change({ lastMs: 1 }));
      const meanwhile = async (): Promise<void> => {
        if (kind === "auto") value(await ledger.change({ lastMs: 2 }));
        else {
          const why = "another process";
          await new Purchases(store).change(idOf(0), (now) => ({ ...now, why }));
        }
      };
      const late: Store = {
        ...{
          get: store.get.bind(store),
          list: store.list.bind(store),
          close: store.close.bind(store),
        },
        commit: async (writes) => {
          await meanwhile();
          return store.commit(writes);
        },
      };
      expect(await prunePurchases(late, NOW_MS)).toBe(0);
      expect(idsIn(sim)).toHaveLength(FINISHED_KEPT + SLACK + 1);
    },
  );

  test("stops no sale where the disk is full or a record is damaged", async () => {
    const sim = simStore();
    const count = FINISHED_KEPT + SLACK + 1;
    await fill(sim.store(), 0, count);
    sim.setFull(true);
    expect(await prunePurchases(sim.store(), NOW_MS)).toBe(0);
    sim.setFull(false);
    sim.corruptBody("purchase", idOf(0), "{");
    expect(await prunePurchases(sim.store(), NOW_MS)).toBe(SLACK);
    expect(idsIn(sim)).toContain(idOf(0));
    sim.setUnreadable("purchase");
    expect(await prunePurchases(sim.store(), NOW_MS)).toBe(0);
  });
});
