// A service and a price with everything they may say, as a store keeps them and as an operator's command carries
// them. Shapes only: what the numbers must be to each other is checked when a service is added.

import { PAYMENT_WAYS } from "../payment/payments.ts";
import {
  amountMinor,
  basisPoints,
  currency,
  FEES_MAX,
  fee,
  PRICES_MAX,
  priceId,
  serviceId,
  TIERS_MAX,
  tier,
  units,
  WINDOW_UNITS_MAX,
} from "../protocol/messages.ts";
import {
  field,
  list,
  map,
  named,
  oneOf,
  optional,
  type Type,
  text,
  tuple,
  uint,
} from "../protocol/schema.ts";
import { undelivered } from "../token/undelivered.ts";
import type { Price, Service } from "./catalogue.ts";

const READING_MAX = 1_000_000_000;

export const priceRecord: Type<Price> = named(
  "price-record",
  map({
    id: field(1, priceId),
    name: field(2, text(32)),
    amountMinor: field(3, amountMinor),
    currency: field(4, currency),
    taxBasisPoints: optional(5, basisPoints),
    minUnits: optional(6, units),
    maxUnits: optional(7, units),
    stepUnits: optional(8, units),
    tiers: optional(9, list(tier, TIERS_MAX)),
    fees: optional(10, list(fee, FEES_MAX)),
  }),
);

const level = map({
  sensor: field(1, text(32)),
  readingsPerUnit: field(
    2,
    tuple({ numerator: uint(READING_MAX), denominator: uint(READING_MAX) }),
  ),
  reserve: field(3, uint(READING_MAX)),
});

export const serviceRecord: Type<Service> = named(
  "service-record",
  map({
    id: field(1, serviceId),
    name: field(2, text(32)),
    type: optional(3, text(16)),
    description: optional(4, text(48)),
    level: optional(5, level),
    outlet: field(6, text(32)),
    meter: field(7, text(32)),
    prices: field(8, list(priceRecord, PRICES_MAX)),
    unitsMax: field(9, units),
    undelivered: field(10, undelivered),
    tokenLifeS: field(11, uint(0xffff_ffff)),
    payment: optional(
      12,
      map({
        way: field(1, named("payment-way", oneOf(PAYMENT_WAYS))),
        flow: optional(2, text(48)),
      }),
    ),
    walkUp: optional(13, map({ price: field(1, priceId), units: field(2, units) })),
    bearer: optional(14, map({ valueMinorMax: field(1, amountMinor) })),
    stream: optional(15, map({ windowUnitsMax: field(1, uint(WINDOW_UNITS_MAX)) })),
  }),
);
