// What a terminal must not forget of its messages: each attempt before its first byte is sent and after its answer,
// what was charged, which credentials were spent, and the last trace number. No card number, no expiry.

import type { Clock } from "../clock.ts";
import type { HostAnswer, HostBatch, HostCard, HostCredential } from "../payment-host.ts";
import type { Store, StoreWrite } from "../store.ts";
import type { BatchItem, OpenBatch } from "./iso8583-batch.ts";
import type { Iso8583Action } from "./iso8583-response.ts";

const TRACE_MAX = 999_999;
/** Decided attempts are kept this long: longer than any order that may still be refunded. */
const KEPT_MS = 100 * 24 * 3_600_000;
/** Before this no clock was set that shows it (9 September 2001). */
const CLOCK_SET_MS = 1_000_000_000_000;
const PRUNE_EVERY = 1_000;
const PRUNED_AT_ONCE = 500;
/** So many decided attempts are recognised when their answer comes again. */
const RECENT_MAX = 256;

/** A message that was sent, or may have been. */
export interface SentMessage {
  /** Of the request, not marked as a repeat. */
  type: string;
  trace: number;
  /** All elements but those of the card: number, expiry, sequence, chip. */
  fields: readonly (readonly [number, string])[];
}

export interface AttemptRecord {
  action: Iso8583Action | "tokenise";
  atMs: number;
  /** Void: it was reversed, so whatever its answer was or will be counts no more. */
  state: "sent" | "decided" | "void";
  /** Absent where nothing had to be sent. */
  message?: SentMessage;
  /** Of an authorisation. */
  card?: HostCard;
  /** The credential that an authorisation spent, by the id of its record. */
  credential?: string;
  /** What a capture or a refund changes. */
  charge?: string;
  /** What a reversal undoes. */
  target?: string;
  /** Not while sent. */
  answer?: HostAnswer;
  /** What a call to close a batch came to. */
  closed?: HostBatch;
}

/** What an attempt that was reversed has come to. */
export const REVERSED: HostAnswer = { kind: "declined", why: "declined", message: "reversed" };

export interface ChargeRecord {
  attempt: string;
  /** Element 90 of all that refers to it. */
  original: string;
  authCode?: string;
  currency: string;
  authorisedMinor: number;
  /** The capture that is under way or done. */
  capture?: string;
  capturedMinor: number;
  /** Holds refunds under way too. */
  refundedMinor: number;
  reversed: boolean;
  /** What was captured has gone back by a reversal that was acknowledged. */
  returned?: true;
}

export interface CredentialRecord {
  /** The part of the attempt's key before the first stroke. */
  order: string;
  /** What each attempt took of what the payer signed, in minor units. */
  uses: Readonly<Record<string, number>>;
}

export interface TokenRecord {
  credential: { payerKey: string; nonce: string; box: string };
}

/** Beside an attempt while it is not decided, so that a start need not read all of them. */
interface OpenRecord {
  trace: number;
}

interface Kinds {
  "iso-open": OpenRecord;
  "iso-attempt": AttemptRecord;
  "iso-charge": ChargeRecord;
  "iso-credential": CredentialRecord;
  "iso-token": TokenRecord;
  "iso-trace": { last: number };
  "iso-batch": OpenBatch;
  "iso-item": BatchItem;
}

export function written<K extends keyof Kinds>(kind: K, id: string, value: Kinds[K]): StoreWrite {
  return { kind, id, body: JSON.stringify(value) };
}

function openWrites({ id, record }: { id: string; record: AttemptRecord }): StoreWrite[] {
  const { state, message } = record;
  if (message === undefined) return [];
  if (state === "sent") return [written("iso-open", id, { trace: message.trace })];
  return [{ kind: "iso-open", id, body: null }];
}

/** An attempt, and what is there because of it. */
function forgotten(
  id: string,
  { action, answer, credential, charge }: AttemptRecord,
): readonly StoreWrite[] {
  const approved = answer?.kind === "approved" ? answer.reference : undefined;
  const gone: [kind: keyof Kinds, id: string | undefined][] = [
    ["iso-attempt", id],
    ["iso-credential", credential],
    ["iso-token", action === "tokenise" ? approved : undefined],
    ["iso-charge", action === "authorise" ? approved : undefined],
    ["iso-item", action === "authorise" ? approved : undefined],
    ["iso-item", charge === undefined ? undefined : id],
  ];
  return gone.flatMap(([kind, of]) => (of === undefined ? [] : [{ kind, id: of, body: null }]));
}

