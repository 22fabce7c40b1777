// The command to type next about an order, with the options that reach the same device as the same buyer.

import type { OptionValues } from "./option-value.ts";

/** A card is never among them. */
const SAME_BUYER = ["broker", "ca", "cert", "key", "identity", "operator"];

/** "sluice pay 0011", and the options that were given and are needed again. */
export function nextCommand(command: string, order: string, values: OptionValues): string {
  return [`sluice ${command} ${order}`, ...sameOptions(values)].join(" ");
}

/** Those named, and those of a buyer, as they are typed in a shell. */
export function sameOptions(values: OptionValues, others: readonly string[] = []): string[] {
  return [...others, ...SAME_BUYER].flatMap((name) => {
    const value = values[name];
    const given = Array.isArray(value) ? value : [value];
    return given.flatMap((one) => {
      // An address may hold a password, which is not to be shown.
      if (typeof one !== "string" || (name === "broker" && one.includes("@"))) return [];
      return [`--${name} ${shellWord(one)}`];
    });
  });
}

function shellWord(word: string): string {
  return /^[\w./:@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
