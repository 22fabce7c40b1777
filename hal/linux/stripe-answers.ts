// What Stripe answers, read with suspicion: only known fields, each checked; anything else is no answer.

import type { HostCard } from "../payment-host.ts";

const INTENT_ID = /^pi_[A-Za-z0-9]{4,29}$/;
const REFUND_ID = /^(?:re|pyr)_[A-Za-z0-9]{4,60}$/;
const CHARGE_ID = /^(?:ch|py)_[A-Za-z0-9]{4,60}$/;
const AMOUNT_MAX = 99_999_999_999;

export interface SeenCharge {
  id: string;
  capturedMinor: number;
  refundedMinor: number;
  createdMs: number;
  card?: HostCard;
  authCode?: string;
  responseCode?: string;
}

export interface SeenIntent {
  id: string;
  status: string;
  amountMinor: number;
  capturableMinor: number;
  receivedMinor: number;
  /** Three capitals. */
  currency: string;
  livemode: boolean;
  metadata: Readonly<Record<string, unknown>>;
  charge?: SeenCharge;
  /** Why the last try to pay was declined. */
  decline?: SeenDecline;
}

export interface SeenRefund {
  id: string;
  intent: string;
  status: string;
  amountMinor: number;
  currency: string;
  metadata: Readonly<Record<string, unknown>>;
}

export interface SeenDecline {
  responseCode?: string;
  message?: string;
}

/** What became of a request that was not answered with what was asked for. */
export type SeenTrouble =
  /** The card was declined: final. */
  | ({ kind: "declined" } & SeenDecline)
  /** Stripe refused the request as it is; nothing happened. */
  | { kind: "refused"; code: string; param: string }
  /** Anything may have happened. `spoilt`: the same idempotency key would only repeat this. */
  | { kind: "unknown"; message: string; spoilt: boolean };

type Fields = Readonly<Record<string, unknown>>;

function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

function minor(value: unknown): number | undefined {
  const isAmount = typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
  return isAmount && value <= AMOUNT_MAX ? value : undefined;
}

/** Printable ASCII without blanks, cut to length. */
function word(value: unknown, length: number): string | undefined {
  return typeof value === "string" && /^[\x21-\x7e]+$/.test(value)
    ? value.slice(0, length)
    : undefined;
}

function currencyOf(value: unknown): string | undefined {
  return typeof value === "string" && /^[a-z]{3}$/.test(value) ? value.toUpperCase() : undefined;
}

export function readIntent(json: unknown): SeenIntent | undefined {
  const one = fields(json);
  const { id, status, livemode } = one;
  const amountMinor = minor(one["amount"]);
  const capturableMinor = minor(one["amount_capturable"] ?? 0);
  const receivedMinor = minor(one["amount_received"] ?? 0);
  const currency = currencyOf(one["currency"]);
  if (typeof id !== "string" || !INTENT_ID.test(id) || typeof status !== "string") return undefined;
  if (amountMinor === undefined || capturableMinor === undefined || currency === undefined) {
    return undefined;
  }
  if (receivedMinor === undefined || typeof livemode !== "boolean") return undefined;
  const charge = readCharge(one["latest_charge"]);
  const failure = one["last_payment_error"];
  const amounts = { amountMinor, capturableMinor, receivedMinor };
  return {
    ...{ id, status, ...amounts, currency, livemode, metadata: fields(one["metadata"]) },
    ...(charge && { charge }),
    ...(failure !== null && failure !== undefined && { decline: readDecline(failure) }),
  };
}

/** A charge that was not expanded, or is odd, says nothing. */
function readCharge(json: unknown): SeenCharge | undefined {
  const one = fields(json);
  const { id, created } = one;
  const capturedMinor = minor(one["amount_captured"]);
  const refundedMinor = minor(one["amount_refunded"]);
  if (typeof id !== "string" || !CHARGE_ID.test(id)) return undefined;
  if (capturedMinor === undefined || refundedMinor === undefined) return undefined;
  if (refundedMinor > capturedMinor && capturedMinor > 0) return undefined;
  const isTime = typeof created === "number" && created > 0 && created < 2 ** 33;
  const details = fields(fields(one["payment_method_details"])["card"]);
  const card = readCard(details);
  const authCode = word(details["authorization_code"], 6);
  const responseCode = word(fields(one["outcome"])["network_status"], 32);
  return {
    ...{ id, capturedMinor, refundedMinor, createdMs: isTime ? Math.floor(created) * 1000 : 0 },
    ...(card && { card }),
    ...(authCode !== undefined && { authCode }),
    ...(responseCode !== undefined && { responseCode }),
  };
}

