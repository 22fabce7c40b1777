// What the SQLite store promises beyond the port: files that only we can read, refusals with a reason, two
// processes on one file, and commits that outlive kill -9.

import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openSqliteStore, openSqliteStores } from "../../../hal/linux/sqlite-store.ts";

const WRITER = fileURLToPath(new URL("../../support/store-writer.mjs", import.meta.url));

describe("SQLite store", () => {
  let directory = "";
  let path = "";
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "sluice-store-"));
    path = join(directory, "data", "store.db");
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  test("makes a directory and files that nobody else can read, and tightens a looser file", async () => {
    const store = await openSqliteStore(path);
    await store.commit([{ kind: "order", id: "a", body: "1" }]);
    expect(statSync(join(directory, "data")).mode & 0o777).toBe(0o700);
    for (const file of readdirSync(join(directory, "data"))) {
      expect([file, statSync(join(directory, "data", file)).mode & 0o777]).toEqual([file, 0o600]);
    }
    await store.close();
    chmodSync(path, 0o644);
    await (await openSqliteStore(path)).close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("can be read with a database shell", async () => {
    const store = await openSqliteStore(path);
    await store.commit([{ kind: "order", id: "a", body: '{"units":3}' }]);
    await store.close();
    const db = new Database(path, { readonly: true });
    const row = db.prepare("select kind, id, body ->> 'units' as units from record").get();
    db.close();
    expect(row).toEqual({ kind: "order", id: "a", units: 3 });
  });

  test("is refused while another has it open exclusively, though not to a database shell", async () => {
    const store = await openSqliteStore(path, { exclusive: true });
    await expect(openSqliteStore(path, { exclusive: true })).rejects.toMatchObject({
      kind: "refused",
      message: expect.stringContaining("in use"),
    });
    const db = new Database(path, { readonly: true });
    expect(db.prepare("select count(*) from record").pluck().get()).toBe(0);
    db.close();
    await store.close();
    await (await openSqliteStore(path, { exclusive: true })).close();
  });

  test("refuses a file of a newer version, and leaves it as it is", async () => {
    await (await openSqliteStore(path)).close();
    const db = new Database(path);
    db.exec("update meta set version = 99");
    db.close();
    const opening = openSqliteStore(path);
    await expect(opening).rejects.toMatchObject({ name: "HalError", kind: "refused" });
    await expect(opening).rejects.toThrow(/store\.db was written by a newer version.*schema 99/);
  });

  test("says corrupt of a file that is no database", async () => {
    const other = join(directory, "other.db");
    writeFileSync(other, "this is no database ".repeat(100));
    const opening = openSqliteStore(other);
    await expect(opening).rejects.toMatchObject({ kind: "corrupt" });
    await expect(opening).rejects.toThrow(other);
  });

  test("says corrupt when the pages were damaged", async () => {
    const store = await openSqliteStore(path);
    for (let i = 0; i < 200; i++) {
      await store.commit([{ kind: "order", id: String(i), body: "x".repeat(500) }]);
    }
    await store.close();
    const { size } = statSync(path);
    const db = new Database(path);
    const page = db.pragma("page_size", { simple: true }) as number;
    db.close();
    writeFileSync(path, Buffer.alloc(size - 2 * page, 0xa5), { flag: "r+" });
    const damaged = openSqliteStore(path).then((opened) => opened.list("order"));
    await expect(damaged).rejects.toMatchObject({ kind: "corrupt" });
  });

  test("says full when there is no room, writes nothing of that commit, and goes on", async () => {
    const store = await openSqliteStore(path, { bytesMax: 128 * 1024 });
    await store.commit([{ kind: "order", id: "small", body: "1" }]);
    // Handed over at once, so that the large one shares a transaction with others.
    const commits = Array.from({ length: 40 }, (_, i) =>
      store.commit([
        { kind: "order", id: "last", body: String(i) },
        ...(i === 20 ? [{ kind: "order", id: "large", body: "x".repeat(200_000) }] : []),
        { kind: "small", id: String(i), body: "1" },
      ]),
    );
    const outcomes = await Promise.allSettled(commits);
    const refused = outcomes.flatMap(({ status }, i) => (status === "rejected" ? [i] : []));
    expect(refused).toEqual([20]);
    await expect(commits[20]).rejects.toMatchObject({ kind: "full" });
    const ids = (await store.list("order")).map(({ id, body }) => `${id}=${body}`);
    expect(ids).toEqual(["last=39", "small=1"]);
    expect(await store.list("small")).toHaveLength(39);
    expect(await store.get("small", "20")).toBeUndefined();
    await store.close();
  });

  test("refuses a directory that cannot be", async () => {
    writeFileSync(join(directory, "data"), "a file in the way");
    await expect(openSqliteStore(path)).rejects.toMatchObject({ name: "HalError" });
  });

  test("is shared by several handles, none of which loses a commit", async () => {
    const stores = await Promise.all([1, 2, 3].map(() => openSqliteStore(path)));
    await Promise.all(
      stores.map(async (store, at) => {
        for (let i = 0; i < 40; i++) {
          await store.commit([{ kind: "order", id: `${at}-${i}`, body: "1" }]);
        }
      }),
    );
    for (const store of stores) expect(await store.list("order")).toHaveLength(120);
    for (const store of stores) await store.close();
  });

  test("on one thread: each keeps its own books, and is closed by itself", async () => {
    const stores = openSqliteStores();
    const [a, b] = await Promise.all([stores.open(path), stores.open(`${path}-b`)]);
    const writes = (value: string) => [{ kind: "order", id: "1", body: value }];
    // Handed over at once, so that commits of both wait in one queue.
    await Promise.all([0, 1, 2, 3].map((i) => (i % 2 ? b : a).commit(writes(`${i}`))));
    expect([await a.get("order", "1"), await b.get("order", "1")]).toEqual(["2", "3"]);
    await a.close();
    await expect(a.get("order", "1")).rejects.toMatchObject({ kind: "canceled" });
    expect(await b.get("order", "1")).toBe("3");
    await expect(stores.open(join(directory, "data"))).rejects.toMatchObject({ name: "HalError" });
    await b.close();
    await b.close();
    // The thread has ended with the last of them; the next one is served by a new one.
    const again = await stores.open(path);
    expect(await again.get("order", "1")).toBe("2");
    await again.close();
  });

  test("gives up on a file that another process keeps, and goes on when it is free", async () => {
    const store = await openSqliteStore(path, { busyMs: 50 });
    const other = new Database(path);
    other.exec("begin immediate");
    const held = [1, 2, 3].map((i) => store.commit([{ kind: "order", id: String(i), body: "1" }]));
    const outcomes = await Promise.allSettled(held);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    await expect(held[0]).rejects.toMatchObject({ name: "HalError", kind: "other" });
    await expect(held[0]).rejects.toThrow(/locked/);
    other.close();
    await store.commit([{ kind: "order", id: "4", body: "1" }]);
    expect(await store.list("order")).toEqual([{ id: "4", body: "1" }]);
    await store.close();
  });

  test("I10: every commit that was confirmed is there after kill -9 of the process", async () => {
    const writer = spawn(process.execPath, [WRITER, path], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let confirmed = 0;
    await new Promise<void>((resolve) => {
      writer.stdout.on("data", (chunk: Buffer) => {
        const lines = chunk.toString().trim().split("\n");
        confirmed = Math.max(confirmed, Number(lines.at(-1)));
        if (confirmed >= 100) writer.kill("SIGKILL");
      });
      writer.on("close", () => resolve());
    });
    const store = await openSqliteStore(path);
    const [a, b] = [await store.get("count", "a"), await store.get("count", "b")];
    expect(Number(a)).toBeGreaterThanOrEqual(confirmed);
    expect(b).toBe(a);
    await store.close();
  });
});
