// Every message of the protocol, its number and its fields. Numbers are never reused. The kind is key 0 of
// each message; requests go from consumer to device, replies and pushes the other way, all of them sealed
// (envelope.ts). docs/PROTOCOL.md and docs/protocol.cddl are made from this file.

import { assert } from "../assert.ts";
import {
  bytes,
  type Fields,
  field,
  flag,
  headBytes,
  id,
  int,
  list,
  map,
  named,
  type Of,
  oneOf,
  optional,
  text,
  tuple,
  uint,
} from "./schema.ts";

/** Version 1: the major number stands in every topic, the minor in the announcement. */
export const PROTOCOL_MAJOR = 1;
export const PROTOCOL_MINOR = 1;

export const UNITS_MAX = 1_000_000;
export const AMOUNT_MINOR_MAX = 1_000_000_000;
export const PULSES_MAX = 4_000_000_000;
export const SIGNED_BYTES_MAX = 480;
export const SERVICES_MAX = 16;
export const PRICES_MAX = 8;
export const SESSIONS_MAX = 65_535;
/** Bytes of a link of a hash chain, and units that one chain may pay for. */
export const LINK_BYTES = 16;
export const CHAIN_UNITS_MAX = 65_535;
/** Units between two proofs, and units that may be delivered ahead of proof. */
export const STEP_UNITS_MAX = 1024;
export const WINDOW_UNITS_MAX = 1024;
export const TIERS_MAX = 4;
export const FEES_MAX = 3;
export const READINGS_MAX = 16;
/** A command of the operator, signed: it may hold a whole service. */
export const COMMAND_BYTES_MAX = 1536;
export const TAX_BASIS_POINTS_MAX = 10_000;
/** One frame on the wire, envelope included. */
export const FRAME_BYTES_MAX = 2112;
export const FAULT_WORDS_BYTES_MAX = 160;
export const FAULT_AT_BYTES_MAX = 48;

export const orderId = named("order-id", id(8));
export const serviceId = named("service-id", uint(65_535));
export const priceId = named("price-id", uint(65_535));
export const units = named("units", uint(UNITS_MAX));
export const amountMinor = named("amount-minor", uint(AMOUNT_MINOR_MAX));
export const pulses = named("pulses", uint(PULSES_MAX));
export const currency = named("currency", text(3));
const session = named("session-number", uint(SESSIONS_MAX));
const signed = named("signed", bytes(1, SIGNED_BYTES_MAX));

export const ORDER_STATES = { taking: 1, paid: 2, failed: 3, closing: 4, closed: 5 } as const;

export type Section = "discovery" | "pricing" | "payment tokens" | "metered delivery" | "operation";
export type Direction = "request" | "reply" | "push";

function message<F extends Fields>(
  kind: number,
  direction: Direction,
  section: Section,
  says: string,
  fields: F,
) {
  assert(kind < 256, "a message kind is one byte at most");
  const type = map(fields);
  return { kind, direction, section, says, type, bytesMax: type.bytesMax + 1 + headBytes(kind) };
}

const serviceLine = named(
  "service-line",
  tuple({ service: serviceId, name: text(32), free: flag }),
);
const priceLine = named(
  "price-line",
  tuple({ price: priceId, name: text(32), unit: text(8), amountMinor, currency }),
);

