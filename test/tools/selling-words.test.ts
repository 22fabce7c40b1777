// What a device that sells says to try next, by the board and by what is sold there.

import { expect, test } from "vitest";
import { BOARDS } from "../../boards/registry.ts";
import { readDeviceFile } from "../../tools/device-file.ts";
import { sellingWords } from "../../tools/selling-words.ts";

const BUY = "npx sluice buy";
const FILES = new URL("../../boards/", import.meta.url).pathname;

/** The commands alone, of a device file that ships. */
function commands(name: string, terminal = false): string[] {
  const config = readDeviceFile(`${FILES}${name}.yaml`);
  if (!config.ok) throw new Error(config.fault.message);
  const { board, payment } = config.value;
  const host = { kind: "terminal", serial: "terminal", simulated: true } as const;
  const sold = terminal ? { ...config.value, payment: { ...payment, host } } : config.value;
  const lines = sellingWords(
    sold,
    BOARDS.find((one) => one.name === board),
  );
  return lines.flatMap((line) => /npx sluice [\w -]+?(?= {2}|$)/.exec(line)?.[0] ?? []);
}

test("a bench that sells over the network alone: the buyer's command, on the same line", () => {
  expect(commands("virtual-charger")).toEqual([BUY]);
});

test("a walk-up bench: what a person does there, in order, with what comes first", () => {
  expect(commands("virtual-pi-charger")).toEqual([
    "npx sluice bench clear vehicle",
    "npx sluice bench tap visa-test",
    "npx sluice bench press stop",
    "npx sluice bench paper",
    BUY,
  ]);
  expect(commands("virtual-pi-pump")).toEqual([
    "npx sluice bench clear nozzle",
    "npx sluice bench tap visa-test",
    "npx sluice bench press stop",
    BUY,
  ]);
});

test("where a card terminal asks for the card, a button begins", () => {
  expect(commands("virtual-pi-pump", true)).toEqual([
    "npx sluice bench clear nozzle",
    "npx sluice bench press start",
    "npx sluice bench tap visa-test --reader terminal",
    "npx sluice bench press stop",
    BUY,
  ]);
});

test("a board on the metal has no bench", () => {
  expect(commands("pi-charger")).toEqual([BUY]);
});

test("what is so already is no step", () => {
  const read = readDeviceFile(`${FILES}virtual-pi-charger.yaml`);
  const board = BOARDS.find(({ name }) => name === "virtual-pi-charger");
  if (!read.ok || board?.virtual === undefined) throw new Error("the board has changed");
  const plugged = { ...board, virtual: { ...board.virtual, raised: {} } };
  expect(sellingWords(read.value, board).join("\n")).toContain("bench clear vehicle");
  expect(sellingWords(read.value, plugged).join("\n")).not.toContain("clear");
});
