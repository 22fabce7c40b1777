// A payment host that moves no money: it keeps books in a store of its own and decides by test card number.
// It opens the payers' sealed credentials itself, by their documented layout, as a real host would.

import { after, type Clock } from "../clock.ts";
import type { Crypto } from "../crypto.ts";
import { HostCredentials, hex, type OpenedCredential } from "../host-credentials.ts";
import type {
  HostAmount,
  HostAnswer,
  HostBatch,
  HostBinding,
  HostCredential,
  HostDecline,
  HostRecord,
  PaymentHost,
} from "../payment-host.ts";
import type { SealedCard } from "../sealed-card.ts";
import type { Store, StoreWrite } from "../store.ts";
import { cryptogramSpent, type KeptCard, keepCard } from "./kept-card.ts";
import { emptyBatch, giveBack, type SimBatch, type SimCharge, take } from "./sim-books.ts";
import { claimReturned, claimSpent } from "./stream-claim.ts";

/** Test card numbers, and what the host does when it sees one. Any other valid number is approved. */
export const TEST_CARDS = {
  approve: "4111111111111111",
  decline: "4000000000000002",
  insufficient: "4000000000009995", // declined: not enough on the account
  partial: "4000000000000507", // approved for half of what is asked, rounded down
  "no-answer": "4000000000000119", // approved, and never answered
  "answer-late": "4000000000000259", // answered when nobody waits any more
  "answer-twice": "4000000000000341",
  "request-lost": "4000000000000424", // the first request of an attempt never arrives
} as const;
export type TestBehaviour = keyof typeof TEST_CARDS;

/** How long the adapter waits for the host before it says `no-answer`, and how late a late answer is. */
const NO_ANSWER_MS = 5_000;
const LATE_MS = 8_000;

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
  answer: HostAnswer | HostBatch;
  reference?: string;
  behaviour: TestBehaviour;
  /** A refund that was made. */
  refund?: true;
}

/** What is kept of a card, and what it makes the host do. */
interface SimCard extends KeptCard {
  behaviour: TestBehaviour;
}

const MERCHANT = { merchantId: "SIM000000000001", terminalId: "SIM00001" };
const MERCHANT_NAME = "Simulated merchant";
/** As ISO 8583 writes them. */
const CODES = { approved: "00", part: "10", declined: "05", insufficient: "51", cryptogram: "82" };

function behaviourOf(pan: string): TestBehaviour {
  for (const [behaviour, number] of Object.entries(TEST_CARDS)) {
    if (number === pan) return behaviour as TestBehaviour;
  }
  return "approve";
}

function declined(why: HostDecline): Extract<HostAnswer, { kind: "declined" }> {
  return { kind: "declined", why };
}

function write(kind: string, id: string, value: unknown): StoreWrite {
  return { kind, id, body: JSON.stringify(value) };
}

export function simPaymentHost(options: SimPaymentHostOptions): SimPaymentHost {
  return new CardBookHost(options);
}

/** An attempt's outcome, and what goes to disk with it. */
interface Judgement {
  answer: HostAnswer | HostBatch;
  writes: StoreWrite[];
  behaviour?: TestBehaviour;
  refund?: true;
}

class CardBookHost implements SimPaymentHost {
  readonly canQuery: boolean;
  readonly simulated = true;
  readonly checksClaims = true;
  readonly publicKey: Uint8Array;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #crypto: Crypto;
  readonly #credentials: HostCredentials<SimCard>;
  #listener: ((attempt: string, answer: HostAnswer) => void) | undefined;
  /** Decisions are made one after another, so that two calls never see half of each other. */
  #turn: Promise<unknown> = Promise.resolve();
  readonly #lostOnce = new Set<string>();
  /** As in the store, which nobody else writes; read anew after a commit that failed. */
  #batch: SimBatch | undefined;

