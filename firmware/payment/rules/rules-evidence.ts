// What is known of money that may have moved although its answer was refused: enough to give it back. Each field is
// read by itself, so that one bad field does not hide the others.

import { readJson, type Type, text } from "../../protocol/schema.ts";
import type { CalledStage, StageInputs } from "../engine/service.ts";
import { type Amounts, amounts } from "../model/amounts.ts";
import { DATA_BYTES_MAX, type Data, data, NO_DATA } from "../model/data.ts";
import type { TransactionResponse } from "../model/transaction.ts";
import { encodedBytes } from "./encoded-size.ts";
import type { Plain } from "./plain-copy.ts";

/** Undefined where the answer says of no money that it moved. */
export function evidenceOf<S extends CalledStage>(
  stage: S,
  input: StageInputs[S],
  copy: Plain | undefined,
  service: string,
): TransactionResponse | undefined {
  if (typeof copy !== "object" || copy === null || copy instanceof Uint8Array) return undefined;
  const said = copy as { readonly [key: string]: Plain };
  const isPayment = stage === "TRANSACTION_PROCESSING";
  const isValueAdded =
    stage === "SPLIT" || stage === "PRE_TRANSACTION" || stage === "POST_CARD_READING";
  if (isPayment ? said["outcome"] !== "approved" : !isValueAdded) return undefined;
  const paid = own(said, isPayment ? "amounts" : "amountsPaid");
  if (paid === undefined) return undefined;
  const moved = readOr<Amounts | undefined>(amounts, paid, undefined);
  return {
    id: input.id,
    outcome: "approved",
    ...(moved && { amounts: moved }),
    paymentMethod: readOr(text(24), own(said, isPayment ? "paymentMethod" : "paidWith"), ""),
    card: { data: NO_DATA },
    references: referencesIn(said),
    service,
    stage,
  };
}

/** What is too large to be kept is left out: the transaction's own id is enough for a reversal. */
function referencesIn(said: { readonly [key: string]: Plain }): Data {
  const references = readOr<Data>(data, own(said, "references"), NO_DATA);
  const size = encodedBytes(data, references);
  return size !== undefined && size <= DATA_BYTES_MAX ? references : NO_DATA;
}

function own(said: { readonly [key: string]: Plain }, name: string): Plain | undefined {
  return Object.hasOwn(said, name) ? said[name] : undefined;
}

function readOr<T>(type: Type<T> | Type<NonNullable<T>>, value: unknown, otherwise: T): T {
  if (value === undefined) return otherwise;
  const read = readJson(type as Type<T>, value, "evidence");
  return read.ok ? read.value : otherwise;
}
