// The data elements of ISO 8583:1987 by number, and how each is written: digits, letters or bytes, of a fixed
// length or behind two or three digits that give it. All are known, so that those of others can be passed over.

/** Those that are used here, by what they are called. */
export const DE = {
  pan: 2,
  processingCode: 3,
  amount: 4,
  transmitted: 7, // MMDDhhmmss, UTC
  trace: 11,
  localTime: 12, // hhmmss
  localDate: 13, // MMDD
  expiry: 14, // YYMM
  entryMode: 22,
  sequence: 23, // of the card, among those of one number
  reference: 37, // retrieval reference number
  authCode: 38,
  responseCode: 39,
  terminal: 41,
  merchant: 42,
  merchantName: 43,
  currency: 49, // ISO 4217, digits
  additionalAmounts: 54,
  chip: 55, // BER-TLV of the card and the terminal
  batch: 60, // private use: number of the batch that it counts in
  evidence: 62, // private use: digest of what proves a completion
  settlementCode: 66, // of a closed batch: 1 in balance, 2 out of balance
  networkCode: 70,
  credits: 74, // of a batch: how many refunds
  debits: 76, // captures
  debitReversals: 77, // captures given back by reversals
  creditsAmount: 86,
  debitsAmount: 88,
  debitReversalsAmount: 89,
  original: 90, // type 4, trace 6, transmitted 10, two institutions of 11 zeros
  net: 97, // of a batch: C or D, and what is left after what was given back
} as const;

/** n digits; an letters, digits and spaces; ans printable ASCII; x a sign and digits; z of a track; b bytes. */
export type Alphabet = "n" | "an" | "ans" | "x" | "z" | "b";

export interface FieldFormat {
  alphabet: Alphabet;
  /** Characters (or bytes); the most of them where `lengthDigits` is not 0. */
  length: number;
  lengthDigits: 0 | 2 | 3;
}

/** From 2 on; two dots: up to 99, three: up to 999. A letter alone at the end: as the one before it. */
const FORMATS =
  "n..19 n6 n12 n12 n12 n10 n8 n8 n8 n6 n6 n4 n4 n4 n4 n4 n4 n3 n3 n3 n3 n3 n3 n2 n2 n1 x9 x9 x9 x9 " +
  "n..11 n..11 ans..28 z..37 n...104 an12 an6 an2 an3 ans8 ans15 ans40 ans..25 ans..76 ans...999 " +
  "ans...999 ans...999 n3 n3 n3 b8 n16 ans...120 b...255 ans...999 ans...999 ans...999 ans...999 " +
  "ans...999 ans...999 ans...999 ans...999 b8 b8 n1 n2 n3 n3 n3 n4 n4 n6 n10 n10 n10 n10 n10 n10 n10 " +
  "n10 n12 n12 n12 n12 n16 n16 n16 n16 n42 an1 an2 an5 an7 an42 b8 x17 ans25 n..11 n..11 ans..17 " +
  "ans..28 ans..28 ans...100";

const LAST = 128;

function formatOf(text: string): FieldFormat {
  const [, alphabet, dots = "", digits] = /^([a-z]+)(\.*)(\d+)$/.exec(text) ?? [];
  return {
    alphabet: alphabet as Alphabet,
    length: Number(digits),
    lengthDigits: dots.length as 0 | 2 | 3,
  };
}

function allFormats(): ReadonlyMap<number, FieldFormat> {
  const formats = new Map(FORMATS.split(" ").map((text, index) => [index + 2, formatOf(text)]));
  for (let number = 105; number < LAST; number++) formats.set(number, formatOf("ans...999"));
  return formats.set(LAST, formatOf("b8"));
}

/** Element 65 would announce a third bitmap, which there is none of. */
export const FIELD_FORMATS: ReadonlyMap<number, FieldFormat> = allFormats();
