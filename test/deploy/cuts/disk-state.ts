// What a disk holds after a power cut: all that was written before a flush, and of what was written after it any part, in
// any order, whole sectors only. dm-log-writes.rst, "Log Ordering": what a flush made last is what has to be there.

import { readSync, writeSync } from "node:fs";
import type { Random } from "../../../hal/sim/random.ts";
import { dataBytes, FLUSH, type LogEntry, MARK, type WriteLog } from "./write-log.ts";

/** What disks write as one, whatever the log counts in. */
const ATOMIC_BYTES = 512;
const CHUNK_BYTES = 1 << 20;

export interface Disk {
  file: number;
  bytes: number;
}

export type ApplyResult = { ok: true; written: number } | { ok: false; at: string };

/** Does to the disk what entries `from` to `to` (this one not) did. Refuses an entry beyond the end of the disk. */
export function applyEntries(
  log: WriteLog,
  logFile: number,
  disk: Disk,
  from: number,
  to: number,
): ApplyResult {
  let written = 0;
  for (let index = from; index < to; index += 1) {
    const entry = log.entries[index];
    if (entry === undefined) return { ok: false, at: `entries[${index}]` };
    if (entry.flags & MARK) continue;
    const bytes = entry.sectors * log.sectorBytes;
    if (entry.sector * log.sectorBytes + bytes > disk.bytes)
      return { ok: false, at: `entries[${index}].sector` };
    copyPart(log, logFile, disk, entry, 0, bytes);
    written += bytes;
  }
  return { ok: true, written };
}

/**
 * Does to the disk a part of what entries `from` to `to` did, in another order, each whole, cut short or not at all,
 * as a disk may that loses power before it was told to flush. Of the entries only the first may be a flush.
 */
export function tearEntries(
  log: WriteLog,
  logFile: number,
  disk: Disk,
  from: number,
  to: number,
  random: Random,
): ApplyResult {
  const indexes: number[] = [];
  for (let index = from; index < to; index += 1) indexes.push(index);
  let written = 0;
  while (indexes.length > 0) {
    const [index] = indexes.splice(random.below(indexes.length), 1) as [number];
    const entry = log.entries[index];
    if (entry === undefined || (entry.flags & FLUSH && index !== from))
      return { ok: false, at: `entries[${index}]` };
    if (entry.flags & MARK) continue;
    const bytes = entry.sectors * log.sectorBytes;
    if (entry.sector * log.sectorBytes + bytes > disk.bytes)
      return { ok: false, at: `entries[${index}].sector` };
    const fate = random.below(3);
    if (fate === 0) continue;
    const kept =
      fate === 1 ? bytes : ATOMIC_BYTES * random.below(Math.floor(bytes / ATOMIC_BYTES) + 1);
    // A disk need not begin at the beginning.
    const skipped = random.below(2) === 0 ? 0 : bytes - kept;
    copyPart(log, logFile, disk, entry, skipped, kept);
    written += kept;
  }
  return { ok: true, written };
}

/** Discarded sectors read as zeros here; a disk may return what was there before, which is what no file relies upon. */
function copyPart(
  log: WriteLog,
  logFile: number,
  disk: Disk,
  entry: LogEntry,
  skip: number,
  bytes: number,
): void {
  const inLog = dataBytes(entry, log.sectorBytes) > 0;
  const buffer = Buffer.alloc(Math.min(bytes, CHUNK_BYTES));
  const start = entry.sector * log.sectorBytes + skip;
  for (let done = 0; done < bytes; done += buffer.length) {
    const length = Math.min(buffer.length, bytes - done);
    if (inLog) readSync(logFile, buffer, 0, length, entry.dataAt + skip + done);
    writeSync(disk.file, buffer, 0, length, start + done);
  }
}
