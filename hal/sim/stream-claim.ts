// A streamed payment's claim as a payment host reads it, without the seller's word for anything: the payer's commitment,
// bound by its digest in what he sealed, and the link of his hash chain that says for how many units. Both have one form.

import type { Crypto } from "../crypto.ts";
import { hex } from "../host-credentials.ts";
import type { HostAmount } from "../payment-host.ts";
import type { Store, StoreWrite } from "../store.ts";

const SIGNATURE_BYTES = 64;
const LINK_BYTES = 16;
const UNITS_MAX = 65_535;
const UNIT_MINOR_MAX = 1_000_000_000;
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
/** COSE_Sign1: an array of four, of which the first is the protected header, EdDSA, and the second empty. */
const SIGN1_HEAD = [0x84, 0x43, 0xa1, 0x01, 0x27, 0xa0];
/** What is signed over (RFC 9052 4.4), up to the payload. */
const SIGNED_HEAD = Uint8Array.of(
  ...[0x84, 0x6a, ...ascii("Signature1"), 0x43, 0xa1, 0x01, 0x27],
  ...[0x53, ...ascii("sluice/1 commitment")],
);
const LINK_TAG = ascii("sluice/1 link");

interface Commitment {
  key: Uint8Array;
  order: Uint8Array;
  root: Uint8Array;
  units: number;
  unitMinor: number;
  currency: string;
  signed: Uint8Array;
  signature: Uint8Array;
}

export interface ClaimPorts {
  store: Store;
  crypto: Crypto;
}

/**
 * What is written when so much is taken by a claim on the commitment of this digest, in hexadecimal. Undefined where the
 * evidence is no such claim, or is worth less than this and what was taken before together.
 */
export async function claimSpent(
  commitment: string,
  amount: HostAmount,
  evidence: Uint8Array,
  { store, crypto }: ClaimPorts,
): Promise<readonly StoreWrite[] | undefined> {
  const worth = claimWorth(commitment, evidence, crypto);
  if (worth === undefined || worth.currency !== amount.currency) return undefined;
  const takenMinor = (await takenBefore(commitment, store)) + amount.amountMinor;
  return takenMinor > worth.amountMinor ? undefined : [taken(commitment, takenMinor)];
}

/** What is written when all that was once taken by it is undone. */
export async function claimReturned(
  commitment: string,
  amountMinor: number,
  store: Store,
): Promise<StoreWrite> {
  return taken(commitment, (await takenBefore(commitment, store)) - amountMinor);
}

async function takenBefore(commitment: string, store: Store): Promise<number> {
  return Number((await store.get("claim", commitment)) ?? 0);
}

function taken(commitment: string, amountMinor: number): StoreWrite {
  return { kind: "claim", id: commitment, body: String(amountMinor) };
}

/** Undefined for bytes that are no claim on the commitment of this digest. Never throws. */
export function claimWorth(
  digest: string,
  evidence: Uint8Array,
  crypto: Crypto,
): HostAmount | undefined {
  const bytes = new StrictBytes(evidence);
  bytes.skip([0x82]);
  const signed = bytes.string();
  bytes.skip([0x82]);
  const units = bytes.uint();
  bytes.skip([0x40 + LINK_BYTES]);
  const link = bytes.take(LINK_BYTES);
  if (!bytes.isRead || hex(crypto.digest(signed).subarray(0, 16)) !== digest) return undefined;
  const commitment = readCommitment(signed);
  if (commitment === undefined || units > commitment.units) return undefined;
  const { key, signature, currency, unitMinor } = commitment;
  if (!crypto.verify(key, commitment.signed, signature)) return undefined;
  return leadsToRoot(commitment, units, link, crypto)
    ? { amountMinor: units * unitMinor, currency }
    : undefined;
}

