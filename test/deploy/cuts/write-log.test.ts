// The log of block writes and the disks that are rebuilt from it: logs made by hand, after the kernel's description of
// them, and disks compared byte for byte.

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { seededRandom } from "../../../hal/sim/random.ts";
import { chooseCuts, flushBoundaries, nearest, nextFlush } from "./cut-points.ts";
import { applyEntries, type Disk, tearEntries } from "./disk-state.ts";
import {
  countEntries,
  DISCARD,
  FLUSH,
  FUA,
  MARK,
  readWriteLog,
  type WriteLog,
} from "./write-log.ts";

const SECTOR = 512;
const DISK_SECTORS = 64;

interface Made {
  sector?: number;
  data?: string;
  sectors?: number;
  flags?: number;
}

type Spoil = (bytes: Buffer) => Buffer;

let folder: string;
let files: number[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-cuts-"));
  files = [];
});

afterEach(() => {
  for (const file of files) closeSync(file);
  rmSync(folder, { recursive: true });
});

/** `data` fills as many sectors as it has letters, each sector with its letter. */
function logOf(entries: readonly Made[], spoil: Spoil = (bytes) => bytes): number {
  const head = Buffer.alloc(SECTOR);
  head.writeBigUInt64LE(0x6a736677736872n, 0);
  head.writeBigUInt64LE(1n, 8);
  head.writeBigUInt64LE(BigInt(entries.length), 16);
  head.writeUInt32LE(SECTOR, 24);
  const parts: Buffer[] = [head];
  for (const { sector = 0, data = "", sectors = data.length, flags = 0 } of entries) {
    const entry = Buffer.alloc(SECTOR);
    entry.writeBigUInt64LE(BigInt(sector), 0);
    entry.writeBigUInt64LE(BigInt(sectors), 8);
    entry.writeBigUInt64LE(BigInt(flags), 16);
    parts.push(entry, lettered(data));
  }
  return opened("log", spoil(Buffer.concat(parts)));
}

function lettered(letters: string): Buffer {
  return Buffer.concat([...letters].map((letter) => Buffer.alloc(SECTOR, letter)));
}

function opened(name: string, bytes: Buffer): number {
  writeFileSync(join(folder, name), bytes);
  const file = openSync(join(folder, name), "r+");
  files.push(file);
  return file;
}

function read(file: number): WriteLog {
  const log = readWriteLog(file);
  if (!log.ok) throw new Error(`${log.trouble} ${log.at}`);
  return log.value;
}

function emptyDisk(): Disk {
  return { file: opened("disk", lettered(".".repeat(DISK_SECTORS))), bytes: DISK_SECTORS * SECTOR };
}

/** One letter for each sector; a sector of more than one letter fails. */
function lettersOnDisk(): string {
  const bytes = readFileSync(join(folder, "disk"));
  let letters = "";
  for (let at = 0; at < bytes.length; at += SECTOR) {
    const letter = String.fromCharCode(bytes[at] ?? 0);
    expect(bytes.subarray(at, at + SECTOR).equals(Buffer.alloc(SECTOR, letter))).toBe(true);
    letters += letter === "\0" ? "0" : letter;
  }
  return letters.replace(/\.+$/, "");
}

describe("a log is read", () => {
  test("entry by entry, each with its flags and where its bytes are", () => {
    const file = logOf([
      { sector: 5, data: "ab" },
      { flags: FLUSH },
      { sector: 1, data: "c", flags: FUA },
      { sector: 9, sectors: 20, flags: DISCARD },
      { flags: MARK },
      { sector: 7, data: "d" },
    ]);
    expect(countEntries(file)).toEqual({ ok: true, value: 6 });
    expect(read(file)).toEqual({
      sectorBytes: SECTOR,
      entries: [
        { sector: 5, sectors: 2, flags: 0, dataAt: 1024 },
        { sector: 0, sectors: 0, flags: FLUSH, dataAt: 2560 },
        { sector: 1, sectors: 1, flags: FUA, dataAt: 3072 },
        { sector: 9, sectors: 20, flags: DISCARD, dataAt: 4096 },
        { sector: 0, sectors: 0, flags: MARK, dataAt: 4608 },
        { sector: 7, sectors: 1, flags: 0, dataAt: 5120 },
      ],
    });
  });

  const spoilt: readonly [string, Spoil, string, string][] = [
    ["empty", () => Buffer.alloc(0), "no-log", "magic"],
    ["another file", (bytes) => bytes.fill(7, 0, 8), "no-log", "magic"],
    ["another version", (bytes) => bytes.fill(2, 8, 9), "version", "version"],
    ["sectors of 513 bytes", (bytes) => bytes.fill(1, 24, 25), "sector-size", "sectorsize"],
    ["too many entries", (bytes) => bytes.fill(255, 16, 20), "too-long", "nr_entries"],
    ["more counted than there are", (bytes) => bytes.fill(3, 16, 17), "torn", "entries[2]"],
    ["cut in the head of an entry", (bytes) => bytes.subarray(0, 1546), "torn", "entries[1]"],
    ["cut in its data", (bytes) => bytes.subarray(0, -1), "torn", "entries[1]"],
    ["a sector beyond all disks", (bytes) => bytes.fill(255, 1536, 1544), "torn", "entries[1]"],
    ["an unknown flag", (bytes) => bytes.fill(16, 1552, 1553), "flags", "entries[1].flags"],
  ];
  test.each(spoilt)("refused: %s", (_name, spoil, trouble, at) => {
    const file = logOf([{ data: "a" }, { sector: 1, data: "b" }], spoil);
    expect(readWriteLog(file)).toEqual({ ok: false, trouble, at });
  });
});

