// The Meter contract, on a meter that the test can make turn.

import { describe, expect, test } from "vitest";
import type { Meter } from "../../hal/meter.ts";

export interface MeterUnderTest {
  meter: Meter;
  /** Closes or opens the switch of this meter. */
  flow(flowing: boolean): void;
  /** Lets time go by in which the meter gives this many pulses if its switch is closed. */
  pulses(count: number): Promise<void>;
  nowMs(): number;
}

export function describeMeter(
  name: string,
  open: () => MeterUnderTest | Promise<MeterUnderTest>,
): void {
  describe(`Meter contract: ${name}`, () => {
    test("counts what flows, in whole pulses, from where it stands", async () => {
      const { meter, flow, pulses } = await open();
      const start = meter.read().count;
      flow(true);
      await pulses(7);
      const { count } = meter.read();
      expect(Number.isSafeInteger(count)).toBe(true);
      expect(count - start).toBe(7);
    });

    test("stands still while nothing flows, and loses nothing over a pause", async () => {
      const { meter, flow, pulses } = await open();
      const start = meter.read().count;
      await pulses(5);
      expect(meter.read().count).toBe(start);
      flow(true);
      await pulses(2.5);
      flow(false);
      await pulses(10);
      flow(true);
      await pulses(2.5);
      expect(meter.read().count - start).toBe(5);
    });

    test("a reading is dated when it was true", async () => {
      const { meter, flow, pulses, nowMs } = await open();
      flow(true);
      await pulses(3);
      const { atMs } = meter.read();
      expect(atMs).toBeLessThanOrEqual(nowMs());
      expect(atMs).toBeGreaterThan(0);
    });

    test("wakes the last listener when the count rises, and only then", async () => {
      const { meter, flow, pulses } = await open();
      const start = meter.read().count;
      const seen: number[] = [];
      meter.onChange(() => seen.push(-1));
      meter.onChange(() => seen.push(meter.read().count - start));
      await pulses(3);
      expect(seen).toEqual([]);
      flow(true);
      await pulses(3);
      expect(seen.at(-1)).toBe(3);
      expect(seen).not.toContain(-1);
    });

    test("does not wake after close, which may be called twice", async () => {
      const { meter, flow, pulses } = await open();
      let woken = 0;
      meter.onChange(() => woken++);
      flow(true);
      meter.close();
      meter.close();
      await pulses(3);
      expect(woken).toBe(0);
    });
  });
}
