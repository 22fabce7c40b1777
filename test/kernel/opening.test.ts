// Who opens the outputs when the metering loop dies, stalls or loses what it needs, and how soon: the loop of the compiled
// program on lines of a real kernel. Where the guard must do it, the wire is pulled to "closed" when nobody drives it.

import { closeSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { LineWiring } from "../../hal/board.ts";
import { FLAG_OUTPUT, requestLine } from "../../hal/linux/gpio-chip.ts";
import { type GpioSim, locateOn, openGpioSim } from "./gpio-sim-bench.ts";
import { endGuards, figure, guards, guestMissing, LoopUnderTest, msUntilLow } from "./guest.ts";

const VALVE = 0;
const FLOW = 2;
const missing = guestMissing();

/** What makes a relay go over one driver or the other: sysfs has no pulls. */
const WIRING = { onoff: {}, gpiochip: { bias: "pull-down" } } as const;

let sim: GpioSim;
let loops: LoopUnderTest[] = [];

beforeEach(() => {
  if (missing !== undefined) return;
  sim = openGpioSim();
});

afterEach(async () => {
  if (missing !== undefined) return;
  for (const loop of loops) await loop.kill();
  loops = [];
  await endGuards();
  sim.close();
});

function startLoop(wiring: Partial<LineWiring>): LoopUnderTest {
  const loop = new LoopUnderTest({
    valve: { ...wiring, pin: `${sim.label}/${VALVE}` },
    flow: { pin: `${sim.label}/${FLOW}` },
  });
  loops.push(loop);
  return loop;
}

/** A loop that delivers. */
async function deliver(wiring: Partial<LineWiring>): Promise<LoopUnderTest> {
  const loop = startLoop(wiring);
  await loop.untilHealthy();
  expect(sim.level(VALVE)).toBe(false);
  const session = "0102030405060708";
  loop.send({
    do: "grant",
    session,
    outlet: "nozzle",
    meter: "flow",
    ...{ pulses: 1_000, total: 1_000 },
  });
  await expect.poll(() => sim.level(VALVE), { timeout: 20_000 }).toBe(true);
  return loop;
}

function testClosedSwitch(): void {
  for (const driver of ["onoff", "gpiochip"] as const) {
    test(`I7: ${driver}: kill -9 of the loop: the guard opens it`, async () => {
      const loop = await deliver(WIRING[driver]);
      sim.pull(VALVE, true);
      expect(guards()).toHaveLength(1);
      loop.signal("SIGKILL");
      const openMs = msUntilLow(sim, VALVE);
      await loop.ended();
      expect(openMs).toBeLessThan(1_000);
      figure({ what: `${driver}: kill -9 of the loop`, opened: "by the guard", ms: round(openMs) });
    });

    test(`I7: ${driver}: a loop that is stopped in its tracks is killed, and the guard opens it`, async () => {
      const loop = await deliver(WIRING[driver]);
      sim.pull(VALVE, true);
      loop.signal("SIGSTOP");
      const openMs = msUntilLow(sim, VALVE);
      expect(await loop.ended()).toBe("SIGKILL");
      expect(openMs).toBeLessThan(5_000);
      figure({ what: `${driver}: loop stalled`, opened: "by the guard", ms: round(openMs) });
    });
  }

  test("I7: a loop whose guard dies opens it and ends, for another to start with a guard of its own", async () => {
    const loop = await deliver(WIRING.onoff);
    const [guard = 0] = guards();
    process.kill(guard, "SIGKILL");
    const startMs = performance.now();
    await expect.poll(() => sim.level(VALVE), { timeout: 10_000, interval: 5 }).toBe(false);
    const openMs = performance.now() - startMs;
    expect(await loop.ended()).toBe("exit 1");
    expect(loop.said).toMatch(/the guard of the outputs has died/);
    figure({ what: "kill -9 of the guard", opened: "by the loop", ms: round(openMs) });
  });

  test("I7: the loop that comes after takes the line from the guard, open, and delivers", async () => {
    const first = await deliver(WIRING.gpiochip);
    sim.pull(VALVE, true);
    first.signal("SIGKILL");
    await first.ended();
    msUntilLow(sim, VALVE);
    const held = guards();
    expect(held).toHaveLength(1);
    await deliver(WIRING.gpiochip);
    expect(guards().filter((pid) => held.includes(pid))).toEqual([]);
  });
}

function testHeldLine(): void {
  test("is said in plain words by a loop that ends in order, the guard with it", async () => {
    const { chip } = locateOn(sim)(String(VALVE));
    const fd = requestLine({
      path: chip.path,
      offset: VALVE,
      flags: FLAG_OUTPUT,
      consumer: "heating",
    });
    const loop = startLoop({});
    const how = await loop.ended();
    closeSync(fd);
    expect(how).toBe("exit 1");
    expect(loop.said).toMatch(/^line valve .*: busy: held by heating; stop that and start again$/m);
    expect(loop.said.trim().split("\n")).toHaveLength(1);
    await expect.poll(guards).toEqual([]);
  });

  test("I7: is refused to us as well where it is the output that we hold by the other driver", async () => {
    const loop = new LoopUnderTest({
      valve: { pin: `${sim.label}/${VALVE}` },
      flow: { pin: `${sim.label}/${VALVE}` },
    });
    loops.push(loop);
    sim.pull(VALVE, true);
    expect(await loop.ended()).toBe("exit 1");
    expect(loop.said).toMatch(/^line flow .*: busy: held by this program itself;/m);
  });
}

if (missing === undefined) {
  describe("a closed switch", testClosedSwitch);
  describe("a line that another program holds", testHeldLine);
} else {
  test("who opens the outputs on a real kernel", ({ skip }) => skip(missing));
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
