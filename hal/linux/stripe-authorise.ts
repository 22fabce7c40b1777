// Holding money at Stripe: the intent is made, its name goes to disk together with the spent credential, and only
// then is it confirmed.

import { HalError } from "../hal-error.ts";
import { type OpenedCredential, orderOf } from "../host-credentials.ts";
import type { HostAnswer, HostBinding, HostCredential, HostDecline } from "../payment-host.ts";
import type { SeenDecline, SeenIntent, SeenTrouble } from "./stripe-answers.ts";
import {
  attemptWrite,
  chargeWrite,
  type StripeAttempt,
  type StripeCharge,
} from "./stripe-books.ts";
import type { StripeDesk } from "./stripe-desk.ts";
import { decide, declined, isAmount, type Judged, recordOf, unanswered } from "./stripe-desk.ts";

/** Stripe counts these in another unit than ISO 4217 does, or wants a zero at the end: an amount would be another. */
const OTHER_UNITS: ReadonlySet<string> = new Set("ISK UGX MGA BHD JOD KWD OMR TND".split(" "));

export interface Payment {
  credential: HostCredential;
  binding: HostBinding;
  amountMinor: number;
}

interface IntentAttempt extends StripeAttempt {
  intent: string;
  amountMinor: number;
  currency: string;
}

type Opened = OpenedCredential<string> | HostDecline;

export async function authorise(
  desk: StripeDesk,
  attempt: string,
  payment: Payment,
): Promise<HostAnswer> {
  const kept = await desk.books.attempt(attempt);
  if (kept?.undoing) return { kind: "no-answer", message: "it is being undone" };
  if (kept?.answer !== undefined) return kept.answer;
  const { credential, binding } = payment;
  const opened = await desk.credentials.open(attempt, credential, binding, (name) =>
    desk.books.usedMinor(name),
  );
  if (kept !== undefined) {
    if (!isIntentAttempt(kept)) return declined("declined");
    return resume(desk, attempt, kept, opened);
  }
  if (typeof opened === "string") return decide(desk, attempt, declined(opened));
  const { amountMinor } = payment;
  if (OTHER_UNITS.has(binding.currency)) {
    const why = declined("amount", { responseCode: "currency-not-supported" });
    return decide(desk, attempt, why);
  }
  if (!isAmount(amountMinor) || opened.usedMinor + amountMinor > binding.amountMinor) {
    return decide(desk, attempt, declined("amount"));
  }
  const made = await makeIntent(desk, attempt, payment);
  if (made.kind !== "ok") return refusedAtOnce(desk, attempt, made);
  const { currency } = binding;
  const fresh: IntentAttempt = { step: "authorise", intent: made.seen.id, amountMinor, currency };
  try {
    await desk.books.commit(attemptWrite(attempt, fresh), opened.spent);
  } catch (error) {
    // Another attempt spent the credential meanwhile: what is left of it is seen by looking again.
    if (!(error instanceof HalError && error.kind === "changed")) throw error;
    return authorise(desk, attempt, payment);
  }
  return confirm(desk, attempt, fresh, opened.card, false);
}

function isIntentAttempt(kept: StripeAttempt): kept is IntentAttempt {
  return kept.step === "authorise" && kept.intent !== undefined;
}

