// Counts the edges of one line by the number that the kernel gives to each: a process that was stalled finds them all,
// also those whose events the kernel had no room to keep. Two edges that come closer together than the kernel's
// interrupt thread can run are one to it, and so to us.

import { closeSync } from "node:fs";
import { HalError } from "../hal-error.ts";
import type { EdgeCount, EdgeInput } from "../pin.ts";
import { errorName, loadNative, type Native, READABLE } from "./native.ts";
import { KERNEL_AHEAD_MS, monotonicMs } from "./system-clock.ts";

const EVENT_BYTES = 48;
const EVENTS_PER_READ = 32;
const EAGAIN = -11;

/** What reading a line's events needs of the system; the descriptor is non-blocking. */
export interface EventSource {
  /** Bytes read, whole events, or -errno. */
  read(buffer: Uint8Array): number;
  /** The kernel's clock of the events less ours, in milliseconds. */
  clockAheadMs: number;
}

export interface EdgeCounter {
  /** As of the last drain, always the same object. Dated by our clock. */
  readonly edges: EdgeCount;
  /** Reads all that is there. 0, or -errno when the line is gone. */
  drain(): number;
}

/** Of a line opened just now, with one kind of edge only. */
export function countEdges(source: EventSource, openedMs: number): EdgeCounter {
  const buffer = Buffer.alloc(EVENT_BYTES * EVENTS_PER_READ);
  // Numbers in place: at thousands of edges a second, new ones would be garbage to collect.
  const edges = { count: 0, atMs: openedMs };
  let last = 0;
  return {
    edges,
    drain: () => {
      for (;;) {
        const bytes = source.read(buffer);
        if (bytes < 0) return bytes === EAGAIN ? 0 : bytes;
        const newest = bytes - EVENT_BYTES;
        if (newest < 0) return 0;
        // 32 bits that wrap. Numbers that are missing are edges whose events were dropped: they count all the same.
        const seqno = buffer.readUInt32LE(newest + 20);
        edges.count += (seqno - last) >>> 0;
        last = seqno;
        const stampMs =
          (buffer.readUInt32LE(newest + 4) * 2 ** 32 + buffer.readUInt32LE(newest)) / 1e6;
        edges.atMs = Math.max(edges.atMs, stampMs - source.clockAheadMs);
        if (bytes < buffer.length) return 0;
      }
    },
  };
}

/** Takes the descriptor of the line over. */
export function openEdges(
  name: string,
  fd: number,
  native: Pick<Native, "read" | "pollStart" | "pollStop"> = loadNative(),
): EdgeInput {
  const read = (buffer: Uint8Array): number => native.read(fd, buffer);
  const counter = countEdges({ read, clockAheadMs: KERNEL_AHEAD_MS }, monotonicMs());
  let open = true;
  let gone = 0;
  let wake: () => void = () => {};
  const drain = (): void => {
    if (gone === 0) gone = counter.drain();
  };
  const poll = native.pollStart(fd, READABLE, (events) => {
    const before = counter.edges.count;
    drain();
    if (events < 0) gone = events;
    if (gone !== 0) stopPoll();
    if (gone !== 0 || counter.edges.count !== before) wake();
  });
  if (typeof poll === "number") {
    closeSync(fd);
    throw new HalError("refused", `line ${name} cannot be waited on: ${errorName(poll)}`);
  }
  const stopPoll = (): void => native.pollStop(poll);
  const check = (): void => {
    if (!open) throw new HalError("canceled", `line ${name} was closed`);
  };
  return {
    edges: () => {
      check();
      drain();
      if (gone !== 0)
        throw new HalError("disconnected", `line ${name} is gone: ${errorName(gone)}`);
      return counter.edges;
    },
    onEdge: (listener) => {
      check();
      wake = listener;
    },
    close: () => {
      if (!open) return;
      open = false;
      wake = () => {};
      stopPoll();
      closeSync(fd);
    },
  };
}
