// Points: known by the card's token, else by the customer. Redeemed once the card was read, for a share of the price;
// earned when the outcome is known, for what was paid otherwise, and taken back where that is given back.

import { field, int, map, type Of, refuse, text } from "../../protocol/schema.ts";
import { isCurrency, MODEL_AMOUNT_MAX } from "../model/amounts.ts";
import { totalOf } from "../model/amounts-arithmetic.ts";
import type { Card } from "../model/card.ts";
import type { Customer } from "../model/customer.ts";
import { textOf } from "../model/data-access.ts";
import type { PaymentResponse } from "../model/payment.ts";
import { refined } from "../model/refined.ts";
import type { Response } from "../model/request.ts";
import { isFulfilled, tenders } from "../model/transaction-sums.ts";
import { type DefinedFlowService, definePaymentFlowService } from "../sdk/define-service.ts";
import type { GenericModel, PostGenericModel } from "../sdk/generic-models.ts";
import type { PostFlowModel, PostTransactionModel } from "../sdk/post-models.ts";
import type { PreTransactionModel } from "../sdk/pre-transaction-model.ts";
import { Ledger, type LedgerPorts } from "./ledger.ts";

const currency = refined(text(3), (code, at) => {
  if (!isCurrency(code)) refuse(at, "must be three capital letters");
});

export const pointsOptions = map({
  schemeName: field(1, text(32)),
  /** The only one that earns and is paid. */
  currency: field(2, currency),
  /** For so much paid, one point. */
  earnPerMinor: field(3, int(1, MODEL_AMOUNT_MAX)),
  /** What one point pays. */
  worthMinor: field(4, int(1, 1_000_000)),
  /** Of the price, in percent, that points may pay: 0 for none. */
  shareMaxPercent: field(5, int(0, 100)),
});
type Options = Of<typeof pointsOptions>;

export const POINTS_USUAL: Partial<Options> = {
  schemeName: "Points",
  earnPerMinor: 100,
  worthMinor: 1,
  shareMaxPercent: 100,
};

const METHOD = "points";
/** As a unit of accounts. */
const UNIT = "points";
const SALES: readonly string[] = ["sale", "motoSale"];
const HOLDS = "preAuthorisation";
const COMPLETES = "preAuthCompletion";
const REFUNDS: readonly string[] = ["refund", "motoRefund"];

export function openPoints(id: string, options: Options, ports: LedgerPorts): DefinedFlowService {
  const service = new Points(id, options, new Ledger(id, ports));
  return definePaymentFlowService({
    info: {
      id,
      vendor: "Sluice",
      displayName: options.schemeName,
      flowTypes: [...SALES, HOLDS, COMPLETES, ...REFUNDS, "reversal"],
      customRequestTypes: ["pointsBalance"],
      canPayAmounts: true,
      paymentMethods: [METHOD],
      currencies: [options.currency],
    },
    stages: {
      POST_CARD_READING: (model) => service.redeem(model),
      POST_TRANSACTION: (model) => service.earn(model),
      POST_FLOW: (model) => service.refunded(model),
      GENERIC: (model) => service.answer(model),
      POST_GENERIC: (model) => service.reversed(model),
    },
    ended: (response) => service.ended(response),
  });
}

class Points {
  readonly #id: string;
  readonly #options: Options;
  readonly #ledger: Ledger;

  constructor(id: string, options: Options, ledger: Ledger) {
    this.#id = id;
    this.#options = options;
    this.#ledger = ledger;
  }

