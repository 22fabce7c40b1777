// A payment at the board through the whole payment side: the card is read where the flow wants it, or where it is
// charged; what goes wrong with it is told the payer; and nothing of it stays when the payment is over.

import { expect, test } from "vitest";
import {
  type CardDesk,
  joinedCardDesk,
} from "../../../../firmware/payment/application/card-desk.ts";
import type { FlowConfig } from "../../../../firmware/payment/config/flow-config.ts";
import { openPaymentSide } from "../../../../firmware/payment/payment-side.ts";
import type { PaymentOrder, TakeOutcome } from "../../../../firmware/payment/payments.ts";
import type { CardReading } from "../../../../hal/card-reader.ts";
import type { HostAnswer, HostCredential, PaymentHost } from "../../../../hal/payment-host.ts";
import { simStore } from "../../../../hal/sim/sim-store.ts";
import { simWorld } from "../../../../hal/sim/world.ts";
import { cardRead, playedReader, SECRET_BOX } from "./played-reader.ts";

const ORDER: PaymentOrder = {
  id: "0123456789abcdef",
  currency: "EUR",
  totalMinor: 500,
  offer: new Uint8Array(80),
  offerDigest: new Uint8Array(16).fill(7),
  way: "hold",
  atBoard: true,
};
const APPROVED: HostAnswer = { kind: "approved", reference: "R1", amountMinor: 500 };

function playedHost() {
  const calls: string[] = [];
  const credentials: HostCredential[] = [];
  const known = new Map<string, HostAnswer>();
  const host: PaymentHost & { says: HostAnswer; down?: string } = {
    ...{ canQuery: true, publicKey: new Uint8Array(32), simulated: true, says: APPROVED },
    trouble: () => host.down,
    tokenise: async () => APPROVED,
    authorise: async (attempt, credential, _binding, amountMinor = 0) => {
      calls.push(`authorise ${attempt}`);
      credentials.push(credential);
      const before = known.get(attempt);
      if (before !== undefined) return before;
      const answer =
        host.says.kind === "approved"
          ? { ...host.says, amountMinor: amountMinor || 500 }
          : host.says;
      if (answer.kind !== "no-answer") known.set(attempt, answer);
      return answer;
    },
    capture: async () => APPROVED,
    refund: async () => APPROVED,
    reverse: async (_attempt, target) => {
      calls.push(`reverse ${target}`);
      return { ...APPROVED, amountMinor: 0 };
    },
    query: async (attempt) => {
      calls.push(`query ${attempt}`);
      return known.get(attempt) ?? { kind: "declined", why: "unknown-reference" };
    },
    onLateAnswer: () => undefined,
  };
  return { host, calls, credentials };
}

function flow(stages: readonly string[]): FlowConfig {
  const apps = [{ id: "payment-application" }];
  return {
    ...{ name: "preAuthorisation", type: "preAuthorisation", version: 1 },
    stages: stages.map((name) => ({ name, execution: "SINGLE", apps })),
  } as unknown as FlowConfig;
}

async function opened(flows?: readonly FlowConfig[], desk?: (own: CardDesk) => CardDesk) {
  const world = simWorld({ seed: 1 });
  const disk = simStore();
  const log: string[] = [];
  const reader = playedReader("one");
  const played = playedHost();
  const open = async (isFitted = true) => {
    const own = joinedCardDesk({ readers: [reader], left: new Map() }, world.clock);
    const side = openPaymentSide(
      {
        ...{ host: played.host, store: disk.reopen(), clock: world.clock },
        entropy: world.entropy("e"),
        log: (...line) => log.push(JSON.stringify(line)),
        ...(isFitted && { cardDesk: desk?.(own) ?? own }),
      },
      { ...(flows && { flows }) },
    );
    return settled(side);
  };
  const settled = async <T>(work: Promise<T>): Promise<T> => {
    let pending = true;
    const end = (): void => {
      pending = false;
    };
    work.then(end, end);
    await world.runWhile(() => pending, 900_000);
    return work;
  };
  const { payments, engine } = await open();
  const told: string[] = [];
  const take = (order: PaymentOrder = ORDER): Promise<TakeOutcome> =>
    payments.take(order, order.totalMinor, ({ type, data }) => {
      const said = data[type];
      if (said?.is === "text") told.push(said.value);
    });
  const asked = () => world.runWhile(() => !reader.isAsked(), 200_000);
  return {
    world,
    disk,
    log,
    reader,
    ...played,
    open,
    payments,
    engine,
    settled,
    take,
    told,
    asked,
  };
}

