// The acquirer's settlement report against the terminal's own books: after random days on a bad line with deaths of
// both, and after a power cut at every commit and every message of one payment.

import { describe, expect, test } from "vitest";
import { sleep } from "../../hal/clock.ts";
import { emptySums } from "../../hal/drivers/iso8583-batch.ts";
import type { AttemptRecord, ChargeRecord } from "../../hal/drivers/iso8583-books.ts";
import type { Iso8583Host } from "../../hal/drivers/iso8583-host.ts";
import type { HostAnswer } from "../../hal/payment-host.ts";
import { type Random, seededRandom } from "../../hal/sim/random.ts";
import { TEST_CARDS } from "../../hal/sim/sim-payment-host.ts";
import { settlement } from "../../tools/acquirer/report.ts";
import { order, paying } from "../contract/payment-host-payer.ts";
import { type IsoBench, openIsoBench } from "../support/iso8583-bench.ts";
import type { Passage } from "../support/iso8583-line.ts";

const DAYS = 25;
const PAYMENTS = 12;
const CARDS = [
  ...new Array(5).fill(TEST_CARDS.approve),
  ...[TEST_CARDS.decline, TEST_CARDS.partial, TEST_CARDS["request-lost"], TEST_CARDS["no-answer"]],
];

/** What one payer does: hold, take a part, get some back, or leave it at any point. */
interface Plan {
  number: number;
  card: string;
  captureMinor?: number;
  refundsMinor: readonly number[];
  isReversed: boolean;
}

const record = (minor: number) => ({ amountMinor: minor, currency: "EUR" });

async function insist(bench: IsoBench, call: () => Promise<HostAnswer>): Promise<HostAnswer> {
  for (;;) {
    const answer = await call().catch((): HostAnswer => ({ kind: "no-answer" }));
    if (answer.kind !== "no-answer") return answer;
    await sleep(bench.process().clock, 300);
  }
}

/** From the beginning, as often as the power fails: every step has a key of its own. */
async function pay(bench: IsoBench, plan: Plan): Promise<void> {
  const { host } = bench;
  const key = `${order(plan.number)}/1`;
  const attempt = `${key}/authorise`;
  const sealed = paying(bench, { card: plan.card, nonce: plan.number });
  let held = await host.authorise(attempt, ...sealed);
  for (let i = 0; i < 3 && held.kind === "no-answer"; i++) {
    held = await host.authorise(attempt, ...sealed);
  }
  if (held.kind === "declined") return;
  if (held.kind === "approved") {
    await move(bench, host, key, held, plan);
    if (!plan.isReversed) return;
  }
  await insist(bench, () => host.reverse(`${key}/reverse`, attempt));
}

async function move(
  bench: IsoBench,
  host: Iso8583Host,
  key: string,
  held: Extract<HostAnswer, { kind: "approved" }>,
  { captureMinor, refundsMinor }: Plan,
): Promise<void> {
  if (captureMinor === undefined) return;
  const taken = record(Math.min(captureMinor, held.amountMinor));
  const evidence = new Uint8Array(16);
  const { reference } = held;
  await insist(bench, () => host.capture(`${key}/capture`, reference, taken, evidence));
  for (const [index, minor] of refundsMinor.entries()) {
    await insist(bench, () => host.refund(`${key}/refund/${index}`, reference, record(minor)));
  }
}

function planOf(number: number, random: Random): Plan {
  return {
    number,
    card: CARDS[random.below(CARDS.length)] ?? TEST_CARDS.approve,
    ...(random.below(5) > 0 && { captureMinor: 1 + random.below(1_000) }),
    refundsMinor: Array.from({ length: random.below(3) }, () => 1 + random.below(500)),
    isReversed: random.below(3) === 0,
  };
}

function badPassage(random: Random): Passage {
  return (bytes) => {
    const chance = random.below(10);
    if (chance < 2) return [];
    if (chance === 2) return [{ bytes }, { bytes, delayMs: random.below(9_000) }];
    return [{ bytes, delayMs: chance === 3 ? random.below(9_000) : random.below(30) }];
  };
}

