// What the stages of a payment flow share while it runs.

import type { FlowStage } from "../config/flow-config.ts";
import type { FlowSettings } from "../config/settings.ts";
import { type Amounts, NO_CURRENCY } from "../model/amounts.ts";
import { totalOf } from "../model/amounts-arithmetic.ts";
import type { FailureReason, Payment } from "../model/payment.ts";
import type { SelectionContext } from "../registry/selection.ts";
import type { FlowRun } from "./flow-run.ts";
import type { Refusal } from "./stage-task.ts";
import type { Tenders } from "./tenders.ts";
import type { Bound, TransactionState } from "./transaction-state.ts";

export interface Why {
  reason: FailureReason;
  message: string;
}

export interface PaymentContext {
  readonly run: FlowRun;
  readonly tenders: Tenders;
  newId(): string;
  /** As given, or as PRE_FLOW replaced it. */
  payment: Payment;
  /** In all, with what services added in rounds that count; without the transaction that runs. */
  requested: Amounts;
  /** Why it was not paid, as far as it is known: the last reason. */
  why: Why | undefined;
  /** Services that this payer was served by, the latest first. */
  lastUsed(): readonly string[];
  used(service: string): void;
}

export const PROCESSING = "TRANSACTION_PROCESSING";

/** May the flow as a whole ask for that? The gate has asked for each answer; this asks for their sum (I4). */
export function boundOf(context: PaymentContext, state: TransactionState): Bound {
  const { limits } = context.run.start.initiator;
  return (requested): Refusal | undefined => {
    if (limits === undefined) return undefined;
    const { requested: all } = context;
    const base = all.base + requested.base - state.asked.base;
    const total = totalOf(all) + totalOf(requested) - totalOf(state.asked);
    if (base > limits.offerMinor) {
      return { rejection: "above-offer", message: `${base} is more than the signed offer` };
    }
    if (total > Math.max(limits.maximumMinor, limits.offerMinor)) {
      return { rejection: "extra-above-maximum", message: `${total} is more than was signed` };
    }
    return undefined;
  };
}

/** Minor units of additional amounts that the flow asks for elsewhere than in these amounts. */
export function extrasElsewhere(
  { requested }: PaymentContext,
  state: TransactionState,
  amounts: Amounts,
): number {
  const extras = (of: Amounts): number => totalOf(of) - of.base;
  const inFlow = extras(requested) + extras(state.requested) - extras(state.asked);
  return Math.max(0, inFlow - extras(amounts));
}

/** The currency may change only before anything is paid, and where one transaction is all there is. */
export function settingsFor(context: PaymentContext, state: TransactionState): FlowSettings {
  const { settings, initiator } = context.run.start;
  const isFixed = state.hasTenders || context.payment.splitEnabled || initiator.limits;
  return isFixed ? { ...settings, isCurrencyChangeAllowed: false } : settings;
}

export function selectionFor(
  context: PaymentContext,
  state: TransactionState | undefined,
  more: Partial<SelectionContext> = {},
): Omit<SelectionContext, "settings"> {
  const { payment } = context;
  const currency = (state?.requested ?? payment.amounts).currency;
  const { paymentMethod, cardToken } = payment;
  return {
    // A payment of nothing need not have a currency.
    ...(currency !== NO_CURRENCY && { currency }),
    ...(paymentMethod !== undefined && { paymentMethod }),
    ...(cardToken !== undefined && { cardToken }),
    ...(state?.kept !== undefined && { kept: state.kept }),
    lastUsed: context.lastUsed(),
    ...more,
  };
}

/** Whether a failure of a service ends the flow. */
export function abortOn(context: PaymentContext, stage: FlowStage, why: Why): void {
  const { shouldAbortOnFlowAppError, shouldAbortOnPaymentError } = context.run.start.settings;
  const isPayment = stage.name === PROCESSING || stage.name === "PAYMENT_CARD_READING";
  if (!(isPayment ? shouldAbortOnPaymentError : shouldAbortOnFlowAppError)) return;
  const reason = why.reason === "timeout" ? "timeout" : "error";
  context.run.end({ reason, message: why.message });
}
