// The chip's side of the PN532's frames: what the simulator sends and understands, written down a second time on
// purpose, so that a mistake of the driver is not shared by what tests it.

export type HostFrame =
  | { kind: "ack" }
  | { kind: "nack" }
  /** Command code and parameters. */
  | { kind: "command"; data: readonly number[] };

export const CHIP_ACK: readonly number[] = [0x00, 0x00, 0xff, 0x00, 0xff, 0x00];
export const CHIP_NACK: readonly number[] = [0x00, 0x00, 0xff, 0xff, 0x00, 0x00];
export const CHIP_ERROR: readonly number[] = [0x00, 0x00, 0xff, 0x01, 0xff, 0x7f, 0x81, 0x00];

const BODY_BYTES_MAX = 265;

/** `data`: answer code and what follows. */
export function answerFrame(data: readonly number[]): number[] {
  const body = [0xd5, ...data];
  const count = body.length;
  const [high, low] = [Math.floor(count / 256), count % 256];
  const header =
    count < 256 ? [count, complement([count])] : [0xff, 0xff, high, low, complement([high, low])];
  return [0x00, 0x00, 0xff, ...header, ...body, complement(body), 0x00];
}

function complement(bytes: readonly number[]): number {
  const sum = bytes.reduce((total, byte) => total + byte, 0) % 256;
  return (256 - sum) % 256;
}

export interface HostBytes {
  take(byte: number): void;
  clear(): void;
}

/** `onFill` hears bytes outside of frames, such as those that wake the chip. */
export function hostBytes(
  onFrame: (frame: HostFrame) => void,
  onFill: (byte: number) => void,
): HostBytes {
  let before = 0x55;
  /** What came after 00 FF; undefined outside of a frame. */
  let inside: number[] | undefined;
  const over = (): void => {
    inside = undefined;
    before = 0x55;
  };
  return {
    clear: over,
    take: (byte) => {
      if (inside === undefined) {
        if (before === 0x00 && byte === 0xff) inside = [];
        else onFill(byte);
        before = byte;
        return;
      }
      inside.push(byte);
      const frame = wholeFrame(inside);
      if (frame === "more") return;
      over();
      if (frame !== "nonsense") onFrame(frame);
    },
  };
}

/** A chip does not answer a frame whose sums are wrong. */
function wholeFrame(bytes: readonly number[]): HostFrame | "more" | "nonsense" {
  const [length, check, ...rest] = bytes;
  if (length === undefined || check === undefined) return "more";
  if (length === 0x00 && check === 0xff) return { kind: "ack" };
  if (length === 0xff && check === 0x00) return { kind: "nack" };
  if (length !== 0xff || check !== 0xff) {
    return (length + check) % 256 === 0 ? wholeBody(rest, length) : "nonsense";
  }
  const [high, low, longCheck, ...body] = rest;
  if (high === undefined || low === undefined || longCheck === undefined) return "more";
  return (high + low + longCheck) % 256 === 0 ? wholeBody(body, 256 * high + low) : "nonsense";
}

function wholeBody(bytes: readonly number[], count: number): HostFrame | "more" | "nonsense" {
  if (count < 2 || count > BODY_BYTES_MAX) return "nonsense";
  if (bytes.length <= count) return "more";
  const body = bytes.slice(0, count);
  if (complement(body) !== bytes[count] || body[0] !== 0xd4) return "nonsense";
  return { kind: "command", data: body.slice(1) };
}
