// The acquirer simulator: it answers ISO 8583 messages from its books, once for each, and misbehaves by its rules.
// Used by `sluice acquirer` over TCP, and by tests over lines of their own.

import { after, type Clock, type Timer } from "../../hal/clock.ts";
import { sumFields } from "../../hal/drivers/iso8583-batch.ts";
import { currencyNumber } from "../../hal/drivers/iso8583-currency.ts";
import { DE } from "../../hal/drivers/iso8583-fields.ts";
import {
  decodeIso8583,
  encodeIso8583,
  type Iso8583Message,
} from "../../hal/drivers/iso8583-message.ts";
import { type Accounts, TEST_ACCOUNTS } from "./accounts.ts";
import { AcquirerBooks } from "./books.ts";
import type { Entry } from "./entry.ts";
import type { Journal } from "./journal.ts";
import { type Asked, baseType, judge, readAsked } from "./judge.ts";
import { type Applied, type Rule, ruleBook, TEST_RULES } from "./rules.ts";

const HOLD_MS = 7 * 24 * 3_600_000;
const FORMAT_ERROR = "30";
const DUPLICATE = "94";
const MALFUNCTION = "96";
const ORIGINAL_AMOUNT = "57";

/** One message and what was done with it: for people. Holds no card number. */
export interface Happening {
  atMs: number;
  /** Type of the message, as received. */
  message: string;
  terminal: string;
  trace: string;
  card?: string;
  amountMinor?: number;
  currency?: string;
  /** Two characters; absent where nothing was answered. */
  code?: string;
  /** What was odd: repeat, lost, late... */
  note?: string;
}

export interface AcquirerOptions {
  clock: Clock;
  journal: Journal;
  /** The test cards, where there are none. */
  accounts?: Accounts;
  rules?: readonly Rule[];
  /** How long a hold is one. */
  holdMs?: number;
  onHappening?: (happening: Happening) => void;
}

export interface AcquirerConnection {
  /** One message without its length. Never throws, whatever it is. */
  receive(bytes: Uint8Array): void;
  /** Nothing is sent any more. */
  close(): void;
}

export interface Acquirer {
  readonly books: AcquirerBooks;
  connect(send: (message: Uint8Array) => void): AcquirerConnection;
  /** Messages that were none. */
  malformed(): number;
}

export function openAcquirer(options: AcquirerOptions): Acquirer {
  return new BookAcquirer(options);
}

/** At once, or after so long, unless the connection has ended. */
type Answer = (message: Uint8Array, delayMs?: number) => void;

class BookAcquirer implements Acquirer {
  readonly books: AcquirerBooks;
  readonly #options: AcquirerOptions;
  readonly #ruleFor: ReturnType<typeof ruleBook>;
  /** Keys of messages that a rule has kept from being worked on: their repeats are. */
  readonly #refusedOnce = new Set<string>();
  #malformed = 0;

  constructor(options: AcquirerOptions) {
    const { journal, accounts = TEST_ACCOUNTS, rules } = options;
    this.#options = options;
    this.books = new AcquirerBooks(accounts);
    this.#ruleFor = ruleBook(rules ?? TEST_RULES);
    for (const entry of journal.entries) this.books.apply(entry);
  }

  malformed(): number {
    return this.#malformed;
  }

