// What a service took, of an audit log, as people write amounts.

import { formatMinor } from "../firmware/money.ts";

/** "45 EUR, tip 5", in minor units, as people write it; anything else as it stands. */
export function tenderText(text: string): string {
  const [, currency] = /^\d+ ([A-Z]{3})(,|$)/.exec(text) ?? [];
  if (currency === undefined) return text;
  return text
    .replace(` ${currency}`, "")
    .replace(/\d+(?=,|$)/g, (minor) => formatMinor(Number(minor), currency));
}
