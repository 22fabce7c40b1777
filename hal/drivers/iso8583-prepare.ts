// What a call becomes before anything is sent: an answer that is known, or a message that is on disk together with
// all that it changes. Called one at a time.

import type { Clock } from "../clock.ts";
import type { Crypto } from "../crypto.ts";
import type { HostAmount, HostAnswer, HostDecline } from "../payment-host.ts";
import type { StoreWrite } from "../store.ts";
import { type Closing, openBatch } from "./iso8583-batch.ts";
import {
  type AttemptRecord,
  type Iso8583Books,
  REVERSED,
  toHex,
  written,
} from "./iso8583-books.ts";
import { describeCard, type OpenedCard } from "./iso8583-card.ts";
import { currencyNumber } from "./iso8583-currency.ts";
import { DE } from "./iso8583-fields.ts";
import {
  closingOf,
  ENTRY_MODES,
  elementOf,
  type Merchant,
  requestOf,
  reversalOf,
} from "./iso8583-request.ts";

const AMOUNT_MAX = 999_999_999_999;
const DIGEST_BYTES = 16;

export interface Terminal extends Merchant {
  clock: Clock;
  crypto: Crypto;
  /** X25519 secret, 32 bytes: payers seal to its public key. */
  secretKey: Uint8Array;
}

export type Prepared =
  | { answer: HostAnswer }
  /** To be sent; the record is on disk. */
  | { record: AttemptRecord; isRepeat: boolean };

export class Iso8583Preparation {
  readonly #books: Iso8583Books;
  readonly #terminal: Terminal;

  constructor(books: Iso8583Books, terminal: Terminal) {
    this.#books = books;
    this.#terminal = terminal;
  }

  /** Undefined for an attempt that is new. */
  async known(attempt: string): Promise<Prepared | undefined> {
    const record = await this.#books.read("iso-attempt", attempt);
    if (record === undefined) return undefined;
    return record.answer === undefined ? { record, isRepeat: true } : { answer: record.answer };
  }

