// The operator's list of revoked certificates, in a file beside its private key: each list holds all that the one
// before held, and its number is one higher.

import { basename, dirname, join } from "node:path";
import { COMMAND_BYTES_MAX } from "../firmware/protocol/messages.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import { deviceThumbprint } from "../firmware/token/certificate.ts";
import {
  EVERY_SERIAL,
  REVOKED_MAX,
  type Revocations,
  type Revoked,
  signRevocations,
  verifyRevocations,
} from "../firmware/token/revocation.ts";
import type { Crypto, Signer } from "../hal/crypto.ts";
import { alone, readSmall, replace } from "./key-files.ts";

/** `operator.pem` has its list in `operator.revocations.cbor`. */
export function revocationsPath(operatorPath: string): string {
  return join(dirname(operatorPath), `${basename(operatorPath, ".pem")}.revocations.cbor`);
}

/** DEVICE, or DEVICE:SERIAL for its certificates up to that one. Error: `usage`. */
export function readRevoked(given: string): Result<Revoked> {
  const [device = "", serial, ...more] = given.split(":");
  const number = serial === undefined ? EVERY_SERIAL : Number(serial);
  const isSerial = serial === undefined || /^\d{1,10}$/.test(serial);
  if (deviceThumbprint(device) === undefined || more.length > 0) {
    return fail("usage", `${given} is no device id (11 characters) or DEVICE:SERIAL`, "--revoke");
  }
  if (isSerial && number <= EVERY_SERIAL) return ok({ device, serial: number });
  return fail("usage", `${given} has no serial from 0 to ${EVERY_SERIAL}`, "--revoke");
}

/** The list as it is, signed; undefined when nothing was ever revoked. Errors: those of verifyRevocations. */
export function keptRevocations(
  path: string,
  operatorKey: Uint8Array,
  crypto: Crypto,
): Result<{ signed: Uint8Array; list: Revocations } | undefined> {
  const signed = readSmall(path, COMMAND_BYTES_MAX);
  if (signed === undefined) return ok(undefined);
  const list = verifyRevocations(signed, operatorKey, crypto);
  if (list.ok) return ok({ signed, list: list.value });
  return fail(list.fault.kind, `${path}: ${list.fault.message}`);
}

/**
 * Adds to the list, and writes it. What is revoked stays so; where that changes nothing the list stays as it is.
 * Errors: `too-many`, `exists` while another process does the same, those of keptRevocations. Throws HalError.
 */
export function revoke(
  path: string,
  more: readonly Revoked[],
  issuedS: number,
  operator: Signer,
  crypto: Crypto,
): Result<{ signed: Uint8Array; list: Revocations }> {
  // Of two lists with one number buyers would keep the one that reached them first.
  return alone(path, () => revokeAlone(path, more, issuedS, operator, crypto));
}

function revokeAlone(
  path: string,
  more: readonly Revoked[],
  issuedS: number,
  operator: Signer,
  crypto: Crypto,
): Result<{ signed: Uint8Array; list: Revocations }> {
  const kept = keptRevocations(path, operator.publicKey, crypto);
  if (!kept.ok) return kept;
  const before = kept.value;
  const serials = new Map(before?.list.revoked.map(({ device, serial }) => [device, serial]));
  const isNew = ({ device, serial }: Revoked): boolean => (serials.get(device) ?? -1) < serial;
  if (before !== undefined && !more.some(isNew)) return ok(before);
  for (const one of more) if (isNew(one)) serials.set(one.device, one.serial);
  if (serials.size > REVOKED_MAX) {
    return fail(
      "too-many",
      `a list holds ${REVOKED_MAX} devices: provision those that remain under a new operator key`,
    );
  }
  const revoked = [...serials].map(([device, serial]) => ({ device, serial }));
  const list = { number: (before?.list.number ?? 0) + 1, issuedS, revoked };
  const signed = signRevocations(list, operator, crypto);
  replace(path, signed);
  return ok({ signed, list });
}

/** For people: a line for each device. */
export function revokedLines({ revoked }: Pick<Revocations, "revoked">): string[] {
  return revoked.map(({ device, serial }) =>
    serial === EVERY_SERIAL ? `${device}  for good` : `${device}  up to serial ${serial}`,
  );
}
