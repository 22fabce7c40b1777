// A command of ISO 7816-4 over T=0 or T=1: what the card leaves to be fetched is fetched, and a length that it
// corrects is sent corrected.

import type { ApduAnswer } from "./card-channel.ts";

/** One command as it stands, and the card's own answer. */
export type ApduExchange = (command: Uint8Array) => Promise<ApduAnswer>;

const DATA_BYTES_MAX = 256;
const STATUS_BYTES = 2;

/** 1: no data. 2: data comes back. 3: data goes. 4: both. Throws RangeError for what is no short command. */
export function apduCase(command: Uint8Array): 1 | 2 | 3 | 4 {
  const dataBytes = command[4] ?? 0;
  if (command.length === 4) return 1;
  if (command.length === 5) return 2;
  if (dataBytes > 0 && command.length === 5 + dataBytes) return 3;
  if (dataBytes > 0 && command.length === 6 + dataBytes) return 4;
  throw new RangeError(`a command of ${command.length} bytes is no short APDU`);
}

/** SELECT, READ RECORD and GET DATA change nothing that matters in a card, and may be sent twice. */
export function isRepeatable(command: Uint8Array): boolean {
  return [0xa4, 0xb2, 0xca].includes(command[1] ?? 0);
}

/** Data and status word out of the bytes of an answer; undefined where they are none. */
export function readAnswer(bytes: Uint8Array): (ApduAnswer & { kind: "answer" }) | undefined {
  const [first = 0, second = 0] = bytes.subarray(-STATUS_BYTES);
  const isStatus = (first & 0xf0) === 0x90 || ((first & 0xf0) === 0x60 && first !== 0x60);
  if (bytes.length < STATUS_BYTES || bytes.length > DATA_BYTES_MAX + STATUS_BYTES || !isStatus) {
    return undefined;
  }
  return { kind: "answer", data: bytes.slice(0, -STATUS_BYTES), status: first * 256 + second };
}

/** An answer longer than 256 bytes, or left to be fetched without end, is none: `mute`. */
export async function completeApdu(
  exchange: ApduExchange,
  command: Uint8Array,
): Promise<ApduAnswer> {
  let answer = await withRightLength(exchange, command);
  while (answer.kind === "answer" && answer.status >> 8 === 0x61) {
    const fetch = Uint8Array.of(0, 0xc0, 0, 0, answer.status & 0xff);
    const more = await withRightLength(exchange, fetch);
    if (more.kind !== "answer") return more;
    const isIdle = more.data.length === 0 && more.status >> 8 === 0x61;
    if (isIdle || answer.data.length + more.data.length > DATA_BYTES_MAX) return { kind: "mute" };
    answer = { ...more, data: joined(answer.data, more.data) };
  }
  return answer;
}

/** Sends it again with the length that the card says is the right one, once. */
async function withRightLength(exchange: ApduExchange, command: Uint8Array): Promise<ApduAnswer> {
  const answer = await exchange(command);
  const hasLength = apduCase(command) % 2 === 0;
  if (answer.kind !== "answer" || answer.status >> 8 !== 0x6c || !hasLength) return answer;
  const corrected = command.slice();
  corrected[corrected.length - 1] = answer.status & 0xff;
  return exchange(corrected);
}

function joined(some: Uint8Array, more: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(some.length + more.length);
  all.set(some);
  all.set(more, some.length);
  // Either may hold a card's number.
  some.fill(0);
  more.fill(0);
  return all;
}
