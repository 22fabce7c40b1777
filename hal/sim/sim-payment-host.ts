// A payment host that moves no money: it keeps books in a store of its own and decides by test card number.
// It opens the payers' sealed credentials itself, by their documented layout, as a real host would.

import { after, type Clock } from "../clock.ts";
import type { Crypto } from "../crypto.ts";
import type {
  HostAmount,
  HostAnswer,
  HostBinding,
  HostCredential,
  HostDecline,
  PaymentHost,
} from "../payment-host.ts";
import type { Store, StoreWrite } from "../store.ts";

/** Test card numbers, and what the host does when it sees one. Any other valid number is approved. */
export const TEST_CARDS = {
  approve: "4111111111111111",
  decline: "4000000000000002",
  "no-answer": "4000000000000119",
  "answer-late": "4000000000000259",
  "answer-twice": "4000000000000341",
  "request-lost": "4000000000000424",
} as const;
export type TestBehaviour = keyof typeof TEST_CARDS;

/** How long the adapter waits for the host before it says `no-answer`, and how late a late answer is. */
const NO_ANSWER_MS = 5_000;
const LATE_MS = 8_000;

export interface SimCharge {
  authorisedMinor: number;
  capturedMinor: number;
  refundedMinor: number;
  reversed: boolean;
  currency: string;
  /** First six and last four digits only. */
  card: string;
}

export interface SimPaymentHost extends PaymentHost {
  /** The books: every charge by reference. What a settlement report would say. */
  charges(): Promise<ReadonlyMap<string, SimCharge>>;
}

export interface SimPaymentHostOptions {
  store: Store;
  clock: Clock;
  crypto: Crypto;
  /** X25519 secret, 32 bytes. */
  secretKey: Uint8Array;
  canQuery?: boolean;
}

interface Attempt {
  answer: HostAnswer;
  reference?: string;
  behaviour: TestBehaviour;
}

/** An opened credential. The number itself is not kept: only what it makes the host do, and a masked form. */
interface Card {
  behaviour: TestBehaviour;
  masked: string;
  offer: string;
  amountMinor: number;
  currency: string;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Offer digest 16, amount 4 (big-endian), currency 3, expiry year and month 2, card number 12 to 19 digits. */
function readCard(plain: Uint8Array): Card | undefined {
  if (plain.length < 37 || plain.length > 44) return undefined;
  const amountMinor = new DataView(plain.buffer, plain.byteOffset).getUint32(16);
  const ascii = (from: number, to?: number): string =>
    String.fromCharCode(...plain.slice(from, to));
  const pan = ascii(25);
  if (!/^\d{12,19}$/.test(pan) || !passesLuhn(pan)) return undefined;
  return {
    behaviour: behaviourOf(pan),
    masked: `${pan.slice(0, 6)}******${pan.slice(-4)}`,
    offer: hex(plain.subarray(0, 16)),
    amountMinor,
    currency: ascii(20, 23),
  };
}

/** ISO/IEC 7812-1 annex B check digit. */
function passesLuhn(pan: string): boolean {
  let sum = 0;
  for (const [index, digit] of [...pan].reverse().entries()) {
    const value = Number(digit) * (index % 2 === 0 ? 1 : 2);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
}

function behaviourOf(pan: string): TestBehaviour {
  for (const [behaviour, number] of Object.entries(TEST_CARDS)) {
    if (number === pan) return behaviour as TestBehaviour;
  }
  return "approve";
}

function declined(why: HostDecline): HostAnswer {
  return { kind: "declined", why };
}

function write(kind: string, id: string, value: unknown): StoreWrite {
  return { kind, id, body: JSON.stringify(value) };
}

function checkBinding(card: Card, binding: HostBinding): HostDecline | undefined {
  const same =
    card.offer === hex(binding.offer) &&
    card.amountMinor === binding.amountMinor &&
    card.currency === binding.currency;
  return same ? undefined : "credential-mismatch";
}

export function simPaymentHost(options: SimPaymentHostOptions): SimPaymentHost {
  return new CardBookHost(options);
}

/** An attempt's outcome, and what goes to disk with it. */
interface Judgement {
  answer: HostAnswer;
  writes: StoreWrite[];
  behaviour?: TestBehaviour;
}

class CardBookHost implements SimPaymentHost {
  readonly canQuery: boolean;
  readonly simulated = true;
  readonly publicKey: Uint8Array;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #crypto: Crypto;
  readonly #secretKey: Uint8Array;
  #listener: ((attempt: string, answer: HostAnswer) => void) | undefined;
  /** Decisions are made one after another, so that two calls never see half of each other. */
  #turn: Promise<unknown> = Promise.resolve();
  readonly #lostOnce = new Set<string>();

  constructor(options: SimPaymentHostOptions) {
    const { store, clock, crypto, secretKey } = options;
    this.canQuery = options.canQuery ?? true;
    this.publicKey = crypto.boxPublicKey(secretKey);
    this.#store = store;
    this.#clock = clock;
    this.#crypto = crypto;
    this.#secretKey = secretKey;
  }

  async tokenise(
    attempt: string,
    credential: HostCredential,
    binding: HostBinding,
  ): Promise<HostAnswer> {
    const { record } = await this.#decide(attempt, async () => {
      const opened = await this.#openCard(attempt, credential, binding);
      if (typeof opened === "string") return { answer: declined(opened), writes: [] };
      const token = this.#digestHex(`token ${attempt}`, 16);
      const { amountMinor } = opened.card;
      const kept = { ...opened.card, payer: hex(credential.payerKey) };
      const writes = [...opened.writes, write("token", token, kept)];
      return { answer: { kind: "approved", reference: token, amountMinor }, writes };
    });
    return record.answer;
  }

