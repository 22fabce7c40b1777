// What the Stripe adapter keeps on disk: every attempt with its outcome, and every payment intent with what was
// taken and given back. It holds names, amounts and what may be shown of a card.

import type { Clock } from "../clock.ts";
import type { HostAnswer } from "../payment-host.ts";
import type { Store, StoreWrite } from "../store.ts";

export interface StripeAttempt {
  step: "authorise" | "capture" | "refund" | "other";
  /** The payment intent that it works on. */
  intent?: string;
  amountMinor?: number;
  currency?: string;
  /** Set before Stripe is asked to undo it: until then nobody says what became of it. */
  undoing?: true;
  /** Its outcome, once that is known for good. */
  answer?: HostAnswer;
  /** When it was last written. */
  atMs?: number;
}

/** An intent that was approved. */
export interface StripeCharge {
  order: string;
  currency: string;
  authorisedMinor: number;
  capturedMinor: number;
  refundedMinor: number;
  reversed: boolean;
}

const ATTEMPT = "stripe-attempt";
const CHARGE = "stripe-charge";
/** Kinds of host-credentials.ts. */
const NONCE = "nonce";
const TOKEN = "token";
/** Decided attempts are kept this long: longer than any order that may still be refunded. */
const KEPT_MS = 100 * 24 * 3_600_000;
/** Before this no clock was set that shows it (9 September 2001). */
const CLOCK_SET_MS = 1_000_000_000_000;
const PRUNE_EVERY = 1_000;
const PRUNED_AT_ONCE = 500;

export function attemptWrite(name: string, attempt: StripeAttempt): StoreWrite {
  return { kind: ATTEMPT, id: name, body: JSON.stringify(attempt) };
}

export function chargeWrite(reference: string, charge: StripeCharge): StoreWrite {
  return { kind: CHARGE, id: reference, body: JSON.stringify(charge) };
}

function stamped(write: StoreWrite, atMs: number): StoreWrite {
  if (write.kind !== ATTEMPT || write.body === null) return write;
  return { ...write, body: JSON.stringify({ ...(JSON.parse(write.body) as object), atMs }) };
}

/** What is there because of an attempt. */
function besides({ step, intent, answer }: StripeAttempt): readonly StoreWrite[] {
  if (step === "authorise" && intent !== undefined) {
    return [{ kind: CHARGE, id: intent, body: null }];
  }
  const reference = answer?.kind === "approved" ? answer.reference : "";
  return /^[0-9a-f]{32}$/.test(reference) ? [{ kind: TOKEN, id: reference, body: null }] : [];
}

export class StripeBooks {
  readonly #store: Store;
  readonly #clock: Clock;
  /** Attempts written since the last pruning. */
  #fresh = 0;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  attempt(name: string): Promise<StripeAttempt | undefined> {
    return this.#read(ATTEMPT, name);
  }

  charge(reference: string): Promise<StripeCharge | undefined> {
    return this.#read(CHARGE, reference);
  }

  async #read<T>(kind: string, id: string): Promise<T | undefined> {
    const body = await this.#store.get(kind, id);
    return body === undefined ? undefined : (JSON.parse(body) as T);
  }

  /** All of them or none. Rejects with HalError. */
  async commit(...writes: readonly StoreWrite[]): Promise<void> {
    const atMs = this.#clock.wallMs();
    await this.#store.commit(writes.map((write) => stamped(write, atMs)));
    this.#fresh += writes.filter(({ kind }) => kind === ATTEMPT).length;
    if (this.#fresh >= PRUNE_EVERY) await this.#prune().catch(() => undefined);
  }

  /** Removes what is too old to be asked for again. What changes meanwhile stays for the next time. */
  async #prune(): Promise<void> {
    if (this.#clock.wallQuality() === "unset") return;
    this.#fresh = 0;
    const nowMs = this.#clock.wallMs();
    // Before the attempts, so that those of each are among them.
    const nonces = await this.#store.list(NONCE);
    const living = new Set<string>();
    const writes: StoreWrite[] = [];
    for (const { id, body: was } of await this.#store.list(ATTEMPT)) {
      const attempt = JSON.parse(was) as StripeAttempt;
      const { atMs = 0, answer } = attempt;
      const isTimeless = atMs < CLOCK_SET_MS;
      const isOld = answer !== undefined && atMs < nowMs - KEPT_MS;
      if (!isOld || isTimeless) living.add(id);
      // Of a time when the clock was not set: it may be of today, and is counted from now.
      if (isTimeless) writes.push({ ...stamped(attemptWrite(id, attempt), nowMs), was });
      else if (isOld) writes.push({ kind: ATTEMPT, id, body: null, was }, ...besides(attempt));
    }
    for (const { id, body: was } of nonces) {
      const attempts = [JSON.parse(was) as string | string[]].flat();
      if (attempts.some((attempt) => living.has(attempt))) continue;
      writes.push({ kind: NONCE, id, body: null, was });
    }
    for (let from = 0; from < writes.length; from += PRUNED_AT_ONCE) {
      await this.#store.commit(writes.slice(from, from + PRUNED_AT_ONCE));
    }
  }

  /** What an attempt holds, has paid, or may hold. */
  async usedMinor(name: string): Promise<number> {
    const attempt = await this.attempt(name);
    if (attempt?.intent === undefined) return 0;
    if (attempt.answer === undefined) return attempt.amountMinor ?? 0;
    const charge = await this.charge(attempt.intent);
    if (charge === undefined || charge.reversed) return 0;
    return charge.capturedMinor > 0 ? charge.capturedMinor : charge.authorisedMinor;
  }
}
