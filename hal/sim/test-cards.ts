// The payment cards of the bench by name. Their issuers are test issuers whose keys everybody may know: nothing that is worth
// money can be had with them.

import { type EmvCounter, type EmvProfile, emvCard } from "./emv-card.ts";
import { fromHex } from "./emv-cryptogram.ts";
import type { SimCard } from "./sim-card.ts";
import { TEST_CARDS } from "./sim-payment-host.ts";
import { TEST_ISSUER_KEYS } from "./test-issuers.ts";

const FIELD_DIRECTORY = "2PAY.SYS.DDF01";
const CONTACT_DIRECTORY = "1PAY.SYS.DDF01";
const EXPIRY = "311231";
const EXPIRED = "230131";
const VISA_NUMBER = "4761739001010119";
const MASTERCARD_NUMBER = "5413330089010434";

/** Answers to reset (ISO 7816-3): protocol T=0, and T=1 with blocks of 32 bytes. */
const ATR = { t0: "3b6500002063cb6800", t1: "3be000008131204333" } as const;

/** Protocol of ISO 14443-4, frames of 256 bytes, and time enough. */
const ATS = "08788070022063cb";

type Application = Omit<EmvProfile, "issuerKey" | "directory">;

const VISA: Application = {
  ...{ way: "field", aid: "a0000000031010", label: "VISA CREDIT", number: VISA_NUMBER },
  ...{ sequence: "01", expiry: EXPIRY, track2: "2011143804400000" },
  ...{ profile: "0000", issuerData: "06011203a00000" },
};

const MASTERCARD: Application = {
  ...{ way: "asked", aid: "a0000000041010", label: "MASTERCARD", number: MASTERCARD_NUMBER },
  ...{ sequence: "01", expiry: EXPIRY, track2: "2010123456789012" },
  ...{ profile: "1800", issuerData: "0114a0000300000000000000000000000000" },
};

type Link = "tap" | "t0" | "t1";

interface Listed {
  link: Link;
  application: Application;
  /** For people. */
  what: string;
  /** Without a directory its applications have to be tried by name. */
  hasDirectory?: boolean;
}

const tapped = (application: Application, what: string): Listed => ({
  ...{ link: "tap", application, what },
});

const numbered = (number: string, what: string): Listed => tapped({ ...VISA, number }, what);

const LISTED = {
  "visa-test": tapped(VISA, "Visa in the field: cryptogram with the first answer"),
  "mastercard-test": tapped(MASTERCARD, "Mastercard in the field: cryptogram when asked"),
  "visa-chip": {
    ...{ link: "t0", application: { ...VISA, way: "asked", profile: "1800" } },
    ...{ what: "Visa with contacts, T=0, without a directory", hasDirectory: false },
  },
  "mastercard-chip": {
    ...{ link: "t1", application: MASTERCARD, what: "Mastercard with contacts, T=1" },
  },
  "mastercard-chip-t0": {
    ...{ link: "t0", application: MASTERCARD, what: "Mastercard with contacts, T=0" },
  },
  expired: tapped({ ...VISA, expiry: EXPIRED }, "its date is past"),
  "expired-chip": {
    ...{ link: "t1", application: { ...MASTERCARD, expiry: EXPIRED }, what: "its date is past" },
  },
  blocked: tapped({ ...VISA, flaw: "blocked" }, "its application is blocked"),
  "blocked-chip": {
    ...{ link: "t1", application: { ...MASTERCARD, flaw: "card-blocked" } },
    what: "all of it is blocked",
  },
  refusing: tapped({ ...VISA, flaw: "declines" }, "declines by itself (AAC)"),
  "refusing-chip": {
    ...{ link: "t1", application: { ...MASTERCARD, flaw: "declines" } },
    what: "declines by itself (AAC)",
  },
  declined: numbered(TEST_CARDS.decline, "declined by its issuer"),
  insufficient: numbered(TEST_CARDS.insufficient, "declined: not enough on the account"),
  partial: numbered(TEST_CARDS.partial, "approved for half of what is asked"),
  "no-answer": numbered(TEST_CARDS["no-answer"], "approved, and never answered"),
  "request-lost": numbered(TEST_CARDS["request-lost"], "the first request never arrives"),
} as const satisfies Readonly<Record<string, Listed>>;

export type TestCardName = keyof typeof LISTED;

export interface TestCard {
  name: TestCardName;
  way: "tap" | "insert";
  /** For people. */
  what: string;
}

/** In the order in which they are to be listed. */
export const TEST_CARD_LIST: readonly TestCard[] = Object.entries(LISTED).map(
  ([name, { link, what }]) => ({
    name: name as TestCardName,
    way: link === "tap" ? "tap" : "insert",
    what,
  }),
);

/** A new piece of plastic; undefined for a name that there is none of. Whoever keeps its counter hands it back the next time. */
export function testCard(name: string, counter: EmvCounter = {}): SimCard | undefined {
  if (!Object.hasOwn(LISTED, name)) return undefined;
  const { link, application, hasDirectory = true }: Listed = LISTED[name as TestCardName];
  const issuerKey = fromHex(TEST_ISSUER_KEYS[application.number.slice(0, 1)] ?? "");
  const ofLink = link === "tap" ? FIELD_DIRECTORY : CONTACT_DIRECTORY;
  const directory = hasDirectory ? ofLink : undefined;
  return emvCard(linkOf(name, link), { ...application, issuerKey, directory }, counter);
}

function linkOf(name: string, link: Link): Pick<SimCard, "name" | "atr" | "field"> {
  if (link !== "tap") return { name, atr: fromHex(ATR[link]) };
  // Begins with 08: an identifier that means nothing.
  const at = Object.keys(LISTED).indexOf(name);
  const uid = Uint8Array.of(0x08, 0x51, 0x1c, at);
  return { name, field: { uid, sensRes: [0x00, 0x04], selRes: 0x20, ats: fromHex(ATS) } };
}
