// Lines whose other end a test holds, on a real kernel: a chip of the kernel's own simulator (gpio-sim), made and
// removed through configfs. Needs root on a kernel that has it, such as the guest of `make test-kernel`.

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import type { LineWiring } from "../../hal/board.ts";
import { listChips } from "../../hal/linux/gpio-chip.ts";
import { locateLine, type WiredLine } from "../../hal/linux/gpio-wiring.ts";

const CONFIG = "/sys/kernel/config/gpio-sim";

/** Why there is none here; undefined where there is. */
export function gpioSimMissing(): string | undefined {
  if (!existsSync(CONFIG))
    return "this kernel has no gpio-sim: `make test-kernel` runs it in a guest";
  return process.getuid?.() === 0 ? undefined : "gpio-sim wants root";
}

export interface GpioSim {
  label: string;
  lines: number;
  /** Of its lines under /sys. */
  path: string;
  /** The world pulls the wire of an input, or of a line that nobody holds. */
  pull(offset: number, high: boolean): void;
  /** The level on the wire. */
  level(offset: number): boolean;
  close(): void;
}

let made = 0;

export function openGpioSim(lines = 8): GpioSim {
  const name = `sluice-${process.pid}-${made++}`;
  const device = `${CONFIG}/${name}`;
  const bank = `${device}/bank0`;
  mkdirSync(bank, { recursive: true });
  writeFileSync(`${bank}/num_lines`, String(lines));
  writeFileSync(`${bank}/label`, name);
  writeFileSync(`${device}/live`, "1");
  const read = (file: string): string => readFileSync(file, "utf8").trim();
  const chip = `/sys/devices/platform/${read(`${device}/dev_name`)}/${read(`${bank}/chip_name`)}`;
  return {
    label: name,
    lines,
    path: chip,
    pull: (offset, high) =>
      writeFileSync(`${chip}/sim_gpio${offset}/pull`, high ? "pull-up" : "pull-down"),
    level: (offset) => read(`${chip}/sim_gpio${offset}/value`) === "1",
    close: () => {
      writeFileSync(`${device}/live`, "0");
      rmdirSync(bank);
      rmdirSync(device);
    },
  };
}

/** Finds lines of the chip: a line's name is its offset. */
export function locateOn(
  sim: GpioSim,
  wiring: Partial<LineWiring> = {},
): (line: string) => WiredLine {
  const lines = Object.fromEntries(
    Array.from({ length: sim.lines }, (_, offset) => [
      String(offset),
      { ...wiring, pin: `${sim.label}/${offset}` },
    ]),
  );
  const board = { name: "bench", title: "Bench", outlets: [], lines };
  const computer = {
    name: "bench",
    title: "Bench",
    compatible: [],
    pins: {},
    uarts: [],
    generic: true as const,
    notes: [],
  };
  return (line) => locateLine(board, computer, listChips(), line);
}

/** Holds this thread: for pulses that come while nobody can be woken. */
export function holdMs(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
