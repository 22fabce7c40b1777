// The rules for a value-added application that pays: a part of the base, by a method that it declared.

import type { Amounts } from "../model/amounts.ts";
import { isZero, sameCurrency, totalOf } from "../model/amounts-arithmetic.ts";
import type { FlowResponse } from "../model/flow-response.ts";
import type { RuleContext } from "./rules.ts";
import { type Refused, refused } from "./rules-verdict.ts";

/** `asked` is what remains to be paid. */
export function checkPaid(
  answer: FlowResponse,
  asked: Amounts,
  { info }: RuleContext,
): Refused | undefined {
  const { amountsPaid: paid, paidWith, references, modifiedBasket, updatedAmounts } = answer;
  if (paid === undefined) {
    if (modifiedBasket) return refused("discount-unpaid", "discounts without the amount they pay");
    if (paidWith !== undefined)
      return refused("paid-zero", "paidWith says how, but nothing is paid");
    if (references) return refused("not-in-stage", "references belong to a paid part, and none is");
    return undefined;
  }
  if (!info.canPayAmounts) return refused("pay-undeclared", "its info does not say canPayAmounts");
  if (paidWith === undefined || paidWith === "") {
    return refused("method-missing", "paidWith must name the payment method");
  }
  if (!includesName(info.paymentMethods, paidWith)) {
    return refused("method-undeclared", `its info does not list the payment method ${paidWith}`);
  }
  // The part must be payable in what was asked for and in what is asked for from now on.
  if (!sameCurrency(paid, asked) || (updatedAmounts && !sameCurrency(paid, updatedAmounts))) {
    return refused("paid-currency", `${asked.currency} is asked for, not ${paid.currency}`);
  }
  if (totalOf(paid) !== paid.base) {
    return refused("paid-additional", "only the base may be paid, no additional amount");
  }
  if (isZero(paid)) return refused("paid-zero", "amountsPaid is zero");
  // The base that is asked for from now on may be a share of it.
  const most = Math.min(asked.base, updatedAmounts?.base ?? asked.base);
  if (paid.base > most) return refused("paid-excess", `at most ${most} can be paid`);
  return undefined;
}

/** As services compare names of methods: without regard to case. */
export function includesName(names: readonly string[], name: string): boolean {
  const wanted = name.toLowerCase();
  return names.some((one) => one.toLowerCase() === wanted);
}
