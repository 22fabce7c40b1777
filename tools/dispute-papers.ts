// The papers of one log, verified: what is genuine of them, and what its owner shows that is not (rule D1).

import { equalBytes } from "../firmware/bytes.ts";
import type { Fault, Result } from "../firmware/result.ts";
import { type Certificate, verifyCertificate } from "../firmware/token/certificate.ts";
import { type Commitment, verifyCommitment } from "../firmware/token/commitment.ts";
import { type Offer, verifyOffer } from "../firmware/token/offer.ts";
import { type Receipt, verifyReceipt } from "../firmware/token/receipt.ts";
import { decodeSign1, encodeSign1 } from "../firmware/token/sign1.ts";
import type { Crypto } from "../hal/crypto.ts";
import type { DisputeLog } from "./dispute-log.ts";

export interface KeptReceipt {
  receipt: Receipt;
  signed: Uint8Array;
}

export interface SignedCommitment extends Commitment {
  key: Uint8Array;
  signed: Uint8Array;
}

/** What of a log's papers is genuine. */
export interface Papers {
  certificate: Certificate;
  offer: Offer;
  /** As the device made it. */
  signedOffer: Uint8Array;
  commitment?: SignedCommitment;
  receipts: readonly KeptReceipt[];
  /** Words about each paper that is not what it is shown as. */
  forged: readonly string[];
}

/**
 * Without certificate and offer nothing else can be judged: then these are the words. By the given operator keys, or the
 * log's own where there are none.
 */
export function verifyPapers(
  log: DisputeLog,
  operators: readonly Uint8Array[],
  crypto: Crypto,
): Papers | { unreadable: string } {
  const certificate = certificateOf(log, operators, crypto);
  if (!certificate.ok) return { unreadable: `its certificate: ${certificate.fault.message}` };
  const { signKey } = certificate.value;
  const offer = verifyOffer(log.offer, signKey, crypto);
  if (!offer.ok) return { unreadable: `its offer: ${offer.fault.message}` };
  const forged: string[] = [];
  const receipts: KeptReceipt[] = [];
  for (const [index, signed] of log.receipts.entries()) {
    const read = verifyReceipt(signed, signKey, crypto);
    if (!read.ok) forged.push(`receipt ${index + 1} in it: ${read.fault.message}`);
    else if (read.value.order !== offer.value.id) {
      forged.push(`receipt ${index + 1} in it is of another order`);
    } else receipts.push({ receipt: read.value, signed: asMade(signed) });
  }
  const commitment = commitmentOf(log, crypto);
  if (commitment?.ok === false) forged.push(`its commitment: ${commitment.fault.message}`);
  return {
    certificate: certificate.value,
    offer: offer.value,
    signedOffer: asMade(log.offer),
    ...(commitment?.ok === true && { commitment: commitment.value }),
    receipts,
    forged,
  };
}

/** Whoever has a paper can write into its unprotected header, and in doing so change its digest: a device leaves it empty. */
function asMade(signed: Uint8Array): Uint8Array {
  const read = decodeSign1(signed, signed.length);
  if (!read.ok) return signed;
  const { payload, signature } = read.value;
  return encodeSign1({ payload, sign: () => signature, externalAad: new Uint8Array() });
}

function certificateOf(
  { certificate, operatorKey }: DisputeLog,
  operators: readonly Uint8Array[],
  crypto: Crypto,
): Result<Certificate> {
  let last = verifyCertificate(certificate, operators[0] ?? operatorKey, crypto);
  for (const key of operators.slice(1)) {
    if (last.ok) break;
    last = verifyCertificate(certificate, key, crypto);
  }
  return last;
}

function commitmentOf(
  { commitment: signed }: DisputeLog,
  crypto: Crypto,
): { ok: true; value: SignedCommitment } | { ok: false; fault: Fault } | undefined {
  if (signed === undefined) return undefined;
  const read = verifyCommitment(signed, crypto);
  return read.ok ? { ok: true, value: { ...read.value, signed } } : read;
}

/** Receipts of both logs by number, each once; two that differ under one number stand both. */
export function joinedReceipts(...logs: readonly Papers[]): readonly KeptReceipt[] {
  const joined: KeptReceipt[] = [];
  for (const one of logs.flatMap(({ receipts }) => receipts)) {
    if (!joined.some(({ signed }) => equalBytes(signed, one.signed))) joined.push(one);
  }
  return joined.sort((a, b) => a.receipt.number - b.receipt.number);
}
