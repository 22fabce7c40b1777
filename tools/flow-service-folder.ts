// What a flow service that runs elsewhere needs beside its code: its key, its grant, and the public key of the
// operator whose devices it serves, in a folder for its owner's eyes only.

import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { equalBytes, toHex } from "../firmware/bytes.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import {
  FLOW_GRANT_BYTES_MAX,
  type FlowGrant,
  issueFlowGrant,
  serviceName,
  verifyFlowGrant,
} from "../firmware/token/flow-grant.ts";
import type { Crypto, Signer } from "../hal/crypto.ts";
import { HalError } from "../hal/hal-error.ts";
import { readKeyFile, writeKeyFile } from "../hal/linux/key-file.ts";
import { openSystemEntropy } from "../hal/linux/system-entropy.ts";
import { exists, readSmall, replace, writeNew } from "./key-files.ts";
import { readOperatorKey } from "./operator-key.ts";
import { OPERATOR_FILE } from "./provisioning.ts";

const KEY_FILE = "box.pem";
export const GRANT_FILE = "grant.cbor";

export interface Enrolled {
  grant: FlowGrant;
  boxSecret: Uint8Array;
  operatorKey: Uint8Array;
}

/** Where the keys of a service are when nobody says. */
export function serviceFolder(option: string | undefined, id: string): string {
  return resolve(option ?? `${id}.service`);
}

/**
 * Makes the service's key where there is none, and signs a grant in the place of the one before, with a later
 * serial. Errors: `key-changed` for a folder of another operator, those of readEnrolled. Throws HalError.
 */
export function enrol(
  folder: string,
  wanted: Omit<FlowGrant, "boxKey" | "name" | "serial">,
  nowS: number,
  operator: Signer,
  crypto: Crypto,
): Result<Enrolled> {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new HalError("refused", `the folder ${folder} cannot be made`, error);
  }
  const ours = keepOperator(join(folder, OPERATOR_FILE), operator);
  if (!ours.ok) return ours;
  const keyPath = join(folder, KEY_FILE);
  if (!exists(keyPath)) writeKeyFile(keyPath, "x25519", openSystemEntropy().bytes(32));
  const boxKey = crypto.boxPublicKey(readKeyFile(keyPath).seed);
  const grantPath = join(folder, GRANT_FILE);
  const before = exists(grantPath) ? readEnrolled(folder, crypto) : undefined;
  if (before?.ok && before.value.grant.id !== wanted.id) {
    const { id } = before.value.grant;
    return fail("exists", `${folder} is of the service ${id}: name another with --out`, "--out");
  }
  const serial = Math.max(nowS, before?.ok ? before.value.grant.serial + 1 : 0);
  replace(grantPath, issueFlowGrant({ ...wanted, boxKey, serial }, operator, crypto));
  return readEnrolled(folder, crypto);
}

/** Errors: those of verifyFlowGrant, `key-changed` for a grant of another key. Throws HalError for missing files. */
export function readEnrolled(folder: string, crypto: Crypto): Result<Enrolled> {
  const path = join(folder, GRANT_FILE);
  const signed = readSmall(path, FLOW_GRANT_BYTES_MAX);
  if (signed === undefined) {
    throw new HalError("refused", `${path} does not exist: sluice enrol makes it`);
  }
  const operator = readOperatorKey(join(folder, OPERATOR_FILE));
  if (!operator.ok) return operator;
  const grant = verifyFlowGrant(signed, operator.value, crypto);
  if (!grant.ok) return fail(grant.fault.kind, `${path}: ${grant.fault.message}`);
  const { kind, seed } = readKeyFile(join(folder, KEY_FILE));
  const name = kind === "x25519" ? serviceName(crypto, crypto.boxPublicKey(seed)) : undefined;
  if (name !== grant.value.name) {
    return fail("key-changed", `${path} is for another key than ${join(folder, KEY_FILE)}`);
  }
  return ok({ grant: grant.value, boxSecret: seed, operatorKey: operator.value });
}

function keepOperator(path: string, operator: Signer): Result<void> {
  if (!exists(path)) {
    writeNew(path, `${toHex(operator.publicKey)}\n`);
    return ok(undefined);
  }
  const kept = readOperatorKey(path);
  if (!kept.ok) return kept;
  if (equalBytes(kept.value, operator.publicKey)) return ok(undefined);
  return fail(
    "key-changed",
    `${path} is of another operator: name another folder with --out`,
    "--out",
  );
}
