// Calls to a payment host until they are answered. Every call has a key of its own, so repeating one is safe; an
// unknown outcome is asked for, or the call repeated where a host cannot be asked, until it is known.

import { after, type Clock } from "../../../hal/clock.ts";
import type { HostAnswer, PaymentHost } from "../../../hal/payment-host.ts";

const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 30_000;

export type Decided = Exclude<HostAnswer, { kind: "no-answer" }>;

/** How long an answer is waited for. */
export class Patience {
  #endMs: number;
  #wake: () => void = () => undefined;

  /** By the monotonic clock; infinite for what must be known. */
  constructor(endMs: number) {
    this.#endMs = endMs;
  }

  get endMs(): number {
    return this.#endMs;
  }

  /** Nobody waits any more. */
  end(): void {
    this.#endMs = Number.NEGATIVE_INFINITY;
    this.#wake();
  }

  onEnd(wake: () => void): void {
    this.#wake = wake;
  }
}

export const FOREVER = Number.POSITIVE_INFINITY;

export class HostCalls {
  readonly #host: PaymentHost;
  readonly #clock: Clock;
  readonly #waiting = new Map<string, (answer: Decided) => void>();

  /** `unawaited` hears approvals of attempts that nobody waits for any more. */
  constructor(
    host: PaymentHost,
    clock: Clock,
    unawaited: (attempt: string, answer: Decided) => void,
  ) {
    this.#host = host;
    this.#clock = clock;
    host.onLateAnswer((attempt, answer) => {
      if (answer.kind === "no-answer") return;
      const waiting = this.#waiting.get(attempt);
      // An answer for an attempt that was decided already says nothing new: each is decided once.
      if (waiting !== undefined) waiting(answer);
      else unawaited(attempt, answer);
    });
  }

  /** Repeats one keyed call until it is answered; undefined when patience ends before that. */
  async insist(
    attempt: string,
    call: () => Promise<HostAnswer>,
    patience = new Patience(FOREVER),
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
      if (unknown && clock.monotonicMs() < patience.endMs) continue;
      if (clock.monotonicMs() + delayMs > patience.endMs) return undefined;
      const lateAnswer = await this.#pause(attempt, delayMs, patience);
      if (lateAnswer !== undefined) return lateAnswer;
      if (patience.endMs === Number.NEGATIVE_INFINITY) return undefined;
    }
  }

  /** Waits; less when the host's answer to this attempt comes in late, or when nobody waits any more. */
  #pause(attempt: string, delayMs: number, patience: Patience): Promise<Decided | undefined> {
    return new Promise((resolve) => {
      const timer = after(this.#clock, delayMs, () => finish(undefined));
      const finish = (answer: Decided | undefined): void => {
        timer.cancel();
        this.#waiting.delete(attempt);
        resolve(answer);
      };
      patience.onEnd(() => finish(undefined));
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
