// The rules of SPLIT: the share that is paid next, a part paid at once, or the end of it. No share is above what
// remains, so a split raises nothing.

import type { Amounts } from "../model/amounts.ts";
import { additionalOf, sameCurrency } from "../model/amounts-arithmetic.ts";
import type { FlowResponse } from "../model/flow-response.ts";
import type { SplitRequest } from "../model/payment.ts";
import { splitRemaining } from "../model/split-sums.ts";
import type { Augmented } from "../model/transaction.ts";
import type { RuleContext } from "./rules.ts";
import { checkPaid } from "./rules-paid.ts";
import { checkNewBasket, totalOfBasket } from "./rules-transaction.ts";
import { onlyFields, type Refused, refused, taken, type Verdict } from "./rules-verdict.ts";

const FIELDS: readonly (keyof FlowResponse)[] = [
  "updatedAmounts",
  "requestData",
  "amountsPaid",
  "paidWith",
  "additionalBasket",
  "references",
  "cancel",
];

export function judgeSplit(
  input: SplitRequest,
  answer: FlowResponse,
  context: RuleContext,
): Verdict<FlowResponse> {
  const remaining = splitRemaining(input);
  const wrong = onlyFields(answer, FIELDS) ?? checkShare(answer, remaining, context);
  if (wrong) return wrong;
  const { additionalBasket: basket, cancel, ...rest } = answer;
  const base = basket && totalOfBasket(basket);
  const share = answer.updatedAmounts ?? (base === undefined ? undefined : { ...remaining, base });
  const shared: FlowResponse = { ...rest, ...(share && { updatedAmounts: share }) };
  const unpaid = checkPaid(shared, remaining, context);
  if (unpaid) return unpaid;
  const output: FlowResponse = {
    ...shared,
    ...(basket && { additionalBasket: { ...basket, primary: false } }),
    ...(cancel === true && { cancel }),
  };
  return taken(output, augmentedBy(output));
}

function augmentedBy(output: FlowResponse): readonly Augmented[] {
  const names: (Augmented | false | undefined)[] = [
    (output.updatedAmounts || output.amountsPaid) && "amounts",
    output.additionalBasket && "basket",
    output.requestData && "additionalData",
    output.references && "references",
    output.cancel && "cancelled",
  ];
  return names.filter((name) => name !== undefined && name !== false);
}

function checkShare(
  { updatedAmounts: share, additionalBasket: basket }: FlowResponse,
  remaining: Amounts,
  { info }: RuleContext,
): Refused | undefined {
  if (share === undefined && basket === undefined) return undefined;
  if (!info.canAdjustAmounts) {
    return refused("adjust-undeclared", "its info does not say canAdjustAmounts");
  }
  const wrong = basket && checkNewBasket(basket);
  if (wrong) return wrong;
  const basketMinor = basket && totalOfBasket(basket);
  if (share === undefined) {
    return (basketMinor ?? 0) > remaining.base ? excess(remaining.base) : undefined;
  }
  if (!sameCurrency(share, remaining) || share.converted) {
    return refused("currency-forbidden", `a share is in ${remaining.currency}`);
  }
  if (share.base > remaining.base) return excess(remaining.base);
  const over = Object.keys(share.additional).find(
    (name) => additionalOf(share, name) > additionalOf(remaining, name),
  );
  if (over !== undefined) {
    return refused("share-excess", `the share of ${over} is more than what remains of it`);
  }
  if (basketMinor !== undefined && basketMinor !== share.base) {
    return refused("basket-total", `the items of the share sum up to ${basketMinor}`);
  }
  return undefined;
}

function excess(mostMinor: number): Refused {
  return refused("share-excess", `a share is at most the ${mostMinor} that remain`);
}
