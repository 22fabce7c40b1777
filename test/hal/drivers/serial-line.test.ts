// A kept serial line: it comes back by itself, tells both, and asks for a port that is gone ever more rarely.

import { expect, test } from "vitest";
import { keepSerialLine } from "../../../hal/drivers/serial-line.ts";
import { HalError } from "../../../hal/hal-error.ts";
import type { SerialPort } from "../../../hal/serial.ts";
import { type SimSerial, simSerial } from "../../../hal/sim/sim-serial.ts";
import { simWorld } from "../../../hal/sim/world.ts";

function bench(plugged = true) {
  const world = simWorld({ seed: 3 });
  const told: [atMs: number, up: boolean][] = [];
  const got: number[] = [];
  const state = { plugged, cable: undefined as SimSerial | undefined };
  const tries: number[] = [];
  const open = async (): Promise<SerialPort> => {
    tries.push(world.nowMs());
    if (!state.plugged) throw new HalError("disconnected", "no such port");
    state.cable = simSerial(world, { baud: 115_200 });
    return state.cable.a;
  };
  const line = keepSerialLine(open, world.clock);
  line.onState((up) => told.push([world.nowMs(), up]));
  line.onData((bytes) => got.push(...bytes));
  const unplug = (): void => {
    state.plugged = false;
    state.cable?.unplug();
  };
  return { world, line, state, told, got, tries, unplug };
}

const kindOf = (write: Promise<void>): Promise<string> =>
  write.then(
    () => "written",
    (error: unknown) => (error instanceof HalError ? error.kind : "something else"),
  );

test("it comes up, carries bytes both ways, and says so", async () => {
  const { world, line, state, told, got } = bench();
  await world.runFor(0);
  expect([line.isUp(), line.trouble(), told]).toEqual([true, undefined, [[0, true]]]);
  const there: number[] = [];
  state.cable?.b.onData((bytes) => there.push(...bytes));
  const write = line.write(Uint8Array.of(1, 2));
  void state.cable?.b.write(Uint8Array.of(3));
  await world.runFor(10);
  expect([await kindOf(write), there, got]).toEqual(["written", [1, 2], [3]]);
});

test("a port that is gone is tried at growing intervals, and found when it is back", async () => {
  const { world, line, state, told, tries } = bench(false);
  await world.runFor(20_000);
  expect(tries.slice(0, 7)).toEqual([0, 100, 300, 700, 1_500, 3_100, 6_300]);
  expect(tries.at(-1)).toBe(16_300);
  expect([line.isUp(), line.trouble(), told]).toEqual([false, "no such port", []]);
  expect(await kindOf(line.write(Uint8Array.of(1)))).toBe("disconnected");
  state.plugged = true;
  await world.runFor(5_000);
  expect([line.isUp(), told]).toEqual([true, [[21_300, true]]]);
});

test("pulled and plugged in: down once, up once, and the first attempt is quick again", async () => {
  const { world, line, state, told, unplug } = bench();
  await world.runFor(5_000);
  const write = kindOf(line.write(new Uint8Array(1_000)));
  unplug();
  await world.runFor(1);
  expect([await write, line.isUp()]).toEqual(["disconnected", false]);
  state.plugged = true;
  await world.runFor(200);
  expect(told).toEqual([
    [0, true],
    [5_000, false],
    [5_100, true],
  ]);
});

test("a port that does not stay is not tried without end", async () => {
  const { world, state, tries, unplug } = bench();
  for (let i = 0; i < 200; i++) {
    state.plugged = true;
    await world.runFor(100);
    unplug();
  }
  expect(tries.length).toBeLessThan(12);
});

test("opened anew on demand, and bytes of the old port are not heard", async () => {
  const { world, line, state, told, got } = bench();
  await world.runFor(2_000);
  const old = state.cable;
  void old?.b.write(new Uint8Array(100));
  line.reopen();
  await world.runFor(150);
  expect(told.map(([, up]) => up)).toEqual([true, false, true]);
  expect([got, state.cable === old]).toEqual([[], false]);
});

test("closed for good, also while it is being opened", async () => {
  const { world, line, tries, told } = bench();
  await world.runFor(10);
  await line.close();
  await line.close();
  await world.runFor(20_000);
  expect([line.isUp(), tries.length, told]).toEqual([false, 1, [[0, true]]]);
  expect(await kindOf(line.write(Uint8Array.of(1)))).toBe("canceled");

  const { a } = simSerial(world, { baud: 9600 });
  let opened: (port: SerialPort) => void = () => {};
  const slow = keepSerialLine(() => new Promise((resolve) => (opened = resolve)), world.clock);
  await world.runFor(10);
  await slow.close();
  opened(a);
  await world.runFor(10);
  expect(slow.isUp()).toBe(false);
  expect(await kindOf(a.write(Uint8Array.of(1)))).toBe("canceled");
});

test("what a port says after it was given up is not heard", async () => {
  const world = simWorld({ seed: 1 });
  const heard: ((bytes: Uint8Array) => void)[] = [];
  const line = keepSerialLine(async () => {
    return {
      ...{ write: async () => {}, onLost: () => {}, close: async () => {} },
      onData: (listener) => heard.push(listener),
    };
  }, world.clock);
  const got: number[] = [];
  line.onData((bytes) => got.push(...bytes));
  await world.runFor(10);
  line.reopen();
  heard[0]?.(Uint8Array.of(1));
  await world.runFor(1_000);
  heard[0]?.(Uint8Array.of(2));
  heard[1]?.(Uint8Array.of(3));
  expect(got).toEqual([3]);
});
