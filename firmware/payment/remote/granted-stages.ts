// Stages as a grant names them, by number.

import { STAGES, type Stage } from "../model/stages.ts";

/** Only a service whose role is payment has anything to do in these. */
export const PAYMENT_STAGES: ReadonlySet<Stage> = new Set([
  "PAYMENT_CARD_READING",
  "TRANSACTION_PROCESSING",
] as const);

/** Numbers that are not known here are stages of a later version: not ours to call. */
export function stagesOf(numbers: readonly number[]): readonly Stage[] {
  return (Object.keys(STAGES) as Stage[]).filter((stage) => numbers.includes(STAGES[stage]));
}
