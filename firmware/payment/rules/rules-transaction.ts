// The rules of PRE_TRANSACTION and POST_CARD_READING: additional amounts may rise, one basket may be added, a part of
// the base or discounts may be paid, currency, customer and data may change. Nothing else.

import { type Amounts, MODEL_AMOUNT_MAX } from "../model/amounts.ts";
import { convert, isZero, sameCurrency } from "../model/amounts-arithmetic.ts";
import type { Basket } from "../model/basket.ts";
import { basketTotal } from "../model/basket-total.ts";
import type { FlowResponse } from "../model/flow-response.ts";
import { type Augmented, BASKETS_MAX, type TransactionRequest } from "../model/transaction.ts";
import type { RuleContext } from "./rules.ts";
import { updatedCustomer } from "./rules-customer.ts";
import { checkPaid } from "./rules-paid.ts";
import { sameValue } from "./rules-same.ts";
import {
  checkExtras,
  checkNotLowered,
  onlyFields,
  type Refused,
  refused,
  taken,
  type Verdict,
} from "./rules-verdict.ts";

const FIELDS: readonly (keyof FlowResponse)[] = [
  "updatedAmounts",
  "requestData",
  "amountsPaid",
  "paidWith",
  "additionalBasket",
  "modifiedBasket",
  "customer",
  "references",
];

export function judgeTransaction(
  input: TransactionRequest,
  answer: FlowResponse,
  context: RuleContext,
): Verdict<FlowResponse> {
  const wrong = onlyFields(answer, FIELDS) ?? checkBaskets(input, answer, context);
  if (wrong) return wrong;
  const amounts = updatedAmounts(input, answer, context);
  if (!amounts.ok) return amounts;
  const unpaid = checkPaid(answer, input.amounts, context) ?? checkDiscounts(input, answer);
  if (unpaid) return unpaid;
  const customer = answer.customer && updatedCustomer(input.customer, answer.customer, context);
  if (customer?.ok === false) return customer;
  const { updatedAmounts: _, customer: __, additionalBasket, ...rest } = answer;
  const output: FlowResponse = {
    ...rest,
    ...(amounts.output && { updatedAmounts: amounts.output }),
    ...(additionalBasket && { additionalBasket: { ...additionalBasket, primary: false } }),
    ...(customer && { customer: customer.output }),
  };
  return taken(output, augmentedBy(input, output));
}

function augmentedBy(input: TransactionRequest, output: FlowResponse): readonly Augmented[] {
  const { updatedAmounts: updated } = output;
  const names: (Augmented | false | undefined)[] = [
    (updated || output.amountsPaid) && "amounts",
    (output.additionalBasket || output.modifiedBasket) && "basket",
    output.customer && "customer",
    updated && !sameCurrency(updated, input.amounts) && "currency",
    output.requestData && "additionalData",
    output.references && "references",
  ];
  return names.filter((name) => name !== undefined && name !== false);
}

function checkBaskets(
  input: TransactionRequest,
  { additionalBasket: added }: FlowResponse,
  { info, limits }: RuleContext,
): Refused | undefined {
  if (added === undefined) return undefined;
  if (!info.canAdjustAmounts) {
    return refused("adjust-undeclared", "its info does not say canAdjustAmounts");
  }
  const wrong = checkNewBasket(added);
  if (wrong) return wrong;
  if (input.baskets.length >= BASKETS_MAX) {
    return refused("too-large", `a transaction holds at most ${BASKETS_MAX} baskets`);
  }
  if (input.baskets.some(({ id }) => id === added.id)) {
    return refused("malformed", "additionalBasket.id is the id of a basket that is there");
  }
  if (limits && (totalOfBasket(added) ?? 0) > 0) {
    return refused("above-offer", "nothing may be added to what the offer sells");
  }
  return undefined;
}

/** Of a basket that is added, or paid next. */
export function checkNewBasket(basket: Basket): Refused | undefined {
  if (basket.items.length === 0) return refused("basket-empty", "additionalBasket holds no items");
  const total = totalOfBasket(basket);
  if (total === undefined || total < 0) {
    return refused("basket-total", "the total of additionalBasket is below zero or too large");
  }
  return undefined;
}

