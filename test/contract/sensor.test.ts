// The Sensor contract on a tank of the bench, on a digital input, on one that is believed only while it is plausible,
// and on a file; and what only a file can be: anything at all. The other sensors of the kernel: kernel-sensor.test.ts.

import { execFileSync } from "node:child_process";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { virtualPump } from "../../boards/virtual-pump.ts";
import type { Plausible } from "../../hal/board.ts";
import { openInputSensor } from "../../hal/drivers/input-sensor.ts";
import { openPlausibleSensor } from "../../hal/drivers/plausible-sensor.ts";
import { openFileSensor } from "../../hal/linux/file-sensor.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import type { Sensor } from "../../hal/sensor.ts";
import { openSimBoard } from "../../hal/sim/open-board.ts";
import { simPins } from "../../hal/sim/sim-pins.ts";
import { simWorld } from "../../hal/sim/world.ts";
import { describeSensor, type SensorUnderTest } from "./sensor.ts";

describeSensor("a tank of the bench", async () => {
  const world = simWorld({ seed: 1 });
  const { sensors } = openSimBoard(world, virtualPump);
  return {
    sensor: sensors.open({ id: "tank", unit: "dL" }),
    unit: "dL",
    set: async (value) => sensors.fill("tank", value),
    lose: async (lost) => sensors.setFaults("tank", { lost }),
    until: async (done) => {
      for (let i = 0; i < 100 && !done(); i++) await world.runFor(10);
      expect(done()).toBe(true);
    },
    nowMs: world.nowMs,
    dispose: async () => {},
  };
});

function digitalInput(): SensorUnderTest {
  const world = simWorld({ seed: 1 });
  const pins = simPins(world);
  const input = pins.lines.input("float");
  return {
    sensor: openInputSensor(input, world.clock, { id: "float", unit: "on" }),
    unit: "on",
    values: [1, 0, 1],
    set: async (value) => pins.drive("float", value === 1),
    lose: async (lost) => (lost ? pins.unplug("float") : pins.plugIn("float")),
    until: async (done) => {
      for (let i = 0; i < 100 && !done(); i++) await world.runFor(10);
      expect(done()).toBe(true);
    },
    nowMs: world.nowMs,
    dispose: async () => {},
  };
}

describeSensor("a digital input", async () => digitalInput());
describeSensor("one that is plausible", async () => {
  const bench = digitalInput();
  const limits = { min: 0, max: 1, frozenAfterMs: 3_600_000 };
  return { ...bench, sensor: openPlausibleSensor(bench.sensor, "float", limits) };
});

describe("a sensor that is believed only while it is plausible", () => {
  const open = (plausible: Plausible) => {
    const world = simWorld({ seed: 1 });
    const { sensors } = openSimBoard(world, virtualPump);
    const sensor = openPlausibleSensor(sensors.open({ id: "tank", unit: "dL" }), "tank", plausible);
    return { world, sensors, sensor };
  };

  test("says in words what cannot be, until it can be again", () => {
    const { sensors, sensor } = open({ min: 10, max: 3_000 });
    for (const [level, expected] of [
      [10, "reads 10"],
      [9, "sensor tank: 9 is below 10, the least"],
      [3_000, "reads 3000"],
      [3_001, "sensor tank: 3001 is above 3000, the most"],
      [20, "reads 20"],
    ] as const) {
      sensors.fill("tank", level);
      expect(trouble(sensor)).toBe(expected);
    }
  });

  test("one that says the same for too long is frozen, until it moves", () => {
    const { world, sensors, sensor } = open({ frozenAfterMs: 60_000 });
    sensors.fill("tank", 500);
    for (let i = 0; i < 10; i++) {
      expect(trouble(sensor)).toBe("reads 500");
      world.advance(5_999);
    }
    world.advance(20);
    expect(trouble(sensor)).toBe("sensor tank: it has read 500 for 60 s");
    sensors.fill("tank", 499);
    expect(trouble(sensor)).toBe("reads 499");
  });

  test("one whose reading only grows old is not frozen", () => {
    const { world, sensors, sensor } = open({ frozenAfterMs: 60_000 });
    sensors.setFaults("tank", { frozen: true });
    trouble(sensor);
    world.advance(600_000);
    expect(trouble(sensor)).toMatch(/^reads/);
  });
});

interface FileUnderTest extends SensorUnderTest {
  write(text: string | Uint8Array): void;
  path: string;
}

async function openFile(): Promise<FileUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-sensor-"));
  const path = join(folder, "in0_input");
  const clock = openSystemClock();
  // In one go, as the kernel does it: a file that is seen half written is no reading.
  const write = (text: string | Uint8Array): void => {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  write("0\n");
  const sensor = openFileSensor({ id: "tank", unit: "mV", path, pollMs: 5 }, clock);
  return {
    sensor,
    unit: "mV",
    path,
    write,
    set: async (value) => write(`${value}\n`),
    lose: async (lost) => {
      if (lost) rmSync(path);
    },
    until,
    nowMs: () => clock.monotonicMs(),
    dispose: async () => rmSync(folder, { recursive: true }),
  };
}

async function until(done: () => boolean): Promise<void> {
  const limitMs = performance.now() + 10_000;
  while (!done()) {
    if (performance.now() > limitMs) throw new Error("it never came");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

function trouble(sensor: Sensor): string {
  try {
    return `reads ${sensor.read().value}`;
  } catch (error) {
    return (error as Error).message;
  }
}

describeSensor("a file", openFile);

describe("a file as a sensor", () => {
  const shows = async (text: string | Uint8Array, expected: RegExp): Promise<void> => {
    const { sensor, write, path, dispose } = await openFile();
    try {
      await until(() => trouble(sensor) === "reads 0");
      write(text);
      await until(() => trouble(sensor) !== "reads 0");
      expect(trouble(sensor).replace(path, "FILE")).toMatch(expected);
    } finally {
      sensor.close();
      await dispose();
    }
  };

  test.each([
    ["21500\n", 21_500],
    ["-12", -12],
    [" +7 \n", 7],
    ["1000000000\n", 1_000_000_000],
  ])("takes %j", (text, value) => shows(text, new RegExp(`^reads ${value}$`)));

  test.each([
    "",
    "\n",
    "12.5\n",
    "1e3\n",
    "0x10\n",
    "1 2\n",
    "error\n",
    "1000000001\n",
    "99999999999\n",
    "9".repeat(100_000),
    `7${" ".repeat(100)}`,
    Uint8Array.of(0x37, 0, 0x38),
  ])("I11: what is no integer is no reading: %j", (text) =>
    shows(text, /^sensor tank: FILE holds no integer within 1000000000 either way$/),
  );

  test("a folder, or a pipe that nobody writes to, is no reading and holds nothing up", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-sensor-"));
    const clock = openSystemClock();
    const part = { id: "tank", unit: "mV", pollMs: 5 };
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    for (const [path, expected] of [
      [folder, /cannot be read/],
      [pipe, /cannot be read/],
      [join(folder, "nothing"), /cannot be read/],
    ] as const) {
      const sensor = openFileSensor({ ...part, path }, clock);
      expect(trouble(sensor)).toBe("sensor tank has not answered yet");
      await until(() => !trouble(sensor).includes("not answered yet"));
      expect(trouble(sensor)).toMatch(expected);
      sensor.close();
    }
    rmSync(folder, { recursive: true });
  });
});