test("a card that is read is charged once, under the binding of the offer, with what the reader knows of it", async () => {
  const bench = await opened();
  const taking = bench.take();
  await bench.asked();
  expect(bench.calls).toEqual([]);
  bench.reader.answer(cardRead());
  expect(await bench.settled(taking)).toMatchObject({ kind: "taken", reference: "R1", held: true });
  expect(bench.calls).toEqual([`authorise ${ORDER.id}/1/authorise`]);
  expect(bench.credentials).toMatchObject([
    { kind: "sealed", readAtBoard: "tap", box: SECRET_BOX },
  ]);
  expect(bench.reader.calls()).toBe(1);
  expect(bench.told).toEqual(["present your card: 5.00 EUR", "card read: please wait"]);
});

test("I12: nothing of the credential is in the log, in the store, or in the history", async () => {
  const bench = await opened();
  const taking = bench.take();
  await bench.asked();
  bench.reader.answer(cardRead());
  await bench.settled(taking);
  await bench.world.runFor(10_000);
  const kinds = ["flow", "flow-response", "flow-audit", "tender"];
  const all = JSON.stringify([kinds.map((kind) => bench.disk.durable(kind)), bench.log]);
  expect(all).toContain(ORDER.id);
  for (const secret of ["abababab", "171,171,171", "q6urq6"]) {
    expect(all).not.toContain(secret);
  }
});

test("without a reading stage, and where no card came in it, the card is read when it is charged", async () => {
  const bare = await opened([flow(["TRANSACTION_PROCESSING"])]);
  const taking = bare.take();
  await bare.asked();
  bare.reader.answer(cardRead());
  expect(await bare.settled(taking)).toMatchObject({ kind: "taken" });

  const late = await opened([flow(["PAYMENT_CARD_READING", "TRANSACTION_PROCESSING"])]);
  const second = late.take();
  await late.asked();
  late.reader.answer({ kind: "absent" });
  await late.asked();
  late.reader.answer(cardRead());
  expect(await late.settled(second)).toMatchObject({ kind: "taken" });
  expect(late.reader.calls()).toBe(2);
});

test("the stage is skipped by the operator while a card is read: it is read when it is charged", async () => {
  const bench = await opened();
  const taking = bench.take();
  await bench.asked();
  expect(bench.engine.skip(ORDER.id)).toBe("done");
  await bench.world.runFor(1);
  expect([bench.reader.calls(), bench.reader.isAsked()]).toEqual([2, true]);
  bench.reader.answer(cardRead());
  expect(await bench.settled(taking)).toMatchObject({ kind: "taken" });
});

test("no card at all: refused, nothing was charged", async () => {
  const bench = await opened();
  const taking = bench.take();
  for (let n = 0; n < 2; n++) {
    await bench.asked();
    bench.reader.answer({ kind: "absent" });
  }
  expect(await bench.settled(taking)).toEqual({ kind: "refused", why: "declined" });
  expect(bench.told.at(-1)).toBe("no card came");
  expect(bench.calls).toEqual([]);
});

test.each<[CardReading, string]>([
  [{ kind: "torn" }, "the card was taken away too early"],
  [{ kind: "several" }, "more than one card: present only one"],
  [{ kind: "lost" }, "the card reader is not connected"],
  [{ kind: "failed", why: "expired", message: "the card has expired" }, "the card has expired"],
])("%j is a decline with words, in each stage that reads", async (reading, words) => {
  for (const stages of [
    ["PAYMENT_CARD_READING", "TRANSACTION_PROCESSING"],
    ["TRANSACTION_PROCESSING"],
  ]) {
    const bench = await opened([flow(stages)]);
    const taking = bench.take();
    await bench.asked();
    bench.reader.answer(reading);
    expect(await bench.settled(taking)).toEqual({ kind: "refused", why: "declined" });
    expect(bench.told.at(-1)).toBe(words);
    expect(bench.calls).toEqual([]);
  }
});

