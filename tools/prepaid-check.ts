// Receipts of prepaid tokens, checked by themselves and against the tokens that they name: no money stands on them,
// and no more is delivered than the operator signed for.

import {
  type CheckedToken,
  deliveredMilli,
  paidByToken,
} from "../firmware/consumer/token-checks.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import type { Receipt } from "../firmware/token/receipt.ts";
import { countText } from "../firmware/units.ts";
import type { Crypto } from "../hal/crypto.ts";

/** Errors: `wrong-device`, `token-invalid`, the message beginning with what is wrong. */
export function checkPrepaid(
  receipts: readonly Receipt[],
  tokens: readonly CheckedToken[],
  device: string,
  crypto: Crypto,
): Result<void> {
  for (const { token } of tokens) {
    if (token.device === device) continue;
    return fail("wrong-device", `the token ${token.order} is of device ${token.device}`);
  }
  for (const receipt of receipts) {
    const named = tokens.find(({ token }) => token.order === receipt.order);
    const wrong = paidByToken(receipt, named, crypto);
    if (wrong !== undefined) return fail("token-invalid", `receipt ${receipt.number} ${wrong}`);
  }
  for (const { token } of tokens) {
    const milli = deliveredMilli(receipts.filter(({ order }) => order === token.order));
    if (milli <= 1000 * token.units) continue;
    const words = `delivered ${countText(milli / 1000, "unit")}, for which it was not: ${token.units}`;
    return fail("token-invalid", `the token ${token.order} ${words}`);
  }
  return ok(undefined);
}
