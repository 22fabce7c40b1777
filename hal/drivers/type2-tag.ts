// The NDEF message on a tag of memory (NFC Forum type 2, such as NTAG213): pages of four bytes, a capability container
// in page 3, then type-length-value blocks. A message is written so that a tag torn away holds the old one, or none.

import type { TagReading, TagWriting } from "../card-reader.ts";

export type PagesAnswer =
  /** Four pages, 16 bytes. */
  | { kind: "pages"; bytes: Uint8Array }
  /** It is there and says no. */
  | { kind: "refused" }
  | { kind: "gone" };

export interface TagMemory {
  /** Four pages from `page` on. */
  read(page: number): Promise<PagesAnswer>;
  /** Four bytes. */
  write(page: number, bytes: Uint8Array): Promise<"written" | "refused" | "gone">;
}

const PAGE_BYTES = 4;
const READ_BYTES = 16;
const CONTAINER: readonly number[] = [12, 13, 14, 15];
const AREA_AT = 16;
/** Pages are numbered in one byte, so that no message reaches NDEF_BYTES_MAX. */
const MEMORY_BYTES = 256 * PAGE_BYTES;
const MAGIC = 0xe1;

const TLV_NULL = 0x00;
const TLV_LOCK_CONTROL = 0x01;
const TLV_MEMORY_CONTROL = 0x02;
const TLV_NDEF = 0x03;
const TLV_TERMINATOR = 0xfe;
const LONG_LENGTH = 0xff;

/** What keeps a walk over the tag from going on. */
type Trouble = "torn" | "malformed";

export async function readType2(memory: TagMemory): Promise<TagReading> {
  const found = await findMessage(new Pages(memory));
  if (typeof found === "string") return { kind: found };
  const { message } = found;
  return message === undefined || message.length === 0
    ? { kind: "empty" }
    : { kind: "ndef", message };
}

/** `message`: of 1 byte at least. The tag is not formatted: it must have its container, as they are sold. */
export async function writeType2(memory: TagMemory, message: Uint8Array): Promise<TagWriting> {
  const pages = new Pages(memory);
  const found = await findMessage(pages, true);
  if (found === "empty") return { kind: "malformed" };
  if (typeof found === "string") return { kind: found };
  if (!found.mayWrite) return { kind: "read-only" };
  const bytesMax = capacityOf(found.area.length - found.at);
  if (message.length > bytesMax) return { kind: "full", bytesMax };
  const outcome = await replaceMessage(pages, found, message);
  if (outcome !== "written") return { kind: outcome };
  const check = await readType2(memory);
  if (check.kind === "ndef" && isSame(check.message, message)) return { kind: "written" };
  return { kind: check.kind === "torn" ? "torn" : "malformed" };
}

interface Found {
  mayWrite: boolean;
  /** Addresses of the bytes that may hold blocks, in order. */
  area: readonly number[];
  /** Where in `area` the message's block is, or may begin. */
  at: number;
  /** Undefined when there is no block for one. */
  message?: Uint8Array;
}

/** "empty": no tag that was made for NDEF. `only`: the message itself is of no interest, and may be broken. */
async function findMessage(pages: Pages, only = false): Promise<Found | Trouble | "empty"> {
  const container = await pages.bytes(CONTAINER);
  if (typeof container === "string") return container;
  const [magic, version = 0, size = 0, access = 0] = container;
  if (magic !== MAGIC) return "empty";
  if (version >> 4 !== 1 || access >> 4 !== 0) return "malformed";
  const mayWrite = (access & 0x0f) === 0;
  const end = Math.min(AREA_AT + 8 * size, MEMORY_BYTES);
  let area = Array.from({ length: end - AREA_AT }, (_, i) => AREA_AT + i);
  for (let at = 0; at < area.length; ) {
    const block = await readHead(pages, area, at);
    if (typeof block === "string") return block;
    const { type, from, length } = block;
    if (type === TLV_TERMINATOR) return { mayWrite, area, at };
    if (type === TLV_NDEF && only) return { mayWrite, area, at };
    if (from + length > area.length) return "malformed";
    const isNeeded = type <= TLV_NDEF && length > 0;
    const value = isNeeded ? await pages.bytes(area.slice(from, from + length)) : new Uint8Array();
    if (typeof value === "string") return value;
    if (type === TLV_NDEF) return { mayWrite, area, at, message: value };
    const reserved = reservedBy(type, value);
    area = area.filter((address, i) => i < from + length || !reserved(address));
    at = from + length;
  }
  return { mayWrite, area, at: area.length };
}

