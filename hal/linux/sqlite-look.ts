// Whether a program can read a store, found out beside the process that sells from it and without leaving anything behind: not
// a byte of it is written, and nothing is copied, which a full card would not take.

import { linkSync, mkdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import Database from "better-sqlite3";
import { HalError } from "../hal-error.ts";
import { readVersion, type Schemas, troubleOf } from "./sqlite-file.ts";

/**
 * Reading too wants the log's index (SQLite, "Write-Ahead Logging", 7 and 8), which would come to lie beside the store, of
 * this user and for whoever opens it next. So it is opened, for reading, under another name: then the index is made there.
 * No other process of ours may have it open by that name, and this one by none. Throws HalError `refused` for a schema
 * that is not among `schemas`, `corrupt`, `other`.
 */
export function lookAtStore(path: string, schemas?: Schemas): void {
  const folder = `${path}.look`;
  const name = join(folder, basename(path));
  try {
    // Of one that was ended in the middle of it.
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { mode: 0o700 });
    linkSync(path, name);
    linkLog(`${path}-wal`, `${name}-wal`);
    const db = new Database(name, { readonly: true, fileMustExist: true });
    try {
      readVersion(db, path, schemas);
    } finally {
      db.close();
    }
  } catch (error) {
    const { kind, message } = troubleOf(error, path);
    throw new HalError(kind, message);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Whoever closes a store takes its log away, when all of it is in the store. */
function linkLog(path: string, name: string): void {
  try {
    linkSync(path, name);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ENOENT") throw error;
  }
}
