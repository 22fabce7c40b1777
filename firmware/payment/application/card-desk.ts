// The card readers of a board as one: whichever of them reads a card first, its card counts. What stands at the board
// to be read instead of a credential that came over the network.

import type { CardReader, CardReading, CardRequest } from "../../../hal/card-reader.ts";
import { after, type Clock, type Timer } from "../../../hal/clock.ts";

/** A reader that is gone is tried again so often, while a card may still come to another one. */
const LOST_AGAIN_MS = 1_000;
/** How often is asked whether a card that was left has gone. */
const LEFT_AGAIN_MS = 250;

export type DeskReading =
  | CardReading
  /** The payment host has a reader of its own, and asks for the card itself when it is charged. */
  | { kind: "present" }
  /** Another payment waits for its card. */
  | { kind: "busy" };

export interface DeskRead {
  ended: Promise<DeskReading>;
  /** Ends it with `canceled`, unless a card was read. Idempotent. */
  cancel(): void;
}

interface DeskReaders {
  readers: readonly CardReader[];
  /** By its presence, what lay at a reader already when somebody came to another one: it was presented for nothing since. */
  left: ReadonlyMap<CardReader, number>;
}

export interface CardDesk {
  /** One at a time. Trouble is an answer, never an exception. */
  read(request: CardRequest): DeskRead;
}

/** At a payment host that authorises by a reader of its own there is nothing to read beforehand. */
export function presentCardDesk(): CardDesk {
  return {
    read: () => ({ ended: Promise.resolve({ kind: "present" }), cancel: () => undefined }),
  };
}

/**
 * All readers are asked; the first that has a card (or has seen one torn away, several, or none of use) decides, and
 * the others are cancelled: a second card is forgotten unread, or unused. One that is gone, or has no card in time,
 * leaves it to the others. A card that was left counts when it is presented anew.
 */
export function joinedCardDesk({ readers, left }: DeskReaders, clock: Clock): CardDesk {
  let current: JoinedRead | undefined;
  return {
    read: (request) => {
      if (current !== undefined) {
        return { ended: Promise.resolve({ kind: "busy" }), cancel: () => undefined };
      }
      const isLeft = (reader: CardReader): boolean => {
        const presence = reader.presence()?.number;
        return presence !== undefined && left.get(reader) === presence;
      };
      const mine = new JoinedRead(readers, request, clock, isLeft);
      current = mine;
      const ended = mine.ended.finally(() => {
        current = undefined;
      });
      return { ended, cancel: () => mine.cancel() };
    },
  };
}

class JoinedRead {
  readonly ended: Promise<DeskReading>;
  readonly #readers: readonly CardReader[];
  readonly #request: CardRequest;
  readonly #clock: Clock;
  readonly #endMs: number;
  readonly #isLeft: (reader: CardReader) => boolean;
  /** Readers that have not answered yet; those that hold a card that was left; when they and lost ones are tried again. */
  readonly #asked = new Set<CardReader>();
  readonly #passedOver = new Set<CardReader>();
  readonly #again = new Map<CardReader, Timer>();
  #decided: CardReading | undefined;
  /** What those said that left it to the others. */
  #last: CardReading = { kind: "lost" };
  #resolve: (reading: CardReading) => void = () => undefined;

  constructor(
    readers: readonly CardReader[],
    request: CardRequest,
    clock: Clock,
    isLeft: (reader: CardReader) => boolean,
  ) {
    this.#readers = readers;
    this.#request = request;
    this.#clock = clock;
    this.#isLeft = isLeft;
    this.#endMs = clock.monotonicMs() + request.timeoutMs;
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    for (const reader of readers) this.#ask(reader);
    if (readers.length === 0) this.#decide({ kind: "lost" });
  }

  cancel(): void {
    this.#decide({ kind: "canceled" });
  }

  #ask(reader: CardReader): void {
    const timeoutMs = Math.max(0, this.#endMs - this.#clock.monotonicMs());
    this.#passedOver.delete(reader);
    if (this.#isLeft(reader)) {
      if (timeoutMs === 0) this.#heard(reader, { kind: "absent" });
      else {
        this.#passedOver.add(reader);
        this.#tryAgain(reader, Math.min(LEFT_AGAIN_MS, timeoutMs));
      }
      return;
    }
    this.#asked.add(reader);
    const heard = (reading: CardReading): void => this.#heard(reader, reading);
    // A driver that throws is as good as gone.
    reader.readCard({ ...this.#request, timeoutMs }).then(heard, () => heard({ kind: "lost" }));
  }

  #heard(reader: CardReader, reading: CardReading): void {
    this.#asked.delete(reader);
    if (this.#decided === undefined) {
      if (leavesItToOthers(reading)) {
        if (reading.kind !== "lost" || this.#last.kind === "lost") this.#last = reading;
        if (reading.kind === "lost") this.#tryAgain(reader, LOST_AGAIN_MS);
        if (this.#asked.size + this.#passedOver.size === 0) this.#decide(this.#last);
      } else this.#decide(reading);
    }
    this.#endIfStill();
  }

  #tryAgain(reader: CardReader, delayMs: number): void {
    const timer = after(this.#clock, delayMs, () => {
      this.#again.delete(reader);
      if (this.#decided === undefined) this.#ask(reader);
    });
    this.#again.set(reader, timer);
  }

  #decide(reading: CardReading): void {
    if (this.#decided !== undefined) return;
    this.#decided = reading;
    for (const timer of this.#again.values()) timer.cancel();
    for (const reader of this.#readers) if (this.#asked.has(reader)) reader.cancel();
    this.#endIfStill();
  }

  /** Only when every reader is free again, so that the next card can be read. */
  #endIfStill(): void {
    if (this.#decided !== undefined && this.#asked.size === 0) this.#resolve(this.#decided);
  }
}

function leavesItToOthers({ kind }: CardReading): boolean {
  return kind === "absent" || kind === "lost" || kind === "canceled";
}
