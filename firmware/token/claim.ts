// A claim: the payer's commitment and his last proof. It is the evidence of a capture, and tells whoever has it, the payment
// host above all, what the seller is owed, whatever the seller says.

import type { Crypto } from "../../hal/crypto.ts";
import { equalBytes } from "../bytes.ts";
import { decodeCbor, encodeCbor } from "../protocol/cbor.ts";
import { proof, SIGNED_BYTES_MAX } from "../protocol/messages.ts";
import { bytes, type Of, readCbor, tuple } from "../protocol/schema.ts";
import { fail, ok, type Result } from "../result.ts";
import { type Commitment, verifyCommitment } from "./commitment.ts";
import { provesFrom } from "./hash-chain.ts";

const CLAIM_BYTES_MAX = SIGNED_BYTES_MAX + 32;
const claimTuple = tuple({ commitment: bytes(1, SIGNED_BYTES_MAX), proof });
export type Claim = Of<typeof claimTuple>;

export function encodeClaim(claim: Claim): Uint8Array {
  return encodeCbor(claimTuple.toCbor(claim));
}

export interface ClaimWorth {
  units: number;
  amountMinor: number;
  /** With the payer's key, which signed it. */
  commitment: Commitment & { key: Uint8Array };
}

/** Errors: `malformed`, `too-large`, `signature`, and `commitment-invalid` for a link that is none of the chain. */
export function claimWorth(claim: Uint8Array, crypto: Crypto): Result<ClaimWorth> {
  const decoded = decodeCbor(claim, CLAIM_BYTES_MAX);
  if (!decoded.ok) return decoded;
  const read = readCbor(claimTuple, decoded.value, "claim");
  if (!read.ok) return read;
  if (!equalBytes(encodeClaim(read.value), claim)) {
    return fail("malformed", "it says more than a claim does", "claim");
  }
  const commitment = verifyCommitment(read.value.commitment, crypto);
  if (!commitment.ok) return commitment;
  const { order, root, units: unitsMax, unitMinor } = commitment.value;
  const { units, link } = read.value.proof;
  if (units > unitsMax)
    return fail("commitment-invalid", "it is for more than was committed", "claim.units");
  if (!provesFrom(crypto, order, { units: 0, link: root }, { units, link })) {
    return fail("commitment-invalid", "its link is none of the chain", "claim.link");
  }
  return ok({ units, amountMinor: units * unitMinor, commitment: commitment.value });
}
