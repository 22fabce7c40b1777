// The acquirer's journal on disk: one JSON line for each decided message, flushed before it is answered, so that
// neither SIGKILL nor a power cut takes back what a terminal was told.

import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  writeSync,
} from "node:fs";
import { HalError } from "../../hal/hal-error.ts";
import { type Entry, readEntry } from "./entry.ts";

export interface Journal {
  /** What was there when it was opened. */
  readonly entries: readonly Entry[];
  /** Returns when it is durable. Throws HalError `full` or `other`; then it is not there. */
  append(entry: Entry): void;
  close(): void;
}

/** Of no file: for tests, and for an acquirer that may forget. */
export function memoryJournal(): Journal & { entries: Entry[] } {
  const entries: Entry[] = [];
  return { entries, append: (entry) => void entries.push(entry), close: () => undefined };
}

/** What is in a file now. Throws HalError `refused` where there is none, `corrupt` naming the line. */
export function readJournal(path: string): readonly Entry[] {
  return parseJournal(path).entries;
}

/** Opens or creates it; the last line goes where a crash left only a part of it. Throws HalError. */
export function openJournal(path: string): Journal {
  const { entries, bytes } = existsSync(path) ? parseJournal(path) : { entries: [], bytes: 0 };
  const fd = openFile(path);
  ftruncateSync(fd, bytes);
  let end = bytes;
  return {
    entries,
    append: (entry) => {
      const line = Buffer.from(`${JSON.stringify(entry)}\n`);
      try {
        let written = 0;
        while (written < line.length) {
          written += writeSync(fd, line, written, line.length - written, end + written);
        }
        fsyncSync(fd);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        ftruncateSync(fd, end);
        const kind = code === "ENOSPC" ? "full" : "other";
        throw new HalError(kind, `${path} cannot be written (${code})`, error);
      }
      end += line.length;
    },
    close: () => closeSync(fd),
  };
}

function openFile(path: string): number {
  try {
    return openSync(path, existsSync(path) ? "r+" : "wx+", 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new HalError("refused", `${path} cannot be opened (${code})`, error);
  }
}

function parseJournal(path: string): { entries: Entry[]; bytes: number } {
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new HalError("refused", `${path} cannot be read (${code}): name a journal`, error);
  }
  const bytes = content.lastIndexOf(0x0a) + 1;
  const lines = content.subarray(0, bytes).toString("utf8").split("\n").slice(0, -1);
  const entries = lines.map((line, index) => {
    const entry = readEntry(line);
    if (entry === undefined) {
      throw new HalError("corrupt", `${path}: line ${index + 1} is no entry of an acquirer`);
    }
    return entry;
  });
  return { entries, bytes };
}