  async authorise(
    attempt: string,
    credential: HostCredential,
    binding: HostBinding,
  ): Promise<HostAnswer> {
    const { first, record } = await this.#decide(attempt, async () => {
      const opened = await this.#openCard(attempt, credential, binding);
      if (typeof opened === "string") return { answer: declined(opened), writes: [] };
      const { masked, amountMinor, currency } = opened.card;
      let { behaviour } = opened.card;
      if (behaviour === "request-lost" && this.#lostOnce.has(attempt)) behaviour = "approve";
      this.#lostOnce.add(attempt);
      if (behaviour === "decline" || amountMinor <= 0) {
        return { answer: declined("declined"), writes: opened.writes, behaviour };
      }
      const reference = `sim-${this.#digestHex(attempt, 6)}`;
      const charge: SimCharge = {
        authorisedMinor: amountMinor,
        capturedMinor: 0,
        refundedMinor: 0,
        reversed: false,
        currency,
        card: masked,
      };
      const writes = [...opened.writes, write("charge", reference, charge)];
      return { answer: { kind: "approved", reference, amountMinor }, writes, behaviour };
    });
    return this.#deliver(attempt, first, record);
  }

  capture(attempt: string, reference: string, amount: HostAmount): Promise<HostAnswer> {
    return this.#change(attempt, reference, amount, (charge) => {
      const { amountMinor } = amount;
      if (charge.reversed || charge.capturedMinor > 0) return false;
      if (amountMinor > charge.authorisedMinor) return false;
      charge.capturedMinor = amountMinor;
      return true;
    });
  }

  refund(attempt: string, reference: string, amount: HostAmount): Promise<HostAnswer> {
    return this.#change(attempt, reference, amount, (charge) => {
      if (charge.refundedMinor + amount.amountMinor > charge.capturedMinor) return false;
      charge.refundedMinor += amount.amountMinor;
      return true;
    });
  }

  async reverse(attempt: string, attemptToReverse: string): Promise<HostAnswer> {
    const { record } = await this.#decide(attempt, async () => {
      const target = await this.#read<Attempt>("attempt", attemptToReverse);
      const reference = target?.reference ?? "";
      const charge = await this.#read<SimCharge>("charge", reference);
      const answer: HostAnswer = { kind: "approved", reference, amountMinor: 0 };
      const refused: Attempt = { answer: declined("declined"), behaviour: "approve" };
      const writes = [write("attempt", attemptToReverse, refused)];
      if (charge !== undefined) {
        charge.reversed = true;
        charge.refundedMinor = charge.capturedMinor;
        writes.push(write("charge", reference, charge));
      }
      return { answer, writes };
    });
    return record.answer;
  }

  async query(attempt: string): Promise<HostAnswer> {
    const record = await this.#inTurn(() => this.#read<Attempt>("attempt", attempt));
    return record?.answer ?? declined("unknown-reference");
  }

  onLateAnswer(listener: (attempt: string, answer: HostAnswer) => void): void {
    this.#listener = listener;
  }

  async charges(): Promise<ReadonlyMap<string, SimCharge>> {
    const records = await this.#store.list("charge");
    return new Map(records.map(({ id, body }) => [id, JSON.parse(body) as SimCharge]));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #read<T>(kind: string, id: string): Promise<T | undefined> {
    const body = await this.#store.get(kind, id);
    return body === undefined ? undefined : (JSON.parse(body) as T);
  }

  #digestHex(text: string, length: number): string {
    return hex(this.#crypto.digest(new TextEncoder().encode(text)).subarray(0, length));
  }

  /** Decides an attempt once; the same key gets the same outcome for ever, also when it was reversed first. */
  #decide(
    attempt: string,
    judge: () => Promise<Judgement>,
  ): Promise<{ first: boolean; record: Attempt }> {
    return this.#inTurn(async () => {
      const before = await this.#read<Attempt>("attempt", attempt);
      if (before !== undefined) return { first: false, record: before };
      const { answer, writes, behaviour = "approve" } = await judge();
      const record: Attempt = { answer, behaviour };
      if (answer.kind === "approved") record.reference = answer.reference;
      if (behaviour !== "request-lost") {
        await this.#store.commit([...writes, write("attempt", attempt, record)]);
      }
      return { first: true, record };
    });
  }

  async #openCard(
    attempt: string,
    credential: HostCredential,
    binding: HostBinding,
  ): Promise<{ card: Card; writes: StoreWrite[] } | HostDecline> {
    const payer = hex(credential.payerKey);
    if (credential.kind === "token") {
      const token = hex(credential.token);
      const kept = await this.#read<Card & { payer: string; spentBy?: string }>("token", token);
      if (kept === undefined || kept.payer !== payer) return "credential-invalid";
      if (kept.spentBy !== undefined && kept.spentBy !== attempt) return "credential-used";
      const writes = [write("token", token, { ...kept, spentBy: attempt })];
      return checkBinding(kept, binding) ?? { card: kept, writes };
    }
    const shared = this.#crypto.boxShared(credential.payerKey, this.#secretKey);
    const plain = shared && this.#crypto.open(credential.box, credential.nonce, shared);
    const card = plain && readCard(plain);
    if (card === undefined) return "credential-invalid";
    const mismatch = checkBinding(card, binding);
    if (mismatch !== undefined) return mismatch;
    const nonce = `${payer}${hex(credential.nonce)}`;
    const spentBy = await this.#read<string>("nonce", nonce);
    if (spentBy !== undefined && spentBy !== attempt) return "credential-used";
    return { card, writes: [write("nonce", nonce, attempt)] };
  }

  /** Answers in the manner of the card: at once, never, late or twice. Only the first call of an attempt misbehaves. */
  #deliver(attempt: string, first: boolean, record: Attempt): Promise<HostAnswer> {
    const { answer, behaviour } = record;
    const late = behaviour === "answer-twice" || behaviour === "answer-late";
    if (first && late) after(this.#clock, LATE_MS, () => this.#listener?.(attempt, answer));
    const silent = behaviour === "no-answer" || behaviour === "answer-late";
    if (!(first && (silent || behaviour === "request-lost"))) return Promise.resolve(answer);
    return new Promise((resolve) => {
      after(this.#clock, NO_ANSWER_MS, () => resolve({ kind: "no-answer" }));
    });
  }

  async #change(
    attempt: string,
    reference: string,
    amount: HostAmount,
    apply: (charge: SimCharge) => boolean,
  ): Promise<HostAnswer> {
    const { record } = await this.#decide(attempt, async () => {
      const charge = await this.#read<SimCharge>("charge", reference);
      if (charge === undefined) return { answer: declined("unknown-reference"), writes: [] };
      const sane = Number.isSafeInteger(amount.amountMinor) && amount.amountMinor > 0;
      if (!sane || amount.currency !== charge.currency || !apply(charge)) {
        return { answer: declined("amount"), writes: [] };
      }
      const { amountMinor } = amount;
      return {
        answer: { kind: "approved", reference, amountMinor },
        writes: [write("charge", reference, charge)],
      };
    });
    return record.answer;
  }
}
