// A hundred lives of a loop with a valve over each driver, and a flow sensor each: ended in order while it delivers,
// killed while it delivers, killed at any moment of its start. None may end otherwise than it was made to, and after each
// both valves are open. Where it was killed while it delivered, both wires are pulled to closed as soon as nobody drives
// them.

import { expect, test } from "vitest";
import { boardOf, ended, forkLoop, guardsOf, order, startLoop } from "../support/guarded-loop.ts";
import { type GpioSim, gpioSimMissing, holdMs, openGpioSim } from "./gpio-sim-bench.ts";

const LIVES = 100;
/** At the same time: one starts while another ends. */
const SIDE_BY_SIDE = 2;
const OPEN_MS_MAX = 5_000;
const START_MS = 1_000;
/** Nothing stalls here, but an emulated machine is slow. */
const SILENT_MS = 20_000;
const ENDS = ["in order", "killed", "killed at its start"] as const;

/** Debouncing is what sysfs cannot do: that valve goes over the other driver. */
const boardAt = (sim: GpioSim, first: number) =>
  boardOf({
    onoff: { pin: `${sim.label}/${first}` },
    "onoff-flow": { pin: `${sim.label}/${first + 1}` },
    gpiochip: { pin: `${sim.label}/${first + 2}`, debounceMs: 1 },
    "gpiochip-flow": { pin: `${sim.label}/${first + 3}` },
  });

/** What went wrong. */
async function live(sim: GpioSim, lane: number, life: number): Promise<string[]> {
  const first = lane * 4;
  const valves = [first, first + 2];
  const board = boardAt(sim, first);
  const end = ENDS[Math.floor(life / SIDE_BY_SIDE) % ENDS.length];
  for (const valve of valves) sim.pull(valve, false);
  const child =
    end === "killed at its start" ? forkLoop(SILENT_MS, board) : await startLoop(SILENT_MS, board);
  const over = ended(child);
  if (end === "killed at its start") {
    await new Promise((resolve) => setTimeout(resolve, (START_MS * life) / LIVES));
  } else {
    await order(child, "close");
    for (const valve of valves) expect(sim.level(valve)).toBe(true);
  }
  if (end === "killed") for (const valve of valves) sim.pull(valve, true);
  if (end === "in order") await order(child, "end");
  else child.kill("SIGKILL");
  const how = await over;
  const wrong =
    how === (end === "in order" ? 0 : "SIGKILL") ? [] : [`life ${life}, ${end}: ${how}`];
  const limitMs = performance.now() + OPEN_MS_MAX;
  while (valves.some(sim.level) && performance.now() < limitMs) holdMs(1);
  if (valves.some(sim.level)) wrong.push(`life ${life}, ${end}: a valve stayed closed`);
  if (end === "in order" && guardsOf(child).length > 0)
    await new Promise((go) => setTimeout(go, 500));
  if (end === "in order" && guardsOf(child).length > 0)
    wrong.push(`life ${life}: its guard stayed`);
  return wrong;
}

const missing = gpioSimMissing();

test(`I7: ${LIVES} lives of the loop over each driver`, { timeout: 900_000 }, async ({ skip }) => {
  if (missing !== undefined) skip(missing);
  const sim = openGpioSim(4 * SIDE_BY_SIDE);
  const wrong: string[] = [];
  const lane = async (number: number): Promise<void> => {
    for (let life = number; life < LIVES; life += SIDE_BY_SIDE) {
      wrong.push(...(await live(sim, number, life)));
    }
    // The guard of a killed loop holds the lines until the next one wants them: that is this one.
    await order(await startLoop(SILENT_MS, boardAt(sim, number * 4)), "end");
  };
  const startMs = performance.now();
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, (_, number) => lane(number)));
  sim.close();
  console.log(`${LIVES} lives in ${Math.round((performance.now() - startMs) / 1000)} s`);
  expect(wrong).toEqual([]);
});
