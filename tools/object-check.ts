// Single signed objects, checked by a device certificate: offers, tokens and receipts without their bundle,
// or the certificate itself. Receipts among them are checked as a chain.

import { toHex } from "../firmware/bytes.ts";
import type { CheckedToken } from "../firmware/consumer/token-checks.ts";
import { fingerprint } from "../firmware/consumer/trust.ts";
import { SIGNED_BYTES_MAX } from "../firmware/protocol/messages.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import {
  type Certificate,
  certificateOperator,
  peekCertificate,
} from "../firmware/token/certificate.ts";
import { verifyChain } from "../firmware/token/receipt.ts";
import { countText } from "../firmware/units.ts";
import type { Crypto } from "../hal/crypto.ts";
import { openNodeCrypto } from "../hal/linux/node-crypto.ts";
import type { Output } from "./command.ts";
import { groupedThumbprint } from "./device-choice.ts";
import { fieldLines } from "./field-text.ts";
import { readGivenBytes } from "./given-bytes.ts";
import { checkPrepaid } from "./prepaid-check.ts";
import { type SignedObject, verifyCertificateBy, verifySignedObject } from "./signed-object.ts";

/** Errors: what is wrong with the first object that is not right. */
export function verifyObjects(
  given: readonly string[],
  certificateGiven: string,
  operators: readonly Uint8Array[],
  out: Output,
): Result<void> {
  const crypto = openNodeCrypto();
  const certificate = readCertificate(certificateGiven, operators, crypto, out);
  if (!certificate.ok) return certificate;
  const { signKey, device } = certificate.value;
  const receipts: { number: number; signed: Uint8Array }[] = [];
  const tokens: CheckedToken[] = [];
  for (const [index, one] of given.entries()) {
    const bytes = readGivenBytes(one, SIGNED_BYTES_MAX);
    if (!bytes.ok) return bytes;
    const object = verifySignedObject(bytes.value, signKey, crypto, operators);
    if (!object.ok) {
      const { kind, message, at } = object.fault;
      return fail(kind, `object ${index + 1}: ${message}`, at);
    }
    tell(object.value, device, out);
    if (object.value.is === "receipt") {
      receipts.push({ number: object.value.value.number, signed: bytes.value });
    }
    if (object.value.is === "prepaid") {
      tokens.push({ token: object.value.value, signed: bytes.value });
    }
  }
  receipts.sort((a, b) => a.number - b.number);
  const chain = verifyChain(
    receipts.map(({ signed }) => signed),
    signKey,
    crypto,
  );
  if (!chain.ok) return chain;
  const prepaid = checkPrepaid(chain.value, tokens, device, crypto);
  if (!prepaid.ok) return prepaid;
  const trusted = operators.length > 0;
  out.emit({ step: "verified", objects: given.length, receipts: receipts.length, trusted });
  out.say(`verified: ${countText(given.length, "object")} signed by device ${device}`);
  if (tokens.length > 0) {
    out.say(`  ${countText(tokens.length, "prepaid token")} of them by its operator`);
  }
  if (!trusted) {
    out.say("WARNING: no --operator was given: who vouches for that device is NOT proven.");
  }
  return ok(undefined);
}

function readCertificate(
  given: string,
  operators: readonly Uint8Array[],
  crypto: Crypto,
  out: Output,
): Result<Certificate> {
  const bytes = readGivenBytes(given, SIGNED_BYTES_MAX);
  if (!bytes.ok) return bytes;
  const trusted = operators.length > 0;
  const read = trusted
    ? verifyCertificateBy(bytes.value, operators, crypto)
    : peekCertificate(bytes.value, crypto);
  if (!read.ok) {
    const { kind, message, at } = read.fault;
    return fail(kind, `certificate: ${message}`, at);
  }
  const { device, bench, serial } = read.value;
  const operator = operatorText(bytes.value, operators, crypto);
  out.emit({ step: "certificate", device, operator, trusted, bench, serial });
  out.say(`certificate of device ${device}, serial ${serial}${bench ? ", BENCH KEYS" : ""}`);
  out.say(
    `  operator     ${operator} (${trusted ? "the key you gave" : "as it says itself, UNPROVEN"})`,
  );
  return read;
}

function operatorText(
  signed: Uint8Array,
  operators: readonly Uint8Array[],
  crypto: Crypto,
): string {
  const named = certificateOperator(signed);
  if (named !== undefined) return groupedThumbprint(toHex(named));
  const [key] = operators;
  return key === undefined ? "not named" : fingerprint(key, crypto);
}

function tell({ is, value }: SignedObject, device: string, out: Output): void {
  out.emit({ step: is === "offer" ? "select" : is, device, ...value });
  out.say(is);
  for (const line of fieldLines(value)) out.say(line);
}
