// Cryptograms of the test issuers against node's own DES and against figures computed elsewhere.

import { createCipheriv } from "node:crypto";
import { expect, test } from "vitest";
import { toHex } from "../../../firmware/bytes.ts";
import { desDecrypt, desEncrypt, tripleDesEncrypt } from "../../../hal/sim/des.ts";
import { cryptogramOf, fromHex, macOf, transactionKey } from "../../../hal/sim/emv-cryptogram.ts";
import { seededEntropy, seededRandom } from "../../../hal/sim/random.ts";

const TERMINAL: ReadonlyMap<number, Uint8Array> = new Map(
  (
    [
      [0x9f02, "000000000150"],
      [0x9f03, "000000000000"],
      [0x9f1a, "0276"],
      [0x95, "0000000000"],
      [0x5f2a, "0978"],
      [0x9a, "260301"],
      [0x9c, "00"],
      [0x9f37, "1a2b3c4d"],
    ] as const
  ).map(([tag, value]) => [tag, fromHex(value)]),
);
const VISA = {
  issuerKey: fromHex("0123456789abcdeffedcba9876543210"),
  number: "4761739001010119",
  sequence: "01",
};
const MASTERCARD = {
  issuerKey: fromHex("1a2c4f5b6d7f8091a2b3c4d5e6f70819"),
  number: "5413330089010434",
  sequence: "01",
};

function nodeCipher(name: string, key: Uint8Array, block: Uint8Array): string {
  const cipher = createCipheriv(name, key, null).setAutoPadding(false);
  return Buffer.concat([cipher.update(block), cipher.final()]).toString("hex");
}

test("DES and triple DES give what node's give, and DES is undone by itself", () => {
  const entropy = seededEntropy(seededRandom(1, "des"));
  for (let round = 0; round < 50; round++) {
    const [block, key] = [entropy.bytes(8), entropy.bytes(16)];
    const left = key.slice(0, 8);
    expect(toHex(tripleDesEncrypt(block, key))).toBe(nodeCipher("des-ede-ecb", key, block));
    const twice = Buffer.concat([left, left]);
    expect(toHex(desEncrypt(block, left))).toBe(nodeCipher("des-ede-ecb", twice, block));
    expect(desDecrypt(desEncrypt(block, left), left)).toEqual(block);
  }
});

test("a transaction's key comes of the issuer's key, the number and the counter", () => {
  expect(toHex(transactionKey(VISA, 1))).toBe("3819c2d5a7a1a70729b5e923e6a89d7f");
  expect(toHex(transactionKey(MASTERCARD, 0x2a))).toBe("0e321389769e262f2a1a6e8f8ac88501");
});

test("a cryptogram covers the terminal's data, the profile, the counter and the issuer's data", () => {
  const visa = cryptogramOf(VISA, 1, TERMINAL, fromHex("0000"), fromHex("06011203a00000"));
  expect(toHex(visa)).toBe("e9656b0efb70e1df");
  const terminal = new Map(TERMINAL)
    .set(0x9f37, fromHex("5e6f7081"))
    .set(0x95, fromHex("0000008000"));
  const issuerData = fromHex("0114a00003000000000000000000000000000000");
  const mastercard = cryptogramOf(MASTERCARD, 0x2a, terminal, fromHex("1800"), issuerData);
  expect(toHex(mastercard)).toBe("ee13302d2439d039");
});

test("data of whole blocks are padded by a block of their own", () => {
  const key = fromHex("0123456789abcdeffedcba9876543210");
  expect(macOf(new Uint8Array(8), key)).not.toEqual(
    macOf(Uint8Array.of(...new Uint8Array(8), 0x80), key),
  );
});
