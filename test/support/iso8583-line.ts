// A line between terminal and acquirer in virtual time, on which single messages are lost, delayed, doubled or
// spoilt, and which can be cut.

import { after, type Clock } from "../../hal/clock.ts";
import type { Iso8583Line, Iso8583LineListener } from "../../hal/drivers/iso8583-line.ts";
import type { Acquirer } from "../../tools/acquirer/acquirer.ts";

/** What becomes of one message: what arrives instead, and how much later. */
export type Passage = (message: Uint8Array) => readonly { bytes: Uint8Array; delayMs?: number }[];

const LATENCY_MS = 5;
const RECONNECT_MS = 500;

export interface VirtualLine {
  /** The terminal's end; the one before it is dead. */
  open(clock: Clock): Iso8583Line;
  toAcquirer: Passage;
  toTerminal: Passage;
  cut(): void;
  restore(): void;
  /** The connection breaks; another one is made. */
  breakOnce(): void;
  /** Made so far. */
  connections(): number;
  /** A message to the terminal that nobody sent. */
  inject(bytes: Uint8Array): void;
  /** Another acquirer, such as the same one started again. */
  replace(acquirer: Acquirer): void;
  /** Every message so far, as it left; "up" is to the acquirer. */
  readonly seen: readonly { way: "up" | "down"; bytes: Uint8Array }[];
}

const pass: Passage = (bytes) => [{ bytes }];

export function virtualLine(first: Acquirer, world: Clock): VirtualLine {
  const seen: { way: "up" | "down"; bytes: Uint8Array }[] = [];
  let acquirer = first;
  let isCut = false;
  /** Changes with every connection: what is on its way belongs to one. */
  let connection = 0;
  let made = 0;
  let end: { listener: Iso8583LineListener; clock: Clock } | undefined;
  let peer: ReturnType<Acquirer["connect"]> | undefined;
  const deliver = (
    passage: Passage,
    message: Uint8Array,
    to: (bytes: Uint8Array) => void,
  ): void => {
    const mine = connection;
    for (const { bytes, delayMs = 0 } of passage(message)) {
      after(world, LATENCY_MS + delayMs, () => mine === connection && to(bytes.slice()));
    }
  };
  const lose = (): void => {
    connection++;
    peer?.close();
    if (peer !== undefined) end?.listener.down();
    peer = undefined;
  };
  const connect = (): void => {
    const mine = end;
    if (isCut || mine === undefined || peer !== undefined) return;
    connection++;
    made++;
    peer = acquirer.connect((message) => {
      seen.push({ way: "down", bytes: message.slice() });
      deliver(line.toTerminal, message, (bytes) => mine.listener.message(bytes));
    });
    mine.listener.up();
  };
  const connectSoon = (): void => {
    const mine = end;
    if (mine !== undefined) after(mine.clock, RECONNECT_MS, () => mine === end && connect());
  };
  const line: VirtualLine = {
    toAcquirer: pass,
    toTerminal: pass,
    seen,
    open: (clock) => {
      lose();
      const mine: Iso8583Line = {
        listen: (listener) => {
          end = { listener, clock };
          const me = end;
          after(clock, 0, () => me === end && connect());
        },
        send: (message) => {
          if (peer === undefined || end?.clock !== clock) return false;
          const bytes = message.slice();
          seen.push({ way: "up", bytes });
          deliver(line.toAcquirer, bytes, (arrived) => peer?.receive(arrived));
          return true;
        },
        reset: () => line.breakOnce(),
        close: () => {
          if (end?.clock === clock) {
            end = undefined;
            lose();
          }
        },
      };
      return mine;
    },
    cut: () => {
      isCut = true;
      lose();
    },
    restore: () => {
      isCut = false;
      connectSoon();
    },
    breakOnce: () => {
      lose();
      connectSoon();
    },
    connections: () => made,
    inject: (bytes) => end?.listener.message(bytes),
    replace: (next) => {
      acquirer = next;
      line.breakOnce();
    },
  };
  return line;
}
