// Payments of orders as flows: the sale starts a flow with the signed offer, keeps what came of it, and gives back
// every part of it when it is not the whole. Nothing here calls a payment host: the payment application does.

import { type Clock, sleep } from "../../../hal/clock.ts";
import type { HostDecline } from "../../../hal/payment-host.ts";
import type { FaultKind } from "../../fault.ts";
import type { Log } from "../../log.ts";
import { formatMinor } from "../../money.ts";
import { EXTRAS_MAX } from "../../token/receipt.ts";
import { PAYMENT_APPLICATION } from "../application/application-info.ts";
import { type CardDesk, joinedCardDesk } from "../application/card-desk.ts";
import type { Abandoned, PaymentApplication } from "../application/payment-application.ts";
import { type FlowConfig, stageOf } from "../config/flow-config.ts";
import type { FlowEngine } from "../engine/engine.ts";
import { NO_CURRENCY } from "../model/amounts.ts";
import { zeroAmounts } from "../model/amounts-arithmetic.ts";
import type { FlowEvent } from "../model/flow-event.ts";
import type { FailureReason, PaymentResponse } from "../model/payment.ts";
import type {
  LaterRefund,
  PaymentExtra,
  PaymentOrder,
  Payments,
  SettleOutcome,
  TakeOutcome,
} from "../payments.ts";
import type { Tender, TenderJournal } from "../record/flow-journal.ts";
import type { RegisteredService } from "../registry/registry.ts";
import { flowTypeOf, limitsOf, paymentOf, SALE, transactionOf } from "./order-payment.ts";
import { openSettlement, type Settlement } from "./order-settlement.ts";
import {
  asResponse,
  foundTender,
  keepTenders,
  type OrderTender,
  receiptReference,
  sumOf,
  tendersOf,
} from "./order-tenders.ts";
import { isCalledIn, servicesThatPay } from "./paying-services.ts";

const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 60_000;
/** Records of what may have been taken are numbered above those of the flow itself. */
const DOUBTS_FROM = 2000;

const REFUSALS: Readonly<Record<HostDecline, FaultKind>> = {
  declined: "declined",
  "credential-invalid": "credential-invalid",
  "credential-mismatch": "credential-mismatch",
  "credential-used": "credential-used",
  amount: "declined",
  claim: "commitment-invalid",
  "unknown-reference": "declined",
};
const FAILURES: Readonly<Record<FailureReason, FaultKind>> = {
  none: "declined",
  declined: "declined",
  cancelled: "payment-cancelled",
  rejected: "payment-rejected",
  timeout: "payment-timeout",
  error: "payment-rejected",
};

const NO_READERS = { readers: [], left: new Map() };

export interface FlowPaymentsPorts {
  engine: FlowEngine;
  application: PaymentApplication;
  tenders: TenderJournal;
  clock: Clock;
  log: Log;
  /** Where the cards of payers at the board are read. */
  cardDesk?: CardDesk;
  /** Flows that may be started, and the services there are. */
  flows(): readonly FlowConfig[];
  services(): readonly RegisteredService[];
}

export function openFlowPayments(ports: FlowPaymentsPorts): Payments {
  return new FlowPayments(ports);
}

class FlowPayments implements Payments {
  readonly #ports: FlowPaymentsPorts;
  readonly #settlement: Settlement;
  /** Orders that are gone, of whose tenders some are still being given back. */
  readonly #gone = new Set<string>();

  constructor(ports: FlowPaymentsPorts) {
    this.#ports = ports;
    this.#settlement = openSettlement(ports);
  }

  async take(
    order: PaymentOrder,
    atMostMinor: number,
    tell?: (event: FlowEvent) => void,
  ): Promise<TakeOutcome> {
    const { engine, application } = this.#ports;
    const limits = limitsOf(order, atMostMinor);
    this.#entrust(order);
    const by = { id: SALE, limits, ...(tell !== undefined && { event: tell }) };
    const started = engine.pay(paymentOf(order), by);
    if (!started.ok) {
      application.release(transactionOf(order.id));
      this.#ports.log("warn", "flow-refused", { order: order.id, why: started.message });
      return { kind: "refused", why: "payment-rejected" };
    }
    const response = await started.ended;
    const outcome = await this.#outcome(order, response, limits.maximumMinor);
    application.release(transactionOf(order.id));
    return outcome;
  }

  confirm(order: string, confirmation: string, values: readonly string[]): boolean {
    const value = { request: confirmation, values: [...values] };
    const payload = { is: "confirmation-response", value } as const;
    const type = "confirmationResponse";
    return this.#ports.engine.tell(order, { type, data: { [type]: payload } });
  }

  cancel(order: string): boolean {
    const { engine, application } = this.#ports;
    const steered = engine.cancel(order);
    const isCardWanted = application.cancelCard(transactionOf(order));
    return isCardWanted || steered === "done" || steered === "wait";
  }

