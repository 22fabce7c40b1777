// The counter: plausible rises, and what cannot be true.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BURST_PULSES,
  type Counter,
  readCounter,
  readItems,
  startCounter,
} from "../../../firmware/metering/counter.ts";

describe("a cumulative counter", () => {
  test("gives the pulses since the last reading", () => {
    const first = readCounter(startCounter(100, 0), 103, 1_000, 50);
    expect(first).toMatchObject({ pulses: 3, counter: { count: 103, atMs: 1_000 } });
    expect(first.wrong).toBeUndefined();
    expect(readCounter(first.counter, 103, 2_000, 50).pulses).toBe(0);
  });

  test("a fall gives no pulses, and it goes on from there", () => {
    const fallen = readCounter(startCounter(100, 0), 7, 1_000, 50);
    expect(fallen).toMatchObject({ pulses: 0, wrong: "fell" });
    expect(readCounter(fallen.counter, 9, 2_000, 50).pulses).toBe(2);
  });

  test("a meter that begins again is told from one that goes back", () => {
    expect(readCounter(startCounter(100, 0), 0, 1_000, 50).wrong).toBe("reset");
    expect(readCounter(startCounter(100, 0), 4, 1_000, 50).wrong).toBe("reset");
    expect(readCounter(startCounter(100, 0), 5, 1_000, 50).wrong).toBe("fell");
    // So near to the start it cannot be known.
    expect(readCounter(startCounter(8, 0), 2, 1_000, 50).wrong).toBe("fell");
  });

  test("what a slow look may show at once is as much as it is told", () => {
    expect(readCounter(startCounter(0, 0, 20), 20, 0, 50, 20).wrong).toBeUndefined();
    expect(readCounter(startCounter(0, 0, 20), 21, 0, 50, 20).wrong).toBe("too-fast");
    const full = readCounter(startCounter(0, 0, 20), 1, 60_000, 50, 20).counter;
    expect(readCounter(full, 21, 60_000, 50, 20).wrong).toBeUndefined();
    expect(readCounter(full, 22, 60_000, 50, 20).wrong).toBe("too-fast");
  });

  test("faster than the meter can give is refused, after a long time as after a short one", () => {
    expect(readCounter(startCounter(0, 0), 11, 100, 50).wrong).toBe("too-fast");
    expect(readCounter(startCounter(0, 0), 5 + BURST_PULSES, 100, 50).wrong).toBeUndefined();
    expect(readCounter(startCounter(0, 0), 100_001 + BURST_PULSES, 2_000_000, 50).wrong).toBe(
      "too-fast",
    );
  });

  test.each([-1, 1.5, Number.NaN, 4_000_000_001, 2 ** 53])("%s is not a count", (count) => {
    expect(readCounter(startCounter(0, 0), count, 1_000, undefined)).toMatchObject({
      pulses: 0,
      wrong: "not-a-count",
    });
  });

  test("without a maximum rate every rise is plausible", () => {
    expect(readCounter(startCounter(0, 0), 1_000_000, 1, undefined).pulses).toBe(1_000_000);
  });

  test("a flow just above the maximum is found by and by, however often it is read", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), (readEveryMs) => {
        let counter: Counter = startCounter(0, 0);
        let wrong: string | undefined;
        for (let ms = readEveryMs; ms <= 20_000; ms += readEveryMs) {
          const delta = readCounter(counter, Math.floor(ms * 0.06), ms, 50);
          wrong ??= delta.wrong;
          counter = delta.counter;
        }
        expect(wrong).toBe("too-fast");
      }),
    );
  });

  test("a flow at the maximum is never refused, however unevenly it is read", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 200 }), (gaps) => {
        let counter: Counter = startCounter(0, 0);
        let nowMs = 0;
        for (const gapMs of gaps) {
          nowMs += gapMs;
          const delta = readCounter(counter, Math.floor(nowMs * 0.05), nowMs, 50);
          expect(delta.wrong).toBeUndefined();
          counter = delta.counter;
        }
        expect(counter.count).toBe(Math.floor(nowMs * 0.05));
      }),
    );
  });
});

describe("a counter of items", () => {
  test("counts no more than were started, and the ones that were", () => {
    const cases = [
      { count: 8, underWay: 1, pulses: 1 },
      { count: 7, underWay: 1, pulses: 0 },
      { count: 7, underWay: 0, pulses: 0 },
      { count: 8, underWay: 0, pulses: 0, wrong: "not-started" },
      { count: 9, underWay: 1, pulses: 1, wrong: "not-started" },
      { count: 6, underWay: 1, pulses: 0, wrong: "fell" },
      { count: 7.5, underWay: 1, pulses: 0, wrong: "not-a-count" },
    ];
    for (const { count, underWay, pulses, wrong } of cases) {
      const delta = readItems(startCounter(7, 0), count, 1_000, underWay);
      expect([delta.pulses, delta.wrong]).toEqual([pulses, wrong]);
      if (wrong !== "not-a-count") expect(delta.counter.count).toBe(count);
    }
  });
});
