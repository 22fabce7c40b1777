// The frame of a proof: what a payer lets go while he is served, on a topic of its own (topics.ts). Not sealed: its link
// proves itself against the commitment of the order, and tells nobody else anything. It has no answer.
//
//   [units, link]    all units of the order up to this one are paid; 19 to 21 bytes

import { fail, type Result } from "../result.ts";
import { decodeCbor, encodeCbor } from "./cbor.ts";
import { proof } from "./messages.ts";
import { type Of, readCbor } from "./schema.ts";

export type Proof = Of<typeof proof>;

export function encodeProof(released: Proof): Uint8Array {
  return encodeCbor(proof.toCbor(released));
}

/** Errors: `too-large`, unread; `malformed`, `out-of-range`. */
export function decodeProof(payload: Uint8Array): Result<Proof> {
  const decoded = decodeCbor(payload, proof.bytesMax);
  if (!decoded.ok) return decoded;
  // Nothing is ever added to it: each byte is paid for with every unit.
  const isPair = Array.isArray(decoded.value) && decoded.value.length === 2;
  return isPair
    ? readCbor(proof, decoded.value, "proof")
    : fail("malformed", "is no proof", "proof");
}
