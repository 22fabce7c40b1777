// The hash chain of an order that is paid while it is delivered (PayWord, Rivest and Shamir 1996): link i pays for the
// first i units, and anybody can work back from it to every link before, down to the root that the payer signed.
//   link i-1 = first 16 bytes of SHA-512("sluice/1 link" | order, 8 bytes | i, 4 bytes, big-endian | link i)
// Order and place go in, so that no work on one link is of use against another.

import type { Crypto } from "../../hal/crypto.ts";
import { assert } from "../assert.ts";
import { concatBytes, equalBytes, fromHex, utf8 } from "../bytes.ts";
import { CHAIN_UNITS_MAX, LINK_BYTES } from "../protocol/messages.ts";

const TAG = utf8("sluice/1 link");
const SEED_TAG = utf8("sluice/1 chain");
const ORDER_BYTES = 8;
const PLACE_AT = TAG.length + ORDER_BYTES;
const LINK_AT = PLACE_AT + 4;
const BLANK = concatBytes(TAG, new Uint8Array(ORDER_BYTES + 4 + LINK_BYTES));
const ORDER = /^[0-9a-f]{16}$/;

/** A link, and how many units it pays for. */
export interface ChainLink {
  units: number;
  link: Uint8Array;
}

/** Hashes of one chain. Keeps one buffer, so that it costs nothing but the hash. */
export class ChainHash {
  readonly #crypto: Crypto;
  readonly #input: Uint8Array;
  readonly #view: DataView;

  /** `order` in 16 hexadecimal digits. */
  constructor(crypto: Crypto, order: string) {
    assert(ORDER.test(order), "an order's id is 16 hexadecimal digits");
    this.#crypto = crypto;
    this.#input = BLANK.slice();
    this.#view = new DataView(this.#input.buffer);
    // One is made for every proof that comes in, so that this counts.
    this.#view.setUint32(TAG.length, Number.parseInt(order.slice(0, 8), 16));
    this.#view.setUint32(TAG.length + 4, Number.parseInt(order.slice(8), 16));
  }

  /** The link before the one that pays for so many units, which is at least 1. */
  before(units: number, link: Uint8Array): Uint8Array {
    this.#view.setUint32(PLACE_AT, units);
    this.#input.set(link, LINK_AT);
    return this.#crypto.digest(this.#input).subarray(0, LINK_BYTES);
  }
}

/** Whether the later link leads back to the earlier one. Costs as many hashes as there are units between them. */
export function provesFrom(
  crypto: Crypto,
  order: string,
  earlier: ChainLink,
  later: ChainLink,
): boolean {
  if (later.link.length !== LINK_BYTES || later.units < earlier.units) return false;
  if (later.units > CHAIN_UNITS_MAX) return false;
  const hash = new ChainHash(crypto, order);
  let { link } = later;
  for (let units = later.units; units > earlier.units; units--) link = hash.before(units, link);
  return equalBytes(link, earlier.link);
}

/** The last link of an order's chain, which only the owner of the key can make, and make again. */
export function lastLink(crypto: Crypto, boxSecret: Uint8Array, order: string): Uint8Array {
  const id = fromHex(order) ?? new Uint8Array(ORDER_BYTES);
  return crypto.digest(concatBytes(SEED_TAG, boxSecret, id)).slice(0, LINK_BYTES);
}