export class Iso8583Books {
  readonly #store: Store;
  /** Trace numbers of attempts that are not decided. */
  readonly #open = new Map<number, string>();
  readonly #recent = new Map<number, string>();
  #last: number;
  /** Attempts written since the last pruning. */
  #fresh = 0;

  private constructor(store: Store, last: number) {
    this.#store = store;
    this.#last = last;
  }

  static async open(store: Store): Promise<Iso8583Books> {
    const last = await store.get("iso-trace", "last");
    const books = new Iso8583Books(store, last === undefined ? 0 : JSON.parse(last).last);
    for (const { id, body } of await store.list("iso-open")) {
      books.#open.set((JSON.parse(body) as OpenRecord).trace, id);
    }
    return books;
  }

  async read<K extends keyof Kinds>(kind: K, id: string): Promise<Kinds[K] | undefined> {
    const body = await this.#store.get(kind, id);
    return body === undefined ? undefined : (JSON.parse(body) as Kinds[K]);
  }

  /** What is in the open batch. */
  async items(): Promise<readonly { id: string; item: BatchItem }[]> {
    const records = await this.#store.list("iso-item");
    return records.map(({ id, body }) => ({ id, item: JSON.parse(body) as BatchItem }));
  }

  /** All of it, or nothing: rejects with HalError. */
  async commit(writes: readonly StoreWrite[]): Promise<void> {
    const attempts = writes.flatMap(({ kind, id, body }) =>
      kind === "iso-attempt" && body !== null
        ? [{ id, record: JSON.parse(body) as AttemptRecord }]
        : [],
    );
    await this.#store.commit([...writes, ...attempts.flatMap(openWrites)]);
    this.#fresh += attempts.length;
    for (const { id, record } of attempts) this.#follow(id, record);
  }

  /** The next number that no undecided attempt has; to be committed with what it is for. */
  nextTrace(): { trace: number; write: StoreWrite } {
    do {
      this.#last = this.#last >= TRACE_MAX ? 1 : this.#last + 1;
    } while (this.#open.has(this.#last));
    return { trace: this.#last, write: written("iso-trace", "last", { last: this.#last }) };
  }

  /** The attempt that an answer with this trace number may be for. */
  attemptOf(trace: number): string | undefined {
    return this.#open.get(trace) ?? this.#recent.get(trace);
  }

  /** Attempts that were sent and not decided. */
  undecided(): readonly string[] {
    return [...this.#open.values()];
  }

  /** Now and then removes what is too old to be asked for again. */
  async prune(clock: Clock): Promise<void> {
    if (this.#fresh < PRUNE_EVERY || clock.wallQuality() === "unset") return;
    this.#fresh = 0;
    const nowMs = clock.wallMs();
    const writes: StoreWrite[] = [];
    for (const { id, body } of await this.#store.list("iso-attempt")) {
      const record = JSON.parse(body) as AttemptRecord;
      if (record.state === "sent" || record.atMs >= nowMs - KEPT_MS) continue;
      // Of a time when the clock was not set: it may be of today, and is counted from now.
      const isTimeless = record.atMs < CLOCK_SET_MS;
      if (isTimeless) writes.push(written("iso-attempt", id, { ...record, atMs: nowMs }));
      else writes.push(...forgotten(id, record));
    }
    for (let from = 0; from < writes.length; from += PRUNED_AT_ONCE) {
      await this.#store.commit(writes.slice(from, from + PRUNED_AT_ONCE));
    }
  }

  #follow(attempt: string, { state, message }: AttemptRecord): void {
    if (message === undefined) return;
    const { trace } = message;
    if (state === "sent") {
      this.#open.set(trace, attempt);
      return;
    }
    if (this.#open.get(trace) === attempt) this.#open.delete(trace);
    this.#recent.delete(trace);
    this.#recent.set(trace, attempt);
    const [oldest] = this.#recent.keys();
    if (this.#recent.size > RECENT_MAX && oldest !== undefined) this.#recent.delete(oldest);
  }
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
}

/** A sealed credential as it is kept for its token: as the payer sealed it, so only the host's key opens it. */
export function keptCredential(
  credential: Extract<HostCredential, { kind: "sealed" }>,
): TokenRecord {
  const { payerKey, nonce, box } = credential;
  return { credential: { payerKey: toHex(payerKey), nonce: toHex(nonce), box: toHex(box) } };
}

export function sealedCredential({
  credential: { payerKey, nonce, box },
}: TokenRecord): Extract<HostCredential, { kind: "sealed" }> {
  const [key, number, content] = [payerKey, nonce, box].map(fromHex) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  return { kind: "sealed", payerKey: key, nonce: number, box: content };
}
