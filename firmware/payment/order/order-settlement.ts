// What becomes of an order's money after delivery: a hold is made final, the rest goes back. Both are divided over
// what paid the order in proportion, and repeated until each part is decided: every step has a key of its own at the
// payment host, or at the service that paid, so that nothing moves twice.

import { type Clock, sleep } from "../../../hal/clock.ts";
import { PAYMENT_APPLICATION } from "../application/application-info.ts";
import { stepKey } from "../application/charge.ts";
import type { FlowEngine } from "../engine/engine.ts";
import type { Amounts } from "../model/amounts.ts";
import { totalOf } from "../model/amounts-arithmetic.ts";
import type { Data } from "../model/data.ts";
import { textOf } from "../model/data-access.ts";
import type { LaterRefund, PaymentOrder, SettleOutcome } from "../payments.ts";
import type { TenderJournal } from "../record/flow-journal.ts";
import { SALE } from "./order-payment.ts";
import {
  asResponse,
  keptTenders,
  laterSharesOf,
  type OrderTender,
  sharesOf,
} from "./order-tenders.ts";

const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 60_000;
/** Ids of flows that an earlier life of the device has used up. */
const USED_IDS_MAX = 1_000;

export interface SettlementPorts {
  engine: FlowEngine;
  tenders: TenderJournal;
  clock: Clock;
}

export interface Settlement {
  complete(order: PaymentOrder, amountMinor: number, evidence: Uint8Array): Promise<SettleOutcome>;
  giveBack(order: PaymentOrder, amountMinor: number, later?: LaterRefund): Promise<SettleOutcome>;
}

/** Of one refund of an order: the settlement's, or a later one by its number. */
type RefundStep = "refund" | `refund-${number}`;

export function openSettlement(ports: SettlementPorts): Settlement {
  return new TenderSettlement(ports);
}

class TenderSettlement implements Settlement {
  readonly #ports: SettlementPorts;

  constructor(ports: SettlementPorts) {
    this.#ports = ports;
  }

  async complete(
    order: PaymentOrder,
    amountMinor: number,
    evidence: Uint8Array,
  ): Promise<SettleOutcome> {
    if (order.way !== "hold") return { kind: "done", amountMinor };
    const kept = await keptTenders(this.#ports.tenders, order);
    let doneMinor = 0;
    // What is captured first is not lost when a power cut comes before the rest is released.
    const shares = [...sharesOf(amountMinor, kept)].sort((a, b) => b.shareMinor - a.shareMinor);
    for (const { tender, shareMinor } of shares) {
      doneMinor += await this.#keep(tender, shareMinor, evidence);
    }
    return { kind: "done", amountMinor: doneMinor };
  }

  async giveBack(
    order: PaymentOrder,
    amountMinor: number,
    later?: LaterRefund,
  ): Promise<SettleOutcome> {
    if (amountMinor === 0) return { kind: "done", amountMinor };
    const kept = await keptTenders(this.#ports.tenders, order);
    if (kept.length === 0) return { kind: "owed", amountMinor };
    let owedMinor = 0;
    const step: RefundStep = later === undefined ? "refund" : `refund-${later.number}`;
    const shares =
      later === undefined ? sharesOf(amountMinor, kept) : laterSharesOf(amountMinor, kept, later);
    for (const { tender, shareMinor } of shares) {
      const isBack = shareMinor === 0 || (await this.#return(tender, shareMinor, step));
      if (!isBack) owedMinor += shareMinor;
    }
    return owedMinor === 0
      ? { kind: "done", amountMinor }
      : { kind: "owed", amountMinor: owedMinor };
  }

  /** Of what a tender holds so much is made final, and the rest released: what is kept in the end. */
  async #keep(tender: OrderTender, shareMinor: number, evidence: Uint8Array): Promise<number> {
    if (tender.service !== PAYMENT_APPLICATION) {
      // It was taken, not held.
      const takenMinor = totalOf(tender.amounts);
      const isBack = await this.#returnByService(tender, takenMinor - shareMinor, "refund");
      return isBack ? shareMinor : takenMinor;
    }
    if (shareMinor === 0) {
      await this.#release(tender);
      return 0;
    }
    const more: Data = { evidence: { is: "bytes", value: evidence } };
    const isHad = await this.#byFlow("preAuthCompletion", "capture", tender, shareMinor, more);
    return isHad ? shareMinor : 0;
  }

  #return(tender: OrderTender, shareMinor: number, step: RefundStep): Promise<boolean> {
    return tender.service === PAYMENT_APPLICATION
      ? this.#byFlow("refund", step, tender, shareMinor, {})
      : this.#returnByService(tender, shareMinor, step);
  }

  /** A hold that the host refuses to release takes nothing, and lapses. */
  async #release(tender: OrderTender): Promise<void> {
    const { engine, clock } = this.#ports;
    for (let delayMs = RETRY_MS_MIN; ; delayMs = Math.min(2 * delayMs, RETRY_MS_MAX)) {
      const end = await engine.giveBack(tender.flow, asResponse(tender));
      if (end === "undone" || end === "refused") return;
      await sleep(clock, delayMs);
    }
  }

