// What the rules of a stage say of an answer, and the few words in which they say it.

import type { Amounts } from "../model/amounts.ts";
import { additionalOf } from "../model/amounts-arithmetic.ts";
import type { FlowResponse } from "../model/flow-response.ts";
import type { Augmented } from "../model/transaction.ts";
import type { Flag, Rejection } from "./rejection.ts";
import type { RuleContext } from "./rules.ts";

export interface Refused {
  readonly ok: false;
  readonly rejection: Rejection;
  readonly message: string;
}

export interface Taken<T> {
  readonly ok: true;
  readonly output: T;
  readonly augmented: readonly Augmented[];
  readonly flags: readonly Flag[];
}

export type Verdict<T> = Taken<T> | Refused;

const MESSAGE_CHARACTERS_MAX = 160;

/** The message is cut: it may hold names of the stranger's choice. */
export function refused(rejection: Rejection, message: string): Refused {
  return { ok: false, rejection, message: message.slice(0, MESSAGE_CHARACTERS_MAX) };
}

export function taken<T>(
  output: T,
  augmented: readonly Augmented[] = [],
  flags: readonly Flag[] = [],
): Taken<T> {
  return { ok: true, output, augmented, flags };
}

/** Refuses fields that a stage may not set. */
export function onlyFields(
  answer: FlowResponse,
  allowed: readonly (keyof FlowResponse)[],
): Refused | undefined {
  const given = Object.keys(answer) as (keyof FlowResponse)[];
  const strange = given.find((name) => !allowed.includes(name));
  if (strange === undefined) return undefined;
  if (strange === "cancel")
    return refused("cancel-forbidden", "this stage may not cancel the flow");
  return refused("not-in-stage", `${strange} may not be set in this stage`);
}

/** No additional amount is lower than it was. */
export function checkNotLowered(before: Amounts, after: Amounts): Refused | undefined {
  const lowered = Object.keys(before.additional).find(
    (name) => additionalOf(after, name) < additionalOf(before, name),
  );
  if (lowered === undefined) return undefined;
  return refused("additional-lowered", `${lowered} may not be lowered`);
}

/**
 * Of a flow that pays an offer: each additional amount rises by no more than the payer confirmed, and all of them
 * together stay, with the offer, below what he signed (I4). The base is the caller's to check.
 */
export function checkExtras(
  before: Amounts,
  after: Amounts,
  context: RuleContext,
): Refused | undefined {
  const { limits, confirmed, extrasPaidMinor = 0 } = context;
  if (limits === undefined) return undefined;
  let extrasMinor = extrasPaidMinor;
  let rises = false;
  for (const [name, value] of Object.entries(after.additional)) {
    extrasMinor += value;
    const riseMinor = value - additionalOf(before, name);
    if (riseMinor <= 0) continue;
    rises = true;
    const mayRise = Object.hasOwn(confirmed, name) ? (confirmed[name] ?? 0) : 0;
    if (riseMinor > mayRise) {
      return refused("extra-unconfirmed", `the payer did not confirm ${riseMinor} more of ${name}`);
    }
  }
  if (rises && limits.offerMinor + extrasMinor > limits.maximumMinor) {
    return refused(
      "extra-above-maximum",
      `at most ${limits.maximumMinor} were signed by the payer`,
    );
  }
  return undefined;
}
