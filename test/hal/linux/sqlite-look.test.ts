// A look at a store: which can be read, and that nothing of any of them is changed, whoever has it open meanwhile.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lookAtStore } from "../../../hal/linux/sqlite-look.ts";
import { openSqliteStore } from "../../../hal/linux/sqlite-store.ts";
import { requireBuilt } from "../../support/built.ts";

const LOOK = fileURLToPath(new URL("../../../build/hal/linux/sqlite-look.js", import.meta.url));
let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-look-"));
  path = join(folder, "device.db");
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Each file there: its bytes, its mode and when it was written. */
function onDisk(): string[] {
  return readdirSync(folder).map((name) => {
    const file = join(folder, name);
    const { mode, mtimeMs, nlink } = statSync(file);
    const bytes = createHash("sha256").update(readFileSync(file)).digest("hex");
    return [name, bytes, mode, mtimeMs, nlink].join(" ");
  });
}

async function made(version?: number): Promise<void> {
  const store = await openSqliteStore(path);
  await store.commit([{ kind: "order", id: "a", body: "{}" }]);
  await store.close();
  if (version === undefined) return;
  const db = new Database(path);
  db.exec(`update meta set version = ${version}`);
  db.close();
}

const NEWER = /device\.db was written by a newer version.*schema 2, this one knows 1\).*install/;

describe("I1: nothing on disk changes at a look", () => {
  test.each([
    ["of this schema", 1, undefined, undefined],
    ["of a newer one", 2, undefined, NEWER],
    ["of one that is brought up at a start", 1, { oldest: 1, newest: 3 }, undefined],
    [
      "of one that nobody brings up any more",
      1,
      { oldest: 2, newest: 3 },
      /an older.*knows 2 to 3/,
    ],
  ] as const)("at books %s", async (_, version, schemas, refused) => {
    await made(version);
    const before = onDisk();
    const look = (): void => lookAtStore(path, schemas);
    if (refused === undefined) look();
    else expect(look).toThrow(refused);
    expect(onDisk()).toEqual(before);
  });

  test("at books that were never begun, and at what is none", () => {
    writeFileSync(path, "");
    const empty = onDisk();
    lookAtStore(path);
    expect(onDisk()).toEqual(empty);
    writeFileSync(path, "this is no database ".repeat(100));
    const before = onDisk();
    expect(() => lookAtStore(path)).toThrow(expect.objectContaining({ kind: "corrupt" }));
    expect(onDisk()).toEqual(before);
  });

  test.each([
    ["this schema", 1, ""],
    ["a newer one", 2, "schema 2"],
  ])(
    "at those of %s that another process has open, with what only its log has yet",
    (_, version, words) => {
      requireBuilt("hal/linux/sqlite-look.js");
      const db = new Database(path);
      db.pragma("journal_mode = WAL");
      db.exec("create table meta (version integer not null); insert into meta values (1)");
      db.pragma("wal_checkpoint(truncate)");
      db.exec(`update meta set version = ${version}`);
      const before = onDisk();
      expect(readdirSync(folder)).toEqual(["device.db", "device.db-shm", "device.db-wal"]);
      const script = `import { lookAtStore } from ${JSON.stringify(LOOK)}; lookAtStore(process.argv[1]);`;
      const args = ["--input-type=module", "-e", script, path];
      const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
      expect(onDisk()).toEqual(before);
      expect([status, stderr]).toEqual(
        words === "" ? [0, ""] : [1, expect.stringContaining(words)],
      );
      // And it goes on writing to them.
      db.exec("update meta set version = 3");
      db.close();
      expect(readdirSync(folder)).toEqual(["device.db"]);
    },
  );
});

test("what an earlier look left behind is no trouble", async () => {
  await made();
  mkdirSync(`${path}.look`);
  writeFileSync(join(`${path}.look`, "device.db"), "x");
  lookAtStore(path);
  expect(readdirSync(folder)).toEqual(["device.db"]);
});

test("a store of an older version that this one cannot bring up is refused at a start, too", async () => {
  await made(0);
  await expect(openSqliteStore(path)).rejects.toThrow(/an older version of sluice \(schema 0/);
});
