// From a line's name to chip and offset: computers as data, boards on them, and the words for what is not there.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { genericLinux } from "../../../boards/computers/generic-linux.ts";
import { raspberryPi4B } from "../../../boards/computers/raspberry-pi-4b.ts";
import { COMPUTERS } from "../../../boards/computers.ts";
import { BOARDS } from "../../../boards/registry.ts";
import type { Board } from "../../../hal/board.ts";
import type { Computer } from "../../../hal/computer.ts";
import { detectComputer } from "../../../hal/linux/gpio-lines.ts";
import { sysfsNumber } from "../../../hal/linux/gpio-sysfs.ts";
import { lineUses, locateLine } from "../../../hal/linux/gpio-wiring.ts";

const chipOf = (path: string, label: string, names: readonly string[]) => ({ path, label, names });
const numbered = (lines: number): string[] => Array.from({ length: lines }, (_, at) => `GPIO${at}`);
const header = chipOf("/dev/gpiochip0", "pinctrl-bcm2711", numbered(58));
const expander = chipOf("/dev/gpiochip1", "raspberrypi-exp-gpio", ["BT_ON", "WL_ON"]);
const all = { chips: [expander, header], forbidden: [] };
const boardWith = (pin: string): Board => ({
  name: "bench",
  title: "Bench",
  outlets: [],
  lines: { relay: { pin } },
});
const locate = (computer: Computer, pin: string, chips: Parameters<typeof locateLine>[2] = all) =>
  locateLine(boardWith(pin), computer, chips, "relay");

describe("a line", () => {
  test("is found by the pin of the header, on the chip with the right label", () => {
    expect(locate(raspberryPi4B, "11")).toMatchObject({ chip: header, offset: 17 });
    expect(locate(raspberryPi4B, "27")).toMatchObject({ chip: header, offset: 0 });
  });

  test("of a generic computer is CHIP/OFFSET by label or device, or a line's name", () => {
    expect(locate(genericLinux, "pinctrl-bcm2711/23")).toMatchObject({ chip: header, offset: 23 });
    expect(locate(genericLinux, "gpiochip1/1")).toMatchObject({ chip: expander, offset: 1 });
    expect(locate(genericLinux, "WL_ON")).toMatchObject({ chip: expander, offset: 1 });
  });

  test("of a BeagleBone goes by its name, whatever its chip is called and the kernel adds", () => {
    const beaglebone = COMPUTERS.find(({ name }) => name === "beaglebone-black") as Computer;
    const bank = chipOf("/dev/gpiochip2", "gpio-0-31", ["P9_1", "P9_12 [gpio1_28]"]);
    const found = locate(beaglebone, "P9_12", { chips: [header, bank], forbidden: [] });
    expect(found).toMatchObject({ chip: bank, offset: 1 });
  });

  test.each([
    ["no such pin", raspberryPi4B, "41", all, /Raspberry Pi 4 Model B has no such pin/],
    ["a pin without signal", raspberryPi4B, "1", all, /has no such pin for signals/],
    [
      "no such chip",
      genericLinux,
      "nothing/3",
      all,
      /no such chip: nothing; here are raspberrypi-exp-gpio, pinctrl-bcm2711/,
    ],
    [
      "no such line",
      genericLinux,
      "pinctrl-bcm2711/58",
      all,
      /chip pinctrl-bcm2711 has no line 58/,
    ],
    ["no such name", genericLinux, "P9_12", all, /no line is called P9_12/],
    ["no chip at all", raspberryPi4B, "11", { chips: [], forbidden: [] }, /no GPIO chip/],
    [
      "no permission",
      raspberryPi4B,
      "11",
      { chips: [], forbidden: ["/dev/gpiochip0"] },
      /no permission for \/dev\/gpiochip0: sudo usermod -aG gpio/,
    ],
    [
      "two chips of one label",
      genericLinux,
      "a/0",
      {
        chips: [chipOf("/dev/gpiochip0", "a", ["x"]), chipOf("/dev/gpiochip1", "a", ["x"])],
        forbidden: [],
      },
      /two chips of that name/,
    ],
  ] as const)("%s is said in plain words", (_, computer, pin, chips, words) => {
    expect(() => locate(computer, pin, chips)).toThrow(words);
    expect(() => locate(computer, pin, chips)).toThrow(/^line relay, pin /);
  });

  test("that the board does not wire is said so", () => {
    expect(() => locateLine(boardWith("11"), raspberryPi4B, all, "pump")).toThrow(
      /line pump: board bench does not say which pin/,
    );
  });
});

