// Store port on SQLite (better-sqlite3: write-ahead log, a flush to the disk at every commit) in a worker
// thread, so that a slow memory card never holds up this one. Several processes may share one file.
// Node cannot run TypeScript in a worker: when this file itself runs from source, as under vitest, the
// worker comes from build/, so `npx tsc -p tsconfig.build.json` must have been run before.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { HalError } from "../hal-error.ts";
import type { Store, StoreRecord } from "../store.ts";
import { checkKind, checkWrites } from "../store-write.ts";
import type { StoreReply, StoreRequest, StoreWorkerData } from "./sqlite-store-worker.ts";

/** How long a commit waits for another process that is writing to the same file. */
const BUSY_MS = 5_000;
/** Above this the store is full: a memory card is shared with everything else on the board. */
const BYTES_MAX = 1024 * 1024 * 1024;
/** Statements and rows die young: a small nursery costs no time here and saves resident memory. */
const YOUNG_MIB = 2;

export interface SqliteStoreOptions {
  busyMs?: number;
  bytesMax?: number;
  /** Refused when another process has it open exclusively, and the other way round. */
  exclusive?: boolean;
}

interface Waiting {
  resolve(value: string | readonly StoreRecord[] | undefined): void;
  reject(error: HalError): void;
}

type Request = StoreRequest extends infer R
  ? R extends { id: number }
    ? Omit<R, "id">
    : never
  : never;

/**
 * Opens or creates the file (mode 0600, a new directory 0700). Rejects with HalError `corrupt` for a file
 * that is no database, `refused` for one written by a newer version, in use or not ours to write, `full`, `other`.
 */
export async function openSqliteStore(
  path: string,
  options: SqliteStoreOptions = {},
): Promise<Store> {
  const { busyMs = BUSY_MS, bytesMax = BYTES_MAX, exclusive = false } = options;
  const workerData: StoreWorkerData = { path, busyMs, bytesMax, exclusive };
  const worker = new Worker(workerFile(), {
    workerData,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
  });
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  let gone: HalError | undefined;
  const expectReply = (id: number): Promise<string | readonly StoreRecord[] | undefined> =>
    new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
  const opened = expectReply(0);
  worker.on("message", (reply: StoreReply) => {
    const waiter = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (reply.ok) waiter?.resolve(reply.value);
    else waiter?.reject(new HalError(reply.trouble.kind, reply.trouble.message));
  });
  let failure: unknown;
  worker.on("error", (error) => {
    failure = error;
  });
  const exited = new Promise<void>((resolve) => {
    worker.on("exit", () => {
      gone ??= new HalError("other", `store ${path}: its thread ended`, failure);
      for (const waiter of waiting.values()) waiter.reject(gone);
      waiting.clear();
      resolve();
    });
  });
  const ask = (request: Request): Promise<string | readonly StoreRecord[] | undefined> => {
    if (gone !== undefined) return Promise.reject(gone);
    const id = ++lastId;
    const reply = expectReply(id);
    worker.postMessage({ ...request, id });
    return reply;
  };
  await opened;
  return {
    commit: async (writes) => {
      checkWrites(writes);
      await ask({ do: "commit", writes });
    },
    get: async (kind, id) => {
      checkKind(kind);
      return (await ask({ do: "get", kind, key: id })) as string | undefined;
    },
    list: async (kind) => {
      checkKind(kind);
      return (await ask({ do: "list", kind })) as readonly StoreRecord[];
    },
    close: async () => {
      if (gone === undefined) {
        const closing = ask({ do: "close" });
        gone = new HalError("canceled", `store ${path} was closed`);
        await closing;
      }
      await exited;
    },
  };
}

function workerFile(): URL {
  const here = import.meta.url;
  if (!here.endsWith(".ts")) return new URL("./sqlite-store-worker.js", here);
  const built = new URL("../../build/hal/linux/sqlite-store-worker.js", here);
  if (!existsSync(built)) {
    throw new HalError(
      "refused",
      `${fileURLToPath(built)} is missing: run npx tsc -p tsconfig.build.json first`,
    );
  }
  return built;
}
