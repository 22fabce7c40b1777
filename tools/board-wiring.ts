// What the wiring of a board comes to on a computer, for its document and for `sluice board check`: what each line is
// for, what it does before any program runs, and serial ports that this computer has elsewhere.

import type { Board } from "../hal/board.ts";
import type { Computer } from "../hal/computer.ts";
import type { LineUse } from "../hal/linux/gpio-wiring.ts";

const PULLS = { "pull-up": "up", "pull-down": "down" } as const;

/** By line: what it does for the board, in a few words. A line that serves several parts says so. */
export function lineFunctions(board: Board): ReadonlyMap<string, string> {
  const functions = new Map<string, string>();
  const add = (line: string | undefined, words: string): void => {
    if (line === undefined) return;
    const known = functions.get(line);
    functions.set(line, known === undefined ? words : `${known}; ${words}`);
  };
  for (const { id, switch: part, meters, interlocks = [] } of board.outlets) {
    if (part.kind === "two-stage-valve") {
      add(part.fastLine, `valve of ${id}, wide way`);
      add(part.slowLine, `valve of ${id}, narrow way`);
    } else add(part.line, `${part.kind} of ${id}`);
    if (part.kind !== "start-signal") add(part.feedbackLine, `feedback of ${id}`);
    for (const meter of meters) {
      if (meter.kind === "pulse" || meter.kind === "item") add(meter.line, `meter ${meter.id}`);
    }
    for (const interlock of interlocks) {
      if (interlock.kind === "input")
        add(interlock.line, `interlock ${interlock.id}, active while clear`);
    }
  }
  for (const sensor of board.sensors ?? []) {
    if (sensor.kind === "input") add(sensor.line, `sensor ${sensor.id}`);
  }
  for (const { id, line, does } of board.buttons ?? []) {
    add(line, "stop" in does ? `button ${id}` : `button ${id}: service ${does.select}`);
  }
  return functions;
}

/** Of an output: whether what pulls its line before any program runs, the pin or a resistor, keeps it open. */
export function restOf(
  board: Board,
  computer: Computer,
  line: string,
  use: LineUse,
): { pull: "up" | "down" | undefined; opens: boolean | undefined } {
  const wiring = board.lines?.[line];
  const ofPin = wiring === undefined ? undefined : computer.pins[wiring.pin]?.resetPull;
  const pull = wiring?.resistor === undefined ? ofPin : PULLS[wiring.resistor];
  if (use !== "output" || pull === undefined) return { pull, opens: undefined };
  return { pull, opens: (pull === "up") === (wiring?.activeLow === true) };
}

/** A port of the header that this computer has under another name, by the name of the board's serial port. */
export function portsElsewhere(board: Board, computer: Computer): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const [first] = computer.uarts;
  for (const [name, { path }] of Object.entries(board.serial ?? {})) {
    const onHeader = /^\/dev\/(serial\d|tty(AMA|S|O)\d+)$/.test(path);
    if (first === undefined || !onHeader) continue;
    if (!computer.uarts.some((uart) => uart.path === path)) found.set(name, first.path);
  }
  return found;
}

/** Serial ports that one of the board's own parts needs; the others are for what a device file names. */
export function portsInUse({
  outlets,
  sensors = [],
  readers = [],
  display,
  printer,
}: Board): ReadonlySet<string> {
  const used = new Set(readers.map(({ serial }) => serial));
  for (const part of [...outlets.flatMap(({ meters }) => meters), ...sensors]) {
    if (part.kind === "modbus") used.add(part.bus);
  }
  if (display?.kind === "lcd") used.add(display.serial);
  if (printer !== undefined) used.add(printer.serial);
  return used;
}
