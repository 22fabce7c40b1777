// The other end of an LCD's line: obeys Matrix Orbital commands and says what stands on its glass.

import type { SerialPort } from "../serial.ts";

export interface SimLcd {
  /** Rows as they stand there, blanks at the end taken off. */
  rows(): readonly string[];
  /** Bytes that were no command and no text. */
  refused(): number;
}

const COMMAND = 0xfe;
const CLEAR = 0x58;
const HOME = 0x48;
const SET_CURSOR = 0x47;

/** Operands that follow each command that it knows. */
const OPERANDS: Readonly<Record<number, number>> = { [CLEAR]: 0, [HOME]: 0, [SET_CURSOR]: 2 };

export function simLcd(port: SerialPort, size: { columns: number; rows: number }): SimLcd {
  const glass = Array.from({ length: size.rows }, () => " ".repeat(size.columns));
  let column = 0;
  let row = 0;
  let refused = 0;
  let command: number[] | undefined;
  const obey = ([what = 0, first = 1, second = 1]: readonly number[]): void => {
    if (what === SET_CURSOR) {
      column = Math.min(first, size.columns) - 1;
      row = Math.min(second, size.rows) - 1;
      return;
    }
    if (what === CLEAR) glass.fill(" ".repeat(size.columns));
    column = 0;
    row = 0;
  };
  const write = (byte: number): void => {
    const line = glass[row] ?? "";
    if (byte < 0x20 || byte > 0x7e || column >= size.columns) {
      refused++;
      return;
    }
    glass[row] = line.slice(0, column) + String.fromCharCode(byte) + line.slice(column + 1);
    column++;
  };
  const take = (byte: number): void => {
    if (command === undefined) {
      if (byte === COMMAND) command = [];
      else write(byte);
      return;
    }
    command.push(byte);
    const operands = OPERANDS[command[0] ?? 0];
    if (operands === undefined) refused++;
    else if (command.length <= operands) return;
    else obey(command);
    command = undefined;
  };
  port.onData((bytes) => {
    for (const byte of bytes) take(byte);
  });
  return {
    rows: () => glass.map((line) => line.trimEnd()),
    refused: () => refused,
  };
}
