// The flow service that the bench calls, in the process and elsewhere: pays one unit of each amount.

import { definePaymentFlowService } from "../../firmware/payment/sdk/define-service.ts";

export const service = definePaymentFlowService({
  info: {
    id: "bench",
    vendor: "Sluice",
    displayName: "Bench",
    canPayAmounts: true,
    paymentMethods: ["giftCard"],
  },
  stages: {
    PRE_TRANSACTION: (model) => model.pay(1, "giftCard", { account: "a-4711" }),
  },
});
