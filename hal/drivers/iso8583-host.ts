// A payment host that speaks ISO 8583 as a card terminal does. The protocol has no inquiry: what is not known is
// sent again with the same trace number until it is answered, or reversed until that is acknowledged. Everything
// that is sent is on disk before, and every answer after, so that a restart goes on where the last process was.

import { HalError } from "../hal-error.ts";
import type {
  HostAmount,
  HostAnswer,
  HostBatch,
  HostBinding,
  HostCredential,
  HostDecline,
  PaymentHost,
} from "../payment-host.ts";
import type { Store } from "../store.ts";
import { beginClosing, closingName, endClosing } from "./iso8583-batch.ts";
import {
  type AttemptRecord,
  Iso8583Books,
  keptCredential,
  sealedCredential,
  toHex,
  written,
} from "./iso8583-books.ts";
import { cardElements, forget, type OpenedCard, openCard } from "./iso8583-card.ts";
import { type ExchangeCounts, Iso8583Exchange, type Question } from "./iso8583-exchange.ts";
import { DE } from "./iso8583-fields.ts";
import type { Iso8583Line } from "./iso8583-line.ts";
import { encodeIso8583, type FieldValue, type Iso8583Message } from "./iso8583-message.ts";
import { Iso8583Preparation, type Prepared, type Terminal } from "./iso8583-prepare.ts";
import { elementOf, timeFields } from "./iso8583-request.ts";
import { Iso8583Reversals } from "./iso8583-reversals.ts";
import { settle } from "./iso8583-settle.ts";

const ANSWER_MS = 15_000;
const ECHO_MS = 60_000;
/** Answers that nobody waits for and that are being looked at; above it they are passed over. */
const STRAYS_MAX = 64;

export interface Iso8583HostOptions extends Terminal {
  line: Iso8583Line;
  store: Store;
  /** The acquirer at the other end moves no real money. */
  simulated: boolean;
  /** How long an answer may take before it is `no-answer`. */
  answerMs?: number;
  /** Between two questions whether the line is alive. */
  echoMs?: number;
  /** A repeat has a type of its own, such as 0101 (as given), or the same as before. */
  repeats?: "marked" | "same";
}

export interface Iso8583Host extends PaymentHost {
  closeBatch(attempt: string): Promise<HostBatch | { kind: "no-answer"; message?: string }>;
  /** What the line brought that was not wanted. */
  counts(): Readonly<ExchangeCounts>;
  /** Questions under way end as `no-answer`. The store is the caller's to close. */
  close(): void;
}

/** What fits its element, and comes back as it was: blanks at the end do not. */
const MERCHANT_FORMATS = {
  terminalId: /^[\x21-\x7e]{1,8}$/,
  merchantId: /^[\x21-\x7e]{1,15}$/,
  merchantName: /^[\x20-\x7e]{0,39}[\x21-\x7e]$/,
} as const;

/** Rejects with HalError `refused` for a merchant that fits no message, and when its books cannot be read. */
export async function openIso8583Terminal(options: Iso8583HostOptions): Promise<Iso8583Host> {
  for (const [name, format] of Object.entries(MERCHANT_FORMATS)) {
    if (!format.test(options[name as keyof typeof MERCHANT_FORMATS])) {
      throw new HalError("refused", `${name} does not fit an ISO 8583 message (${format.source})`);
    }
  }
  return new TerminalHost(options, await Iso8583Books.open(options.store));
}

class TerminalHost implements Iso8583Host {
  readonly canQuery = false;
  readonly simulated: boolean;
  readonly publicKey: Uint8Array;
  readonly #options: Iso8583HostOptions;
  readonly #books: Iso8583Books;
  readonly #prepare: Iso8583Preparation;
  readonly #exchange: Iso8583Exchange;
  readonly #running = new Map<string, Promise<HostAnswer>>();
  readonly #reversals: Iso8583Reversals;
  #listener: ((attempt: string, answer: HostAnswer) => void) | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #strays = 0;

