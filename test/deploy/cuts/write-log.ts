// Reads a log of block writes as QEMU's blklogwrites and the kernel's dm-log-writes keep it: a first sector that says what
// it is and how many entries follow, then each entry's own sector with what was written after it
// (Documentation/admin-guide/device-mapper/log-writes.rst; struct log_write_super and log_write_entry of dm-log-writes.c).

import { fstatSync, readSync } from "node:fs";

export const FLUSH = 1;
export const FUA = 2;
export const DISCARD = 4;
export const MARK = 8;

const MAGIC = 0x6a736677736872n;
const VERSION = 1n;
const ENTRY_BYTES = 32;
/** More than any upgrade writes; a number beyond it is a spoiled log. */
const ENTRIES_MAX = 2_000_000;
/** Half a petabyte: sums of such numbers, in bytes, are still exact. */
const SECTOR_MAX = 2n ** 40n;

/** One write, in sectors of the log's own size. `dataAt` is where its bytes are in the log. */
export interface LogEntry {
  sector: number;
  sectors: number;
  flags: number;
  dataAt: number;
}

export interface WriteLog {
  sectorBytes: number;
  entries: readonly LogEntry[];
}

export type LogTrouble = "no-log" | "version" | "sector-size" | "too-long" | "torn" | "flags";

export type LogResult<T> = { ok: true; value: T } | { ok: false; trouble: LogTrouble; at: string };

/** Reads all entries that the first sector counts. A log that ends before them is `torn`. */
export function readWriteLog(file: number): LogResult<WriteLog> {
  const head = readHead(file);
  if (!head.ok) return head;
  const { sectorBytes, count } = head.value;
  const fileBytes = fstatSync(file).size;
  const entries: LogEntry[] = [];
  const raw = Buffer.alloc(ENTRY_BYTES);
  for (let index = 0, offset = sectorBytes; index < count; index += 1) {
    readSync(file, raw, 0, ENTRY_BYTES, offset);
    const entry = entryOf(raw, index, offset + sectorBytes);
    if (!entry.ok) return entry;
    entries.push(entry.value);
    offset = entry.value.dataAt + dataBytes(entry.value, sectorBytes);
    // Also where its head was beyond the end already.
    if (offset > fileBytes) return torn(index);
  }
  return { ok: true, value: { sectorBytes, entries } };
}

/** How many bytes of the log belong to this entry, its head not counted. */
export function dataBytes(entry: LogEntry, sectorBytes: number): number {
  return (entry.flags & (DISCARD | MARK)) === 0 ? entry.sectors * sectorBytes : 0;
}

/** How many entries the log counts at this moment: its writer may be at work. */
export function countEntries(file: number): LogResult<number> {
  const head = readHead(file);
  return head.ok ? { ok: true, value: head.value.count } : head;
}

function readHead(file: number): LogResult<{ sectorBytes: number; count: number }> {
  const raw = Buffer.alloc(28);
  if (readSync(file, raw, 0, raw.length, 0) < raw.length) return refuse("no-log", "magic");
  if (raw.readBigUInt64LE(0) !== MAGIC) return refuse("no-log", "magic");
  if (raw.readBigUInt64LE(8) !== VERSION) return refuse("version", "version");
  const entries = raw.readBigUInt64LE(16);
  if (entries > BigInt(ENTRIES_MAX)) return refuse("too-long", "nr_entries");
  const sectorBytes = raw.readUInt32LE(24);
  if (sectorBytes !== 512 && sectorBytes !== 4096) return refuse("sector-size", "sectorsize");
  return { ok: true, value: { sectorBytes, count: Number(entries) } };
}

function entryOf(raw: Buffer, index: number, dataAt: number): LogResult<LogEntry> {
  const [sector, sectors, flags] = [0, 8, 16].map((at) => raw.readBigUInt64LE(at)) as [
    bigint,
    bigint,
    bigint,
  ];
  if (flags > 15n) return refuse("flags", `entries[${index}].flags`);
  if (sector > SECTOR_MAX || sectors > SECTOR_MAX) return torn(index);
  return {
    ok: true,
    value: { sector: Number(sector), sectors: Number(sectors), flags: Number(flags), dataAt },
  };
}

function torn(index: number): { ok: false; trouble: LogTrouble; at: string } {
  return refuse("torn", `entries[${index}]`);
}

function refuse(trouble: LogTrouble, at: string): { ok: false; trouble: LogTrouble; at: string } {
  return { ok: false, trouble, at };
}
