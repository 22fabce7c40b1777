// Keys and certificate of a device: makes what is missing in its keys folder and writes nothing over, save the
// certificate when it is renewed. The operator's private key is needed here only; what stays on the device is
// its public half.

import { join } from "node:path";
import { equalBytes, toHex } from "../firmware/bytes.ts";
import { fingerprint } from "../firmware/consumer/trust.ts";
import { COMMAND_BYTES_MAX } from "../firmware/protocol/messages.ts";
import { type Fault, fail, ok, type Result } from "../firmware/result.ts";
import {
  type Certificate,
  issueCertificate,
  verifyCertificate,
} from "../firmware/token/certificate.ts";
import { verifyRevocations } from "../firmware/token/revocation.ts";
import type { Crypto, Signer } from "../hal/crypto.ts";
import type { Entropy } from "../hal/entropy.ts";
import { HalError } from "../hal/hal-error.ts";
import { type KeyKind, readKeyFile, writeKeyFile } from "../hal/linux/key-file.ts";
import { exists, readSmall, replace, writeNew } from "./key-files.ts";
import { readOperatorKey } from "./operator-key.ts";

export const CERTIFICATE_FILE = "certificate.cbor";
/** 64 hexadecimal digits and a line end. */
export const OPERATOR_FILE = "operator.pub";
/** The operator's latest list of revoked devices; a device need not have one. */
export const REVOCATIONS_FILE = "revocations.cbor";
const BYTES_MAX = 1024;

export interface ProvisionOptions {
  /** Keys folder of the device. */
  folder: string;
  /** Private key of the operator; made when there is no such file. */
  operatorPath: string;
  /** Of the operator's key, where it is or shall be under one. */
  passphrase?: string;
  serial: number;
  expiresS: number;
  /** Marks the keys as good for a bench only. */
  bench: boolean;
  crypto: Crypto;
  entropy: Entropy;
}

export interface Provisioned {
  certificate: Uint8Array;
  operatorKey: Uint8Array;
  /** The certificate, read and verified. */
  claims: Certificate;
  operatorFingerprint: string;
  /** The operator's list of revoked devices, signed and verified. */
  revocations?: Uint8Array;
}

/** Throws HalError for files that cannot be read or written. Errors: `exists` when the device has a certificate. */
export function provision(options: ProvisionOptions): Result<Provisioned & { made: string[] }> {
  const { folder, crypto, entropy, serial, bench, expiresS } = options;
  const certificatePath = join(folder, CERTIFICATE_FILE);
  if (exists(certificatePath)) {
    return fail(
      "exists",
      `the device has a certificate (${certificatePath}): to make a later one for the same keys, add --renew`,
    );
  }
  const made: string[] = [];
  const seed = (path: string, kind: KeyKind, passphrase?: string): Uint8Array => {
    if (!exists(path)) {
      writeKeyFile(path, kind, entropy.bytes(32), passphrase);
      made.push(path);
    }
    return readKey(path, kind, passphrase);
  };
  const operator = crypto.signer(seed(options.operatorPath, "ed25519", options.passphrase));
  const sign = crypto.signer(seed(join(folder, "device-sign.pem"), "ed25519"));
  const box = seed(join(folder, "device-box.pem"), "x25519");
  const host = seed(join(folder, "host-box.pem"), "x25519");
  const operatorPath = join(folder, OPERATOR_FILE);
  if (!exists(operatorPath)) {
    writeNew(operatorPath, `${toHex(operator.publicKey)}\n`);
    made.push(operatorPath);
  } else {
    const kept = readOperatorKey(operatorPath);
    if (!kept.ok) return kept;
    if (!equalBytes(kept.value, operator.publicKey))
      return fail(
        "key-changed",
        `${operatorPath} is of another operator: move it away if the device changes hands`,
      );
  }
  const certificate = issueCertificate(
    {
      signKey: sign.publicKey,
      boxKey: crypto.boxPublicKey(box),
      hostKey: crypto.boxPublicKey(host),
      serial,
      bench,
      expiresS,
    },
    operator,
    crypto,
  );
  writeNew(certificatePath, certificate);
  made.push(certificatePath);
  const provisioned = readProvisioned(folder, crypto);
  return provisioned.ok ? ok({ ...provisioned.value, made }) : provisioned;
}

export interface RenewOptions {
  /** Keys folder of the device; its private keys are not needed. */
  folder: string;
  operator: Signer;
  /** The next one when not given. */
  serial: number | undefined;
  expiresS: number;
  crypto: Crypto;
}

/**
 * A later certificate for the keys of the one that is there, in its place. Errors: `key-changed` for another
 * operator, `out-of-range` for a serial or an expiry that is not later. Throws HalError.
 */
export function renew(options: RenewOptions): Result<Provisioned> {
  const { folder, operator, expiresS, crypto } = options;
  const before = readProvisioned(folder, crypto);
  if (!before.ok) return before;
  const { claims, operatorKey } = before.value;
  if (!equalBytes(operatorKey, operator.publicKey)) {
    return fail(
      "key-changed",
      `${folder} is of another operator (${before.value.operatorFingerprint}): only that one can renew it`,
      "--operator",
    );
  }
  if (expiresS <= claims.expiresS) {
    const day = new Date(1000 * claims.expiresS).toISOString().slice(0, 10);
    return fail(
      "out-of-range",
      `the certificate is good to ${day} already: name more days`,
      "--days",
    );
  }
  const serial = options.serial ?? claims.serial + 1;
  if (serial <= claims.serial) {
    return fail("out-of-range", `must be more than ${claims.serial}, the last one`, "--serial");
  }
  const certificate = issueCertificate({ ...claims, serial, expiresS }, operator, crypto);
  replace(join(folder, CERTIFICATE_FILE), certificate);
  return readProvisioned(folder, crypto);
}

export function isProvisioned(folder: string): boolean {
  return exists(join(folder, CERTIFICATE_FILE));
}

/** Errors: those of verifyCertificate and verifyRevocations. Throws HalError for files that are missing or odd. Expiry is the caller's. */
export function readProvisioned(folder: string, crypto: Crypto): Result<Provisioned> {
  const path = join(folder, CERTIFICATE_FILE);
  const certificate = readSmall(path, BYTES_MAX);
  if (certificate === undefined)
    throw new HalError("refused", `${path} does not exist: sluice provision makes it`);
  const operator = readOperatorKey(join(folder, OPERATOR_FILE));
  if (!operator.ok) return operator;
  const operatorKey = operator.value;
  const claims = verifyCertificate(certificate, operatorKey, crypto);
  if (!claims.ok) return inFile(path, claims);
  const revocations = readSmall(join(folder, REVOCATIONS_FILE), COMMAND_BYTES_MAX);
  if (revocations !== undefined) {
    const list = verifyRevocations(revocations, operatorKey, crypto);
    if (!list.ok) return inFile(join(folder, REVOCATIONS_FILE), list);
  }
  const operatorFingerprint = fingerprint(operatorKey, crypto);
  const read = { certificate, operatorKey, claims: claims.value, operatorFingerprint };
  return ok(revocations === undefined ? read : { ...read, revocations });
}

function inFile(path: string, { fault }: { fault: Fault }): Result<never> {
  return fail(fault.kind, `${path}: ${fault.message}`);
}

function readKey(path: string, kind: KeyKind, passphrase?: string): Uint8Array {
  const key = readKeyFile(path, passphrase);
  if (key.kind === kind) return key.seed;
  throw new HalError("refused", `${path} holds a key of type ${key.kind}, not ${kind}`);
}
