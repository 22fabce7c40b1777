// A device's keys and its operator's word on them without the two ever being in one place: the device asks with a line of
// text, the operator answers with one, and no private key travels either way.

import { join } from "node:path";
import { equalBytes, fromUtf8, toHex } from "../firmware/bytes.ts";
import { decodeCbor, encodeCbor } from "../firmware/protocol/cbor.ts";
import { COMMAND_BYTES_MAX } from "../firmware/protocol/messages.ts";
import { bytes, field, map, optional, readCbor } from "../firmware/protocol/schema.ts";
import { base64url, fromBase64url } from "../firmware/protocol/topics.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import {
  type Certificate,
  deviceName,
  issueCertificate,
  verifyCertificate,
} from "../firmware/token/certificate.ts";
import { signKeyRequest, verifyKeyRequest } from "../firmware/token/key-request.ts";
import { isRevoked, verifyRevocations } from "../firmware/token/revocation.ts";
import type { Crypto, Signer } from "../hal/crypto.ts";
import type { Entropy } from "../hal/entropy.ts";
import { type KeyKind, readKeyFile, writeKeyFile } from "../hal/linux/key-file.ts";
import { exists, replace } from "./key-files.ts";
import {
  CERTIFICATE_FILE,
  isProvisioned,
  OPERATOR_FILE,
  type Provisioned,
  REVOCATIONS_FILE,
  readProvisioned,
} from "./provisioning.ts";
import { keptRevocations, revocationsPath } from "./revoking.ts";

const REQUEST = "sluice-request:";
const ANSWER = "sluice-certificate:";
const CERTIFICATE_BYTES_MAX = 1024;
/** Base64 of the largest answer, its name, and a line end. */
export const LINE_BYTES_MAX = 8 * 1024;

const answerType = map({
  operatorKey: field(1, bytes(32)),
  certificate: field(2, bytes(1, CERTIFICATE_BYTES_MAX)),
  revocations: optional(3, bytes(1, COMMAND_BYTES_MAX)),
});

const DEVICE_KEYS = {
  sign: ["device-sign.pem", "ed25519"],
  box: ["device-box.pem", "x25519"],
  host: ["host-box.pem", "x25519"],
} as const;

function readSeed(folder: string, [name, kind]: readonly [string, KeyKind]): Result<Uint8Array> {
  const path = join(folder, name);
  const key = readKeyFile(path);
  if (key.kind === kind) return ok(key.seed);
  return fail("bad-key-file", `${path} holds a key of type ${key.kind}, not ${kind}`);
}

/**
 * On the device: makes what keys are missing, and asks for a certificate of them. Errors: `exists` for a bench's keys,
 * `bad-key-file`. Throws HalError for files that cannot be read or written.
 */
export function requestCertificate(
  folder: string,
  crypto: Crypto,
  entropy: Entropy,
): Result<string> {
  if (isProvisioned(folder)) {
    const before = readProvisioned(folder, crypto);
    if (!before.ok) return before;
    if (before.value.claims.bench) return fail("exists", benchText(folder));
  }
  for (const [name, kind] of Object.values(DEVICE_KEYS)) {
    const path = join(folder, name);
    if (!exists(path)) writeKeyFile(path, kind, entropy.bytes(32));
  }
  const sign = readSeed(folder, DEVICE_KEYS.sign);
  if (!sign.ok) return sign;
  const box = readSeed(folder, DEVICE_KEYS.box);
  if (!box.ok) return box;
  const host = readSeed(folder, DEVICE_KEYS.host);
  if (!host.ok) return host;
  const publicKey = (seed: Uint8Array) => crypto.boxPublicKey(seed);
  const signed = signKeyRequest(
    publicKey(box.value),
    publicKey(host.value),
    crypto.signer(sign.value),
  );
  return ok(`${REQUEST}${base64url(signed)}`);
}

function benchText(folder: string): string {
  return `${folder} holds a bench's keys, whose device no operator can take over: move the folder away, and the device's books with it`;
}

export interface CertifyOptions {
  operator: Signer;
  /** Beside it lies the operator's list of revoked devices. */
  operatorPath: string;
  serial: number;
  expiresS: number;
  crypto: Crypto;
}

/**
 * Where the operator's key is: the answer to a request, and what it certifies. Errors: `malformed`, `too-large` and
 * `signature` for a request that is none, `revoked` for a device of which the operator took its word back.
 */
