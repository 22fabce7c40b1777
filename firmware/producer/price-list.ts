// What the device sells and what it costs, as consumers are told. Details are told only where there are any, so a
// plain service takes no more bytes than its line.

import { type MessageOf, UNITS_MAX } from "../protocol/messages.ts";
import type { Price, Service } from "./catalogue.ts";

type Services = Omit<MessageOf<"services">, "is">;
type ServiceDetail = NonNullable<Services["details"]>[number];
type Prices = Omit<MessageOf<"prices">, "is">;
type PriceDetail = NonNullable<Prices["details"]>[number];

/** The services, whether each is free, and what a level leaves of it. */
export function serviceList(
  services: readonly Service[],
  free: (service: Service) => boolean,
  available: (service: Service) => number | undefined,
  changed: (service: Service) => boolean,
): Services {
  const details = services.flatMap((one) => serviceDetail(one, available(one), changed(one)));
  const lines = services.map((one) => ({ service: one.id, name: one.name, free: free(one) }));
  return details.length === 0 ? { services: lines } : { services: lines, details };
}

function serviceDetail(
  { id, type, description, stream }: Service,
  available: number | undefined,
  changed: boolean,
): ServiceDetail[] {
  const detail: ServiceDetail = { service: id };
  if (type !== undefined) detail.type = type;
  if (description !== undefined) detail.description = description;
  if (available !== undefined) detail.available = Math.min(available, UNITS_MAX);
  if (changed) detail.changed = true;
  if (stream !== undefined) detail.windowMax = stream.windowUnitsMax;
  return Object.keys(detail).length === 1 ? [] : [detail];
}

/** The prices of one service, whose meter counts so called units. */
export function priceList(
  prices: readonly Price[],
  unit: string,
  changed: (price: number) => boolean,
): Prices {
  const details = prices.flatMap((one) => priceDetail(one, changed(one.id)));
  const lines = prices.map(({ id, name, amountMinor, currency }) => {
    return { price: id, name, unit, amountMinor, currency };
  });
  return details.length === 0 ? { prices: lines } : { prices: lines, details };
}

function priceDetail(price: Price, changed: boolean): PriceDetail[] {
  const { taxBasisPoints, minUnits, maxUnits, stepUnits, tiers = [], fees = [] } = price;
  const detail: PriceDetail = { price: price.id };
  if (taxBasisPoints !== undefined) detail.taxBasisPoints = taxBasisPoints;
  if (minUnits !== undefined) detail.minUnits = minUnits;
  if (maxUnits !== undefined) detail.maxUnits = maxUnits;
  if (stepUnits !== undefined) detail.stepUnits = stepUnits;
  if (tiers.length > 0) detail.tiers = tiers;
  if (fees.length > 0) detail.fees = fees;
  if (changed) detail.changed = true;
  return Object.keys(detail).length === 1 ? [] : [detail];
}
