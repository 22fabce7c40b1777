// What to buy: the service, price and units that the options name, and the first of what a device has for
// those that they do not.

import type { Selection } from "../firmware/consumer/checks.ts";
import type { Dealer } from "../firmware/consumer/dealer.ts";
import { formatMinor } from "../firmware/money.ts";
import { AMOUNT_MINOR_MAX, UNITS_MAX } from "../firmware/protocol/messages.ts";
import { type Fault, fail, ok, type Result } from "../firmware/result.ts";
import type { Buyer } from "./consumer.ts";
import { sameOptions } from "./next-command.ts";
import { integerOption, type OptionValues } from "./option-value.ts";
import { perUnitText, priceRows } from "./price-text.ts";

export const ID_BOUNDS = { min: 1, max: 65_535 };
export const UNITS_BOUNDS = { min: 1, max: UNITS_MAX };
export const AMOUNT_BOUNDS = { min: 0, max: AMOUNT_MINOR_MAX };

export interface Wanted {
  service: number | undefined;
  price: number | undefined;
  units: number | undefined;
  /** The total is not to be above. */
  totalMinorMax: number | undefined;
}

/** Error: `usage`. */
export function readWanted(values: OptionValues): Result<Wanted> {
  const service = integerOption(values, "service", ID_BOUNDS);
  if (!service.ok) return service;
  const price = integerOption(values, "price", ID_BOUNDS);
  if (!price.ok) return price;
  const units = integerOption(values, "units", UNITS_BOUNDS);
  if (!units.ok) return units;
  const max = integerOption(values, "max", AMOUNT_BOUNDS);
  if (!max.ok) return max;
  return ok({
    service: service.value,
    price: price.value,
    units: units.value,
    totalMinorMax: max.value,
  });
}

/**
 * The named service; else the first that is free, or else simply the first, and says which. Of those alone that can be
 * paid by the unit, where that is wanted and there are any.
 */
export async function pickService(
  buyer: Buyer,
  dealer: Dealer,
  service: number | undefined,
  byTheUnit = false,
): Promise<Result<number>> {
  if (service !== undefined) return ok(service);
  const listed = await dealer.requestServices();
  if (!listed.ok) return listed;
  const fits = listed.value.filter(({ windowMax }) => !byTheUnit || windowMax !== undefined);
  const from = fits.length > 0 ? fits : listed.value;
  const picked = from.find(({ free }) => free) ?? from[0];
  if (picked === undefined) return fail("not-found", "the device sells nothing now");
  const others = listed.value.length - 1;
  const rest = others === 0 ? "the only one" : `--service picks another of ${others + 1}`;
  buyer.out.emit({ step: "services", device: dealer.device, ...picked, picked: true });
  buyer.out.say(`service ${picked.service}, ${picked.name} (${rest})`);
  return ok(picked.service);
}

/** The named price, else the first, and says which. */
export async function pickPrice(
  buyer: Buyer,
  dealer: Dealer,
  service: number,
  price: number | undefined,
): Promise<Result<number>> {
  if (price !== undefined) return ok(price);
  const listed = await dealer.getPrices(service);
  if (!listed.ok) return listed;
  const [picked] = listed.value;
  if (picked === undefined) return fail("not-found", "the service has no price now");
  const { name, unit, amountMinor, currency } = picked;
  const others = listed.value.length - 1;
  const rest = others === 0 ? "the only one" : `--price picks another of ${others + 1}`;
  buyer.out.emit({ step: "prices", device: dealer.device, service, ...picked, picked: true });
  const perUnit = perUnitText(amountMinor, currency, unit);
  buyer.out.say(`price ${picked.price}, ${name}: ${perUnit} (${rest})`);
  for (const row of priceRows(picked)) buyer.out.say(`  ${row}`);
  return ok(picked.price);
}

/** A refusal of a quantity, with the nearest that can be had, its total, and what to type for it. */
export function withCounterOffer(
  fault: Fault,
  command: "quote" | "buy",
  { service, price }: Selection,
  values: OptionValues,
): Fault {
  const { supply } = fault;
  if (supply === undefined) return fault;
  const { units, totalMinor, currency } = supply;
  const same = sameOptions(values, ["to", "timeout", "max"]);
  const asked = [
    `sluice ${command} --service ${service} --price ${price} --units ${units}`,
    ...same,
  ];
  const total = formatMinor(totalMinor, currency);
  return { ...fault, message: `${fault.message}; ${units} for ${total}: ${asked.join(" ")}` };
}
