// Listing the GPIO chips of a machine whose chips cannot be asked: why, in the words of what is the matter.

import { expect, test, vi } from "vitest";
import { HalError } from "../../../hal/hal-error.ts";
import { listChips } from "../../../hal/linux/gpio-chip.ts";

const ENOTTY = -25;
const state = vi.hoisted(() => ({ isBuilt: false }));

vi.mock("node:fs", async (original) => ({
  ...(await original<typeof import("node:fs")>()),
  readdirSync: () => ["gpiochip0", "null"],
  lstatSync: () => ({ isSymbolicLink: () => false }),
  openSync: () => 1_000_000,
  closeSync: () => undefined,
}));

vi.mock("../../../hal/linux/native.ts", async (original) => ({
  ...(await original<typeof import("../../../hal/linux/native.ts")>()),
  loadNative: () => {
    if (!state.isBuilt) throw new HalError("refused", "the native part is not built");
    return { ioctl: () => ENOTTY };
  },
}));

test("a native part that was not built is not taken for a machine without chips", () => {
  state.isBuilt = false;
  expect(listChips).toThrow("the native part is not built");
});

test("nor is a kernel that is too old", () => {
  state.isBuilt = true;
  expect(listChips).toThrow(/^\/dev\/gpiochip0: ENOTTY: this kernel's GPIO is older than 5\.10/);
});
