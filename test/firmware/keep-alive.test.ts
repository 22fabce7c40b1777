// When a watchdog is fed: at each report of the loop, unless an outlet is out of hand that was in hand before.

import { expect, test } from "vitest";
import { openKeepAlive } from "../../firmware/keep-alive.ts";
import type { LoopReport, OutletReport } from "../../hal/loop-host.ts";

function open() {
  const lines: string[] = [];
  let fed = 0;
  const hear = openKeepAlive(
    () => fed++,
    (level, event, fields = {}) => lines.push([level, event, ...Object.values(fields)].join(" ")),
  );
  const outlet = (id: string, isRunaway: boolean): OutletReport => ({
    ...{ outlet: id, healthy: !isRunaway, readings: {}, retained: [], raised: [], ailing: {} },
    ...(isRunaway && { runaway: true }),
  });
  const say = (left: boolean, right = false, on: "ready" | "alive" = "alive"): boolean => {
    const before = fed;
    const outlets = [outlet("left", left), outlet("right", right)];
    hear({ on, atMs: 0, outlets, sensors: [] });
    return fed > before;
  };
  return { say, hear, lines, fed: () => fed };
}

test("I7: fed at every report while all is in hand, and by nothing else", () => {
  const { say, hear, fed } = open();
  expect(say(false, false, "ready")).toBe(true);
  expect(say(false)).toBe(true);
  const others: LoopReport[] = [
    { on: "lost", why: "killed" },
    { on: "button", button: "start", atMs: 0 },
    { on: "progress", session: "s", pulses: 1, reading: 1, held: false, atMs: 0 },
  ];
  for (const report of others) hear(report);
  expect(fed()).toBe(2);
});

test("I7: not fed while an outlet that was in hand is out of hand; told once, and when it is over", () => {
  const { say, lines } = open();
  say(false);
  expect(say(true)).toBe(false);
  expect(say(true)).toBe(false);
  expect(say(true, true)).toBe(false);
  expect(say(false, true)).toBe(false);
  expect(say(false)).toBe(true);
  expect(lines).toEqual([
    "error watchdog-withheld left",
    "error watchdog-withheld left, right",
    "error watchdog-withheld right",
    "info watchdog-fed",
  ]);
});

test("what the new start did not mend is not tried again: an outlet that was never in hand starves nobody", () => {
  const { say, lines } = open();
  expect(say(true, false, "ready")).toBe(true);
  expect(say(true)).toBe(true);
  expect(lines).toEqual([]);
  expect(say(false)).toBe(true);
  expect(say(true)).toBe(false);
});

test("a loop that died and came back is fed for again, and what was known is still known", () => {
  const { say, hear } = open();
  say(false);
  hear({ on: "lost", why: "killed" });
  expect(say(true, false, "ready")).toBe(false);
  expect(say(false)).toBe(true);
});
