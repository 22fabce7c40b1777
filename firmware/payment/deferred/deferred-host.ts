// A payment host that may be out of reach: a card that was read at the board pays up to a floor all the same. The
// payment is on disk, sealed, before it is approved; the host is told when it can be reached again, and what it then
// declines is a loss in the books. Payments that came over the network are never approved in its place.

import { type Clock, sleep } from "../../../hal/clock.ts";
import type {
  HostAmount,
  HostAnswer,
  HostBinding,
  HostCredential,
  HostDecline,
  PaymentHost,
} from "../../../hal/payment-host.ts";
import type { Store } from "../../../hal/store.ts";
import { toHex } from "../../bytes.ts";
import type { Log } from "../../log.ts";
import { DeferredBooks, type DeferredSums } from "./deferred-books.ts";
import { type DeferredRecord, newDeferred } from "./deferred-record.ts";
import { DeferredSender } from "./deferred-sender.ts";

/** A host that has not answered by then is out of reach. */
const UNREACHABLE_MS = 10_000;
/** How often is asked whether the host is known to be out of reach meanwhile. */
const LOOK_MS = 500;

export interface DeferredPolicy {
  currency: string;
  /** The most that one payment may be. */
  floorMinor: number;
  /** The most that all payments together may be of which the host has not decided. */
  totalMinor?: number;
}

export interface DeferredHostPorts {
  host: PaymentHost;
  store: Store;
  clock: Clock;
  log: Log;
  policy: DeferredPolicy;
}

export interface DeferredHost extends PaymentHost {
  sums(): DeferredSums;
  close(): void;
}

/** Rejects with HalError when the store cannot be read. What an earlier life approved is told to the host. */
export async function openDeferredHost(ports: DeferredHostPorts): Promise<DeferredHost> {
  const books = await DeferredBooks.open(ports.store, ports.clock);
  return new DeferringHost(ports, books);
}

class DeferringHost implements DeferredHost {
  readonly canQuery: boolean;
  readonly publicKey: Uint8Array;
  readonly simulated: boolean;
  readonly #ports: DeferredHostPorts;
  readonly #books: DeferredBooks;
  readonly #sender: DeferredSender;
  /** Attempts that somebody wants undone: they are not approved any more. */
  readonly #undone = new Set<string>();
  readonly closeBatch?: NonNullable<PaymentHost["closeBatch"]>;

  constructor(ports: DeferredHostPorts, books: DeferredBooks) {
    const { host } = ports;
    this.canQuery = host.canQuery;
    this.publicKey = host.publicKey;
    this.simulated = host.simulated;
    this.#ports = ports;
    this.#books = books;
    this.#sender = new DeferredSender(ports, books);
    if (host.closeBatch !== undefined) {
      this.closeBatch = (attempt) => host.closeBatch?.(attempt) ?? Promise.reject(attempt);
    }
  }

  sums(): DeferredSums {
    return this.#books.sums();
  }

  close(): void {
    this.#sender.close();
  }

