// Frames of the PN532 contactless chip on a serial line: 00 00 FF, length, its complement, who speaks, data, sum, 00.
// What is received may be anything at all: the parser finds the next frame in it, and holds no more than one.

const FROM_HOST = 0xd4;
const FROM_CHIP = 0xd5;
const FROM_CHIP_ERROR = 0x7f;
const START = [0x00, 0x00, 0xff] as const;

/** Command or answer code and what follows it. */
export const DATA_BYTES_MAX = 264;
const LENGTH_MAX = DATA_BYTES_MAX + 1;
/** Start code, extended header, the longest body, its sum. */
const HELD_BYTES_MAX = 2 + 5 + LENGTH_MAX + 1;

export const ACK: Uint8Array = Uint8Array.of(0x00, 0x00, 0xff, 0x00, 0xff, 0x00);
export const NACK: Uint8Array = Uint8Array.of(0x00, 0x00, 0xff, 0xff, 0x00, 0x00);

/** `data` is a command code and its parameters, 1 to DATA_BYTES_MAX bytes. */
export function commandFrame(data: Uint8Array): Uint8Array {
  const length = data.length + 1;
  if (data.length === 0 || length > LENGTH_MAX) throw new RangeError("no such command");
  const header =
    length <= 0xff
      ? [...START, length, -length & 0xff]
      : [...START, 0xff, 0xff, length >> 8, length & 0xff, -((length >> 8) + length) & 0xff];
  const frame = new Uint8Array(header.length + length + 2);
  frame.set(header);
  frame[header.length] = FROM_HOST;
  frame.set(data, header.length + 1);
  frame[frame.length - 2] = -(FROM_HOST + sumOf(data)) & 0xff;
  return frame;
}

export type ChipFrame =
  | { kind: "ack" | "nack" }
  /** It understood the frame, and not the command. */
  | { kind: "error" }
  /** Answer code and what follows it: the receiver's to overwrite. */
  | { kind: "answer"; data: Uint8Array }
  /** Something began like a frame and was none: a wrong sum, length, or sender. `code`: of the answer that it would be. */
  | { kind: "bad"; code?: number }
  /** A frame of the host: the line gives our own words back. */
  | { kind: "echo" };

export interface FrameParser {
  /** Hands over each whole frame, in order. */
  take(bytes: Uint8Array): void;
  /** What has begun and has not ended: an answer's code where it has come as far as that. */
  half(): { code?: number } | undefined;
  /** Forgets and overwrites what there is. */
  clear(): void;
}

export function frameParser(listener: (frame: ChipFrame) => void): FrameParser {
  const held = new Uint8Array(HELD_BYTES_MAX);
  let have = 0;
  const drop = (count: number): void => {
    held.copyWithin(0, count, have);
    held.fill(0, have - count, have);
    have -= count;
  };
  const scan = (): void => {
    for (;;) {
      drop(beforeStart(held.subarray(0, have)));
      const found = readFrame(held.subarray(0, have));
      if (found === undefined) return;
      drop(found.bytes);
      listener(found.frame);
    }
  };
  return {
    take: (bytes) => {
      for (const byte of bytes) {
        held[have++] = byte;
        scan();
      }
    },
    half: () => {
      if (have < 3) return undefined;
      const code = codeOf(held.subarray(isLong(held) ? 7 : 4, have));
      return code === undefined ? {} : { code };
    },
    clear: () => drop(have),
  };
}

function isLong(held: Uint8Array): boolean {
  return held[2] === 0xff && held[3] === 0xff;
}

/** Of a body, or as much of it as has come. */
function codeOf(body: Uint8Array): number | undefined {
  return body[0] === FROM_CHIP ? body[1] : undefined;
}

/** How many bytes cannot belong to a frame any more. */
function beforeStart(held: Uint8Array): number {
  for (let i = 0; i < held.length; i++) {
    if (held[i] === 0x00 && (i + 1 === held.length || held[i + 1] === 0xff)) return i;
  }
  return held.length;
}

interface Found {
  frame: ChipFrame;
  bytes: number;
}

/** `held` begins with the start code, as far as it goes. Undefined while more must come. */
function readFrame(held: Uint8Array): Found | undefined {
  const [, , first, second] = held;
  if (first === undefined || second === undefined) return undefined;
  if (first === 0x00 && second === 0xff) return { frame: { kind: "ack" }, bytes: 4 };
  if (first === 0xff && second === 0x00) return { frame: { kind: "nack" }, bytes: 4 };
  if (!isLong(held)) {
    return isZeroSum(first, second) ? readBody(held, 4, first) : BAD_HEADER;
  }
  const [high, low, complement] = held.subarray(4);
  if (high === undefined || low === undefined || complement === undefined) return undefined;
  return isZeroSum(high, low, complement) ? readBody(held, 7, 256 * high + low) : BAD_HEADER;
}

/** How long it is cannot be known: what comes after the start code may be the next frame. */
const BAD_HEADER: Found = { frame: { kind: "bad" }, bytes: 2 };

function readBody(held: Uint8Array, from: number, length: number): Found | undefined {
  if (length === 0 || length > LENGTH_MAX) return BAD_HEADER;
  const end = from + length + 1;
  if (held.length < end) return undefined;
  const body = held.subarray(from, end - 1);
  return { frame: frameOf(body, held[end - 1] ?? 0), bytes: end };
}

function frameOf(body: Uint8Array, sum: number): ChipFrame {
  if (!isZeroSum(sumOf(body), sum)) {
    const code = codeOf(body);
    return code === undefined ? { kind: "bad" } : { kind: "bad", code };
  }
  const sender = body[0];
  if (sender === FROM_CHIP_ERROR && body.length === 1) return { kind: "error" };
  if (sender === FROM_HOST) return { kind: "echo" };
  if (sender !== FROM_CHIP || body.length < 2) return { kind: "bad" };
  return { kind: "answer", data: body.slice(1) };
}

function isZeroSum(...bytes: readonly number[]): boolean {
  return (bytes.reduce((sum, byte) => sum + byte, 0) & 0xff) === 0;
}

function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) sum += byte;
  return sum;
}
