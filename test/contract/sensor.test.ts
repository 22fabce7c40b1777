// The Sensor contract on a tank of the bench and on a file; and what only a file can be: anything at all.

import { execFileSync } from "node:child_process";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { virtualPump } from "../../boards/virtual-pump.ts";
import { openFileSensor } from "../../hal/linux/file-sensor.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import type { Sensor } from "../../hal/sensor.ts";
import { openSimBoard } from "../../hal/sim/open-board.ts";
import { simWorld } from "../../hal/sim/world.ts";
import { describeSensor, type SensorUnderTest } from "./sensor.ts";

describeSensor("a tank of the bench", async () => {
  const world = simWorld({ seed: 1 });
  const { sensors } = openSimBoard(world, virtualPump);
  return {
    sensor: sensors.open({ kind: "virtual", id: "tank", unit: "dL", staleAfterMs: 1_000 }),
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