/** Differences between the two sets of books; none is right. */
function differences(bench: IsoBench): string[] {
  const charges = new Map(
    bench.disk.durable("iso-charge").map(({ id, body }) => [id, JSON.parse(body) as ChargeRecord]),
  );
  const attempts = bench.disk
    .durable("iso-attempt")
    .map(({ body }) => JSON.parse(body) as AttemptRecord);
  const { payments, sums } = settlement(bench.acquirer.books, bench.world.clock.wallMs());
  const found: string[] = attempts.filter(({ state }) => state === "sent").map(() => "undecided");
  let netMinor = 0;
  for (const payment of payments) {
    const charge = charges.get(payment.reference);
    charges.delete(payment.reference);
    const isOurs = charge !== undefined && !charge.reversed;
    const ours = isOurs
      ? [charge.capturedMinor, charge.refundedMinor, charge.capture ? 0 : charge.authorisedMinor]
      : [payment.refundedMinor + payment.returnedMinor, payment.refundedMinor, 0];
    const theirs = [payment.capturedMinor, payment.refundedMinor, payment.heldMinor];
    if (isOurs) netMinor += charge.capturedMinor - charge.refundedMinor;
    if (String(ours) !== String(theirs)) found.push(`${payment.reference}: ${ours} is ${theirs}`);
  }
  if ((sums[0]?.netMinor ?? 0) !== netMinor) found.push(`net ${netMinor}: ${sums[0]?.netMinor}`);
  let batchedMinor = 0;
  const closed = new Map(bench.acquirer.books.closings().map((one) => [one.batch, one.closed]));
  for (const [batch, { sums: batched, inBalance } = { sums: emptySums() }] of closed) {
    if (!inBalance) found.push(`batch ${batch} is out of balance`);
    batchedMinor += batched.capturedMinor - batched.refundedMinor - batched.returnedMinor;
  }
  if (closed.size > 0 && batchedMinor !== netMinor)
    found.push(`batches ${batchedMinor}: ${netMinor}`);
  return [...found, ...[...charges].filter(([, { reversed }]) => !reversed).map(([id]) => id)];
}

async function badDay(seed: number): Promise<IsoBench> {
  const bench = await openIsoBench({ seed });
  const random = seededRandom(seed, "day");
  const plans = Array.from({ length: PAYMENTS }, (_, index) => planOf(index + 1, random));
  bench.line.toAcquirer = badPassage(random);
  bench.line.toTerminal = badPassage(random);
  const cuts = 2 + random.below(5);
  for (let cut = 0; cut < cuts; cut++) {
    for (const plan of plans) void pay(bench, plan);
    await bench.world.runFor(random.below(20_000));
    const trouble = random.below(3);
    if (trouble === 0) bench.restartAcquirer();
    if (trouble === 1) bench.line.breakOnce();
    await bench.world.runFor(random.below(3_000));
    if (random.below(2) === 0) void bench.host.closeBatch(`batch/${cut}`).catch(() => undefined);
    await bench.world.runFor(random.below(6_000));
    await bench.restart();
  }
  await bench.heal();
  await bench.settle(Promise.all(plans.map((plan) => pay(bench, plan))));
  await bench.world.runFor(20_000);
  if ((await bench.settle(bench.host.closeBatch("batch/last"))).kind !== "closed") {
    throw new Error("the last batch stays open");
  }
  return bench;
}

describe("I1: the settlement report is what the terminal's books say", () => {
  test(`after ${DAYS} random days of ${PAYMENTS} payments`, async () => {
    const count = { payments: 0, captured: 0, refunded: 0, reversed: 0, batches: 0, returned: 0 };
    for (let seed = 1; seed <= DAYS; seed++) {
      const bench = await badDay(seed);
      expect({ seed, found: differences(bench) }).toEqual({ seed, found: [] });
      const { payments } = settlement(bench.acquirer.books, bench.world.clock.wallMs());
      count.payments += payments.length;
      count.captured += payments.filter(({ capturedMinor }) => capturedMinor > 0).length;
      count.refunded += payments.filter(({ refundedMinor }) => refundedMinor > 0).length;
      count.reversed += payments.filter(({ reversed }) => reversed).length;
      const closed = bench.acquirer.books.closings();
      count.batches += new Set(closed.map(({ batch }) => batch)).size;
      count.returned += closed.reduce((sum, one) => sum + (one.closed?.sums.returns ?? 0), 0);
      await bench.dispose();
    }
    // All of it happens, or the days are too quiet to prove anything.
    expect(count.payments).toBeGreaterThan(6 * DAYS);
    expect(count.returned).toBeGreaterThan(0);
    for (const many of [count.captured, count.refunded, count.reversed, count.batches]) {
      expect(many).toBeGreaterThan(DAYS);
    }
  });

  test("I15: the same day has the same books", async () => {
    const books = async (): Promise<string> => {
      const bench = await badDay(7);
      return (await bench.stored()) + JSON.stringify(bench.journal.entries);
    };
    expect(await books()).toBe(await books());
  });
});