async function makeIntent(desk: StripeDesk, attempt: string, { binding, amountMinor }: Payment) {
  const { currency, offer } = binding;
  const hexOffer = Array.from(offer, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const metadata = { attempt, order: orderOf(attempt), offer: hexOffer };
  const key = desk.keys.of(attempt, "create");
  const made = await desk.api.create({ amountMinor, currency, metadata }, key);
  if (made.kind !== "ok") return made;
  const { seen } = made;
  const fresh =
    seen.status === "requires_payment_method" || seen.status === "requires_confirmation";
  if (fresh && seen.amountMinor === amountMinor && seen.currency === currency) return made;
  return { kind: "unknown", message: "another intent than was asked for", spoilt: false } as const;
}

/** Nothing was made yet, so nothing is held, whatever is the matter. */
function refusedAtOnce(
  desk: StripeDesk,
  attempt: string,
  trouble: SeenTrouble,
): HostAnswer | Promise<HostAnswer> {
  if (trouble.kind === "unknown") return unanswered(desk, attempt, trouble);
  return decide(desk, attempt, refusal(trouble));
}

function refusal(trouble: Exclude<SeenTrouble, { kind: "unknown" }>): HostAnswer {
  if (trouble.kind === "declined") return declined("declined", trouble);
  const { code, param } = trouble;
  const responseCode = code;
  if (code.startsWith("amount_too_")) return declined("amount", { responseCode });
  const why = param === "payment_method" ? "credential-invalid" : "declined";
  return declined(why, { responseCode });
}

/** An intent was made before; whether it was confirmed is seen at Stripe. */
async function resume(
  desk: StripeDesk,
  attempt: string,
  kept: IntentAttempt,
  opened: Opened,
): Promise<HostAnswer> {
  const judged = await lookAtAuthorisation(desk, attempt, kept);
  if (judged.kind !== "open") return conclude(desk, attempt, kept, judged);
  if (typeof opened === "string") return giveUp(desk, attempt, kept, declined(opened));
  return confirm(desk, attempt, kept, opened.card, true);
}

async function confirm(
  desk: StripeDesk,
  attempt: string,
  kept: IntentAttempt,
  method: string,
  isRepeat: boolean,
): Promise<HostAnswer> {
  const key = desk.keys.of(attempt, "confirm");
  const called = await desk.api.confirm(kept.intent, method, key);
  if (called.kind === "ok") {
    const judged = judgeAuthorisation(desk, attempt, kept, called.seen);
    if (judged.kind !== "open") return conclude(desk, attempt, kept, judged);
    return unanswered(desk, attempt, { kind: "unknown", message: "confirmed, and still open" });
  }
  if (called.kind === "unknown") return unanswered(desk, attempt, called);
  const answer = refusal(called);
  if (called.kind === "declined" && !isRepeat) return decide(desk, attempt, answer, kept);
  // An earlier confirmation may have gone through, or be on its way.
  const judged = await lookAtAuthorisation(desk, attempt, kept);
  if (judged.kind !== "open") return conclude(desk, attempt, kept, judged);
  return giveUp(desk, attempt, kept, answer);
}

/** Declined, after making sure that it stays so. */
async function giveUp(
  desk: StripeDesk,
  attempt: string,
  kept: IntentAttempt,
  answer: HostAnswer,
): Promise<HostAnswer> {
  const canceled = await desk.api.cancel(kept.intent, desk.keys.of(attempt, "give-up"));
  if (canceled.kind !== "ok") return unanswered(desk, attempt, canceled);
  if (canceled.seen.status !== "canceled") {
    return unanswered(desk, attempt, { kind: "unknown", message: "not canceled" });
  }
  return decide(desk, attempt, answer, kept);
}

export async function lookAtAuthorisation(
  desk: StripeDesk,
  attempt: string,
  kept: StripeAttempt,
): Promise<Judged> {
  const called = await desk.api.retrieve(kept.intent ?? "");
  if (called.kind === "ok") return judgeAuthorisation(desk, attempt, kept, called.seen);
  return { kind: "unknown", message: called.kind === "unknown" ? called.message : called.kind };
}

function judgeAuthorisation(
  desk: StripeDesk,
  attempt: string,
  kept: StripeAttempt,
  seen: SeenIntent,
): Judged {
  const ours =
    seen.id === kept.intent &&
    seen.amountMinor === kept.amountMinor &&
    seen.currency === kept.currency &&
    seen.metadata["attempt"] === attempt;
  if (!ours) return { kind: "unknown", message: "the answer is of another payment" };
  const final = (why: SeenDecline): Judged => ({
    kind: "final",
    answer: declined("declined", why),
  });
  if (seen.status === "requires_capture") return approved(desk, seen);
  if (seen.status === "canceled") return final({ responseCode: "canceled" });
  if (seen.status === "requires_action") return final({ responseCode: "authentication_required" });
  if (seen.status === "requires_payment_method" && seen.decline !== undefined) {
    return final(seen.decline);
  }
  const open = seen.status === "requires_payment_method" || seen.status === "requires_confirmation";
  return open ? { kind: "open" } : { kind: "unknown", message: `intent is ${wordOf(seen.status)}` };
}

function wordOf(status: string): string {
  return /^[a-z_]{1,32}$/.test(status) ? status : "odd";
}

function approved(desk: StripeDesk, seen: SeenIntent): Judged {
  const { capturableMinor, amountMinor, id, charge } = seen;
  // Less than was asked is an authorisation in part; more is none that we asked for.
  if (capturableMinor === 0 || capturableMinor > amountMinor) {
    return { kind: "unknown", message: "another amount is held than was asked for" };
  }
  const card = charge?.card;
  const record = recordOf(desk, seen);
  const approval = { kind: "approved", reference: id, amountMinor: capturableMinor } as const;
  return { kind: "final", answer: { ...approval, ...(card && { card }), record } };
}

/** What Stripe says for good goes to disk, with the charge where there is one. */
export async function conclude(
  desk: StripeDesk,
  attempt: string,
  kept: StripeAttempt,
  judged: Judged,
): Promise<HostAnswer> {
  if (judged.kind === "unknown") return unanswered(desk, attempt, judged);
  if (judged.kind === "open") return declined("unknown-reference");
  const { answer } = judged;
  const writes = [attemptWrite(attempt, { ...kept, answer })];
  if (answer.kind === "approved") {
    const charge: StripeCharge = {
      ...{ order: orderOf(attempt), currency: kept.currency ?? "" },
      ...{ authorisedMinor: answer.amountMinor, capturedMinor: 0, refundedMinor: 0 },
      reversed: false,
    };
    writes.push(chargeWrite(answer.reference, charge));
  }
  await desk.books.commit(...writes);
  return answer;
}