  /** A payment that may be deferred has none. */
  trouble(amount?: HostAmount): string | undefined {
    const trouble = this.#ports.host.trouble?.(amount);
    if (trouble === undefined) return undefined;
    const smallest = { amountMinor: 1, currency: this.#ports.policy.currency };
    return this.#hasRoom(amount ?? smallest) ? undefined : trouble;
  }

  tokenise(attempt: string, credential: HostCredential, binding: HostBinding): Promise<HostAnswer> {
    return this.#ports.host.tokenise(attempt, credential, binding);
  }

  async authorise(
    attempt: string,
    credential: HostCredential,
    binding: HostBinding,
    amountMinor = binding.amountMinor,
  ): Promise<HostAnswer> {
    const known = this.#books.ofAttempt(attempt);
    if (known !== undefined) return told(known);
    const { host, clock } = this.#ports;
    let answer: HostAnswer | undefined;
    const call = host.authorise(attempt, credential, binding, amountMinor);
    const heard = call.then(
      (said) => {
        answer = said;
      },
      () => {
        answer = { kind: "no-answer" };
      },
    );
    const endMs = clock.monotonicMs() + UNREACHABLE_MS;
    while (answer === undefined && clock.monotonicMs() < endMs && host.trouble?.() === undefined) {
      await Promise.race([heard, sleep(clock, LOOK_MS)]);
    }
    if (answer !== undefined && answer.kind !== "no-answer") return answer;
    const deferred = await this.#books.inTurn(async () => {
      // The host may have answered at the last moment.
      if (answer !== undefined && answer.kind !== "no-answer") return undefined;
      return this.#defer(attempt, credential, binding, amountMinor);
    });
    return deferred ?? answer ?? call;
  }

  capture(
    attempt: string,
    reference: string,
    amount: HostAmount,
    evidence: Uint8Array,
  ): Promise<HostAnswer> {
    if (this.#books.ofReference(reference) === undefined) {
      return this.#ports.host.capture(attempt, reference, amount, evidence);
    }
    const { amountMinor } = amount;
    return this.#change(attempt, reference, amount, (record) => {
      if (record.capturedMinor > 0 || amountMinor > record.amountMinor) return undefined;
      const step = { attempt, kind: "capture", amountMinor, evidence: toHex(evidence) } as const;
      return { step, record: { ...record, capturedMinor: amountMinor } };
    });
  }

  refund(attempt: string, reference: string, amount: HostAmount): Promise<HostAnswer> {
    if (this.#books.ofReference(reference) === undefined) {
      return this.#ports.host.refund(attempt, reference, amount);
    }
    const { amountMinor } = amount;
    return this.#change(attempt, reference, amount, (record) => {
      const refundedMinor = record.refundedMinor + amountMinor;
      if (refundedMinor > record.capturedMinor) return undefined;
      const step = { attempt, kind: "refund", amountMinor } as const;
      return { step, record: { ...record, refundedMinor } };
    });
  }

  reverse(attempt: string, attemptToReverse: string): Promise<HostAnswer> {
    this.#undone.add(attemptToReverse);
    return this.#books
      .inTurn(async () => {
        const record = this.#books.ofAttempt(attemptToReverse);
        if (record === undefined) {
          const refund = this.#books.ofStep(attemptToReverse);
          if (refund !== undefined) return declined("declined");
          return undefined;
        }
        if (!record.isUndone) {
          const step = { attempt, kind: "reverse", amountMinor: 0 } as const;
          const isTold = record.state === "lost";
          await this.#books.save({
            ...{ ...record, isUndone: true },
            ...(isTold ? { done: [...record.done, step] } : { steps: [...record.steps, step] }),
          });
          this.#sender.go();
        }
        return approved(record.reference, 0);
      })
      .then((answer) => answer ?? this.#ports.host.reverse(attempt, attemptToReverse));
  }

  query(attempt: string): Promise<HostAnswer> {
    const record = this.#books.ofAttempt(attempt);
    if (record !== undefined) return Promise.resolve(told(record));
    const step = this.#books.ofStep(attempt);
    if (step === undefined) return this.#ports.host.query(attempt);
    return Promise.resolve(approved(step.record.reference, step.amountMinor));
  }

  /** What the host says late of a payment that was deferred is found out by telling it once more. */
  onLateAnswer(listener: (attempt: string, answer: HostAnswer) => void): void {
    this.#ports.host.onLateAnswer((attempt, answer) => {
      if (this.#books.ofAttempt(attempt) === undefined) listener(attempt, answer);
    });
  }

  /** Within the floor, and all that is not decided within the total. */
  #hasRoom({ amountMinor, currency }: HostAmount): boolean {
    const { policy } = this.#ports;
    const { floorMinor, totalMinor = Number.POSITIVE_INFINITY } = policy;
    const isSane = Number.isSafeInteger(amountMinor) && amountMinor > 0;
    const isSmall = amountMinor <= floorMinor && currency === policy.currency;
    return isSane && isSmall && this.#books.sums().openMinor + amountMinor <= totalMinor;
  }

  /** Undefined where policy does not allow it. */
  async #defer(
    attempt: string,
    credential: HostCredential,
    binding: HostBinding,
    amountMinor: number,
  ): Promise<HostAnswer | undefined> {
    const { clock, log } = this.#ports;
    const { currency } = binding;
    const reference = referenceOf(attempt);
    const known = this.#books.ofAttempt(attempt);
    if (known !== undefined) return told(known);
    if (credential.kind !== "sealed" || reference === undefined || this.#undone.has(attempt)) {
      return undefined;
    }
    const { readAtBoard } = credential;
    if (readAtBoard === undefined || amountMinor > binding.amountMinor) return undefined;
    if (!this.#hasRoom({ amountMinor, currency })) {
      log("warn", "deferred-refused", { attempt, amountMinor, currency });
      return undefined;
    }
    const named = { attempt, reference, atMs: clock.wallMs() };
    await this.#books.save(newDeferred(named, credential, readAtBoard, binding, amountMinor));
    log("warn", "payment-deferred", { attempt, amountMinor, currency });
    this.#sender.go();
    return approved(reference, amountMinor);
  }

  /** Durable before it is answered. The same attempt again has the same answer. */
  #change(
    attempt: string,
    reference: string,
    { amountMinor, currency }: HostAmount,
    change: (
      record: DeferredRecord,
    ) => { step: DeferredRecord["steps"][number]; record: DeferredRecord } | undefined,
  ): Promise<HostAnswer> {
    return this.#books.inTurn(async () => {
      const before = this.#books.ofStep(attempt);
      if (before !== undefined) return approved(before.record.reference, before.amountMinor);
      const record = this.#books.ofReference(reference);
      if (record === undefined) return declined("unknown-reference");
      const isSane = Number.isSafeInteger(amountMinor) && amountMinor > 0;
      const isFit = isSane && currency === record.currency && !record.isUndone;
      const changed = isFit ? change(record) : undefined;
      if (changed === undefined) return declined("amount");
      const { step } = changed;
      const { steps, done } = changed.record;
      // Of what the host has declined it is told no more.
      const kept =
        record.state === "lost" ? { done: [...done, step] } : { steps: [...steps, step] };
      await this.#books.save({ ...changed.record, ...kept });
      this.#sender.go();
      return approved(reference, amountMinor);
    });
  }
}

/** ORDER/TRANSACTION/authorise[/N] as a reference that a receipt has room for. */
function referenceOf(attempt: string): string | undefined {
  const [, order, transaction, card = "1"] =
    /^([0-9a-f]{16})\/(\d)\/authorise(?:\/(\d))?$/.exec(attempt) ?? [];
  return order === undefined ? undefined : `deferred-${order}-${transaction}-${card}`;
}

function told(record: DeferredRecord): HostAnswer {
  return record.isUndone ? declined("declined") : approved(record.reference, record.amountMinor);
}

function approved(reference: string, amountMinor: number): HostAnswer {
  return { kind: "approved", reference, amountMinor };
}

function declined(why: HostDecline): HostAnswer {
  return { kind: "declined", why };
}
