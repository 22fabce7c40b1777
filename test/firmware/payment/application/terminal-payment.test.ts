// A payment by a card terminal through the whole payment side: nothing is read beforehand, the terminal asks for the
// card when it is charged, and a payer who wants no more ends that at once.

import { expect, test } from "vitest";
import { presentCardDesk } from "../../../../firmware/payment/application/card-desk.ts";
import { openPaymentSide } from "../../../../firmware/payment/payment-side.ts";
import type { PaymentOrder, TakeOutcome } from "../../../../firmware/payment/payments.ts";
import { simStore } from "../../../../hal/sim/sim-store.ts";
import { booked } from "../../../contract/payment-host-money.ts";
import { openTerminalBench, type TerminalBench } from "../../../support/terminal-bench.ts";

const ORDER: PaymentOrder = {
  id: "0123456789abcdef",
  currency: "EUR",
  totalMinor: 500,
  offer: new Uint8Array(80),
  offerDigest: new Uint8Array(16).fill(7),
  way: "hold",
  atBoard: true,
};

async function opened(bench: TerminalBench) {
  const { world, host, settle } = bench;
  const side = await settle(
    openPaymentSide({
      ...{ host, clock: world.clock, entropy: world.entropy("e"), log: () => undefined },
      ...{ store: simStore().reopen(), cardDesk: presentCardDesk() },
    }),
  );
  const take = (): Promise<TakeOutcome> => side.payments.take(ORDER, ORDER.totalMinor);
  return { payments: side.payments, take };
}

test("held on the card at the terminal, captured in part, and the rest is released", async () => {
  const bench = await openTerminalBench();
  const { payments, take } = await opened(bench);
  const taking = take();
  await bench.world.runFor(2_000);
  expect(bench.terminal.screen()).toBe("present card: 500 EUR");
  bench.terminal.present("visa-test");
  const taken = await bench.settle(taking);
  expect(taken).toMatchObject({ kind: "taken", amountMinor: 500, held: true });
  const reference = taken.kind === "taken" ? taken.reference : "";
  const done = payments.complete({ ...ORDER, reference }, 300, new Uint8Array(16));
  expect(await bench.settle(done)).toEqual({ kind: "done", amountMinor: 300 });
  expect(await booked(bench)).toMatchObject({ payments: 1, capturedMinor: 300, held: 0 });
  await bench.dispose();
});

test("the payer's stop button while the terminal asks for a card: it stops at once, and holds nothing", async () => {
  const bench = await openTerminalBench();
  const { payments, take } = await opened(bench);
  const taking = take();
  await bench.world.runFor(2_000);
  const atMs = bench.world.nowMs();
  expect(payments.cancel(ORDER.id)).toBe(true);
  expect(await bench.settle(taking)).toMatchObject({ kind: "refused" });
  expect(bench.world.nowMs() - atMs).toBeLessThan(1_000);
  expect(bench.terminal.screen()).toBe("welcome");
  expect(await booked(bench)).toMatchObject({ payments: 0 });
  await bench.dispose();
});

test("I2: the device loses its power while the terminal decides: asked afterwards, and charged once", async () => {
  const bench = await openTerminalBench();
  const first = await opened(bench);
  void first.take();
  await bench.world.runFor(1_000);
  bench.terminal.present("visa-test");
  await bench.world.runFor(500);
  await bench.restart();
  await bench.world.runFor(5_000);
  const { payments } = await opened(bench);
  const found = await bench.settle(payments.findOut(ORDER));
  expect(found).toMatchObject({ kind: "taken", amountMinor: 500, held: true });
  expect(await booked(bench)).toMatchObject({ payments: 1, held: 500 });
  await bench.dispose();
});

test("a terminal that is not there: refused at once, nobody is asked", async () => {
  const bench = await openTerminalBench();
  bench.wire.pull();
  await bench.world.runFor(100);
  const { take } = await opened(bench);
  const atMs = bench.world.nowMs();
  expect(await bench.settle(take())).toEqual({ kind: "refused", why: "declined" });
  expect(bench.world.nowMs() - atMs).toBeLessThan(1_000);
  await bench.dispose();
});
