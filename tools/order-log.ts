// The log of one order, for a dispute, as each side writes its own: the buyer from his journal, the operator from what
// the device answers.

import { resolve } from "node:path";
import type { Purchase } from "../firmware/consumer/purchase.ts";
import { chainOf } from "../firmware/consumer/stream-order.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import { peekOffer } from "../firmware/token/offer.ts";
import type { Crypto } from "../hal/crypto.ts";
import type { Output } from "./command.ts";
import { type DisputeLog, LOG_TYPE, logText, readLog } from "./dispute-log.ts";
import { writeOwnFile } from "./identity.ts";

interface Owner {
  crypto: Crypto;
  boxSecret: Uint8Array;
}

/** Errors: `unsupported` for an order of a prepaid token, `malformed` for an offer that cannot be read. */
export function consumerLog(purchase: Purchase, owner: Owner): Result<DisputeLog> {
  if (purchase.prepaid !== undefined) {
    const words =
      "a prepaid token paid for it, and there is no log of that: sluice verify checks it";
    return fail("unsupported", words, "--log");
  }
  const { operatorKey, certificate, offer: signedOffer, receipts, stream } = purchase;
  const offer = peekOffer(signedOffer);
  if (!offer.ok) return offer;
  const plain = { operatorKey, certificate, offer: signedOffer, receipts };
  const log: DisputeLog = { type: LOG_TYPE, role: "consumer", ...plain };
  if (stream === undefined) return ok(log);
  const { commitment, step, window, released } = stream;
  // The owner's secret makes the proof again that was let go of last.
  const { link } = chainOf({ ...offer.value, signedOffer }, released, owner).current;
  return ok({ ...log, commitment, step, window, proofs: [{ units: released, link }] });
}

/** Error: `malformed` for an answer that is no log. */
export function deviceLog(
  answer: Readonly<Record<string, unknown>>,
  operatorKey: string,
): Result<DisputeLog> {
  return readLog(JSON.stringify({ ...answer, type: LOG_TYPE, role: "device", operatorKey }));
}

/** Throws HalError `refused`. */
export function writeLog(log: DisputeLog, file: string, out: Output): void {
  const path = resolve(file);
  writeOwnFile(path, logText(log));
  out.emit({ step: "log", role: log.role, receipts: log.receipts.length, file: path });
  out.say(`log written to ${path}; with the other side's: sluice dispute ${path} OTHER`);
}