  constructor(options: SimPaymentHostOptions) {
    const { store, clock, crypto, secretKey } = options;
    this.canQuery = options.canQuery ?? true;
    this.publicKey = crypto.boxPublicKey(secretKey);
    this.#store = store;
    this.#clock = clock;
    this.#crypto = crypto;
    const keep = (card: SealedCard): SimCard => ({
      ...keepCard(card, secretKey, crypto),
      behaviour: behaviourOf(card.number),
    });
    this.#credentials = new HostCredentials({ store, crypto, secretKey, keep });
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
      const { amountMinor } = binding;
      const { shown } = opened.card;
      const writes = [opened.spent, opened.tokenised(token)];
      return { answer: { kind: "approved", reference: token, amountMinor, card: shown }, writes };
    });
    return answered(record);
  }

  async authorise(
    attempt: string,
    credential: HostCredential,
    binding: HostBinding,
    amountMinor = binding.amountMinor,
  ): Promise<HostAnswer> {
    const { first, record } = await this.#decide(attempt, async () => {
      const opened = await this.#openCard(attempt, credential, binding);
      if (typeof opened === "string") return { answer: declined(opened), writes: [] };
      const { card, spent, stream, usedMinor } = opened;
      if (!isAmount(amountMinor) || usedMinor + amountMinor > binding.amountMinor) {
        return { answer: declined("amount"), writes: [spent] };
      }
      const cryptogram = await cryptogramSpent(card, spent.id, this.#store);
      if (cryptogram === undefined) {
        const responseCode = CODES.cryptogram;
        return { answer: { ...declined("declined"), responseCode }, writes: [spent] };
      }
      let { behaviour } = card;
      if (behaviour === "request-lost") {
        if (this.#lostOnce.delete(attempt)) behaviour = "approve";
        else this.#lostOnce.add(attempt);
      }
      const { answer, authorisedMinor } = this.#authorisation(attempt, card, amountMinor);
      const writes = [spent, ...cryptogram];
      if (answer.kind === "approved") {
        const charge: SimCharge = {
          authorisedMinor,
          capturedMinor: 0,
          refundedMinor: 0,
          reversed: false,
          currency: binding.currency,
          card: card.shown.maskedPan,
          ...(stream && { stream: hex(binding.offer) }),
        };
        writes.push(write("charge", answer.reference, charge));
      }
      return { answer, writes, behaviour };
    });
    return this.#deliver(attempt, first, record);
  }

  capture(
    attempt: string,
    reference: string,
    amount: HostAmount,
    evidence: Uint8Array,
  ): Promise<HostAnswer> {
    const ports = { store: this.#store, crypto: this.#crypto };
    return this.#change(attempt, reference, amount, false, async (charge, batch) => {
      const { amountMinor } = amount;
      const { stream, authorisedMinor } = charge;
      if (charge.reversed || charge.capturedMinor > 0) return "amount";
      if (amountMinor > authorisedMinor) return "amount";
      const claim = stream ? await claimSpent(stream, amount, evidence, ports) : [];
      if (claim === undefined) return "claim";
      take(charge, batch, amountMinor);
      return claim;
    });
  }

  refund(attempt: string, reference: string, amount: HostAmount): Promise<HostAnswer> {
    return this.#change(attempt, reference, amount, true, async (charge, batch) => {
      if (charge.refundedMinor + amount.amountMinor > charge.capturedMinor) return "amount";
      giveBack(charge, batch, amount.amountMinor);
      return [];
    });
  }

  async reverse(attempt: string, attemptToReverse: string): Promise<HostAnswer> {
    const { record } = await this.#decide(attempt, async () => {
      const target = await this.#read<Attempt>("attempt", attemptToReverse);
      if (target?.refund) return { answer: declined("declined"), writes: [] };
      const reference = target?.reference ?? "";
      const charge = await this.#read<SimCharge>("charge", reference);
      const answer: HostAnswer = { kind: "approved", reference, amountMinor: 0 };
      const refused: Attempt = { answer: declined("declined"), behaviour: "approve" };
      const writes = [write("attempt", attemptToReverse, refused)];
      if (charge !== undefined) {
        const { stream, capturedMinor } = charge;
        if (stream !== undefined && capturedMinor > 0 && !charge.reversed) {
          writes.push(await claimReturned(stream, capturedMinor, this.#store));
        }
        charge.reversed = true;
        const backMinor = charge.capturedMinor - charge.refundedMinor;
        if (backMinor > 0) {
          const batch = await this.#openBatch();
          giveBack(charge, batch, backMinor);
          writes.push(write("batch", "open", batch));
        }
        writes.push(write("charge", reference, charge));
      }
      return { answer, writes };
    });
    return answered(record);
  }

  async closeBatch(attempt: string): Promise<HostBatch | { kind: "no-answer" }> {
    const { record } = await this.#decide(attempt, async () => {
      const { number, ...sums } = await this.#openBatch();
      const closed: HostBatch = { kind: "closed", batch: String(number), ...sums };
      this.#batch = emptyBatch(number + 1);
      return { answer: closed, writes: [write("batch", "open", this.#batch)] };
    });
    return record.answer.kind === "closed" ? record.answer : { kind: "no-answer" };
  }

  async query(attempt: string): Promise<HostAnswer> {
    if (!this.canQuery) return { kind: "no-answer" };
    const record = await this.#inTurn(() => this.#read<Attempt>("attempt", attempt));
    return record === undefined ? declined("unknown-reference") : answered(record);
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

  async #openBatch(): Promise<SimBatch> {
    this.#batch ??= (await this.#read<SimBatch>("batch", "open")) ?? emptyBatch(1);
    return this.#batch;
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
      const { answer, writes, behaviour = "approve", refund } = await judge();
      const record: Attempt = { answer, behaviour, ...(refund && { refund }) };
      if (answer.kind === "approved") record.reference = answer.reference;
      if (behaviour === "request-lost") return { first: true, record };
      try {
        await this.#store.commit([...writes, write("attempt", attempt, record)]);
      } catch (error) {
        this.#batch = undefined;
        throw error;
      }
      return { first: true, record };
    });
  }

  /** What the card says to an amount that the payer signed. */
  #authorisation(
    attempt: string,
    { behaviour, shown }: SimCard,
    amountMinor: number,
  ): { answer: HostAnswer; authorisedMinor: number } {
    const part = behaviour === "partial";
    const authorisedMinor = part ? Math.floor(amountMinor / 2) : amountMinor;
    if (behaviour === "decline" || behaviour === "insufficient" || authorisedMinor === 0) {
      const responseCode = behaviour === "decline" ? CODES.declined : CODES.insufficient;
      return { answer: { ...declined("declined"), responseCode }, authorisedMinor: 0 };
    }
    const reference = `sim-${this.#digestHex(attempt, 6)}`;
    const record = this.#recordOf(attempt, part ? CODES.part : CODES.approved);
    const approved = { kind: "approved", reference, amountMinor: authorisedMinor } as const;
    return { answer: { ...approved, card: shown, record }, authorisedMinor };
  }

  #recordOf(attempt: string, responseCode: string): HostRecord {
    const authCode = this.#digestHex(`code ${attempt}`, 3).toUpperCase();
    const timeMs = this.#clock.wallMs();
    return { ...MERCHANT, merchantName: MERCHANT_NAME, timeMs, authCode, responseCode };
  }

  #openCard(
    attempt: string,
    credential: HostCredential,
    binding: HostBinding,
  ): Promise<OpenedCredential<SimCard> | HostDecline> {
    return this.#credentials.open(attempt, credential, binding, async (earlier) => {
      const { reference = "" } = (await this.#read<Attempt>("attempt", earlier)) ?? {};
      const charge = await this.#read<SimCharge>("charge", reference);
      if (charge === undefined || charge.reversed) return 0;
      return charge.capturedMinor > 0 ? charge.capturedMinor : charge.authorisedMinor;
    });
  }

  /** Answers in the manner of the card: at once, never, late or twice. Only the first call of an attempt misbehaves. */
  #deliver(attempt: string, first: boolean, record: Attempt): Promise<HostAnswer> {
    const { behaviour } = record;
    const answer = answered(record);
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
    isRefund: boolean,
    /** More to write, or why not. */
    apply: (charge: SimCharge, batch: SimBatch) => Promise<readonly StoreWrite[] | HostDecline>,
  ): Promise<HostAnswer> {
    const { record } = await this.#decide(attempt, async () => {
      const charge = await this.#read<SimCharge>("charge", reference);
      if (charge === undefined) return { answer: declined("unknown-reference"), writes: [] };
      const batch = await this.#openBatch();
      const { amountMinor, currency } = amount;
      const isGood = isAmount(amountMinor) && currency === charge.currency;
      const more = isGood ? await apply(charge, batch) : "amount";
      if (typeof more === "string") return { answer: declined(more), writes: [] };
      const proof = this.#recordOf(attempt, CODES.approved);
      return {
        answer: { kind: "approved", reference, amountMinor, record: proof },
        writes: [write("charge", reference, charge), write("batch", "open", batch), ...more],
        ...(isRefund && { refund: true }),
      };
    });
    return answered(record);
  }
}

/** The answer to a payment's attempt; a batch is none. */
function answered({ answer }: Attempt): HostAnswer {
  return answer.kind === "closed" ? declined("unknown-reference") : answer;
}

function isAmount(amountMinor: number): boolean {
  return Number.isSafeInteger(amountMinor) && amountMinor > 0;
}
