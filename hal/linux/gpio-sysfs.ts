// Numbers of GPIO lines in sysfs: the chip's base, which moves between kernels, plus the line's offset. The chip is
// found by its label.

import { accessSync, constants, readdirSync, readFileSync } from "node:fs";
import type { GpioChip } from "./gpio-chip.ts";

export const SYSFS_GPIO = "/sys/class/gpio";

/** Undefined where there is no sysfs GPIO, we may not use it, or the chip cannot be told from another. */
export function sysfsNumber(chip: GpioChip, offset: number, root = SYSFS_GPIO): number | undefined {
  const bases: number[] = [];
  try {
    accessSync(`${root}/export`, constants.W_OK);
    for (const name of readdirSync(root)) {
      if (!name.startsWith("gpiochip")) continue;
      const read = (file: string): string => readFileSync(`${root}/${name}/${file}`, "utf8").trim();
      if (read("label") !== chip.label || Number(read("ngpio")) !== chip.names.length) continue;
      bases.push(Number(read("base")));
    }
  } catch {
    return undefined;
  }
  const [base] = bases;
  return base === undefined || bases.length > 1 || !Number.isSafeInteger(base)
    ? undefined
    : base + offset;
}
