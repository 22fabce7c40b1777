// Receipts: one per session, and a settlement receipt when the order closes. All receipts of a device form
// one chain: each holds the next number and the digest of the one before. A receipt names its offer by
// digest and so binds the price, the lines and the pulses per unit that stand there.

import type { WallQuality } from "../../hal/clock.ts";
import type { Crypto, Signer } from "../../hal/crypto.ts";
import { STOP_REASONS, type StopCauseUnit, type StopReason } from "../../hal/loop-host.ts";
import { equalBytes } from "../bytes.ts";
import { amountMinor, orderId, proof, pulses, SESSIONS_MAX } from "../protocol/messages.ts";
import {
  bySort,
  bytes,
  field,
  int,
  list,
  map,
  named,
  type Of,
  oneOf,
  optional,
  type Type,
  text,
  tuple,
  uint,
} from "../protocol/schema.ts";
import { fail, ok, type Result } from "../result.ts";
import { amountLine, LINES_MAX } from "./offer.ts";
import {
  ISSUED_AT,
  OUR_CLAIMS,
  OUR_DETAILS,
  peek,
  type SignedSort,
  shortDigest,
  sign,
  TOKEN_ID,
  verify,
} from "./signed.ts";

const numbered = Object.fromEntries(STOP_REASONS.map((reason, index) => [reason, index + 1]));
const stopReason = named("stop-reason", oneOf(numbered as Readonly<Record<StopReason, number>>));
/** Why an order closed: its last stop, or the passing of its time. */
const closeReason = named(
  "close-reason",
  oneOf({ ...numbered, expired: 64 } as Readonly<Record<StopReason | "expired", number>>),
);
const CAUSE_UNITS: Readonly<Record<StopCauseUnit, number>> = {
  pulses: 1,
  ms: 2,
  state: 3,
  value: 4,
  units: 5,
};
const CAUSE_MAX = 4_000_000_000;
/** Whose reading, and what it was: StopCause. */
export const stopCause = named(
  "stop-cause",
  tuple({ of: text(32), value: int(-CAUSE_MAX, CAUSE_MAX), unit: oneOf(CAUSE_UNITS) }),
);
const QUALITIES: Readonly<Record<WallQuality, number>> = { unset: 0, set: 1, synchronised: 2 };

const common = {
  sort: uint(1),
  /** Number in the device's chain, from 1. */
  number: pulses,
  /** Short digest of the receipt before it; 16 zeros for the first. */
  previous: bytes(16),
  /** Short digest of the signed offer. */
  offer: bytes(16),
  /** The payment host's reference of the money taken. */
  payment: text(32),
  clock: named("clock-quality", oneOf(QUALITIES)),
};

const sessionTuple = named(
  "session-receipt",
  tuple({
    ...common,
    session: uint(SESSIONS_MAX),
    startReading: pulses,
    endReading: pulses,
    /** Delivered within the grant, and charged. */
    pulses,
    /** Ran on after the switch was told to open: given, not charged. */
    runOnPulses: pulses,
    /** Delivered units in thousandths, rounded down. */
    milliUnits: uint(4_000_000_000),
    /** Value of this session's pulses. */
    amountMinor,
    reason: stopReason,
  }),
);

const settlementTuple = named(
  "settlement-receipt",
  tuple({
    ...common,
    sessions: uint(SESSIONS_MAX),
    pulses,
    milliUnits: uint(4_000_000_000),
    /**
     * Value of what was delivered in all sessions, with the extras that the payer accepted; captured, refunded,
     * forfeited, and still owed to the payer.
     */
    amountMinor,
    capturedMinor: amountMinor,
    refundedMinor: amountMinor,
    forfeitedMinor: amountMinor,
    owedMinor: amountMinor,
    reason: closeReason,
  }),
);

/** Additional amounts that one payment may have: a receipt names every one of them. */
export const EXTRAS_MAX = 3;
export const EXTRA_NAME_BYTES_MAX = 32;

/** Who may take what a prepaid token is for. */
const PREPAID_SORTS = { consumer: 1, bearer: 2 } as const;

/**
 * What the amount is made of; on the receipts of an offer that has a tariff, of a payment with extras, or of a prepaid
 * token, no others.
 */
