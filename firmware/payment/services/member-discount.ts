// Member discount: a percentage off the primary basket for those who are listed, by customer id or by card token.
// Nobody pays it: it is a tender of method reward, and giving it back moves nothing.

import { field, int, list, map, type Of, text } from "../../protocol/schema.ts";
import { basketTotal } from "../model/basket-total.ts";
import { type DefinedFlowService, definePaymentFlowService } from "../sdk/define-service.ts";
import type { PreTransactionModel } from "../sdk/pre-transaction-model.ts";

export const memberDiscountOptions = map({
  /** Customer ids, which are thumbprints in a sale, and tokens of cards. */
  members: field(1, list(text(96), 1_000)),
  /** Off the price, in hundredths of a percent. */
  basisPoints: field(2, int(1, 10_000)),
  /** What stands on the receipt. */
  label: field(3, text(48)),
});
type Options = Of<typeof memberDiscountOptions>;

export const MEMBER_DISCOUNT_USUAL: Partial<Options> = { label: "Member discount" };

const METHOD = "reward";
const FLOW_TYPES = ["sale", "motoSale", "preAuthorisation"];

export function openMemberDiscount(id: string, options: Options): DefinedFlowService {
  const members = new Set(options.members.map((member) => member.toLowerCase()));
  const discount = (model: PreTransactionModel): void => give(model, id, options, members);
  return definePaymentFlowService({
    info: {
      id,
      vendor: "Sluice",
      displayName: options.label,
      flowTypes: [...FLOW_TYPES, "reversal"],
      canPayAmounts: true,
      paymentMethods: [METHOD],
    },
    stages: {
      // Customers are known at once, cards only when they were read.
      PRE_TRANSACTION: discount,
      POST_CARD_READING: discount,
      GENERIC: (model) =>
        model.request.type === "reversal"
          ? model.succeed({}, "a discount is nothing that was paid")
          : model.fail(`${model.request.type} is nothing that it knows`),
    },
  });
}

function give(
  model: PreTransactionModel,
  id: string,
  { basisPoints, label }: Options,
  members: ReadonlySet<string>,
): void {
  const { amounts, baskets, card, customer } = model.request;
  const basket = baskets.find(({ primary }) => primary);
  const names = [customer?.id, card.token?.source === "card" ? card.token.value : undefined];
  const isMember = names.some((name) => name !== undefined && members.has(name.toLowerCase()));
  if (!isMember || basket === undefined || !FLOW_TYPES.includes(model.flowType)) return;
  // Once is enough, also where a member pays with a member's card.
  if (basket.items.some((item) => item.id === id)) return;
  const total = basketTotal(basket);
  if (!total.ok || total.value <= 0) return;
  // Of a share of a split, and of what others have left to pay, it is a percentage too.
  const priceMinor = Math.min(total.value, amounts.base);
  const offMinor = Number((BigInt(priceMinor) * BigInt(basisPoints)) / 10_000n);
  if (offMinor > 0) model.discount(basket.id, [{ id, label, amountMinor: -offMinor }], METHOD);
}