interface Head {
  type: number;
  /** Where in the area the value begins. */
  from: number;
  length: number;
}

async function readHead(
  pages: Pages,
  area: readonly number[],
  at: number,
): Promise<Head | Trouble> {
  const bytes = await pages.bytes(area.slice(at, at + 1));
  if (typeof bytes === "string") return bytes;
  const [type = TLV_NULL] = bytes;
  if (type === TLV_NULL || type === TLV_TERMINATOR) return { type, from: at + 1, length: 0 };
  const lengths = await pages.bytes(area.slice(at + 1, at + 4));
  if (typeof lengths === "string") return lengths;
  const [short, high, low] = lengths;
  if (short === undefined) return "malformed";
  if (short !== LONG_LENGTH) return { type, from: at + 2, length: short };
  if (high === undefined || low === undefined) return "malformed";
  return { type, from: at + 4, length: 256 * high + low };
}

/** A control block says which bytes of the memory are the tag's own (Type 2 Tag specification, 2.3). */
function reservedBy(type: number, value: Uint8Array): (address: number) => boolean {
  const [position = 0, size = 0, pageControl = 0] = value;
  const isControl = type === TLV_LOCK_CONTROL || type === TLV_MEMORY_CONTROL;
  if (!isControl || value.length !== 3) return () => false;
  const from = (position >> 4) * 2 ** (pageControl & 0x0f) + (position & 0x0f);
  const count = size === 0 ? 256 : size;
  const bytes = type === TLV_LOCK_CONTROL ? Math.ceil(count / 8) : count;
  return (address) => address >= from && address < from + bytes;
}

/** Of a message in a block that may take `room` bytes in all; a terminator stands behind it where there is room. */
function capacityOf(room: number): number {
  const short = Math.min(room - 2, LONG_LENGTH - 1);
  return Math.max(0, short, room - 4);
}

async function replaceMessage(
  pages: Pages,
  { area, at }: Found,
  message: Uint8Array,
): Promise<"written" | "read-only" | Trouble> {
  const { length } = message;
  const head =
    length < LONG_LENGTH ? [TLV_NDEF, length] : [TLV_NDEF, LONG_LENGTH, length >> 8, length & 0xff];
  const block = [...head, ...message, TLV_TERMINATOR];
  const spots = area.slice(at, at + block.length);
  const headSpots = spots.slice(0, head.length);
  // No message, whatever comes: then all but the head, then its length from the back to the front.
  const emptied = await pages.put(spots.slice(0, 2), [TLV_NDEF, 0x00]);
  if (emptied !== "written") return emptied;
  const filled = await pages.put(spots.slice(head.length), block.slice(head.length));
  if (filled !== "written") return filled;
  for (let i = head.length - 1; i > 0; i--) {
    const set = await pages.put(headSpots.slice(i, i + 1), head.slice(i, i + 1));
    if (set !== "written") return set;
  }
  return "written";
}

/** The tag's memory by the byte, as far as it was read, and as it was written. */
class Pages {
  readonly #memory: TagMemory;
  readonly #known = new Map<number, number>();

  constructor(memory: TagMemory) {
    this.#memory = memory;
  }

  async bytes(addresses: readonly number[]): Promise<Uint8Array | Trouble> {
    for (const address of addresses) {
      if (this.#known.has(address)) continue;
      const from = address - (address % PAGE_BYTES);
      const answer = await this.#memory.read(from / PAGE_BYTES);
      if (answer.kind === "gone") return "torn";
      if (answer.kind === "refused" || answer.bytes.length !== READ_BYTES) return "malformed";
      for (const [i, byte] of answer.bytes.entries()) this.#known.set(from + i, byte);
    }
    return Uint8Array.from(addresses, (address) => this.#known.get(address) ?? 0);
  }

  /** Whole pages, in order: what else stands in them stays. */
  async put(
    addresses: readonly number[],
    bytes: readonly number[],
  ): Promise<"written" | "read-only" | Trouble> {
    const touched = new Set(addresses.map((address) => address - (address % PAGE_BYTES)));
    const read = await this.bytes([...touched]);
    if (typeof read === "string") return read;
    for (const [i, address] of addresses.entries()) this.#known.set(address, bytes[i] ?? 0);
    for (const from of touched) {
      const page = Uint8Array.from(
        { length: PAGE_BYTES },
        (_, i) => this.#known.get(from + i) ?? 0,
      );
      const outcome = await this.#memory.write(from / PAGE_BYTES, page);
      if (outcome === "refused") return "read-only";
      if (outcome === "gone") return "torn";
    }
    return "written";
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
