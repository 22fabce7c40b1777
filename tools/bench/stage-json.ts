// The same stage call as the original puts it on its wire: messages whose data is JSON in a string, additional data
// with class names, a UUID for each id. Built from its documented shapes, to have something to compare sizes with.

import type { FlowResponse } from "../../firmware/payment/model/flow-response.ts";
import type { TransactionRequest } from "../../firmware/payment/model/transaction.ts";

const CALL_ID = "7b0f3c1e-5a0d-4c59-9a51-2f6f0e5d8a11";
const TRANSACTION_ID = "e1f0a0b4-8f0c-4f0e-8d1b-0c5b9a7d6e22";
const BASKET_ID = "0d3f6d43-6f2b-4c8a-93f5-5a1be9f2c733";
const ITEM_ID = "b5a1c9d0-2e47-4f0b-8a66-7c0d1e2f3a44";
const API_VERSION = "2.3.2";

/** Bytes of request, requestAck, response, responseAccepted and its requestAck. */
export function jsonStageBytes(request: TransactionRequest, response: FlowResponse): number {
  const messages = [
    message("request", requestJson(request), {
      flowStage: { type: "java.lang.String", value: request.stage },
      flowInitiator: { type: "java.lang.String", value: "com.example.pos" },
    }),
    message("requestAck", {}),
    message("response", responseJson(response)),
    message("flowServiceEvent", { type: "responseAccepted", data: { data: {} } }),
    message("requestAck", {}),
  ];
  return messages.reduce((sum, text) => sum + new TextEncoder().encode(text).length, 0);
}

function message(messageType: string, data: object, additional: object = {}): string {
  const internal = {
    senderApiVersion: API_VERSION,
    senderPackageName: "com.aevi.sdk.fps",
    additionalData: { data: additional },
  };
  return JSON.stringify({
    messageType,
    messageData: JSON.stringify(data),
    responseMechanism: "messengerConnection",
    internalData: JSON.stringify(internal),
  });
}

function requestJson({ flowType, stage, amounts, baskets }: TransactionRequest): object {
  return {
    id: CALL_ID,
    transactionId: TRANSACTION_ID,
    flowType,
    flowStage: stage,
    amounts: amountsJson(amounts),
    baskets: baskets.map(({ name, items }) => ({
      id: BASKET_ID,
      basketName: name,
      displayItems: items.map(({ label, amountMinor, quantity, measurement }) => ({
        id: ITEM_ID,
        label,
        amount: amountMinor,
        baseAmount: amountMinor,
        quantity,
        measurement: { value: (measurement?.valueMillionths ?? 0) / 1e6, unit: measurement?.unit },
        itemData: { data: {} },
      })),
      additionalBasketData: { data: {} },
      primaryBasket: true,
      roundingStrategy: "NEAREST",
    })),
    additionalData: { data: {} },
    card: { additionalData: { data: {} } },
    deviceAudience: "CUSTOMER",
  };
}

function responseJson({ amountsPaid, paidWith, references = {} }: FlowResponse): object {
  const data = Object.entries(references).map(([key, { value }]) => {
    return [key, { type: "java.lang.String", value }];
  });
  return {
    id: CALL_ID,
    amountsPaid: amountsPaid && amountsJson(amountsPaid),
    amountsPaidPaymentMethod: paidWith,
    paymentReferences: { data: Object.fromEntries(data) },
    cancelTransaction: false,
  };
}

function amountsJson({ base, additional, currency }: TransactionRequest["amounts"]): object {
  return {
    baseAmount: base,
    additionalAmounts: additional,
    currency,
    currencyExchangeRate: 0,
  };
}
