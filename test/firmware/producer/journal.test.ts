// The device's books stay bounded: what is read at a start, what is held in memory, and what is removed from
// disk, in months of sales; and what must never be removed.

import { expect, test } from "vitest";
import { fromHex } from "../../../firmware/bytes.ts";
import { type Journal, openJournal } from "../../../firmware/producer/journal.ts";
import { acknowledgedUpTo, newOrder, type Order } from "../../../firmware/producer/order.ts";
import { verifyChain } from "../../../firmware/token/receipt.ts";
import type { Clock, WallQuality } from "../../../hal/clock.ts";
import { openNodeCrypto } from "../../../hal/linux/node-crypto.ts";
import { type SimStore, simStore } from "../../../hal/sim/sim-store.ts";
import type { Store } from "../../../hal/store.ts";

const crypto = openNodeCrypto();
const signer = crypto.signer(new Uint8Array(32).fill(9));
const DAY_S = 24 * 3600;
const START_S = 1_800_000_000;

class Bench {
  readonly sim: SimStore = simStore();
  nowS = START_S;
  quality: WallQuality = "set";
  /** Receipts that were read since the last start. */
  read: string[] = [];
  journal: Journal | undefined;
  #made = 0;

  async start(): Promise<Journal> {
    const store = this.sim.reopen();
    this.read = [];
    const counted: Store = {
      commit: (writes) => store.commit(writes),
      get: (kind, id) => {
        if (kind === "receipt") this.read.push(id);
        return store.get(kind, id);
      },
      list: async (kind) => {
        const listed = await store.list(kind);
        if (kind === "receipt") this.read.push(...listed.map(({ id }) => id));
        return listed;
      },
      close: () => store.close(),
    };
    const clock: Clock = {
      monotonicMs: () => 1000 * (this.nowS - START_S),
      wallMs: () => 1000 * this.nowS,
      wallQuality: () => this.quality,
      at: () => ({ cancel: () => undefined }),
    };
    this.journal = await openJournal({ store: counted, clock, crypto, signer });
    return this.journal;
  }

  get books(): Journal {
    if (this.journal === undefined) throw new Error("the books are not open");
    return this.journal;
  }

