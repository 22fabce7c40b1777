// The part of a device file that says what is sold: services, their prices, and what a price may say.

import { PAYMENT_WAYS } from "../firmware/payment/payments.ts";
import type { Service } from "../firmware/producer/catalogue.ts";
import {
  AMOUNT_MINOR_MAX,
  FEES_MAX,
  PRICES_MAX,
  TAX_BASIS_POINTS_MAX,
  TIERS_MAX,
  UNITS_MAX,
  WINDOW_UNITS_MAX,
} from "../firmware/protocol/messages.ts";
import { UNDELIVERED } from "../firmware/token/undelivered.ts";
import type { Ratio } from "../firmware/units.ts";

/** A service as a file has it, with defaults filled in. */
export type ServiceEntry = Omit<Service, "tokenLifeS" | "level"> & {
  tokenLifeHours: number;
  level?: { sensor: string; readingsPerUnit: number | Ratio; reserve: number };
};

export type Schema = Readonly<Record<string, unknown>>;

const id: Schema = { type: "integer", minimum: 1, maximum: 65_535 };
export const label = (description: string, maxLength = 32): Schema => ({
  description,
  type: "string",
  minLength: 1,
  maxLength,
});
const units = (description: string, minimum = 1): Schema => ({
  description,
  type: "integer",
  minimum,
  maximum: UNITS_MAX,
});
const amount = (description: string, minimum = 1): Schema => ({
  description,
  type: "integer",
  minimum,
  maximum: AMOUNT_MINOR_MAX,
});
const reading = (description: string, minimum: number): Schema => ({
  description,
  type: "integer",
  minimum,
  maximum: 1_000_000_000,
});

export function object(required: string[], properties: Readonly<Record<string, Schema>>): Schema {
  return { type: "object", additionalProperties: false, required, properties };
}

const price = object(["id", "name", "amountMinor", "currency"], {
  id,
  name: label("What the price is for, such as: per kWh"),
  amountMinor: amount("Per unit, in the minor unit of the currency: 45 is 0.45 EUR, or 45 JPY"),
  currency: { description: "ISO 4217", type: "string", pattern: "^[A-Z]{3}$" },
  taxBasisPoints: {
    description: "Tax that every amount here contains, in hundredths of a percent: 1900 is 19 %",
    type: "integer",
    minimum: 0,
    maximum: TAX_BASIS_POINTS_MAX,
  },
  minUnits: units("Fewer cannot be bought"),
  maxUnits: units("More cannot be bought at once"),
  stepUnits: units("Only multiples of it can be bought"),
  tiers: {
    description: "Further units at other prices, in rising order; earlier units keep their own",
    type: "array",
    maxItems: TIERS_MAX,
    items: object(["fromUnits", "amountMinor"], {
      fromUnits: units("The first unit at this price", 2),
      amountMinor: amount("Per unit from there on", 0),
    }),
  },
  fees: {
    description: "Charged once for an order, with the first that is delivered; nothing for nothing",
    type: "array",
    maxItems: FEES_MAX,
    items: object(["name", "amountMinor"], {
      start: { description: "True for the one start fee", type: "boolean", default: false },
      name: label("As it stands on offer and receipt", 24),
      amountMinor: amount("In the minor unit of the currency"),
    }),
  },
});

const level = object(["sensor", "readingsPerUnit"], {
  sensor: label("A sensor of the board; what it shows can be sold, and nothing when it is silent"),
  readingsPerUnit: {
    description: "How far the reading falls for a unit: 10 for a tank in dL that sells litres",
    oneOf: [
      reading("As a number", 1),
      object(["numerator", "denominator"], {
        numerator: reading("As a fraction", 1),
        denominator: reading("As a fraction", 1),
      }),
    ],
  },
  reserve: { ...reading("Below this reading nothing is sold", 0), default: 0 },
});

export const SERVICE_SCHEMA = object(
  ["id", "name", "outlet", "meter", "unitsMax", "tokenLifeHours", "undelivered", "prices"],
  {
    id,
    name: label("As buyers see it"),
    type: {
      description: "What sort of service, for finding it: one word such as ev-charging",
      type: "string",
      pattern: "^[a-z][a-z0-9-]{0,15}$",
    },
    description: label("A few words more", 48),
    level,
    outlet: label("An outlet of the board"),
    meter: label("A meter of the outlet; its unit is what is sold"),
    unitsMax: units("At most so many units in one offer"),
    tokenLifeHours: {
      description: "How long paid units can be taken",
      type: "number",
      minimum: 0.01,
      maximum: 366 * 24,
    },
    undelivered: {
      description:
        "Paid and not delivered: refunded at the end; or kept as credit until the token expires, then refunded or forfeited",
      enum: Object.keys(UNDELIVERED),
    },
    payment: {
      description: "How it is paid (default: before delivery, by any flow of sales)",
      ...object(["way"], {
        way: {
          description:
            "prepaid: in full before; hold: held before, captured by what was delivered; stored-value: from an account",
          enum: Object.keys(PAYMENT_WAYS),
        },
        flow: label("Name of the flow that pays it; stored-value needs one", 48),
      }),
    },
    walkUp: {
      description: "Sold at the board too, to whoever presents a card at its reader",
      ...object(["price", "units"], {
        price: { description: "Id of the price", ...id },
        units: {
          description: "So many units are held for on the card; what is not taken is released",
          type: "integer",
          minimum: 1,
          maximum: UNITS_MAX,
        },
      }),
    },
    stream: {
      description:
        "Buyers may pay unit by unit while they are served (default: no); for a service that is paid by hold",
      ...object(["windowUnitsMax"], {
        windowUnitsMax: {
          description: "At most so many units are delivered before they are paid; 0 is none",
          type: "integer",
          minimum: 0,
          maximum: WINDOW_UNITS_MAX,
        },
      }),
    },
    bearer: {
      description: "Prepaid bearer tokens are good for it (default: none are)",
      ...object(["valueMinorMax"], {
        valueMinorMax: amount("All units of one at the dearest price are worth no more than this"),
      }),
    },
    prices: { type: "array", minItems: 1, maxItems: PRICES_MAX, items: price },
  },
);

/** The service of a checked entry. */
export function toService({ tokenLifeHours, level, ...service }: ServiceEntry): Service {
  const rest = { ...service, tokenLifeS: Math.max(1, Math.round(tokenLifeHours * 3600)) };
  if (level === undefined) return rest;
  const { readingsPerUnit: per } = level;
  const readingsPerUnit = typeof per === "number" ? { numerator: per, denominator: 1 } : per;
  return { ...rest, level: { ...level, readingsPerUnit } };
}
