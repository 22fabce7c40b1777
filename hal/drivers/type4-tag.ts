// The NDEF message on a card that keeps it in a file (NFC Forum type 4): select the application, read its capability
// container, then the file that this names. A message is written so that a card torn away holds the old one, or none.

import { NDEF_BYTES_MAX, type TagReading, type TagWriting } from "../card-reader.ts";
import type { CardChannel } from "./card-channel.ts";

const SELECT_APPLICATION = [
  ...[0x00, 0xa4, 0x04, 0x00, 0x07],
  ...[0xd2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01],
  0x00,
];
const CONTAINER_FILE = 0xe103;
const CONTAINER_BYTES = 15;
const LENGTH_BYTES = 2;
/** What a reader of any make takes in one go. */
const PIECE_BYTES_MAX = 0xf0;
/** The specification asks a card for as much. */
const READ_BYTES_MIN = 15;

const OK = 0x9000;
const NOT_ALLOWED = 0x6982;

type Trouble = "torn" | "lost" | "malformed" | "empty" | "read-only";

export async function readType4(channel: CardChannel): Promise<TagReading> {
  const file = await openFile(channel);
  if (typeof file === "string") return { kind: file === "read-only" ? "malformed" : file };
  const message = await readMessage(channel, file);
  if (typeof message === "string") return { kind: message === "read-only" ? "malformed" : message };
  return message.length === 0 ? { kind: "empty" } : { kind: "ndef", message };
}

/** `message`: 1 to NDEF_BYTES_MAX bytes. */
export async function writeType4(channel: CardChannel, message: Uint8Array): Promise<TagWriting> {
  const file = await openFile(channel);
  if (typeof file === "string") return { kind: file === "empty" ? "malformed" : file };
  if (!file.mayWrite) return { kind: "read-only" };
  const bytesMax = Math.max(0, Math.min(NDEF_BYTES_MAX, file.bytes - LENGTH_BYTES));
  if (message.length > bytesMax) return { kind: "full", bytesMax };
  const { length } = message;
  // No message, whatever comes; its length is the last that is written.
  const steps: readonly (readonly [at: number, bytes: Uint8Array])[] = [
    [0, Uint8Array.of(0, 0)],
    ...pieces(length, file.writeBytesMax).map(
      ([from, to]) => [LENGTH_BYTES + from, message.subarray(from, to)] as const,
    ),
    [0, Uint8Array.of(length >> 8, length & 0xff)],
  ];
  for (const [at, bytes] of steps) {
    const head = [0x00, 0xd6, at >> 8, at & 0xff, bytes.length];
    const done = await ask(channel, [...head, ...bytes]);
    if (typeof done === "string") return { kind: done === "empty" ? "malformed" : done };
  }
  const check = await readMessage(channel, file);
  if (typeof check === "string") return { kind: check === "empty" ? "malformed" : check };
  const isSame = check.length === length && check.every((byte, i) => byte === message[i]);
  return { kind: isSame ? "written" : "malformed" };
}

interface NdefFile {
  bytes: number;
  readBytesMax: number;
  writeBytesMax: number;
  mayWrite: boolean;
}

async function openFile(channel: CardChannel): Promise<NdefFile | Trouble> {
  const selected = await ask(channel, SELECT_APPLICATION);
  // No such application: a card of another sort.
  if (selected === "malformed") return "empty";
  if (typeof selected === "string") return selected;
  const container = await openContainer(channel);
  if (typeof container === "string") return container;
  const { file, id } = container;
  const opened = await selectFile(channel, id);
  return typeof opened === "string" ? opened : file;
}

async function openContainer(
  channel: CardChannel,
): Promise<{ file: NdefFile; id: number } | Trouble> {
  const selected = await selectFile(channel, CONTAINER_FILE);
  if (typeof selected === "string") return selected;
  const bytes = await readBinary(channel, 0, CONTAINER_BYTES);
  if (typeof bytes === "string") return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const version = bytes[2] ?? 0;
  const readBytesMax = Math.min(view.getUint16(3), PIECE_BYTES_MAX);
  const writeBytesMax = Math.min(view.getUint16(5), PIECE_BYTES_MAX);
  const isNdefFile = bytes[7] === 0x04 && bytes[8] === 0x06;
  const isReadable = bytes[13] === 0x00;
  if (view.getUint16(0) < CONTAINER_BYTES || version >> 4 < 2 || version >> 4 > 3)
    return "malformed";
  if (!isNdefFile || !isReadable || readBytesMax < READ_BYTES_MIN || writeBytesMax === 0) {
    return "malformed";
  }
  const file = {
    bytes: view.getUint16(11),
    readBytesMax,
    writeBytesMax,
    mayWrite: bytes[14] === 0x00,
  };
  return { file, id: view.getUint16(9) };
}

async function readMessage(channel: CardChannel, file: NdefFile): Promise<Uint8Array | Trouble> {
  const lengths = await readBinary(channel, 0, LENGTH_BYTES);
  if (typeof lengths === "string") return lengths;
  const [high = 0, low = 0] = lengths;
  const length = 256 * high + low;
  if (length > Math.min(NDEF_BYTES_MAX, file.bytes - LENGTH_BYTES)) return "malformed";
  const message = new Uint8Array(length);
  for (const [from, to] of pieces(length, file.readBytesMax)) {
    const part = await readBinary(channel, LENGTH_BYTES + from, to - from);
    if (typeof part === "string") return part;
    message.set(part, from);
  }
  return message;
}

function pieces(length: number, bytesMax: number): (readonly [from: number, to: number])[] {
  return Array.from({ length: Math.ceil(length / bytesMax) }, (_, i) => {
    const from = i * bytesMax;
    return [from, Math.min(length, from + bytesMax)] as const;
  });
}

function selectFile(channel: CardChannel, id: number): Promise<Uint8Array | Trouble> {
  return ask(channel, [0x00, 0xa4, 0x00, 0x0c, 0x02, id >> 8, id & 0xff]);
}

/** Exactly so many bytes. */
async function readBinary(
  channel: CardChannel,
  at: number,
  bytes: number,
): Promise<Uint8Array | Trouble> {
  const data = await ask(channel, [0x00, 0xb0, at >> 8, at & 0xff, bytes]);
  return typeof data !== "string" && data.length !== bytes ? "malformed" : data;
}

async function ask(
  channel: CardChannel,
  command: readonly number[],
): Promise<Uint8Array | Trouble> {
  const answer = await channel.transmit(Uint8Array.from(command));
  if (answer.kind === "gone") return "torn";
  if (answer.kind === "lost") return "lost";
  if (answer.kind === "mute") return "malformed";
  if (answer.status === NOT_ALLOWED) return "read-only";
  return answer.status === OK ? answer.data : "malformed";
}