  /** A paid order with so many session receipts; `closed` gives it its settlement too. */
  async order(sessions: number, closed: boolean): Promise<Order> {
    this.#made += 1;
    let order: Order = {
      ...newOrder({
        id: String(this.#made).padStart(16, "0"),
        consumer: "ab".repeat(32),
        terms: TERMS,
        outlet: "socket-1",
        meter: "energy",
        tokenLifeS: DAY_S,
        offer: new Uint8Array(8),
        madeS: this.nowS,
      }),
      state: "paid",
    };
    await this.books.save(order);
    for (let session = 1; session <= sessions; session++) {
      await this.books.save(order, { ...FACTS, ...SESSION, order: order.id, session });
    }
    if (!closed) return this.known(order.id);
    order = { ...order, state: "closed", closedS: this.nowS };
    await this.books.save(order, { ...FACTS, ...SETTLEMENT, order: order.id, sessions });
    return this.known(order.id);
  }

  known(id: string): Order {
    const order = this.books.order(id);
    if (order === undefined) throw new Error(`order ${id} is not in memory`);
    return order;
  }

  acknowledge(order: Order): Promise<void> {
    return this.books.save(acknowledgedUpTo(order, order.receipts?.at(-1) ?? 0));
  }

  /** As the device does, often enough to come to an end. */
  async sweep(times = 1): Promise<void> {
    for (let i = 0; i < times; i++) await this.books.forgetClosed(this.nowS - DAY_S);
  }

  numbers(): number[] {
    return this.sim.durable("receipt").map(({ id }) => Number(id));
  }
}

const TERMS = {
  ...{ service: 1, price: 1, units: 1, unit: "kWh", priceMinor: 45, currency: "EUR" },
  ...{ numerator: 1000, denominator: 1, totalMinor: 45, undelivered: "refund" as const },
  lines: [{ kind: "units" as const, amountMinor: 45 }],
};
const FACTS = { offer: new Uint8Array(16), payment: "p", pulses: 0, milliUnits: 0, amountMinor: 0 };
const SESSION = {
  ...{ is: "session" as const, startReading: 0, endReading: 0, runOnPulses: 0 },
  reason: "restart" as const,
};
const SETTLEMENT = {
  ...{ is: "settlement" as const, capturedMinor: 0, refundedMinor: 0, forfeitedMinor: 0 },
  ...{ owedMinor: 0, reason: "exhausted" as const },
};

test("a start reads the receipts that are still to be acknowledged, and no others", async () => {
  const bench = new Bench();
  await bench.start();
  for (let i = 0; i < 20; i++) await bench.acknowledge(await bench.order(2, true));
  const open = await bench.order(3, false);
  await bench.books.save(acknowledgedUpTo(open, (open.receipts?.[1] ?? 0) as number));
  const waiting = await bench.order(1, true);
  await bench.start();
  expect(bench.read).toEqual(["0000000063"]);
  expect(bench.books.unacknowledged(bench.known(open.id)).map(({ number }) => number)).toEqual([
    63,
  ]);
  expect(bench.known(open.id).receipts).toEqual([61, 62, 63]);
  // A closed one comes back when its consumer asks, with what he lacks.
  expect(bench.books.order(waiting.id)).toBeUndefined();
  const found = await bench.books.find(waiting.id);
  expect(found?.receipts).toEqual([64, 65]);
  expect(bench.books.unacknowledged(bench.known(waiting.id))).toHaveLength(2);
  await bench.acknowledge(bench.known(waiting.id));
  expect(bench.books.order(waiting.id)).toBeUndefined();
  expect((await bench.books.find(waiting.id))?.acknowledged).toBe(65);
});

test("books of the version before, without numbers in their orders, are read and go on", async () => {
  const bench = new Bench();
  await bench.start();
  const order = await bench.order(2, false);
  const record = JSON.parse(bench.sim.durable("order")[0]?.body ?? "{}");
  delete record.receipts;
  bench.sim.corruptBody("order", order.id, JSON.stringify(record));
  await bench.start();
  expect(bench.known(order.id).receipts).toEqual([1, 2]);
  await bench.books.save(bench.known(order.id), {
    ...FACTS,
    ...SESSION,
    order: order.id,
    session: 3,
  });
  await bench.start();
  expect(bench.books.unacknowledged(bench.known(order.id)).map(({ number }) => number)).toEqual([
    1, 2, 3,
  ]);
});

test("I6: acknowledged orders go after a day, others after 90; one that is not settled never goes", async () => {
  const bench = new Bench();
  await bench.start();
  const kept = await bench.order(1, false);
  await bench.acknowledge(await bench.order(1, true));
  const silent = await bench.order(1, true);
  const orders = () => bench.sim.durable("order").map(({ id }) => id);
  bench.nowS += DAY_S - 1;
  await bench.sweep();
  expect(orders()).toHaveLength(3);
  bench.nowS += 1;
  await bench.sweep();
  expect(orders()).toEqual([kept.id, silent.id]);
  bench.nowS += 89 * DAY_S - 1;
  await bench.sweep();
  expect(orders()).toEqual([kept.id, silent.id]);
  expect((await bench.books.find(silent.id))?.id).toBe(silent.id);
  bench.nowS += 1;
  await bench.start();
  await bench.sweep();
  expect(orders()).toEqual([kept.id]);
  bench.nowS += 1000 * DAY_S;
  await bench.sweep(5);
  expect(orders()).toEqual([kept.id]);
});

test("I6: orders that are only on disk move with the clock too, and a restart forgets nothing of it", async () => {
  const bench = new Bench();
  await bench.start();
  const silent = await bench.order(1, true);
  bench.nowS += DAY_S;
  await bench.sweep();
  expect(bench.books.order(silent.id)).toBeUndefined();
  bench.nowS += 400 * DAY_S;
  await bench.books.redate(400 * DAY_S, { kind: "clock", id: "self", body: "{}" });
  await bench.sweep();
  await bench.start();
  await bench.sweep();
  expect((await bench.books.find(silent.id))?.closedS).toBe(START_S + 400 * DAY_S);
});

test("receipts go after 90 days, but for those of orders that are kept, and the head of the chain", async () => {
  const bench = new Bench();
  await bench.start();
  await bench.acknowledge(await bench.order(1, true));
  const open = await bench.order(1, false);
  await bench.acknowledge(await bench.order(1, true));
  expect(bench.numbers()).toEqual([1, 2, 3, 4, 5]);
  bench.nowS += 90 * DAY_S - 1;
  await bench.sweep(3);
  expect(bench.numbers()).toEqual([1, 2, 3, 4, 5]);
  bench.nowS += 1;
  await bench.sweep(3);
  expect(bench.numbers()).toEqual([3, 5]);
  await bench.start();
  await bench.sweep(3);
  expect(bench.numbers()).toEqual([3, 5]);
  // Once that order is closed and gone, its receipts go with it; and the chain goes on from its head.
  const closed: Order = { ...bench.known(open.id), state: "closed", closedS: bench.nowS };
  await bench.books.save(closed, { ...FACTS, ...SETTLEMENT, order: open.id, sessions: 1 });
  await bench.acknowledge(bench.known(open.id));
  const [head, last] = bench.sim.durable("receipt").slice(-2);
  const signed = [head, last].map((one) => fromHex(JSON.parse(one?.body ?? "").signed));
  expect(verifyChain(signed as Uint8Array[], signer.publicKey, crypto)).toMatchObject({ ok: true });
  bench.nowS += DAY_S;
  await bench.sweep(3);
  expect(bench.numbers()).toEqual([6]);
});

test("of receipts the last 10,000 are kept, however young; a clock that was never set makes none old", async () => {
  const bench = new Bench();
  await bench.start();
  bench.quality = "unset";
  bench.nowS = 1_000;
  await bench.acknowledge(await bench.order(1, true));
  bench.quality = "set";
  bench.nowS = START_S;
  await bench.acknowledge(await bench.order(1, true));
  await bench.sweep(3);
  expect(bench.numbers()).toEqual([1, 2, 3, 4]);
  while (bench.books.receipt < 10_030) await bench.acknowledge(await bench.order(99, true));
  bench.nowS += DAY_S;
  await bench.sweep(3);
  const numbers = bench.numbers();
  expect(numbers).toHaveLength(10_000);
  expect(numbers.at(-1)).toBe(bench.books.receipt);
}, 60_000);

test("closed orders whose consumers never answer do not fill the memory", async () => {
  const bench = new Bench();
  await bench.start();
  const first = await bench.order(0, true);
  for (let i = 0; i < 520; i++) await bench.order(0, true);
  expect([...bench.books.orders()].length).toBeLessThanOrEqual(500);
  expect((await bench.books.find(first.id))?.id).toBe(first.id);
  expect(bench.books.unacknowledged(bench.known(first.id))).toHaveLength(1);
});

test("a receipt that is missing from disk is told as corrupt, and nothing is written", async () => {
  const bench = new Bench();
  await bench.start();
  await bench.order(1, false);
  await bench.sim.store().commit([{ kind: "receipt", id: "0000000001", body: null }]);
  const commits = bench.sim.commits();
  await expect(bench.start()).rejects.toMatchObject({ kind: "corrupt" });
  expect(bench.sim.commits()).toBe(commits);
});