describe("a disk is rebuilt", () => {
  test("byte for byte up to the flush, and not a byte beyond it", () => {
    const log = logOf([
      { sector: 2, data: "abc" },
      { sector: 3, data: "x", flags: FUA },
      { flags: FLUSH },
      { sector: 0, data: "y" },
      { sector: 3, sectors: 1, flags: DISCARD },
      { flags: MARK },
    ]);
    const disk = emptyDisk();
    expect(applyEntries(read(log), log, disk, 0, 2)).toEqual({ ok: true, written: 2048 });
    expect(lettersOnDisk()).toBe("..axc");
    expect(applyEntries(read(log), log, disk, 2, 6).ok).toBe(true);
    expect(lettersOnDisk()).toBe("y.a0c");
  });

  test("a write beyond its end is refused, and an entry that is not there", () => {
    const log = logOf([{ sector: DISK_SECTORS - 1, data: "ab" }]);
    const disk = emptyDisk();
    expect(applyEntries(read(log), log, disk, 0, 1)).toEqual({
      ok: false,
      at: "entries[0].sector",
    });
    expect(tearEntries(read(log), log, disk, 0, 1, seededRandom(1, "t")).ok).toBe(false);
    expect(applyEntries(read(log), log, disk, 1, 2)).toEqual({ ok: false, at: "entries[1]" });
    expect(lettersOnDisk()).toBe("");
  });
});

describe("a disk that lost power before the next flush", () => {
  const made = [
    { sector: 0, data: "abcd" },
    { flags: FLUSH },
    { sector: 4, data: "efgh" },
    { sector: 4, data: "ijkl" },
    { sector: 20, data: "m" },
    { flags: FLUSH },
    { sector: 30, data: "z" },
  ];

  test("holds all from before the one, none from after the other, and any part of what is between", () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 200; seed += 1) {
      const log = logOf(made);
      const disk = emptyDisk();
      expect(applyEntries(read(log), log, disk, 0, 1).ok).toBe(true);
      const next = nextFlush(read(log), 1);
      expect(next).toBe(5);
      expect(tearEntries(read(log), log, disk, 1, next, seededRandom(seed, "t")).ok).toBe(true);
      const letters = lettersOnDisk();
      expect(letters.padEnd(21, ".")).toMatch(/^abcd[ei.][fj.][gk.][hl.]\.{12}[m.]$/);
      seen.add(letters.slice(0, 8).replace(/\.+$/, ""));
    }
    // Lost, whole, cut at its end, cut at its beginning, and the older over the newer.
    for (const each of ["abcd", "abcdijkl", "abcdefgh", "abcde", "abcd...h"])
      expect(seen).toContain(each);
    expect(seen.size).toBeGreaterThan(20);
  });

  test("a long write is lost, whole or cut, each about as often", () => {
    const count = { lost: 0, whole: 0, cut: 0 };
    for (let seed = 0; seed < 90; seed += 1) {
      const log = logOf([{ data: "abcdefghijklmnopqrstuvwxyz" }]);
      const disk = emptyDisk();
      const torn = tearEntries(read(log), log, disk, 0, 1, seededRandom(seed, "t"));
      const sectors = torn.ok ? torn.written / SECTOR : -1;
      count[sectors === 0 ? "lost" : sectors === 26 ? "whole" : "cut"] += 1;
    }
    for (const times of Object.values(count)) expect(times).toBeGreaterThan(15);
  });

  test("the same seed gives the same disk; what was flushed is never torn", () => {
    const states = [7, 7].map((seed) => {
      const log = logOf(made);
      const disk = emptyDisk();
      tearEntries(read(log), log, disk, 2, 5, seededRandom(seed, "t"));
      return lettersOnDisk();
    });
    expect(states[0]).toBe(states[1]);
    const log = logOf(made);
    const over = tearEntries(read(log), log, emptyDisk(), 2, 7, seededRandom(1, "t"));
    expect(over).toEqual({ ok: false, at: "entries[5]" });
  });
});

describe("where the power is cut", () => {
  test("at flushes before which something was written", () => {
    const log = read(
      logOf([
        { flags: FLUSH },
        { data: "a" },
        { flags: FLUSH },
        { flags: FLUSH },
        { flags: MARK },
        { flags: FLUSH },
        { sector: 3, sectors: 2, flags: DISCARD },
        { flags: FLUSH },
      ]),
    );
    expect(flushBoundaries(log, 0, 8)).toEqual([2, 7]);
    expect(flushBoundaries(log, 2, 7)).toEqual([]);
  });

  test("half of them around the switches, the others over the whole, always the first and the last", () => {
    const boundaries = Array.from({ length: 100 }, (_, index) => index * 10);
    expect(chooseCuts(boundaries, [703], 8)).toEqual([0, 320, 630, 690, 700, 710, 720, 990]);
    expect(chooseCuts(boundaries, [203, 700], 8)).toEqual([0, 200, 210, 340, 650, 690, 700, 990]);
    expect(chooseCuts(boundaries, [0], 4)).toEqual([0, 10, 20, 990]);
    for (let count = 4; count < 100; count += 1)
      expect(new Set(chooseCuts(boundaries, [500], count)).size).toBe(count);
    expect(chooseCuts([3, 5], [4], 4)).toEqual([3, 5]);
  });

  test("near is counted in flushes, not in what was written between them", () => {
    expect(nearest([0, 1000, 1001, 1002, 9000], [1000], 3)).toEqual([1000, 0, 1001]);
  });
});
