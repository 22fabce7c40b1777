// The shape of what each stage is given and of what it may answer: what crosses to a service that runs elsewhere,
// and what every answer is checked against.

import type { Type } from "../../protocol/schema.ts";
// Says what a value of additional data may be: without it no bag can be read or written.
import "../model/data-value.ts";
import type { CalledStage, StageInputs, StageOutputs } from "../engine/service.ts";
import { flowResponse } from "../model/flow-response.ts";
import { payment, paymentResponse, splitRequest } from "../model/payment.ts";
import { request, response } from "../model/request.ts";
import {
  transactionRequest,
  transactionResponse,
  transactionSummary,
} from "../model/transaction.ts";

export const STAGE_INPUTS: { readonly [S in CalledStage]: Type<StageInputs[S]> } = {
  PRE_FLOW: payment,
  SPLIT: splitRequest,
  PRE_TRANSACTION: transactionRequest,
  PAYMENT_CARD_READING: transactionRequest,
  POST_CARD_READING: transactionRequest,
  TRANSACTION_PROCESSING: transactionRequest,
  POST_TRANSACTION: transactionSummary,
  POST_FLOW: paymentResponse,
  GENERIC: request,
  POST_GENERIC: response,
  STATUS_UPDATE: request,
};

/** Of an answer that is not the empty one; `undefined` where there is no other. */
export const STAGE_OUTPUTS: {
  readonly [S in CalledStage]: Type<NonNullable<StageOutputs[S]>> | undefined;
} = {
  PRE_FLOW: flowResponse,
  SPLIT: flowResponse,
  PRE_TRANSACTION: flowResponse,
  PAYMENT_CARD_READING: transactionResponse,
  POST_CARD_READING: flowResponse,
  TRANSACTION_PROCESSING: transactionResponse,
  POST_TRANSACTION: flowResponse,
  POST_FLOW: undefined,
  GENERIC: response,
  POST_GENERIC: response,
  STATUS_UPDATE: response,
};
