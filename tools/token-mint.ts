// What an operator says of a prepaid token before it is signed.

import { fromHex, toHex } from "../firmware/bytes.ts";
import { UNITS_MAX } from "../firmware/protocol/messages.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import { deviceThumbprint } from "../firmware/token/certificate.ts";
import type { PrepaidToken } from "../firmware/token/prepaid-token.ts";
import { thumbprint } from "../firmware/token/signed.ts";
import type { Crypto } from "../hal/crypto.ts";
import { neededInteger, type OptionValues, textOption } from "./option-value.ts";

const SERVICE_MAX = 65_535;
const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;
const YEARS_S_MAX = 20 * 366 * DAY_S;
const THUMBPRINT_DIGITS = 16;
const KEY_DIGITS = 64;

/** Error: `usage`, at the option. */
export function readMinting(
  values: OptionValues,
  nowS: number,
  crypto: Crypto,
): Result<Omit<PrepaidToken, "order">> {
  const device = textOption(values, "device");
  if (device === undefined || deviceThumbprint(device) === undefined) {
    const words = "--device is the id of the one device, 11 characters (sluice discover)";
    return fail("usage", words, "--device");
  }
  const service = neededInteger(values, "service", { min: 1, max: SERVICE_MAX });
  if (!service.ok) return service;
  const units = neededInteger(values, "units", { min: 1, max: UNITS_MAX });
  if (!units.ok) return units;
  const expiresS = readExpiry(textOption(values, "expiry"), nowS);
  if (!expiresS.ok) return expiresS;
  const whose = readConsumer(values, crypto);
  if (!whose.ok) return whose;
  const plain = { device, service: service.value, units: units.value, expiresS: expiresS.value };
  return ok(whose.value === undefined ? plain : { ...plain, consumer: whose.value });
}

/** Hours from now, the end of a day, or a moment; in UTC. */
function readExpiry(text: string | undefined, nowS: number): Result<number> {
  const expiresS = text === undefined ? Number.NaN : momentOf(text, nowS);
  if (expiresS > nowS && expiresS <= nowS + YEARS_S_MAX) return ok(expiresS);
  const words = Number.isNaN(expiresS)
    ? "--expiry is a number of hours, or a date in UTC: 48, 2027-01-31 or 2027-01-31T18:00Z"
    : "--expiry lies in the past, or more than 20 years ahead";
  return fail("usage", words, "--expiry");
}

function momentOf(text: string, nowS: number): number {
  if (/^\d{1,6}$/.test(text)) return nowS + Number(text) * HOUR_S;
  const isDay = /^\d{4}-\d\d-\d\d$/.test(text);
  if (!isDay && !/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z$/.test(text)) return Number.NaN;
  const atS = Math.floor(Date.parse(text) / 1000);
  return isDay ? atS + DAY_S : atS;
}

/** Thumbprint of his key; undefined for whoever bears it, which must be said. */
function readConsumer(values: OptionValues, crypto: Crypto): Result<Uint8Array | undefined> {
  const text = textOption(values, "consumer");
  const isBearer = values["bearer"] === true;
  if (isBearer === (text !== undefined)) {
    return fail("usage", "say whose it is: --consumer KEY, or --bearer for whoever has it");
  }
  if (text === undefined) return ok(undefined);
  const bytes = fromHex(text);
  if (bytes !== undefined && text.length === THUMBPRINT_DIGITS) return ok(bytes);
  if (bytes !== undefined && text.length === KEY_DIGITS) return ok(thumbprint(crypto, bytes));
  const words = "--consumer is a key, 64 hexadecimal digits, or its customer id, 16 of them";
  return fail("usage", words, "--consumer");
}

export function mintedFact(token: PrepaidToken): Record<string, unknown> {
  const { order, device, service, units, consumer, expiresS } = token;
  return {
    ...{ order, device, service, units, expires: new Date(1000 * expiresS).toISOString() },
    ...(consumer === undefined ? { bearer: true } : { consumer: toHex(consumer) }),
  };
}

/** One line a fact, for people. */
export function mintedRows(token: PrepaidToken): readonly string[] {
  const { order, device, service, units, consumer, expiresS } = token;
  return [
    `token     ${order}, of device ${device}`,
    `for       ${units} of service ${service}`,
    `whose     ${consumer === undefined ? "whoever has it (bearer)" : `consumer ${toHex(consumer)}`}`,
    `good to   ${new Date(1000 * expiresS).toISOString().replace(".000Z", "Z")}`,
  ];
}
