// One service, or one price, as an operator gives it: an entry of a device file in a file of its own, or options.

import { BOARDS } from "../boards/registry.ts";
import { assert } from "../firmware/assert.ts";
import type { Price, Service } from "../firmware/producer/catalogue.ts";
import { UNITS_MAX } from "../firmware/protocol/messages.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import { parseYaml, readText } from "./device-file.ts";
import { checkDeviceFile } from "./device-schema.ts";
import { integerOption, type OptionValues, textOption, textsOption } from "./option-value.ts";
import { toService } from "./service-schema.ts";

const ID_MAX = 65_535;
const PRICE = /^(\d{1,10}):([A-Z]{3})(?::(.+))?$/;

/** Errors: `not-found`, `malformed` with the field's path. */
export function readServiceFile(path: string): Result<Service> {
  const text = readText(path);
  const parsed = text.ok ? parseYaml(text.value) : text;
  const service = parsed.ok ? toChecked(parsed.value) : parsed;
  if (service.ok) return service;
  const { kind, message, at } = service.fault;
  return fail(kind, `${path}: ${message}`, at);
}

/** The schema of a device file judges it; its board judges it at the device. */
function toChecked(entry: unknown): Result<Service> {
  const [board] = BOARDS;
  assert(board !== undefined, "there is a board");
  const file = checkDeviceFile({
    version: 1,
    name: "any",
    board: board.name,
    services: [entry],
  });
  if (!file.ok) {
    const { kind, message, at } = file.fault;
    return fail(kind, message, at?.replace(/^services\.0\.?/, ""));
  }
  const [service] = file.value.services;
  assert(service !== undefined, "the schema keeps the entry");
  return ok(toService(service));
}

/** A service of plain prices. Error: `usage`. */
export function serviceFromOptions(values: OptionValues): Result<Service> {
  const id = integerOption(values, "id", { min: 1, max: ID_MAX });
  if (!id.ok) return id;
  const unitsMax = integerOption(values, "units-max", { min: 1, max: UNITS_MAX });
  if (!unitsMax.ok) return unitsMax;
  const prices: Price[] = [];
  for (const [index, text] of textsOption(values, "price").entries()) {
    const price = parsePrice(text, index + 1);
    if (!price.ok) return price;
    prices.push(price.value);
  }
  for (const needed of ["id", "name", "outlet", "meter"]) {
    if (textOption(values, needed) === undefined) {
      return fail("usage", `--${needed} is missing, or name a file with --file`, `--${needed}`);
    }
  }
  if (prices.length === 0) return fail("usage", "--price is missing: --price 45:EUR", "--price");
  return toChecked({
    id: id.value,
    name: textOption(values, "name"),
    outlet: textOption(values, "outlet"),
    meter: textOption(values, "meter"),
    unitsMax: unitsMax.value ?? 100,
    undelivered: textOption(values, "undelivered") ?? "refund",
    tokenLifeHours: 24,
    prices,
  });
}

/** `45:EUR` or `45:EUR:Day rate`, in minor units of the currency. Error: `usage`. */
export function parsePrice(text: string, id: number): Result<Price> {
  const [, amount, currency, name] = PRICE.exec(text) ?? [];
  if (amount === undefined || currency === undefined) {
    return fail("usage", "a price is written MINOR:CURRENCY[:NAME], such as 45:EUR", "--price");
  }
  return ok({ id, name: name ?? `Price ${id}`, amountMinor: Number(amount), currency });
}

/** A price as in a device file, for a service that is there. Errors as of readServiceFile. */
export function readPriceFile(path: string): Result<Price> {
  const text = readText(path);
  const parsed = text.ok ? parseYaml(text.value) : text;
  if (!parsed.ok) return parsed;
  const around = { id: 1, name: "any", outlet: "any", meter: "any", unitsMax: UNITS_MAX };
  const rest = { undelivered: "refund", tokenLifeHours: 1, prices: [parsed.value] };
  const service = toChecked({ ...around, ...rest });
  if (!service.ok) {
    const { kind, message, at } = service.fault;
    return fail(kind, `${path}: ${message}`, at?.replace(/^prices\.0\.?/, ""));
  }
  const [price] = service.value.prices;
  assert(price !== undefined, "the schema keeps the entry");
  return ok(price);
}