export function certify(
  request: Uint8Array,
  { operator, operatorPath, serial, expiresS, crypto }: CertifyOptions,
): Result<{ answer: string; device: string }> {
  const what = "a device's request (sluice provision --request)";
  const signed = unpacked(request, REQUEST, { what, at: "--certify" });
  if (!signed.ok) return signed;
  const keys = verifyKeyRequest(signed.value, crypto);
  if (!keys.ok)
    return fail(keys.fault.kind, `the request is not good: ${keys.fault.message}`, "--certify");
  const device = deviceName(crypto, keys.value.signKey);
  const list = keptRevocations(revocationsPath(operatorPath), operator.publicKey, crypto);
  if (!list.ok) return list;
  if (list.value !== undefined && isRevoked(list.value.list, { device, serial })) {
    return fail("revoked", `this operator has revoked the device ${device}`, "--certify");
  }
  const certificate = issueCertificate(
    { ...keys.value, serial, expiresS, bench: false },
    operator,
    crypto,
  );
  const revocations = list.value?.signed;
  const content = {
    operatorKey: operator.publicKey,
    certificate,
    ...(revocations && { revocations }),
  };
  return ok({ answer: `${ANSWER}${base64url(encodeCbor(answerType.toCbor(content)))}`, device });
}

/**
 * On the device again. Errors: `malformed` and `too-large` for what is no answer, those of verifyCertificate and
 * verifyRevocations, `key-changed` for keys or an operator that are not those of this folder, `out-of-range` for a
 * certificate that is not later than the one that is there. Throws HalError.
 */
export function takeCertificate(
  line: Uint8Array,
  folder: string,
  crypto: Crypto,
): Result<Provisioned> {
  const what = "an operator's answer (sluice provision --certify)";
  const read = unpacked(line, ANSWER, { what, at: "--certificate" });
  if (!read.ok) return read;
  const decoded = decodeCbor(read.value, LINE_BYTES_MAX);
  const answer = decoded.ok ? readCbor(answerType, decoded.value, "answer") : decoded;
  if (!answer.ok)
    return fail(
      answer.fault.kind,
      `the answer is not good: ${answer.fault.message}`,
      "--certificate",
    );
  const { operatorKey, certificate, revocations } = answer.value;
  const claims = verifyCertificate(certificate, operatorKey, crypto);
  if (!claims.ok) return claims;
  const list = laterList(revocations, folder, operatorKey, crypto);
  if (!list.ok) return list;
  const own = ownsKeys(folder, claims.value, crypto);
  if (!own.ok) return own;
  if (isProvisioned(folder)) {
    const before = readProvisioned(folder, crypto);
    if (!before.ok) return before;
    const later = isLater(claims.value, operatorKey, before.value);
    if (!later.ok) return later;
  } else replace(join(folder, OPERATOR_FILE), `${toHex(operatorKey)}\n`);
  if (list.value !== undefined) replace(join(folder, REVOCATIONS_FILE), list.value);
  // The last one: with it the folder counts as provisioned.
  replace(join(folder, CERTIFICATE_FILE), certificate);
  return readProvisioned(folder, crypto);
}

/** The list that came with it, where it is later than the one that lies there. */
function laterList(
  signed: Uint8Array | undefined,
  folder: string,
  operatorKey: Uint8Array,
  crypto: Crypto,
): Result<Uint8Array | undefined> {
  if (signed === undefined) return ok(undefined);
  const list = verifyRevocations(signed, operatorKey, crypto);
  if (!list.ok) return list;
  const there = keptRevocations(join(folder, REVOCATIONS_FILE), operatorKey, crypto);
  const number = there.ok ? (there.value?.list.number ?? 0) : 0;
  return ok(list.value.number > number ? signed : undefined);
}

function ownsKeys(folder: string, claims: Certificate, crypto: Crypto): Result<void> {
  const { sign, box, host } = DEVICE_KEYS;
  const [signSeed, boxSeed, hostSeed] = [sign, box, host].map((key) => readSeed(folder, key));
  if (!signSeed?.ok || !boxSeed?.ok || !hostSeed?.ok) {
    return fail(
      "bad-key-file",
      `${folder} has not the keys of a device: sluice provision --request makes them`,
    );
  }
  const same =
    equalBytes(crypto.signer(signSeed.value).publicKey, claims.signKey) &&
    equalBytes(crypto.boxPublicKey(boxSeed.value), claims.boxKey) &&
    equalBytes(crypto.boxPublicKey(hostSeed.value), claims.hostKey);
  if (same) return ok(undefined);
  return fail(
    "key-changed",
    `the certificate is for the keys of ${claims.device}, which are not those in ${folder}`,
    "--certificate",
  );
}

function isLater(claims: Certificate, operatorKey: Uint8Array, before: Provisioned): Result<void> {
  if (!equalBytes(before.operatorKey, operatorKey)) {
    const message = `the device is of another operator (${before.operatorFingerprint}): only that one can renew its certificate`;
    return fail("key-changed", message, "--certificate");
  }
  if (claims.serial > before.claims.serial && claims.expiresS >= before.claims.expiresS)
    return ok(undefined);
  return fail(
    "out-of-range",
    `the device has a certificate that is as late (serial ${before.claims.serial})`,
    "--certificate",
  );
}

function unpacked(
  line: Uint8Array,
  name: string,
  { what, at }: { what: string; at: string },
): Result<Uint8Array> {
  const text = fromUtf8(line)?.trim();
  const packed = text?.startsWith(name) ? fromBase64url(text.slice(name.length)) : undefined;
  return packed === undefined ? fail("malformed", `this is not ${what}`, at) : ok(packed);
}
