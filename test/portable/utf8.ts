// UTF-8 by hand, for engines without TextEncoder and TextDecoder; as the encoding standard has it, without a byte order mark.

const REPLACEMENT = 0xfffd;
/** Of the first byte, by how many follow. */
const LEADS = [0, 0xc0, 0xe0, 0xf0];

export function encodeUtf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const point = code >= 0xd800 && code <= 0xdfff ? REPLACEMENT : code;
    if (point < 0x80) bytes.push(point);
    else {
      const more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
      bytes.push((LEADS[more] ?? 0) | (point >> (6 * more)));
      for (let i = more - 1; i >= 0; i--) bytes.push(0x80 | ((point >> (6 * i)) & 0x3f));
    }
  }
  return Uint8Array.from(bytes);
}

/** Throws a TypeError for what is no UTF-8 when `fatal`; else each bad sequence becomes U+FFFD. */
export function decodeUtf8(bytes: Uint8Array, fatal: boolean): string {
  const parts: string[] = [];
  let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  while (at < bytes.length) {
    const { point, length } = sequence(bytes, at);
    if (point === undefined && fatal) throw new TypeError("the bytes are no UTF-8");
    parts.push(String.fromCodePoint(point ?? REPLACEMENT));
    at += length;
  }
  return parts.join("");
}

/** One character from there on; without a point, so many bytes that are none. */
function sequence(bytes: Uint8Array, at: number): { point?: number; length: number } {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return { point: first, length: 1 };
  const more =
    first >= 0xc2 && first < 0xe0
      ? 1
      : first >= 0xe0 && first < 0xf0
        ? 2
        : first >= 0xf0 && first < 0xf5
          ? 3
          : 0;
  if (more === 0) return { length: 1 };
  let point = first & (0x3f >> more);
  for (let i = 1; i <= more; i++) {
    const next = bytes[at + i];
    if (next === undefined || !follows(first, i, next)) return { length: i };
    point = (point << 6) | (next & 0x3f);
  }
  return { point, length: more + 1 };
}

/** The second byte has narrower bounds after some: no longer form than needed, no surrogate, nothing beyond U+10FFFF. */
function follows(first: number, place: number, next: number): boolean {
  let [least, most] = [0x80, 0xbf];
  if (place === 1) {
    if (first === 0xe0) least = 0xa0;
    if (first === 0xed) most = 0x9f;
    if (first === 0xf0) least = 0x90;
    if (first === 0xf4) most = 0x8f;
  }
  return next >= least && next <= most;
}
