// The rules of PRE_FLOW: the payment may be filled in or the flow cancelled. What the flow is, and what it pays for
// when it pays an offer, stays.

import { withoutCards } from "../engine/card-guard.ts";
import { sameCurrency, totalOf } from "../model/amounts-arithmetic.ts";
import { DATA_KEYS_MAX } from "../model/data.ts";
import type { FlowResponse } from "../model/flow-response.ts";
import type { Payment } from "../model/payment.ts";
import type { RuleContext } from "./rules.ts";
import { ownedToken, updatedCustomer } from "./rules-customer.ts";
import { sameValue } from "./rules-same.ts";
import { totalOfBasket } from "./rules-transaction.ts";
import {
  checkExtras,
  checkNotLowered,
  onlyFields,
  type Refused,
  refused,
  taken,
  type Verdict,
} from "./rules-verdict.ts";

export function judgePreFlow(
  input: Payment,
  answer: FlowResponse,
  context: RuleContext,
): Verdict<FlowResponse> {
  const wrong = onlyFields(answer, ["updatedPayment", "cancel"]);
  if (wrong) return wrong;
  // A flow that ends here needs no payment.
  if (answer.cancel === true) return taken({ cancel: true }, ["cancelled"]);
  const updated = answer.updatedPayment;
  if (updated === undefined) return taken({});
  const unfit =
    checkUnchanged(input, updated) ??
    checkOrdered(input, updated, context) ??
    checkAmounts(input, updated, context) ??
    checkPayment(input, updated, context);
  if (unfit) return unfit;
  const payment = owned(input, updated, context);
  return payment.ok ? taken({ updatedPayment: payment.output }, ["payment"]) : payment;
}

function checkUnchanged(input: Payment, updated: Payment): Refused | undefined {
  const names = ["id", "flowType", "flowName", "source"] as const;
  const changed = names.find((name) => input[name] !== updated[name]);
  if (changed === undefined) return undefined;
  return refused("flow-changed", `updatedPayment.${changed} may not change`);
}

/**
 * Of a flow that pays an offer, or moves what was paid for one: what it is about, who pays, and how he chose to pay is
 * said by whoever started it. More may be added.
 */
function checkOrdered(
  input: Payment,
  updated: Payment,
  { limits }: RuleContext,
): Refused | undefined {
  if (limits === undefined) return undefined;
  // A service without a right to cards was shown less, and says so much again.
  const shown = withoutCards(input);
  const changed = Object.keys(input.data).find((key) => {
    const said = Object.hasOwn(updated.data, key) ? updated.data[key] : undefined;
    return !sameValue(said, input.data[key]) && !sameValue(said, shown.data[key]);
  });
  if (changed !== undefined) {
    return refused("payment-invalid", `updatedPayment.data.${changed} may not change`);
  }
  const isSameBasket = [input.basket, shown.basket].some((one) => sameValue(updated.basket, one));
  if (input.basket && !isSameBasket) {
    return refused("payment-invalid", "what the offer sells may not change");
  }
  if (input.customer && updated.customer?.id !== input.customer.id) {
    return refused("payment-invalid", "an offer is paid by its own customer");
  }
  const { value = updated.cardToken?.value } = input.cardToken ?? {};
  if (updated.cardToken && updated.cardToken.value !== value) {
    return refused("payment-invalid", "the payer has chosen the card");
  }
  if (input.paymentMethod === undefined || input.paymentMethod === updated.paymentMethod) {
    return undefined;
  }
  return refused("payment-invalid", "the payer has chosen the payment method");
}

function checkAmounts(
  { amounts: before }: Payment,
  { amounts: after }: Payment,
  context: RuleContext,
): Refused | undefined {
  const { limits } = context;
  const isNothing = totalOf(before) === 0;
  if (!sameCurrency(before, after) && (limits || !isNothing)) {
    return refused("currency-forbidden", `the payment is in ${before.currency}`);
  }
  if (after.converted) return refused("currency-forbidden", "a payment is not converted yet");
  if (limits && after.base > before.base) {
    return refused("above-offer", "the base may not rise above the signed offer");
  }
  if (after.base < before.base) return refused("base-changed", "the base may not be lowered");
  return checkNotLowered(before, after) ?? checkExtras(before, after, context);
}

function checkPayment(
  input: Payment,
  { amounts, basket, cardToken = input.cardToken, splitEnabled }: Payment,
  { limits }: RuleContext,
): Refused | undefined {
  if (cardToken && splitEnabled) {
    return refused("payment-invalid", "one card token does not pay the shares of several");
  }
  if (limits && splitEnabled && !input.splitEnabled) {
    return refused("payment-invalid", "an offer is not split unless its payer asks for it");
  }
  if (basket && totalOfBasket(basket) !== amounts.base) {
    return refused("payment-invalid", "the basket is not the sum that the base says");
  }
  return undefined;
}

function owned(
  input: Payment,
  updated: Payment,
  context: RuleContext,
): { ok: true; output: Payment } | Refused {
  // The token may have been hidden from the service: it is nobody's to take away.
  const { customer, cardToken = input.cardToken, ...rest } = updated;
  const isOrdered = context.limits !== undefined;
  const basket = isOrdered ? (input.basket ?? updated.basket) : updated.basket;
  const data = isOrdered ? { ...updated.data, ...input.data } : updated.data;
  if (Object.keys(data).length > DATA_KEYS_MAX) {
    return refused("too-large", `a payment's data holds at most ${DATA_KEYS_MAX} keys`);
  }
  const known = input.cardToken ? [input.cardToken] : [];
  const kept =
    customer && input.customer?.id === customer.id
      ? updatedCustomer(input.customer, customer, context)
      : customer && updatedCustomer(undefined, customer, context);
  if (kept?.ok === false) return kept;
  return {
    ok: true,
    output: {
      ...rest,
      data,
      ...(kept && { customer: kept.output }),
      ...(cardToken && { cardToken: ownedToken(cardToken, known, context) }),
      ...(basket && { basket: { ...basket, primary: true } }),
    },
  };
}