  constructor(options: Iso8583HostOptions, books: Iso8583Books) {
    const { crypto, secretKey, simulated, line, clock, terminalId } = options;
    this.simulated = simulated;
    this.publicKey = crypto.boxPublicKey(secretKey);
    this.#options = options;
    this.#books = books;
    this.#prepare = new Iso8583Preparation(books, options);
    this.#exchange = new Iso8583Exchange({
      ...{ line, clock, terminalId },
      answerMs: options.answerMs ?? ANSWER_MS,
      echoMs: options.echoMs ?? ECHO_MS,
      marksRepeats: options.repeats !== "same",
      stray: (message) => void this.#hearStray(message).catch(() => undefined),
      nextTrace: () => books.nextTrace().trace,
      timeFields: () => timeFields(clock.wallMs()),
    });
    this.#reversals = new Iso8583Reversals(clock, books, async (attempt, target) => {
      const answer = await this.reverse(attempt, target);
      if (answer.kind !== "no-answer") this.#listener?.(attempt, answer);
    });
    for (const attempt of books.undecided()) this.#reversals.later(attempt);
  }

  counts(): Readonly<ExchangeCounts> {
    return { ...this.#exchange.counts };
  }

  /** A line that is down, or an acquirer that gives no sign of life. */
  trouble(): string | undefined {
    return this.#exchange.trouble();
  }

  close(): void {
    this.#reversals.close();
    this.#exchange.close();
  }

  onLateAnswer(listener: (attempt: string, answer: HostAnswer) => void): void {
    this.#listener = listener;
  }

  /** The protocol knows no tokens: one stands for the sealed credential, which stays sealed. */
  tokenise(attempt: string, credential: HostCredential, binding: HostBinding): Promise<HostAnswer> {
    return this.#inTurn(async () => {
      const known = await this.#books.read("iso-attempt", attempt);
      if (known?.answer !== undefined) return known.answer;
      if (credential.kind !== "sealed") {
        return this.#prepare.refuse(attempt, "tokenise", "credential-invalid");
      }
      const card = this.#openSealed(credential, binding);
      if (typeof card === "string") return this.#prepare.refuse(attempt, "tokenise", card);
      forget(card);
      const [order = ""] = attempt.split("/");
      const spent = credentialId(credential);
      const before = await this.#books.read("iso-credential", spent);
      if (before !== undefined && before.order !== order) {
        return this.#prepare.refuse(attempt, "tokenise", "credential-used");
      }
      const token = this.#prepare.digestHex(`token ${attempt} ${toHex(credential.payerKey)}`);
      const answer: HostAnswer = {
        ...{ kind: "approved", reference: token },
        amountMinor: binding.amountMinor,
      };
      await this.#books.commit([
        written("iso-credential", spent, before ?? { order, uses: {} }),
        written("iso-token", token, keptCredential(credential)),
        written("iso-attempt", attempt, {
          ...this.#prepare.decided("tokenise", answer),
          credential: spent,
        }),
      ]);
      return answer;
    });
  }

  authorise(
    attempt: string,
    credential: HostCredential,
    binding: HostBinding,
    amountMinor = binding.amountMinor,
  ): Promise<HostAnswer> {
    return this.#once(attempt, async () => {
      const before = await this.#prepare.known(attempt);
      if (before !== undefined && "answer" in before)
        return { pending: this.#send(attempt, before) };
      const sealed = await this.#sealedOf(credential);
      const card = sealed && this.#openSealed(sealed, binding);
      if (sealed === undefined || card === undefined || typeof card === "string") {
        // It was sent, and cannot be sent again with this: nothing is known of it.
        if (before !== undefined) return { pending: noAnswer() };
        const why = card === undefined || typeof card !== "string" ? "credential-invalid" : card;
        const answer = await this.#prepare.refuse(attempt, "authorise", why);
        return { pending: this.#send(attempt, { answer }) };
      }
      try {
        const spent = credentialId(sealed);
        const amount = { amountMinor, currency: binding.currency };
        const prepared =
          before === undefined
            ? await this.#prepare.charge(attempt, card, spent, amount, binding.amountMinor)
            : before;
        return { pending: this.#send(attempt, prepared, card) };
      } finally {
        forget(card);
      }
    });
  }

  capture(
    attempt: string,
    reference: string,
    amount: HostAmount,
    evidence: Uint8Array,
  ): Promise<HostAnswer> {
    return this.#change(attempt, "capture", reference, amount, evidence);
  }

  refund(attempt: string, reference: string, amount: HostAmount): Promise<HostAnswer> {
    return this.#change(attempt, "refund", reference, amount);
  }

  reverse(attempt: string, attemptToReverse: string): Promise<HostAnswer> {
    return this.#once(attempt, async () => {
      const known = await this.#prepare.known(attempt);
      const prepared = known ?? (await this.#prepare.reversal(attempt, attemptToReverse));
      // Whoever waits for what is undone waits no longer.
      const { message } = (await this.#books.read("iso-attempt", attemptToReverse)) ?? {};
      if (message !== undefined) this.#exchange.cancel(message.trace);
      return { pending: this.#send(attempt, prepared) };
    });
  }

  /** One reconciliation for each currency. What moves money meanwhile is of the next batch. */
  async closeBatch(attempt: string): Promise<HostBatch | { kind: "no-answer"; message?: string }> {
    const begun = await this.#inTurn(async () => {
      const known = await this.#books.read("iso-attempt", attempt);
      return known?.closed ?? (await beginClosing(this.#books));
    });
    if (begun === undefined) {
      return {
        kind: "no-answer",
        message: "the outcome of a payment in the batch is not known yet",
      };
    }
    if ("kind" in begun) return begun;
    for (const one of begun) {
      if (one.inBalance !== undefined) continue;
      const message = closingName(one);
      const answer = await this.#once(message, async () => {
        const known = await this.#prepare.known(message);
        const prepared = known ?? (await this.#prepare.closing(message, one));
        return { pending: this.#send(message, prepared) };
      });
      if (answer.kind === "no-answer") return { kind: "no-answer" };
    }
    return this.#inTurn(() => endClosing(this.#books, attempt, this.#options.clock.wallMs()));
  }

  /** The protocol has no question for it. */
  query(): Promise<HostAnswer> {
    return noAnswer();
  }

  /** Calls of one attempt at the same time are one call. */
  #once(
    attempt: string,
    begin: () => Promise<{ pending: Promise<HostAnswer> }>,
  ): Promise<HostAnswer> {
    const running = this.#running.get(attempt);
    if (running !== undefined) return running;
    const call = this.#inTurn(begin)
      .then(({ pending }) => pending)
      .finally(() => this.#running.delete(attempt));
    this.#running.set(attempt, call);
    return call;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #sealedOf(
    credential: HostCredential,
  ): Promise<Extract<HostCredential, { kind: "sealed" }> | undefined> {
    if (credential.kind === "sealed") return credential;
    // It has no reader of its own.
    if (credential.kind === "present") return undefined;
    const kept = await this.#books.read("iso-token", toHex(credential.token));
    const sealed = kept && sealedCredential(kept);
    const isHis = sealed !== undefined && toHex(sealed.payerKey) === toHex(credential.payerKey);
    return isHis ? sealed : undefined;
  }

  #openSealed(
    credential: Extract<HostCredential, { kind: "sealed" }>,
    binding: HostBinding,
  ): OpenedCard | HostDecline {
    const { crypto, secretKey } = this.#options;
    return openCard(credential, binding, crypto, secretKey);
  }

  #change(
    attempt: string,
    action: "capture" | "refund",
    reference: string,
    amount: HostAmount,
    evidence?: Uint8Array,
  ): Promise<HostAnswer> {
    return this.#once(attempt, async () => {
      const prepared =
        (await this.#prepare.known(attempt)) ??
        (await this.#prepare.change(attempt, action, reference, amount, evidence));
      return { pending: this.#send(attempt, prepared) };
    });
  }

  /** `card` is read before this returns. */
  #send(attempt: string, prepared: Prepared, card?: OpenedCard): Promise<HostAnswer> {
    if ("answer" in prepared) return Promise.resolve(prepared.answer);
    const { record, isRepeat } = prepared;
    const { message } = record;
    if (message === undefined) return noAnswer();
    const { type, trace, fields } = message;
    const ofCard = card === undefined ? [] : cardElements(card);
    const values = new Map<number, FieldValue>([...fields, ...ofCard]);
    const bytes = encodeIso8583(type, values);
    const reference = elementOf(message, DE.reference);
    return this.#hearAnswer(attempt, record, { type, trace, reference, isRepeat, bytes });
  }

  async #hearAnswer(
    attempt: string,
    { action }: AttemptRecord,
    question: Question,
  ): Promise<HostAnswer> {
    const heard = await this.#exchange.ask(question);
    let answer: HostAnswer | undefined;
    try {
      if (heard !== undefined) await this.#decide(attempt, heard);
      answer = (await this.#inTurn(() => this.#books.read("iso-attempt", attempt)))?.answer;
    } finally {
      // Also when the disk failed.
      if (answer === undefined && action === "reverse") {
        this.#reversals.later(attempt);
      }
    }
    return answer ?? { kind: "no-answer" };
  }

  #decide(attempt: string, heard: Iso8583Message): Promise<"decided" | keyof ExchangeCounts> {
    return this.#inTurn(async () => {
      const writes = await settle(attempt, heard, this.#books, this.#options);
      if (typeof writes === "string") {
        this.#exchange.counts[writes]++;
        return writes;
      }
      await this.#books.commit(writes);
      await this.#books.prune(this.#options.clock).catch(() => undefined);
      return "decided";
    });
  }

  /** Nobody waits for it: it came late, came again, or is not for us. */
  async #hearStray(message: Iso8583Message): Promise<void> {
    const attempt = this.#books.attemptOf(Number(message.fields.get(DE.trace) ?? 0));
    if (attempt === undefined || this.#strays >= STRAYS_MAX) {
      this.#exchange.counts.unmatched++;
      return;
    }
    this.#strays++;
    const what = await this.#decide(attempt, message).finally(() => {
      this.#strays--;
    });
    if (what === "decided") this.#exchange.counts.late++;
    else if (what !== "duplicate") return;
    const record = await this.#inTurn(() => this.#books.read("iso-attempt", attempt));
    // Of what was reversed nothing is told any more.
    if (record?.state === "decided" && record.answer !== undefined) {
      this.#listener?.(attempt, record.answer);
    }
  }
}

function credentialId({ payerKey, nonce }: { payerKey: Uint8Array; nonce: Uint8Array }): string {
  return `${toHex(payerKey)}${toHex(nonce)}`;
}

function noAnswer(): Promise<HostAnswer> {
  return Promise.resolve({ kind: "no-answer" });
}