/** Minor units; undefined beyond what can be held. */
export function totalOfBasket(basket: Basket): number | undefined {
  const total = basketTotal(basket);
  return total.ok ? total.value : undefined;
}

type MaybeAmounts = { ok: true; output: Amounts | undefined } | Refused;

/** What is asked for from now on; undefined where that is not changed. */
function updatedAmounts(
  input: TransactionRequest,
  answer: FlowResponse,
  context: RuleContext,
): MaybeAmounts {
  const { updatedAmounts: updated, additionalBasket: added } = answer;
  const addedMinor = added ? (totalOfBasket(added) ?? 0) : 0;
  if (updated === undefined) {
    // A basket raises the base also where its maker does not say so.
    if (addedMinor === 0) return { ok: true, output: undefined };
    const base = input.amounts.base + addedMinor;
    if (base > MODEL_AMOUNT_MAX) return refused("basket-total", "the base would be too large");
    return { ok: true, output: { ...input.amounts, base } };
  }
  if (sameValue(updated, input.amounts) && addedMinor === 0) return { ok: true, output: undefined };
  if (!context.info.canAdjustAmounts) {
    return refused("adjust-undeclared", "its info does not say canAdjustAmounts");
  }
  const before = asConverted(input.amounts, updated, context);
  if (!before.ok) return before;
  const wrong =
    checkBase(before.output, updated, addedMinor, context) ??
    checkNotLowered(before.output, updated) ??
    checkExtras(before.output, updated, context);
  return wrong ?? { ok: true, output: updated };
}

/** What was asked for, in the currency of the answer. */
function asConverted(
  asked: Amounts,
  updated: Amounts,
  { settings, limits }: RuleContext,
): { ok: true; output: Amounts } | Refused {
  if (sameCurrency(asked, updated)) {
    if (sameValue(asked.converted, updated.converted)) return { ok: true, output: asked };
    return refused("currency-forbidden", "converted is set, but the currency does not change");
  }
  if (limits) return refused("currency-forbidden", "an offer is paid in its own currency");
  if (!settings.isCurrencyChangeAllowed) {
    return refused("currency-forbidden", "settings do not allow a change of currency");
  }
  if (updated.converted?.from !== asked.currency) {
    return refused("currency-forbidden", `converted.from must be ${asked.currency}`);
  }
  const converted = convert(asked, updated.currency, updated.converted.rateMillionths);
  if (converted.ok) return { ok: true, output: converted.value };
  return refused("currency-forbidden", converted.fault.message);
}

function checkBase(
  before: Amounts,
  updated: Amounts,
  addedMinor: number,
  { limits }: RuleContext,
): Refused | undefined {
  if (limits && updated.base > before.base) {
    return refused("above-offer", "the base may not rise above the signed offer");
  }
  if (updated.base === before.base + addedMinor) return undefined;
  if (addedMinor > 0) {
    return refused("basket-total", `with the added basket the base is ${before.base + addedMinor}`);
  }
  return refused("base-changed", "the base changes only with a basket or a currency");
}

function checkDiscounts(
  input: TransactionRequest,
  { modifiedBasket: discounts, amountsPaid: paid }: FlowResponse,
): Refused | undefined {
  if (discounts === undefined || paid === undefined) return undefined;
  if (!input.baskets.some(({ id }) => id === discounts.id)) {
    return refused("basket-unknown", "modifiedBasket.id is no basket of the request");
  }
  if (discounts.items.length === 0) return refused("basket-empty", "modifiedBasket holds no items");
  const isDiscount = (item: Basket["items"][number]): boolean => {
    const total = basketTotal({ items: [item], rounding: "nearest" });
    return item.amountMinor < 0 && total.ok && total.value < 0;
  };
  const positive = discounts.items.findIndex((item) => !isDiscount(item));
  if (positive >= 0) {
    return refused("discount-positive", `modifiedBasket.items.${positive} is not below zero`);
  }
  if (totalOfBasket(discounts) !== -paid.base || isZero(paid)) {
    return refused("discount-sum", "the discounts are not the sum of amountsPaid");
  }
  return undefined;
}
