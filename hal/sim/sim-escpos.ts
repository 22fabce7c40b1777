// The other end of a receipt printer's line: decodes ESC/POS for itself and keeps the paper.

import type { SerialPort } from "../serial.ts";

export interface Paper {
  lines: readonly string[];
  /** Contents of the QR codes on it. */
  codes: readonly string[];
}

export interface SimEscpos {
  /** Receipts that were cut off, oldest first: the last PAPERS_MAX. */
  papers(): readonly Paper[];
  /** Bytes of commands that it does not know. */
  refused(): number;
}

const PAPERS_MAX = 20;
const ESC = 0x1b;
const FS = 0x1c;
const GS = 0x1d;
/** Code page 858 where it differs from ASCII, as far as receipts need it. */
const CP858: Readonly<Record<number, string>> = {
  129: "ü",
  130: "é",
  132: "ä",
  138: "è",
  142: "Ä",
  148: "ö",
  153: "Ö",
  154: "Ü",
  213: "€",
  225: "ß",
  248: "°",
};

/** Bytes in all of the commands of a fixed length that it knows, by ESC or GS and the letter. */
const LENGTHS: Readonly<Record<number, Readonly<Record<number, number>>>> = {
  [ESC]: { 64: 2, 116: 3, 97: 3, 77: 3, 69: 3, 45: 3, 33: 3 },
  [FS]: { 46: 2 },
  [GS]: { 86: 3, 33: 3, 66: 3 },
};

export function simEscpos(port: SerialPort): SimEscpos {
  const papers: Paper[] = [];
  let lines: string[] = [];
  let codes: string[] = [];
  let line = "";
  let stored = "";
  let refused = 0;
  let waiting: number[] = [];
  const cut = (): void => {
    papers.push({ lines, codes });
    if (papers.length > PAPERS_MAX) papers.shift();
    lines = [];
    codes = [];
  };
  /** GS ( k: pL pH, then cn fn and data. */
  const symbol = (bytes: readonly number[]): void => {
    const fn = bytes[6];
    if (fn === 0x50) stored = String.fromCharCode(...bytes.slice(8));
    if (fn === 0x51) codes.push(stored);
  };
  /** Bytes of the command at the front, or 0 while it is not all there. */
  const lengthOf = (): number => {
    const [lead = 0, letter, third, low = 0, high = 0] = waiting;
    if (letter === undefined) return 0;
    if (lead === GS && letter === 0x28) {
      return third === undefined || waiting.length < 5 ? 0 : 5 + low + 256 * high;
    }
    return LENGTHS[lead]?.[letter] ?? -2;
  };
  const obey = (): void => {
    const length = lengthOf();
    if (length === 0 || (length > 0 && waiting.length < length)) return;
    if (length < 0) {
      refused += waiting.length;
      waiting = [];
      return;
    }
    const command = waiting;
    waiting = [];
    if (command[0] === GS && command[1] === 0x56) cut();
    if (command[0] === GS && command[1] === 0x28) symbol(command);
  };
  const take = (byte: number): void => {
    if (waiting.length > 0 || byte === ESC || byte === FS || byte === GS) {
      waiting.push(byte);
      obey();
    } else if (byte === 0x0a) {
      lines.push(line.trimEnd());
      line = "";
    } else if (byte >= 0x20) line += CP858[byte] ?? String.fromCharCode(byte);
  };
  port.onData((bytes) => {
    for (const byte of bytes) take(byte);
  });
  return { papers: () => papers, refused: () => refused };
}
