// What a service and its prices must be before they are sold: every number within its bounds, every text fit to
// show, and at least one quantity that can be bought.

import { utf8 } from "../bytes.ts";
import {
  AMOUNT_MINOR_MAX,
  CHAIN_UNITS_MAX,
  FEES_MAX,
  PRICES_MAX,
  PULSES_MAX,
  TAX_BASIS_POINTS_MAX,
  TIERS_MAX,
  UNITS_MAX,
  WINDOW_UNITS_MAX,
} from "../protocol/messages.ts";
import { fail, ok, type Result } from "../result.ts";
import { grantPulses, type Ratio } from "../units.ts";
import type { Fee, LevelLimit, Price, Service, ServicePayment } from "./catalogue.ts";
import { isWithin, rangeOf } from "./quantity.ts";

const TOKEN_LIFE_S_MAX = 366 * 24 * 3600;
const ID_MAX = 65_535;
const NAME_BYTES_MAX = 32;
const FEE_NAME_BYTES_MAX = 24;
const DESCRIPTION_BYTES_MAX = 48;
const TYPE_PATTERN = /^[a-z][a-z0-9-]{0,15}$/;
const READING_MAX = 1_000_000_000;
const FLOW_NAME_BYTES_MAX = 48;

function checkText(value: string, bytesMax: number, at: string): Result<void> {
  if (value.length === 0) return fail("out-of-range", "must not be empty", at);
  if (utf8(value).length > bytesMax)
    return fail("out-of-range", `must be at most ${bytesMax} bytes`, at);
  if (/\p{Cc}/u.test(value)) return fail("out-of-range", "must not hold control characters", at);
  return ok(undefined);
}

function checkInteger(value: number, min: number, max: number, at: string): Result<void> {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return ok(undefined);
  return fail("out-of-range", `must be an integer from ${min} to ${max}`, at);
}

function ifGiven<T>(value: T | undefined, check: (value: T) => Result<void>): Result<void> {
  return value === undefined ? ok(undefined) : check(value);
}

function firstTrouble(checks: readonly Result<void>[]): Result<void> {
  return checks.find((check) => !check.ok) ?? ok(undefined);
}

function checkTiers({ tiers = [] }: Price, at: string): Result<void> {
  let before = 1;
  for (const [index, { fromUnits, amountMinor }] of tiers.entries()) {
    const trouble = firstTrouble([
      checkInteger(fromUnits, before + 1, UNITS_MAX, `${at}.tiers.${index}.fromUnits`),
      checkInteger(amountMinor, 0, AMOUNT_MINOR_MAX, `${at}.tiers.${index}.amountMinor`),
    ]);
    if (!trouble.ok) return trouble;
    before = fromUnits;
  }
  return checkInteger(tiers.length, 0, TIERS_MAX, `${at}.tiers`);
}

function checkFees(fees: readonly Fee[], at: string): Result<void> {
  if (fees.filter(({ start }) => start).length > 1) {
    return fail("out-of-range", "there is one start fee at most", at);
  }
  return firstTrouble([
    checkInteger(fees.length, 0, FEES_MAX, at),
    ...fees.flatMap(({ name, amountMinor }, index) => [
      checkText(name, FEE_NAME_BYTES_MAX, `${at}.${index}.name`),
      checkInteger(amountMinor, 1, AMOUNT_MINOR_MAX, `${at}.${index}.amountMinor`),
    ]),
  ]);
}

function checkPrice(price: Price, at: string): Result<void> {
  const currency = /^[A-Z]{3}$/.test(price.currency)
    ? ok(undefined)
    : fail("out-of-range", "must be three capital letters of ISO 4217", `${at}.currency`);
  const units = (value: number | undefined, name: string): Result<void> =>
    ifGiven(value, (given) => checkInteger(given, 1, UNITS_MAX, `${at}.${name}`));
  return firstTrouble([
    checkInteger(price.id, 1, ID_MAX, `${at}.id`),
    checkText(price.name, NAME_BYTES_MAX, `${at}.name`),
    checkInteger(price.amountMinor, 1, AMOUNT_MINOR_MAX, `${at}.amountMinor`),
    currency,
    ifGiven(price.taxBasisPoints, (points) =>
      checkInteger(points, 0, TAX_BASIS_POINTS_MAX, `${at}.taxBasisPoints`),
    ),
    units(price.minUnits, "minUnits"),
    units(price.maxUnits, "maxUnits"),
    units(price.stepUnits, "stepUnits"),
    checkTiers(price, at),
    checkFees(price.fees ?? [], `${at}.fees`),
  ]);
}

