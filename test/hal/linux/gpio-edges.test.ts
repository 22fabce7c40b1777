// Counting by the kernel's numbers of events, on records made here as the kernel lays them out.

import { expect, test } from "vitest";
import { countEdges } from "../../../hal/linux/gpio-edges.ts";

const EVENT_BYTES = 48;
const EAGAIN = -11;
const ENODEV = -19;

/** A kernel that has these events, and keeps only the newest `room` of those that were not read. */
function kernel(room = 64) {
  let waiting: Buffer[] = [];
  let seqno = 0;
  let gone = 0;
  return {
    startAt: (number: number) => {
      seqno = number;
    },
    edges: (count: number, atNs = 0n) => {
      for (let i = 0; i < count; i++) {
        seqno = (seqno + 1) >>> 0;
        const event = Buffer.alloc(EVENT_BYTES);
        event.writeBigUInt64LE(atNs + BigInt(i), 0);
        event.writeUInt32LE(1, 8);
        event.writeUInt32LE(seqno, 16);
        event.writeUInt32LE(seqno, 20);
        waiting.push(event);
      }
      waiting = waiting.slice(-room);
    },
    remove: () => {
      gone = ENODEV;
    },
    read: (buffer: Uint8Array): number => {
      if (gone !== 0) return gone;
      if (waiting.length === 0) return EAGAIN;
      const fit = waiting.splice(0, Math.floor(buffer.length / EVENT_BYTES));
      Buffer.concat(fit).copy(buffer);
      return fit.length * EVENT_BYTES;
    },
  };
}

test("counts what it reads, also more than one read holds", () => {
  const line = kernel(1024);
  const counter = countEdges({ read: line.read, clockAheadMs: 0 }, 0);
  expect(counter.drain()).toBe(0);
  expect(counter.edges.count).toBe(0);
  line.edges(7);
  counter.drain();
  expect(counter.edges.count).toBe(7);
  line.edges(500);
  counter.drain();
  expect(counter.edges.count).toBe(507);
});

test("counts what the kernel had no room to keep", () => {
  const line = kernel(64);
  const counter = countEdges({ read: line.read, clockAheadMs: 0 }, 0);
  line.edges(10_000);
  counter.drain();
  expect(counter.edges.count).toBe(10_000);
  line.edges(3);
  counter.drain();
  expect(counter.edges.count).toBe(10_003);
});

test("the numbers wrap at 32 bits, the count does not", () => {
  const line = kernel(4);
  const counter = countEdges({ read: line.read, clockAheadMs: 0 }, 0);
  line.edges(1);
  counter.drain();
  line.startAt(2 ** 32 - 3);
  line.edges(1);
  counter.drain();
  const before = counter.edges.count;
  line.edges(6);
  counter.drain();
  expect(counter.edges.count).toBe(before + 6);
  expect(counter.edges.count).toBeGreaterThan(2 ** 32);
});

test("dates the last edge by our clock, and none before opening", () => {
  const line = kernel();
  const counter = countEdges({ read: line.read, clockAheadMs: 5_000 }, 100);
  expect(counter.edges.atMs).toBe(100);
  line.edges(1, 5_050_000_000n);
  counter.drain();
  expect(counter.edges.atMs).toBe(100);
  line.edges(1, 5_250_000_000n);
  counter.drain();
  expect(counter.edges.atMs).toBe(250);
  // Beyond 32 bits of nanoseconds, which are four seconds, and of seconds.
  line.edges(1, 9_000_005_000_000_000n);
  counter.drain();
  expect(counter.edges.atMs).toBeCloseTo(9_000_000_000, 3);
});

test("a chip that is gone is told from a line that is quiet", () => {
  const line = kernel();
  const counter = countEdges({ read: line.read, clockAheadMs: 0 }, 0);
  line.edges(2);
  expect(counter.drain()).toBe(0);
  line.remove();
  expect(counter.drain()).toBe(ENODEV);
  expect(counter.edges.count).toBe(2);
});
