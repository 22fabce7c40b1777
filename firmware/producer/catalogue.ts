// What a device sells: services, each on one outlet and one of its meters, each with its prices. Checked when
// it is added; changing it touches later offers only, because an offer carries its own terms.

import type { MeterPart, OutletPart, Ratio, SensorPart } from "../../hal/board.ts";
import { assert } from "../assert.ts";
import type { PaymentWay } from "../payment/payments.ts";
import { SERVICES_MAX } from "../protocol/messages.ts";
import { fail, ok, type Result } from "../result.ts";
import type { Undelivered } from "../token/undelivered.ts";
import type { Tier } from "../units.ts";
import { checkService } from "./service-check.ts";

/** Charged once for an order, with its first delivered pulse; nothing delivered, nothing charged. */
export interface Fee {
  /** Whether it is the start fee. */
  start: boolean;
  name: string;
  amountMinor: number;
}

export interface Price {
  id: number;
  name: string;
  /** Per unit, in minor units of the currency. */
  amountMinor: number;
  /** ISO 4217. */
  currency: string;
  /** Tax that every amount of this price contains, in hundredths of a percent: 1900 is 19 %. */
  taxBasisPoints?: number;
  minUnits?: number;
  maxUnits?: number;
  /** Only multiples of it can be bought. */
  stepUnits?: number;
  /** In rising order of `fromUnits`. */
  tiers?: readonly Tier[];
  fees?: readonly Fee[];
}

/** A sensor of the outlet's board that says how much there is left to sell. */
export interface LevelLimit {
  sensor: string;
  /** Readings per unit: a tank in decilitres that sells litres has 10/1. */
  readingsPerUnit: Ratio;
  /** This much is never sold. */
  reserve: number;
}

export interface Service {
  id: number;
  name: string;
  /** What sort of service, for finding it: a short word such as "ev-charging". */
  type?: string;
  description?: string;
  level?: LevelLimit;
  outlet: string;
  meter: string;
  prices: readonly Price[];
  /** At most so many units in one offer. */
  unitsMax: number;
  undelivered: Undelivered;
  /** A delivery token lives this long from payment. */
  tokenLifeS: number;
  /** How it is paid; before delivery, by any flow of sales, where nothing is said. */
  payment?: ServicePayment;
  /** Sold at the board too; the first such service of a board is the one that is shown. */
  walkUp?: WalkUp;
  /** It may be paid while it is delivered; not where nothing is said. */
  stream?: StreamLimit;
  /** Bearer tokens are good for it; none are where nothing is said. */
  bearer?: BearerLimit;
}

/** What the seller risks with a payer who pays while he is served. */
export interface StreamLimit {
  /** Units that are delivered ahead of proof, at most; 0 asks for proof first. */
  windowUnitsMax: number;
}

/** What a token may be worth that is anybody's who has it. */
export interface BearerLimit {
  /** Of all its units at the dearest of the service's prices, when it is first used; in the price's minor unit. */
  valueMinorMax: number;
}

/** How a person at the board buys it with a card, and nothing else in his hand. */
export interface WalkUp {
  price: number;
  /** So many units are held for; what is not taken is released. */
  units: number;
}

export interface ServicePayment {
  way: PaymentWay;
  /** Name of the flow that pays it. */
  flow?: string;
}

export interface Catalogue {
  add(service: Service): Result<void>;
  remove(service: number): Result<void>;
  /** Whether it fits the board and is well formed. Errors: `not-found`, `out-of-range`, `exists`, at the field. */
  check(service: Service): Result<void>;
  /** The service as it would be with this price, in the place of the one of that id or after the others. */
  withPrice(service: number, price: Price): Result<Service>;
  /** As it would be without; the last price may go too: then it is listed and cannot be bought. */
  withoutPrice(service: number, price: number): Result<Service>;
  /** Takes the place of the service of that id, if there is one; its prices in the order of their ids. It has been checked. */
  put(service: Service): void;
  get(service: number): Service | undefined;
  /** In the order of their ids. */
  list(): readonly Service[];
  /** The meter that counts a service's units. */
  meter(service: Service): MeterPart;
}

/** What of a board a service may name. */
export interface SellingParts {
  outlets: readonly OutletPart[];
  /** None when absent. */
  sensors?: readonly SensorPart[] | undefined;
}

export function openCatalogue(parts: SellingParts): Catalogue {
  return new BoardCatalogue(parts);
}

class BoardCatalogue implements Catalogue {
  readonly #outlets: readonly OutletPart[];
  readonly #sensors: readonly string[];
  readonly #services = new Map<number, Service>();

  constructor({ outlets, sensors = [] }: SellingParts) {
    this.#outlets = outlets;
    this.#sensors = sensors.map(({ id }) => id);
  }

  add(service: Service): Result<void> {
    const checked = this.check(service);
    if (!checked.ok) return checked;
    const { size } = this.#services;
    if (this.#services.has(service.id)) return fail("exists", `service ${service.id} exists`, "id");
    if (size >= SERVICES_MAX) return fail("too-many", `at most ${SERVICES_MAX} services`, "id");
    this.put(service);
    return ok(undefined);
  }

  check(service: Service): Result<void> {
    const outlet = this.#outlets.find(({ id }) => id === service.outlet);
    if (outlet === undefined) {
      const known = this.#outlets.map(({ id }) => id).join(", ");
      return fail("not-found", `the board has no such outlet; it has ${known}`, "outlet");
    }
    const meter = this.#meterOf(service);
    if (meter === undefined) return fail("not-found", "the outlet has no such meter", "meter");
    // A level that nobody reads would sell nothing, and say nothing.
    if (service.level !== undefined && !this.#sensors.includes(service.level.sensor)) {
      const known = this.#sensors.join(", ") || "none";
      return fail("not-found", `the board has no such sensor; it has ${known}`, "level.sensor");
    }
    return checkService(service, meter.pulsesPerUnit);
  }

  withPrice(id: number, price: Price): Result<Service> {
    const service = this.#find(id);
    if (!service.ok) return service;
    const { prices } = service.value;
    const known = prices.some((one) => one.id === price.id);
    const next = known
      ? prices.map((one) => (one.id === price.id ? price : one))
      : [...prices, price];
    const changed = { ...service.value, prices: next };
    const checked = this.check(changed);
    return checked.ok ? ok(changed) : checked;
  }

  withoutPrice(id: number, price: number): Result<Service> {
    const service = this.#find(id);
    if (!service.ok) return service;
    const prices = service.value.prices.filter((one) => one.id !== price);
    if (prices.length < service.value.prices.length) return ok({ ...service.value, prices });
    return fail("price-unknown", `service ${id} has no price ${price}`, "price");
  }

  put(service: Service): void {
    const prices = service.prices.toSorted((a, b) => a.id - b.id);
    this.#services.set(service.id, structuredClone({ ...service, prices }));
  }

  remove(id: number): Result<void> {
    const service = this.#find(id);
    if (!service.ok) return service;
    this.#services.delete(id);
    return ok(undefined);
  }

  #find(id: number): Result<Service> {
    const service = this.#services.get(id);
    return service === undefined
      ? fail("service-unknown", `there is no service ${id}`, "id")
      : ok(service);
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
