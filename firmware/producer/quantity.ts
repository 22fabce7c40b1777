// Which quantities of a service can be bought at a price, and what they cost in all.

import { AMOUNT_MINOR_MAX } from "../protocol/messages.ts";
import { countedUnits, priceOfUnits, type UnitPrice } from "../units.ts";
import type { Price, Service } from "./catalogue.ts";

/** All multiples of the step between the two can be bought, themselves too. */
export interface Range {
  min: number;
  max: number;
  step: number;
}

export function unitPrice({ amountMinor, tiers }: Price): UnitPrice {
  return { priceMinor: amountMinor, tiers };
}

/** Units and fees. */
export function totalOf(units: number, price: Price): number {
  const fees = (price.fees ?? []).reduce((sum, { amountMinor }) => sum + amountMinor, 0);
  return priceOfUnits(units, unitPrice(price)) + fees;
}

/** What price, service and the protocol allow, where only so many units are available; undefined for nothing. */
export function rangeOf(
  service: Pick<Service, "unitsMax">,
  price: Price,
  available?: number,
): Range | undefined {
  const { minUnits = 1, maxUnits = service.unitsMax, stepUnits: step = 1 } = price;
  const min = Math.ceil(minUnits / step) * step;
  const most = Math.min(maxUnits, service.unitsMax, available ?? service.unitsMax);
  const max = Math.floor(affordable(most, price) / step) * step;
  return max < min ? undefined : { min, max, step };
}

/** The most units, up to so many, whose total the protocol can say. */
function affordable(most: number, price: Price): number {
  let fits = 0;
  let tooMany = most + 1;
  while (tooMany - fits > 1) {
    const middle = Math.floor((fits + tooMany) / 2);
    if (totalOf(middle, price) <= AMOUNT_MINOR_MAX) fits = middle;
    else tooMany = middle;
  }
  return fits;
}

export function isWithin(units: number, { min, max, step }: Range): boolean {
  return units >= min && units <= max && units % step === 0;
}

/** The quantity of the range that is nearest to what was asked for; of two that are as near, the smaller. */
export function nearestTo(units: number, { min, max, step }: Range): number {
  const below = Math.ceil(units / step - 0.5) * step;
  return Math.min(Math.max(below, min), max);
}

/** "from 5 to 40 in steps of 5 can be bought" */
export function rangeText({ min, max, step }: Range, unit: string): string {
  const steps = step === 1 ? "" : ` in steps of ${step}`;
  const some = min === max ? "" : `from ${min} to `;
  return `${some}${countedUnits(max, unit)}${steps} can be bought`;
}
