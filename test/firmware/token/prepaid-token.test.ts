// Prepaid tokens: the operator's word alone, for one device, and short enough for the smallest tag.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readCbor } from "../../../firmware/protocol/schema.ts";
import { tokenMessage, tokenOf } from "../../../firmware/token/prepaid-tag.ts";
import {
  PREPAID,
  type PrepaidToken,
  peekPrepaid,
  signPrepaid,
  verifyPrepaid,
} from "../../../firmware/token/prepaid-token.ts";
import { sign } from "../../../firmware/token/signed.ts";
import { ndefMessage, readNdef } from "../../../hal/drivers/ndef.ts";
import { crypto, flips, forger, SMALL_ORDER_KEYS, story, value } from "../../support/sale.ts";
import { largestOf } from "../../support/shapes.ts";

const { operator, device } = story.keys;
const verify = (bytes: Uint8Array, key = operator.publicKey) => verifyPrepaid(bytes, key, crypto);

const token: fc.Arbitrary<PrepaidToken> = fc.record(
  {
    order: fc.stringMatching(/^[0-9a-f]{16}$/),
    device: fc.constant(story.device),
    service: fc.integer({ min: 0, max: 65_535 }),
    units: fc.integer({ min: 1, max: 1_000_000 }),
    expiresS: fc.integer({ min: 0, max: 0xffff_ffff }),
    consumer: fc.uint8Array({ minLength: 8, maxLength: 8 }),
  },
  { requiredKeys: ["order", "device", "service", "units", "expiresS"] },
);

/** User memory of an NTAG213 that keeps its lock control block, less the head and the end of the message's. */
const NTAG213_BYTES = 144 - 5 - 3;

describe("a prepaid token", () => {
  test("comes back as it was signed", () => {
    fc.assert(
      fc.property(token, (said) => {
        const signed = signPrepaid(said, operator);
        expect(value(verify(signed))).toEqual(said);
        expect(value(peekPrepaid(signed))).toEqual(said);
      }),
      { numRuns: 100 },
    );
  });

  test("fits an NTAG213 as one record: for up to 65535 units, a bearer token for any number", () => {
    const most = { order: "ff".repeat(8), device: story.device, service: 65_535, expiresS: 4e9 };
    const consumer = new Uint8Array(8).fill(0xff);
    const lengthOf = (one: PrepaidToken) => tokenMessage(signPrepaid(one, operator))?.length ?? 999;
    const usual = { ...most, service: 1, units: 23 };
    expect(lengthOf({ ...usual, consumer })).toBe(132);
    expect(lengthOf(usual)).toBe(120);
    expect(lengthOf({ ...most, units: 65_535, consumer })).toBe(NTAG213_BYTES);
    expect(lengthOf({ ...most, units: 1_000_000 })).toBeLessThanOrEqual(NTAG213_BYTES);
  });

  test("of another key, of the device's, or of a key of small order is refused", () => {
    const fault = { kind: "signature" };
    const said = value(peekPrepaid(story.signed.prepaid));
    expect(verify(signPrepaid(said, device))).toMatchObject({ fault });
    const forged = signPrepaid(said, forger);
    for (const key of SMALL_ORDER_KEYS) expect(verify(forged, key)).toMatchObject({ fault });
  });

  test("with any one bit changed is refused", () => {
    for (const touched of flips(story.signed.prepaid)) expect(verify(touched).ok).toBe(false);
  });

  test.each([
    ["names a key and says bearer", { bearer: true }],
    ["is for no units", { units: 0 }],
  ])("that %s is refused, though its operator signed it", (_, said) => {
    const claims = value(readCbor(PREPAID.claims, largestOf(PREPAID.claims.cddl), "prepaid"));
    const odd = sign(PREPAID, { ...claims, prepaid: { ...claims.prepaid, ...said } }, operator);
    expect(verify(odd)).toMatchObject({ ok: false, fault: { kind: "malformed" } });
  });

  test("that names no key and does not say bearer is refused", () => {
    const claims = value(readCbor(PREPAID.claims, largestOf(PREPAID.claims.cddl), "prepaid"));
    const { consumer: _, ...rest } = claims;
    const odd = sign(PREPAID, { ...rest, prepaid: { ...rest.prepaid, bearer: false } }, operator);
    expect(verify(odd)).toMatchObject({ ok: false, fault: { kind: "malformed" } });
  });
});

describe("its NDEF message", () => {
  const signed = story.signed["bearer prepaid"];
  const message = tokenMessage(signed) ?? new Uint8Array();

  test("is one external record, as another reader of NDEF has it", () => {
    const [record, ...more] = readNdef(message) ?? [];
    expect(more).toEqual([]);
    expect(record).toMatchObject({ format: 4, payload: signed });
    expect(String.fromCharCode(...(record?.type ?? []))).toBe("sluice:t");
    expect(tokenOf(message)).toEqual(signed);
  });

  test("is found behind other records, in long form, with an id, and in other letters", () => {
    const type = [...new TextEncoder().encode("Sluice:T")];
    const long = [0x4c, 8, 0, 0, 0, signed.length, 2, ...type, 0x61, 0x62, ...signed];
    const link = [0x91, 1, 2, 0x55, 4, 0x61];
    expect(tokenOf(Uint8Array.of(...link, ...long))).toEqual(signed);
  });

  test("of something else has none, and no bytes of a tag break it", () => {
    expect(tokenOf(ndefMessage("text/plain", signed))).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const found = tokenOf(bytes);
        expect(found === undefined || found.length <= bytes.length).toBe(true);
      }),
    );
    for (let length = 0; length < message.length; length++) {
      expect(tokenOf(message.subarray(0, length))).toBeUndefined();
    }
  });
});
