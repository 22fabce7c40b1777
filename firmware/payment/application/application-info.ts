// What the payment application says of itself.

import type { PaymentHost } from "../../../hal/payment-host.ts";
import { FLOW_API_VERSION } from "../config/api-version.ts";
import type { ServiceInfo } from "../model/service-info.ts";
import type { Stage } from "../model/stages.ts";

export const PAYMENT_APPLICATION = "payment-application";

export const APPLICATION_STAGES: readonly Stage[] = [
  "PAYMENT_CARD_READING",
  "TRANSACTION_PROCESSING",
  "GENERIC",
];

const FLOW_TYPES = [
  ...["sale", "motoSale", "deposit", "preAuthorisation", "preAuthCompletion"],
  // A host without batches says so itself.
  ...["refund", "motoRefund", "reversal", "tokenisation", "batchClosure"],
];

export function applicationInfo(host: PaymentHost): ServiceInfo {
  return {
    id: PAYMENT_APPLICATION,
    packageName: "sluice.payment.application",
    vendor: "Sluice",
    displayName: host.simulated ? "Simulated payment host" : "Payment host",
    serviceVersion: "1.0.0",
    apiVersion: FLOW_API_VERSION,
    accessible: false,
    flowTypes: FLOW_TYPES,
    customRequestTypes: [],
    dataKeys: [],
    canAdjustAmounts: false,
    canPayAmounts: true,
    paymentMethods: ["card"],
    currencies: [],
    additionalInfo: {},
    stages: [...APPLICATION_STAGES],
  };
}