const breakdown = map({
  /** Contained in the amount, where the tariff says a rate; extras contain none. */
  taxMinor: optional(1, amountMinor),
  /** As in the offer, so far as they are charged here; none of nothing. On a settlement the extras follow. */
  lines: field(2, list(amountLine, LINES_MAX + EXTRAS_MAX)),
  /** Of the lines that are extras, in their order. */
  extraNames: optional(3, list(text(EXTRA_NAME_BYTES_MAX), EXTRAS_MAX)),
  /** Paid by such a token, which stands in the place of the offer: no money moved here. */
  prepaid: optional(4, named("prepaid-sort", oneOf(PREPAID_SORTS))),
  /** Of a session that was paid while it was delivered: the payer's last proof signs for what was charged. */
  streamed: optional(
    5,
    named(
      "streamed",
      tuple({
        proof,
        /** Delivered and not proved: given, and part of what ran on. */
        unpaidPulses: pulses,
        /** Given by earlier sessions and proved since: part of the charged pulses. */
        caughtUpPulses: pulses,
      }),
    ),
  ),
  /** The reading for which the delivery stopped, where it was not its own count. */
  cause: optional(6, stopCause),
});
export type Breakdown = Of<typeof breakdown>;

type SessionBody = Of<typeof sessionTuple>;
type SettlementBody = Of<typeof settlementTuple>;
interface Head<Is> {
  is: Is;
  order: string;
  atS: number;
  breakdown?: Breakdown;
}
export type SessionReceipt = Head<"session"> & Omit<SessionBody, "sort">;
export type SettlementReceipt = Head<"settlement"> & Omit<SettlementBody, "sort">;
export type Receipt = SessionReceipt | SettlementReceipt;

const SETTLEMENT = 1;
const eitherBody = bySort<SessionBody | SettlementBody>([
  sessionTuple as Type<SessionBody | SettlementBody>,
  settlementTuple as Type<SessionBody | SettlementBody>,
]);

const claims = map({
  issuedAt: field(ISSUED_AT, uint(0xffff_ffff)),
  order: field(TOKEN_ID, orderId),
  body: field(OUR_CLAIMS, eitherBody),
  breakdown: optional(OUR_DETAILS, breakdown),
});

export const RECEIPT: SignedSort<Of<typeof claims>> = { name: "receipt", claims };

export const FIRST_PREVIOUS = new Uint8Array(16);

export function signReceipt(receipt: Receipt, device: Signer): Uint8Array {
  const { is, order, atS, breakdown: lines, ...body } = receipt;
  const numberedBody = { sort: is === "settlement" ? SETTLEMENT : 0, ...body } as SessionBody;
  const plain = { issuedAt: atS, order, body: numberedBody };
  return sign(RECEIPT, lines === undefined ? plain : { ...plain, breakdown: lines }, device);
}

function fromClaims({ issuedAt, order, body, breakdown: lines }: Of<typeof claims>): Receipt {
  const { sort, ...rest } = body;
  const is = sort === SETTLEMENT ? "settlement" : "session";
  const plain = { is, order, atS: issuedAt, ...rest } as Receipt;
  return lines === undefined ? plain : { ...plain, breakdown: lines };
}

/** The receipt, unchecked: for showing what bytes say. Never acted upon. */
export function peekReceipt(signed: Uint8Array): Result<Receipt> {
  const read = peek(RECEIPT, signed);
  return read.ok ? ok(fromClaims(read.value)) : read;
}

export function verifyReceipt(
  signed: Uint8Array,
  deviceKey: Uint8Array,
  crypto: Crypto,
): Result<Receipt> {
  const read = verify(RECEIPT, signed, deviceKey, crypto);
  return read.ok ? ok(fromClaims(read.value)) : read;
}

/**
 * Checks receipts of one device, given in the order of their numbers: numbers rise, and where two follow each
 * other directly the later one holds the digest of the earlier. Gaps are receipts of other people's orders.
 * Errors: those of `verifyReceipt`, and `broken-chain`.
 */
export function verifyChain(
  signed: readonly Uint8Array[],
  deviceKey: Uint8Array,
  crypto: Crypto,
): Result<readonly Receipt[]> {
  const receipts: Receipt[] = [];
  for (const [index, one] of signed.entries()) {
    const read = verifyReceipt(one, deviceKey, crypto);
    if (!read.ok) return read;
    const before = receipts.at(-1);
    const bytesBefore = signed[index - 1];
    const { number, previous } = read.value;
    const at = `receipts.${index}`;
    if (number === 0 || (number === 1 && !equalBytes(previous, FIRST_PREVIOUS))) {
      return fail("broken-chain", `receipt ${number} is not where a chain begins`, at);
    }
    if (before !== undefined && number <= before.number) {
      return fail("broken-chain", `receipt ${number} stands after ${before.number}`, at);
    }
    if (before !== undefined && bytesBefore !== undefined && number === before.number + 1) {
      if (!equalBytes(previous, shortDigest(crypto, bytesBefore))) {
        return fail("broken-chain", `receipt ${number} does not follow from the one before it`, at);
      }
    }
    receipts.push(read.value);
  }
  return ok(receipts);
}
