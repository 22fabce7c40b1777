// Whom a consumer pays: devices whose certificate chains to an operator key that it was given, or that it
// pinned at first use. A pin is for a device and for its name; the same name or device under another operator
// is refused until somebody removes the pin.

import type { Crypto } from "../../hal/crypto.ts";
import type { Store } from "../../hal/store.ts";
import { equalBytes, toHex } from "../bytes.ts";
import { readRecord, writeRecord } from "../protocol/record.ts";
import { bytes, field, map, type Of, text } from "../protocol/schema.ts";
import { fail, ok, type Result } from "../result.ts";
import { thumbprint } from "../token/signed.ts";

const pinRecord = map({
  device: field(1, text(11)),
  name: field(2, text(32)),
  operatorKey: field(3, bytes(32)),
});
export type Pin = Of<typeof pinRecord>;

/** SHA-512 thumbprint of an operator key as people compare it: 16 digits in groups of four. */
export function fingerprint(operatorKey: Uint8Array, crypto: Crypto): string {
  return toHex(thumbprint(crypto, operatorKey)).replace(/(....)(?=.)/g, "$1-");
}

export class Trust {
  readonly #store: Store;
  readonly #crypto: Crypto;
  readonly #given: readonly Uint8Array[];
  readonly #pins: Map<string, Pin>;

  private constructor(
    store: Store,
    crypto: Crypto,
    given: readonly Uint8Array[],
    pins: Map<string, Pin>,
  ) {
    this.#store = store;
    this.#crypto = crypto;
    this.#given = given;
    this.#pins = pins;
  }

  /** Throws HalError; `corrupt` when the pins cannot be read. */
  static async open(store: Store, crypto: Crypto, given: readonly Uint8Array[]): Promise<Trust> {
    const pins = new Map<string, Pin>();
    for (const { id, body } of await store.list("pin")) {
      pins.set(id, readRecord(pinRecord, "pin", id, body));
    }
    return new Trust(store, crypto, given, pins);
  }

  /** The trusted operator key of that thumbprint. Keys given by hand are all that counts when there are any. */
  operator(keyId: Uint8Array): Uint8Array | undefined {
    const pinned = [...this.#pins.values()].map(({ operatorKey }) => operatorKey);
    return (this.strict ? this.#given : pinned).find((key) =>
      equalBytes(thumbprint(this.#crypto, key), keyId),
    );
  }

  /** Whether operators were given by hand: then nothing is pinned by itself. */
  get strict(): boolean {
    return this.#given.length > 0;
  }

  /**
   * Refuses (`key-changed`) a device, or a name, that is pinned under another operator. Only for devices that
   * no given key vouches for.
   */
  check(device: string, name: string, operatorKey: Uint8Array): Result<void> {
    if (this.#given.some((key) => equalBytes(key, operatorKey))) return ok(undefined);
    for (const pin of this.#pins.values()) {
      const same = pin.device === device || pin.name === name;
      if (same && !equalBytes(pin.operatorKey, operatorKey)) {
        const was = fingerprint(pin.operatorKey, this.#crypto);
        return fail(
          "key-changed",
          `"${name}" was vouched for by ${was} before; if that is right, name its key with --operator`,
          "operatorKey",
        );
      }
    }
    return ok(undefined);
  }

  pinned(device: string): boolean {
    return this.#pins.has(device);
  }

  async pin(pin: Pin): Promise<void> {
    await this.#store.commit([writeRecord(pinRecord, "pin", pin.device, pin)]);
    this.#pins.set(pin.device, pin);
  }
}
