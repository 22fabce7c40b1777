// Taking and giving back money at Stripe. Each attempt is on disk before it is sent, so that it can be asked for.

import type { HostAmount, HostAnswer } from "../payment-host.ts";
import type { SeenIntent, SeenRefund } from "./stripe-answers.ts";
import {
  attemptWrite,
  chargeWrite,
  type StripeAttempt,
  type StripeCharge,
} from "./stripe-books.ts";
import type { StripeDesk } from "./stripe-desk.ts";
import { decide, declined, isAmount, type Judged, unanswered } from "./stripe-desk.ts";

interface MoveAttempt extends StripeAttempt {
  intent: string;
  amountMinor: number;
  currency: string;
}

type Step = "capture" | "refund";

/** The attempt as it is on disk from now on, or its answer. */
async function begin(
  desk: StripeDesk,
  step: Step,
  attempt: string,
  reference: string,
  amount: HostAmount,
): Promise<
  { kept: MoveAttempt; charge: StripeCharge; isRepeat: boolean } | { answer: HostAnswer }
> {
  const before = await desk.books.attempt(attempt);
  if (before?.answer !== undefined) return { answer: before.answer };
  const charge = await desk.books.charge(reference);
  if (charge === undefined) {
    return { answer: await decide(desk, attempt, declined("unknown-reference")) };
  }
  const { amountMinor, currency } = amount;
  const kept: MoveAttempt = { step, intent: reference, amountMinor, currency };
  if (before !== undefined) {
    const same = before.step === step && before.intent === reference;
    if (!same || before.amountMinor !== amountMinor) return { answer: declined("amount") };
    return { kept, charge, isRepeat: true };
  }
  const { authorisedMinor, capturedMinor, refundedMinor, reversed } = charge;
  const uncapturedMinor = capturedMinor > 0 || reversed ? 0 : authorisedMinor;
  const mostMinor = step === "capture" ? uncapturedMinor : capturedMinor - refundedMinor;
  if (!isAmount(amountMinor) || currency !== charge.currency || amountMinor > mostMinor) {
    return { answer: await decide(desk, attempt, declined("amount")) };
  }
  await desk.books.commit(attemptWrite(attempt, kept));
  return { kept, charge, isRepeat: false };
}

export async function capture(
  desk: StripeDesk,
  attempt: string,
  reference: string,
  amount: HostAmount,
  evidence: string,
): Promise<HostAnswer> {
  const begun = await begin(desk, "capture", attempt, reference, amount);
  if ("answer" in begun) return begun.answer;
  const { kept } = begun;
  const metadata = { capture: attempt, evidence };
  const key = desk.keys.of(attempt, "capture");
  const called = await desk.api.capture(reference, kept.amountMinor, metadata, key);
  if (called.kind === "unknown") return unanswered(desk, attempt, called);
  if (called.kind === "ok") {
    return concludeMove(desk, attempt, kept, judgeCapture(attempt, kept, called.seen));
  }
  // It was captured before, is not held any more, or cannot be: Stripe knows which.
  const judged = await lookAtCapture(desk, attempt, kept);
  if (judged.kind !== "open") return concludeMove(desk, attempt, kept, judged);
  const responseCode = called.kind === "refused" ? called.code : called.responseCode;
  const why = declined("amount", responseCode === undefined ? {} : { responseCode });
  return decide(desk, attempt, why, kept);
}

export async function lookAtCapture(
  desk: StripeDesk,
  attempt: string,
  kept: StripeAttempt,
): Promise<Judged> {
  const called = await desk.api.retrieve(kept.intent ?? "");
  if (called.kind === "ok") return judgeCapture(attempt, kept, called.seen);
  return { kind: "unknown", message: called.kind === "unknown" ? called.message : called.kind };
}

