// What still flows after a switch is told to open: learnt in time from pulses, whatever the flow, and used to tell it
// earlier. Numbers only; how the loop does it on metal is in pre-act.test.ts.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  cutAfterMs,
  cutPulsesMax,
  isFarBelow,
  learnRunOn,
  type SeenStop,
} from "../../../firmware/metering/run-on.ts";
import { RUN_ON_MS_MAX, type RunOn } from "../../../hal/loop-host.ts";

/** What a meter sees of a stop that flows on for so long. */
function seen(delayMs: number, intervalMs: number, part: number): SeenStop {
  return { pulses: Math.floor(part + delayMs / intervalMs), part, intervalMs };
}

function afterMany(stops: number, one: (nth: number) => SeenStop, from?: RunOn): RunOn | undefined {
  let runOn = from;
  for (let i = 0; i < stops; i++) runOn = learnRunOn(runOn, one(i));
  return runOn;
}

describe("learning", () => {
  test("nothing is known before a whole pulse has flowed on", () => {
    expect(learnRunOn(undefined, seen(20, 1000, 0))).toBeUndefined();
    expect(learnRunOn(undefined, seen(20, 15, 0))).toEqual({
      delayMs: 15,
      spreadMs: 3.75,
      stops: 1,
    });
  });

  test("any even delay is found, to within a part of the finest pulse, whatever flow it is seen at", () => {
    const runs = fc.record({
      delayMs: fc.double({ min: 5, max: 1500, noNaN: true }),
      flows: fc.array(
        fc.record({
          intervalMs: fc.double({ min: 1, max: 400, noNaN: true }),
          part: fc.double({ min: 0, max: 0.999, noNaN: true }),
        }),
        { minLength: 80, maxLength: 80 },
      ),
    });
    fc.assert(
      fc.property(runs, ({ delayMs, flows }) => {
        const runOn = afterMany(flows.length * 3, (nth) => {
          const { intervalMs, part } = flows[nth % flows.length] ?? { intervalMs: 1, part: 0 };
          return seen(delayMs, intervalMs, part);
        });
        const finestMs = Math.min(...flows.map(({ intervalMs }) => intervalMs));
        if (runOn !== undefined) {
          expect(Math.abs(runOn.delayMs - delayMs)).toBeLessThanOrEqual(
            finestMs + delayMs / 20 + 1,
          );
        } else expect(finestMs).toBeGreaterThan(delayMs / 2);
      }),
    );
  });

  test("a trickle says only that it is less than a pulse, and changes nothing", () => {
    const known = { delayMs: 50, spreadMs: 3, stops: 20 };
    const after = learnRunOn(known, seen(50, 2000, 0));
    expect(after).toMatchObject({ delayMs: 50, spreadMs: 3, stops: 21 });
  });

  test("one stop that is far out moves it by less than its spread, and is soon forgotten", () => {
    const known = afterMany(50, (nth) => seen(100 + ((nth % 5) - 2) * 4, 3, 0.5));
    if (known === undefined) throw new Error("nothing was learnt");
    const after = learnRunOn(known, seen(1800, 3, 0.5));
    expect((after?.delayMs ?? 0) - known.delayMs).toBeLessThanOrEqual(known.spreadMs * 0.5);
    const later = afterMany(20, (nth) => seen(100 + ((nth % 5) - 2) * 4, 3, 0.5), after);
    expect(Math.abs((later?.delayMs ?? 0) - known.delayMs)).toBeLessThan(2);
  });

  test("another valve is learnt anew within 50 stops", () => {
    const known = { delayMs: 20, spreadMs: 1, stops: 1000 };
    const later = afterMany(50, () => seen(120, 3, 0.5), known);
    expect(Math.abs((later?.delayMs ?? 0) - 120)).toBeLessThan(3);
  });

  test.each([
    [{ delayMs: 500, spreadMs: 5, stops: 500 }, 50],
    [{ delayMs: 1900, spreadMs: 2.5, stops: 1 }, 50],
    [{ delayMs: 100, spreadMs: 2, stops: 100 }, 20],
  ])("I6: after %o one that shuts in %i ms leaves only a few short", (known: RunOn, realMs) => {
    let runOn: RunOn | undefined = known;
    let wasFarBelow = false;
    let shortPulses = 0;
    for (let nth = 0; nth < 10; nth++) {
      shortPulses = Math.floor(((runOn?.delayMs ?? 0) - realMs) / 10);
      const stop = seen(realMs, 10, 0.5);
      const isBelow = isFarBelow(runOn, stop);
      runOn = learnRunOn(runOn, stop, wasFarBelow);
      wasFarBelow = isBelow;
    }
    expect(shortPulses).toBeLessThanOrEqual(5);
  });

  test("a single stop in which nothing flowed on, because the nozzle was shut, moves it by less than its spread", () => {
    const known = { delayMs: 100, spreadMs: 2, stops: 100 };
    const stop = seen(0, 3, 0.5);
    expect(isFarBelow(known, stop)).toBe(true);
    expect(learnRunOn(known, stop)?.delayMs).toBeGreaterThan(98);
    expect(isFarBelow(known, seen(95, 3, 0.5))).toBe(false);
  });

  test("never above the bound, whatever is seen", () => {
    const later = afterMany(50, () => seen(60_000, 3, 0.5));
    expect(later?.delayMs).toBe(RUN_ON_MS_MAX);
    expect(later?.spreadMs).toBeLessThanOrEqual(RUN_ON_MS_MAX);
  });
});

describe("the cut", () => {
  const known = { delayMs: 50, spreadMs: 2, stops: 20 };

  test("comes so early that what runs on ends in the middle of the pulse after the last", () => {
    // 20 ms a pulse: 2.5 pulses run on, so it is cut 2 before the end.
    expect(cutAfterMs(known, 20, 3)).toBe(20);
    expect(cutAfterMs(known, 20, 2)).toBe(0);
    expect(cutAfterMs({ ...known, delayMs: 45 }, 20, 2)).toBe(5);
    expect(cutAfterMs(known, 20, 1)).toBe(-20);
  });

  test("waits for the next pulse as long as it may, and for the last one in a trickle", () => {
    expect(cutAfterMs(known, 20, 4)).toBeUndefined();
    expect(cutAfterMs(known, 51, 1)).toBeUndefined();
    expect(cutAfterMs(known, 49, 1)).toBeUndefined();
    expect(cutAfterMs(known, 48, 1)).toBe(22);
    // It may be more than two: then the pulse is not waited for.
    expect(cutAfterMs({ ...known, spreadMs: 16 }, 51, 1)).toBe(26.5);
  });

  test("is looked for early enough at the greatest flow", () => {
    expect(cutPulsesMax(undefined, 1000)).toBe(0);
    // 50 ms at 1,000 pulses a second, and one more.
    expect(cutPulsesMax(known, 1000)).toBe(51);
    expect(cutPulsesMax({ ...known, delayMs: RUN_ON_MS_MAX }, 1000)).toBe(2001);
  });
});