  /**
   * What was taken is made of what services had durably said and what the host says of its attempts. It counts only
   * if it is exactly the offer's total: whether the payer accepted more, nobody knows any more. The offer it rests on
   * is not fresh either (I5), so what was not done is not done anew: it is undone.
   */
  async findOut(order: PaymentOrder): Promise<TakeOutcome> {
    const { application, tenders } = this.#ports;
    const transaction = transactionOf(order.id);
    this.#entrust(order);
    const records = await tenders.list(order.id);
    const isOfHost = ({ service }: Tender): boolean => service === PAYMENT_APPLICATION;
    const others = records.filter((one) => !isOfHost(one) && one.state === "taken");
    const found = await application.findOut(transaction);
    // What the engine gives back, it goes on giving back: it is nothing to keep.
    const isUndoing = records.some((one) => isOfHost(one) && one.state !== "taken");
    const approved = isUndoing ? undefined : await this.#foundTenders(order, others, found);
    if (approved !== undefined) {
      const all = [...others, ...approved].map((one, index) => ({ ...one, n: index + 1 }));
      application.release(transaction);
      return this.#taken(order, all, []);
    }
    const { why } = application.outcomeOf(transaction);
    const isDeclined = found.length > 0 && found.every(({ answer }) => answer.kind === "declined");
    await this.#undo(order, others);
    await this.#undoDoubtful(order, records);
    application.release(transaction);
    const isPlain = isDeclined && others.length === 0 && why !== undefined;
    return isPlain ? { kind: "refused", why: REFUSALS[why] } : { kind: "lost" };
  }

  complete(order: PaymentOrder, amountMinor: number, evidence: Uint8Array): Promise<SettleOutcome> {
    return this.#settlement.complete(order, amountMinor, evidence);
  }

  giveBack(order: PaymentOrder, amountMinor: number, later?: LaterRefund): Promise<SettleOutcome> {
    return this.#settlement.giveBack(order, amountMinor, later);
  }

