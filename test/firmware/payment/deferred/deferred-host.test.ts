// Payments without the payment host: whose, up to how much, what is told it afterwards and in which order, and what
// the books say of the risk and of the loss.

import { expect, test } from "vitest";
import type { HostAnswer } from "../../../../hal/payment-host.ts";
import { TEST_CARDS } from "../../../../hal/sim/sim-payment-host.ts";
import {
  ATTEMPT,
  atHost,
  bindingOf,
  type DeferredBench,
  ORDER,
  openDeferredBench,
} from "./deferred-bench.ts";

const REFERENCE = `deferred-${ORDER}-1-1`;
const NOTHING = { open: 0, openMinor: 0, lost: 0, lostMinor: 0, owedMinor: 0 };
const APPROVED = { kind: "approved", reference: REFERENCE };
const eur = (amountMinor: number) => ({ amountMinor, currency: "EUR" });
const EVIDENCE = new Uint8Array(16).fill(9);

function pay(bench: DeferredBench, card?: string, amountMinor = 1_000): Promise<HostAnswer> {
  const { host, credential } = bench;
  return bench.settle(
    host.authorise(ATTEMPT, credential(card, amountMinor), bindingOf(amountMinor)),
  );
}

const capture = ({ host, settle }: DeferredBench, minor: number): Promise<HostAnswer> =>
  settle(host.capture(`${ORDER}/1/capture`, REFERENCE, eur(minor), EVIDENCE));

async function down(): Promise<DeferredBench> {
  const bench = await openDeferredBench();
  bench.line.state = "down";
  return bench;
}

/** The host is back, and has been told everything. */
async function back(bench: DeferredBench): Promise<void> {
  bench.line.state = "up";
  await bench.world.runFor(120_000);
}

test("while the host is there nothing is deferred", async () => {
  const bench = await openDeferredBench();
  expect(await pay(bench)).toMatchObject({ kind: "approved", reference: /^sim-/ });
  expect(await pay(bench)).toMatchObject({ kind: "approved" });
  expect([bench.host.sums(), bench.disk.durable("deferred")]).toEqual([NOTHING, []]);
});

test("I2 I6: out of reach: approved on paper, sealed on disk, and the host is told in order when it is back", async () => {
  const bench = await down();
  expect(await pay(bench)).toEqual({ ...APPROVED, amountMinor: 1_000 });
  expect(bench.host.sums()).toEqual({ ...NOTHING, open: 1, openMinor: 1_000 });
  expect(await capture(bench, 700)).toEqual({ ...APPROVED, amountMinor: 700 });
  expect(await capture(bench, 700)).toEqual({ ...APPROVED, amountMinor: 700 });
  expect(bench.host.sums()).toMatchObject({ open: 1, openMinor: 700 });
  const refund = bench.host.refund(`${ORDER}/1/refund`, REFERENCE, eur(200));
  expect(await bench.settle(refund)).toEqual({ ...APPROVED, amountMinor: 200 });
  expect(bench.host.sums()).toMatchObject({ openMinor: 500 });
  expect((await atHost(bench)).payments).toBe(0);
  bench.line.calls.length = 0;
  await back(bench);
  const told = bench.line.calls.map((call) => call.split(" ")[0]);
  expect(told.slice(-3)).toEqual(["authorise", "capture", "refund"]);
  expect(await atHost(bench)).toEqual({ payments: 1, netMinor: 500, heldMinor: 0 });
  expect(bench.host.sums()).toEqual(NOTHING);
});

test("I12: what is on disk is sealed, holds no card number, and goes when the host has decided", async () => {
  const bench = await down();
  await pay(bench);
  const before = JSON.stringify(bench.disk.durable("deferred"));
  expect(before).toContain('\\"box\\"');
  expect(before).not.toContain(TEST_CARDS.approve);
  await back(bench);
  const after = JSON.stringify(bench.disk.durable("deferred"));
  expect(after).toContain(ORDER);
  expect(after).not.toContain('\\"box\\"');
  expect(JSON.stringify(bench.log)).not.toContain(TEST_CARDS.approve);
});

