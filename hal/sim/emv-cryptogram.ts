// Cryptograms of the test issuers: keys of a card and of a transaction (EMV book 2, A1.3 and A1.4, option A), and the code
// over what card and terminal said. For test cards only.

import { BLOCK_BYTES, desDecrypt, desEncrypt, tripleDesEncrypt } from "./des.ts";

/** What the keys are made of. */
export interface IssuedCard {
  /** 16 bytes, of the issuer. */
  issuerKey: Uint8Array;
  number: string;
  /** Two digits. */
  sequence: string;
}

/** Tags whose values stand in a cryptogram's data, before those of the card. */
export const TERMINAL_TAGS = [0x9f02, 0x9f03, 0x9f1a, 0x95, 0x5f2a, 0x9a, 0x9c, 0x9f37] as const;

export function transactionKey(
  { issuerKey, number, sequence }: IssuedCard,
  counter: number,
): Uint8Array {
  const digits = `${number}${sequence}`.slice(-16).padStart(16, "0");
  const named = fromHex(digits);
  const cardKey = pair(
    tripleDesEncrypt(named, issuerKey),
    tripleDesEncrypt(
      named.map((byte) => byte ^ 0xff),
      issuerKey,
    ),
  );
  const base = [counter >> 8, counter & 0xff];
  return pair(
    tripleDesEncrypt(Uint8Array.of(...base, 0xf0, 0, 0, 0, 0, 0), cardKey),
    tripleDesEncrypt(Uint8Array.of(...base, 0x0f, 0, 0, 0, 0, 0), cardKey),
  );
}

/** ISO 9797-1 algorithm 3 with padding method 2: 8 bytes. */
export function macOf(data: Uint8Array, key: Uint8Array): Uint8Array {
  const padded = new Uint8Array(BLOCK_BYTES * Math.floor(data.length / BLOCK_BYTES + 1));
  padded.set(data, 0);
  padded[data.length] = 0x80;
  const [left, right] = [key.subarray(0, 8), key.subarray(8, 16)];
  let chained = new Uint8Array(BLOCK_BYTES);
  for (let at = 0; at < padded.length; at += BLOCK_BYTES) {
    const mixed = chained.map((byte, i) => byte ^ (padded[at + i] ?? 0));
    chained = Uint8Array.from(desEncrypt(mixed, left));
  }
  return desEncrypt(desDecrypt(chained, right), left);
}

/** Over the values of TERMINAL_TAGS, the card's profile (82), its counter (9F36), and what its scheme takes of 9F10. */
export function cryptogramOf(
  card: IssuedCard,
  counter: number,
  terminal: ReadonlyMap<number, Uint8Array>,
  profile: Uint8Array,
  issuerData: Uint8Array,
): Uint8Array {
  const own = card.number.startsWith("4") ? issuerData : issuerData.subarray(2, 8);
  const values = TERMINAL_TAGS.flatMap((tag) => [...(terminal.get(tag) ?? [])]);
  const data = Uint8Array.from([...values, ...profile, counter >> 8, counter & 0xff, ...own]);
  return macOf(data, transactionKey(card, counter));
}

/** With bit 1 of each byte such that the number of ones is odd. */
function pair(left: Uint8Array, right: Uint8Array): Uint8Array {
  return Uint8Array.of(...left, ...right).map((byte) => {
    let ones = 0;
    for (let bits = byte >> 1; bits > 0; bits >>= 1) ones += bits & 1;
    return (byte & 0xfe) | (ones % 2 === 0 ? 1 : 0);
  });
}

export function fromHex(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length / 2 }, (_, i) =>
    Number.parseInt(text.slice(2 * i, 2 * i + 2), 16),
  );
}
