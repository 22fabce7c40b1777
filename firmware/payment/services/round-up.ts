// Round-up: asks the payer to round the price up for a charity, and adds the difference only where he says yes.

import { formatMinor, minorDigits } from "../../money.ts";
import { field, int, map, type Of, optional, text } from "../../protocol/schema.ts";
import { totalOf } from "../model/amounts-arithmetic.ts";
import { type DefinedFlowService, definePaymentFlowService } from "../sdk/define-service.ts";
import type { PreTransactionModel } from "../sdk/pre-transaction-model.ts";

export const roundUpOptions = map({
  charity: field(1, text(32)),
  /** Up to the next multiple of it: a whole unit of the currency where it is left out. */
  stepMinor: optional(2, int(2, 1_000_000)),
});
type Options = Of<typeof roundUpOptions>;

const EXTRA = "charityDonation";

export function openRoundUp(id: string, options: Options): DefinedFlowService {
  return definePaymentFlowService({
    info: {
      id,
      vendor: "Sluice",
      displayName: "Round-up",
      flowTypes: ["sale", "motoSale", "preAuthorisation"],
      canAdjustAmounts: true,
    },
    stages: { PRE_TRANSACTION: (model) => ask(model, options) },
  });
}

async function ask(model: PreTransactionModel, { charity, stepMinor }: Options): Promise<void> {
  const { amounts } = model.request;
  const { additional, currency } = amounts;
  const total = totalOf(amounts);
  const step = stepMinor ?? 10 ** minorDigits(currency);
  const over = total % step;
  if (model.background || total === 0 || over === 0 || Object.hasOwn(additional, EXTRA)) return;
  const extra = { name: EXTRA, amountMinor: step - over };
  const more = formatMinor(extra.amountMinor, currency);
  const chosen = await model.confirm({
    title: `Round up for ${charity}?`,
    description: `${more} more: ${formatMinor(total + extra.amountMinor, currency)} to pay.`,
    extra,
  });
  if (chosen.includes("approve")) model.setAdditional(EXTRA, extra.amountMinor);
}
