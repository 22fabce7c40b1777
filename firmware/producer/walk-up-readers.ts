// The card readers of a board while nobody pays: which of them answer, and what is presented at them, one thing after
// the other. A card that somebody has only left there starts nothing.

import type { CardReader, Presence } from "../../hal/card-reader.ts";
import type { Clock } from "../../hal/clock.ts";
import type { Log } from "../log.ts";

/** A card that a reader finds as soon as it is up was there before: nobody has just presented it. */
const FOUND_MS = 1_000;

/** Looks first at what came to a reader, for what is no payment card; true when it dealt with it. */
export type HandFirst = (reader: CardReader, presence: Presence) => Promise<boolean>;

export interface BoardReadersPorts {
  clock: Clock;
  log: Log;
  readers: readonly CardReader[];
  /** What lies at the others when something comes to one. */
  left: Map<CardReader, number>;
  handFirst?: HandFirst;
  enqueue(work: () => Promise<void>): void;
  /** Whether anything that is presented is looked at now. */
  isWanted(): boolean;
  /** Something has come, and is being looked at. */
  came(): void;
  /** A payment card is there. */
  card(): void;
  say(...lines: readonly string[]): void;
  /** A reader has come, or has gone. */
  changed(): void;
}

export class BoardReaders {
  readonly #ports: BoardReadersPorts;
  /** Those that are up, and since when. */
  readonly #upSinceMs = new Map<CardReader, number>();
  #isLooking = false;

  constructor(ports: BoardReadersPorts) {
    this.#ports = ports;
  }

  listen(): void {
    const { readers, enqueue } = this.#ports;
    for (const reader of readers) {
      reader.onStatus(() => this.#noteStatus(reader));
      reader.onPresence((presence) => {
        if (presence !== undefined) enqueue(() => this.#came(reader, presence));
      });
      this.#noteStatus(reader);
    }
  }

  anyUp(): boolean {
    return this.#upSinceMs.size > 0;
  }

  close(): void {
    for (const reader of this.#ports.readers) {
      reader.onPresence(() => undefined);
      reader.onStatus(() => undefined);
    }
  }

  #noteStatus(reader: CardReader): void {
    if (!reader.status().ready) this.#upSinceMs.delete(reader);
    else if (!this.#upSinceMs.has(reader)) {
      this.#upSinceMs.set(reader, this.#ports.clock.monotonicMs());
    }
    this.#ports.changed();
  }

  #noteLeft(came: CardReader): void {
    const { readers, left } = this.#ports;
    for (const reader of readers) {
      const presence = reader === came ? undefined : reader.presence();
      if (presence !== undefined) left.set(reader, presence.number);
    }
  }

  async #came(reader: CardReader, presence: Presence): Promise<void> {
    const { handFirst, enqueue, log, clock, say } = this.#ports;
    if (this.#isLooking || !this.#ports.isWanted()) return;
    if (presence.sort === "several") return say("One card only,", "please");
    const upMs = clock.monotonicMs() - (this.#upSinceMs.get(reader) ?? Number.NEGATIVE_INFINITY);
    if (upMs < FOUND_MS) return say("Take the card away", "and present it again");
    this.#isLooking = true;
    this.#noteLeft(reader);
    this.#ports.came();
    // A reader takes its time, and nothing else waits for it.
    void (handFirst?.(reader, presence) ?? Promise.resolve(false)).then(
      (isDone) => {
        this.#isLooking = false;
        if (isDone) return;
        if (presence.sort === "card") this.#ports.card();
        else say("This is", "no payment card");
      },
      (error: unknown) => {
        this.#isLooking = false;
        log("error", "reader-failed", { reader: reader.id, message: String(error) });
        enqueue(() => Promise.reject(error));
      },
    );
  }
}
