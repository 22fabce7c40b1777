// The lists of revoked certificates that a consumer keeps: the latest of each operator. Each was checked when it
// was learnt and is checked again when it is read; a list speaks of its own operator's devices alone.

import type { Crypto } from "../../hal/crypto.ts";
import { HalError } from "../../hal/hal-error.ts";
import type { Store } from "../../hal/store.ts";
import { equalBytes, toHex } from "../bytes.ts";
import { COMMAND_BYTES_MAX } from "../protocol/messages.ts";
import { readRecord, writeRecord } from "../protocol/record.ts";
import { bytes, field, map } from "../protocol/schema.ts";
import { fail, ok, type Result } from "../result.ts";
import type { Certificate } from "../token/certificate.ts";
import { isRevoked, type Revocations, verifyRevocations } from "../token/revocation.ts";
import { thumbprint } from "../token/signed.ts";

const listRecord = map({
  operatorKey: field(1, bytes(32)),
  signed: field(2, bytes(1, COMMAND_BYTES_MAX)),
});
const KIND = "revocations";
/** Operators whose lists are kept. */
const LISTS_MAX = 64;
/** So often another process may be quicker. */
const ATTEMPTS = 8;

export interface Kept extends Revocations {
  operatorKey: Uint8Array;
}

export class RevocationLists {
  readonly #store: Store;
  readonly #crypto: Crypto;
  /** By the thumbprint of the operator; the body is what was read last. */
  #kept = new Map<string, { body: string; list: Kept }>();

  constructor(store: Store, crypto: Crypto) {
    this.#store = store;
    this.#crypto = crypto;
  }

  /** Reads what there is now. Throws HalError, `corrupt` for a list that is not what was kept. */
  async refresh(): Promise<void> {
    const kept = new Map<string, { body: string; list: Kept }>();
    for (const { id, body } of await this.#store.list(KIND)) {
      const known = this.#kept.get(id);
      kept.set(id, known?.body === body ? known : { body, list: this.#read(id, body) });
    }
    this.#kept = kept;
  }

  #read(id: string, body: string): Kept {
    const { operatorKey, signed } = readRecord(listRecord, KIND, id, body);
    const list = verifyRevocations(signed, operatorKey, this.#crypto);
    if (list.ok) return { ...list.value, operatorKey };
    throw new HalError("corrupt", `record ${KIND} ${id}: ${list.fault.message}`);
  }

  /** Gives the operator's list as it is kept afterwards: a lower number changes nothing. Throws HalError. */
  async keep(signed: Uint8Array, operatorKey: Uint8Array): Promise<Result<Kept>> {
    const read = verifyRevocations(signed, operatorKey, this.#crypto);
    if (!read.ok) return read;
    const id = toHex(thumbprint(this.#crypto, operatorKey));
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      await this.refresh();
      const before = this.#kept.get(id);
      if (before !== undefined && before.list.number >= read.value.number) return ok(before.list);
      if (before === undefined && this.#kept.size >= LISTS_MAX) {
        return fail("too-many", `lists of ${LISTS_MAX} operators are kept already`);
      }
      const write = writeRecord(listRecord, KIND, id, { operatorKey, signed });
      if (await this.#put({ ...write, was: before?.body ?? null })) {
        await this.refresh();
        return ok({ ...read.value, operatorKey });
      }
    }
    throw new HalError("changed", `record ${KIND} ${id}: another process changes it all the time`);
  }

  async #put(write: Parameters<Store["commit"]>[0][number]): Promise<boolean> {
    try {
      await this.#store.commit([write]);
      return true;
    } catch (error) {
      if (error instanceof HalError && error.kind === "changed") return false;
      throw error;
    }
  }

  /** Error: `revoked`. */
  check(certificate: Certificate, operatorKey: Uint8Array): Result<void> {
    for (const { list } of this.#kept.values()) {
      if (equalBytes(list.operatorKey, operatorKey) && isRevoked(list, certificate)) {
        return fail(
          "revoked",
          "the device's operator has revoked its certificate: deal with another device, or ask the operator",
          "certificate",
        );
      }
    }
    return ok(undefined);
  }

  list(): readonly Kept[] {
    return [...this.#kept.values()].map(({ list }) => list);
  }
}
