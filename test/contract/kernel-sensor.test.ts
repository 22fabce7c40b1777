// The Sensor contract on what the kernel shows of 1-Wire thermometers and measuring chips, in folders of our own that
// look like the kernel's; and all that passes for a reading there and is none.

import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HalError } from "../../hal/hal-error.ts";
import { openHwmonSensor, openIioSensor } from "../../hal/linux/chip-sensor.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import { openW1Sensor, w1Temperature } from "../../hal/linux/w1-sensor.ts";
import type { Sensor } from "../../hal/sensor.ts";
import { describeSensor, type SensorUnderTest } from "./sensor.ts";

const POLL = { pollMs: 5, staleAfterMs: 1_000 };

async function until(done: () => boolean): Promise<void> {
  const limitMs = performance.now() + 10_000;
  while (!done()) {
    if (performance.now() > limitMs) throw new Error("it never came");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** In one go, as the kernel does it: a file that is seen half written is no reading. */
function write(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

function saysOf(sensor: Sensor): string {
  try {
    return `reads ${sensor.read().value}`;
  } catch (error) {
    return (error as Error).message;
  }
}

interface Folders extends SensorUnderTest {
  folder: string;
}

type Open = (folder: string) => { sensor: Sensor; unit: string; put(value: number): void };

async function inFolder(device: string, open: Open): Promise<Folders> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-kernel-"));
  mkdirSync(join(folder, device));
  const clock = openSystemClock();
  const { sensor, unit, put } = open(folder);
  return {
    folder,
    sensor,
    unit,
    set: async (value) => put(value),
    lose: async (lost) => {
      const [here, away] = [join(folder, device), join(folder, "..", `${device}-${process.pid}`)];
      renameSync(lost ? here : away, lost ? away : here);
    },
    until,
    nowMs: () => clock.monotonicMs(),
    dispose: async () => rmSync(folder, { recursive: true }),
  };
}

const W1 = "28-0316a2795bff";

/** The nine bytes of a thermometer's memory, and the two lines that the kernel makes of them. */
function w1Lines(bytes: readonly number[], verdict: string, shown: number): string {
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const crc = hex.slice(-2);
  return `${hex} : crc=${crc} ${verdict}\n${hex} t=${shown}\n`;
}

const w1 = (verdict = "YES"): Promise<Folders> =>
  inFolder(W1, (folder) => {
    const part = { kind: "w1", id: "air", unit: "m°C", device: W1, ...POLL } as const;
    const path = join(folder, W1, "w1_slave");
    const put = (value: number) =>
      write(path, w1Lines([0x91, 1, 0x4b, 0x46, 0x7f, 0xff, 0x0f, 0x10, 0x25], verdict, value));
    put(20_000);
    return { sensor: openW1Sensor(part, openSystemClock(), folder), unit: "m°C", put };
  });

const hwmon = (): Promise<Folders> =>
  inFolder("hwmon3", (folder) => {
    const at = (file: string) => join(folder, "hwmon3", file);
    const part = {
      kind: "hwmon",
      id: "coil",
      unit: "mA",
      chip: "ina219",
      channel: "curr1",
    } as const;
    write(at("name"), "ina219\n");
    const put = (value: number) => write(at("curr1_input"), `${value}\n`);
    put(5);
    return {
      sensor: openHwmonSensor({ ...part, ...POLL }, openSystemClock(), folder),
      unit: "mA",
      put,
    };
  });

const iio = (): Promise<Folders> =>
  inFolder("iio:device0", (folder) => {
    const at = (file: string) => join(folder, "iio:device0", file);
    const part = { kind: "iio", id: "level", unit: "dL", device: "ads1015" } as const;
    write(at("name"), "ads1015\n");
    write(at("in_voltage_scale"), "0.500000000\n");
    write(at("in_voltage2_offset"), "-40\n");
    const perKernelUnit = { numerator: 3, denominator: 2 };
    // (raw - 40) * 0.5 mV, one and a half of ours to a millivolt.
    const put = (value: number) => write(at("in_voltage2_raw"), `${(value * 4) / 3 + 40}\n`);
    put(3);
    const channel = { channel: "in_voltage2", perKernelUnit, ...POLL };
    return {
      sensor: openIioSensor({ ...part, ...channel }, openSystemClock(), folder),
      unit: "dL",
      put,
    };
  });

describeSensor("a 1-Wire thermometer", () => w1());
describeSensor("a channel of a hwmon chip", hwmon);
describeSensor("a channel of an IIO device", async () => ({
  ...(await iio()),
  values: [1_200, 0, 1_197],
}));

describe("a DS18B20", () => {
  const GOOD = "91 01 4b 46 7f ff 0f 10 25";
  const lines = (bytes: string, verdict: string, shown: string): string =>
    `${bytes} : crc=${bytes.slice(-2)} ${verdict}\n${bytes} t=${shown}\n`;

  test.each([
    ["a usual reading", lines(GOOD, "YES", "25062"), 25_062],
    ["below zero", lines("5e ff 4b 46 7f ff 02 10 ab", "YES", "-10125"), -10_125],
    ["a true 85 degrees", lines("50 05 4b 46 7f ff 10 10 1c", "YES", "85000"), 85_000],
  ])("reads %s", (_, text, value) => {
    expect(w1Temperature(text)).toBe(value);
  });

  test.each([
    ["the number before, on a wrong checksum", lines(GOOD, "NO", "25062"), /checksum is wrong/],
    [
      "85 degrees that nobody measured",
      lines("50 05 4b 46 7f ff 0c 10 1c", "YES", "85000"),
      /not measured since its power came/,
    ],
    [
      "the end of the scale, for want of power",
      lines("ff 07 4b 46 7f ff 10 10 d6", "YES", "127937"),
      /power does not last/,
    ],
    ["zeros, whose checksum is zero", lines("00 00 00 00 00 00 00 00 00", "YES", "0"), /all zeros/],
    ["ones, of a wire that hangs", lines("ff ff ff ff ff ff ff ff ff", "NO", "-62"), /checksum/],
    ["what is beyond its scale", lines(GOOD, "YES", "126000"), /no temperature/],
    ["a number without a first line", "t=25062\n", /not what a DS18B20 shows/],
    ["nothing", "", /not what a DS18B20 shows/],
    ["half of it", `${GOOD} : crc=25 YES\n`, /not what a DS18B20 shows/],
  ])("I11: refuses %s", (_, text, words) => {
    expect(() => w1Temperature(text)).toThrow(words);
    expect(() => w1Temperature(text)).toThrow(HalError);
  });

  test("I11: any text is a temperature within its scale or refused", () => {
    const anything = fc.oneof(
      fc.string(),
      fc
        .tuple(fc.uint8Array({ minLength: 9, maxLength: 9 }), fc.boolean(), fc.integer())
        .map(([bytes, yes, shown]) => w1Lines([...bytes], yes ? "YES" : "NO", shown)),
    );
    fc.assert(
      fc.property(anything, (text) => {
        try {
          expect(Math.abs(w1Temperature(text))).toBeLessThanOrEqual(125_000);
        } catch (error) {
          expect(error).toBeInstanceOf(HalError);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("as a sensor it says so, with its name", async () => {
    const bench = await w1("NO");
    try {
      await until(() => !saysOf(bench.sensor).includes("not answered yet"));
      expect(saysOf(bench.sensor)).toBe("sensor air: its checksum is wrong");
    } finally {
      bench.sensor.close();
      await bench.dispose();
    }
  });
});

describe("a measuring chip", () => {
  const says = async (bench: Folders, change: () => void, words: RegExp): Promise<void> => {
    try {
      await until(() => saysOf(bench.sensor).startsWith("reads"));
      change();
      await until(() => words.test(saysOf(bench.sensor)));
      expect(saysOf(bench.sensor)).toMatch(words);
    } finally {
      bench.sensor.close();
      await bench.dispose();
    }
  };

  test("that says it is broken is no reading", async () => {
    const bench = await hwmon();
    const fault = join(bench.folder, "hwmon3", "curr1_fault");
    await says(
      bench,
      () => write(fault, "1\n"),
      /^sensor coil: ina219 says that its curr1 is broken$/,
    );
  });

  test("is found again under another number", async () => {
    const bench = await hwmon();
    await says(
      bench,
      () => {
        write(join(bench.folder, "hwmon3", "curr1_input"), "77\n");
        renameSync(join(bench.folder, "hwmon3"), join(bench.folder, "hwmon9"));
      },
      /^reads 77$/,
    );
  });

  test("whose number another one has by now is looked up anew", async () => {
    const bench = await hwmon();
    await says(
      bench,
      () => {
        const [here, there] = [join(bench.folder, "hwmon3"), join(bench.folder, "hwmon9")];
        const other = join(bench.folder, "other");
        mkdirSync(other);
        write(join(other, "name"), "coretemp\n");
        write(join(other, "curr1_input"), "1\n");
        write(join(here, "curr1_input"), "77\n");
        renameSync(here, there);
        renameSync(other, here);
      },
      /^reads 77$/,
    );
  });

  test("of which there are two is not guessed at", async () => {
    const bench = await hwmon();
    await says(
      bench,
      () => {
        const other = join(bench.folder, "hwmon4");
        mkdirSync(other);
        write(join(other, "name"), "ina219\n");
        // The one that was known is looked up anew only when it fails.
        rmSync(join(bench.folder, "hwmon3", "curr1_input"));
      },
      /more than one device is called ina219/,
    );
  });

  test.each(["", "1e3", "0x10", "1.2.3", "99999999999999", "nan"])(
    "I11: a raw value of %j is no reading",
    async (text) => {
      const bench = await iio();
      const path = join(bench.folder, "iio:device0", "in_voltage2_raw");
      await says(bench, () => write(path, text), /holds no number$/);
    },
  );

  test("I11: a value beyond all reason is no reading", async () => {
    const bench = await iio();
    const path = join(bench.folder, "iio:device0", "in_voltage2_raw");
    await says(bench, () => write(path, "999999999999\n"), /holds no integer within/);
  });
});
