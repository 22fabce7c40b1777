// Private keys on disk: PKCS8 PEM (RFC 8410), one key a file, mode 0600. A file that others could read is
// refused, and a file that exists is never written over.

import { createPrivateKey, type KeyObject } from "node:crypto";
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { HalError } from "../hal-error.ts";
import { readPrivateFile } from "./private-file.ts";

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

/** Throws HalError `refused` (missing, looser than 0600, not ours) or `corrupt` (no such key), naming the file. */
export function readKeyFile(path: string): PrivateKey {
  const bytes = readPrivateFile(path, BYTES_MAX);
  if (bytes === undefined) throw new HalError("refused", `key file ${path} does not exist`);
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: Buffer.from(bytes), format: "pem" });
  } catch (error) {
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

/** The key is on disk when it returns. Throws HalError `refused` when the file exists or cannot be written. */
export function writeKeyFile(path: string, kind: KeyKind, seed: Uint8Array): void {
  if (seed.length !== 32) throw new Error("assertion failed: a seed has 32 bytes");
  const der = Buffer.concat([Buffer.from(PKCS8_PREFIX[kind], "hex"), seed]);
  const pem = `-----BEGIN PRIVATE KEY-----\n${der.toString("base64")}\n-----END PRIVATE KEY-----\n`;
  const temporary = `${path}.${process.pid}.new`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    rmSync(temporary, { force: true });
    const fd = openSync(temporary, "wx", 0o600);
    try {
      writeSync(fd, pem);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    // Unlike rename, link refuses a name that is taken: whole or not at all, and never over another key.
    linkSync(temporary, path);
    syncDirectory(dirname(path));
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    const why = code === "EEXIST" ? "exists, and keys are never written over" : `failed (${code})`;
    throw new HalError("refused", `key file ${path} ${why}`, error);
  } finally {
    rmSync(temporary, { force: true });
  }
}

function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