function judgeCapture(attempt: string, kept: StripeAttempt, seen: SeenIntent): Judged {
  if (seen.id !== kept.intent || seen.currency !== kept.currency) {
    return { kind: "unknown", message: "the answer is of another payment" };
  }
  if (seen.status === "requires_capture") return { kind: "open" };
  if (seen.status === "canceled") {
    return { kind: "final", answer: declined("amount", { responseCode: "canceled" }) };
  }
  if (seen.status !== "succeeded") return { kind: "unknown", message: "neither held nor taken" };
  if (seen.metadata["capture"] !== attempt) return { kind: "final", answer: declined("amount") };
  if (seen.receivedMinor !== kept.amountMinor) {
    return { kind: "unknown", message: "another amount was taken than was asked for" };
  }
  const { id: reference, receivedMinor: amountMinor } = seen;
  return { kind: "final", answer: { kind: "approved", reference, amountMinor } };
}

export async function refund(
  desk: StripeDesk,
  attempt: string,
  reference: string,
  amount: HostAmount,
): Promise<HostAnswer> {
  const begun = await begin(desk, "refund", attempt, reference, amount);
  if ("answer" in begun) return begun.answer;
  const { kept, isRepeat } = begun;
  if (isRepeat) {
    // Keys are forgotten after a day, so what was made before is looked for.
    const judged = await lookAtRefund(desk, attempt, kept);
    if (judged.kind !== "open") return concludeMove(desk, attempt, kept, judged);
  }
  const key = desk.keys.of(attempt, "refund");
  const called = await desk.api.refund(reference, kept.amountMinor, { attempt }, key);
  if (called.kind === "unknown") return unanswered(desk, attempt, called);
  if (called.kind === "ok") {
    return concludeMove(desk, attempt, kept, judgeRefund(attempt, kept, called.seen));
  }
  const responseCode = called.kind === "refused" ? called.code : called.responseCode;
  const why = declined("amount", responseCode === undefined ? {} : { responseCode });
  return decide(desk, attempt, why, kept);
}

export async function lookAtRefund(
  desk: StripeDesk,
  attempt: string,
  kept: StripeAttempt,
): Promise<Judged> {
  const called = await desk.api.refunds(kept.intent ?? "");
  if (called.kind !== "ok") {
    return { kind: "unknown", message: called.kind === "unknown" ? called.message : called.kind };
  }
  const mine = called.seen.find(({ metadata }) => metadata["attempt"] === attempt);
  return mine === undefined ? { kind: "open" } : judgeRefund(attempt, kept, mine);
}

function judgeRefund(attempt: string, kept: StripeAttempt, seen: SeenRefund): Judged {
  const ours =
    seen.metadata["attempt"] === attempt &&
    seen.amountMinor === kept.amountMinor &&
    seen.currency === kept.currency;
  if (!ours) return { kind: "unknown", message: "the answer is of another refund" };
  if (seen.status === "failed" || seen.status === "canceled") {
    return { kind: "final", answer: declined("declined", { responseCode: seen.status }) };
  }
  const { intent: reference, amountMinor } = seen;
  return { kind: "final", answer: { kind: "approved", reference, amountMinor } };
}

/** What Stripe says for good goes to disk, together with what is left to take or to give back. */
export async function concludeMove(
  desk: StripeDesk,
  attempt: string,
  kept: StripeAttempt,
  judged: Judged,
): Promise<HostAnswer> {
  if (judged.kind === "unknown") return unanswered(desk, attempt, judged);
  if (judged.kind === "open") return declined("unknown-reference");
  const charge = await desk.books.charge(kept.intent ?? "");
  // What a reversal gave back was not taken, whoever finds out later that it had been.
  const isGone = kept.step === "capture" && charge?.reversed === true;
  const answer = isGone ? declined("amount", { responseCode: "reversed" }) : judged.answer;
  const writes = [attemptWrite(attempt, { ...kept, answer })];
  if (answer.kind === "approved" && charge !== undefined) {
    if (kept.step === "capture") charge.capturedMinor = answer.amountMinor;
    else charge.refundedMinor += answer.amountMinor;
    writes.push(chargeWrite(answer.reference, charge));
  }
  await desk.books.commit(...writes);
  return answer;
}
