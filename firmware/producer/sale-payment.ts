// An order as the payment side sees it, and the credentials that its payer sent with it.

import type { Crypto } from "../../hal/crypto.ts";
import type { HostCredential } from "../../hal/payment-host.ts";
import { fromHex, toHex } from "../bytes.ts";
import type { PaymentOrder } from "../payment/payments.ts";
import { credentialNonce } from "../protocol/credential.ts";
import type { MessageOf } from "../protocol/messages.ts";
import { fail, ok, type Result } from "../result.ts";
import { encodeClaim } from "../token/claim.ts";
import { shortDigest, thumbprint } from "../token/signed.ts";
import type { OpenOffer } from "./offers.ts";
import type { KeptCredential, Order } from "./order.ts";

const CREDENTIAL_BYTES_MIN = 16;

/** The service's name where a flow is about to be started with it. */
export function paymentOf(one: Order, crypto: Crypto, serviceName?: string): PaymentOrder {
  const { id, terms, offer, reference, maximumMinor, way, flow, method, extras, atBoard } = one;
  const { stream } = one;
  const payerKey = fromHex(one.consumer) ?? new Uint8Array();
  const [credential, ...further] = [one.credential ?? [], one.further ?? []]
    .flat()
    .map((kept) => toHost(payerKey, kept));
  return {
    id,
    currency: terms.currency,
    totalMinor: terms.totalMinor,
    offer,
    offerDigest: shortDigest(crypto, stream?.commitment ?? offer),
    payer: toHex(thumbprint(crypto, payerKey)),
    ...(reference !== undefined && { reference }),
    ...(maximumMinor !== undefined && { maximumMinor }),
    ...(way !== undefined && { way }),
    ...(flow !== undefined && { flow }),
    ...(method !== undefined && { method }),
    ...(extras !== undefined && { extras }),
    ...(atBoard === true && { atBoard }),
    ...(credential !== undefined && { credential, furtherCredentials: further }),
    ...(serviceName !== undefined && goodsOf(one, serviceName)),
  };
}

/** Errors: `credential-invalid`, `out-of-range`. */
export function payWrong({ offer }: OpenOffer, request: MessageOf<"pay">): Result<void> {
  const { credential, maximumMinor = offer.totalMinor } = request;
  if (credential.length > 0 && credential.length < CREDENTIAL_BYTES_MIN) {
    return fail("credential-invalid", "it is too short to be one", "credential");
  }
  if (maximumMinor >= offer.totalMinor) return ok(undefined);
  return fail("out-of-range", "is below the offer's total", "maximumMinor");
}

/** What is kept with the capture: the payer's own word for it, where he gave it unit by unit. */
export function evidenceOf({ offer, stream }: Order, crypto: Crypto): Uint8Array {
  if (stream === undefined) return shortDigest(crypto, offer);
  const { commitment, proved: units, link } = stream;
  return encodeClaim({ commitment, proof: { units, link } });
}

/** What an order keeps of them. */
export function credentialsOf(
  order: string,
  { nonce, credential, tokenised, further = [] }: MessageOf<"pay">,
): Pick<Order, "credential" | "further"> {
  // Who pays from an account gives none.
  if (credential.length === 0) return {};
  const kept = (one: Uint8Array, box: Uint8Array, isTokenised: boolean) => {
    return { nonce: credentialNonce(order, one), box, tokenised: isTokenised };
  };
  const first = kept(nonce, credential, tokenised === true);
  if (further.length === 0) return { credential: first };
  const others = further.map((one) => kept(one.nonce, one.credential, one.tokenised));
  return { credential: first, further: others };
}

function toHost(payerKey: Uint8Array, { nonce, box, tokenised }: KeptCredential): HostCredential {
  return tokenised
    ? { kind: "token", payerKey, token: box }
    : { kind: "sealed", payerKey, nonce, box };
}

/** What is sold, as the offer's lines have it. */
function goodsOf(
  { terms, tariff }: Order,
  serviceName: string,
): Required<Pick<PaymentOrder, "service" | "lines">> {
  const { service, price, units, unit, priceMinor, lines } = terms;
  const names = [...(tariff?.feeNames ?? [])];
  return {
    service: { id: service, name: serviceName, price, units, unit, priceMinor },
    lines: lines.map(({ kind, amountMinor }) => {
      const isUnits = kind === "units";
      return { label: isUnits ? serviceName : (names.shift() ?? kind), isUnits, amountMinor };
    }),
  };
}
