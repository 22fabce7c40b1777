// The verdict on a receipt, by the firmware's own checks in this browser: whether the device signed it, and whether it follows from
// the one before.

import { toHex } from "../firmware/bytes.ts";
import type { Result } from "../firmware/result.ts";
import { type Receipt, verifyChain, verifyReceipt } from "../firmware/token/receipt.ts";
import type { Crypto } from "../hal/crypto.ts";

export interface Verdict {
  isGenuine: boolean;
  /** In one sentence. */
  words: string;
}

export interface JudgedReceipt {
  atMs: number;
  order: string;
  signed: Uint8Array;
  hex: string;
  /** As the bench prints it. */
  words: readonly string[];
  receipt: Receipt | undefined;
  verdict: Verdict;
  /** What the same checks say when one bit of it is changed. */
  forged: Verdict;
}

export interface Claimed {
  signed: Uint8Array;
  /** The receipt that came before it here, where one did. */
  before: Uint8Array | undefined;
  /** The device's. */
  key: Uint8Array;
  words: readonly string[];
}

export function judgeReceipt(
  { signed, before, key, words }: Claimed,
  crypto: Crypto,
): Omit<JudgedReceipt, "atMs" | "order"> {
  const read = verifyReceipt(signed, key, crypto);
  const flipped = signed.slice();
  const middle = flipped.length >> 1;
  flipped[middle] = (flipped[middle] ?? 0) ^ 1;
  return {
    ...{ signed, hex: toHex(signed), words, receipt: read.ok ? read.value : undefined },
    verdict: verdict(read, read.ok && before ? verifyChain([before, signed], key, crypto) : read),
    forged: verdict(verifyReceipt(flipped, key, crypto)),
  };
}

function verdict(read: Result<Receipt>, chain: Result<unknown> = read): Verdict {
  if (!read.ok) return { isGenuine: false, words: `Not genuine: ${read.fault.message}` };
  if (!chain.ok) return { isGenuine: false, words: `Out of its chain: ${chain.fault.message}` };
  const { number } = read.value;
  const place = number === 1 ? "the first of its chain" : `number ${number} of its chain`;
  return { isGenuine: true, words: `Genuine: signed by this device, ${place}` };
}
