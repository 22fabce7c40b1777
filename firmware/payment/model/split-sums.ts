// What of a split payment was paid, over all its rounds.

import { assert } from "../../assert.ts";
import type { Result } from "../../result.ts";
import type { Amounts } from "./amounts.ts";
import { amountsLess, amountsPlus, zeroAmounts } from "./amounts-arithmetic.ts";
import { normalise } from "./apportion.ts";
import type { SplitRequest } from "./payment.ts";
import type { Transaction } from "./transaction.ts";
import { hasDeclined, isFulfilled, processedOf, tenders } from "./transaction-sums.ts";

type Rounds = Pick<SplitRequest, "requested" | "transactions">;

/** The sum of what all rounds paid; may be above what was requested. */
export function splitProcessed({ requested, transactions }: Rounds): Amounts {
  return transactions.reduce((sum, transaction) => {
    const more = amountsPlus(sum, processedOf(transaction));
    return more.ok ? more.value : sum;
  }, zeroAmounts(requested.currency));
}

/** What is left for further rounds; all of it before the first. */
export function splitRemaining(split: Rounds): Amounts {
  const processed = splitProcessed(split);
  const left = amountsLess(split.requested, normalise(split.requested, processed) ?? processed);
  assert(left.ok, "a split is in one currency");
  return left.value;
}

/**
 * What is requested in all after a round: what services added to its share counts where it paid, and not where it was
 * declined. `out-of-range` in another currency.
 */
export function requestedAfter(
  requested: Amounts,
  share: Amounts,
  round: Transaction,
): Result<Amounts> {
  if (tenders(round).length === 0) return amountsPlus(requested, zeroAmounts(share.currency));
  const added = amountsLess(round.requested, share);
  return added.ok ? amountsPlus(requested, added.value) : added;
}

/** Whether the round before failed: it was declined, and not paid in full by another answer. */
export function lastTransactionFailed({
  transactions,
}: Pick<SplitRequest, "transactions">): boolean {
  const last = transactions.at(-1);
  return last !== undefined && !isFulfilled(last) && hasDeclined(last);
}
