// Who buys for five euros or more pays a tenth less: a service that takes part in the payments of my charger.

import { definePaymentFlowService } from "sluice/flow-service";

/** In cents: from so much on. */
const FROM_MINOR = 500;

export const service = definePaymentFlowService({
  info: {
    id: "happy-hour",
    vendor: "Me",
    displayName: "A tenth off from 5 euros on",
    canPayAmounts: true,
    paymentMethods: ["reward"],
    flowTypes: ["sale", "preAuthorisation", "reversal"],
  },
  stages: {
    PRE_TRANSACTION(model) {
      const { baskets, amounts, transactionId } = model.request;
      const [basket] = baskets;
      if (basket === undefined || amounts.base < FROM_MINOR) return;
      const items = [{ label: "A tenth off", amountMinor: -Math.floor(amounts.base / 10) }];
      model.discount(basket.id, items, "reward", { transactionId });
    },
    GENERIC(model) {
      // A discount takes nothing from anybody: there is nothing to give back.
      if (model.request.type === "reversal") model.succeed();
      else model.fail("unknown request");
    },
  },
});
