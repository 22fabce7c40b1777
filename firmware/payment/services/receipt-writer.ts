// Receipts as text: one for each transaction, in its references, and again on request, then with the signed receipt of
// the order as a QR code. Prints nothing itself: whoever asked shows or prints it.

import type { Clock } from "../../../hal/clock.ts";
import { field, int, map, type Of, text } from "../../protocol/schema.ts";
import { lines } from "../model/lines.ts";
import type { Transaction } from "../model/transaction.ts";
import { type DefinedFlowService, definePaymentFlowService } from "../sdk/define-service.ts";
import type { GenericModel } from "../sdk/generic-models.ts";
import type { PlainData } from "../sdk/plain-data.ts";
import type { PostTransactionModel } from "../sdk/post-models.ts";
import { qrRows } from "./receipt-code.ts";
import { plainReceipt, type ReceiptStyle, transactionReceipt } from "./receipt-text.ts";

export const receiptWriterOptions = map({
  /** Characters in a line. */
  width: field(1, int(24, 80)),
  header: field(2, lines(256)),
  footer: field(3, lines(256)),
  /** Contained in prices, in hundredths of a percent, where the payment does not say it; 0 for none. */
  taxBasisPoints: field(4, int(0, 10_000)),
  /** How it is handed over where a request does not say it. */
  mechanism: field(5, text(24)),
});
type Options = Of<typeof receiptWriterOptions>;

export const RECEIPT_WRITER_USUAL: Options = {
  width: 32,
  header: "",
  footer: "",
  taxBasisPoints: 0,
  mechanism: "text",
};

/** The last signed receipt of an order; undefined where there is none yet. */
export type SignedReceipt = (order: string) => Promise<Uint8Array | undefined>;

export interface ReceiptWriterPorts {
  clock: Clock;
  signedReceipt?: SignedReceipt;
}

/** Rows in one list of texts; longer codes go on in a second one. */
const ROWS_MAX = 32;

const FLOW_TYPES = ["sale", "motoSale", "preAuthorisation", "preAuthCompletion"];

export function openReceiptWriter(
  id: string,
  options: Options,
  ports: ReceiptWriterPorts,
): DefinedFlowService {
  return definePaymentFlowService({
    info: {
      id,
      vendor: "Sluice",
      displayName: "Receipts",
      flowTypes: [...FLOW_TYPES, "receiptDelivery"],
      dataKeys: ["deliveryMechanism"],
    },
    stages: {
      POST_TRANSACTION: (model) => write(model, options, ports),
      GENERIC: (model) => deliver(model, options, ports),
    },
  });
}

function write(model: PostTransactionModel, style: ReceiptStyle, { clock }: ReceiptWriterPorts) {
  const value = transactionReceipt(model.request, style, clock.wallMs());
  model.addReferences({
    customerReceipt: { is: "receipt", value: { type: "customer", text: value } },
  });
}

/** Again from a transaction, or anew from amounts, method and outcome, where no card was read. */
async function deliver(
  model: GenericModel,
  options: Options,
  ports: ReceiptWriterPorts,
): Promise<void> {
  if (model.request.type !== "receiptDelivery") {
    return model.fail(`${model.request.type} is nothing that it knows`);
  }
  const transaction = model.get("transaction", "transaction");
  const nowMs = ports.clock.wallMs();
  const written =
    transaction === undefined
      ? fromAmounts(model, options, nowMs)
      : transactionReceipt(transaction, options, nowMs);
  if (written === undefined) {
    return model.fail("needs transaction, or receiptAmounts, receiptPaymentMethod, receiptOutcome");
  }
  model.succeed({
    customerReceipt: { is: "receipt", value: { type: "customer", text: written } },
    deliveryMechanism: model.get("deliveryMechanism", "text") ?? options.mechanism,
    ...(transaction && (await signedPart(model, transaction, ports))),
  });
}

function fromAmounts(model: GenericModel, style: ReceiptStyle, nowMs: number): string | undefined {
  const amounts = model.get("receiptAmounts", "amounts");
  const method = model.get("receiptPaymentMethod", "text");
  const outcome = model.get("receiptOutcome", "text")?.toLowerCase();
  if (amounts === undefined || method === undefined || outcome === undefined) return undefined;
  if (outcome !== "approved" && outcome !== "declined") return undefined;
  const basket = model.get("receiptBasket", "basket");
  return plainReceipt(
    { amounts, method, basket, isApproved: outcome === "approved" },
    style,
    nowMs,
  );
}

/** The order is the flow of the transaction: "ORDER/1". */
async function signedPart(
  model: GenericModel,
  { id }: Transaction,
  { signedReceipt }: ReceiptWriterPorts,
): Promise<PlainData> {
  const [order = ""] = id.split("/");
  const signed = await signedReceipt?.(order);
  const rows = signed && qrRows(signed);
  if (signed === undefined || rows === undefined) {
    if (signed) model.audit("warning", "the signed receipt is too large for a code");
    return {};
  }
  return {
    signedReceipt: signed,
    receiptQr: rows.slice(0, ROWS_MAX),
    ...(rows.length > ROWS_MAX && { receiptQrMore: rows.slice(ROWS_MAX) }),
  };
}
