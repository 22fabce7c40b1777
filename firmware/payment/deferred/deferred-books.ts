// The payments that were approved without the payment host, in memory as on disk: memory follows only after the
// commit. What is settled is kept for as long as money may still go back, then only its loss.

import type { Clock } from "../../../hal/clock.ts";
import type { Store, StoreWrite } from "../../../hal/store.ts";
import {
  type DeferredRecord,
  type DeferredStep,
  isOver,
  isSettled,
  lostMinor,
  riskMinor,
} from "./deferred-record.ts";

const KIND = "deferred";
const PAST = "deferred-past";
const KEPT_MS = 90 * 24 * 3_600_000;
const KEPT_MAX = 1_000;

/** What the books say to whoever runs the device. */
export interface DeferredSums {
  /** Payments of which the host has not decided, and what they may cost. */
  open: number;
  openMinor: number;
  /** Those that it declined, and what was delivered for them. */
  lost: number;
  lostMinor: number;
  /** What it refused to give back to payers. */
  owedMinor: number;
}

type Past = Pick<DeferredSums, "lost" | "lostMinor" | "owedMinor">;
const NO_PAST: Past = { lost: 0, lostMinor: 0, owedMinor: 0 };

export class DeferredBooks {
  readonly #store: Store;
  readonly #records = new Map<string, DeferredRecord>();
  #past: Past = NO_PAST;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(store: Store) {
    this.#store = store;
  }

  static async open(store: Store, clock: Clock): Promise<DeferredBooks> {
    const books = new DeferredBooks(store);
    const past = await store.get(PAST, "sum");
    if (past !== undefined) books.#past = JSON.parse(past) as Past;
    for (const { id, body } of await store.list(KIND)) {
      books.#records.set(id, JSON.parse(body) as DeferredRecord);
    }
    await books.#forgetOld(clock.wallMs());
    return books;
  }

  /** Changes are made one after another, so that none is made of what another has changed meanwhile. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  /** Resolves when it is durable. */
  async save(record: DeferredRecord): Promise<void> {
    const body = JSON.stringify(record);
    await this.#store.commit([{ kind: KIND, id: record.attempt, body }]);
    this.#records.set(record.attempt, record);
  }

  ofAttempt(attempt: string): DeferredRecord | undefined {
    return this.#records.get(attempt);
  }

  ofReference(reference: string): DeferredRecord | undefined {
    return [...this.#records.values()].find((one) => one.reference === reference);
  }

  ofStep(attempt: string): (DeferredStep & { record: DeferredRecord }) | undefined {
    for (const record of this.#records.values()) {
      const step = [...record.steps, ...record.done].find((one) => one.attempt === attempt);
      if (step !== undefined) return { ...step, record };
    }
    return undefined;
  }

  /** The oldest first. */
  unsettled(): readonly DeferredRecord[] {
    const open = [...this.#records.values()].filter((one) => !isSettled(one));
    return open.sort((a, b) => a.atMs - b.atMs);
  }

  sums(): DeferredSums {
    const sums = { open: 0, openMinor: 0, ...this.#past };
    for (const record of this.#records.values()) {
      const risk = riskMinor(record);
      const loss = lostMinor(record);
      if (risk > 0) sums.open += 1;
      if (loss > 0) sums.lost += 1;
      sums.openMinor += risk;
      sums.lostMinor += loss;
      sums.owedMinor += record.owedMinor;
    }
    return sums;
  }

  async #forgetOld(nowMs: number): Promise<void> {
    const over = [...this.#records.values()].filter(isOver).sort((a, b) => b.atMs - a.atMs);
    const old = over.filter(({ atMs }, index) => index >= KEPT_MAX || atMs + KEPT_MS < nowMs);
    if (old.length === 0) return;
    const past = { ...this.#past };
    for (const record of old) {
      const loss = lostMinor(record);
      if (loss > 0) past.lost += 1;
      past.lostMinor += loss;
      past.owedMinor += record.owedMinor;
    }
    const writes: StoreWrite[] = old.map(({ attempt: id }) => ({ kind: KIND, id, body: null }));
    await this.#store.commit([...writes, { kind: PAST, id: "sum", body: JSON.stringify(past) }]);
    this.#past = past;
    for (const { attempt } of old) this.#records.delete(attempt);
  }
}
