// Who a consumer is: a folder with its key, its store of pins and purchases, and its receipts. Made at first
// use, for its owner's eyes only.

import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { HalError } from "../hal/hal-error.ts";
import { readKeyFile, writeKeyFile } from "../hal/linux/key-file.ts";
import { openSqliteStore } from "../hal/linux/sqlite-store.ts";
import { openSystemEntropy } from "../hal/linux/system-entropy.ts";
import { writeWholeFile } from "../hal/linux/whole-file.ts";
import type { Store } from "../hal/store.ts";

export interface Identity {
  folder: string;
  boxSecret: Uint8Array;
  /** The caller closes it. */
  store: Store;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Where it is when nobody says: the user's folder for state (XDG base directory specification). */
export function identityFolder(option: string | undefined, environment: Environment): string {
  if (option !== undefined) return resolve(option);
  const { XDG_STATE_HOME: state, HOME: home = homedir() } = environment;
  const base = state?.startsWith("/") ? state : join(home, ".local", "state");
  return join(base, "sluice", "consumer");
}

/** Throws HalError, naming the file. */
export async function openIdentity(folder: string): Promise<Identity> {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new HalError("refused", `the identity folder ${folder} cannot be made`, error);
  }
  const boxSecret = openBoxKey(join(folder, "box.pem"));
  return { folder, boxSecret, store: await openSqliteStore(join(folder, "consumer.db")) };
}

/** Writes a file of ours whole or not at all. Throws HalError `refused`. */
export function writeOwnFile(path: string, text: string): void {
  try {
    writeWholeFile(path, { content: text, mode: 0o600, over: true });
  } catch (error) {
    throw new HalError("refused", `${path} cannot be written`, error);
  }
}

function openBoxKey(path: string): Uint8Array {
  if (!existsSync(path)) {
    try {
      writeKeyFile(path, "x25519", openSystemEntropy().bytes(32));
    } catch (error) {
      // Another first use, at the same moment, may have been there before us: then its key is ours too.
      if (!existsSync(path)) throw error;
    }
  }
  return readBoxKey(path);
}

function readBoxKey(path: string): Uint8Array {
  const { kind, seed } = readKeyFile(path);
  if (kind === "x25519") return seed;
  throw new HalError("corrupt", `${path} holds a key of type ${kind}, not x25519`);
}
