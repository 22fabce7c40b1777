// Private keys on disk: PKCS8 PEM (RFC 8410), one key a file, mode 0600, under a passphrase where one is given.
// A file that others could read is refused, and a file that exists is never written over.

import { createPrivateKey, type KeyObject } from "node:crypto";
import { HalError } from "../hal-error.ts";
import { encryptPkcs8 } from "./encrypted-pkcs8.ts";
import { readPrivateFile } from "./private-file.ts";
import { writeWholeFile } from "./whole-file.ts";

export type KeyKind = "ed25519" | "x25519";

export interface PrivateKey {
  kind: KeyKind;
  /** 32 bytes. */
  seed: Uint8Array;
}

const BYTES_MAX = 1024;
/** RFC 8410, 7: everything in front of the 32 bytes of the key. */
const PKCS8_PREFIX: Readonly<Record<KeyKind, string>> = {
  ed25519: "302e020100300506032b657004220420",
  x25519: "302e020100300506032b656e04220420",
};

const ENCRYPTED = "-----BEGIN ENCRYPTED PRIVATE KEY-----";

/** Whether a passphrase is needed to read it. Throws HalError `refused` as readKeyFile does. */
export function isUnderPassphrase(path: string): boolean {
  return readPem(path).includes(ENCRYPTED);
}

/**
 * Throws HalError `refused` (missing, looser than 0600, not ours, not opened by this passphrase) or `corrupt` (no
 * such key), naming the file.
 */
export function readKeyFile(path: string, passphrase?: string): PrivateKey {
  const pem = readPem(path);
  const encrypted = pem.includes(ENCRYPTED);
  if (encrypted && passphrase === undefined) {
    throw new HalError("refused", `${path} is under a passphrase, and none was given`);
  }
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, format: "pem", ...(encrypted && { passphrase }) });
  } catch (error) {
    if (encrypted) throw new HalError("refused", `${path} does not open with this passphrase`);
    // The cause may quote key material: it stays here.
    const code = (error as { code?: unknown }).code;
    throw new HalError("corrupt", `${path} holds no private key in PKCS8 PEM form (${code})`);
  }
  const kind = key.asymmetricKeyType;
  if (kind !== "ed25519" && kind !== "x25519") {
    throw new HalError(
      "corrupt",
      `${path} holds a key of type ${kind}: ed25519 or x25519 is needed`,
    );
  }
  const { d } = key.export({ format: "jwk" });
  const seed = new Uint8Array(Buffer.from(d ?? "", "base64url"));
  if (seed.length !== 32) throw new HalError("corrupt", `${path} holds no whole key`);
  return { kind, seed };
}

function readPem(path: string): string {
  const bytes = readPrivateFile(path, BYTES_MAX);
  if (bytes === undefined) throw new HalError("refused", `key file ${path} does not exist`);
  return Buffer.from(bytes).toString("latin1");
}

/** The key is on disk when it returns. Throws HalError `refused` when the file exists or cannot be written. */
export function writeKeyFile(
  path: string,
  kind: KeyKind,
  seed: Uint8Array,
  passphrase?: string,
): void {
  if (seed.length !== 32) throw new Error("assertion failed: a seed has 32 bytes");
  const der = Buffer.concat([Buffer.from(PKCS8_PREFIX[kind], "hex"), seed]);
  const [label, body] =
    passphrase === undefined
      ? ["PRIVATE KEY", der]
      : ["ENCRYPTED PRIVATE KEY", encryptPkcs8(der, passphrase)];
  const lines = body.toString("base64").replace(/.{64}(?=.)/g, "$&\n");
  const pem = `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
  try {
    writeWholeFile(path, { content: pem, mode: 0o600, over: false });
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    const why = code === "EEXIST" ? "exists, and keys are never written over" : `failed (${code})`;
    throw new HalError("refused", `key file ${path} ${why}`, error);
  }
}
