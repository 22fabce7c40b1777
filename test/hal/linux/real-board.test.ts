// Which computer a board is taken to be plugged on. What is opened there is tested on a real kernel (test/kernel/).

import { describe, expect, test } from "vitest";
import { COMPUTERS } from "../../../boards/computers.ts";
import { genericPump } from "../../../boards/generic-pump.ts";
import { HalError } from "../../../hal/hal-error.ts";
import { computerFor, openRealBoard } from "../../../hal/linux/real-board.ts";
import { openSystemClock } from "../../../hal/linux/system-clock.ts";

const pi = COMPUTERS.filter(({ name }) => name.startsWith("raspberry"));
const generic = COMPUTERS.filter((one) => one.generic === true);

describe("the computer of a board", () => {
  // This machine has no device tree, or one that none of ours is like.
  test("is the generic one on a machine that is none of ours", () => {
    expect(computerFor(genericPump, COMPUTERS)).toBe(generic[0]);
  });

  test("is refused where the board fits on others only, by their names", () => {
    const board = { ...genericPump, computers: pi.map(({ name }) => name) };
    const find = (): unknown => computerFor(board, COMPUTERS);
    expect(find).toThrow(HalError);
    expect(find).toThrow(/fits on raspberry-pi-zero-2-w, .*; this is a Linux computer/);
  });
});

test("a board that cannot be opened is refused in words, and nothing is left running", async () => {
  const board = {
    ...genericPump,
    lines: { valve: { pin: "nowhere/1" }, flow: { pin: "nowhere/2" } },
  };
  const opening = openRealBoard(board, COMPUTERS, openSystemClock(), () => {});
  await expect(opening).rejects.toThrow(/line valve, pin nowhere\/1: /);
});
