// The line to an acquirer as the terminal sees it, and how messages are told apart on a stream of bytes: two
// bytes of length, the higher one first, then the message.

import { MESSAGE_BYTES_MAX } from "./iso8583-message.ts";

export interface Iso8583LineListener {
  /** It is up, now or again: nothing that was sent before is on its way any more. */
  up(): void;
  /** It has broken, or could not be made. */
  down(): void;
  /** One message. Its bytes are the listener's to overwrite, and valid until it returns. */
  message(bytes: Uint8Array): void;
}

export interface Iso8583Line {
  /** Called once. It comes up by itself, and after each break again. */
  listen(listener: Iso8583LineListener): void;
  /** False when the line is down: nothing was sent. The bytes may be overwritten when it returns. */
  send(message: Uint8Array): boolean;
  /** Breaks the connection, because the other end says nothing, or nonsense; another one is made. */
  reset(): void;
  /** For good. Idempotent. */
  close(): void;
}

const LENGTH_BYTES = 2;

/** The message behind its length, as it goes on the wire. */
export function framed(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(LENGTH_BYTES + message.length);
  frame[0] = message.length >> 8;
  frame[1] = message.length & 0xff;
  frame.set(message, LENGTH_BYTES);
  return frame;
}

export interface Deframer {
  /** Hands over each whole message; false when the stream makes no sense any more and must be broken. */
  take(chunk: Uint8Array): boolean;
  /** Whether a message has begun and not ended. */
  isHalf(): boolean;
  /** Forgets and overwrites what there is. */
  clear(): void;
}

/** Keeps at most one message; `message` gets bytes that are overwritten when it returns. */
export function deframer(message: (bytes: Uint8Array) => void): Deframer {
  const held = new Uint8Array(LENGTH_BYTES + MESSAGE_BYTES_MAX);
  let have = 0;
  const clear = (): void => {
    held.fill(0, 0, have);
    have = 0;
  };
  const wanted = (): number =>
    have < LENGTH_BYTES ? LENGTH_BYTES : LENGTH_BYTES + 256 * (held[0] ?? 0) + (held[1] ?? 0);
  return {
    take: (chunk) => {
      let offset = 0;
      while (offset < chunk.length) {
        const count = Math.min(wanted() - have, chunk.length - offset);
        held.set(chunk.subarray(offset, offset + count), have);
        have += count;
        offset += count;
        if (have < LENGTH_BYTES) continue;
        const length = wanted() - LENGTH_BYTES;
        if (length > MESSAGE_BYTES_MAX) {
          clear();
          return false;
        }
        if (have < LENGTH_BYTES + length) continue;
        // An empty message is a sign of life on some lines.
        if (length > 0) message(held.subarray(LENGTH_BYTES, have));
        clear();
      }
      return true;
    },
    isHalf: () => have > 0,
    clear,
  };
}
