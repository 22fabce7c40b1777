// What a device sells: services, each on one outlet and one of its meters, each with its prices. Checked when
// it is added; changing it touches later offers only, because an offer carries its own terms.

import type { MeterPart, OutletPart, Ratio } from "../../hal/board.ts";
import { assert } from "../assert.ts";
import { utf8 } from "../bytes.ts";
import {
  AMOUNT_MINOR_MAX,
  PRICES_MAX,
  PULSES_MAX,
  SERVICES_MAX,
  UNITS_MAX,
} from "../protocol/messages.ts";
import { fail, ok, type Result } from "../result.ts";
import type { Undelivered } from "../token/offer.ts";
import { grantPulses } from "../units.ts";

export interface Price {
  id: number;
  name: string;
  /** Per unit, in minor units of the currency. */
  amountMinor: number;
  /** ISO 4217. */
  currency: string;
}

export interface Service {
  id: number;
  name: string;
  outlet: string;
  meter: string;
  prices: readonly Price[];
  /** At most so many units in one offer. */
  unitsMax: number;
  undelivered: Undelivered;
  /** A delivery token lives this long from payment. */
  tokenLifeS: number;
}

export interface Catalogue {
  add(service: Service): Result<void>;
  remove(service: number): Result<void>;
  get(service: number): Service | undefined;
  /** In the order of their ids. */
  list(): readonly Service[];
  /** The meter that counts a service's units. */
  meter(service: Service): MeterPart;
}

const TOKEN_LIFE_S_MAX = 366 * 24 * 3600;

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

function firstTrouble(checks: readonly Result<void>[]): Result<void> {
  return checks.find((check) => !check.ok) ?? ok(undefined);
}

function checkPrice(price: Price, at: string): Result<void> {
  const currency = /^[A-Z]{3}$/.test(price.currency)
    ? ok(undefined)
    : fail("out-of-range", "must be three capital letters of ISO 4217", `${at}.currency`);
  return firstTrouble([
    checkInteger(price.id, 1, 65_535, `${at}.id`),
    checkText(price.name, 32, `${at}.name`),
    checkInteger(price.amountMinor, 1, AMOUNT_MINOR_MAX, `${at}.amountMinor`),
    currency,
  ]);
}

function checkService(service: Service, ratio: Ratio): Result<void> {
  const prices = service.prices.map((price, index) => checkPrice(price, `prices.${index}`));
  const trouble = firstTrouble([
    checkInteger(service.id, 1, 65_535, "id"),
    checkText(service.name, 32, "name"),
    checkInteger(service.prices.length, 1, PRICES_MAX, "prices"),
    checkInteger(service.unitsMax, 1, UNITS_MAX, "unitsMax"),
    checkInteger(service.tokenLifeS, 1, TOKEN_LIFE_S_MAX, "tokenLifeS"),
    ...prices,
  ]);
  if (!trouble.ok) return trouble;
  if (new Set(service.prices.map(({ id }) => id)).size !== service.prices.length) {
    return fail("exists", "two prices have the same id", "prices");
  }
  if (grantPulses(service.unitsMax, ratio) > PULSES_MAX) {
    return fail("out-of-range", "is more pulses than a session can count", "unitsMax");
  }
  return ok(undefined);
}

export function openCatalogue(outlets: readonly OutletPart[]): Catalogue {
  return new BoardCatalogue(outlets);
}

class BoardCatalogue implements Catalogue {
  readonly #outlets: readonly OutletPart[];
  readonly #services = new Map<number, Service>();

  constructor(outlets: readonly OutletPart[]) {
    this.#outlets = outlets;
  }

  add(service: Service): Result<void> {
    const outlet = this.#outlets.find(({ id }) => id === service.outlet);
    if (outlet === undefined) {
      const known = this.#outlets.map(({ id }) => id).join(", ");
      return fail("not-found", `the board has no such outlet; it has ${known}`, "outlet");
    }
    const meter = this.#meterOf(service);
    if (meter === undefined) return fail("not-found", "the outlet has no such meter", "meter");
    const checked = checkService(service, meter.pulsesPerUnit);
    if (!checked.ok) return checked;
    const { size } = this.#services;
    if (this.#services.has(service.id)) return fail("exists", `service ${service.id} exists`, "id");
    if (size >= SERVICES_MAX) return fail("too-many", `at most ${SERVICES_MAX} services`, "id");
    this.#services.set(service.id, structuredClone(service));
    return ok(undefined);
  }

  remove(id: number): Result<void> {
    if (this.#services.delete(id)) return ok(undefined);
    return fail("service-unknown", `there is no service ${id}`, "id");
  }

  get(id: number): Service | undefined {
    return this.#services.get(id);
  }

  list(): readonly Service[] {
    return [...this.#services.values()].sort((a, b) => a.id - b.id);
  }

  meter(service: Service): MeterPart {
    const meter = this.#meterOf(service);
    assert(meter !== undefined, "a listed service has its meter");
    return meter;
  }

  #meterOf(service: Service): MeterPart | undefined {
    const outlet = this.#outlets.find(({ id }) => id === service.outlet);
    return outlet?.meters.find(({ id }) => id === service.meter);
  }
}
