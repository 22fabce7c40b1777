// Store port in memory, for the bench: what was committed outlives a power cut, what was not does not.
// A hook around every commit lets a test cut the power at that instant; faults come on demand.

import { after, type Clock } from "../clock.ts";
import { HalError } from "../hal-error.ts";
import type { Store, StoreRecord, StoreWrite } from "../store.ts";
import { checkExpected, checkKind, checkWrites, compareIds } from "../store-write.ts";

export interface SimStoreOptions {
  /** With a clock, every request takes `latencyMs`; without one it takes no time but is still asynchronous. */
  clock?: Clock;
  latencyMs?: number;
  /** Called just before a commit becomes durable and just after, while nobody has been told yet. */
  onCommit?: (phase: "before" | "after", writes: readonly StoreWrite[]) => void;
}

export interface SimStore {
  /** The handle on the running side; after a crash, the one that `reopen` gave last. */
  store(): Store;
  /** Power cut: nothing pending happens any more, and no promise of the old handle ever settles. */
  crash(): void;
  /** The next start: a fresh handle on what was durable. */
  reopen(): Store;
  /** What would survive a power cut now. */
  durable(kind: string): readonly StoreRecord[];
  /** Commits that became durable so far. */
  commits(): number;
  /** While full, every commit rejects with `full`. */
  setFull(full: boolean): void;
  setLatencyMs(latencyMs: number): void;
  /** While set, `get` and `list` of this kind reject with `corrupt`; undefined heals it. */
  setUnreadable(kind: string | undefined): void;
  /** Puts other text in the place of a body, as a failing memory card does. */
  corruptBody(kind: string, id: string, body: string): void;
}

export function simStore(options: SimStoreOptions = {}): SimStore {
  const disk: Disk = { kinds: new Map(), commits: 0 };
  const faults: Faults = {
    full: false,
    latencyMs: options.latencyMs ?? 0,
    unreadable: undefined,
  };
  let handle = new SimStoreHandle(options, disk, faults);
  return {
    store: () => handle,
    crash: () => handle.die(),
    reopen: () => {
      handle.die();
      handle = new SimStoreHandle(options, disk, faults);
      return handle;
    },
    durable: (kind) => listRecords(disk, kind),
    commits: () => disk.commits,
    setFull: (full) => {
      faults.full = full;
    },
    setLatencyMs: (latencyMs) => {
      faults.latencyMs = latencyMs;
    },
    setUnreadable: (kind) => {
      faults.unreadable = kind;
    },
    corruptBody: (kind, id, body) => {
      const records = disk.kinds.get(kind);
      if (!records?.has(id)) throw new Error(`assertion failed: no ${kind} ${id} to corrupt`);
      records.set(id, body);
    },
  };
}

interface Disk {
  kinds: Map<string, Map<string, string>>;
  commits: number;
}

interface Faults {
  full: boolean;
  latencyMs: number;
  unreadable: string | undefined;
}

/** One request at a time, in order, as the real store does. */
class SimStoreHandle implements Store {
  readonly #options: SimStoreOptions;
  readonly #disk: Disk;
  readonly #faults: Faults;
  #queue: Promise<unknown> = Promise.resolve();
  #closed = false;
  #dead = false;

  constructor(options: SimStoreOptions, disk: Disk, faults: Faults) {
    this.#options = options;
    this.#disk = disk;
    this.#faults = faults;
  }

  async commit(writes: readonly StoreWrite[]): Promise<void> {
    checkWrites(writes);
    // What the caller does to its records afterwards must not reach the disk.
    const copies = writes.map((write) => ({ ...write }));
    return this.#enqueue(() => {
      if (this.#faults.full) throw new HalError("full", "simulated store: no room left");
      checkExpected(copies, (kind, id) => this.#disk.kinds.get(kind)?.get(id));
      this.#options.onCommit?.("before", copies);
      if (this.#dead) return;
      applyWrites(this.#disk, copies);
      this.#options.onCommit?.("after", copies);
    });
  }

  async get(kind: string, id: string): Promise<string | undefined> {
    checkKind(kind);
    return this.#enqueue(() => {
      this.#checkReadable(kind);
      return this.#disk.kinds.get(kind)?.get(id);
    });
  }

  async list(kind: string): Promise<readonly StoreRecord[]> {
    checkKind(kind);
    return this.#enqueue(() => {
      this.#checkReadable(kind);
      return listRecords(this.#disk, kind);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#queue;
  }

  die(): void {
    this.#dead = true;
  }

  #checkReadable(kind: string): void {
    if (this.#faults.unreadable === kind) {
      throw new HalError("corrupt", `simulated store: records of kind ${kind} cannot be read`);
    }
  }

  #enqueue<T>(work: () => T): Promise<T> {
    if (this.#dead) return new Promise<T>(() => {});
    if (this.#closed) {
      return Promise.reject(new HalError("canceled", "simulated store: it was closed"));
    }
    const done = this.#queue.then(async () => {
      await this.#wait();
      if (this.#dead) return new Promise<T>(() => {});
      const answer = attempt(work);
      // Power that failed within the work: whoever asked is gone.
      if (this.#dead) return new Promise<T>(() => {});
      if (!answer.ok) throw answer.error;
      return answer.value;
    });
    this.#queue = done.catch(() => {});
    return done;
  }

  #wait(): Promise<void> {
    const { clock } = this.#options;
    const { latencyMs } = this.#faults;
    if (clock === undefined || latencyMs === 0) return Promise.resolve();
    return new Promise((resolve) => after(clock, latencyMs, resolve));
  }
}

type Answer<T> = { ok: true; value: T } | { ok: false; error: unknown };

function attempt<T>(work: () => T): Answer<T> {
  try {
    return { ok: true, value: work() };
  } catch (error) {
    return { ok: false, error };
  }
}

function applyWrites(disk: Disk, writes: readonly StoreWrite[]): void {
  for (const { kind, id, body } of writes) {
    let records = disk.kinds.get(kind);
    if (records === undefined) {
      records = new Map();
      disk.kinds.set(kind, records);
    }
    if (body === null) records.delete(id);
    else records.set(id, body);
  }
  disk.commits++;
}

function listRecords(disk: Disk, kind: string): readonly StoreRecord[] {
  return [...(disk.kinds.get(kind) ?? [])]
    .map(([id, body]) => ({ id, body }))
    .sort((a, b) => compareIds(a.id, b.id));
}
