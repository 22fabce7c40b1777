// Outputs that do not take the order to open when they are closed, as behind an expander whose bus is disturbed: whoever
// closes must hear of it, because the guard goes only when all is open. On calls of the kernel that are made up here.

import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test, vi } from "vitest";
import { HalError } from "../../../hal/hal-error.ts";
import { openChipLines } from "../../../hal/linux/gpio-chip-lines.ts";
import { startGuard } from "../../../hal/linux/gpio-guard.ts";
import type { WiredLine } from "../../../hal/linux/gpio-wiring.ts";
import { openOnoffLines } from "../../../hal/linux/onoff-lines.ts";

const GET_LINEINFO = 0xc100b405;
const GET_LINE = 0xc250b407;
const SET_VALUES = 0xc010b40f;
const EBUSY = -16;
const ENODEV = -19;
const EREMOTEIO = -121;
const NUMBER = 517;

const kernel = vi.hoisted(() => ({
  sysfs: "",
  refuses: false,
  isGone: false,
  level: 0n,
  lineFd: -1,
  holder: "",
  unexported: 0,
  guard: "",
}));

vi.mock("../../../hal/linux/native.ts", async (original) => {
  const actual = await original<typeof import("../../../hal/linux/native.ts")>();
  const ioctl = (_fd: number, request: number, bytes: Buffer): number => {
    if (request === GET_LINEINFO) {
      bytes.write(kernel.holder, 32);
      bytes.writeUInt32LE(kernel.holder === "" ? 0 : 1, 72);
      return 0;
    }
    if (request === GET_LINE) {
      if (kernel.holder !== "") return EBUSY;
      kernel.lineFd = openSync("/dev/null", "r");
      bytes.writeInt32LE(kernel.lineFd, 588);
      return 0;
    }
    if (kernel.isGone) return ENODEV;
    if (request !== SET_VALUES || kernel.refuses) return EREMOTEIO;
    kernel.level = bytes.readBigUInt64LE(0);
    return 0;
  };
  return { ...actual, loadNative: () => ({ ioctl }), nativePath: () => kernel.guard };
});

vi.mock("../../../hal/linux/gpio-sysfs.ts", () => ({
  get SYSFS_GPIO() {
    return kernel.sysfs;
  },
  sysfsNumber: () => NUMBER,
}));

vi.mock("node:module", async (original) => {
  const actual = await original<typeof import("node:module")>();
  class Gpio {
    writeSync(value: number): void {
      if (kernel.isGone) throw Object.assign(new Error("write"), { code: "ENODEV" });
      if (kernel.refuses) throw Object.assign(new Error("write"), { code: "EREMOTEIO" });
      kernel.level = BigInt(value);
    }
    unexport(): void {
      kernel.unexported++;
    }
  }
  const createRequire = () => () => ({ Gpio });
  return { ...actual, createRequire, default: { ...actual, createRequire } };
});

kernel.sysfs = mkdtempSync(join(tmpdir(), "sluice-sysfs-"));
mkdirSync(join(kernel.sysfs, `gpio${NUMBER}`));
writeFileSync(join(kernel.sysfs, `gpio${NUMBER}`, "direction"), "out\n");
writeFileSync(join(kernel.sysfs, `gpio${NUMBER}`, "active_low"), "0\n");
writeFileSync(join(kernel.sysfs, "unexport"), "");
// A guard that keeps what it heard, where its one output is named.
kernel.guard = join(kernel.sysfs, "guard");
const GUARD = `#!/bin/sh\necho ready\ncat > "$3.part"\nmv "$3.part" "$3"\n`;
writeFileSync(kernel.guard, GUARD, { mode: 0o700 });
afterAll(() => rmSync(kernel.sysfs, { recursive: true }));

beforeEach(() => {
  Object.assign(kernel, { refuses: false, isGone: false, level: 0n, holder: "", unexported: 0 });
});

const locate = (name: string): WiredLine => ({
  ...{ name, pin: "11", wiring: { pin: "11" }, offset: 5 },
  chip: { path: "/dev/null", label: "expander", names: [] },
});

const DRIVERS = [
  ["gpiochip", openChipLines],
  ["onoff", openOnoffLines],
] as const;

test.each(DRIVERS)("I7: %s: an output that did not open at close says so, once", (_, open) => {
  const output = open(locate).output("relay");
  output.set(true);
  kernel.refuses = true;
  expect(() => output.close()).toThrow(HalError);
  expect(kernel.level).toBe(1n);
  expect(() => output.close()).not.toThrow();
  // The number of a line in sysfs must stay: by it the guard still finds the line.
  expect(kernel.unexported).toBe(0);
});

test.each(DRIVERS)(
  "%s: a chip that is gone drives nothing, and is closed without a word",
  (_, open) => {
    const output = open(locate).output("relay");
    output.set(true);
    kernel.isGone = true;
    expect(() => output.set(false)).toThrow(/line relay is gone: ENODEV/);
    expect(() => output.close()).not.toThrow();
  },
);

test("a line that did not open is given up all the same", () => {
  const output = openChipLines(locate).output("relay");
  kernel.refuses = true;
  expect(() => output.close()).toThrow(/line relay is gone: EREMOTEIO/);
  expect(() => closeSync(kernel.lineFd)).toThrow(/EBADF/);
});

test("onoff: one that opened is given up", () => {
  const output = openOnoffLines(locate).output("relay");
  output.set(true);
  output.close();
  expect([kernel.level, kernel.unexported]).toEqual([0n, 1]);
});

test("I7: a line wired to the pin of our own output in sysfs is refused, and takes nothing away", () => {
  const relay = openOnoffLines(locate).output("relay");
  kernel.holder = "sysfs";
  expect(() => openChipLines(locate).edges("flow")).toThrow(/busy: held by this program itself/);
  expect(() => openChipLines(locate).edges("flow")).toThrow(HalError);
  kernel.holder = "";
  relay.close();
});

test.each([
  ["let go hears so", "close", "q"],
  ["left to open the outputs hears nothing but the end", "abandon", ""],
] as const)("I7: a guard that is %s", async (_, how, words) => {
  const heard = join(kernel.sysfs, how);
  const onLost = vi.fn();
  const guard = await startGuard({ outputs: [heard], silentMsMax: 1_000, onLost });
  guard[how]();
  guard[how]();
  await vi.waitFor(() => expect(readFileSync(heard, "utf8")).toBe(words));
  expect(onLost).not.toHaveBeenCalled();
});
