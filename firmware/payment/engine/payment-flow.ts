// A payment flow from its start to its response: PRE_FLOW, one transaction or a round for each share, POST_FLOW. It
// always ends, and what it says was paid is what is held.

import type { FlowStage } from "../config/flow-config.ts";
import type { Amounts } from "../model/amounts.ts";
import { isZero } from "../model/amounts-arithmetic.ts";
import { deepFreeze } from "../model/freeze.ts";
import { type Payment, type PaymentResponse, TRANSACTIONS_MAX } from "../model/payment.ts";
import { requestedAfter, splitRemaining } from "../model/split-sums.ts";
import type { Executed } from "../model/transaction.ts";
import type { FlowRun } from "./flow-run.ts";
import { concluded } from "./outcome.ts";
import { abortOn, type PaymentContext, selectionFor, type Why } from "./payment-context.ts";
import { whyOf } from "./processing.ts";
import { nextRound, type Round, wholeRound } from "./split.ts";
import type { Tenders } from "./tenders.ts";
import { runPostTransaction, runTransaction } from "./transaction-flow.ts";
import type { TransactionState } from "./transaction-state.ts";

export interface PaymentFlowPorts {
  newId(): string;
  lastUsed(): readonly string[];
  used(service: string): void;
}

const POST_FLOW_MAX = 16;

export class PaymentFlow implements PaymentContext {
  readonly run: FlowRun;
  readonly tenders: Tenders;
  payment: Payment;
  requested: Amounts;
  why: Why | undefined;
  readonly #ports: PaymentFlowPorts;
  readonly #createdMs: number;
  readonly #states: TransactionState[] = [];
  #preFlow: Executed | undefined;

  constructor(run: FlowRun, tenders: Tenders, payment: Payment, ports: PaymentFlowPorts) {
    this.run = run;
    this.tenders = tenders;
    this.payment = payment;
    this.requested = payment.amounts;
    this.#ports = ports;
    this.#createdMs = run.active.startedMs;
  }

  newId(): string {
    return this.#ports.newId();
  }

  lastUsed(): readonly string[] {
    return this.#ports.lastUsed();
  }

  used(service: string): void {
    this.#ports.used(service);
  }

  async pay(): Promise<PaymentResponse> {
    const { run, tenders } = this;
    const { config } = run.start;
    await this.#callPreFlow(config.stages);
    await this.#rounds(config.stages);
    run.isSettled = true;
    if (run.over) {
      this.why = run.over;
      await tenders.undoAll(this.#states);
    }
    // Whoever is told that nothing was paid must be able to believe it.
    if (this.#conclude().outcome !== "fulfilled") await tenders.settled();
    const response = this.#conclude();
    const postFlow = await this.#callPostFlow(config.stages, response);
    await tenders.finish(response.outcome === "fulfilled");
    for (const state of this.#states) state.forgetCard();
    return deepFreeze({ ...response, postFlow });
  }

  async #callPreFlow(stages: readonly FlowStage[]): Promise<void> {
    const { run } = this;
    const stage = stages.find(({ name }) => name === "PRE_FLOW");
    const isCalled = isZero(this.payment.amounts) || run.start.settings.alwaysCallPreFlow;
    if (stage === undefined || !isCalled) return;
    const { limits } = run.start.initiator;
    for (const app of run.select(stage, selectionFor(this, undefined)).chosen) {
      if (run.over) return;
      const end = await run.call({
        stage: "PRE_FLOW",
        app,
        input: this.payment,
        ...(limits && { limits }),
        apply: ({ output, augmented }) => {
          this.#preFlow = { service: app.id, stage: "PRE_FLOW", augmented };
          if (output?.updatedPayment) this.payment = output.updatedPayment;
          if (output?.cancel !== true) return undefined;
          run.audit.add("cancelled", { stage: "PRE_FLOW", service: app.id });
          run.end({ reason: "cancelled", message: `cancelled by ${app.id}` });
          return undefined;
        },
      });
      this.requested = this.payment.amounts;
      const why = whyOf(end, app);
      if (why === undefined) continue;
      this.why = why;
      if (end.kind !== "rejected") abortOn(this, stage, why);
    }
  }

  /** A share after the other until all is paid; without a split, all at once. */
  async #rounds(stages: readonly FlowStage[]): Promise<void> {
    const { run, payment } = this;
    const split = stages.find(({ name }) => name === "SPLIT");
    const inner = split?.inner ?? stages;
    const isSplit = payment.splitEnabled && split !== undefined && split.apps.length > 0;
    for (let n = 1; n <= TRANSACTIONS_MAX && !run.over; n++) {
      const transactions = this.#states.map((state) => state.snapshot);
      const remaining = splitRemaining({ requested: this.requested, transactions });
      const start = { id: `${payment.id}/${n}`, remaining, transactions };
      const round = isSplit ? await nextRound(this, split, start) : wholeRound(this, start);
      this.#states.push(round.state);
      if (run.over) return;
      await runTransaction(this, round.state, inner);
      const isLast = this.#count(round) || !round.isShare;
      if (run.over) return;
      run.isSettled = isLast;
      await runPostTransaction(this, round.state, inner);
      if (isLast) return;
    }
  }

  /** What the round added and paid counts from now on; true when nothing is left to pay. */
  #count({ state }: Round): boolean {
    const after = requestedAfter(this.requested, state.asked, state.snapshot);
    // In another currency: then it is the only transaction.
    this.requested = after.ok ? after.value : state.requested;
    const transactions = this.#states.map((one) => one.snapshot);
    return isZero(splitRemaining({ requested: this.requested, transactions }));
  }

  #conclude(): PaymentResponse {
    return concluded({
      payment: this.payment,
      requested: this.requested,
      transactions: this.#states.map((state) => state.snapshot),
      why: this.why,
      createdMs: this.#createdMs,
      preFlow: this.#preFlow,
    });
  }

  async #callPostFlow(
    stages: readonly FlowStage[],
    response: PaymentResponse,
  ): Promise<readonly Executed[]> {
    const { run } = this;
    const stage = stages.find(({ name }) => name === "POST_FLOW");
    const executed: Executed[] = [];
    if (stage === undefined) return executed;
    for (const app of run.select(stage, selectionFor(this, undefined)).chosen) {
      if (run.isOutOfTime || executed.length >= POST_FLOW_MAX) break;
      const end = await run.call({ stage: "POST_FLOW", app, input: response });
      if (end.kind === "accepted") {
        executed.push({ service: app.id, stage: "POST_FLOW", augmented: [] });
      }
    }
    return executed;
  }
}
