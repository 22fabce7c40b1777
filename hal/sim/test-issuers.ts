// The issuers of the test cards: keys that everybody may know, and whether what a card said was made with them.

import type { ChipData } from "../sealed-card.ts";
import { cryptogramOf, fromHex, TERMINAL_TAGS } from "./emv-cryptogram.ts";

/** By the first digit of the number: the key that vectors of EMV books use, and one of ours. */
export const TEST_ISSUER_KEYS: Readonly<Record<string, string>> = {
  "4": "0123456789abcdeffedcba9876543210",
  "5": "1a2c4f5b6d7f8091a2b3c4d5e6f70819",
};

/** Undefined for a number of nobody's here. */
function testIssuerKey(number: string): Uint8Array | undefined {
  const key = TEST_ISSUER_KEYS[number.slice(0, 1)];
  return key === undefined ? undefined : fromHex(key);
}

/** Whether the card of this number made its cryptogram (9F26) over what is said here. */
export function isGenuine(number: string, chip: ChipData): boolean {
  const issuerKey = testIssuerKey(number);
  const cryptogram = chip.get(0x9f26);
  const counter = chip.get(0x9f36);
  const profile = chip.get(0x82);
  const issuerData = chip.get(0x9f10);
  const isWhole = TERMINAL_TAGS.every((tag) => chip.has(tag)) && counter?.length === 2;
  if (issuerKey === undefined || !isWhole || cryptogram?.length !== 8) return false;
  if (profile === undefined || issuerData === undefined) return false;
  const sequence = (chip.get(0x5f34)?.[0] ?? 0).toString(16).padStart(2, "0");
  const [high = 0, low = 0] = counter;
  const card = { issuerKey, number, sequence };
  const made = cryptogramOf(card, high * 256 + low, chip, profile, issuerData);
  return made.every((byte, i) => byte === cryptogram[i]);
}
