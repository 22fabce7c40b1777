// The Clock contract: what every clock must do, virtual, paced or real.

import { describe, expect, test } from "vitest";
import { type Clock, every, openAlarm, sleep, after as wakeAfter } from "../../hal/clock.ts";

export interface ClockUnderTest {
  clock: Clock;
  /** Lets at least this much of the clock's time go by. */
  elapse(ms: number): Promise<void>;
  close(): void;
}

export function describeClock(name: string, open: () => ClockUnderTest): void {
  describe(`Clock contract: ${name}`, () => {
    const using = async (use: (opened: ClockUnderTest) => Promise<void>): Promise<void> => {
      const opened = open();
      try {
        await use(opened);
      } finally {
        opened.close();
      }
    };

    test("monotonic time goes on and never back", () =>
      using(async ({ clock, elapse }) => {
        const startMs = clock.monotonicMs();
        await elapse(20);
        const endMs = clock.monotonicMs();
        expect(endMs - startMs).toBeGreaterThanOrEqual(20);
        expect(clock.monotonicMs()).toBeGreaterThanOrEqual(endMs);
      }));

    test("wall time is a whole number of milliseconds and its quality is known", () =>
      using(async ({ clock }) => {
        expect(Number.isSafeInteger(clock.wallMs())).toBe(true);
        expect(["unset", "set", "synchronised"]).toContain(clock.wallQuality());
      }));

    test("wakes once, and not before the deadline", () =>
      using(async ({ clock, elapse }) => {
        const deadlineMs = clock.monotonicMs() + 15;
        const wokenMs: number[] = [];
        clock.at(deadlineMs, () => wokenMs.push(clock.monotonicMs()));
        await elapse(40);
        expect(wokenMs).toHaveLength(1);
        expect(wokenMs[0]).toBeGreaterThanOrEqual(deadlineMs);
      }));

    test("wakes in the order of the deadlines", () =>
      using(async ({ clock, elapse }) => {
        const woken: string[] = [];
        wakeAfter(clock, 20, () => woken.push("late"));
        wakeAfter(clock, 5, () => woken.push("soon"));
        await elapse(40);
        expect(woken).toEqual(["soon", "late"]);
      }));

    test("wakes for a deadline gone by, but not synchronously", () =>
      using(async ({ clock, elapse }) => {
        let woken = false;
        clock.at(clock.monotonicMs() - 1_000, () => {
          woken = true;
        });
        expect(woken).toBe(false);
        await elapse(5);
        expect(woken).toBe(true);
      }));

    test("does not wake after cancel, whenever that is called", () =>
      using(async ({ clock, elapse }) => {
        let woken = 0;
        const pending = wakeAfter(clock, 5, () => woken++);
        const past = clock.at(0, () => woken++);
        pending.cancel();
        pending.cancel();
        past.cancel();
        await elapse(20);
        expect(woken).toBe(0);
      }));

    test("one timer cancels another that is due at the same time", () =>
      using(async ({ clock, elapse }) => {
        const deadlineMs = clock.monotonicMs() + 5;
        let woken = 0;
        const first = clock.at(deadlineMs, () => {
          woken++;
          second.cancel();
        });
        const second = clock.at(deadlineMs, () => {
          woken++;
          first.cancel();
        });
        await elapse(20);
        expect(woken).toBe(1);
      }));

    test("a cancel after the wake changes nothing", () =>
      using(async ({ clock, elapse }) => {
        let woken = 0;
        const timer = wakeAfter(clock, 1, () => woken++);
        await elapse(10);
        timer.cancel();
        await elapse(5);
        expect(woken).toBe(1);
      }));

    test("an alarm wakes once for the last time that was set, and not before it", () =>
      using(async ({ clock, elapse }) => {
        const wokenMs: number[] = [];
        const alarm = openAlarm(clock, () => wokenMs.push(clock.monotonicMs()));
        for (const delayMs of [3, 40, 1, 20]) alarm.set(clock.monotonicMs() + delayMs);
        const deadlineMs = clock.monotonicMs() + 20;
        await elapse(60);
        expect(wokenMs).toHaveLength(1);
        expect(wokenMs[0]).toBeGreaterThan(deadlineMs - 1);
        alarm.clear();
      }));

    test("an alarm can be set again and again, in its own waking too, and for a time gone by", () =>
      using(async ({ clock, elapse }) => {
        const wokenMs: number[] = [];
        const delaysMs = [5, 5, 0, 2, 5, -1_000, 1, 70];
        let deadlineMs = 0;
        const next = (): void => {
          const delayMs = delaysMs.shift();
          if (delayMs === undefined) return;
          deadlineMs = clock.monotonicMs() + delayMs;
          alarm.set(deadlineMs);
        };
        const alarm = openAlarm(clock, () => {
          wokenMs.push(clock.monotonicMs() - deadlineMs);
          next();
        });
        next();
        expect(wokenMs).toEqual([]);
        await elapse(200);
        expect(wokenMs).toHaveLength(8);
        for (const lateMs of wokenMs) expect(lateMs).toBeGreaterThanOrEqual(0);
        alarm.clear();
      }));

    test("an alarm that is cleared wakes nobody, until it is set again", () =>
      using(async ({ clock, elapse }) => {
        let woken = 0;
        const alarm = openAlarm(clock, () => woken++);
        alarm.set(clock.monotonicMs() + 5);
        alarm.clear();
        alarm.clear();
        await elapse(20);
        expect(woken).toBe(0);
        alarm.set(clock.monotonicMs() + 5);
        await elapse(20);
        expect(woken).toBe(1);
        alarm.clear();
      }));

    test("sleep and every are built on it", () =>
      using(async ({ clock, elapse }) => {
        let ticks = 0;
        const startMs = clock.monotonicMs();
        const timer = every(clock, 10, () => ticks++);
        const slept = sleep(clock, 30).then(() => "slept");
        await elapse(65);
        timer.cancel();
        const ticksThen = ticks;
        const ticksMax = Math.floor((clock.monotonicMs() - startMs) / 10);
        await elapse(20);
        expect(await slept).toBe("slept");
        expect(ticksThen).toBeGreaterThanOrEqual(1);
        expect(ticksThen).toBeLessThanOrEqual(ticksMax);
        expect(ticks).toBe(ticksThen);
      }));
  });
}
