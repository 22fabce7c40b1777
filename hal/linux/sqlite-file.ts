// What whoever opens a file of records has to know of it: which schemas this program can read, how one comes to be, and what
// SQLite's errors mean.

import type Database from "better-sqlite3";
import { HalError } from "../hal-error.ts";

/** Layouts of the tables, by number: files of an older one are brought up to the newest when they are opened, never down. */
export interface Schemas {
  oldest: number;
  newest: number;
}

/** What this program reads. */
const SCHEMAS: Schemas = { oldest: 1, newest: 1 };

export interface StoreTrouble {
  kind: "full" | "corrupt" | "refused" | "changed" | "other";
  message: string;
}

/** Undefined for a file in which nothing was kept yet. Throws HalError `refused` for a schema that is not ours to read. */
export function readVersion(
  db: Database.Database,
  path: string,
  { oldest, newest }: Schemas = SCHEMAS,
): number | undefined {
  const hasMeta = db.prepare("select 1 from sqlite_master where name = 'meta'").get() !== undefined;
  const version = hasMeta
    ? (db.prepare("select version from meta").pluck().get() as number | undefined)
    : undefined;
  if (version === undefined || (version >= oldest && version <= newest)) return version;
  const known = oldest === newest ? `${newest}` : `${oldest} to ${newest}`;
  const which = version > newest ? "a newer" : "an older";
  const message =
    `${path} was written by ${which} version of sluice (schema ${version}, ` +
    `this one knows ${known}): install that version again, or use another data directory`;
  throw new HalError("refused", message);
}

/** Within a transaction. Throws as above. */
export function migrate(db: Database.Database, path: string): void {
  if (readVersion(db, path) !== undefined) return;
  // With row ids: a body of up to a page lies in one leaf, where a table without them would spill it over
  // several pages (SQLite file format, 1.6), and each of those would be written at every change.
  db.exec(
    "create table if not exists meta (version integer not null);" +
      "create table record (kind text not null, id text not null, body text not null, " +
      "primary key (kind, id))",
  );
  db.prepare("insert into meta (version) values (?)").run(SCHEMAS.newest);
}

export function troubleOf(error: unknown, path: string): StoreTrouble {
  if (error instanceof HalError && (error.kind === "changed" || error.kind === "refused")) {
    return { kind: error.kind, message: error.message };
  }
  const code = (error as { code?: unknown }).code;
  const text = error instanceof Error ? error.message : String(error);
  if (code === "LOCKED") return { kind: "refused", message: text };
  const message = `store ${path}: ${text}${typeof code === "string" ? ` (${code})` : ""}`;
  if (typeof code !== "string") return { kind: "other", message };
  if (code === "SQLITE_FULL" || code === "ENOSPC") return { kind: "full", message };
  if (code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB") {
    return { kind: "corrupt", message };
  }
  if (code === "EACCES" || code === "EPERM") return { kind: "refused", message };
  return { kind: "other", message };
}
