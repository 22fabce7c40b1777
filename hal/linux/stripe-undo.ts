// Undoing an attempt at Stripe: what is held is canceled, what was taken goes back, and what never arrived is marked
// so that it never will.

import type { HostAnswer } from "../payment-host.ts";
import { attemptWrite, chargeWrite, type StripeAttempt } from "./stripe-books.ts";
import type { StripeDesk } from "./stripe-desk.ts";
import { decide, declined, type Judged, unanswered } from "./stripe-desk.ts";
import { lookAtRefund } from "./stripe-settle.ts";

export async function reverse(
  desk: StripeDesk,
  attempt: string,
  name: string,
): Promise<HostAnswer> {
  const before = await desk.books.attempt(attempt);
  if (before?.answer !== undefined) return before.answer;
  const target = await desk.books.attempt(name);
  if (target?.step === "refund") return reverseRefund(desk, attempt, name, target);
  const { intent } = target ?? {};
  const charge = intent === undefined ? undefined : await desk.books.charge(intent);
  // Without a charge, an attempt that was answered holds nothing; one that was not may.
  const holdsNothing = charge === undefined && target?.answer !== undefined;
  if (target === undefined || intent === undefined || holdsNothing) {
    return forget(desk, attempt, name, target ?? { step: "other" });
  }
  if (!target.undoing) await desk.books.commit(attemptWrite(name, { ...target, undoing: true }));
  const released = await release(desk, attempt, intent);
  if (released.kind === "unknown") return unanswered(desk, attempt, released);
  const { undoing: _, ...rest } = target;
  const answer: HostAnswer = { kind: "approved", reference: intent, amountMinor: 0 };
  const writes = [
    attemptWrite(name, { ...rest, answer: declined("declined") }),
    attemptWrite(attempt, { step: "other", answer }),
  ];
  if (charge !== undefined) {
    const { capturedMinor } = charge;
    writes.push(chargeWrite(intent, { ...charge, refundedMinor: capturedMinor, reversed: true }));
  }
  await desk.books.commit(...writes);
  return answer;
}

/** Nothing is held by it, and from now on nothing will be. */
async function forget(
  desk: StripeDesk,
  attempt: string,
  name: string,
  target: StripeAttempt,
): Promise<HostAnswer> {
  const answer: HostAnswer = { kind: "approved", reference: "", amountMinor: 0 };
  await desk.books.commit(
    attemptWrite(name, { ...target, answer: declined("declined") }),
    attemptWrite(attempt, { step: "other", answer }),
  );
  return answer;
}

/** Money that was given back stays there. */
async function reverseRefund(
  desk: StripeDesk,
  attempt: string,
  name: string,
  target: StripeAttempt,
): Promise<HostAnswer> {
  if (target.answer?.kind === "approved") return decide(desk, attempt, declined("declined"));
  if (target.answer === undefined) {
    const judged: Judged = await lookAtRefund(desk, name, target);
    if (judged.kind === "unknown") return unanswered(desk, attempt, judged);
    if (judged.kind === "final" && judged.answer.kind === "approved") {
      return decide(desk, attempt, declined("declined"));
    }
  }
  return forget(desk, attempt, name, target);
}

/** Repeating it is safe at any point: what Stripe says of the intent decides what is left to do. */
async function release(
  desk: StripeDesk,
  attempt: string,
  intent: string,
): Promise<{ kind: "done" } | { kind: "unknown"; message: string; spoilt: boolean }> {
  const unknown = (message: string) => ({ kind: "unknown", message, spoilt: false }) as const;
  const got = await desk.api.retrieve(intent);
  if (got.kind !== "ok") return got.kind === "unknown" ? got : unknown(got.kind);
  const { status, charge } = got.seen;
  if (status === "canceled") return { kind: "done" };
  if (status === "processing") return unknown("still being decided");
  if (status !== "succeeded") {
    const canceled = await desk.api.cancel(intent, desk.keys.of(attempt, "cancel"));
    if (canceled.kind !== "ok") {
      return canceled.kind === "unknown" ? canceled : unknown(canceled.kind);
    }
    return canceled.seen.status === "canceled" ? { kind: "done" } : unknown("not canceled");
  }
  if (charge === undefined) return unknown("nothing is said of what was taken");
  const leftMinor = charge.capturedMinor - charge.refundedMinor;
  if (leftMinor <= 0) return { kind: "done" };
  // The sum is a part of the key: after it has changed, another refund is meant.
  const key = desk.keys.of(attempt, `rest-${leftMinor}`);
  const back = await desk.api.refund(intent, leftMinor, { attempt }, key);
  if (back.kind !== "ok") return back.kind === "unknown" ? back : unknown(back.kind);
  const failed = back.seen.status === "failed" || back.seen.status === "canceled";
  return failed ? unknown("the refund failed") : { kind: "done" };
}
