// Paying for a delivery while it goes on: over a network that loses, doubles and reorders, and to a device that lies.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ownPulses } from "../../../firmware/consumer/stream-payer.ts";
import { provesFrom } from "../../../firmware/token/hash-chain.ts";
import { crypto, ORDER, StreamBench, type StreamBenchOptions } from "../../support/stream-bench.ts";

const MINUTE_MS = 60_000;
const units = (bench: StreamBench): number[] => bench.released.map((one) => one.units);

describe("an honest device is paid", () => {
  test("unit by unit, once each, and nothing is said again on a good network", async () => {
    const bench = new StreamBench();
    expect(await bench.run(MINUTE_MS)).toBe(true);
    expect(units(bench)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(bench.sent).toEqual(bench.released);
    expect(bench.aheadMost).toBe(0);
    expect(bench.creditMost).toBe(1);
  });

  test("without a window before each unit, the first with the request to begin", async () => {
    const bench = new StreamBench({ window: 0 });
    expect(bench.streaming.last).toEqual({ units: 1, link: bench.chain(1) });
    expect(await bench.run(MINUTE_MS)).toBe(true);
    expect(bench.aheadMost).toBe(1);
    expect(bench.creditMost).toBe(0);
  });

  test("by several units at a time, the rest of the order at its end", async () => {
    const bench = new StreamBench({ step: 4, window: 4 });
    expect(await bench.run(MINUTE_MS)).toBe(true);
    expect(units(bench)).toEqual([4, 8, 10]);
  });

  test("for the unit that was begun when the session ends", () => {
    const bench = new StreamBench({ step: 3, window: 3 });
    bench.streaming.onProgress({ session: 1, pulses: 41, held: true, proved: 3 });
    expect(bench.streaming.last?.units).toBe(3);
    bench.streaming.onProgress({ session: 1, pulses: 41, held: true, proved: 3, ended: true });
    expect(bench.streaming.last?.units).toBe(5);
  });

  test("for a pulse that is of two units both of them: it is worth more than one", () => {
    const ratio = { numerator: 1000, denominator: 3 };
    const bench = new StreamBench({ ratio, step: 5, window: 5 });
    bench.streaming.onProgress({ session: 1, pulses: 333, held: true, ended: true });
    expect(bench.streaming.last?.units).toBe(1);
    bench.streaming.onProgress({ session: 1, pulses: 334, held: true, ended: true });
    expect(bench.streaming.last?.units).toBe(2);
  });

  test("in a second session on from where the first one came to", async () => {
    const stream = { units: 10, ratio: { numerator: 10, denominator: 1 }, step: 1, window: 1 };
    const session = {
      session: 2,
      beforePulses: 45,
      mostPulses: 55,
      stream: { ...stream, released: 4 },
    };
    const bench = new StreamBench({ session });
    expect(bench.streaming.last).toEqual({ units: 4, link: bench.chain(4) });
    bench.streaming.onProgress({ session: 2, pulses: 4, held: false });
    expect(bench.streaming.last?.units).toBe(4);
    bench.streaming.onProgress({ session: 1, pulses: 60, held: false });
    expect(bench.streaming.last?.units).toBe(4);
    bench.streaming.onProgress({ session: 2, pulses: 5, held: false });
    expect(bench.streaming.last?.units).toBe(5);
  });
});

describe("over a bad network", () => {
  const sizes = fc.record({
    seed: fc.nat(1_000_000),
    units: fc.integer({ min: 1, max: 12 }),
    step: fc.integer({ min: 1, max: 5 }),
    window: fc.nat(5),
    pulsesPerTick: fc.integer({ min: 1, max: 30 }),
    lossPerMille: fc.nat(400),
    doublePerMille: fc.nat(300),
    delayMs: fc.constantFrom([1, 3] as const, [1, 1_500] as const),
    ratio: fc.constantFrom(
      { numerator: 10, denominator: 1 },
      { numerator: 1, denominator: 1 },
      { numerator: 10, denominator: 3 },
    ),
  });

  test("all is delivered and paid, and neither side ever risks more than was chosen", async () => {
    await fc.assert(
      fc.asyncProperty(sizes, async (options: StreamBenchOptions) => {
        const bench = new StreamBench(options);
        expect(await bench.run(10 * MINUTE_MS)).toBe(true);
        expect(bench.aheadMost).toBeLessThanOrEqual(bench.aheadAllowed);
        expect(bench.creditMost).toBeLessThanOrEqual(options.window ?? 0);
        const rising = units(bench);
        expect(rising).toEqual([...new Set(rising)].sort((a, b) => a - b));
      }),
      { numRuns: 150 },
    );
  });

  test("a lost proof is sent again within a second while the device waits for it", async () => {
    const bench = new StreamBench();
    bench.isUp = false;
    expect(await bench.run(20_000)).toBe(false);
    expect(bench.delivered).toBe(10);
    expect(bench.sent.length).toBeGreaterThanOrEqual(17);
    expect(new Set(bench.sent.map((one) => one.units))).toEqual(new Set([1]));
    bench.isUp = true;
    await bench.world.runFor(1_100);
    expect(bench.seller.proved).toBe(1);
  });

  test("a device that goes on delivering is sent it less and less often", async () => {
    const bench = new StreamBench({ window: 8, lossPerMille: 1_000, says: (truth) => truth });
    bench.streaming.onProgress({ session: 1, pulses: 10, held: false });
    await bench.world.runFor(40_000);
    expect(bench.sent.length).toBeGreaterThan(3);
    expect(bench.sent.length).toBeLessThan(10);
  });

  test("when the network is back it is sent at once", async () => {
    const bench = new StreamBench({ window: 8 });
    bench.streaming.onProgress({ session: 1, pulses: 10, held: false });
    await bench.world.runFor(16_100);
    const before = bench.sent.length;
    bench.isUp = false;
    await bench.world.runFor(2_000);
    expect(bench.sent.length).toBe(before);
    bench.isUp = true;
    await bench.world.runFor(1_100);
    expect(bench.sent.length).toBe(before + 1);
  });

  test("a device that waits and says so is sent it at once, but not what is still on its way", async () => {
    const bench = new StreamBench();
    const waits = { session: 1, pulses: 10, held: true, proved: 0 };
    bench.streaming.onProgress(waits);
    await bench.world.runFor(200);
    bench.streaming.onProgress(waits);
    expect(bench.sent).toHaveLength(1);
    await bench.world.runFor(300);
    bench.streaming.onProgress(waits);
    expect(bench.sent).toHaveLength(2);
  });

  test("a device that has it is not sent it again", async () => {
    const bench = new StreamBench();
    bench.streaming.onProgress({ session: 1, pulses: 10, held: true });
    bench.streaming.onProgress({ session: 1, pulses: 10, held: false, proved: 1 });
    await bench.world.runFor(60_000);
    expect(bench.sent).toHaveLength(1);
  });

  test("a count that was overtaken takes nothing back", async () => {
    let own = 1;
    const bench = new StreamBench({ session: { ownUnits: () => own } });
    bench.streaming.onProgress({ session: 1, pulses: 30, held: false });
    bench.streaming.onProgress({ session: 1, pulses: 10, held: false });
    own = 3;
    await bench.world.runFor(1_100);
    expect(units(bench)).toEqual([1, 3]);
  });

  test("nothing is sent any more once it is over", async () => {
    const bench = new StreamBench();
    bench.streaming.onProgress({ session: 1, pulses: 10, held: true });
    bench.streaming.close();
    bench.streaming.onProgress({ session: 1, pulses: 90, held: true });
    await bench.world.runFor(30_000);
    expect(units(bench)).toEqual([1]);
    expect(bench.sent).toHaveLength(1);
    expect(bench.world.eventsWaiting()).toBe(0);
  });
});

describe("a device that lies gains nothing", () => {
  const all = { session: 1, pulses: 100, held: true, proved: 0 };

  test("that says more than our own meter has counted is paid by our count alone", async () => {
    let own = 2.9;
    const bench = new StreamBench({ session: { ownUnits: () => own } });
    bench.streaming.onProgress(all);
    expect(units(bench)).toEqual([2]);
    own = 3;
    await bench.world.runFor(1_100);
    expect(units(bench)).toEqual([2, 3]);
    bench.streaming.onProgress({ ...all, ended: true });
    expect(units(bench)).toEqual([2, 3]);
    own = 3.01;
    bench.streaming.onProgress({ ...all, ended: true });
    expect(units(bench)).toEqual([2, 3, 4]);
  });

  test("whose one pulse is many units is paid for no more of them than our own meter has counted", async () => {
    let own = 0.4;
    const ratio = { numerator: 1, denominator: 10 };
    const session = { ownUnits: () => own };
    const bench = new StreamBench({ ratio, units: 30, step: 1, window: 10, session });
    bench.streaming.onProgress({ session: 1, pulses: 1, held: true });
    expect(units(bench)).toEqual([1]);
    own = 7;
    bench.streaming.onProgress({ session: 1, pulses: 1, held: true });
    expect(units(bench)).toEqual([1, 7]);
    own = 10;
    bench.streaming.onProgress({ session: 1, pulses: 2, held: true, ended: true });
    expect(units(bench)).toEqual([1, 7, 10]);
  });

  test.each([undefined, Number.NaN, -3, Number.POSITIVE_INFINITY])(
    "nor is it paid while our own meter says %s",
    (own) => {
      const bench = new StreamBench({ session: { ownUnits: () => own } });
      bench.streaming.onProgress({ ...all, ended: true });
      expect(units(bench)).toEqual([]);
    },
  );

  test("that says less than our own meter is paid for what it says", () => {
    const bench = new StreamBench({ session: { ownUnits: () => 9 } });
    bench.streaming.onProgress({ ...all, pulses: 20 });
    expect(units(bench)).toEqual([2]);
  });

  test("that says more than the session may deliver is paid for the session", () => {
    const bench = new StreamBench({ session: { mostPulses: 30 } });
    bench.streaming.onProgress({ ...all, ended: true });
    expect(bench.streaming.last?.units).toBe(3);
  });

  test("that says more than the order is paid for the order", () => {
    const bench = new StreamBench();
    bench.streaming.onProgress({ ...all, pulses: 4_000_000_000, ended: true });
    expect(bench.streaming.last?.units).toBe(10);
  });

  test("that says it has proof which we never gave is given none for that", async () => {
    const bench = new StreamBench();
    bench.streaming.onProgress({ ...all, pulses: 20, proved: 9 });
    await bench.world.runFor(5_000);
    expect(units(bench)).toEqual([2]);
  });

  test("each link that is let go leads to the root, and to no other order's", () => {
    const bench = new StreamBench();
    bench.streaming.onProgress(all);
    const proof = bench.streaming.last ?? { units: 0, link: new Uint8Array() };
    const root = { units: 0, link: bench.chain(0) };
    expect(provesFrom(crypto, ORDER, root, proof)).toBe(true);
    expect(provesFrom(crypto, "8899aabbccddeeff", root, proof)).toBe(false);
  });
});

test("units of our own meter are counted in pulses, a begun one whole", () => {
  const ratio = { numerator: 1000, denominator: 3 };
  expect([0, 0.003, 1, 2.5].map((own) => ownPulses(own, ratio))).toEqual([0, 1, 334, 834]);
  expect(ownPulses(1_000_000, { numerator: 4000, denominator: 1 })).toBe(4_000_000_000);
});