  async forget(order: string): Promise<void> {
    const { tenders } = this.#ports;
    for (const one of [...this.#gone, order]) {
      this.#gone.delete(one);
      if (!(await tenders.holds(one))) continue;
      const kept = await tenders.list(one);
      // What is still being given back is the engine's; what is owed stays, for whoever looks into it.
      if (kept.some(({ state }) => state === "undoing")) this.#gone.add(one);
      else if (!kept.some(({ state }) => state === "owed")) await tenders.remove(one);
    }
  }

  #entrust(order: PaymentOrder): void {
    const { credential, furtherCredentials = [], currency, offerDigest, totalMinor } = order;
    const { maximumMinor = totalMinor } = order;
    // Where no reader is fitted any more, what was charged before is still found out.
    const { clock, cardDesk = joinedCardDesk(NO_READERS, clock) } = this.#ports;
    this.#ports.application.entrust(transactionOf(order.id), {
      credentials: credential === undefined ? [] : [credential, ...furtherCredentials],
      binding: { offer: offerDigest, amountMinor: maximumMinor, currency },
      evidence: offerDigest,
      identify: this.#wantsCard(order),
      ...(order.atBoard === true && { atBoard: cardDesk }),
    });
  }

  /** Somebody acts by the card before it is charged. */
  #wantsCard(order: PaymentOrder): boolean {
    return this.#flowsOf(order).some((flow) => {
      const stage = stageOf(flow, "POST_CARD_READING");
      return stage !== undefined && stage.execution !== "NONE" && stage.apps.length > 0;
    });
  }

  #flowsOf(order: PaymentOrder): readonly FlowConfig[] {
    const type = flowTypeOf(order);
    return this.#ports.flows().filter(({ name, type: ofFlow }) => {
      return ofFlow === type && (order.flow === undefined || order.flow === name);
    });
  }

  /** I4: the whole of the offer and what the payer accepted on top of it, or nothing at all. */
  async #outcome(
    order: PaymentOrder,
    response: PaymentResponse,
    maximumMinor: number,
  ): Promise<TakeOutcome> {
    const all = tendersOf(response);
    const { currency, base, additional } = response.requested;
    const extras = Object.entries(additional)
      .filter(([, amountMinor]) => amountMinor > 0)
      .map(([name, amountMinor]) => ({ name, amountMinor }));
    const dueMinor = extras.reduce((sum, extra) => sum + extra.amountMinor, order.totalMinor);
    const isWhole =
      response.outcome === "fulfilled" &&
      currency === order.currency &&
      base === order.totalMinor &&
      sumOf(all) === dueMinor &&
      all.length > 0 &&
      dueMinor <= maximumMinor &&
      extras.length <= EXTRAS_MAX;
    if (isWhole) return this.#taken(order, all, extras);
    // What a service may have taken, and did not say, the engine itself gives back.
    await this.#undo(order, all);
    return this.#refusal(order, response.failureReason);
  }

  async #taken(
    order: PaymentOrder,
    all: readonly OrderTender[],
    extras: readonly PaymentExtra[],
  ): Promise<TakeOutcome> {
    const { tenders, clock } = this.#ports;
    await keepTenders(tenders, all, clock.wallMs());
    return {
      kind: "taken",
      reference: receiptReference(all),
      amountMinor: sumOf(all),
      ...(extras.length > 0 && { extras }),
      ...(order.way === "hold" && { held: true }),
    };
  }

  #refusal(order: PaymentOrder, reason: FailureReason): TakeOutcome {
    const { why, isGivenUp } = this.#ports.application.outcomeOf(transactionOf(order.id));
    if (isGivenUp) return { kind: "lost" };
    const byHost = reason === "declined" && why !== undefined ? REFUSALS[why] : undefined;
    return { kind: "refused", why: byHost ?? FAILURES[reason] };
  }

  /** Resolves when nobody holds anything of the order any more, however long that takes, or refuses to give it back. */
  async #undo(order: PaymentOrder, known: readonly OrderTender[]): Promise<void> {
    const end = await this.#ports.application.abandon(transactionOf(order.id));
    if (end !== undefined) this.#noteUndone(order, end);
    const others = known.filter(({ service }) => service !== PAYMENT_APPLICATION);
    for (const tender of others) await this.#undoOne(order.id, tender);
  }

  #noteUndone(order: PaymentOrder, { isUndone, amountMinor }: Abandoned): void {
    const { engine } = this.#ports;
    const of = { service: PAYMENT_APPLICATION, transaction: transactionOf(order.id) };
    const amount =
      amountMinor === 0 ? "what may be held" : formatMinor(amountMinor, order.currency);
    if (isUndone) engine.note(order.id, "undone", { ...of, text: `${amount} given back` });
    else {
      const text = `the host does not give back ${amount}`;
      engine.note(order.id, "flagged", { ...of, severity: "error", code: "undo-failed", text });
    }
  }

  /**
   * One that died while it was asked may have taken something that nobody was told of. All that may pay are asked: the
   * flows may be others by now than when it was. Those that this order's flows call are waited for; whoever does not
   * answer is asked by the engine until he does.
   */
  async #undoDoubtful(order: PaymentOrder, records: readonly Tender[]): Promise<void> {
    const { engine, tenders, clock } = this.#ports;
    const transaction = transactionOf(order.id);
    const known = new Set(records.map(({ service }) => service));
    const paying = servicesThatPay(this.#ports.services()).filter((id) => !known.has(id));
    const references = { transactionId: { is: "text", value: transaction } } as const;
    let n = Math.max(DOUBTS_FROM, ...records.map((one) => one.n));
    for (const service of paying) {
      n += 1;
      const tender = { flow: order.id, transaction, n, service, method: "", references };
      const atMs = Math.max(0, clock.wallMs());
      await tenders.save({ ...tender, amounts: zeroAmounts(NO_CURRENCY), state: "undoing", atMs });
    }
    const called = paying.filter((id) => isCalledIn(this.#flowsOf(order), id));
    const asked = called.map((service) => {
      return engine.giveBack(order.id, asResponse({ service, references }));
    });
    await Promise.all(asked);
    if (paying.length > 0) engine.goOn();
  }

  async #undoOne(
    order: string,
    tender: Pick<OrderTender, "service" | "references"> & Partial<OrderTender>,
  ): Promise<void> {
    const { engine, clock, log } = this.#ports;
    const { service } = tender;
    for (let delayMs = RETRY_MS_MIN; ; delayMs = Math.min(2 * delayMs, RETRY_MS_MAX)) {
      const end = await engine.giveBack(order, asResponse(tender));
      if (end === "undone") return;
      log("error", "undo-failed", { order, service, end });
      // It has answered, and will say no again: the record of the tender says that it is owed.
      if (end === "refused") return;
      await sleep(clock, delayMs);
    }
  }

  /** Captured where that is the way, and whole; undefined where they and the others are not the whole. */
  async #foundTenders(
    order: PaymentOrder,
    others: readonly OrderTender[],
    found: Awaited<ReturnType<PaymentApplication["findOut"]>>,
  ): Promise<readonly OrderTender[] | undefined> {
    const { application } = this.#ports;
    const transaction = transactionOf(order.id);
    const tenders: OrderTender[] = [];
    const approved = found.flatMap(({ attempt, answer }) =>
      answer.kind === "approved" ? [{ attempt, answer }] : [],
    );
    const sum = approved.reduce((so, { answer }) => so + answer.amountMinor, sumOf(others));
    const hasExtras = others.some(({ amounts }) => Object.keys(amounts.additional).length > 0);
    if (sum !== order.totalMinor || hasExtras || approved.length + others.length === 0) {
      return undefined;
    }
    for (const { attempt, answer } of approved) {
      const isKept =
        order.way === "hold" || (await application.captureFound(transaction, attempt, answer));
      if (!isKept) return undefined;
      tenders.push(foundTender(order, attempt, answer));
    }
    return tenders;
  }
}
