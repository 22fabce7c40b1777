// Inputs of every stage, and a service that may do everything, for tests of the rules: each test takes one thing away.

import { DEFAULT_SETTINGS } from "../../../../firmware/payment/config/settings.ts";
import type { AmountLimits } from "../../../../firmware/payment/engine/engine.ts";
import type { CalledStage, StageInputs } from "../../../../firmware/payment/engine/service.ts";
import type { Amounts } from "../../../../firmware/payment/model/amounts.ts";
import type { Basket, BasketItem } from "../../../../firmware/payment/model/basket.ts";
import type { Card } from "../../../../firmware/payment/model/card.ts";
import { deepFreeze } from "../../../../firmware/payment/model/freeze.ts";
import type { Payment } from "../../../../firmware/payment/model/payment.ts";
import type { Request, Response } from "../../../../firmware/payment/model/request.ts";
import type { ServiceInfo } from "../../../../firmware/payment/model/service-info.ts";
import type {
  Transaction,
  TransactionRequest,
  TransactionResponse,
} from "../../../../firmware/payment/model/transaction.ts";
import type { Rejection } from "../../../../firmware/payment/rules/rejection.ts";
import {
  type Checked,
  checkAnswer,
  type RuleContext,
} from "../../../../firmware/payment/rules/rules.ts";

export const OFFER: AmountLimits = { offerMinor: 1000, maximumMinor: 1100 };

export const INFO: ServiceInfo = deepFreeze({
  id: "service",
  packageName: "service",
  vendor: "Vendor",
  displayName: "Service",
  serviceVersion: "1.0.0",
  apiVersion: "1.0.0",
  accessible: false,
  flowTypes: [],
  customRequestTypes: [],
  dataKeys: [],
  canAdjustAmounts: true,
  canPayAmounts: true,
  paymentMethods: ["reward", "card"],
  currencies: [],
  additionalInfo: {},
  stages: [],
});

export const CONTEXT: RuleContext = { info: INFO, settings: DEFAULT_SETTINGS, confirmed: {} };
export const IN_SALE: RuleContext = { ...CONTEXT, limits: OFFER };

export function without(...rights: ("canAdjustAmounts" | "canPayAmounts")[]): RuleContext {
  const taken = Object.fromEntries(rights.map((name) => [name, false]));
  return { ...CONTEXT, info: { ...INFO, ...taken } };
}

export function gbp(base: number, additional: Record<string, number> = {}): Amounts {
  return { currency: "GBP", base, additional };
}

export function item(amountMinor: number, more: Partial<BasketItem> = {}): BasketItem {
  const baseMillionths = amountMinor * 1_000_000;
  return { id: "1", label: "an item", amountMinor, baseMillionths, quantity: 1, ...more };
}

export function basket(id: string, ...items: readonly BasketItem[]): Basket {
  return { id, name: "a basket", items, data: {}, primary: false, rounding: "nearest" };
}

export const FULL_CARD: Card = {
  maskedPan: "123412XXXXXX1234",
  token: { value: "card-token", source: "card" },
  data: {
    network: { is: "text", value: "visa" },
    entryMethod: { is: "text", value: "tap" },
  },
};

export const ASKED: TransactionRequest = deepFreeze({
  id: "request",
  transactionId: "order/1",
  flowType: "sale",
  stage: "PRE_TRANSACTION",
  amounts: gbp(1000, { tip: 20 }),
  baskets: [basket("primary", item(1000))],
  data: { known: { is: "text", value: "before" } },
  card: { data: {} },
  audience: "customer",
});

export const PAYMENT: Payment = deepFreeze({
  id: "order",
  flowType: "sale",
  flowName: "sale",
  amounts: gbp(1000),
  splitEnabled: false,
  data: {},
  source: "sale",
});

export function approvedWith(amounts: Amounts): TransactionResponse {
  return {
    id: "request",
    outcome: "approved",
    amounts,
    paymentMethod: "card",
    card: FULL_CARD,
    references: { authCode: { is: "text", value: "A1" } },
  };
}

export const TRANSACTION: Transaction = deepFreeze({
  id: "order/1",
  requested: gbp(400),
  baskets: [],
  data: {},
  responses: [approvedWith(gbp(400))],
  executed: [],
  references: {},
});

export const REQUEST: Request = deepFreeze({
  id: "request",
  type: "loyaltyBalance",
  data: {},
  background: false,
  source: "operator",
});

export const RESPONSE: Response = deepFreeze({
  id: "request",
  type: "loyaltyBalance",
  success: true,
  outcomeMessage: "",
  data: { points: { is: "integer", value: 12 } },
  service: "points",
  background: false,
});

export const INPUTS: { readonly [S in CalledStage]: StageInputs[S] } = deepFreeze({
  PRE_FLOW: PAYMENT,
  // 400 of 1000 are paid.
  SPLIT: { id: "split", payment: PAYMENT, requested: gbp(1000), transactions: [TRANSACTION] },
  PRE_TRANSACTION: ASKED,
  PAYMENT_CARD_READING: { ...ASKED, stage: "PAYMENT_CARD_READING" },
  POST_CARD_READING: { ...ASKED, stage: "POST_CARD_READING" },
  TRANSACTION_PROCESSING: { ...ASKED, stage: "TRANSACTION_PROCESSING" },
  POST_TRANSACTION: { ...TRANSACTION, flowType: "sale", audience: "customer", card: { data: {} } },
  POST_FLOW: {
    id: "order",
    payment: PAYMENT,
    outcome: "fulfilled",
    failureReason: "none",
    allTransactionsApproved: true,
    requested: gbp(1000),
    processed: gbp(1000),
    transactions: [TRANSACTION],
    createdMs: 1,
    postFlow: [],
  },
  GENERIC: REQUEST,
  POST_GENERIC: RESPONSE,
  STATUS_UPDATE: REQUEST,
});
export const CALLED_STAGES = Object.keys(INPUTS) as CalledStage[];

/** What the gate says: the rejection, or nothing where the answer is taken. */
export function rejectionOf<S extends CalledStage>(
  stage: S,
  output: unknown,
  context: RuleContext = CONTEXT,
  input: StageInputs[S] = INPUTS[stage],
): Rejection | undefined {
  const checked = checkAnswer(stage, input, output, context);
  return checked.ok ? undefined : checked.rejection;
}

/** What the gate takes; throws where it refuses. */
export function takenBy<S extends CalledStage>(
  stage: S,
  output: unknown,
  context: RuleContext = CONTEXT,
  input: StageInputs[S] = INPUTS[stage],
): Extract<Checked<S>, { ok: true }> {
  const checked = checkAnswer(stage, input, output, context);
  if (!checked.ok) throw new Error(`${checked.rejection}: ${checked.message}`);
  return checked;
}
