// Journal of the simulated card terminal: every attempt by the name that the board gave it, every hold, and the open
// batch. Each change is one commit, so that a terminal that loses its power has done all of it or nothing.

import type { Store, StoreWrite } from "../store.ts";

/** The fields of a reply. */
export type TerminalFields = Record<string, string>;

export interface TerminalAttempt {
  kind: string;
  /** Absent while it is under way. */
  reply?: TerminalFields;
}

export interface TerminalHold {
  attempt: string;
  currency: string;
  authorisedMinor: number;
  capturedMinor: number;
  refundedMinor: number;
  reversed: boolean;
}

interface Batch {
  number: number;
  captures: number;
  capturedMinor: number;
  refunds: number;
  refundedMinor: number;
}

/** The response codes of the terminal's own refusals. */
const POWER_FAILED = "PF";
const REVERSED = "RV";

export class TerminalBooks {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Counts the start. What was under way when the power went took nothing, and will not. */
  async start(): Promise<number> {
    const before = (await this.#read<{ starts: number }>("terminal-start", "count"))?.starts ?? 0;
    const writes = [write("terminal-start", "count", { starts: before + 1 })];
    for (const { id, body } of await this.#store.list("terminal-attempt")) {
      const attempt = JSON.parse(body) as TerminalAttempt;
      if (attempt.reply !== undefined) continue;
      const reply = { ST: "DE", RC: POWER_FAILED, TX: "power failed" };
      writes.push(write("terminal-attempt", id, { ...attempt, reply }));
    }
    await this.#store.commit(writes);
    return before + 1;
  }

  attempt(name: string): Promise<TerminalAttempt | undefined> {
    return this.#read<TerminalAttempt>("terminal-attempt", name);
  }

  async holds(): Promise<ReadonlyMap<string, TerminalHold>> {
    const records = await this.#store.list("terminal-hold");
    return new Map(records.map(({ id, body }) => [id, JSON.parse(body) as TerminalHold]));
  }

  /** What the order's attempts hold or have paid. */
  async usedMinor(order: string): Promise<number> {
    const of = [...(await this.holds()).values()].filter((hold) => {
      return !hold.reversed && hold.attempt.split("/")[0] === order;
    });
    return of.reduce((sum, one) => sum + (one.capturedMinor || one.authorisedMinor), 0);
  }

  begin(name: string): Promise<void> {
    return this.#store.commit([write("terminal-attempt", name, { kind: "PA" })]);
  }

  /** The outcome of an attempt, with what it changes. */
  async decide(
    name: string,
    kind: string,
    reply: TerminalFields,
    writes: readonly StoreWrite[] = [],
  ): Promise<TerminalFields> {
    await this.#store.commit([...writes, write("terminal-attempt", name, { kind, reply })]);
    return reply;
  }

  held(reference: string, hold: TerminalHold): StoreWrite {
    return write("terminal-hold", reference, hold);
  }

  async book(name: string, fields: TerminalFields): Promise<TerminalFields> {
    const { RF = "", AM = "", CU = "" } = fields;
    const hold = await this.#read<TerminalHold>("terminal-hold", RF);
    if (hold === undefined) return this.decide(name, "BK", { ST: "UN" });
    const minor = Number(AM);
    const isOver = hold.capturedMinor > 0 || minor > hold.authorisedMinor || minor < 1;
    if (hold.reversed || isOver || hold.currency !== CU) {
      return this.decide(name, "BK", { ST: "AM" });
    }
    const batch = await this.#batch();
    batch.captures += 1;
    batch.capturedMinor += minor;
    const reply = { ST: "AP", RF, AM, CU };
    return this.decide(name, "BK", reply, [
      this.held(RF, { ...hold, capturedMinor: minor }),
      write("terminal-batch", "open", batch),
    ]);
  }

  async refund(name: string, fields: TerminalFields): Promise<TerminalFields> {
    const { RF = "", AM = "", CU = "" } = fields;
    const hold = await this.#read<TerminalHold>("terminal-hold", RF);
    if (hold === undefined) return this.decide(name, "RF", { ST: "UN" });
    const minor = Number(AM);
    if (hold.currency !== CU || minor < 1 || hold.refundedMinor + minor > hold.capturedMinor) {
      return this.decide(name, "RF", { ST: "AM" });
    }
    const writes = await this.#back(RF, hold, minor);
    return this.decide(name, "RF", { ST: "AP", RF, AM, CU }, writes);
  }

  /** Also of one that never arrived, and then never will. */
  async reverse(name: string, target: string): Promise<TerminalFields> {
    const undone = await this.attempt(target);
    if (undone?.kind === "RF" && undone.reply?.["ST"] === "AP") {
      return this.decide(name, "RV", { ST: "DE", RC: "RF" });
    }
    const writes = [
      write("terminal-attempt", target, { kind: "PA", reply: { ST: "DE", RC: REVERSED } }),
    ];
    const reference = undone?.kind === "PA" ? (undone.reply?.["RF"] ?? "") : "";
    const own = undone?.kind === "RV" ? undefined : await this.#hold(target, reference);
    if (own !== undefined) {
      const [RF, hold] = own;
      const backMinor = hold.capturedMinor - hold.refundedMinor;
      if (backMinor > 0)
        writes.push(...(await this.#back(RF, { ...hold, reversed: true }, backMinor)));
      else writes.push(this.held(RF, { ...hold, reversed: true }));
    }
    return this.decide(name, "RV", { ST: "AP", RF: own?.[0] ?? "none", AM: "0" }, writes);
  }

  async closeBatch(name: string): Promise<TerminalFields> {
    const { number, captures, capturedMinor, refunds, refundedMinor } = await this.#batch();
    const counts = { CN: String(captures), CS: String(capturedMinor) };
    const back = { GN: String(refunds), GS: String(refundedMinor) };
    const next = emptyBatch(number + 1);
    return this.decide(name, "ED", { ST: "AP", BN: String(number), ...counts, ...back }, [
      write("terminal-batch", "open", next),
    ]);
  }

  /** The hold of an attempt, also where the attempt was reversed before. */
  async #hold(
    attempt: string,
    reference: string,
  ): Promise<readonly [string, TerminalHold] | undefined> {
    const all = [...(await this.holds())];
    return all.find(([id, hold]) => id === reference || hold.attempt === attempt);
  }

  async #back(reference: string, hold: TerminalHold, minor: number): Promise<StoreWrite[]> {
    const batch = await this.#batch();
    batch.refunds += 1;
    batch.refundedMinor += minor;
    return [
      this.held(reference, { ...hold, refundedMinor: hold.refundedMinor + minor }),
      write("terminal-batch", "open", batch),
    ];
  }

  async #batch(): Promise<Batch> {
    return (await this.#read<Batch>("terminal-batch", "open")) ?? emptyBatch(1);
  }

  async #read<T>(kind: string, id: string): Promise<T | undefined> {
    const body = await this.#store.get(kind, id);
    return body === undefined ? undefined : (JSON.parse(body) as T);
  }
}

function emptyBatch(number: number): Batch {
  return { number, captures: 0, capturedMinor: 0, refunds: 0, refundedMinor: 0 };
}

function write(kind: string, id: string, value: unknown): StoreWrite {
  return { kind, id, body: JSON.stringify(value) };
}