  /** `credential` is the id of the record of what was spent; `signedMinor` the most that it may pay. */
  async charge(
    attempt: string,
    card: OpenedCard,
    credential: string,
    { amountMinor, currency }: HostAmount,
    signedMinor: number,
  ): Promise<Prepared> {
    const { clock, crypto, secretKey } = this.#terminal;
    const [order = ""] = attempt.split("/");
    const spent = await this.#books.read("iso-credential", credential);
    const uses = spent?.uses ?? {};
    const usedMinor = Object.values(uses).reduce((sum, minor) => sum + minor, 0);
    const refused = (why: HostDecline): Promise<HostAnswer> =>
      this.refuse(attempt, "authorise", why);
    if (spent !== undefined && spent.order !== order) {
      return { answer: await refused("credential-used") };
    }
    if (!isAmount({ amountMinor, currency }) || usedMinor + amountMinor > signedMinor) {
      return { answer: await refused("amount") };
    }
    const nowMs = clock.wallMs();
    const { trace, write } = this.#books.nextTrace();
    const merchant = this.#terminal;
    const record: AttemptRecord = {
      ...{ action: "authorise", atMs: nowMs, state: "sent", credential },
      message: requestOf({
        ...{ action: "authorise", trace, nowMs, amountMinor, currency, merchant },
        entryMode: ENTRY_MODES[card.entry],
      }),
      card: describeCard(card, crypto, secretKey),
    };
    await this.#books.commit([
      write,
      written("iso-credential", credential, { order, uses: { ...uses, [attempt]: amountMinor } }),
      written("iso-attempt", attempt, record),
    ]);
    return { record, isRepeat: false };
  }

  async change(
    attempt: string,
    action: "capture" | "refund",
    reference: string,
    amount: HostAmount,
    evidence: Uint8Array | undefined,
  ): Promise<Prepared> {
    const charge = await this.#books.read("iso-charge", reference.slice(0, 128) || "-");
    if (charge === undefined) {
      return { answer: await this.refuse(attempt, action, "unknown-reference") };
    }
    const { amountMinor, currency } = amount;
    const { authorisedMinor, capturedMinor, refundedMinor } = charge;
    const isFree =
      action === "capture"
        ? charge.capture === undefined && amountMinor <= authorisedMinor
        : refundedMinor + amountMinor <= capturedMinor;
    if (!isAmount(amount) || currency !== charge.currency || charge.reversed || !isFree) {
      return { answer: await this.refuse(attempt, action, "amount") };
    }
    const nowMs = this.#terminal.clock.wallMs();
    const { trace, write } = this.#books.nextTrace();
    const { original, authCode } = charge;
    const begun = (await this.#books.read("iso-attempt", charge.attempt))?.message;
    const message = requestOf({
      entryMode: (begun && elementOf(begun, DE.entryMode)) || ENTRY_MODES.manual,
      ...{ action, trace, nowMs, amountMinor, currency, merchant: this.#terminal },
      of: { reference, original, ...(authCode !== undefined && { authCode }) },
      ...(evidence !== undefined && { evidence: this.digestHex(evidence) }),
      batch: (await openBatch(this.#books)).number,
    });
    const record: AttemptRecord = {
      ...{ action, atMs: nowMs, state: "sent", message, charge: reference },
    };
    const next =
      action === "capture"
        ? { ...charge, capture: attempt }
        : { ...charge, refundedMinor: refundedMinor + amountMinor };
    await this.#books.commit([
      write,
      written("iso-charge", reference, next),
      written("iso-attempt", attempt, record),
    ]);
    return { record, isRepeat: false };
  }

  async reversal(attempt: string, target: string): Promise<Prepared> {
    const undone = await this.#books.read("iso-attempt", target);
    const { answer, message } = undone ?? {};
    if (undone?.action === "refund" && answer?.kind === "approved") {
      return { answer: await this.refuse(attempt, "reverse", "declined") };
    }
    // What was reversed already is reversed again: nobody may have acknowledged it yet.
    const isDeclined = answer?.kind === "declined" && undone?.state === "decided";
    const isNothing = message === undefined || isDeclined;
    if (undone === undefined || isNothing) {
      const done: HostAnswer = { kind: "approved", reference: "", amountMinor: 0 };
      const writes = [written("iso-attempt", attempt, this.decided("reverse", done))];
      // What was never sent never will be.
      if (undone === undefined) {
        writes.push(written("iso-attempt", target, this.decided("authorise", REVERSED)));
      }
      await this.#books.commit(writes);
      return { answer: done };
    }
    const reference = undone.charge ?? elementOf(message, DE.reference);
    const charge = await this.#books.read("iso-charge", reference);
    // What was captured goes back with the whole charge, so that nothing stays held either.
    const isCapture = undone.action === "capture" && charge !== undefined;
    const begun = isCapture ? await this.#books.read("iso-attempt", charge.attempt) : undone;
    const nowMs = this.#terminal.clock.wallMs();
    const { trace, write } = this.#books.nextTrace();
    const record: AttemptRecord = {
      ...{ action: "reverse", atMs: nowMs, state: "sent", target },
      message: reversalOf(
        begun?.message ?? message,
        trace,
        nowMs,
        this.#terminal,
        (await openBatch(this.#books)).number,
        charge?.authCode,
      ),
    };
    const writes: StoreWrite[] = [write, written("iso-attempt", attempt, record)];
    // A refund may have been made: then it stays, and only the acquirer can say.
    if (undone.action !== "refund") {
      writes.push(written("iso-attempt", target, { ...undone, state: "void", answer: REVERSED }));
    }
    if (charge !== undefined && undone.action !== "refund") {
      writes.push(
        written("iso-charge", reference, { ...charge, reversed: true }),
        ...(await this.#voided(charge.capture)),
      );
    }
    await this.#books.commit(writes);
    return { record, isRepeat: false };
  }

  /** A capture that is under way ends with what it was to take. */
  async #voided(capture: string | undefined): Promise<readonly StoreWrite[]> {
    const record =
      capture === undefined ? undefined : await this.#books.read("iso-attempt", capture);
    if (capture === undefined || record?.state !== "sent") return [];
    return [written("iso-attempt", capture, { ...record, state: "void", answer: REVERSED })];
  }

  async closing(attempt: string, closing: Closing): Promise<Prepared> {
    const nowMs = this.#terminal.clock.wallMs();
    const { trace, write } = this.#books.nextTrace();
    const message = closingOf(closing, trace, nowMs, this.#terminal);
    const record: AttemptRecord = { action: "close", atMs: nowMs, state: "sent", message };
    await this.#books.commit([write, written("iso-attempt", attempt, record)]);
    return { record, isRepeat: false };
  }

  /** A decision that needs nobody else. */
  async refuse(
    attempt: string,
    action: AttemptRecord["action"],
    why: HostDecline,
  ): Promise<HostAnswer> {
    const answer: HostAnswer = { kind: "declined", why };
    await this.#books.commit([written("iso-attempt", attempt, this.decided(action, answer))]);
    return answer;
  }

  decided(action: AttemptRecord["action"], answer: HostAnswer): AttemptRecord {
    return { action, atMs: this.#terminal.clock.wallMs(), state: "decided", answer };
  }

  digestHex(content: string | Uint8Array): string {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    return toHex(this.#terminal.crypto.digest(bytes).subarray(0, DIGEST_BYTES));
  }
}

function isAmount({ amountMinor, currency }: HostAmount): boolean {
  const isPayable = Number.isSafeInteger(amountMinor) && amountMinor > 0;
  return isPayable && amountMinor <= AMOUNT_MAX && currencyNumber(currency) !== undefined;
}