test("cancelled by the payer while a card is read: it ends at once, in each stage that reads", async () => {
  for (const stages of [
    ["PAYMENT_CARD_READING", "TRANSACTION_PROCESSING"],
    ["TRANSACTION_PROCESSING"],
  ]) {
    const bench = await opened([flow(stages)]);
    const taking = bench.take();
    await bench.asked();
    const atMs = bench.world.nowMs();
    expect(bench.payments.cancel(ORDER.id)).toBe(true);
    expect(await bench.settled(taking)).toMatchObject({ kind: "refused" });
    expect(bench.world.nowMs() - atMs).toBeLessThan(1_000);
    expect(bench.reader.isAsked()).toBe(false);
    expect(bench.calls).toEqual([]);
    expect(bench.payments.cancel(ORDER.id)).toBe(false);
  }
});

test("a host that is known to be out of reach: nobody is asked for a card", async () => {
  const bench = await opened();
  bench.host.down = "the terminal does not answer";
  const outcome = await bench.settled(bench.take());
  expect(outcome).toEqual({ kind: "refused", why: "declined" });
  expect([bench.reader.calls(), bench.told]).toEqual([0, ["the terminal does not answer"]]);
});

test("it is asked whether it can be asked for as much as this, and why not", async () => {
  const bench = await opened();
  const asked: unknown[] = [];
  bench.host.trouble = (amount) => {
    asked.push(amount);
    return "too much";
  };
  await bench.settled(bench.take());
  expect(asked).toEqual([{ amountMinor: 500, currency: "EUR" }]);
});

test.each([
  ["that goes meanwhile", 3_000, 3_500],
  ["that is there and does not decide", undefined, 20_000],
])(
  "I2 I6: a host %s: the payer is told and let go, and nothing stays held",
  async (_, goneMs, toldMs) => {
    const bench = await opened();
    const { world, host } = bench;
    host.authorise = async (attempt) => {
      bench.calls.push(`authorise ${attempt}`);
      return new Promise(() => undefined);
    };
    const taking = bench.take();
    await bench.asked();
    const atMs = world.nowMs();
    if (goneMs !== undefined) {
      world.after(goneMs, () => {
        host.down = "gone";
      });
    }
    let wordMs = 0;
    const noted = world.runWhile(() => {
      wordMs = world.nowMs() - atMs;
      return bench.told.at(-1) !== "no word of the payment host";
    }, 60_000);
    bench.reader.answer(cardRead());
    await noted;
    expect(Math.abs(wordMs - toldMs)).toBeLessThanOrEqual(500);
    expect(await bench.settled(taking)).toEqual({ kind: "lost" });
    const attempt = `${ORDER.id}/1/authorise`;
    expect(bench.calls).toEqual([`authorise ${attempt}`, `reverse ${attempt}`]);
  },
);

test("I2: after a restart the host is asked about what may have been charged, and nothing is charged anew", async () => {
  const bench = await opened();
  const taking = bench.take();
  await bench.asked();
  bench.reader.answer(cardRead());
  await bench.settled(taking);
  bench.calls.length = 0;
  // The power went before the outcome was on disk; the reader is not even fitted any more.
  for (const isFitted of [true, false]) {
    const { payments } = await bench.open(isFitted);
    const found = await bench.settled(payments.findOut(ORDER));
    expect(found).toMatchObject({ kind: "taken", reference: "R1", amountMinor: 500 });
    expect(bench.calls.filter((call) => call.startsWith("authorise"))).toEqual([]);
    expect(bench.calls[0]).toBe(`query ${ORDER.id}/1/authorise`);
  }
  expect(bench.reader.calls()).toBe(1);
});

test("I6: after a restart what the host never saw is undone, and lost", async () => {
  const bench = await opened();
  const found = await bench.settled(bench.payments.findOut(ORDER));
  expect(found).toEqual({ kind: "lost" });
  expect(bench.calls).toContain(`reverse ${ORDER.id}/1/authorise`);
  expect(bench.calls.filter((call) => call.startsWith("authorise"))).toEqual([]);
});

test("the host declines the card that was read: refused, and no other card is asked for", async () => {
  const bench = await opened();
  bench.host.says = { kind: "declined", why: "declined", responseCode: "51" };
  const taking = bench.take();
  await bench.asked();
  bench.reader.answer(cardRead());
  expect(await bench.settled(taking)).toEqual({ kind: "refused", why: "declined" });
  expect(bench.reader.calls()).toBe(1);
  expect(bench.credentials).toHaveLength(1);
});
