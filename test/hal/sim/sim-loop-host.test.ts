// The simulated way between a device and its loop: order, delay, death and blocking.

import { expect, test } from "vitest";
import type { LoopCommand, LoopReport } from "../../../hal/loop-host.ts";
import { type SimLoopHost, simLoopHost } from "../../../hal/sim/sim-loop-host.ts";
import { type SimWorld, simWorld } from "../../../hal/sim/world.ts";

interface Bench {
  world: SimWorld;
  host: SimLoopHost;
  commands: [number, LoopCommand][];
  reports: [number, LoopReport][];
}

function bench(delayMs: number | readonly [number, number]): Bench {
  const world = simWorld({ seed: 4 });
  const host = simLoopHost(world, { delayMs });
  const commands: Bench["commands"] = [];
  const reports: Bench["reports"] = [];
  host.loop().onCommand((command) => commands.push([world.nowMs(), command]));
  host.device.onReport((report) => reports.push([world.nowMs(), report]));
  return { world, host, commands, reports };
}

function extend(pulses: number): LoopCommand {
  return { do: "extend", session: "s", pulses };
}

const ready: LoopReport = { on: "ready", atMs: 0, outlets: [], sensors: [] };

test("messages arrive after the delay", () => {
  const { world, host, commands, reports } = bench(3);
  host.device.send(extend(1));
  host.loop().report(ready);
  expect([commands, reports]).toEqual([[], []]);
  world.advance(10);
  expect(commands).toEqual([[3, extend(1)]]);
  expect(reports).toEqual([[3, ready]]);
  expect(host.delivered()).toBe(2);
});

test("messages keep their order whatever the delay", () => {
  const { world, host, commands } = bench([0, 50]);
  for (let i = 1; i <= 50; i++) {
    host.device.send(extend(i));
    world.advance(1);
  }
  world.advance(100);
  expect(commands.map(([, command]) => command)).toEqual(
    Array.from({ length: 50 }, (_, i) => extend(i + 1)),
  );
});

test("a cut loses what is on the way and is reported; a new loop can take its place", () => {
  const { world, host, commands, reports } = bench(3);
  const dead = host.loop();
  dead.report(ready);
  host.device.send(extend(1));
  world.advance(1);
  host.cut("killed");
  dead.report(ready);
  world.advance(10);
  expect(commands).toEqual([]);
  expect(reports.at(-1)?.[1]).toEqual({ on: "lost", why: "killed" });
  const count = reports.length;
  const next = host.restart();
  next.report(ready);
  dead.report(ready);
  world.advance(10);
  expect(reports).toHaveLength(count + 1);
  expect(reports.at(-1)?.[1]).toEqual(ready);
});

test("while the device is blocked nothing reaches it and nothing leaves it", () => {
  const { world, host, commands, reports } = bench(1);
  host.blockDevice(2_000);
  host.loop().report(ready);
  host.device.send(extend(1));
  world.advance(1_999);
  expect([commands, reports]).toEqual([[], []]);
  world.advance(10);
  expect(reports).toEqual([[2_000, ready]]);
  expect(commands).toEqual([[2_001, extend(1)]]);
});

test("close ends the loop and waits for it", async () => {
  const { world, host } = bench(5);
  let ended = false;
  host.loop().onClose(() => {
    ended = true;
  });
  const closed = host.device.close().then(() => ended);
  await world.runFor(10);
  expect(await closed).toBe(true);
  await host.device.close();
});
