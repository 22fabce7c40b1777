// The worker thread behind the SQLite stores: owns the databases, answers the requests of each in order. Commits
// that queued up while one was being written share one transaction, and so one flush to the disk; when any of
// them fails, all are undone and each is tried by itself, so that every commit still is all or nothing.

import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { type MessagePort, parentPort, receiveMessageOnPort } from "node:worker_threads";
import Database from "better-sqlite3";
import type { StoreRecord, StoreWrite } from "../store.ts";
import { checkExpected } from "../store-write.ts";
import { migrate, type StoreTrouble, troubleOf } from "./sqlite-file.ts";

const GROUP_COMMITS_MAX = 64;
/** Of each database, instead of 2 MiB: records are looked up by their key, seldom twice. */
const CACHE_KIB = 256;

interface Opening {
  path: string;
  busyMs: number;
  bytesMax: number;
  exclusive: boolean;
}

/** `store` is the number that a database was opened under. */
export type StoreRequest =
  | ({ id: number; do: "open"; store: number } & Opening)
  | { id: number; do: "commit"; store: number; writes: readonly StoreWrite[] }
  | { id: number; do: "get"; store: number; kind: string; key: string }
  | { id: number; do: "list"; store: number; kind: string }
  | { id: number; do: "close"; store: number }
  /** Ends the thread, once all of them are closed; without an answer. */
  | { id: number; do: "end" };

export type StoreAnswer = string | readonly StoreRecord[] | undefined;

export type StoreReply =
  | { id: number; ok: true; value?: StoreAnswer }
  | { id: number; ok: false; trouble: StoreTrouble };

type OfStore = Exclude<StoreRequest, { do: "end" }>;
type Commit = Extract<StoreRequest, { do: "commit" }>;

interface Tables {
  commitAll(commits: readonly Commit[]): void;
  get(kind: string, id: string): string | undefined;
  list(kind: string): readonly StoreRecord[];
  close(): void;
}

/**
 * Holds a lock of the kernel, which ends with us however we end. It is on a file of its own, so that an
 * operator can still look into the database meanwhile.
 */
function lockFor(path: string): Database.Database {
  const file = `${path}.lock`;
  closeSync(openSync(file, "a", 0o600));
  const lock = new Database(file, { timeout: 0 });
  try {
    lock.exec("begin exclusive");
    return lock;
  } catch (error) {
    lock.close();
    if (!String((error as { code?: unknown }).code).startsWith("SQLITE_BUSY")) throw error;
    const message = `${path} is in use by another process: stop that one first`;
    throw Object.assign(new Error(message), { code: "LOCKED" });
  }
}

function openTables({ path, busyMs, bytesMax, exclusive }: Opening): Tables {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const lock = exclusive ? lockFor(path) : undefined;
  // SQLite gives the files beside it (-wal, -shm) the mode of the database itself.
  closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600);
  const db = new Database(path, { timeout: busyMs });
  try {
    db.pragma("journal_mode = WAL");
    db.pragma("synchronous = FULL");
    db.pragma(`cache_size = -${CACHE_KIB}`);
    const pageBytes = db.pragma("page_size", { simple: true }) as number;
    db.pragma(`max_page_count = ${Math.floor(bytesMax / pageBytes)}`);
    db.transaction(() => migrate(db, path)).immediate();
  } catch (error) {
    db.close();
    lock?.close();
    throw error;
  }
  const put = db.prepare(
    "insert into record (kind, id, body) values (?, ?, ?) " +
      "on conflict (kind, id) do update set body = excluded.body",
  );
  const remove = db.prepare("delete from record where kind = ? and id = ?");
  const one = db.prepare("select body from record where kind = ? and id = ?").pluck();
  const all = db.prepare("select id, body from record where kind = ? order by id");
  const bodyNow = (kind: string, id: string): string | undefined =>
    one.get(kind, id) as string | undefined;
  const apply = db.transaction((commits: readonly Commit[]) => {
    for (const { writes } of commits) {
      checkExpected(writes, bodyNow);
      for (const { kind, id, body } of writes) {
        if (body === null) remove.run(kind, id);
        else put.run(kind, id, body);
      }
    }
  });
  return {
    // Taking the write lock first avoids the deadlock of two readers that both want to write.
    commitAll: (commits) => apply.immediate(commits),
    get: bodyNow,
    list: (kind) => all.all(kind) as StoreRecord[],
    close: () => {
      db.close();
      lock?.close();
    },
  };
}