test("declined later: what was delivered is a loss, is in the log, and stays in the books", async () => {
  const bench = await down();
  await pay(bench, TEST_CARDS.decline);
  await capture(bench, 700);
  await back(bench);
  const lost = { ...NOTHING, lost: 1, lostMinor: 700 };
  expect(bench.host.sums()).toEqual(lost);
  expect(bench.log.join()).toMatch(/"error","deferred-declined"/);
  expect((await atHost(bench)).payments).toBe(0);
  await bench.restart();
  expect(bench.host.sums()).toEqual(lost);
  await bench.world.runFor(91 * 24 * 3_600_000);
  await bench.restart();
  expect([bench.host.sums(), bench.disk.durable("deferred")]).toEqual([lost, []]);
});

test("I6: what is held and not captured yet is never forgotten, whatever the clock says of its age", async () => {
  const bench = await down();
  await pay(bench);
  await back(bench);
  expect(await atHost(bench)).toMatchObject({ heldMinor: 1_000 });
  await bench.world.runFor(91 * 24 * 3_600_000);
  await bench.restart();
  expect(await capture(bench, 700)).toEqual({ ...APPROVED, amountMinor: 700 });
  await bench.world.runFor(10_000);
  expect(await atHost(bench)).toEqual({ payments: 1, netMinor: 700, heldMinor: 0 });
  await bench.restart();
  expect(bench.disk.durable("deferred")).toEqual([]);
});

test("approved later for a part: the rest of what was delivered is a loss", async () => {
  const bench = await down();
  await pay(bench, TEST_CARDS.partial);
  await capture(bench, 700);
  await back(bench);
  expect(await atHost(bench)).toMatchObject({ netMinor: 500, heldMinor: 0 });
  expect(bench.host.sums()).toEqual({ ...NOTHING, lost: 1, lostMinor: 200 });
});

test("approved later for a part, and given back in part: the payer gets back what the host has of it, no more", async () => {
  const bench = await down();
  await pay(bench, TEST_CARDS.partial);
  await capture(bench, 700);
  await bench.settle(bench.host.refund(`${ORDER}/1/refund`, REFERENCE, eur(100)));
  await bench.settle(bench.host.refund(`${ORDER}/1/refund-2`, REFERENCE, eur(300)));
  await back(bench);
  expect(await atHost(bench)).toMatchObject({ netMinor: 300, heldMinor: 0 });
  expect(bench.host.sums()).toEqual(NOTHING);
});

test("declined later, then captured and given back: nothing was taken, nothing goes back", async () => {
  const bench = await down();
  await pay(bench, TEST_CARDS.decline);
  await back(bench);
  expect(await capture(bench, 700)).toEqual({ ...APPROVED, amountMinor: 700 });
  expect(bench.host.sums().lostMinor).toBe(700);
  const refund = bench.host.refund(`${ORDER}/1/refund`, REFERENCE, eur(300));
  expect(await bench.settle(refund)).toMatchObject({ kind: "approved", amountMinor: 300 });
  expect(bench.host.sums().lostMinor).toBe(400);
  expect(bench.line.calls.filter((call) => /^(capture|refund)/.test(call))).toEqual([]);
});

test("I2: undone before the host decided: it is never charged, also where it had heard of it", async () => {
  for (const state of ["down", "deaf"] as const) {
    const bench = await openDeferredBench();
    bench.line.state = state;
    await pay(bench);
    const undone = bench.host.reverse(`${ORDER}/1/reverse`, ATTEMPT);
    expect(await bench.settle(undone)).toMatchObject({ kind: "approved" });
    expect(await pay(bench)).toMatchObject({ kind: "declined" });
    expect((await capture(bench, 1)).kind).toBe("declined");
    bench.line.calls.length = 0;
    await back(bench);
    expect(bench.line.calls.filter((call) => !call.startsWith("reverse"))).toEqual([]);
    expect(await atHost(bench)).toMatchObject({ netMinor: 0, heldMinor: 0 });
    expect(bench.host.sums()).toEqual(NOTHING);
  }
});

test("I2: a host that had heard of it and could not say so charges once", async () => {
  const bench = await openDeferredBench();
  bench.line.state = "deaf";
  expect(await pay(bench)).toEqual({ ...APPROVED, amountMinor: 1_000 });
  await capture(bench, 1_000);
  await back(bench);
  expect(await atHost(bench)).toEqual({ payments: 1, netMinor: 1_000, heldMinor: 0 });
});