const STORY: Plan = {
  number: 1,
  card: TEST_CARDS.approve,
  captureMinor: 900,
  refundsMinor: [200],
  isReversed: true,
};

describe("I2: a power cut, and then the same again or its reversal", () => {
  /** Runs the story until the world has stepped so often, then cuts; false when it had ended before. */
  async function cutAt(
    steps: number,
    plan: Plan,
    isAcquirer: boolean,
    isUndone: boolean,
  ): Promise<boolean> {
    const bench = await openIsoBench();
    let isOver = false;
    void pay(bench, plan).then(() => {
      isOver = true;
    });
    for (let step = 0; step < steps && !isOver; step++) await bench.world.step();
    const wasOver = isOver;
    if (isAcquirer) bench.restartAcquirer();
    else await bench.restart();
    const key = `${order(1)}/1`;
    if (isUndone) {
      await bench.settle(
        insist(bench, () => bench.host.reverse(`${key}/reverse`, `${key}/authorise`)),
      );
    }
    await bench.settle(pay(bench, plan));
    await bench.world.runFor(20_000);
    const [payment] = bench.acquirer.books.payments();
    const expected = { held: 0, net: isUndone || plan.isReversed ? 0 : 700 };
    const { payments } = settlement(bench.acquirer.books, bench.world.clock.wallMs());
    const held = payments.reduce((sum, { heldMinor }) => sum + heldMinor, 0);
    const net = payments.reduce((sum, { netMinor }) => sum + netMinor, 0);
    expect({ steps, held, net, count: payments.length <= 1 }).toEqual({
      ...{ steps, ...expected, count: true },
    });
    if (payment !== undefined && !isUndone) expect(differences(bench)).toEqual([]);
    await bench.dispose();
    return wasOver;
  }

  const cases = [
    ["the terminal dies, and goes on", false, false],
    ["the terminal dies, and undoes", false, true],
    ["the acquirer dies", true, false],
  ] as const;
  test.each(cases)("%s, after each event of the payment", async (_, isAcquirer, isUndone) => {
    for (const isReversed of [true, false]) {
      let steps = 1;
      const plan = { ...STORY, isReversed };
      while (!(await cutAt(steps, plan, isAcquirer, isUndone))) steps++;
      expect(steps).toBe(isReversed ? 9 : 7);
    }
  });

  test("the disk of the terminal ends before and after each commit", async () => {
    let cuts = 0;
    for (let commit = 1; ; commit++) {
      for (const phase of ["before", "after"] as const) {
        const bench = await openIsoBench();
        let seen = 0;
        let isOver = false;
        bench.onCommit = (at) => {
          if (at === phase && ++seen === commit) {
            bench.disk.crash();
            bench.process().kill();
          }
        };
        void pay(bench, STORY).then(() => {
          isOver = true;
        });
        await bench.world.runFor(120_000);
        bench.onCommit = undefined;
        if (isOver) {
          expect(cuts).toBe(2 * (commit - 1));
          expect(cuts).toBeGreaterThanOrEqual(16);
          await bench.dispose();
          return;
        }
        cuts++;
        await bench.restart();
        await bench.settle(pay(bench, STORY));
        // A reversal that is on disk is sent by itself.
        await bench.world.runFor(20_000);
        expect(differences(bench)).toEqual([]);
        const payments = bench.acquirer.books.payments();
        expect(payments).toMatchObject([
          { reversed: true, capturedMinor: 900, refundedMinor: 200 },
        ]);
        await bench.dispose();
      }
    }
  });
});
