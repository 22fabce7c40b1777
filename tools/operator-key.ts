// Keys of operators. Public ones as people hand them over: 64 hexadecimal digits, a file with those, or the PEM
// of an Ed25519 public key. The private one, which may be under a passphrase, signs certificates, commands and
// revocations.

import { createPublicKey } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { fromHex } from "../firmware/bytes.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import type { Signer } from "../hal/crypto.ts";
import { HalError } from "../hal/hal-error.ts";
import { isUnderPassphrase, readKeyFile } from "../hal/linux/key-file.ts";
import { openNodeCrypto } from "../hal/linux/node-crypto.ts";
import type { Output } from "./command.ts";
import { openTerminal, readPassphrase } from "./passphrase.ts";

const FILE_BYTES_MAX = 4096;

/** Error: `bad-key-file`, saying what is taken. */
export function readOperatorKey(hexOrPath: string): Result<Uint8Array> {
  const given = readKey(hexOrPath);
  if (given !== undefined) return ok(given);
  let text: string;
  try {
    text = readStart(hexOrPath);
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    return fail(
      "bad-key-file",
      `${hexOrPath} is neither 64 hexadecimal digits nor a file that can be read (${code})`,
      "--operator",
    );
  }
  const key = readKey(text.trim()) ?? readPem(text);
  if (key !== undefined) return ok(key);
  const why = text.includes("PRIVATE KEY")
    ? "holds a private key: give the public one"
    : "holds none";
  return fail(
    "bad-key-file",
    `${hexOrPath} ${why} (64 hexadecimal digits, or an Ed25519 public key in PEM form)`,
    "--operator",
  );
}

/** Every key of a repeated option, or the first trouble. */
export function readOperatorKeys(given: readonly string[]): Result<readonly Uint8Array[]> {
  const keys: Uint8Array[] = [];
  for (const one of given) {
    const key = readOperatorKey(one);
    if (!key.ok) return key;
    keys.push(key.value);
  }
  return ok(keys);
}

/**
 * Reads an operator's private key; one that is under a passphrase is asked for on the terminal, unless the
 * output is for a program. Errors: `bad-key-file`, `usage` when there is nowhere to have the passphrase from.
 */
export async function readOperatorSigner(
  path: string,
  out: Output,
  passphraseFile?: string,
): Promise<Result<Signer>> {
  try {
    const passphrase = isUnderPassphrase(path)
      ? await askPassphrase(path, out, passphraseFile, false)
      : ok(undefined);
    if (!passphrase.ok) return passphrase;
    const { kind, seed } = readKeyFile(path, passphrase.value);
    if (kind === "ed25519") return ok(openNodeCrypto().signer(seed));
    return fail("bad-key-file", `${path} holds a key of type ${kind}, not ed25519`);
  } catch (error) {
    if (error instanceof HalError) return fail("bad-key-file", error.message);
    throw error;
  }
}

/** For a key that is there, or, with `fresh`, for one that is to be made. Errors: those of readPassphrase. */
export function askPassphrase(
  path: string,
  out: Output,
  file: string | undefined,
  fresh: boolean,
): Promise<Result<string>> {
  const terminal = out.json ? undefined : openTerminal();
  return readPassphrase({
    of: `the operator's key ${path}`,
    fresh,
    ...(file !== undefined && { file }),
    ...(terminal !== undefined && { terminal }),
  });
}

function readKey(text: string): Uint8Array | undefined {
  return text.length === 64 ? fromHex(text) : undefined;
}

function readStart(path: string): string {
  const fd = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(FILE_BYTES_MAX);
    return bytes.toString("utf8", 0, readSync(fd, bytes, 0, FILE_BYTES_MAX, 0));
  } finally {
    closeSync(fd);
  }
}

function readPem(text: string): Uint8Array | undefined {
  // From a private key Node would derive the public one; nobody should hand that over.
  if (text.includes("PRIVATE KEY")) return undefined;
  try {
    const key = createPublicKey({ key: text, format: "pem" });
    const { x } = key.export({ format: "jwk" });
    if (key.asymmetricKeyType !== "ed25519" || x === undefined) return undefined;
    return new Uint8Array(Buffer.from(x, "base64url"));
  } catch {
    return undefined;
  }
}