test("above the floor, above the total, in another currency, over the network: never in the host's place", async () => {
  const bench = await down();
  const { host, credential } = bench;
  const no = async (call: Promise<HostAnswer>): Promise<void> => {
    expect((await bench.settle(call)).kind).toBe("no-answer");
  };
  await no(host.authorise(ATTEMPT, credential(undefined, 1_001), bindingOf(1_001)));
  const foreign = { ...bindingOf(), currency: "USD" };
  await no(host.authorise(ATTEMPT, credential(), foreign));
  const { readAtBoard: _, ...overNetwork } = credential() as { readAtBoard?: "tap" } & Extract<
    ReturnType<typeof credential>,
    { kind: "sealed" }
  >;
  await no(host.authorise(ATTEMPT, overNetwork, bindingOf()));
  await no(host.authorise(ATTEMPT, { kind: "present" }, bindingOf()));
  await no(host.authorise("batch/1", credential(), bindingOf()));
  expect(await pay(bench)).toMatchObject(APPROVED);
  const other = "00000000000000a2/1/authorise";
  await no(host.authorise(other, credential(undefined, 501), bindingOf(501)));
  const fits = host.authorise(other, credential(undefined, 500), bindingOf(500));
  expect((await bench.settle(fits)).kind).toBe("approved");
  expect(bench.host.sums()).toMatchObject({ open: 2, openMinor: 1_500 });
});

test("two at once do not share what is left of the total", async () => {
  const bench = await down();
  const calls = ["b1", "b2", "b3"].map((end) => {
    const attempt = `00000000000000${end}/1/authorise`;
    return bench.host.authorise(attempt, bench.credential(), bindingOf());
  });
  const answers = (await bench.settle(Promise.all(calls))).map(({ kind }) => kind);
  expect(answers.sort()).toEqual(["approved", "no-answer", "no-answer"]);
});

test("a host that is known to be out of reach is not waited for; one that is silent for 10 s at the most", async () => {
  for (const [knownMs, waitedMs] of [
    [0, 0],
    [1_200, 1_500],
    [20_000, 10_000],
  ] as const) {
    const bench = await down();
    const { world, line } = bench;
    line.silentMs = 60_000;
    const atMs = world.nowMs();
    if (knownMs === 0) line.trouble = "gone";
    world.after(knownMs, () => {
      line.trouble = "gone";
    });
    const paid = bench.host.authorise(ATTEMPT, bench.credential(), bindingOf());
    expect(await bench.settle(paid)).toMatchObject(APPROVED);
    expect(world.nowMs() - atMs).toBe(waitedMs);
  }
});

test("its trouble is that of the host, but for what it would take itself", async () => {
  const bench = await down();
  const trouble = (minor: number, currency = "EUR") =>
    bench.host.trouble?.({ amountMinor: minor, currency });
  expect([bench.host.trouble?.(), trouble(1_001)]).toEqual([undefined, undefined]);
  bench.line.trouble = "gone";
  expect(bench.host.trouble?.()).toBeUndefined();
  expect([trouble(1_000), trouble(1_001), trouble(1_000, "USD"), trouble(0)]).toEqual([
    ...[undefined, "gone", "gone", "gone"],
  ]);
  await pay(bench);
  expect([trouble(500), trouble(501)]).toEqual([undefined, "gone"]);
});

test("more than is held, another currency, a second capture: refused as the host would", async () => {
  const bench = await down();
  await pay(bench);
  const why = async (call: Promise<HostAnswer>): Promise<string> => {
    const answer = await bench.settle(call);
    return answer.kind === "declined" ? answer.why : answer.kind;
  };
  const { host } = bench;
  expect(await why(host.capture(`${ORDER}/2/capture`, REFERENCE, eur(1_001), EVIDENCE))).toBe(
    "amount",
  );
  const usd = { amountMinor: 1, currency: "USD" };
  expect(await why(host.capture(`${ORDER}/3/capture`, REFERENCE, usd, EVIDENCE))).toBe("amount");
  expect(await why(host.refund(`${ORDER}/1/refund`, REFERENCE, eur(1)))).toBe("amount");
  await capture(bench, 700);
  expect(await why(host.capture(`${ORDER}/4/capture`, REFERENCE, eur(1), EVIDENCE))).toBe("amount");
  expect(await why(host.refund(`${ORDER}/1/refund`, REFERENCE, eur(701)))).toBe("amount");
});
