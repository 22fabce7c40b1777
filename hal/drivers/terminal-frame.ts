// Frames between board and card terminal (docs/terminal.md): STX, printable text, ETX and a checksum in four
// hexadecimal digits. Nothing in a frame can be taken for its beginning, so that any noise is over at the next STX.

const STX = 0x02;
const ETX = 0x03;
export const ACK = 0x06;
export const NAK = 0x15;
/** Between the fields of a message. */
export const FIELD_SEPARATOR = "\x1c";

/** Characters of a message, without its frame. */
const MESSAGE_CHARACTERS_MAX = 640;
const CHECKSUM_DIGITS = 4;

/** CRC-16 with polynomial 0x1021, beginning at 0xffff, over the text and its ETX: no two flipped bits cancel out. */
function checksum(text: Uint8Array): string {
  let crc = 0xffff;
  for (const byte of [...text, ETX]) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) {
      crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
    }
  }
  return crc.toString(16).toUpperCase().padStart(CHECKSUM_DIGITS, "0");
}

function isTextByte(byte: number): boolean {
  return (byte >= 0x20 && byte <= 0x7e) || byte === 0x1c;
}

export function encodeFrame(message: string): Uint8Array {
  const text = new TextEncoder().encode(message);
  if (text.length > MESSAGE_CHARACTERS_MAX || !text.every(isTextByte)) {
    throw new Error("assertion failed: a message to the terminal is short and printable");
  }
  const digits = new TextEncoder().encode(checksum(text));
  return Uint8Array.of(STX, ...text, ETX, ...digits);
}

export type Heard =
  | { kind: "ack" | "nak" }
  | { kind: "message"; message: string }
  /** A whole frame whose checksum is another. */
  | { kind: "spoilt" };

/** Takes bytes as they come, in any pieces. Holds one message at most. */
export class TerminalFrames {
  #text: number[] = [];
  #digits = "";
  #state: "outside" | "text" | "checksum" = "outside";

  take(bytes: Uint8Array): Heard[] {
    const heard: Heard[] = [];
    for (const byte of bytes) {
      const one = this.#byte(byte);
      if (one !== undefined) heard.push(one);
    }
    return heard;
  }

  #byte(byte: number): Heard | undefined {
    if (byte === STX) {
      this.#text = [];
      this.#state = "text";
      return undefined;
    }
    switch (this.#state) {
      case "text":
        if (byte === ETX) {
          this.#digits = "";
          this.#state = "checksum";
        } else if (isTextByte(byte) && this.#text.length < MESSAGE_CHARACTERS_MAX) {
          this.#text.push(byte);
        } else this.#state = "outside";
        return undefined;
      case "checksum": {
        this.#digits += String.fromCharCode(byte);
        if (this.#digits.length < CHECKSUM_DIGITS) return undefined;
        this.#state = "outside";
        const text = Uint8Array.from(this.#text);
        if (checksum(text) !== this.#digits) return { kind: "spoilt" };
        return { kind: "message", message: new TextDecoder().decode(text) };
      }
      default:
        if (byte === ACK) return { kind: "ack" };
        return byte === NAK ? { kind: "nak" } : undefined;
    }
  }
}
