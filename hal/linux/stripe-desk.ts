// What every step of the Stripe adapter works with, and the words in which it answers.

import type { Clock } from "../clock.ts";
import type { Crypto } from "../crypto.ts";
import { type HostCredentials, hex } from "../host-credentials.ts";
import type { HostAnswer, HostDecline, HostRecord } from "../payment-host.ts";
import type { SeenDecline, SeenIntent, SeenTrouble } from "./stripe-answers.ts";
import type { StripeApi } from "./stripe-api.ts";
import { attemptWrite, type StripeAttempt, type StripeBooks } from "./stripe-books.ts";

export type Merchant = Pick<HostRecord, "merchantId" | "terminalId" | "merchantName">;

export interface StripeDesk {
  api: StripeApi;
  books: StripeBooks;
  /** Of a card only the payment method is kept, and only of test cards. */
  credentials: HostCredentials<string>;
  clock: Clock;
  merchant: Merchant;
  keys: StripeKeys;
}

/** What is known of an attempt after Stripe was asked. */
export type Judged =
  | { kind: "final"; answer: Exclude<HostAnswer, { kind: "no-answer" }> }
  /** It never arrived. */
  | { kind: "open" }
  | { kind: "unknown"; message: string };

/** How many attempts' spoilt keys are remembered. */
const SPOILT_MAX = 1_000;

/**
 * Idempotency keys. Stripe repeats a failure of its own for a day under the same key, so each such failure moves an
 * attempt on to another key; what was done already is seen before that one is used.
 */
export class StripeKeys {
  readonly #crypto: Crypto;
  readonly #spoilt = new Map<string, number>();

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  of(attempt: string, step: string): string {
    const name = new TextEncoder().encode(`${attempt} ${step}`);
    const digest = hex(this.#crypto.digest(name).subarray(0, 24));
    return `sluice-${step}-${digest}-${this.#spoilt.get(attempt) ?? 0}`;
  }

  spoil(attempt: string): void {
    if (this.#spoilt.size >= SPOILT_MAX) this.#spoilt.clear();
    this.#spoilt.set(attempt, (this.#spoilt.get(attempt) ?? 0) + 1);
  }
}

export function declined(
  why: HostDecline,
  { responseCode, message }: SeenDecline = {},
): Extract<HostAnswer, { kind: "declined" }> {
  return {
    ...{ kind: "declined", why },
    ...(responseCode !== undefined && { responseCode }),
    ...(message !== undefined && { message }),
  };
}

/** An answer for good that needs nothing but itself on disk. */
export async function decide(
  desk: StripeDesk,
  attempt: string,
  answer: HostAnswer,
  kept: StripeAttempt = { step: "other" },
): Promise<HostAnswer> {
  await desk.books.commit(attemptWrite(attempt, { ...kept, answer }));
  return answer;
}

export function unanswered(
  desk: StripeDesk,
  attempt: string,
  trouble: SeenTrouble | { kind: "unknown"; message: string },
): HostAnswer {
  if (trouble.kind === "unknown" && "spoilt" in trouble && trouble.spoilt) desk.keys.spoil(attempt);
  const message = trouble.kind === "refused" ? trouble.code : trouble.message;
  return { kind: "no-answer", message: message ?? "no reason given" };
}

export function isAmount(amountMinor: number): boolean {
  return Number.isSafeInteger(amountMinor) && amountMinor > 0;
}

export function recordOf({ clock, merchant }: StripeDesk, { charge }: SeenIntent): HostRecord {
  const { merchantId, terminalId, merchantName } = merchant;
  return {
    ...{ merchantId, terminalId, merchantName, timeMs: charge?.createdMs || clock.wallMs() },
    ...(charge?.authCode !== undefined && { authCode: charge.authCode }),
    ...(charge?.responseCode !== undefined && { responseCode: charge.responseCode }),
    ...(charge !== undefined && { references: { charge: charge.id } }),
  };
}
