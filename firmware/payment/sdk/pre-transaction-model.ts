// PRE_TRANSACTION and POST_CARD_READING: raise additional amounts, add a basket, pay or discount, change the currency,
// add data, or say who the customer is.

import type { Result } from "../../result.ts";
import type { Ratio } from "../model/amounts-arithmetic.ts";
import {
  type AmountsDraft,
  changeCurrency,
  draftOf,
  setAdditional,
  setAdditionalFraction,
  setBasketTotal,
} from "../model/amounts-modifier.ts";
import { basketTotal } from "../model/basket-total.ts";
import type { Customer } from "../model/customer.ts";
import type { FlowResponse } from "../model/flow-response.ts";
import { basketFrom, type ItemParts } from "./basket-parts.ts";
import { dataFrom, type PlainData, type PlainValue } from "./plain-data.ts";
import { SdkError } from "./sdk-error.ts";
import type { ServiceCall } from "./service-call.ts";
import { StageModel } from "./stage-model.ts";

export class PreTransactionModel extends StageModel<"PRE_TRANSACTION" | "POST_CARD_READING"> {
  #draft: AmountsDraft;
  #rest: Omit<FlowResponse, "updatedAmounts"> = {};

  constructor(call: ServiceCall<"PRE_TRANSACTION" | "POST_CARD_READING">) {
    super(call, call.call.input.data);
    this.#draft = draftOf(call.call.input.amounts);
  }

  /**
   * Sets an additional amount, such as a tip; it may only rise, and is never for goods. In a sale the payer must have
   * confirmed it: see `confirm`.
   */
  setAdditional(name: string, valueMinor: number): void {
    this.#setDraft(setAdditional(this.#draft, name, valueMinor, true));
  }

  /** As a fraction of the base as it is by now, from 0 to 1; less than a minor unit is dropped. */
  setAdditionalFraction(name: string, fraction: Ratio): void {
    this.#setDraft(setAdditionalFraction(this.#draft, name, fraction, true));
  }

  /** At so many millionths of the new currency for one of the old. Comes before everything else; may be switched off. */
  changeCurrency(to: string, rateMillionths: number): void {
    if (this.#draft.modified) {
      throw new SdkError("currency-forbidden", "the currency changes before any amount does");
    }
    this.#setDraft(changeCurrency(this.#draft, to, rateMillionths));
  }

  /** Sells more: the base rises by the basket's total. Another call replaces the basket. Not where an offer is paid. */
  addBasket(id: string, name: string, items: readonly ItemParts[]): void {
    const additionalBasket = basketFrom(id, name, items);
    const total = basketTotal(additionalBasket);
    const draft = total.ok ? setBasketTotal(this.#draft, total.value) : total;
    if (!draft.ok) throw new SdkError("basket-total", draft.fault.message);
    this.#set({ ...this.#rest, additionalBasket }, draft.value);
  }

  /** Pays for discounts on a basket of the request; each item's amount is below zero. */
  discount(
    basketId: string,
    items: readonly ItemParts[],
    method: string,
    references?: PlainData,
  ): void {
    const modifiedBasket = basketFrom(basketId, "discounts", items);
    const total = basketTotal(modifiedBasket);
    this.#pay(total.ok ? -total.value : 0, method, references, { modifiedBasket });
  }

  /** The service has taken this much of the base itself. Keep references by which it can be given back. */
  pay(baseMinor: number, method: string, references?: PlainData): void {
    this.#pay(baseMinor, method, references, {});
  }

  addData(key: string, value: PlainValue): void {
    const requestData = { ...this.#rest.requestData, ...dataFrom({ [key]: value }) };
    this.#set({ ...this.#rest, requestData });
  }

  /** A new customer; of one that is there already, tokens and details are taken and nothing else. */
  setCustomer(customer: Customer): void {
    this.#set({ ...this.#rest, customer });
  }

  skip(): void {
    this.call.answer(undefined);
  }

  conclude(): void {
    if (!this.isAnswered) this.call.answer(answerOf(this.#rest, this.#draft));
  }

  #pay(
    baseMinor: number,
    method: string,
    references: PlainData | undefined,
    more: Pick<FlowResponse, "modifiedBasket">,
  ): void {
    const { modifiedBasket: _, references: __, ...rest } = this.#rest;
    this.#set({
      ...rest,
      ...more,
      amountsPaid: { currency: this.request.amounts.currency, base: baseMinor, additional: {} },
      paidWith: method,
      ...(references && { references: dataFrom(references) }),
    });
  }

  #setDraft(made: Result<AmountsDraft>): void {
    if (!made.ok) throw new SdkError("malformed", made.fault.message);
    this.#set(this.#rest, made.value);
  }

  #set(rest: FlowResponse, draft: AmountsDraft = this.#draft): void {
    this.call.check(answerOf(rest, draft));
    this.#rest = rest;
    this.#draft = draft;
  }
}

function answerOf(rest: FlowResponse, { amounts, modified }: AmountsDraft): FlowResponse {
  return modified ? { ...rest, updatedAmounts: amounts } : rest;
}
