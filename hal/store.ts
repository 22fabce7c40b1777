// Store port: small named records, changed together or not at all. Asynchronous, because a commit on a
// memory card may take seconds. Bodies are JSON text, so that an operator can read them with a database shell.

export interface StoreWrite {
  /** What sort of record: lower case, at most 32 characters. */
  kind: string;
  /** Which one: at most 128 characters. */
  id: string;
  /** The new body, or null to remove the record. */
  body: string | null;
  /**
   * The body that must be there when the commit begins, null for no record; when not given, any. It is what
   * makes a change safe that was made from a body read earlier, while others write too.
   */
  was?: string | null;
}

export interface StoreRecord {
  id: string;
  body: string;
}

export interface Store {
  /**
   * All of the writes, or none. Resolves when they would survive a power cut at that instant.
   * Rejects with HalError `changed` when any `was` does not hold, `full`, `corrupt`, `canceled` or `other`;
   * then none of them happened.
   */
  commit(writes: readonly StoreWrite[]): Promise<void>;
  get(kind: string, id: string): Promise<string | undefined>;
  /** Every record of a kind, ordered by id. */
  list(kind: string): Promise<readonly StoreRecord[]>;
  /** Waits for commits under way. Idempotent; later calls reject with `canceled`. */
  close(): Promise<void>;
}
