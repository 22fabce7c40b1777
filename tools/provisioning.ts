// Keys and certificate of a device: makes what is missing in its keys folder and writes nothing over. The
// operator's private key is needed here only; what stays on the device is its public half.

import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { equalBytes, toHex } from "../firmware/bytes.ts";
import { fingerprint } from "../firmware/consumer/trust.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import {
  type Certificate,
  issueCertificate,
  verifyCertificate,
} from "../firmware/token/certificate.ts";
import type { Crypto } from "../hal/crypto.ts";
import type { Entropy } from "../hal/entropy.ts";
import { HalError } from "../hal/hal-error.ts";
import { type KeyKind, readKeyFile, writeKeyFile } from "../hal/linux/key-file.ts";
import { readOperatorKey } from "./operator-key.ts";

export const CERTIFICATE_FILE = "certificate.cbor";
/** 64 hexadecimal digits and a line end. */
export const OPERATOR_FILE = "operator.pub";
const BYTES_MAX = 1024;

export interface ProvisionOptions {
  /** Keys folder of the device. */
  folder: string;
  /** Private key of the operator; made when there is no such file. */
  operatorPath: string;
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
}

/** Throws HalError for files that cannot be read or written. Errors: `exists` when the device has a certificate. */
export function provision(options: ProvisionOptions): Result<Provisioned & { made: string[] }> {
  const { folder, crypto, entropy, serial, bench, expiresS } = options;
  const certificatePath = join(folder, CERTIFICATE_FILE);
  if (exists(certificatePath)) {
    return fail(
      "exists",
      `the device has a certificate: to make a new one for the same keys, first move ${certificatePath} away`,
    );
  }
  const made: string[] = [];
  const seed = (path: string, kind: KeyKind): Uint8Array => {
    if (!exists(path)) {
      writeKeyFile(path, kind, entropy.bytes(32));
      made.push(path);
    }
    return readKey(path, kind);
  };
  const operator = crypto.signer(seed(options.operatorPath, "ed25519"));
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

export function isProvisioned(folder: string): boolean {
  return exists(join(folder, CERTIFICATE_FILE));
}

/** Errors: those of verifyCertificate. Throws HalError for files that are missing or odd. Expiry is the caller's. */
export function readProvisioned(folder: string, crypto: Crypto): Result<Provisioned> {
  const certificate = readSmall(join(folder, CERTIFICATE_FILE));
  const operator = readOperatorKey(join(folder, OPERATOR_FILE));
  if (!operator.ok) return operator;
  const operatorKey = operator.value;
  const claims = verifyCertificate(certificate, operatorKey, crypto);
  if (!claims.ok) {
    const { kind, message } = claims.fault;
    return fail(kind, `${join(folder, CERTIFICATE_FILE)}: ${message}`);
  }
  const operatorFingerprint = fingerprint(operatorKey, crypto);
  return ok({ certificate, operatorKey, claims: claims.value, operatorFingerprint });
}

function readKey(path: string, kind: KeyKind): Uint8Array {
  const key = readKeyFile(path);
  if (key.kind === kind) return key.seed;
  throw new HalError("refused", `${path} holds a key of type ${key.kind}, not ${kind}`);
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function readSmall(path: string): Uint8Array {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined)
    throw new HalError("refused", `${path} does not exist: sluice provision makes it`);
  if (!stat.isFile() || stat.size > BYTES_MAX)
    throw new HalError("corrupt", `${path} is none of ours`);
  try {
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    throw new HalError("refused", `${path} cannot be read`, error);
  }
}

/** Whole or not at all, and never over a file that exists. */
function writeNew(path: string, content: string | Uint8Array): void {
  const temporary = `${path}.${process.pid}.new`;
  try {
    rmSync(temporary, { force: true });
    const fd = openSync(temporary, "wx", 0o644);
    try {
      writeSync(fd, Buffer.from(content));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    linkSync(temporary, path);
  } catch (error) {
    throw new HalError("refused", `${path} cannot be written`, error);
  } finally {
    rmSync(temporary, { force: true });
  }
}
