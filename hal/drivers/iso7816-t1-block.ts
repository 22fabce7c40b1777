// Blocks of T=1 (ISO 7816-3): address, control byte, length, data, and a checksum of one byte or a CRC of two.

export type T1Block =
  | { sort: "i"; number: 0 | 1; isMore: boolean; data: Uint8Array }
  /** The number is that of the block which is wanted. */
  | { sort: "r"; number: 0 | 1; isTrouble: boolean }
  | { sort: "s"; request: number; isAnswer: boolean; data: Uint8Array };

/** What an R-block may complain of. */
export type BlockTrouble = "none" | "checksum" | "other";

/** What an S-block is about. */
export const S_RESYNCH = 0;
export const S_IFS = 1;
export const S_ABORT = 2;
const S_WTX = 3;

const HEADER_BYTES = 3;
const DATA_BYTES_MAX = 254;
const TROUBLES: Readonly<Record<BlockTrouble, number>> = { none: 0, checksum: 1, other: 2 };

export function encodeI(
  number: 0 | 1,
  isMore: boolean,
  data: Uint8Array,
  crc: boolean,
): Uint8Array {
  return encode((number << 6) | (isMore ? 0x20 : 0), data, crc);
}

export function encodeR(number: 0 | 1, trouble: BlockTrouble, crc: boolean): Uint8Array {
  return encode(0x80 | (number << 4) | TROUBLES[trouble], new Uint8Array(0), crc);
}

export function encodeS(
  request: number,
  isAnswer: boolean,
  data: Uint8Array,
  crc: boolean,
): Uint8Array {
  return encode(0xc0 | (isAnswer ? 0x20 : 0) | request, data, crc);
}

function encode(control: number, data: Uint8Array, crc: boolean): Uint8Array {
  const block = new Uint8Array(HEADER_BYTES + data.length + (crc ? 2 : 1));
  block[1] = control;
  block[2] = data.length;
  block.set(data, HEADER_BYTES);
  const end = HEADER_BYTES + data.length;
  block.set(checksum(block.subarray(0, end), crc), end);
  return block;
}

/** `checksum` where that is wrong, `other` where it is no block, or none that may come from a card. */
export function decodeBlock(bytes: Uint8Array, crc: boolean): T1Block | "checksum" | "other" {
  const [address = 0, control = 0, length = 0] = bytes;
  const end = bytes.length - (crc ? 2 : 1);
  if (end < HEADER_BYTES || length !== end - HEADER_BYTES || length > DATA_BYTES_MAX) {
    return "other";
  }
  const wanted = checksum(bytes.subarray(0, end), crc);
  if (!wanted.every((byte, i) => byte === bytes[end + i])) return "checksum";
  if (address !== 0) return "other";
  const data = bytes.slice(HEADER_BYTES, end);
  if ((control & 0x80) === 0) {
    if ((control & 0x1f) !== 0) return "other";
    return { sort: "i", number: control & 0x40 ? 1 : 0, isMore: (control & 0x20) !== 0, data };
  }
  if ((control & 0x40) === 0) {
    const trouble = control & 0x0f;
    if ((control & 0x20) !== 0 || trouble > TROUBLES.other || length !== 0) return "other";
    return { sort: "r", number: control & 0x10 ? 1 : 0, isTrouble: trouble !== 0 };
  }
  const request = control & 0x1f;
  if (request > S_WTX) return "other";
  return { sort: "s", request, isAnswer: (control & 0x20) !== 0, data };
}

function checksum(bytes: Uint8Array, crc: boolean): number[] {
  if (!crc) return [bytes.reduce((sum, byte) => sum ^ byte, 0)];
  // ISO 3309, as in ISO 7816-3: the polynomial 8408 from the lowest bit, all ones at the start and turned over at the end.
  let sum = 0xffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >> 1) ^ 0x8408 : sum >> 1;
  }
  sum ^= 0xffff;
  return [sum & 0xff, sum >> 8];
}
