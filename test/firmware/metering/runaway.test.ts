// When the loop says that an outlet is out of hand: not known to be open, and nobody who could tell what flows, or who
// could open it. That alone starves a watchdog (firmware/keep-alive.ts).

import { expect, test } from "vitest";
import { openKeepAlive } from "../../../firmware/keep-alive.ts";
import type { LoopCommand } from "../../../hal/loop-host.ts";
import { type LoopBench, loopBench } from "./bench.ts";

const OUTLET = "socket-1";
const GRANT: LoopCommand = {
  ...{ do: "grant", session: "s1", outlet: OUTLET, meter: "energy", pulses: 1000, total: 1000 },
};
const STOP: LoopCommand = { do: "stop", session: "s1", reason: "operator-stop" };

/** Whether the last report of the next second says so, and how often a watchdog was fed by those of that second. */
function nextSecond(bench: LoopBench): { runaway: boolean; fed: number } {
  let fed = 0;
  const hear = openKeepAlive(
    () => fed++,
    () => undefined,
  );
  for (const report of bench.reports) hear(report);
  fed = 0;
  const from = bench.reports.length;
  bench.world.advance(1_000);
  const reports = bench.reports.slice(from);
  for (const report of reports) hear(report);
  const last = reports.findLast((report) => report.on === "alive");
  if (last?.on !== "alive") throw new Error("the loop said nothing");
  const outlet = last.outlets.find((each) => each.outlet === OUTLET);
  return { runaway: outlet?.runaway === true, fed };
}

function delivering(): LoopBench {
  const bench = loopBench();
  bench.send(GRANT);
  bench.world.advance(3_000);
  return bench;
}

test("nothing is out of hand in a sale, nor before and after it, with the meter alive", () => {
  const bench = loopBench();
  const inHand = { runaway: false, fed: 2 };
  expect(nextSecond(bench)).toEqual(inHand);
  bench.send(GRANT);
  for (let second = 0; second < 5; second++) {
    expect(nextSecond(bench).runaway).toBe(false);
  }
  bench.send(STOP);
  bench.untilStopped("s1");
  expect(nextSecond(bench)).toEqual(inHand);
});

test("a meter that is lost at an open switch is for people to mend: no reset would", () => {
  const bench = delivering();
  bench.pins.unplug(`${OUTLET}-pulse`);
  expect(bench.untilStopped("s1").reason).toBe("meter-lost");
  expect(nextSecond(bench)).toEqual({ runaway: false, fed: 2 });
});

test("nor is a weld whose meter tells what flows", () => {
  const bench = delivering();
  bench.metal.setFaults(OUTLET, { weld: true });
  bench.send(STOP);
  expect(nextSecond(bench)).toMatchObject({ runaway: false });
});

test("I7: a contact that stays closed while its meter is lost is out of hand, and feeds nobody", () => {
  const bench = delivering();
  bench.metal.setFaults(OUTLET, { weld: true });
  bench.pins.unplug(`${OUTLET}-pulse`);
  expect(nextSecond(bench).runaway).toBe(true);
  expect(nextSecond(bench)).toEqual({ runaway: true, fed: 0 });
});

test("I7: so is one whose meter stands still", () => {
  const bench = delivering();
  bench.metal.setFaults(OUTLET, { weld: true, stuckMeter: true });
  expect(bench.untilStopped("s1").reason).toBe("weld");
  expect(nextSecond(bench)).toEqual({ runaway: true, fed: 0 });
});

test("I7: so is one of which nobody knows how it stands, until somebody does again", () => {
  const bench = delivering();
  bench.pins.unplug(`${OUTLET}-contact`);
  expect(nextSecond(bench).runaway).toBe(true);
  expect(nextSecond(bench)).toEqual({ runaway: true, fed: 0 });
  bench.pins.plugIn(`${OUTLET}-contact`);
  expect(nextSecond(bench).runaway).toBe(false);
  expect(nextSecond(bench)).toMatchObject({ fed: 2 });
});
