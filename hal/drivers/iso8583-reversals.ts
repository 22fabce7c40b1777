// Reversals that nobody acknowledged are sent again until somebody does, also when whoever asked for them has gone:
// what is held must not stay so.

import { after, type Clock, type Timer } from "../clock.ts";
import type { Iso8583Books } from "./iso8583-books.ts";

const AGAIN_MS_MIN = 5_000;
const AGAIN_MS_MAX = 300_000;

export class Iso8583Reversals {
  readonly #clock: Clock;
  readonly #books: Iso8583Books;
  readonly #reverse: (attempt: string, target: string) => Promise<void>;
  readonly #again = new Map<string, Timer>();
  #closed = false;

  constructor(
    clock: Clock,
    books: Iso8583Books,
    reverse: (attempt: string, target: string) => Promise<void>,
  ) {
    this.#clock = clock;
    this.#books = books;
    this.#reverse = reverse;
  }

  /** Sends it again after a while, unless it was decided by then. */
  later(attempt: string, delayMs = AGAIN_MS_MIN): void {
    if (this.#closed || this.#again.has(attempt)) return;
    const again = async (): Promise<void> => {
      this.#again.delete(attempt);
      const nextMs = Math.min(2 * delayMs, AGAIN_MS_MAX);
      const record = await this.#books.read("iso-attempt", attempt).catch((error: unknown) => {
        this.later(attempt, nextMs);
        throw error;
      });
      if (record?.action !== "reverse" || record.state !== "sent") return;
      this.later(attempt, nextMs);
      await this.#reverse(attempt, record.target ?? "");
    };
    const timer = after(this.#clock, delayMs, () => void again().catch(() => undefined));
    this.#again.set(attempt, timer);
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#again.values()) timer.cancel();
  }
}
