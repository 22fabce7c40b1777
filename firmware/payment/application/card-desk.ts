// The card readers of a board as one: whichever of them reads a card first, its card counts. What stands at the board
// to be read instead of a credential that came over the network.

import type { CardReader, CardReading, CardRequest } from "../../../hal/card-reader.ts";
import { after, type Clock, type Timer } from "../../../hal/clock.ts";

/** A reader that is gone is tried again so often, while a card may still come to another one. */
const LOST_AGAIN_MS = 1_000;

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
 * leaves it to the others.
 */
export function joinedCardDesk(readers: readonly CardReader[], clock: Clock): CardDesk {
  let current: JoinedRead | undefined;
  return {
    read: (request) => {
      if (current !== undefined) {
        return { ended: Promise.resolve({ kind: "busy" }), cancel: () => undefined };
      }
      const mine = new JoinedRead(readers, request, clock);
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
  /** Readers that have not answered yet, and those that are gone and will be tried again. */
  readonly #asked = new Set<CardReader>();
  readonly #lost = new Map<CardReader, Timer>();
  #decided: CardReading | undefined;
  /** What those said that left it to the others. */
  #last: CardReading = { kind: "lost" };
  #resolve: (reading: CardReading) => void = () => undefined;

  constructor(readers: readonly CardReader[], request: CardRequest, clock: Clock) {
    this.#readers = readers;
    this.#request = request;
    this.#clock = clock;
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
        if (reading.kind === "lost") this.#tryAgain(reader);
        if (this.#asked.size === 0) this.#decide(this.#last);
      } else this.#decide(reading);
    }
    this.#endIfStill();
  }

  #tryAgain(reader: CardReader): void {
    const timer = after(this.#clock, LOST_AGAIN_MS, () => {
      this.#lost.delete(reader);
      if (this.#decided === undefined) this.#ask(reader);
    });
    this.#lost.set(reader, timer);
  }

  #decide(reading: CardReading): void {
    if (this.#decided !== undefined) return;
    this.#decided = reading;
    for (const timer of this.#lost.values()) timer.cancel();
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
