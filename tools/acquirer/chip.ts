// Element 55 as the acquirer's issuers look at it: they make the card's keys from the test issuers' own (EMV book 2, A1.3
// and A1.4, option A), compute the cryptogram over the data that came, and answer with a code of theirs.

import { createCipheriv, createDecipheriv } from "node:crypto";
import { findTlv, readTlv, type TlvObject } from "../../hal/drivers/ber-tlv.ts";
import { TEST_ISSUER_KEYS } from "../../hal/sim/test-issuers.ts";

/** Of the terminal's data, in this order; then 82, 9F36 and what the scheme takes of 9F10. */
const COVERED = [0x9f02, 0x9f03, 0x9f1a, 0x95, 0x5f2a, 0x9a, 0x9c, 0x9f37, 0x82, 0x9f36];
const LENGTHS = [6, 6, 2, 5, 2, 3, 1, 4, 2, 2];
const ISSUER_DATA = 0x9f10;
const CRYPTOGRAM = 0x9f26;

/** What one use of a card says that was made by it. Hexadecimal. */
export interface GenuineChip {
  counter: string;
  cryptogram: string;
  /** What the card made its cryptogram for. */
  amountMinor: number;
  currencyDigits: string;
  /** Element 55 of the answer that says this code: tag 91. */
  answer(code: string): string;
}

/** Undefined where the cryptogram is not that of this card over these data; `sequence` is element 23. */
export function genuineChip(
  number: string,
  sequence: string,
  element: string,
): GenuineChip | undefined {
  const issuerKey = TEST_ISSUER_KEYS[number.slice(0, 1)];
  const objects = readTlv(Buffer.from(element, "hex"));
  const covered = COVERED.map((tag) => valueIn(objects, tag));
  const issuerData = valueIn(objects, ISSUER_DATA);
  const cryptogram = valueIn(objects, CRYPTOGRAM);
  const [amount, , , , currency] = covered;
  const counter = covered.at(-1);
  const isWhole = covered.every((value, i) => value?.length === LENGTHS[i]);
  if (issuerKey === undefined || !isWhole || cryptogram?.length !== 8) return undefined;
  if (issuerData === undefined || counter === undefined) return undefined;
  const own = number.startsWith("4") ? issuerData : issuerData.subarray(2, 8);
  const key = transactionKey(Buffer.from(issuerKey, "hex"), number, sequence, counter);
  const data = Buffer.concat([...covered.map((value) => value ?? Buffer.alloc(0)), own]);
  if (!mac(data, key).equals(cryptogram)) return undefined;
  return {
    ...{ counter: counter.toString("hex"), cryptogram: cryptogram.toString("hex") },
    ...{ amountMinor: Number(amount?.toString("hex")) },
    currencyDigits: currency?.toString("hex").slice(1) ?? "",
    answer: (code) => {
      const said = Buffer.from(code, "ascii");
      const mixed = Buffer.from(cryptogram);
      for (const [i, byte] of said.entries()) mixed[i] = (mixed[i] ?? 0) ^ byte;
      return `910a${Buffer.concat([tripleDes(mixed, key), said]).toString("hex")}`;
    },
  };
}

function valueIn(objects: readonly TlvObject[] | undefined, tag: number): Buffer | undefined {
  const value = findTlv(objects, tag)?.value;
  return value && Buffer.from(value);
}

function transactionKey(
  issuerKey: Buffer,
  number: string,
  sequence: string,
  counter: Buffer,
): Buffer {
  const digits = `${number}${sequence.slice(-2).padStart(2, "0")}`.slice(-16).padStart(16, "0");
  const named = Buffer.from(digits, "hex");
  const other = Buffer.from(named.map((byte) => byte ^ 0xff));
  const cardKey = Buffer.concat([tripleDes(named, issuerKey), tripleDes(other, issuerKey)]);
  // Parity is left as it comes: a cipher does not look at it.
  const half = (mark: number): Buffer =>
    tripleDes(Buffer.concat([counter, Buffer.of(mark, 0, 0, 0, 0, 0)]), cardKey);
  return Buffer.concat([half(0xf0), half(0x0f)]);
}

/** ISO 9797-1, algorithm 3 with padding method 2: all blocks under the left half, the last one triple. */
function mac(data: Buffer, key: Buffer): Buffer {
  const padded = Buffer.concat([data, Buffer.of(0x80)]);
  const whole = Buffer.concat([padded, Buffer.alloc((8 - (padded.length % 8)) % 8)]);
  const left = key.subarray(0, 8);
  const single = Buffer.concat([left, left]);
  const cipher = createCipheriv("des-ede-cbc", single, Buffer.alloc(8)).setAutoPadding(false);
  const last = Buffer.concat([cipher.update(whole), cipher.final()]).subarray(-8);
  const right = Buffer.concat([key.subarray(8), key.subarray(8)]);
  const decipher = createDecipheriv("des-ede", right, null).setAutoPadding(false);
  const middle = Buffer.concat([decipher.update(last), decipher.final()]);
  return tripleDes(middle, single);
}

function tripleDes(block: Uint8Array, key: Buffer): Buffer {
  const cipher = createCipheriv("des-ede", key, null).setAutoPadding(false);
  return Buffer.concat([cipher.update(block), cipher.final()]);
}
