// The folder of a bench: pseudo-terminals in the place of serial ports, files in the place of the kernel's sensors, and
// what plastic and terminals keep over a restart.

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HalError } from "../hal-error.ts";
import type { Store } from "../store.ts";
import { openPty, type Pty } from "./pty.ts";
import { openSqliteStore } from "./sqlite-store.ts";

export interface BenchFolder {
  /** At the name of the serial port. Throws HalError `refused`. */
  openWire(serial: string): Pty;
  /** Undefined takes the file away. */
  writeSensor(id: string, value: number | undefined): void;
  /** What cards and tags remember, by their names. */
  kept: { read(name: string): string | undefined; write(name: string, text: string): void };
  /** The journal of a card terminal. */
  openStore(): Promise<Store>;
}

const CARDS = "cards.json";
const MODE = 0o600;

/** Throws HalError `refused` for a folder that cannot be made. */
export function openBenchFolder(folder: string): BenchFolder {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new HalError("refused", `${folder} cannot be made`, error);
  }
  const cards = readCards(join(folder, CARDS));
  return {
    openWire: (serial) => openPty(join(folder, serial)),
    writeSensor: (id, value) => {
      const path = join(folder, id);
      if (value === undefined) rmSync(path, { force: true });
      else writeOver(path, `${value}\n`);
    },
    kept: {
      read: (name) => cards.get(name),
      write: (name, text) => {
        cards.set(name, text);
        writeOver(join(folder, CARDS), `${JSON.stringify(Object.fromEntries(cards))}\n`);
      },
    },
    openStore: () => openSqliteStore(join(folder, "terminal.db"), { exclusive: true }),
  };
}

/** Whole also when we are killed in the middle; a bench waits for no disk. */
function writeOver(path: string, content: string): void {
  writeFileSync(`${path}.new`, content, { mode: MODE });
  renameSync(`${path}.new`, path);
}

/** New plastic where nothing whole was kept. */
function readCards(path: string): Map<string, string> {
  try {
    const value = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    const texts = Object.entries(value).filter(
      (entry): entry is [string, string] => typeof entry[1] === "string",
    );
    return new Map(texts);
  } catch {
    return new Map();
  }
}
