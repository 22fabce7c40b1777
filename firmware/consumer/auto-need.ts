// When a standing need is due: at intervals, or when what is left of what was bought falls below a level.
// Time within a run is the monotonic clock's; over a restart only the wall clock knows how long it was, and
// it is believed for no more than a day and never backwards.

import type { Clock } from "../../hal/clock.ts";
import type { Standing } from "./auto-ledger.ts";

export type Need =
  /** One purchase every so often. */
  | { is: "every"; everyMs: number }
  /** A stock that is used up: bought when less is left. In thousandths of a unit. */
  | { is: "level"; startMilli: number; perHourMilli: number; belowMilli: number };

const HOUR_MS = 3_600_000;
const AWAY_MS_MAX = 24 * HOUR_MS;

export class Demand {
  readonly #clock: Clock;
  readonly #need: Need;
  #dueMs: number;
  #level: { milli: number; atMs: number };

  constructor(clock: Clock, need: Need, { lastMs, level }: Standing) {
    this.#clock = clock;
    this.#need = need;
    const nowMs = clock.monotonicMs();
    const every = need.is === "every" ? need.everyMs : 0;
    this.#dueMs = lastMs === undefined ? nowMs : nowMs + Math.max(0, every - this.#awayMs(lastMs));
    const start = need.is === "level" ? need.startMilli : 0;
    const atMs = level === undefined ? nowMs : nowMs - this.#awayMs(level.atMs);
    this.#level = { milli: level?.milliUnits ?? start, atMs };
  }

  #awayMs(sinceMs: number): number {
    if (this.#clock.wallQuality() === "unset") return 0;
    return Math.min(Math.max(0, this.#clock.wallMs() - sinceMs), AWAY_MS_MAX);
  }

  /** What is left now; never less than nothing. */
  levelMilli(): number {
    if (this.#need.is !== "level") return 0;
    const hours = (this.#clock.monotonicMs() - this.#level.atMs) / HOUR_MS;
    return Math.max(0, Math.floor(this.#level.milli - hours * this.#need.perHourMilli));
  }

  /** How long until something should be bought; 0 for now. */
  dueInMs(): number {
    if (this.#need.is === "every") return Math.max(0, this.#dueMs - this.#clock.monotonicMs());
    const above = this.levelMilli() - this.#need.belowMilli;
    if (above < 0) return 0;
    // Just below the level, not just at it.
    return Math.ceil(((above + 1) / this.#need.perHourMilli) * HOUR_MS);
  }

  /** An order was paid: the next interval begins. Gives what to write down. */
  paid(): Partial<Standing> {
    if (this.#need.is === "every") {
      this.#dueMs = this.#clock.monotonicMs() + this.#need.everyMs;
    }
    return { lastMs: this.#clock.wallMs() };
  }

  /** So much came in. Gives what to write down. */
  received(milliUnits: number): Partial<Standing> {
    if (this.#need.is !== "level") return {};
    this.#level = { milli: this.levelMilli() + milliUnits, atMs: this.#clock.monotonicMs() };
    return { level: { milliUnits: this.#level.milli, atMs: this.#clock.wallMs() } };
  }
}
