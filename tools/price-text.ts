// Prices, tax and fees as people read them.

import type { PriceOnList, ServiceOnList } from "../firmware/consumer/price-list.ts";
import { formatMinor } from "../firmware/money.ts";
import { countedUnits, countText } from "../firmware/units.ts";

/** "19 %", "7.7 %", "0.25 %". */
export function percentText(basisPoints: number): string {
  return `${basisPoints / 100} %`;
}

export function perUnitText(amountMinor: number, currency: string, unit: string): string {
  return `${formatMinor(amountMinor, currency)} per ${unit}`;
}

/** What a service is more than its name and whether it is free; empty where there is nothing to say. */
export function serviceRows(service: ServiceOnList): readonly string[] {
  const { type, description, available, windowMax, changed = false } = service;
  const words = [type, description].filter((text) => text !== undefined);
  return [
    ...(words.length === 0 ? [] : [words.join(": ")]),
    ...(available === undefined ? [] : [`${countText(available, "unit")} can be supplied now`]),
    ...(windowMax === undefined ? [] : [streamText(windowMax)]),
    ...(changed ? ["added or changed while running"] : []),
  ];
}

function streamText(windowMax: number): string {
  const ahead = windowMax === 0 ? "paid first" : `up to ${windowMax} delivered ahead of proof`;
  return `can be paid by the unit (--stream), ${ahead}`;
}

/** What a price is more than an amount per unit; empty where it is no more. */
export function priceRows(price: PriceOnList): readonly string[] {
  const { unit, currency, taxBasisPoints, tiers = [], fees = [] } = price;
  const range = rangeText(price);
  return [
    ...tiers.map(
      ({ fromUnits, amountMinor }) =>
        `${perUnitText(amountMinor, currency, unit)} from ${countedUnits(fromUnits, unit)} on`,
    ),
    ...fees.map(({ start, name, amountMinor }) => {
      const what = start ? "once, when delivery starts" : "once";
      return `${formatMinor(amountMinor, currency)} ${what}: ${name}`;
    }),
    ...(taxBasisPoints === undefined ? [] : [`tax of ${percentText(taxBasisPoints)} is contained`]),
    ...(range === undefined ? [] : [range]),
    ...(price.changed === true ? ["set while running"] : []),
  ];
}

function rangeText({ unit, minUnits, maxUnits, stepUnits }: PriceOnList): string | undefined {
  const parts = [
    ...(minUnits === undefined ? [] : [{ words: "from", units: minUnits }]),
    ...(maxUnits === undefined ? [] : [{ words: "to", units: maxUnits }]),
    ...(stepUnits === undefined ? [] : [{ words: "in steps of", units: stepUnits }]),
  ];
  const last = parts.pop();
  if (last === undefined) return undefined;
  const before = parts.map(({ words, units }) => `${words} ${units} `).join("");
  return `${before}${last.words} ${countedUnits(last.units, unit)}`;
}
