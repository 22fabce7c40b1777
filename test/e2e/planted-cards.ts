// Payment cards and tags of the bench that carry another card's number wherever a card may put bytes.

import { tokenMessage } from "../../firmware/token/prepaid-tag.ts";
import { signPrepaid } from "../../firmware/token/prepaid-token.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { type EmvProfile, emvCard } from "../../hal/sim/emv-card.ts";
import type { SimCard } from "../../hal/sim/sim-card.ts";
import { ntag213 } from "../../hal/sim/sim-tag.ts";
import { TEST_ISSUER_KEYS } from "../../hal/sim/test-issuers.ts";

/** Valid by its check digit, and the number of no card here. */
export const PLANTED = "6011000990139424";
/** Whose card it is, as his card says it: his name is nobody's business but the driver's. */
export const SURNAME = "QUILLFEATHER";
const HOLDER = `${SURNAME}/A`;
/** YYMM. */
export const EXPIRY = "3112";
export const VISA_NUMBER = "4761739001010119";
export const MASTERCARD_NUMBER = "5413330089010434";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const ascii = (text: string): string => hex(Buffer.from(text));
const bytesOf = (digits: string): Uint8Array => Uint8Array.from(Buffer.from(digits, "hex"));
const keyOf = (number: string): Uint8Array => bytesOf(TEST_ISSUER_KEYS[number[0] ?? ""] ?? "");

function tlv(tag: string, value: string): string {
  const length = value.length / 2;
  return `${tag}${length > 0x7f ? "81" : ""}${length.toString(16).padStart(2, "0")}${value}`;
}

/** Name, track 1, its discretionary data, an address, and tags that nobody knows: in records and first answers. */
const GRAFTS: Readonly<Record<string, string>> = {
  "77": tlv("9f7c", PLANTED) + tlv("df8121", ascii(PLANTED)),
  "70": [
    tlv("5f20", ascii(HOLDER)) + tlv("56", ascii(`B${PLANTED}^${HOLDER}^${EXPIRY}`)),
    tlv("9f1f", ascii(PLANTED)) + tlv("5f50", ascii(`http://${PLANTED}.test`)),
    tlv("9f0b", ascii(`${PLANTED}/${SURNAME}`)) + tlv("df02", PLANTED),
  ].join(""),
  "6f": tlv("df8122", ascii(PLANTED)),
};

/** The answer with more in its outermost template. */
function grafted(answer: Uint8Array): Uint8Array {
  // It has one name only.
  const text = hex(answer).replace(tlv("5f20", ascii("TEST/CARD")), "");
  const more = GRAFTS[text.slice(0, 2)];
  if (more === undefined || !text.endsWith("9000")) return answer;
  const head = hex(answer).slice(2, 4) === "81" ? 6 : 4;
  return bytesOf(`${tlv(text.slice(0, 2), text.slice(head, -4) + more)}9000`);
}

function graftedCard(card: SimCard): SimCard {
  return { ...card, apdu: (command) => grafted(card.apdu?.(command) ?? new Uint8Array()) };
}

const VISA: EmvProfile = {
  ...{ way: "field", directory: "2PAY.SYS.DDF01", aid: "a0000000031010", label: PLANTED },
  ...{ number: VISA_NUMBER, sequence: "01", expiry: "311231", track2: PLANTED },
  ...{ profile: "0000", issuerData: "06011203a00000", issuerKey: keyOf(VISA_NUMBER) },
};

const MASTERCARD: EmvProfile = {
  ...{ way: "asked", directory: "1PAY.SYS.DDF01", aid: "a0000000041010", label: PLANTED },
  ...{ number: MASTERCARD_NUMBER, sequence: "01", expiry: "311231", track2: PLANTED },
  ...{ profile: "1800", issuerKey: keyOf(MASTERCARD_NUMBER) },
  issuerData: `0114a000030000000000${PLANTED}`,
};

const field = (uid: string) => ({
  ...{ uid: bytesOf(uid), sensRes: [0x00, 0x04] as const, selRes: 0x20 },
  ats: bytesOf(`0d78807002${PLANTED}`),
});

/** One that pays; a number is its number in the field, and its history. */
export function plantedTap(): SimCard {
  const link = { name: "planted", field: field(`${PLANTED}9999`) };
  return graftedCard(emvCard(link, VISA));
}

export function plantedChip(): SimCard {
  const atr = bytesOf("3be000008131204333");
  return graftedCard(emvCard({ name: "planted", atr }, MASTERCARD));
}

/** Those that are refused, by what is wrong with them. */
export function refusedTaps(): ReadonlyMap<string, SimCard> {
  const visa = emvCard({ name: "refused", field: field("0851fc02") }, VISA);
  const spoil = (change: (answer: string) => string): SimCard => ({
    ...visa,
    apdu: (command) => bytesOf(change(hex(visa.apdu?.(command) ?? new Uint8Array()))),
  });
  const track = `${VISA_NUMBER}d3112`;
  return new Map([
    ["another number on its track", spoil((text) => text.replace(track, `${PLANTED}d3112`))],
    ["a number for a cryptogram", spoil((text) => text.replace(/9f2608.{16}/, `9f2608${PLANTED}`))],
    ["words beside the word of trouble", spoil(() => `${PLANTED}${ascii(PLANTED)}6f00`)],
    ["a text on a tag", textTag()],
    ["another operator's token on a tag", tokenTag()],
  ]);
}

function textTag(): SimCard {
  const text = ascii(`\u0002en${PLANTED}`);
  const record = `d101${(text.length / 2).toString(16).padStart(2, "0")}54${text}`;
  return ntag213("text", { message: bytesOf(record) });
}

/** To bearer, and good on no device here. */
export const TOKEN = signPrepaid(
  {
    ...{ order: "a1b2c3d4e5f60718", device: "AAAAAAAAAAA", service: 1, units: 5 },
    expiresS: 2_000_000_000,
  },
  openNodeCrypto().signer(new Uint8Array(32).fill(5)),
);

function tokenTag(): SimCard {
  const message = tokenMessage(TOKEN);
  return ntag213("token", { ...(message && { message }) });
}