function checkType(type: string): Result<void> {
  if (TYPE_PATTERN.test(type)) return ok(undefined);
  return fail("out-of-range", "must be a word of a-z, 0-9 and -, at most 16 letters", "type");
}

function checkLevel({ sensor, readingsPerUnit, reserve }: LevelLimit): Result<void> {
  const at = "level.readingsPerUnit";
  return firstTrouble([
    checkText(sensor, NAME_BYTES_MAX, "level.sensor"),
    checkInteger(readingsPerUnit.numerator, 1, READING_MAX, `${at}.numerator`),
    checkInteger(readingsPerUnit.denominator, 1, READING_MAX, `${at}.denominator`),
    checkInteger(reserve, 0, READING_MAX, "level.reserve"),
  ]);
}

function checkPayment({ way, flow }: ServicePayment): Result<void> {
  // An account is found by a service of the operator's: nothing else says which.
  if (way === "stored-value" && flow === undefined) {
    return fail(
      "out-of-range",
      "must name the flow that pays from an account, such as sale",
      "payment.flow",
    );
  }
  return ifGiven(flow, (name) => checkText(name, FLOW_NAME_BYTES_MAX, "payment.flow"));
}

function checkWalkUp({ walkUp, prices, unitsMax }: Service): Result<void> {
  if (walkUp === undefined) return ok(undefined);
  const price = prices.find(({ id }) => id === walkUp.price);
  if (price === undefined) {
    return fail("not-found", "must be the id of one of the service's prices", "walkUp.price");
  }
  const range = rangeOf({ unitsMax }, price);
  if (range !== undefined && isWithin(walkUp.units, range)) return ok(undefined);
  return fail(
    "out-of-range",
    "must be a quantity that can be bought at that price",
    "walkUp.units",
  );
}

/** What is paid unit by unit: a proof is worth one unit's price, and the money behind it is held. */
function checkStream({ stream, payment, prices, unitsMax }: Service): Result<void> {
  if (stream === undefined) return ok(undefined);
  if (payment?.way !== "hold") {
    return fail("out-of-range", "must be hold where there is a stream", "payment.way");
  }
  const tiered = prices.findIndex(({ tiers = [] }) => tiers.length > 0);
  if (tiered >= 0) {
    return fail(
      "out-of-range",
      "must be left out where there is a stream",
      `prices.${tiered}.tiers`,
    );
  }
  const withFees = prices.findIndex(({ fees = [] }) => fees.length > 0);
  if (withFees >= 0) {
    return fail(
      "out-of-range",
      "must be left out where there is a stream",
      `prices.${withFees}.fees`,
    );
  }
  return firstTrouble([
    checkInteger(stream.windowUnitsMax, 0, WINDOW_UNITS_MAX, "stream.windowUnitsMax"),
    checkInteger(unitsMax, 1, CHAIN_UNITS_MAX, "unitsMax"),
  ]);
}

/** Errors: `out-of-range` and `exists`, at the field's path such as `prices.0.tiers.1.fromUnits`. */
export function checkService(service: Service, ratio: Ratio): Result<void> {
  const trouble = firstTrouble([
    checkInteger(service.id, 1, ID_MAX, "id"),
    checkText(service.name, NAME_BYTES_MAX, "name"),
    ifGiven(service.type, checkType),
    ifGiven(service.description, (words) => checkText(words, DESCRIPTION_BYTES_MAX, "description")),
    ifGiven(service.level, checkLevel),
    ifGiven(service.payment, checkPayment),
    ifGiven(service.bearer, ({ valueMinorMax }) =>
      checkInteger(valueMinorMax, 1, AMOUNT_MINOR_MAX, "bearer.valueMinorMax"),
    ),
    checkInteger(service.prices.length, 1, PRICES_MAX, "prices"),
    checkInteger(service.unitsMax, 1, UNITS_MAX, "unitsMax"),
    checkInteger(service.tokenLifeS, 1, TOKEN_LIFE_S_MAX, "tokenLifeS"),
    ...service.prices.map((price, index) => checkPrice(price, `prices.${index}`)),
  ]);
  if (!trouble.ok) return trouble;
  if (new Set(service.prices.map(({ id }) => id)).size !== service.prices.length) {
    return fail("exists", "two prices have the same id", "prices");
  }
  if (grantPulses(service.unitsMax, ratio) > PULSES_MAX) {
    return fail("out-of-range", "is more pulses than a session can count", "unitsMax");
  }
  const barren = service.prices.findIndex((price) => rangeOf(service, price) === undefined);
  if (barren === -1) return firstTrouble([checkWalkUp(service), checkStream(service)]);
  return fail("out-of-range", "no quantity can be bought at it", `prices.${barren}`);
}