  async redeem(model: PreTransactionModel): Promise<void> {
    const { amounts, transactionId, customer, card } = model.request;
    const { currency, shareMaxPercent, worthMinor } = this.#options;
    const account = accountOf(card, customer);
    const isPaying = SALES.includes(model.flowType) || model.flowType === HOLDS;
    if (!isPaying || account === undefined || amounts.currency !== currency) return;
    const mostMinor = Number((BigInt(amounts.base) * BigInt(shareMaxPercent)) / 100n);
    model.onRejected(() => this.#giveBack(transactionId));
    const paidMinor = await this.#ledger.take({
      ...{ transaction: transactionId, account, unit: UNIT, mostMinor, worthMinor },
      isPart: true,
    });
    if (paidMinor === 0) return;
    model.pay(paidMinor, METHOD, {
      paymentService: this.#id,
      schemeName: this.#options.schemeName,
      redeemPoints: paidMinor / worthMinor,
    });
  }

  /** A hold earns when it is completed, and only then: till then it is remembered whose it is. */
  async earn(model: PostTransactionModel): Promise<void> {
    const { card, customer, id, requested, responses } = model.request;
    const { currency, earnPerMinor, worthMinor, schemeName } = this.#options;
    const isCompletion = model.flowType === COMPLETES;
    const isHold = model.flowType === HOLDS;
    if (!isCompletion && !isHold && !SALES.includes(model.flowType)) return;
    if (requested.currency !== currency || !isFulfilled({ requested, responses })) return;
    const paidMinor = tenders({ responses })
      .filter(({ paymentMethod, service }) => paymentMethod !== METHOD && service !== this.#id)
      .reduce((sum, { amounts }) => sum + amounts.base, 0);
    const held = isCompletion ? model.get("transactionId", "text") : undefined;
    const step = isCompletion ? model.get("stepAttempt", "text") : undefined;
    const earned = await this.#ledger.earn({
      transaction: held ?? id,
      account: held === undefined ? accountOf(card, customer) : undefined,
      unit: UNIT,
      ofMinor: isHold ? 0 : paidMinor,
      perMinor: earnPerMinor,
      worthMinor,
      step: `earn ${step ?? id}`,
    });
    if (earned === undefined || isHold) return;
    model.addReferences({ schemeName, earnPoints: earned.units, totalPoints: earned.balance });
  }

  /** A refund of what earned points, or of a part of it. */
  async refunded(model: PostFlowModel): Promise<void> {
    const { outcome, payment, processed, id } = model.request;
    if (!REFUNDS.includes(payment.flowType) || outcome === "failed") return;
    const transaction = textOf(payment.data, "transactionId");
    if (transaction === undefined) return;
    const step = textOf(payment.data, "stepAttempt") ?? id;
    await this.#ledger.unearn(transaction, `refund ${step}`, totalOf(processed));
  }

  /** Another service gave back what it had taken: all of it, or as much as its answer says. */
  async reversed(model: PostGenericModel): Promise<void> {
    const { success, type, service, id } = model.request;
    const transaction = model.get("transactionId", "text");
    if (type !== "reversal" || !success || service === this.#id || !transaction) return;
    const amounts = model.get("amounts", "amounts");
    const step = model.get("stepAttempt", "text") ?? id;
    await this.#ledger.unearn(transaction, `reversal ${step}`, amounts && totalOf(amounts));
  }

  async answer(model: GenericModel): Promise<void> {
    switch (model.request.type) {
      case "reversal":
        return this.#reverse(model);
      case "pointsBalance":
        return this.#balance(model);
      default:
        model.fail(`${model.request.type} is nothing that it knows`);
    }
  }

  ended(response: PaymentResponse | Response): void {
    if (!("outcome" in response) || response.outcome !== "failed") return;
    if (REFUNDS.includes(response.payment.flowType)) return;
    for (const { id } of response.transactions) this.#giveBack(id);
  }

  /** All that was redeemed, and all that was earned; with `amounts` a part of what was redeemed. */
  async #reverse(model: GenericModel): Promise<void> {
    const transaction = model.get("transactionId", "text");
    if (transaction === undefined) return model.fail("transactionId is missing");
    const amounts = model.get("amounts", "amounts");
    const step = model.get("stepAttempt", "text") ?? model.request.id;
    const backMinor = await this.#ledger.giveBack(
      transaction,
      amounts === undefined ? { what: "all" } : { what: "part", minor: totalOf(amounts), step },
    );
    if (backMinor === undefined) return model.fail("it is more than there is to give back");
    model.succeed({ transactionId: transaction });
  }

  async #balance(model: GenericModel): Promise<void> {
    if (model.initiator !== "operator" && model.initiator !== "sale") {
      return model.fail("only the operator and the sale may ask for a balance");
    }
    const token = model.get("token", "token");
    const account =
      token === undefined
        ? model.get("account", "text")
        : accountOf({ token, data: {} }, undefined);
    if (!account) return model.fail("token is missing: of the card, or account: a customer id");
    const { worthMinor, currency, schemeName } = this.#options;
    const totalPoints = (await this.#ledger.balances(account))[UNIT] ?? 0;
    const value = { value: totalPoints * worthMinor, currency };
    model.succeed({ schemeName, totalPoints, totalValue: { is: "amount", value } });
  }

  #giveBack(transaction: string): void {
    void this.#ledger.giveBack(transaction, { what: "known" }).catch(() => {});
  }
}

/** A card's own token, never a handle that pays. */
function accountOf({ token }: Card, customer: Customer | undefined): string | undefined {
  // No customer's id holds that character: none can pass for a card.
  if (token?.source === "card") return `card\0${token.value}`;
  return customer?.id === "" ? undefined : customer?.id;
}
