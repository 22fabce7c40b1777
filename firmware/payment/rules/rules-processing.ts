// The rules for a payment application, in PAYMENT_CARD_READING and TRANSACTION_PROCESSING. Money may have moved: what
// is only reported badly is flagged and kept; what would take more than was asked is refused.

import type { Amounts } from "../model/amounts.ts";
import { sameCurrency, totalOf } from "../model/amounts-arithmetic.ts";
import { normalise } from "../model/apportion.ts";
import type { Card } from "../model/card.ts";
import type { TransactionRequest, TransactionResponse } from "../model/transaction.ts";
import { CARD_METHODS } from "../model/value-sets.ts";
import type { Flag } from "./rejection.ts";
import type { RuleContext } from "./rules.ts";
import { ownedCard } from "./rules-customer.ts";
import { includesName } from "./rules-paid.ts";
import { type Refused, refused, taken, type Verdict } from "./rules-verdict.ts";

type PaymentStage = "PAYMENT_CARD_READING" | "TRANSACTION_PROCESSING";

/** Flow types that go by the references of an earlier payment: no card is there. */
const BY_REFERENCE = ["refund", "motoRefund", "preAuthCompletion"];

export function judgeCardReading(
  input: TransactionRequest,
  answer: TransactionResponse,
  context: RuleContext,
): Verdict<TransactionResponse> {
  const wrong = checkId(input, answer);
  if (wrong) return wrong;
  if (answer.amounts) return refused("not-in-stage", "nothing is paid while a card is read");
  const output = ours("PAYMENT_CARD_READING", input, answer, context);
  const isNewCard = output.outcome === "approved" && Object.keys(output.card).length > 1;
  return taken(output, [], isNewCard && !isComplete(output.card) ? ["card-incomplete"] : []);
}

export function judgeProcessing(
  input: TransactionRequest,
  answer: TransactionResponse,
  context: RuleContext,
): Verdict<TransactionResponse> {
  const wrong = checkId(input, answer);
  if (wrong) return wrong;
  const { amounts, ...said } = ours("TRANSACTION_PROCESSING", input, answer, context);
  // A decline says that nothing moved, whatever amounts it names.
  if (answer.outcome === "declined" || amounts === undefined) return taken(said);
  if (!context.info.canPayAmounts) {
    return refused("pay-undeclared", "its info does not say canPayAmounts");
  }
  const laid = laidOut(input.amounts, amounts);
  if (!laid.ok) return laid;
  return taken({ ...said, amounts: laid.output }, [], flagsOf(input, answer, context));
}

function checkId(input: TransactionRequest, answer: TransactionResponse): Refused | undefined {
  if (answer.id === input.id) return undefined;
  return refused("wrong-request", "its id is not the id of the request");
}

function laidOut(asked: Amounts, approved: Amounts): { ok: true; output: Amounts } | Refused {
  if (!sameCurrency(asked, approved)) {
    return refused("paid-currency", `${asked.currency} is asked for, not ${approved.currency}`);
  }
  if (totalOf(approved) > totalOf(asked)) {
    return refused("over-approved", `${totalOf(asked)} were asked for, not ${totalOf(approved)}`);
  }
  const output = normalise(asked, approved);
  if (output === undefined) {
    return refused("amounts-structure", "what was approved cannot be laid onto what was asked for");
  }
  return { ok: true, output };
}

function flagsOf(
  input: TransactionRequest,
  answer: TransactionResponse,
  { info }: RuleContext,
): readonly Flag[] {
  const flags: Flag[] = [];
  const { paymentMethod: method } = answer;
  if (!includesName(info.paymentMethods, method)) flags.push("method-flagged");
  const needsCard = includesName(CARD_METHODS, method) && !BY_REFERENCE.includes(input.flowType);
  // The card may have been read in an earlier stage.
  if (needsCard && !isComplete(answer.card) && !isComplete(input.card))
    flags.push("card-incomplete");
  return flags;
}

function isComplete({ token, data }: Card): boolean {
  const says = (key: string): boolean => {
    const item = Object.hasOwn(data, key) ? data[key] : undefined;
    return item?.is === "text" && item.value !== "";
  };
  return token !== undefined && token.value !== "" && says("network") && says("entryMethod");
}

/** The answer with what only the engine may say: whose it is, from which stage, and whose card token. */
function ours(
  stage: PaymentStage,
  input: TransactionRequest,
  answer: TransactionResponse,
  context: RuleContext,
): TransactionResponse {
  const card = ownedCard(answer.card, input.card.token, context);
  return { ...answer, card, service: context.info.id, stage };
}