function readCommitment(sign1: Uint8Array): Commitment | undefined {
  const outer = new StrictBytes(sign1);
  outer.skip(SIGN1_HEAD);
  const payload = outer.string();
  outer.skip([0x58, SIGNATURE_BYTES]);
  const signature = outer.take(SIGNATURE_BYTES);
  const claims = new StrictBytes(payload);
  // Expiry (4), order (7), and our own (-65537) in seven items.
  claims.skip([0xa3, 0x04]);
  claims.uint();
  claims.skip([0x07, 0x48]);
  const order = claims.take(8);
  claims.skip([0x3a, 0x00, 0x01, 0x00, 0x00, 0x87, 0x58, 0x20]);
  const key = claims.take(32);
  claims.skip([0x48]);
  claims.take(8);
  claims.skip([0x50]);
  claims.take(16);
  claims.skip([0x40 + LINK_BYTES]);
  const root = claims.take(LINK_BYTES);
  const units = claims.uint();
  const unitMinor = claims.uint();
  claims.skip([0x63]);
  const currency = String.fromCharCode(...claims.take(3));
  const isPossible = units >= 1 && units <= UNITS_MAX && unitMinor <= UNIT_MINOR_MAX;
  if (!outer.isRead || !claims.isRead || !isPossible) return undefined;
  if (!/^[A-Z]{3}$/.test(currency)) return undefined;
  const end = sign1.length - SIGNATURE_BYTES - 2;
  const signed = Uint8Array.of(...SIGNED_HEAD, ...sign1.subarray(SIGN1_HEAD.length, end));
  return { key, order, root, units, unitMinor, currency, signed, signature };
}

/** Each link is half the hash's head of the tag, the order, its own place and itself: down to the one that was signed. */
function leadsToRoot(
  { order, root }: Commitment,
  units: number,
  link: Uint8Array,
  crypto: Crypto,
): boolean {
  const at = LINK_TAG.length + order.length;
  const input = new Uint8Array(at + 4 + LINK_BYTES);
  input.set(LINK_TAG);
  input.set(order, LINK_TAG.length);
  input.set(link, at + 4);
  const place = new DataView(input.buffer, at, 4);
  for (let unit = units; unit > 0; unit--) {
    place.setUint32(0, unit);
    input.set(crypto.digest(input).subarray(0, LINK_BYTES), at + 4);
  }
  return root.every((byte, i) => byte === input[at + 4 + i]);
}

/** Bytes that follow a head of 24, 25 or 26, and the least that needs them. */
const LONG_HEADS: readonly (readonly [size: number, least: number])[] = [
  [1, 24],
  [2, 0x100],
  [4, 0x1_0000],
];

/** Bytes that must be just what is asked for, one after the other; what is not makes all of it unread. */
class StrictBytes {
  readonly #bytes: Uint8Array;
  #at = 0;
  #isWrong = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** All was as it was asked for, and nothing is left. */
  get isRead(): boolean {
    return !this.#isWrong && this.#at === this.#bytes.length;
  }

  take(length: number): Uint8Array {
    const taken = this.#bytes.slice(this.#at, this.#at + length);
    this.#at += length;
    if (taken.length === length) return taken;
    this.#isWrong = true;
    return new Uint8Array(length);
  }

  skip(expected: readonly number[]): void {
    const found = this.take(expected.length);
    if (!expected.every((byte, i) => byte === found[i])) this.#isWrong = true;
  }

  /** CBOR's, of at most 32 bits, in the shortest form. */
  uint(): number {
    return this.#head(0);
  }

  /** A CBOR byte string. */
  string(): Uint8Array {
    const length = this.#head(0x40);
    // What is not there is not made room for.
    return this.take(Math.min(length, this.#bytes.length + 1));
  }

  #head(major: number): number {
    const [first = 0] = this.take(1);
    const short = first - major;
    if (short >= 0 && short < 24) return short;
    const [size, least] = LONG_HEADS[short - 24] ?? [0, 1];
    const value = this.take(size).reduce((sum, byte) => sum * 256 + byte, 0);
    if (value < least) this.#isWrong = true;
    return value;
  }
}
