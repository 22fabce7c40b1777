// Power cuts around every commit of a deferred payment, while the host is away and when it is back: afterwards host and
// books agree, and nothing was charged twice.

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
const eur = (amountMinor: number) => ({ amountMinor, currency: "EUR" });
const KEPT_MINOR = 500;

class Cut extends Error {}

interface Place {
  number: number;
  /** Where it was reached. */
  reached: number;
  cut(): void;
}

/** The sale's story, from wherever it stands: each step has its name, and may be asked again. */
async function story(bench: DeferredBench, isUndone: boolean): Promise<void> {
  const { host, settle } = bench;
  const take = async (answer: Promise<HostAnswer>): Promise<HostAnswer> => settle(answer);
  if (isUndone) {
    await take(host.reverse(`${ORDER}/1/reverse`, ATTEMPT));
    return;
  }
  await take(host.capture(`${ORDER}/1/capture`, REFERENCE, eur(700), new Uint8Array(16)));
  await take(host.refund(`${ORDER}/1/refund`, REFERENCE, eur(200)));
}

async function run(card: string, isUndone: boolean, state: "down" | "deaf", number: number) {
  const place: Place = { number, reached: 0, cut: () => undefined };
  const bench = await openDeferredBench({ currency: "EUR", floorMinor: 1_000 }, () => {
    place.reached += 1;
    if (place.reached === place.number) place.cut();
  });
  let cutOff: (error: Cut) => void = () => undefined;
  const dead = new Promise<never>((_, reject) => {
    cutOff = reject;
  });
  dead.catch(() => undefined);
  place.cut = () => {
    bench.disk.crash();
    bench.host.close();
    cutOff(new Cut());
  };
  bench.line.state = state;
  const first = async (): Promise<void> => {
    await bench.settle(bench.host.authorise(ATTEMPT, bench.credential(card), bindingOf()));
    await story(bench, isUndone);
    bench.line.state = "up";
    await bench.world.runFor(60_000);
  };
  const isCut = await Promise.race([first(), dead]).then(
    () => false,
    (error: unknown) => {
      if (error instanceof Cut) return true;
      throw error;
    },
  );
  if (isCut) await secondLife(bench, isUndone);
  return { bench, reached: place.reached };
}

/** It finds out what became of the payment, and goes on from there; what nobody knows of is undone. */
async function secondLife(bench: DeferredBench, isUndone: boolean): Promise<void> {
  const host = await bench.restart();
  if (bench.line.state !== "up") bench.line.state = "up";
  const found = await bench.settle(host.query(ATTEMPT));
  const isOurs = found.kind === "approved" && found.reference === REFERENCE;
  await story(bench, isUndone || !isOurs);
  await bench.world.runFor(120_000);
}

test.each([
  ["approve", false, "down"],
  ["approve", false, "deaf"],
  ["approve", true, "down"],
  ["approve", true, "deaf"],
  ["decline", false, "down"],
] as const)(
  "I1 I2 I6: %s, undone %s, the host %s: no cut parts host and books",
  async (behaviour, isUndone, state) => {
    const card = TEST_CARDS[behaviour];
    const { reached: places } = await run(card, isUndone, state, 0);
    expect(places).toBeGreaterThan(4);
    for (let number = 0; number <= places; number++) {
      const { bench } = await run(card, isUndone, state, number);
      const { payments, netMinor, heldMinor } = await atHost(bench);
      const { lostMinor, open, owedMinor } = bench.host.sums();
      const known = JSON.stringify(bench.disk.durable("deferred"));
      const isKept = known.includes(ATTEMPT) && !known.includes('\\"isUndone\\":true');
      const cut = `cut at ${number} of ${places}`;
      expect([heldMinor, open, owedMinor], cut).toEqual([0, 0, 0]);
      expect(payments, cut).toBeLessThanOrEqual(1);
      // What was promised and not undone is at the host, or is a loss in the books.
      expect(netMinor + lostMinor, cut).toBe(isKept ? KEPT_MINOR : 0);
    }
  },
);
