// Transport frames of the GemPC Twin on a serial line: SYNC, ACK, a CCID message, and the exclusive or of all of
// them. Between frames stand single bytes that ask for time, and pairs that tell of a card.

import { CCID_DATA_BYTES_MAX, CCID_HEADER_BYTES, ccidDataBytes } from "./ccid-message.ts";

const SYNC = 0x03;
const ACK = 0x06;
const NAK = 0x15;
const NAK_END = 0x16;
const NOTICE = 0x50;
const REMOVED = 0x02;
const INSERTED = 0x03;
const TIME_REQUEST_MIN = 0x80;

export type TwinEvent =
  | { kind: "message"; bytes: Uint8Array }
  /** A frame that came garbled or cut; `type` is the first byte of its message, as far as that came. */
  | { kind: "broken"; type: number | undefined }
  /** The reader could not read our frame, and did nothing. */
  | { kind: "nak" }
  | { kind: "inserted" | "removed" }
  /** It needs more time. */
  | { kind: "time" };

/** A CCID message as it goes on the wire. */
export function twinFrame(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(message.length + 3);
  frame[0] = SYNC;
  frame[1] = ACK;
  frame.set(message, 2);
  frame[frame.length - 1] = checksum(frame.subarray(0, -1));
  return frame;
}

function checksum(bytes: Uint8Array): number {
  let lrc = 0;
  for (const byte of bytes) lrc ^= byte;
  return lrc;
}

/** Takes bytes as they come, split or joined, and tells what they are. Bytes that mean nothing are skipped. */
export class TwinParser {
  readonly #held = new Uint8Array(2 + CCID_HEADER_BYTES + CCID_DATA_BYTES_MAX + 1);
  readonly #listener: (event: TwinEvent) => void;
  #have = 0;

  constructor(listener: (event: TwinEvent) => void) {
    this.#listener = listener;
  }

  /** Whether something has begun and not ended. */
  isHalf(): boolean {
    return this.#have > 0;
  }

  take(bytes: Uint8Array): void {
    for (const byte of bytes) this.#takeByte(byte);
  }

  /** What has begun will not end any more. */
  cut(): void {
    const isFrame = this.#have >= 2 && this.#held[1] === ACK;
    const type = this.#have > 2 ? this.#held[2] : undefined;
    this.#clear();
    if (isFrame) this.#listener({ kind: "broken", type });
  }

  #clear(): void {
    // It may hold a card's number.
    this.#held.fill(0, 0, this.#have);
    this.#have = 0;
  }

  #takeByte(byte: number): void {
    if (this.#have === 0) this.#begin(byte);
    else if (this.#have === 1) this.#second(byte);
    else if (this.#held[1] === NAK) this.#endNak(byte);
    else this.#more(byte);
  }

  #begin(byte: number): void {
    if (byte === SYNC || byte === NOTICE) this.#held[this.#have++] = byte;
    else if (byte >= TIME_REQUEST_MIN) this.#listener({ kind: "time" });
  }

  #second(byte: number): void {
    const isNotice = this.#held[0] === NOTICE;
    if (!isNotice && (byte === ACK || byte === NAK)) {
      this.#held[this.#have++] = byte;
      return;
    }
    this.#clear();
    if (isNotice && byte === REMOVED) this.#listener({ kind: "removed" });
    else if (isNotice && byte === INSERTED) this.#listener({ kind: "inserted" });
    else this.#begin(byte);
  }

  #endNak(byte: number): void {
    this.#clear();
    if (byte === NAK_END) this.#listener({ kind: "nak" });
    else this.#begin(byte);
  }

  #more(byte: number): void {
    this.#held[this.#have++] = byte;
    if (this.#have < 2 + CCID_HEADER_BYTES) return;
    const dataBytes = ccidDataBytes(this.#held.subarray(2, 2 + CCID_HEADER_BYTES));
    const type = this.#held[2];
    if (dataBytes === undefined) {
      this.#clear();
      this.#listener({ kind: "broken", type });
      return;
    }
    const end = 2 + CCID_HEADER_BYTES + dataBytes;
    if (this.#have <= end) return;
    const isRight = checksum(this.#held.subarray(0, end)) === byte;
    const message = isRight ? this.#held.slice(2, end) : undefined;
    this.#clear();
    if (message === undefined) this.#listener({ kind: "broken", type });
    else this.#listener({ kind: "message", bytes: message });
  }
}