function readCard(details: Fields): HostCard | undefined {
  const brand = word(details["network"] ?? details["brand"], 16)?.toLowerCase();
  const token = word(details["fingerprint"], 64);
  if (brand === undefined || token === undefined || !/^[a-z_]+$/.test(brand)) return undefined;
  const { last4, exp_month: month, exp_year: year } = details as Record<string, unknown>;
  const isExpiry =
    Number.isInteger(month) && Number.isInteger(year) && Number(month) >= 1 && Number(month) <= 12;
  const expiry = `${String(Number(year) % 100).padStart(2, "0")}${String(month).padStart(2, "0")}`;
  return {
    ...{ network: brand.replaceAll("_", ""), entryMethod: "manual", token },
    ...(typeof last4 === "string" &&
      /^\d{4}$/.test(last4) && { maskedPan: `************${last4}` }),
    ...(isExpiry && /^\d{4}$/.test(expiry) && { expiry }),
  };
}

function readDecline(json: unknown): SeenDecline {
  const { code, decline_code: declineCode, message } = fields(json);
  const responseCode = word(declineCode, 40) ?? word(code, 40);
  const text = typeof message === "string" ? message.replace(/[^\x20-\x7e]/g, " ") : undefined;
  return {
    ...(responseCode !== undefined && { responseCode }),
    // Text of the peer may hold anything: digits that could be a card number are blotted out.
    ...(text !== undefined && { message: text.replace(/\d{6,}/g, "*").slice(0, 96) }),
  };
}

export function readRefund(json: unknown): SeenRefund | undefined {
  const one = fields(json);
  const { id, status, payment_intent: intent } = one;
  const amountMinor = minor(one["amount"]);
  const currency = currencyOf(one["currency"]);
  if (typeof id !== "string" || !REFUND_ID.test(id) || typeof status !== "string") return undefined;
  if (typeof intent !== "string" || amountMinor === undefined || currency === undefined) {
    return undefined;
  }
  return { id, intent, status, amountMinor, currency, metadata: fields(one["metadata"]) };
}

/** Undefined when any of them is odd, or there are more than one page. */
export function readRefunds(json: unknown): readonly SeenRefund[] | undefined {
  const { data, has_more: hasMore } = fields(json);
  if (!Array.isArray(data) || data.length > 100 || hasMore !== false) return undefined;
  const refunds = data.map(readRefund);
  return refunds.every((one) => one !== undefined) ? refunds : undefined;
}

/** The library throws errors of its own; what counts is the status that came with them. */
export function readTrouble(thrown: unknown): SeenTrouble {
  const error = fields(thrown);
  const { statusCode, rawType, message } = error;
  if (statusCode === 402 && rawType === "card_error") {
    return { kind: "declined", ...readDecline(error) };
  }
  if ((statusCode === 400 || statusCode === 404) && rawType === "invalid_request_error") {
    const code = word(error["code"], 40) ?? "invalid_request";
    return { kind: "refused", code, param: word(error["param"], 40) ?? "" };
  }
  if (typeof statusCode === "number") {
    const spoilt = statusCode >= 500;
    const why = statusCode === 401 || statusCode === 403 ? ": check the API key" : "";
    return { kind: "unknown", message: `HTTP ${statusCode}${why}`, spoilt };
  }
  // Of a connection that failed, the library keeps our own error.
  const inner = fields(error["detail"])["message"] ?? message;
  const text = typeof inner === "string" ? inner.replace(/[^\x20-\x7e]/g, " ") : "failed";
  return { kind: "unknown", message: text.slice(0, 80), spoilt: false };
}
