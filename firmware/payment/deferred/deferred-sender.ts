// Tells the payment host, in order, what was promised in its place, until it has decided. Every call has the name under
// which the sale asked for it, so that nothing moves twice, however often it is told.

import { after, type Clock, type Timer } from "../../../hal/clock.ts";
import type { HostAnswer, PaymentHost } from "../../../hal/payment-host.ts";
import { fromHex } from "../../bytes.ts";
import type { Log } from "../../log.ts";
import type { DeferredBooks } from "./deferred-books.ts";
import {
  askedWith,
  type DeferredRecord,
  type DeferredStep,
  keptMinor,
  lostMinor,
} from "./deferred-record.ts";

const AGAIN_MS_MIN = 5_000;
const AGAIN_MS_MAX = 60_000;

export interface SenderPorts {
  host: PaymentHost;
  clock: Clock;
  log: Log;
}

export class DeferredSender {
  readonly #ports: SenderPorts;
  readonly #books: DeferredBooks;
  #isWorking = false;
  #delayMs = AGAIN_MS_MIN;
  #again: Timer | undefined;
  #closed = false;

  constructor(ports: SenderPorts, books: DeferredBooks) {
    this.#ports = ports;
    this.#books = books;
    this.go();
  }

  /** There is something to tell. */
  go(): void {
    if (this.#isWorking || this.#closed) return;
    this.#isWorking = true;
    this.#again?.cancel();
    void this.#work()
      .catch((error: unknown) => {
        this.#ports.log("error", "deferred-failed", { message: String(error) });
        return false;
      })
      .then((isDone) => {
        this.#isWorking = false;
        if (!isDone) return this.#goLater();
        this.#delayMs = AGAIN_MS_MIN;
        // Something may have come at the last moment.
        if (this.#books.unsettled().length > 0) this.go();
      });
  }

  close(): void {
    this.#closed = true;
    this.#again?.cancel();
  }

  #goLater(): void {
    if (this.#closed) return;
    this.#again = after(this.#ports.clock, this.#delayMs, () => this.go());
    this.#delayMs = Math.min(AGAIN_MS_MAX, 2 * this.#delayMs);
  }

  /** Each in its turn; false when the host did not answer to all. */
  async #work(): Promise<boolean> {
    const silent = new Set<string>();
    while (!this.#closed) {
      const next = this.#books.unsettled().find(({ attempt }) => !silent.has(attempt));
      if (next === undefined) break;
      if (!(await this.#tell(next))) silent.add(next.attempt);
    }
    return silent.size === 0;
  }

  async #tell(record: DeferredRecord): Promise<boolean> {
    const [step] = record.steps;
    const undoing = record.steps.find(({ kind }) => kind === "reverse");
    // What is to be undone needs no decision: what went before it is undone with it.
    if (undoing !== undefined) return this.#undo(record, undoing);
    if (record.state === "open") return this.#authorise(record);
    if (step === undefined) return true;
    return step.kind === "capture" ? this.#capture(record, step) : this.#refund(record, step);
  }

  async #authorise(record: DeferredRecord): Promise<boolean> {
    const { host, log } = this.#ports;
    const { attempt, amountMinor, currency } = record;
    const asked = askedWith(record);
    const answer: HostAnswer =
      asked === undefined
        ? { kind: "declined", why: "credential-invalid" }
        : await heard(() => host.authorise(attempt, asked.credential, asked.binding, amountMinor));
    if (answer.kind === "no-answer") return false;
    await this.#change(record.attempt, ({ sealed: _, ...now }) => {
      if (answer.kind === "approved") {
        const { reference } = answer;
        const approvedMinor = Math.min(answer.amountMinor, now.amountMinor);
        return { ...now, state: "authorised", host: { reference, amountMinor: approvedMinor } };
      }
      return { ...now, state: "lost", steps: [], done: [...now.done, ...now.steps] };
    });
    if (answer.kind === "approved") log("info", "deferred-approved", { attempt });
    else log("error", "deferred-declined", { attempt, why: answer.why, amountMinor, currency });
    return true;
  }

  async #capture(record: DeferredRecord, step: DeferredStep): Promise<boolean> {
    const { reference = "", amountMinor: mostMinor = 0 } = record.host ?? {};
    const amountMinor = Math.min(step.amountMinor, mostMinor);
    const amount = { amountMinor, currency: record.currency };
    const evidence = fromHex(step.evidence ?? "") ?? new Uint8Array();
    const answer = await heard(() =>
      this.#ports.host.capture(step.attempt, reference, amount, evidence),
    );
    if (answer.kind === "no-answer") return false;
    const hostCapturedMinor = answer.kind === "approved" ? answer.amountMinor : 0;
    await this.#done(record, step, () => ({ hostCapturedMinor }));
    return true;
  }

  /** So much goes back that the host keeps no more than was promised; of what it never had nothing does. */
  async #refund(record: DeferredRecord, step: DeferredStep): Promise<boolean> {
    const later = record.steps.slice(1).filter(({ kind }) => kind === "refund");
    const laterMinor = later.reduce((sum, { amountMinor }) => sum + amountMinor, 0);
    const atHostMinor = record.hostCapturedMinor - record.hostRefundedMinor;
    const amountMinor = Math.max(0, atHostMinor - keptMinor(record) - laterMinor);
    if (amountMinor === 0) {
      await this.#done(record, step, () => ({}));
      return true;
    }
    const amount = { amountMinor, currency: record.currency };
    const { reference = "" } = record.host ?? {};
    const answer = await heard(() => this.#ports.host.refund(step.attempt, reference, amount));
    if (answer.kind === "no-answer") return false;
    await this.#done(record, step, (now) =>
      answer.kind === "approved"
        ? { hostRefundedMinor: now.hostRefundedMinor + amountMinor }
        : { owedMinor: now.owedMinor + amountMinor },
    );
    return true;
  }

  async #undo(record: DeferredRecord, step: DeferredStep): Promise<boolean> {
    const answer = await heard(() => this.#ports.host.reverse(step.attempt, record.attempt));
    if (answer.kind === "no-answer") return false;
    const isRefused = answer.kind === "declined";
    if (isRefused) this.#ports.log("error", "reversal-refused", { attempt: record.attempt });
    await this.#change(record.attempt, ({ sealed: _, ...now }) => {
      const owedMinor = isRefused ? now.hostCapturedMinor - now.hostRefundedMinor : 0;
      const done = [...now.done, ...now.steps];
      return { ...now, state: "reversed", steps: [], done, owedMinor: now.owedMinor + owedMinor };
    });
    return true;
  }

  async #done(
    { attempt }: DeferredRecord,
    step: DeferredStep,
    change: (now: DeferredRecord) => Partial<DeferredRecord>,
  ): Promise<void> {
    await this.#change(attempt, (now) => ({
      ...{ ...now, ...change(now) },
      steps: now.steps.filter((one) => one.attempt !== step.attempt),
      done: [...now.done, step],
    }));
    const now = this.#books.ofAttempt(attempt);
    const loss = now === undefined ? 0 : lostMinor(now);
    if (loss > 0) this.#ports.log("error", "deferred-lost", { attempt, lostMinor: loss });
  }

  /** The sale may have added to the record while the host was asked. */
  #change(attempt: string, change: (now: DeferredRecord) => DeferredRecord): Promise<void> {
    return this.#books.inTurn(async () => {
      const now = this.#books.ofAttempt(attempt);
      if (now !== undefined) await this.#books.save(change(now));
    });
  }
}

async function heard(call: () => Promise<HostAnswer>): Promise<HostAnswer> {
  try {
    return await call();
  } catch {
    return { kind: "no-answer" };
  }
}