test("every board for a computer wires each of its lines to a pin that the computer has, and no pin twice", () => {
  let looked = 0;
  for (const board of BOARDS.filter(({ computers }) => computers !== undefined)) {
    for (const computer of COMPUTERS.filter(({ name }) => board.computers?.includes(name))) {
      if (computer.generic === true) continue;
      const pins = [...lineUses(board).keys()].map((line) => board.lines?.[line]?.pin ?? line);
      expect(pins.filter((pin) => computer.pins[pin] === undefined)).toEqual([]);
      expect(new Set(pins).size).toBe(pins.length);
      looked++;
    }
  }
  expect(looked).toBeGreaterThan(0);
});

describe("computers", () => {
  const pi = (name: string): Computer => COMPUTERS.find((one) => one.name === name) as Computer;

  test("the header of a Raspberry Pi has its 28 lines, each once", () => {
    for (const [name, chip] of [
      ["raspberry-pi-zero-2-w", "pinctrl-bcm2835"],
      ["raspberry-pi-3b-plus", "pinctrl-bcm2835"],
      ["raspberry-pi-4b", "pinctrl-bcm2711"],
      ["raspberry-pi-5", "pinctrl-rp1"],
    ] as const) {
      const parts = Object.values(pi(name).pins);
      expect(parts.map(({ line }) => Number(line)).sort((a, b) => a - b)).toEqual(
        Array.from({ length: 28 }, (_, line) => line),
      );
      expect(new Set(parts.map((part) => part.chip))).toEqual(new Set([chip]));
    }
  });

  test("pins that people know by heart", () => {
    const { pins } = pi("raspberry-pi-5");
    const lines = ["3", "5", "8", "10", "11", "12", "13", "15", "16", "18", "22", "29", "37", "40"];
    expect(lines.map((pin) => pins[pin]?.line)).toEqual([
      2, 3, 14, 15, 17, 18, 27, 22, 23, 24, 25, 5, 26, 21,
    ]);
  });

  test("lines 0 to 8 are pulled up before a program runs, the others down", () => {
    const { pins } = pi("raspberry-pi-4b");
    for (const { line, resetPull } of Object.values(pins)) {
      expect(resetPull).toBe(Number(line) <= 8 ? "up" : "down");
    }
  });

  test("a free line of a BeagleBone says the bank that it is on", () => {
    const { pins } = pi("beaglebone-black");
    expect(pins["P9_12"]).toEqual({ chip: "gpio-32-63", line: "P9_12" });
    expect(pins["P9_27"]).toEqual({ chip: "gpio-96-127", line: "P9_27" });
    expect(Object.keys(pins)).toHaveLength(18);
  });

  test("serial ports name pins that are no free lines to anybody else", () => {
    for (const { pins, uarts } of COMPUTERS) {
      const used = uarts.flatMap((uart) => uart.pins ?? []);
      expect(new Set(used).size).toBe(used.length);
      for (const pin of ["8", "10"])
        if (used.includes(pin)) expect(pins[pin]?.taken ?? `pin ${pin} is free`).toMatch(/serial/);
    }
  });
});

describe("on this machine", () => {
  let folder = "";
  const write = (path: string, text: string): void => {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "gpio-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test.each([
    ["raspberrypi,5-model-b\0brcm,bcm2712\0", "raspberry-pi-5"],
    ["raspberrypi,model-zero-2-w\0brcm,bcm2837\0", "raspberry-pi-zero-2-w"],
    ["ti,am335x-bone-black\0ti,am335x-bone\0ti,am33xx\0", "beaglebone-black"],
    ["somebody,else\0", "generic-linux"],
  ])("%j is a %s", (compatible, name) => {
    write("compatible", compatible);
    expect(detectComputer(COMPUTERS, folder)?.name).toBe(name);
  });

  test("without a device tree it is a generic computer", () => {
    expect(detectComputer(COMPUTERS, folder)?.name).toBe("generic-linux");
  });

  test("a line's number in sysfs is the base of its chip, found by label, and the offset", () => {
    write("export", "");
    write("gpiochip512/label", "pinctrl-bcm2711\n");
    write("gpiochip512/base", "512\n");
    write("gpiochip512/ngpio", "58\n");
    write("gpiochip570/label", "raspberrypi-exp-gpio\n");
    write("gpiochip570/base", "570\n");
    write("gpiochip570/ngpio", "2\n");
    expect(sysfsNumber(header, 17, folder)).toBe(529);
    expect(sysfsNumber(expander, 1, folder)).toBe(571);
    expect(sysfsNumber({ ...header, label: "other" }, 17, folder)).toBeUndefined();
    write("gpiochip700/label", "pinctrl-bcm2711\n");
    write("gpiochip700/base", "700\n");
    write("gpiochip700/ngpio", "58\n");
    expect(sysfsNumber(header, 17, folder)).toBeUndefined();
  });

  test("without sysfs there is no number", () => {
    expect(sysfsNumber(header, 17, folder)).toBeUndefined();
  });
});
