// Receipts of prepaid tokens, checked offline: what a device of bad faith might write is found out.

import { describe, expect, test } from "vitest";
import type { PrepaidToken } from "../../firmware/token/prepaid-token.ts";
import type { Receipt } from "../../firmware/token/receipt.ts";
import { shortDigest } from "../../firmware/token/signed.ts";
import { checkPrepaid } from "../../tools/prepaid-check.ts";
import { verifySignedObject } from "../../tools/signed-object.ts";
import { crypto, story, value } from "../support/sale.ts";

const { operator, device } = story.keys;
const signed = story.signed["bearer prepaid"];
const read = value(
  verifySignedObject(signed, device.publicKey, crypto, [device.publicKey, operator.publicKey]),
);
const token = read.value as PrepaidToken;
const [first] = story.receipts;
const session = {
  ...(first as Extract<Receipt, { is: "session" }>),
  ...{ order: token.order, offer: shortDigest(crypto, signed), payment: "prepaid" },
  ...{ amountMinor: 0, milliUnits: 1000 * token.units },
  breakdown: { lines: [], prepaid: "bearer" as const },
};
const check = (receipts: readonly Receipt[], name = story.device, tokens = [{ token, signed }]) =>
  checkPrepaid(receipts, tokens, name, crypto);

describe("receipts of a prepaid token", () => {
  test("are right with their token, and without it", () => {
    expect(read.is).toBe("prepaid");
    expect(check([session])).toMatchObject({ ok: true });
    expect(check([session], story.device, [])).toMatchObject({ ok: true });
    expect(check(story.receipts)).toMatchObject({ ok: true });
  });

  test.each<[string, Partial<typeof session>]>([
    ["names money", { amountMinor: 1 }],
    ["another token of the same order", { offer: new Uint8Array(16) }],
    ["says consumer", { breakdown: { lines: [], prepaid: "consumer" as never } }],
    ["does not say so", { breakdown: { lines: [] } as never }],
    ["for which it was not", { milliUnits: 1000 * token.units + 1 }],
  ])("are found out: %s", (words, change) => {
    const wrong = check([{ ...session, ...change } as Receipt]);
    expect(wrong).toMatchObject({ ok: false, fault: { message: expect.stringContaining(words) } });
  });

  test("are of the device of which the token is", () => {
    expect(check([session], "AAAAAAAAAAA")).toMatchObject({ fault: { kind: "wrong-device" } });
  });
});

test("a prepaid token is checked by its operator's key, and by nobody else's", () => {
  const by = (...keys: Uint8Array[]) => verifySignedObject(signed, device.publicKey, crypto, keys);
  expect(by()).toMatchObject({ ok: false, fault: { kind: "untrusted" } });
  expect(by(device.publicKey)).toMatchObject({ ok: false, fault: { kind: "signature" } });
  expect(by(operator.publicKey)).toMatchObject({ ok: true });
});
