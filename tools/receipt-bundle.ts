// All of one order that a third party needs to check it: certificate, offer, token and receipts as they were
// signed, in one JSON file. Reading trusts nothing; checking needs only the operator's key.

import { equalBytes } from "../firmware/bytes.ts";
import { checkReceipts, checkToken } from "../firmware/consumer/checks.ts";
import { termsOf } from "../firmware/consumer/prepaid-purchase.ts";
import { type Purchase, tokenWords } from "../firmware/consumer/purchase.ts";
import { checkCommitment } from "../firmware/consumer/stream-order.ts";
import { checkTokenReceipts } from "../firmware/consumer/token-checks.ts";
import { fingerprint } from "../firmware/consumer/trust.ts";
import {
  bytes,
  field,
  list,
  map,
  type Of,
  optional,
  readJson,
  text,
} from "../firmware/protocol/schema.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import {
  type Certificate,
  certificateOperator,
  verifyCertificate,
} from "../firmware/token/certificate.ts";
import { type DeliveryToken, verifyToken } from "../firmware/token/delivery-token.ts";
import { type Offer, verifyOffer } from "../firmware/token/offer.ts";
import { type PrepaidToken, verifyPrepaid } from "../firmware/token/prepaid-token.ts";
import { type Receipt, verifyChain } from "../firmware/token/receipt.ts";
import { thumbprint } from "../firmware/token/signed.ts";
import type { Crypto } from "../hal/crypto.ts";

const TYPE = "sluice-receipts-1";
const RECEIPTS_MAX = 4096;
const signed = bytes(1, 1024);

const bundleFile = map({
  type: field(1, text(32)),
  operatorKey: field(2, bytes(32)),
  certificate: field(3, signed),
  offer: field(4, signed),
  token: optional(5, signed),
  receipts: field(6, list(signed, RECEIPTS_MAX)),
  /** The operator's prepaid token stands in the place of the offer. What people call what it is for: nobody signed that. */
  prepaid: optional(7, tokenWords),
  /** Of an order that was paid by the unit: what the payer signed, by which the proofs on its receipts are checked. */
  commitment: optional(8, signed),
});

export type ReceiptBundle = Readonly<Of<typeof bundleFile>>;

/** A bundle whose every signature, digest and sum is right. */
export interface CheckedBundle {
  operatorKey: Uint8Array;
  /** The operator key was given, not taken from the bundle. */
  trusted: boolean;
  certificate: Certificate;
  /** Of a prepaid token, the terms that it says. */
  offer: Offer;
  prepaid?: PrepaidToken;
  token: DeliveryToken | undefined;
  receipts: readonly Receipt[];
  signedReceipts: readonly Uint8Array[];
}

/** JSON text, one line of it an item, so that it can be compared by eye. */
export function bundleText(purchase: Purchase): string {
  const { operatorKey, certificate, offer, token, receipts, prepaid, stream } = purchase;
  const bundle: ReceiptBundle = {
    type: TYPE,
    operatorKey,
    certificate,
    offer,
    receipts,
    ...(token === undefined ? {} : { token }),
    ...(prepaid === undefined ? {} : { prepaid }),
    ...(stream === undefined ? {} : { commitment: stream.commitment }),
  };
  return `${JSON.stringify(bundleFile.toJson(bundle), null, 2)}\n`;
}

/** Error: `malformed`, naming the field. */
export function readBundle(json: string): Result<ReceiptBundle> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return fail("malformed", "it is no JSON: give a file that buy or --save wrote");
  }
  const bundle = readJson(bundleFile, value, "bundle");
  if (bundle.ok && bundle.value.type !== TYPE) {
    return fail("version", `its type is not ${TYPE}: a later version wrote it`, "bundle.type");
  }
  return bundle;
}

/**
 * Checks by the given operator keys or, when there are none, by the bundle's own, which proves only that it
 * is consistent. Errors: `untrusted`, `signature`, `broken-chain`, `offer-mismatch`, `token-invalid`,
 * `malformed`, the message beginning with what is wrong.
 */
export function checkBundle(
  bundle: ReceiptBundle,
  operators: readonly Uint8Array[],
  crypto: Crypto,
): Result<CheckedBundle> {
  const operator = chooseOperator(bundle, operators, crypto);
  if (!operator.ok) return operator;
  const operatorKey = operator.value;
  const certificate = named(
    "certificate",
    verifyCertificate(bundle.certificate, operatorKey, crypto),
  );
  if (!certificate.ok) return certificate;
  const { signKey } = certificate.value;
  const chain = named("receipts", verifyChain(bundle.receipts, signKey, crypto));
  if (!chain.ok) return chain;
  const common = {
    operatorKey,
    trusted: operators.length > 0,
    certificate: certificate.value,
    receipts: chain.value,
    signedReceipts: bundle.receipts,
  };
  return bundle.prepaid === undefined
    ? checkSold(bundle, common, crypto)
    : checkPrepaidBundle(bundle, common, crypto);
}