  connect(send: (message: Uint8Array) => void): AcquirerConnection {
    let isOpen = true;
    const timers = new Set<Timer>();
    const answer: Answer = (message, delayMs) => {
      if (!isOpen) return;
      if (delayMs === undefined) {
        send(message);
        return;
      }
      const timer = after(this.#options.clock, delayMs, () => {
        timers.delete(timer);
        send(message);
      });
      timers.add(timer);
    };
    return {
      receive: (bytes) => this.#receive(bytes, answer),
      close: () => {
        isOpen = false;
        for (const timer of timers) timer.cancel();
      },
    };
  }

  #receive(bytes: Uint8Array, answer: Answer): void {
    const read = decodeIso8583(bytes);
    if (!read.ok) {
      this.#malformed++;
      return;
    }
    const { message } = read;
    if (message.type === "0800") {
      this.#tell(message, { code: "00" });
      answer(answerTo(message, new Map([[DE.responseCode, "00"]])));
      return;
    }
    const asked = readAsked(message);
    if (asked === undefined) {
      this.#malformed++;
      this.#tell(message, { note: "not a type that is known here" });
    } else if (asked === "format") {
      this.#refuse(message, FORMAT_ERROR, "an element is missing", answer);
    } else {
      this.#work(message, asked, answer);
    }
  }

  #work(message: Iso8583Message, asked: Asked, answer: Answer): void {
    const { clock, journal, holdMs = HOLD_MS } = this.#options;
    const before = this.books.entry(asked.key);
    if (before !== undefined) {
      if (before.same !== asked.same) {
        this.#refuse(message, DUPLICATE, "another message had its trace number", answer);
        return;
      }
      this.#tell(message, { code: before.code, note: "repeat" });
      answer(entryAnswer(message, before));
      return;
    }
    const number = asked.number || (this.books.payment(asked.target)?.card ?? "");
    const isSpared = this.#refusedOnce.has(asked.key);
    const rule = isSpared ? undefined : this.#ruleFor({ ...asked, number });
    if (rule?.effect === "lost" || rule?.effect === "busy") {
      this.#refusedOnce.add(asked.key);
      if (rule.effect === "busy") this.#refuse(message, MALFUNCTION, "busy", answer);
      else this.#tell(message, { note: "lost" });
      return;
    }
    const entry = judge(asked, this.books, rule, clock.wallMs(), holdMs);
    try {
      journal.append(entry);
    } catch {
      // Nothing happened, so nothing is said: the terminal repeats.
      this.#tell(message, { note: "the journal cannot be written" });
      return;
    }
    this.books.apply(entry);
    this.#answer(message, entry, rule, answer);
  }

  #answer(message: Iso8583Message, entry: Entry, rule: Applied | undefined, answer: Answer): void {
    const bytes = entryAnswer(message, entry);
    const { effect, delayMs = 0 } = rule ?? {};
    const isLate = effect === "late" || effect === "twice";
    if (isLate) answer(bytes.slice(), delayMs);
    const isSilent = effect === "late" || effect === "no-answer";
    if (!isSilent) answer(bytes.slice());
    const isOdd = isLate || isSilent;
    const batch = entry.closed === undefined ? undefined : balanceText(entry);
    const note = isOdd ? effect : batch;
    this.#tell(message, { code: entry.code, ...(note !== undefined && { note }) });
  }

  #refuse(message: Iso8583Message, code: string, note: string, answer: Answer): void {
    this.#tell(message, { code, note });
    answer(answerTo(message, new Map([[DE.responseCode, code]])));
  }

  #tell({ type, fields }: Iso8583Message, more: Partial<Happening>): void {
    const asked = readAsked({ type, fields });
    const known = typeof asked === "object" ? asked : undefined;
    const card = known === undefined ? undefined : this.#cardOf(known);
    this.#options.onHappening?.({
      ...{ atMs: this.#options.clock.wallMs(), message: type },
      ...{ terminal: fields.get(DE.terminal) ?? "", trace: fields.get(DE.trace) ?? "" },
      ...(card !== undefined && { card }),
      ...(known !== undefined &&
        known.action !== "close" && { amountMinor: known.amountMinor, currency: known.currency }),
      ...more,
    });
  }

  #cardOf({ key, target }: Asked): string | undefined {
    return this.books.entry(key)?.card ?? this.books.payment(target)?.card;
  }
}

function balanceText({ batch, currency, closed }: Entry): string {
  const of = currency === "" ? "" : ` of ${currency}`;
  return `batch ${batch}${of} is ${closed?.inBalance ? "in" : "out of"} balance`;
}

/** Elements of the question that its answer repeats. */
const REPEATED = [
  ...[DE.processingCode, DE.amount, DE.transmitted, DE.trace, DE.localTime, DE.localDate],
  ...[DE.reference, DE.terminal, DE.merchant, DE.currency, DE.batch, DE.networkCode],
];

function answerTo({ type, fields }: Iso8583Message, more: ReadonlyMap<number, string>): Uint8Array {
  const answer = new Map<number, string>();
  for (const number of REPEATED) {
    const value = fields.get(number);
    if (value !== undefined) answer.set(number, value);
  }
  for (const [number, value] of more) answer.set(number, value);
  const base = baseType(type);
  return encodeIso8583(`${base.slice(0, 2)}${Number(base[2]) + 1}0`, answer);
}

function entryAnswer(message: Iso8583Message, entry: Entry): Uint8Array {
  const { code, authCode, movedMinor, askedMinor, currency, action } = entry;
  const more = new Map<number, string>([[DE.responseCode, code]]);
  if (authCode !== undefined) more.set(DE.authCode, authCode);
  if (entry.issuerAnswer !== undefined) more.set(DE.chip, entry.issuerAnswer);
  if (entry.closed !== undefined) {
    more.set(DE.settlementCode, entry.closed.inBalance ? "1" : "2");
    for (const [number, value] of sumFields("", entry.closed.sums)) more.set(number, value);
    return answerTo(message, more);
  }
  if (code === "10") {
    const original = String(askedMinor).padStart(12, "0");
    const digits = currencyNumber(currency) ?? "000";
    more.set(DE.amount, String(movedMinor));
    more.set(DE.additionalAmounts, `00${ORIGINAL_AMOUNT}${digits}D${original}`);
  } else if (code === "00" && action !== "reverse") {
    more.set(DE.amount, String(movedMinor));
  }
  return answerTo(message, more);
}
