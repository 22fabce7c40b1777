// Which questions about ended flows can be answered.

import { fail, type Result } from "../../result.ts";
import { checkedCopy } from "./freeze.ts";
import { type ResponseQuery, responseQuery } from "./response-query.ts";

/** Rows of an answer where the question names no number. */
const RESULTS_DEFAULT = 100;

/** `malformed` or `out-of-range` at the field: one date without the other, from not before to, no or too many results. */
export function newQuery(
  parts: Partial<ResponseQuery> & Pick<ResponseQuery, "kind">,
): Result<ResponseQuery> {
  const { fromMs, toMs, maxResults = RESULTS_DEFAULT } = parts;
  if ((fromMs === undefined) !== (toMs === undefined)) {
    const at = fromMs === undefined ? "query.fromMs" : "query.toMs";
    return fail("malformed", "both dates or none", at);
  }
  if (fromMs !== undefined && toMs !== undefined && fromMs >= toMs) {
    return fail("out-of-range", "the first date is before the second", "query.fromMs");
  }
  if (maxResults < 1) {
    return fail("out-of-range", "at least one result is asked for", "query.maxResults");
  }
  return checkedCopy(responseQuery, { ...parts, maxResults }, "query");
}