/** Further units, from the one named on, at another price each. */
export const tier = named("tier", tuple({ fromUnits: units, amountMinor }));
/** Charged once for an order, with its first delivered pulse. */
export const fee = named("fee", tuple({ start: flag, name: text(24), amountMinor }));
export const basisPoints = named("basis-points", uint(TAX_BASIS_POINTS_MAX));
/** What a service is more than its name; left out where there is nothing to say. */
const serviceDetail = named(
  "service-detail",
  map({
    service: field(1, serviceId),
    /** What sort of service, for finding it: one short word such as "ev-charging". */
    type: optional(2, text(16)),
    description: optional(3, text(48)),
    /** So many units can be supplied now, where a level limits them. */
    available: optional(4, units),
    /** It was added or changed while the device ran; true, or absent. */
    changed: optional(5, flag),
    /** It can be paid while it is delivered; so many units at most are delivered ahead of proof. */
    windowMax: optional(6, uint(WINDOW_UNITS_MAX)),
  }),
);
/** What a price is more than an amount per unit; left out where there is nothing to say. */
const priceDetail = named(
  "price-detail",
  map({
    price: field(1, priceId),
    /** Tax that every amount of this price contains, in hundredths of a percent. */
    taxBasisPoints: optional(2, basisPoints),
    minUnits: optional(3, units),
    maxUnits: optional(4, units),
    stepUnits: optional(5, units),
    tiers: optional(6, list(tier, TIERS_MAX)),
    fees: optional(7, list(fee, FEES_MAX)),
    /** It was set while the device ran; true, or absent. */
    changed: optional(8, flag),
  }),
);
const SENSOR_QUALITIES = { good: 1, stale: 2, lost: 3 } as const;
const READING_MAX = 1_000_000_000;
const sensorReading = named(
  "sensor-reading",
  tuple({
    sensor: text(32),
    unit: text(8),
    value: int(-READING_MAX, READING_MAX),
    ageMs: uint(0xffff_ffff),
    quality: named("sensor-quality", oneOf(SENSOR_QUALITIES)),
  }),
);
export const FURTHER_CREDENTIALS_MAX = 2;
const furtherCredential = named(
  "further-credential",
  tuple({ nonce: bytes(8), credential: bytes(16, 128), tokenised: flag }),
);
const confirmationOption = named(
  "confirmation-option",
  tuple({ value: text(24), label: text(40) }),
);
/** What a payer is asked: an extra to accept, or a choice of the application's. */
const confirmation = named(
  "confirmation",
  map({
    id: field(1, text(48)),
    type: field(2, text(24)),
    title: optional(3, text(48)),
    description: optional(4, text(96)),
    /** Values that may be answered, and how they read. */
    options: optional(5, list(confirmationOption, 8)),
    /** Accepting it adds this to what is paid. */
    extra: optional(6, named("extra", tuple({ name: text(32), amountMinor }))),
  }),
);
/** All units of an order up to this one are paid. */
export const proof = named(
  "proof",
  tuple({ units: uint(CHAIN_UNITS_MAX), link: bytes(LINK_BYTES) }),
);
const supply = named("supply", tuple({ units, totalMinor: amountMinor, currency }));

