// From the name of a line on a board to the chip and the offset that it is wired to, by the computer's header. Pure:
// it is given the chips that are there. What cannot be found is said in words that tell what to do.

import type { Board, LineWiring } from "../board.ts";
import type { Computer, PinPart } from "../computer.ts";
import { HalError } from "../hal-error.ts";
import type { GpioChip, GpioChips } from "./gpio-chip.ts";

export type LineUse = "output" | "input" | "edges";

export interface WiredLine {
  name: string;
  /** Pin of the header, as the board has it. */
  pin: string;
  wiring: LineWiring;
  chip: GpioChip;
  offset: number;
}

/** Every line of the board with what it is used for. A line that two parts use is named once. */
export function lineUses(board: Board): ReadonlyMap<string, LineUse> {
  const uses = new Map<string, LineUse>();
  const add = (use: LineUse, ...lines: readonly (string | undefined)[]): void => {
    for (const line of lines) if (line !== undefined) uses.set(line, use);
  };
  for (const { switch: part, meters, interlocks = [] } of board.outlets) {
    if (part.kind === "two-stage-valve") add("output", part.fastLine, part.slowLine);
    else add("output", part.line);
    if (part.kind !== "start-signal") add("input", part.feedbackLine);
    for (const meter of meters) {
      if (meter.kind === "pulse" || meter.kind === "item") add("edges", meter.line);
    }
    for (const interlock of interlocks)
      if (interlock.kind === "input") add("input", interlock.line);
  }
  for (const sensor of board.sensors ?? []) if (sensor.kind === "input") add("input", sensor.line);
  for (const button of board.buttons ?? []) add("input", button.line);
  return uses;
}

/** Throws HalError `refused` where the line is wired to nothing that is there. */
export function locateLine(
  board: Board,
  computer: Computer,
  { chips, forbidden }: GpioChips,
  name: string,
): WiredLine {
  const wiring = board.lines?.[name];
  if (wiring === undefined) {
    throw refused(`line ${name}: board ${board.name} does not say which pin it is wired to`);
  }
  const where = `line ${name}, pin ${wiring.pin}`;
  if (chips.length === 0 && forbidden.length === 0) {
    throw refused(`${where}: this machine has no GPIO chip (no /dev/gpiochip*)`);
  }
  const part = pinPart(computer, wiring.pin);
  if (part === undefined) {
    throw refused(
      `${where}: ${computer.title} has no such pin for signals; correct the board's wiring`,
    );
  }
  const labelled = chips.filter(
    (chip) => chip.label === part.chip || chip.path === `/dev/${part.chip}`,
  );
  const found =
    typeof part.line === "number"
      ? atOffset(labelled, part.line)
      : (atName(labelled, part.line) ?? atName(chips, part.line));
  if (found !== undefined) return { name, pin: wiring.pin, wiring, ...found };
  if (forbidden.length > 0) {
    const path = forbidden.join(", ");
    throw refused(
      `${where}: no permission for ${path}: sudo usermod -aG gpio USER and log in again, or run as root`,
    );
  }
  if (labelled.length > 0 && typeof part.line === "number") {
    throw refused(
      `${where}: chip ${part.chip} has no line ${part.line}, or there are two chips of that name`,
    );
  }
  const here = chips.map((chip) => chip.label).join(", ");
  const wanted =
    typeof part.line === "number" ? `no such chip: ${part.chip}` : `no line is called ${part.line}`;
  throw refused(`${where}: ${wanted}; here are ${here}. Is this a ${computer.title}?`);
}

function atOffset(chips: readonly GpioChip[], offset: number) {
  const [chip] = chips;
  if (chip === undefined || chips.length > 1 || offset >= chip.names.length) return undefined;
  return { chip, offset };
}

/** A kernel may add to a name what the pin is called inside: "P9_12 [gpio1_28]". */
function atName(chips: readonly GpioChip[], name: string) {
  for (const chip of chips) {
    const offset = chip.names.findIndex((one) => one === name || one.startsWith(`${name} `));
    if (offset >= 0) return { chip, offset };
  }
  return undefined;
}

/** Of a generic computer the pin is CHIP/OFFSET, by the chip's label or device, or the name of a line. */
function pinPart(computer: Computer, pin: string): PinPart | undefined {
  const part = computer.pins[pin];
  if (part !== undefined || computer.generic !== true) return part;
  const [, chip, offset] = /^(.+)\/(\d{1,5})$/.exec(pin) ?? [];
  return chip === undefined ? { chip: "", line: pin } : { chip, line: Number(offset) };
}

function refused(message: string): HalError {
  return new HalError("refused", message);
}