  /** A payment flow for a part of a tender, until it is decided. False when the host refuses. */
  async #byFlow(
    flowType: "refund" | "preAuthCompletion",
    step: RefundStep | "capture",
    tender: OrderTender,
    shareMinor: number,
    more: Data,
  ): Promise<boolean> {
    const { engine, clock } = this.#ports;
    const { flow, n, references, transaction } = tender;
    const attempt = textOf(references, "hostAttempt") ?? `${transaction}/authorise`;
    const stepAttempt = { is: "text", value: stepKey(attempt, step) } as const;
    const amounts = this.#amounts(tender, shareMinor);
    const by = { id: SALE, limits: { offerMinor: shareMinor, maximumMinor: shareMinor } };
    let delayMs = RETRY_MS_MIN;
    for (let time = 1; ; time++) {
      const started = engine.pay(
        {
          id: `${flow}/${step}/${n}/${time}`,
          source: SALE,
          flowType,
          amounts,
          splitEnabled: false,
          data: { ...references, ...more, stepAttempt },
        },
        by,
      );
      if (started.ok) {
        const { outcome, failureReason } = await started.ended;
        if (outcome === "fulfilled") return true;
        if (failureReason === "declined") return false;
      } else if (started.error === "duplicateRequestId" && time < USED_IDS_MAX) continue;
      await sleep(clock, delayMs);
      delayMs = Math.min(2 * delayMs, RETRY_MS_MAX);
    }
  }

  /** The service that paid gives so much of it back; all of it as an undo. */
  async #returnByService(
    tender: OrderTender,
    amountMinor: number,
    step: RefundStep,
  ): Promise<boolean> {
    if (amountMinor === 0) return true;
    const { engine, clock } = this.#ports;
    const { flow, n, references, service, transaction } = tender;
    const data: Data = {
      ...references,
      transactionId: { is: "text", value: transaction },
      amounts: { is: "amounts", value: this.#amounts(tender, amountMinor) },
      stepAttempt: { is: "text", value: `${transaction}/${step}/${n}` },
    };
    let delayMs = RETRY_MS_MIN;
    for (let time = 1; ; time++) {
      const id = `${flow}/${step === "refund" ? "back" : step}/${n}/${time}`;
      const started = engine.ask(
        { id, type: "reversal", data, target: service, background: true, source: SALE },
        { id: SALE },
      );
      if (started.ok) {
        const { success, service: answered } = await started.ended;
        if (answered !== undefined) return success;
      } else if (started.error === "duplicateRequestId" && time < USED_IDS_MAX) continue;
      await sleep(clock, delayMs);
      delayMs = Math.min(2 * delayMs, RETRY_MS_MAX);
    }
  }

  #amounts({ amounts }: OrderTender, minor: number): Amounts {
    return { currency: amounts.currency, base: minor, additional: {} };
  }
}
