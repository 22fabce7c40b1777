// What a consumer checks of the receipts of a prepaid token: they name the very token, no money stands on them, and no
// more is delivered than the operator signed for.

import type { Crypto } from "../../hal/crypto.ts";
import { equalBytes } from "../bytes.ts";
import { fail, ok, type Result } from "../result.ts";
import type { PrepaidToken } from "../token/prepaid-token.ts";
import type { Receipt, SessionReceipt, SettlementReceipt } from "../token/receipt.ts";
import { shortDigest } from "../token/signed.ts";
import { placeWrong, readingsWrong } from "./checks.ts";

/** A token whose signature is right, with its bytes. */
export interface CheckedToken {
  token: PrepaidToken;
  signed: Uint8Array;
}

/** What is wrong with one receipt, of the order of `named` or of no known token's. */
export function paidByToken(
  receipt: Receipt,
  named: CheckedToken | undefined,
  crypto: Crypto,
): string | undefined {
  const mark = receipt.breakdown?.prepaid;
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

/** Thousandths of a unit. */
export function deliveredMilli(receipts: readonly Receipt[]): number {
  const sessions = receipts.filter(({ is }) => is === "session");
  return sessions.reduce((sum, { milliUnits }) => sum + milliUnits, 0);
}

/**
 * Checks verified receipts of one token's order, in the order of their numbers. Sessions of a bearer token that others
 * had need not be among them. Error: `offer-mismatch`.
 */
export function checkTokenReceipts(
  receipts: readonly Receipt[],
  named: CheckedToken,
  crypto: Crypto,
): Result<void> {
  const { token } = named;
  const isBearer = token.consumer === undefined;
  let soFar: SoFar = { session: 0, pulses: 0, before: undefined };
  for (const [index, receipt] of receipts.entries()) {
    const wrong =
      receipt.order !== token.order
        ? "is of another order"
        : (paidByToken(receipt, named, crypto) ??
          placeWrong(receipt, soFar.before) ??
          (receipt.is === "session"
            ? sessionWrong(receipt, soFar, isBearer)
            : settlementWrong(receipt, soFar, isBearer)));
    if (wrong !== undefined) {
      return fail("offer-mismatch", `receipt ${receipt.number}: ${wrong}`, `receipts.${index}`);
    }
    soFar =
      receipt.is === "session"
        ? { session: receipt.session, pulses: soFar.pulses + receipt.pulses, before: receipt }
        : { ...soFar, before: receipt };
  }
  const last = receipts.at(-1);
  const settled = last?.is === "settlement" ? last.milliUnits : 0;
  return Math.max(settled, deliveredMilli(receipts)) <= 1000 * token.units
    ? ok(undefined)
    : fail(
        "offer-mismatch",
        `more was delivered than the token is for: ${token.units}`,
        "receipts",
      );
}

/** What the receipts before one say together, and the one right before it. */
interface SoFar {
  session: number;
  pulses: number;
  before: Receipt | undefined;
}

function sessionWrong(
  receipt: SessionReceipt,
  { session }: SoFar,
  isBearer: boolean,
): string | undefined {
  const isNext = isBearer ? receipt.session > session : receipt.session === session + 1;
  return isNext ? readingsWrong(receipt) : "a session is missing";
}

function settlementWrong(
  { sessions, pulses }: SettlementReceipt,
  soFar: SoFar,
  isBearer: boolean,
): string | undefined {
  const isSum = isBearer
    ? sessions >= soFar.session && pulses >= soFar.pulses
    : sessions === soFar.session && pulses === soFar.pulses;
  return isSum ? undefined : "the settlement does not add up";
}