/** The databases of this thread, by number, and the port that their owner is behind. */
interface Served {
  port: MessagePort;
  open: Map<number, OpenStore>;
}

interface OpenStore {
  tables: Tables;
  path: string;
}

/** That request and all that wait behind it. Those of one store keep their order. */
function answerAll(served: Served, first: StoreRequest): void {
  const queues = new Map<number, OfStore[]>();
  for (let next: StoreRequest | undefined = first; next !== undefined; next = take(served.port)) {
    if (next.do === "end") {
      served.port.close();
      return;
    }
    const queue = queues.get(next.store);
    if (queue === undefined) queues.set(next.store, [next]);
    else queue.push(next);
  }
  for (const queue of queues.values()) answerQueue(served, queue);
}

function answerQueue(served: Served, queue: readonly OfStore[]): void {
  let commits: Commit[] = [];
  const write = (): void => {
    const group = commits;
    commits = [];
    if (group.length > 0) commitGroup(served, group);
  };
  for (const request of queue) {
    if (request.do === "commit") commits.push(request);
    if (request.do !== "commit" || commits.length === GROUP_COMMITS_MAX) write();
    if (request.do === "open") open(served, request);
    else if (request.do !== "commit") answer(served, request);
  }
  write();
}

function open({ port, open }: Served, request: Extract<StoreRequest, { do: "open" }>): void {
  const { id, store, path } = request;
  attempt(port, path, id, () => void open.set(store, { tables: openTables(request), path }));
}

function commitGroup(served: Served, commits: readonly Commit[]): void {
  const { port } = served;
  const { tables, path } = openStore(served, commits[0]?.store ?? 0);
  try {
    tables.commitAll(commits);
  } catch (error) {
    const busy = String((error as { code?: unknown }).code).startsWith("SQLITE_BUSY");
    if (busy || commits.length === 1) {
      // Another process kept the file for as long as we wait: none of them would fare better alone.
      const trouble = troubleOf(error, path);
      for (const { id } of commits) reply(port, { id, ok: false, trouble });
    } else {
      for (const commit of commits) {
        attempt(port, path, commit.id, () => void tables.commitAll([commit]));
      }
    }
    return;
  }
  for (const { id } of commits) reply(port, { id, ok: true });
}

type Question = Extract<StoreRequest, { do: "get" | "list" | "close" }>;

function answer(served: Served, request: Question): void {
  const { tables, path } = openStore(served, request.store);
  attempt(served.port, path, request.id, () => {
    switch (request.do) {
      case "get":
        return tables.get(request.kind, request.key);
      case "list":
        return tables.list(request.kind);
      case "close":
        served.open.delete(request.store);
        tables.close();
        return undefined;
    }
  });
}

function openStore({ open }: Served, store: number): OpenStore {
  const found = open.get(store);
  if (found === undefined) throw new Error(`store ${store} is not open`);
  return found;
}

function attempt(port: MessagePort, path: string, id: number, work: () => StoreAnswer): void {
  try {
    reply(port, { id, ok: true, value: work() });
  } catch (error) {
    reply(port, { id, ok: false, trouble: troubleOf(error, path) });
  }
}

function reply(port: MessagePort, message: StoreReply): void {
  port.postMessage(message);
}

function take(port: MessagePort): StoreRequest | undefined {
  return (receiveMessageOnPort(port) as { message: StoreRequest } | undefined)?.message;
}

function serve(port: MessagePort): void {
  const served: Served = { port, open: new Map() };
  port.on("message", (first: StoreRequest) => answerAll(served, first));
}

if (parentPort !== null) serve(parentPort);
