// A flow service for the tests that run one in a process of its own: it takes part in every stage. In flows that
// "hang" started, it never answers, but gives back what it is asked for.

import { definePaymentFlowService } from "../../build/firmware/payment/sdk/define-service.js";

const hang = new Promise(() => undefined);
const unlessHung = (answer) => (model) => (model.initiator === "hang" ? hang : answer(model));
const skip = () => undefined;

export const service = definePaymentFlowService({
  info: {
    id: "slow",
    vendor: "Test",
    displayName: "Slow",
    canPayAmounts: true,
    paymentMethods: ["giftCard"],
  },
  stages: {
    PRE_FLOW: unlessHung(skip),
    SPLIT: unlessHung(skip),
    PRE_TRANSACTION: unlessHung((model) => {
      model.audit("info", "the account holds 4.00");
      model.pay(400, "giftCard", { account: "a-1" });
    }),
    PAYMENT_CARD_READING: unlessHung(skip),
    POST_CARD_READING: unlessHung(skip),
    TRANSACTION_PROCESSING: unlessHung(skip),
    POST_TRANSACTION: unlessHung((model) => model.addReferences({ seenBy: "slow" })),
    POST_FLOW: unlessHung(skip),
    GENERIC: (model) => {
      if (model.request.type !== "reversal" && model.initiator === "hang") return hang;
      model.succeed({ balance: 400 });
    },
    POST_GENERIC: unlessHung(skip),
    STATUS_UPDATE: unlessHung(skip),
  },
});
