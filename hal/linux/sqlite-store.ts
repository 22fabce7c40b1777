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
import type { StoreAnswer, StoreReply, StoreRequest } from "./sqlite-store-worker.ts";

/** How long a commit waits for another process that is writing to the same file. */
const BUSY_MS = 5_000;
/** Above this the store is full: a memory card is shared with everything else on the board. */
const BYTES_MAX = 1024 * 1024 * 1024;
/** Statements and rows die young: a small nursery costs no time here and saves resident memory. */
const YOUNG_MIB = 1;

export interface SqliteStoreOptions {
  busyMs?: number;
  bytesMax?: number;
  /** Refused when another process has it open exclusively, and the other way round. */
  exclusive?: boolean;
}

/** Stores that share a thread. Where one waits for its disk, the others wait with it. */
export interface SqliteStores {
  /**
   * Opens or creates the file (mode 0600, a new directory 0700). Rejects with HalError `corrupt` for a file
   * that is no database, `refused` for one written by a newer version, in use or not ours to write, `full`, `other`.
   */
  open(path: string, options?: SqliteStoreOptions): Promise<Store>;
}

/** A store with a thread of its own. Rejects like `SqliteStores.open`. */
export function openSqliteStore(path: string, options: SqliteStoreOptions = {}): Promise<Store> {
  return openSqliteStores().open(path, options);
}

/** The thread, which costs some 8 MiB, is there while any of its stores is open. */
export function openSqliteStores(): SqliteStores {
  let thread: StoreThread | undefined;
  let users = 0;
  let lastNumber = 0;
  const leave = async (left: StoreThread): Promise<void> => {
    users -= 1;
    if (users > 0) return;
    thread = undefined;
    await left.end();
  };
  return {
    open: async (path, options = {}) => {
      const { busyMs = BUSY_MS, bytesMax = BYTES_MAX, exclusive = false } = options;
      thread ??= startThread();
      users += 1;
      const mine = thread;
      const store = ++lastNumber;
      try {
        await mine.ask({ do: "open", store, path, busyMs, bytesMax, exclusive });
      } catch (error) {
        await leave(mine);
        throw error;
      }
      return storeOn(mine, store, path, () => leave(mine));
    },
  };
}

function storeOn(
  thread: StoreThread,
  store: number,
  path: string,
  leave: () => Promise<void>,
): Store {
  let closing: Promise<void> | undefined;
  const ask = (request: Request): Promise<StoreAnswer> =>
    closing === undefined
      ? thread.ask(request)
      : Promise.reject(new HalError("canceled", `store ${path} was closed`));
  return {
    commit: async (writes) => {
      checkWrites(writes);
      await ask({ do: "commit", store, writes });
    },
    get: async (kind, id) => {
      checkKind(kind);
      return (await ask({ do: "get", store, kind, key: id })) as string | undefined;
    },
    list: async (kind) => {
      checkKind(kind);
      return (await ask({ do: "list", store, kind })) as readonly StoreRecord[];
    },
    close: () => {
      closing ??= ask({ do: "close", store })
        // What is gone with its thread is closed.
        .catch((error: unknown) => thread.ended() || Promise.reject(error))
        .then(leave, (error) => leave().then(() => Promise.reject(error)));
      return closing;
    },
  };
}

type Request = StoreRequest extends infer R
  ? R extends { id: number }
    ? Omit<R, "id">
    : never
  : never;

interface Waiting {
  resolve(value: StoreAnswer): void;
  reject(error: HalError): void;
}

interface StoreThread {
  /** Rejects with HalError. */
  ask(request: Request): Promise<StoreAnswer>;
  ended(): boolean;
  end(): Promise<void>;
}

function startThread(): StoreThread {
  const worker = new Worker(workerFile(), {
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
  });
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  let gone: HalError | undefined;
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
      gone = new HalError("other", "the stores' thread ended", failure);
      for (const waiter of waiting.values()) waiter.reject(gone);
      waiting.clear();
      resolve();
    });
  });
  return {
    ask: (request) => {
      if (gone !== undefined) return Promise.reject(gone);
      const id = ++lastId;
      const answer = new Promise<StoreAnswer>((resolve, reject) => {
        waiting.set(id, { resolve, reject });
      });
      worker.postMessage({ ...request, id });
      return answer;
    },
    ended: () => gone !== undefined,
    end: () => {
      if (gone === undefined) worker.postMessage({ id: ++lastId, do: "end" });
      return exited;
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