export const MESSAGES = {
  "get-services": message(1, "request", "discovery", "Which services does the device sell?", {}),
  services: message(
    2,
    "reply",
    "discovery",
    "Its services, and whether their outlets are free now.",
    {
      services: field(1, list(serviceLine, SERVICES_MAX)),
      details: optional(2, list(serviceDetail, SERVICES_MAX)),
    },
  ),
  "get-identity": message(3, "request", "discovery", "Which operator vouches for the device?", {}),
  identity: message(
    4,
    "reply",
    "discovery",
    "The operator's public key, for pinning at first use.",
    {
      operatorKey: field(1, bytes(32)),
      /** The device in a sentence. */
      description: optional(2, text(96)),
      /** The operator's latest list of revoked devices that this device has. */
      revocations: optional(3, bytes(1, COMMAND_BYTES_MAX)),
    },
  ),
  "get-prices": message(5, "request", "pricing", "What does a service cost?", {
    service: field(1, serviceId),
  }),
  prices: message(6, "reply", "pricing", "The prices of one service, per unit.", {
    prices: field(1, list(priceLine, PRICES_MAX)),
    details: optional(2, list(priceDetail, PRICES_MAX)),
  }),
  select: message(7, "request", "pricing", "Asks for an offer of so many units at one price.", {
    service: field(1, serviceId),
    price: field(2, priceId),
    units: field(3, units),
  }),
  offer: message(8, "reply", "pricing", "A signed offer; it expires and reserves nothing.", {
    offer: field(1, signed),
  }),
  pay: message(
    9,
    "request",
    "payment tokens",
    "Pays an offer with a credential for the host's eyes.",
    {
      offer: field(1, orderId),
      nonce: field(2, bytes(8)),
      /** Empty where the service is paid from an account that the operator keeps. */
      credential: field(3, bytes(0, 128)),
      /** The credential is a host token, not a sealed card. */
      tokenised: optional(4, flag),
      /** The payment method that the payer chooses. */
      method: optional(5, text(24)),
      /** The most that the credentials are bound to; left out where that is the offer's total. */
      maximumMinor: optional(6, amountMinor),
      /** More credentials, tried in turn when the one before does not cover all. */
      further: optional(7, list(furtherCredential, FURTHER_CREDENTIALS_MAX)),
      /** The payer's commitment to a hash chain, to which the credentials are then bound in the offer's place. */
      commitment: optional(8, signed),
    },
  ),
  paid: message(10, "reply", "payment tokens", "The order is paid: its signed delivery token.", {
    token: field(1, signed),
  }),
  begin: message(
    11,
    "request",
    "metered delivery",
    "Starts session n of an order, for some or all units.",
    {
      order: field(1, orderId),
      /** 1 for the first session of the order; a repeated number gets the same answer. */
      session: field(2, session),
      units: optional(3, units),
      /** The whole delivery token, where the device shall judge it by its bytes. */
      token: optional(4, signed),
      /** Of an order with a commitment: units for each proof, and units ahead of proof, as the payer chooses. */
      step: optional(5, uint(STEP_UNITS_MAX)),
      window: optional(6, uint(WINDOW_UNITS_MAX)),
      /** The last proof that the payer let go. */
      proof: optional(7, proof),
    },
  ),
  begun: message(
    12,
    "reply",
    "metered delivery",
    "The session's grant, in pulses, and the start reading.",
    {
      pulses: field(1, pulses),
      startReading: field(2, pulses),
    },
  ),
  end: message(
    13,
    "request",
    "metered delivery",
    "Ends session n of an order; with close, n being the last that ended, settles the idle order.",
    {
      order: field(1, orderId),
      /** A repeated or replayed `end` touches no later session. */
      session: field(2, session),
      /** Without it an `end` that comes just after the session's own end changes nothing. */
      close: optional(3, flag),
    },
  ),
  ending: message(14, "reply", "metered delivery", "Understood; receipts follow.", {
    running: field(1, flag),
  }),
  metering: message(
    15,
    "push",
    "metered delivery",
    "Delivered so far in the session: cumulative.",
    {
      session: field(1, session),
      pulses: field(2, pulses),
      /** Delivery waits, switch open, for the next reservation to reach the disk. */
      held: optional(3, flag),
      /** Of an order with a commitment: units of which the device has proof. */
      proved: optional(4, uint(CHAIN_UNITS_MAX)),
      /** Of such an order: the session is over, and the device waits a moment for its last proof. */
      ended: optional(5, flag),
    },
  ),
  receipts: message(
    16,
    "push",
    "metered delivery",
    "Signed receipts, repeated until acknowledged.",
    {
      receipts: field(1, list(signed, 3)),
    },
  ),
  acknowledge: message(
    17,
    "request",
    "metered delivery",
    "Receipts of an order are kept, up to a number.",
    {
      order: field(1, orderId),
      receipt: field(2, pulses),
    },
  ),
  "get-order": message(19, "request", "metered delivery", "How does an order stand?", {
    order: field(1, orderId),
  }),
  order: message(
    20,
    "reply",
    "metered delivery",
    "State of an order, from the device's own record.",
    {
      state: field(1, named("order-state", oneOf(ORDER_STATES))),
      sessions: field(2, uint(SESSIONS_MAX)),
      running: field(3, flag),
      /** Delivered and charged over all ended sessions; the running one is told by `metering`. */
      pulses: field(4, pulses),
      grantPulses: field(5, pulses),
      token: optional(6, signed),
      proved: optional(7, uint(CHAIN_UNITS_MAX)),
    },
  ),
  fault: message(
    21,
    "reply",
    "discovery",
    "The request was refused: code, words, and the field at fault.",
    {
      code: field(1, uint(65_535)),
      message: optional(2, text(FAULT_WORDS_BYTES_MAX)),
      at: optional(3, text(FAULT_AT_BYTES_MAX)),
      /** With units-out-of-range: the nearest that can be supplied, and what it would cost. */
      supply: optional(4, supply),
      /** With session-unknown: the number of the order's next session. */
      session: optional(5, session),
    },
  ),
  "get-readings": message(22, "request", "discovery", "What do the device's sensors say?", {}),
  readings: message(23, "reply", "discovery", "The last reading of every sensor, and its age.", {
    readings: field(1, list(sensorReading, READINGS_MAX)),
  }),
  "get-operation": message(24, "request", "operation", "What number has the next command?", {}),
  operation: message(25, "reply", "operation", "The number that the next command must hold.", {
    number: field(1, pulses),
  }),
  operate: message(26, "request", "operation", "A command that the operator signed.", {
    command: field(1, bytes(1, COMMAND_BYTES_MAX)),
  }),
  operated: message(27, "reply", "operation", "It was carried out; a repetition gets the same.", {
    number: field(1, pulses),
    /** JSON of what was asked for, where the command asks for something. */
    answer: optional(2, text(1600)),
  }),
  "payment-event": message(
    28,
    "push",
    "payment tokens",
    "What an application that takes part in the payment says to the payer.",
    {
      order: field(1, orderId),
      /** progressMessage, confirmationRequest, receipt, notifyAction, or another. */
      type: field(2, text(32)),
      text: optional(3, text(1024)),
      confirmation: optional(4, confirmation),
    },
  ),
  confirm: message(29, "request", "payment tokens", "The payer's answer to a confirmation.", {
    order: field(1, orderId),
    confirmation: field(2, text(48)),
    values: field(3, list(text(96), 8)),
  }),
  confirmed: message(30, "reply", "payment tokens", "The answer was passed on.", {}),
} as const;

export type MessageName = keyof typeof MESSAGES;
type Body<K extends MessageName> = Of<(typeof MESSAGES)[K]["type"]>;
/** A decoded message: `is` says which. */
export type Message = { [K in MessageName]: { is: K } & Body<K> }[MessageName];
export type MessageOf<K extends MessageName> = { is: K } & Body<K>;
