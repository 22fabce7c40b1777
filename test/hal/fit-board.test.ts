// A board as the device file fits it: ports and lines in place of the board's own, and nothing else changed.

import { expect, test } from "vitest";
import { genericPump } from "../../boards/generic-pump.ts";
import { fitBoard } from "../../hal/fit-board.ts";

const BOARD = {
  ...genericPump,
  serial: { meters: { path: "/dev/serial0", settings: { baud: 9600 } } },
  lines: { valve: { pin: "11", activeLow: true as const }, flow: { pin: "13" } },
};

test("paths and wirings of the file take the place of the board's own, whole", () => {
  const fitted = fitBoard(BOARD, {
    serial: { meters: "/dev/ttyUSB0" },
    lines: { valve: { pin: "gpiochip0/17" } },
  });
  expect(fitted).toEqual({
    ...BOARD,
    serial: { meters: { path: "/dev/ttyUSB0", settings: { baud: 9600 } } },
    lines: { valve: { pin: "gpiochip0/17" }, flow: { pin: "13" } },
  });
});

test("a file that says nothing leaves the board as it is", () => {
  expect(fitBoard(BOARD, { serial: {}, lines: {} })).toEqual(BOARD);
  expect(fitBoard(genericPump, { serial: {}, lines: {} })).toEqual(genericPump);
});
