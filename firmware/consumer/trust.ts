// Whom a consumer pays: devices whose certificate chains to an operator key that it was given, or that it
// pinned at first use, as long as it lasts and the operator has not taken it back. A pin is for a device and for
// its name; the same name or device under another operator is refused until somebody removes the pin.

import type { Clock } from "../../hal/clock.ts";
import type { Crypto } from "../../hal/crypto.ts";
import type { Store } from "../../hal/store.ts";
import { equalBytes, toHex } from "../bytes.ts";
import { readRecord, writeRecord } from "../protocol/record.ts";
import { bytes, field, map, type Of, text } from "../protocol/schema.ts";
import { fail, ok, type Result } from "../result.ts";
import { openSteadyClock, type SteadyClock } from "../steady-clock.ts";
import type { Certificate } from "../token/certificate.ts";
import { revocationsOperator } from "../token/revocation.ts";
import { thumbprint } from "../token/signed.ts";
import { type Kept, RevocationLists } from "./revocation-lists.ts";

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
  readonly #lists: RevocationLists;
  readonly #clock: SteadyClock;

  private constructor(
    ports: { store: Store; crypto: Crypto; clock: Clock },
    given: readonly Uint8Array[],
    pins: Map<string, Pin>,
    lists: RevocationLists,
  ) {
    this.#store = ports.store;
    this.#crypto = ports.crypto;
    this.#given = given;
    this.#pins = pins;
    this.#lists = lists;
    this.#clock = openSteadyClock(ports.clock, () => undefined);
  }

  /** Throws HalError; `corrupt` when pins or lists cannot be read. */
  static async open(
    ports: { store: Store; crypto: Crypto; clock: Clock },
    given: readonly Uint8Array[],
  ): Promise<Trust> {
    const pins = new Map<string, Pin>();
    for (const { id, body } of await ports.store.list("pin")) {
      pins.set(id, readRecord(pinRecord, "pin", id, body));
    }
    const lists = new RevocationLists(ports.store, ports.crypto);
    await lists.refresh();
    return new Trust(ports, given, pins, lists);
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
          `"${name}" was vouched for by ${was} before; if it is another operator now, name its public key with --operator (the device has it in its data folder: keys/operator.pub), or forget the one before: sluice trust --forget ${pin.device}`,
          "operatorKey",
        );
      }
    }
    return ok(undefined);
  }

  /** Takes a pin away: the device may be met as a stranger again. False when there is none. Throws HalError. */
  async forget(device: string): Promise<boolean> {
    if (!this.#pins.has(device)) return false;
    await this.#store.commit([{ kind: "pin", id: device, body: null }]);
    return this.#pins.delete(device);
  }

  /** Keeps an operator's list of what it has revoked. Errors: `untrusted` for an operator that is unknown here. */
  async learn(signed: Uint8Array, first?: Uint8Array): Promise<Result<Kept>> {
    const named = revocationsOperator(signed);
    if (!named.ok) return named;
    const keys = [...this.#given, ...this.pins().map(({ operatorKey }) => operatorKey)];
    if (first !== undefined) keys.push(first);
    const key = keys.find((one) => equalBytes(thumbprint(this.#crypto, one), named.value));
    if (key !== undefined) return this.#lists.keep(signed, key);
    return fail(
      "untrusted",
      "the list is of an operator that you have neither given nor pinned: name its key with --operator",
      "operatorKey",
    );
  }

  /** Reads what other processes of this identity have learnt. Throws HalError. */
  refresh(): Promise<void> {
    return this.#lists.refresh();
  }

  /** Error: `revoked`. */
  notRevoked(certificate: Certificate, operatorKey: Uint8Array): Result<void> {
    return this.#lists.check(certificate, operatorKey);
  }

  /** Whether new business may be done under a certificate now. Errors: `revoked`, `expired`. Throws HalError. */
  async vouched(certificate: Certificate, operatorKey: Uint8Array): Promise<Result<void>> {
    await this.refresh();
    const standing = this.notRevoked(certificate, operatorKey);
    if (!standing.ok) return standing;
    if (this.#clock.settle() !== undefined) this.#clock.believe();
    // A consumer without a clock cannot judge expiry; the device's operator can, by revoking.
    const judged = this.#clock.wallQuality() !== "unset";
    if (judged && certificate.expiresS * 1000 <= this.#clock.wallMs()) {
      return fail(
        "expired",
        "the device's certificate has expired: its operator must renew it. What is paid is still delivered",
      );
    }
    return ok(undefined);
  }

  pins(): readonly Pin[] {
    return [...this.#pins.values()];
  }

  lists(): readonly Kept[] {
    return this.#lists.list();
  }

  pinned(device: string): boolean {
    return this.#pins.has(device);
  }

  async pin(pin: Pin): Promise<void> {
    await this.#store.commit([writeRecord(pinRecord, "pin", pin.device, pin)]);
    this.#pins.set(pin.device, pin);
  }
}
