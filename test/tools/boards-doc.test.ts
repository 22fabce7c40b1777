// docs/boards.md and the data of the boards that it is made of: what a wiring must not do on any computer.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { COMPUTERS } from "../../boards/computers.ts";
import { BOARDS } from "../../boards/registry.ts";
import type { Board } from "../../hal/board.ts";
import type { Computer } from "../../hal/computer.ts";
import { lineUses } from "../../hal/linux/gpio-wiring.ts";
import { lineFunctions, portsElsewhere, portsInUse, restOf } from "../../tools/board-wiring.ts";
import { boardsMarkdown } from "../../tools/boards-doc.ts";

const ROOT = join(import.meta.dirname, "../..");
const LISTS = ["registry.ts", "computers.ts"];
const isComputer = (name: string): boolean => !name.endsWith("-header.ts");

const page = boardsMarkdown();
const WIRED = BOARDS.filter(({ virtual, lines }) => virtual === undefined && lines !== undefined);
const PAIRS = WIRED.flatMap((board) =>
  COMPUTERS.filter(({ name, generic }) => !generic && board.computers?.includes(name)).map(
    (computer) => [board.name, computer.name, board, computer] as const,
  ),
);

describe("what is in boards/ is in its list", () => {
  const filesOf = (folder: string): string[] =>
    readdirSync(join(ROOT, folder)).filter((name) => name.endsWith(".ts"));

  test.each([
    ["boards/registry.ts", filesOf("boards").filter((name) => !LISTS.includes(name)), "./"],
    ["boards/computers.ts", filesOf("boards/computers").filter(isComputer), "./computers/"],
  ])("%s", (list, names, folder) => {
    const text = readFileSync(join(ROOT, list), "utf8");
    expect(names.filter((name) => !text.includes(`from "${folder}${name}"`))).toEqual([]);
  });

  test("a board fits on computers that there are", () => {
    const known = COMPUTERS.map(({ name }) => name);
    for (const { name, computers = [] } of BOARDS) {
      const unknown = computers.filter((computer) => !known.includes(computer));
      expect([name, unknown]).toEqual([name, []]);
    }
  });
});

describe.each(PAIRS)("%s on %s", (_board, _computer, board: Board, computer: Computer) => {
  const uses = [...lineUses(board)];

  test("has a pin for every line, none twice, none that the computer needs itself", () => {
    const pins = uses.map(([line]) => board.lines?.[line]?.pin ?? "");
    expect(new Set(pins).size).toBe(pins.length);
    for (const pin of pins) {
      expect(computer.pins).toHaveProperty(pin);
      expect(computer.pins[pin]?.taken).toBeUndefined();
    }
  });

  test("I7: every output rests open before any program runs, by its pin or by a `resistor`", () => {
    const outputs = uses.filter(([, use]) => use === "output");
    const rests = outputs.map(([line, use]) => [line, restOf(board, computer, line, use).opens]);
    expect(rests).toEqual(outputs.map(([line]) => [line, true]));
  });

  test("each line, with its pin, chip and offset, stands in the page", () => {
    const part = page.split(`\n## ${board.title}: `)[1]?.split("\n## ")[0] ?? "";
    const missing = uses.filter(([line]) => {
      const { pin = "" } = board.lines?.[line] ?? {};
      const wired = computer.pins[pin];
      const row = `\n| ${pin} | \`${line}\` | ${lineFunctions(board).get(line)} |`;
      return !part.includes(row) || !part.includes(`${wired?.chip}/${wired?.line}`);
    });
    expect(missing).toEqual([]);
  });
});

test("a port of the header that another computer has elsewhere is named, with its path there", () => {
  const named = PAIRS.flatMap(([, computer, board, fitted]) =>
    [...portsElsewhere(board, fitted)].map(([name, path]) => `${computer} ${name}: ${path}`),
  );
  expect(named).toContain("raspberry-pi-5 contactless: /dev/ttyAMA0");
  expect(page).toContain(
    "On a Raspberry Pi 5 the header's port is another: `serial: { contactless:",
  );
});

test("a relay on a pin that is pulled to its active level is said to rest closed", () => {
  const [pi] = COMPUTERS;
  const [board] = WIRED.filter(({ name }) => name === "pi-charger");
  if (pi === undefined || board === undefined) throw new Error("no board");
  const rest = (wiring: object) => {
    const lines = { contactor: { pin: "11", ...wiring } };
    return restOf({ ...board, lines }, pi, "contactor", "output").opens;
  };
  expect(rest({})).toBe(true);
  expect(rest({ activeLow: true })).toBe(false);
  expect(rest({ pin: "7" })).toBe(false);
  expect(rest({ pin: "7", activeLow: true })).toBe(true);
  // A resistor on the board is stronger than the pull in the chip.
  expect(rest({ pin: "7", resistor: "pull-down" })).toBe(true);
  expect(rest({ resistor: "pull-up" })).toBe(false);
});

test("every line has a purpose, and a port that no part uses is none that is needed", () => {
  for (const board of WIRED) {
    expect([...lineFunctions(board).keys()].sort()).toEqual([...lineUses(board).keys()].sort());
    const ports = Object.keys(board.serial ?? {});
    expect(ports.filter((name) => !portsInUse(board).has(name))).toEqual(
      ports.filter((name) => name === "terminal"),
    );
  }
});

test("every computer is described, with its UARTs and its notes", () => {
  for (const { title, uarts, notes } of COMPUTERS) {
    const part = page.split(`\n### ${title}\n`)[1]?.split("\n##")[0] ?? "";
    for (const { path } of uarts) expect(part).toContain(`| \`${path}\` | `);
    for (const note of [...notes, ...uarts.map((uart) => uart.note)]) expect(part).toContain(note);
  }
});

test("the page says what no table can", () => {
  for (const words of ["not a certified payment kernel", "32-bit", "IEC 61851-1", "arm64"]) {
    expect(page).toContain(words);
  }
});
