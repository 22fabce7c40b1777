// The payment flow of the first release: authorise and capture the whole offer at once, refund what was not
// delivered. Every call to the host is keyed order / transaction / step, so repeating one is safe; an unknown
// outcome is asked for (or repeated, where a host cannot be asked) until it is known, and after a time undone.

import { after, type Clock } from "../../hal/clock.ts";
import type { HostAnswer, HostDecline, PaymentHost } from "../../hal/payment-host.ts";
import type { FaultKind } from "../fault.ts";
import type { PaymentOrder, Payments, SettleOutcome, TakeOutcome } from "./payments.ts";

/** A payment that is still undecided after this long is reversed. */
const GIVE_UP_MS = 60_000;
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 30_000;

/** What a receipt has room for (token/receipt.ts). */
const REFERENCE = /^[\x21-\x7e]{1,32}$/;

type Decided = Exclude<HostAnswer, { kind: "no-answer" }>;

const REFUSALS: Readonly<Record<HostDecline, FaultKind>> = {
  declined: "declined",
  "credential-invalid": "credential-invalid",
  "credential-mismatch": "credential-mismatch",
  "credential-used": "credential-used",
  amount: "declined",
  "unknown-reference": "declined",
};

export function fixedFlow(host: PaymentHost, clock: Clock): Payments {
  return new HostFlow(host, clock);
}

class HostFlow implements Payments {
  readonly #host: PaymentHost;
  readonly #clock: Clock;
  readonly #waiting = new Map<string, (answer: Decided) => void>();

  constructor(host: PaymentHost, clock: Clock) {
    this.#host = host;
    this.#clock = clock;
    host.onLateAnswer((attempt, answer) => {
      // An answer for an attempt that was decided already says nothing new: each is decided once.
      if (answer.kind !== "no-answer") this.#waiting.get(attempt)?.(answer);
    });
  }

  async take(order: PaymentOrder, atMostMinor: number): Promise<TakeOutcome> {
    const { credential, currency, offerDigest, totalMinor } = order;
    const amountMinor = Math.min(totalMinor, atMostMinor);
    if (credential === undefined) return { kind: "refused", why: "credential-invalid" };
    const attempt = `${order.id}/1/authorise`;
    const binding = { offer: offerDigest, amountMinor, currency };
    const answer = await this.#insist(
      attempt,
      () => this.#host.authorise(attempt, credential, binding),
      this.#clock.monotonicMs() + GIVE_UP_MS,
    );
    return this.#proceed(order, answer);
  }

  async findOut(order: PaymentOrder): Promise<TakeOutcome> {
    const host = this.#host;
    const attempt = `${order.id}/1/authorise`;
    // A host without a memory could only be asked by charging again, long after the offer was fresh (I5).
    if (!host.canQuery) return this.#proceed(order, undefined);
    const known = await this.#insist(attempt, () => host.query(attempt), Number.POSITIVE_INFINITY);
    // It never arrived, or the answer was lost with us. The offer it rests on is no longer fresh (I5):
    // make sure that it never takes effect, and let the payer choose again.
    const never = known?.kind === "declined" && known.why === "unknown-reference";
    return this.#proceed(order, never ? undefined : known);
  }

  async complete(_order: PaymentOrder, amountMinor: number): Promise<SettleOutcome> {
    return { kind: "done", amountMinor };
  }

  async giveBack(order: PaymentOrder, amountMinor: number): Promise<SettleOutcome> {
    if (amountMinor === 0) return { kind: "done", amountMinor };
    const { currency, reference } = order;
    if (reference === undefined) return { kind: "owed", amountMinor };
    const key = `${order.id}/1/refund`;
    const answer = await this.#insist(
      key,
      () => this.#host.refund(key, reference, { amountMinor, currency }),
      Number.POSITIVE_INFINITY,
    );
    return { kind: answer?.kind === "approved" ? "done" : "owed", amountMinor };
  }

  /** From an authorisation's outcome to money captured, refused, or undone. */
  async #proceed(order: PaymentOrder, authorised: Decided | undefined): Promise<TakeOutcome> {
    const attempt = `${order.id}/1/authorise`;
    if (authorised === undefined) {
      await this.#undo(order, attempt);
      return { kind: "lost" };
    }
    if (authorised.kind === "declined") return { kind: "refused", why: REFUSALS[authorised.why] };
    const usable = REFERENCE.test(authorised.reference);
    if (authorised.amountMinor !== order.totalMinor || !usable) {
      // A part of the price buys nothing here: this flow has no second tender. And what is taken under a
      // reference that no receipt can hold could not be proved.
      await this.#undo(order, attempt);
      return { kind: "refused", why: "declined" };
    }
    const key = `${order.id}/1/capture`;
    const amount = { amountMinor: authorised.amountMinor, currency: order.currency };
    const captured = await this.#insist(
      key,
      () => this.#host.capture(key, authorised.reference, amount, order.offerDigest),
      Number.POSITIVE_INFINITY,
    );
    if (captured?.kind === "approved" && captured.amountMinor === order.totalMinor) {
      const { reference } = authorised;
      return { kind: "taken", reference, amountMinor: captured.amountMinor };
    }
    await this.#undo(order, attempt);
    return { kind: "refused", why: "declined" };
  }

  async #undo(order: PaymentOrder, attempt: string): Promise<void> {
    const key = `${order.id}/1/reverse`;
    await this.#insist(key, () => this.#host.reverse(key, attempt), Number.POSITIVE_INFINITY);
  }

  /** Repeats one keyed call until it is answered, or until the deadline; undefined then. */
  async #insist(
    attempt: string,
    call: () => Promise<HostAnswer>,
    deadlineMs: number,
  ): Promise<Decided | undefined> {
    const host = this.#host;
    const clock = this.#clock;
    let askNext = false;
    for (let delayMs = RETRY_MS_MIN; ; delayMs = Math.min(2 * delayMs, RETRY_MS_MAX)) {
      const answer: HostAnswer = await heard(askNext ? () => host.query(attempt) : call);
      const unknown: boolean =
        answer.kind === "declined" && answer.why === "unknown-reference" && askNext;
      if (answer.kind !== "no-answer" && !unknown) return answer;
      // A host that says it never saw the attempt gets it again; one that said nothing is asked first.
      askNext = host.canQuery && !unknown;
      if (unknown && clock.monotonicMs() < deadlineMs) continue;
      if (clock.monotonicMs() + delayMs > deadlineMs) return undefined;
      const lateAnswer = await this.#pause(attempt, delayMs);
      if (lateAnswer !== undefined) return lateAnswer;
    }
  }

  /** Waits, or less when the host's answer to this attempt comes in late. */
  #pause(attempt: string, delayMs: number): Promise<Decided | undefined> {
    return new Promise((resolve) => {
      const timer = after(this.#clock, delayMs, () => finish(undefined));
      const finish = (answer: Decided | undefined): void => {
        timer.cancel();
        this.#waiting.delete(attempt);
        resolve(answer);
      };
      this.#waiting.set(attempt, finish);
    });
  }
}

/** A host that throws, whatever it throws, has not answered: what became of the attempt is asked for. */
async function heard(call: () => Promise<HostAnswer>): Promise<HostAnswer> {
  try {
    return await call();
  } catch {
    return { kind: "no-answer" };
  }
}
