// A signed receipt as a QR code: its bytes in base45 (RFC 9285), which a QR code holds nearly without loss, drawn with
// half blocks. The one place that knows the library.

import { renderUnicodeCompact } from "uqr";
import { fail, ok, type Result } from "../../result.ts";

const PREFIX = "SLUICE:";
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
/** A code of 40 rows more would be too dense for a screen. */
const BYTES_MAX = 700;

/** What the code says. */
export function receiptCode(signed: Uint8Array): string {
  let text = PREFIX;
  for (let at = 0; at < signed.length; at += 2) {
    const high = signed[at] ?? 0;
    const low = signed[at + 1];
    let value = low === undefined ? high : 256 * high + low;
    for (let digits = low === undefined ? 2 : 3; digits > 0; digits--) {
      text += DIGITS[value % 45];
      value = Math.floor(value / 45);
    }
  }
  return text;
}

/** The signed receipt that a code says: unchecked. `malformed` for what is no such code. */
export function readReceiptCode(code: string): Result<Uint8Array> {
  const wrong = fail("malformed", "it is not the code of a receipt", "code");
  const text = code.startsWith(PREFIX) ? code.slice(PREFIX.length) : "";
  if (text === "" || text.length % 3 === 1) return wrong;
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at += 3) {
    const digits = [...text.slice(at, at + 3)].map((digit) => DIGITS.indexOf(digit));
    if (digits.includes(-1)) return wrong;
    const value = digits.reduceRight((sum, digit) => 45 * sum + digit, 0);
    if (value >= (digits.length === 3 ? 65_536 : 256)) return wrong;
    if (digits.length === 3) bytes.push(value >> 8);
    bytes.push(value & 255);
  }
  return ok(Uint8Array.from(bytes));
}

/** Rows of half blocks, light on dark, with the quiet zone that a scanner needs; undefined for one that is too large. */
export function qrRows(signed: Uint8Array): readonly string[] | undefined {
  if (signed.length === 0 || signed.length > BYTES_MAX) return undefined;
  return renderUnicodeCompact(receiptCode(signed), { ecc: "L", border: 2 }).split("\n");
}
