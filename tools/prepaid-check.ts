// Receipts of prepaid tokens, checked by themselves and against the tokens that they name: no money stands on them,
// and no more is delivered than the operator signed for.

import { equalBytes } from "../firmware/bytes.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import type { PrepaidToken } from "../firmware/token/prepaid-token.ts";
import type { Receipt } from "../firmware/token/receipt.ts";
import { shortDigest } from "../firmware/token/signed.ts";
import type { Crypto } from "../hal/crypto.ts";

export interface CheckedToken {
  token: PrepaidToken;
  signed: Uint8Array;
}

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
    const wrong = receiptWrong(receipt, tokens, crypto);
    if (wrong !== undefined) return fail("token-invalid", `receipt ${receipt.number} ${wrong}`);
  }
  for (const { token } of tokens) {
    const milli = deliveredMilli(receipts.filter(({ order }) => order === token.order));
    if (milli <= 1000 * token.units) continue;
    const words = `delivered ${milli / 1000} units, for which it was not: ${token.units}`;
    return fail("token-invalid", `the token ${token.order} ${words}`);
  }
  return ok(undefined);
}

function receiptWrong(
  receipt: Receipt,
  tokens: readonly CheckedToken[],
  crypto: Crypto,
): string | undefined {
  const mark = receipt.breakdown?.prepaid;
  const named = tokens.find(({ token }) => token.order === receipt.order);
  if (mark === undefined) {
    return named && "is of a prepaid token's order, and does not say so";
  }
  if (moneyOf(receipt) !== 0) return "names money, and a token has paid for it";
  if (named === undefined) return undefined;
  if (!equalBytes(receipt.offer, shortDigest(crypto, named.signed))) {
    return "is for another token of the same order";
  }
  const isBearer = named.token.consumer === undefined;
  return (mark === "bearer") === isBearer ? undefined : `says ${mark}, and its token does not`;
}

function moneyOf(receipt: Receipt): number {
  if (receipt.is === "session") return receipt.amountMinor;
  const { amountMinor, capturedMinor, refundedMinor, forfeitedMinor, owedMinor } = receipt;
  return amountMinor + capturedMinor + refundedMinor + forfeitedMinor + owedMinor;
}

function deliveredMilli(receipts: readonly Receipt[]): number {
  const sessions = receipts.filter(({ is }) => is === "session");
  return sessions.reduce((sum, { milliUnits }) => sum + milliUnits, 0);
}
