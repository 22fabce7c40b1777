// The file that describes a standing need: which device and service, how much and when, within which limits and
// which budget. Its JSON Schema is the one source of docs/auto.schema.json.

import type { StandingNeed } from "../firmware/consumer/auto.ts";
import type { Need } from "../firmware/consumer/auto-need.ts";
import { AMOUNT_MINOR_MAX, UNITS_MAX } from "../firmware/protocol/messages.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import { readYamlFile } from "./device-file.ts";
import { schemaCheck } from "./device-schema.ts";
import { label, object, type Schema } from "./service-schema.ts";

interface ProfileFile {
  version: 1;
  name: string;
  device: { name?: string; id?: string; type?: string };
  service: { name?: string; id?: number; type?: string };
  units: number;
  everySeconds?: number;
  need?: { start: number; perHour: number; below: number };
  priceMinorMax?: number;
  totalMinorMax?: number;
  budget: { amountMinor: number; currency: string };
  until?: string;
  count?: number;
}

const type: Schema = {
  description: "What sort of service, such as ev-charging",
  type: "string",
  pattern: "^[a-z][a-z0-9-]{0,15}$",
};
const whole = (description: string, maximum: number): Schema => ({
  description,
  type: "integer",
  minimum: 1,
  maximum,
});
const stock = (description: string): Schema => ({
  description,
  type: "number",
  minimum: 0,
  maximum: UNITS_MAX,
});

export const AUTO_SCHEMA: Schema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "Sluice profile of a standing need, version 1",
  ...object(["version", "name", "service", "units", "budget"], {
    version: { const: 1 },
    name: {
      description: "Under which its money is counted, for ever: a new name begins a new budget",
      type: "string",
      pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$",
    },
    device: {
      ...object([], {
        name: label("As it announces itself"),
        id: { description: "Its id", type: "string", pattern: "^[A-Za-z0-9_-]{11}$" },
        type,
      }),
      default: {},
    },
    service: {
      ...object([], { name: label("As it is listed"), id: whole("Its number", 65_535), type }),
      minProperties: 1,
    },
    units: whole("So many in one purchase; fewer where no more can be supplied", UNITS_MAX),
    everySeconds: whole("Buys at this interval", 366 * 24 * 3600),
    need: {
      description: "Or: a stock that is used up, bought for when little is left; in units",
      ...object(["start", "perHour", "below"], {
        start: stock("What is there at first"),
        perHour: { ...stock("Used up in an hour"), minimum: 0.001 },
        below: stock("Buys when less is left"),
      }),
    },
    priceMinorMax: whole("The most that a unit may cost, fees and tax included", AMOUNT_MINOR_MAX),
    totalMinorMax: whole("The most that one purchase may cost", AMOUNT_MINOR_MAX),
    budget: {
      description: "What all purchases together may cost, in the minor unit of the currency",
      ...object(["amountMinor", "currency"], {
        amountMinor: whole("1000 is 10.00 EUR, or 1000 JPY", AMOUNT_MINOR_MAX),
        currency: { description: "ISO 4217", type: "string", pattern: "^[A-Z]{3}$" },
      }),
    },
    until: {
      description: "Buys nothing after it, such as 2027-01-31T18:00:00Z",
      type: "string",
      pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}(:\\d{2})?(Z|[+-]\\d{2}:\\d{2})$",
    },
    count: whole("So many purchases in all", 1_000_000_000),
  }),
};

const check = schemaCheck<ProfileFile>(AUTO_SCHEMA);

/** Errors name the file and the path in it: `not-found`, `too-large`, `malformed`. */
export function readAutoProfile(path: string): Result<StandingNeed> {
  const yaml = readYamlFile(path);
  const need = yaml.ok ? toNeed(yaml.value) : yaml;
  if (need.ok) return need;
  const { kind, message, at } = need.fault;
  return fail(kind, `profile ${path}: ${message}`, at);
}

function toNeed(value: unknown): Result<StandingNeed> {
  const checked = check(value);
  if (!checked.ok) return checked;
  const { name, device, service, units, budget, until, count } = checked.value;
  const { priceMinorMax, totalMinorMax } = checked.value;
  const when = toWhen(checked.value);
  if (!when.ok) return when;
  const untilMs = until === undefined ? undefined : Date.parse(until);
  if (Number.isNaN(untilMs)) return fail("malformed", "is no time", "until");
  return ok({
    ...{ name, device, service, units, when: when.value },
    ...{ currency: budget.currency, budgetMinor: budget.amountMinor },
    ...(priceMinorMax !== undefined && { priceMinorMax }),
    ...(totalMinorMax !== undefined && { totalMinorMax }),
    ...(untilMs !== undefined && { untilMs }),
    ...(count !== undefined && { count }),
  });
}

function toWhen({ everySeconds, need }: ProfileFile): Result<Need> {
  if ((everySeconds === undefined) === (need === undefined)) {
    return fail("malformed", "say when to buy, by everySeconds or by need, one of the two");
  }
  if (need === undefined) return ok({ is: "every", everyMs: 1000 * (everySeconds ?? 0) });
  const milli = (units: number): number => Math.round(1000 * units);
  const { start, perHour, below } = need;
  return ok({
    is: "level",
    startMilli: milli(start),
    perHourMilli: milli(perHour),
    belowMilli: milli(below),
  });
}