type Certified = Omit<CheckedBundle, "offer" | "token">;

function checkSold(
  bundle: ReceiptBundle,
  common: Certified,
  crypto: Crypto,
): Result<CheckedBundle> {
  const { signKey } = common.certificate;
  const offer = named("offer", verifyOffer(bundle.offer, signKey, crypto));
  if (!offer.ok) return offer;
  const token = checkedToken(bundle.token, offer.value, signKey, crypto);
  if (!token.ok) return token;
  const { offer: signedOffer, commitment: committed } = bundle;
  const commitment = committed
    ? named("commitment", checkCommitment(committed, offer.value, { signedOffer, signKey }, crypto))
    : ok(undefined);
  if (!commitment.ok) return commitment;
  const { receipts } = common;
  const terms = commitment.value;
  const sums = checkReceipts(receipts, offer.value, signedOffer, crypto, "any", terms);
  if (!sums.ok) return named("receipts", sums);
  return ok({ ...common, offer: offer.value, token: token.value });
}

function checkPrepaidBundle(
  bundle: ReceiptBundle,
  common: Certified,
  crypto: Crypto,
): Result<CheckedBundle> {
  const signedToken = bundle.offer;
  const prepaid = named("offer", verifyPrepaid(signedToken, common.operatorKey, crypto));
  if (!prepaid.ok) return prepaid;
  const { device } = prepaid.value;
  if (device !== common.certificate.device) {
    return fail("wrong-device", `offer: the token is of device ${device}`, "offer");
  }
  const terms = termsOf(bundle);
  if (!terms.ok) return terms;
  const checked = { token: prepaid.value, signed: signedToken };
  const sums = checkTokenReceipts(common.receipts, checked, crypto);
  if (!sums.ok) return named("receipts", sums);
  return ok({ ...common, offer: terms.value, token: undefined, prepaid: prepaid.value });
}

/** Numbers of the receipts that say a time after their device's certificate had expired, by a clock that was set. */
export function signedLate({ certificate, receipts }: CheckedBundle): readonly number[] {
  return receipts
    .filter(({ atS, clock }) => clock !== "unset" && atS >= certificate.expiresS)
    .map(({ number }) => number);
}

/** Receipts of one device stand in one chain: how many there are in all. Errors: those of verifyChain. */
export function checkAcross(bundles: readonly CheckedBundle[], crypto: Crypto): Result<number> {
  const devices = new Set(bundles.map(({ certificate }) => certificate.device));
  let receipts = 0;
  for (const device of devices) {
    const ofDevice = bundles.filter(({ certificate }) => certificate.device === device);
    const chain = checkDeviceChain(ofDevice, crypto);
    if (!chain.ok) return named(`chain of ${device}`, chain);
    receipts += chain.value;
  }
  return ok(receipts);
}

function checkDeviceChain(bundles: readonly CheckedBundle[], crypto: Crypto): Result<number> {
  const all = bundles.flatMap(({ receipts, signedReceipts }) =>
    receipts.map(({ number }, i) => ({ number, signed: signedReceipts[i] ?? new Uint8Array() })),
  );
  all.sort((a, b) => a.number - b.number);
  const distinct = all.filter(({ signed }, i) => {
    const before = all[i - 1];
    return before === undefined || !equalBytes(before.signed, signed);
  });
  const signKey = bundles[0]?.certificate.signKey ?? new Uint8Array(32);
  const chain = verifyChain(
    distinct.map((one) => one.signed),
    signKey,
    crypto,
  );
  return chain.ok ? ok(chain.value.length) : chain;
}

function chooseOperator(
  bundle: ReceiptBundle,
  operators: readonly Uint8Array[],
  crypto: Crypto,
): Result<Uint8Array> {
  if (operators.length === 0) return ok(bundle.operatorKey);
  const wanted = certificateOperator(bundle.certificate);
  const given = operators.find((key) => wanted && equalBytes(thumbprint(crypto, key), wanted));
  if (given !== undefined) return ok(given);
  const itsOwn = fingerprint(bundle.operatorKey, crypto);
  return fail(
    "untrusted",
    `the certificate is of another operator (the bundle says ${itsOwn})`,
    "certificate",
  );
}

function checkedToken(
  token: Uint8Array | undefined,
  offer: Offer,
  signKey: Uint8Array,
  crypto: Crypto,
): Result<DeliveryToken | undefined> {
  if (token === undefined) return ok(undefined);
  const read = named("token", verifyToken(token, signKey, crypto));
  if (!read.ok) return read;
  const checked = checkToken(read.value, offer);
  return checked.ok ? read : checked;
}

/** The same, a fault saying in which part of a bundle it is. */
function named<T>(part: string, result: Result<T>): Result<T> {
  if (result.ok) return result;
  const { kind, message, at } = result.fault;
  return fail(kind, `${part}: ${message}`, at ?? part);
}
