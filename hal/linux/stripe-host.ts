// Payment host port over Stripe: an authorisation is a payment intent with manual capture. It is made first and
// confirmed afterwards, when its name is on disk: so no money is ever held that could not be asked for, and a
// canceled intent can never be confirmed by a request that comes late.

import type { Clock } from "../clock.ts";
import type { Crypto } from "../crypto.ts";
import { HostCredentials, hex, orderOf } from "../host-credentials.ts";
import type {
  HostAmount,
  HostAnswer,
  HostBinding,
  HostCredential,
  PaymentHost,
} from "../payment-host.ts";
import type { Store } from "../store.ts";
import { openStripeApi, type StripeAddress } from "./stripe-api.ts";
import { authorise, conclude, lookAtAuthorisation } from "./stripe-authorise.ts";
import { attemptWrite, StripeBooks } from "./stripe-books.ts";
import { methodOfToken, testMethodOf } from "./stripe-cards.ts";
import { decide, declined, type Merchant, type StripeDesk, StripeKeys } from "./stripe-desk.ts";
import { capture, concludeMove, lookAtCapture, lookAtRefund, refund } from "./stripe-settle.ts";
import { reverse } from "./stripe-undo.ts";

export interface StripeHostOptions {
  /** For the adapter alone. */
  store: Store;
  clock: Clock;
  crypto: Crypto;
  /** X25519 secret, 32 bytes: opens sealed test cards. */
  secretKey: Uint8Array;
  /** A file with the account's secret or restricted key, which only we may read. */
  apiKeyFile: string;
  /** Stripe's own when not given. */
  address?: StripeAddress;
  /** How long one request may take before it counts as unanswered. */
  timeoutMs?: number;
  /** Printed on receipts. */
  merchant: Merchant;
}

export interface StripeHost extends PaymentHost {
  /** Lets go of idle connections. Idempotent. */
  close(): void;
}

const TIMEOUT_MS = 10_000;
/** Stripe takes 500 characters for a value of metadata. */
const EVIDENCE_BYTES_MAX = 240;

/** Throws HalError `refused` for a key or an address that cannot be used. */
export function openStripeHost(options: StripeHostOptions): StripeHost {
  return new IntentHost(options);
}

class IntentHost implements StripeHost {
  readonly canQuery = true;
  readonly simulated: boolean;
  readonly publicKey: Uint8Array;
  readonly #crypto: Crypto;
  readonly #desk: StripeDesk;
  /** One call at a time for each order, so that none sees half of another. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: StripeHostOptions) {
    const { store, clock, crypto, secretKey, merchant, apiKeyFile, address } = options;
    const { timeoutMs = TIMEOUT_MS } = options;
    const api = openStripeApi({ clock, apiKeyFile, timeoutMs, ...(address && { address }) });
    this.simulated = api.isTest;
    this.publicKey = crypto.boxPublicKey(secretKey);
    this.#crypto = crypto;
    this.#desk = {
      ...{
        api,
        clock,
        merchant,
        books: new StripeBooks(store, clock),
        keys: new StripeKeys(crypto),
      },
      credentials: new HostCredentials({
        ...{ store, crypto, secretKey },
        keep: ({ number }) => testMethodOf(number),
        foreign: methodOfToken,
      }),
    };
  }

  tokenise(attempt: string, credential: HostCredential, binding: HostBinding): Promise<HostAnswer> {
    const desk = this.#desk;
    return this.#inTurn(orderOf(attempt), async () => {
      const before = await desk.books.attempt(attempt);
      if (before?.answer !== undefined) return before.answer;
      const opened = await desk.credentials.open(attempt, credential, binding, async () => 0);
      if (typeof opened === "string") return decide(desk, attempt, declined(opened));
      const name = new TextEncoder().encode(`token ${attempt}`);
      const reference = hex(this.#crypto.digest(name).subarray(0, 16));
      const { amountMinor } = binding;
      const answer: HostAnswer = { kind: "approved", reference, amountMinor };
      const writes = [opened.spent, opened.tokenised(reference)];
      await desk.books.commit(...writes, attemptWrite(attempt, { step: "other", answer }));
      return answer;
    });
  }

  authorise(
    attempt: string,
    credential: HostCredential,
    binding: HostBinding,
    amountMinor = binding.amountMinor,
  ): Promise<HostAnswer> {
    const payment = { credential, binding, amountMinor };
    return this.#inTurn(orderOf(attempt), () => authorise(this.#desk, attempt, payment));
  }

  capture(
    attempt: string,
    reference: string,
    amount: HostAmount,
    evidence: Uint8Array,
  ): Promise<HostAnswer> {
    const isShort = evidence.length <= EVIDENCE_BYTES_MAX;
    const text = isShort ? hex(evidence) : `sha512:${hex(this.#crypto.digest(evidence))}`;
    return this.#inTurn(orderOf(attempt), () =>
      capture(this.#desk, attempt, reference, amount, text),
    );
  }

  refund(attempt: string, reference: string, amount: HostAmount): Promise<HostAnswer> {
    return this.#inTurn(orderOf(attempt), () => refund(this.#desk, attempt, reference, amount));
  }

  reverse(attempt: string, attemptToReverse: string): Promise<HostAnswer> {
    return this.#inTurn(orderOf(attempt), () => reverse(this.#desk, attempt, attemptToReverse));
  }

  query(attempt: string): Promise<HostAnswer> {
    const desk = this.#desk;
    return this.#inTurn(orderOf(attempt), async () => {
      const kept = await desk.books.attempt(attempt);
      if (kept === undefined) return declined("unknown-reference");
      if (kept.undoing) return { kind: "no-answer", message: "it is being undone" };
      if (kept.answer !== undefined) return kept.answer;
      if (kept.step === "authorise") {
        return conclude(desk, attempt, kept, await lookAtAuthorisation(desk, attempt, kept));
      }
      const look = kept.step === "capture" ? lookAtCapture : lookAtRefund;
      return concludeMove(desk, attempt, kept, await look(desk, attempt, kept));
    });
  }

  /** A request that was not answered in time is ended, so nothing comes late: it is asked for. */
  onLateAnswer(): void {}

  trouble(): string | undefined {
    return this.#desk.api.trouble();
  }

  close(): void {
    this.#desk.api.close();
  }

  #inTurn<T>(order: string, work: () => Promise<T>): Promise<T> {
    const mine = (this.#turns.get(order) ?? Promise.resolve()).then(work);
    const ended = mine.catch(() => undefined);
    this.#turns.set(order, ended);
    void ended.then(() => {
      if (this.#turns.get(order) === ended) this.#turns.delete(order);
    });
    return mine;
  }
}
