// What a device demands of a payer's commitment before any money moves: that it is for this very offer, and that what its
// links are worth is what is sold.

import type { Crypto } from "../../hal/crypto.ts";
import { equalBytes } from "../bytes.ts";
import { fail, ok, type Result } from "../result.ts";
import { type Commitment, verifyCommitment } from "../token/commitment.ts";
import { shortDigest } from "../token/signed.ts";
import type { OpenOffer } from "./offers.ts";
import type { Order } from "./order.ts";

interface Judge {
  crypto: Crypto;
  /** Thumbprint of our signing key. */
  device: Uint8Array;
  /** It must be good for as long as the order may be delivered. */
  goodToS: number;
}

/**
 * The stream of an order that begins with such a request. Errors: `not-streamed`, `commitment-invalid` at the field that
 * is wrong, `out-of-range`, and those of verifying.
 */
export function committedStream(
  open: OpenOffer,
  commitment: Uint8Array,
  maximumMinor: number | undefined,
  judge: Judge,
): Result<NonNullable<Order["stream"]>> {
  const { offer, service } = open;
  const { tiers = [], feeNames = [] } = offer.tariff ?? {};
  const isPlain = tiers.length === 0 && feeNames.length === 0;
  if (service.stream === undefined || service.payment?.way !== "hold" || !isPlain) {
    return fail("not-streamed", "it cannot be paid while it is delivered", "commitment");
  }
  // What the links are worth is all that can be had.
  if (maximumMinor !== undefined && maximumMinor !== offer.totalMinor) {
    return fail(
      "out-of-range",
      "must be the offer's total where there is a commitment",
      "maximumMinor",
    );
  }
  const read = verifyCommitment(commitment, judge.crypto);
  if (!read.ok) return read;
  const wrong = wrongField(read.value, open, judge);
  if (wrong !== undefined) {
    return fail("commitment-invalid", "it is not what the offer asks for", `commitment.${wrong}`);
  }
  return ok({
    commitment,
    proved: 0,
    link: read.value.root,
    step: 1,
    window: service.stream.windowUnitsMax,
    unpaidPulses: 0,
  });
}

function wrongField(
  commitment: Commitment,
  { offer, signed }: OpenOffer,
  { crypto, device, goodToS }: Judge,
): keyof Commitment | "expires" | undefined {
  if (commitment.order !== offer.id) return "order";
  if (!equalBytes(commitment.device, device)) return "device";
  if (!equalBytes(commitment.offer, shortDigest(crypto, signed))) return "offer";
  if (commitment.units !== offer.units) return "units";
  if (commitment.unitMinor !== offer.priceMinor) return "unitMinor";
  if (commitment.currency !== offer.currency) return "currency";
  if (commitment.units * commitment.unitMinor !== offer.totalMinor) return "unitMinor";
  return commitment.expiresS < goodToS ? "expires" : undefined;
}
