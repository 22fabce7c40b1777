// BER-TLV as EMV writes it (book 3, annex B), and lists of tags and lengths (DOL). What is cut off, too deep or too
// many is refused whole. Values are views of the bytes they were read from, so that whoever owns those can wipe them.

export interface TlvObject {
  /** As written, such as 0x9f26. */
  tag: number;
  value: Uint8Array;
  /** Of a constructed object. */
  parts?: readonly TlvObject[];
}

export interface DolEntry {
  tag: number;
  length: number;
}

const BYTES_MAX = 512;
const DEPTH_MAX = 6;
const OBJECTS_MAX = 96;
const TAG_BYTES_MAX = 3;
const DOL_ENTRIES_MAX = 32;
/** What a list may ask for in all: it must fit one command. */
const DOL_BYTES_MAX = 248;

/** The objects one after another; undefined for what is no BER-TLV within bounds. */
export function readTlv(bytes: Uint8Array): readonly TlvObject[] | undefined {
  if (bytes.length > BYTES_MAX) return undefined;
  return readObjects(bytes, 1, { left: OBJECTS_MAX });
}

function readObjects(
  bytes: Uint8Array,
  depth: number,
  objects: { left: number },
): TlvObject[] | undefined {
  if (depth > DEPTH_MAX) return undefined;
  const read: TlvObject[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    // Filler between objects.
    if (bytes[offset] === 0) {
      offset++;
      continue;
    }
    const isConstructed = ((bytes[offset] ?? 0) & 0x20) !== 0;
    const tag = readTag(bytes, offset);
    const length = tag && readLength(bytes, tag.end);
    if (tag === undefined || length === undefined || objects.left-- === 0) return undefined;
    offset = length.end + length.value;
    if (offset > bytes.length) return undefined;
    const value = bytes.subarray(length.end, offset);
    if (!isConstructed) {
      read.push({ tag: tag.value, value });
      continue;
    }
    const parts = readObjects(value, depth + 1, objects);
    if (parts === undefined) return undefined;
    read.push({ tag: tag.value, value, parts });
  }
  return read;
}

interface Piece {
  value: number;
  end: number;
}

function readTag(bytes: Uint8Array, start: number): Piece | undefined {
  const first = bytes[start];
  if (first === undefined) return undefined;
  let value = first;
  let end = start + 1;
  if ((first & 0x1f) !== 0x1f) return { value, end };
  for (;;) {
    const next = bytes[end];
    if (next === undefined || end - start >= TAG_BYTES_MAX) return undefined;
    value = value * 256 + next;
    end++;
    if ((next & 0x80) === 0) return { value, end };
  }
}

function readLength(bytes: Uint8Array, start: number): Piece | undefined {
  const [first, high, low] = bytes.subarray(start, start + 3);
  if (first === undefined) return undefined;
  if (first < 0x80) return { value: first, end: start + 1 };
  if (first === 0x81 && high !== undefined) return { value: high, end: start + 2 };
  if (first !== 0x82 || high === undefined || low === undefined) return undefined;
  return { value: high * 256 + low, end: start + 3 };
}

/** The first object of this tag, by way of the constructed ones named before it. */
export function findTlv(
  objects: readonly TlvObject[] | undefined,
  ...path: readonly number[]
): TlvObject | undefined {
  const [tag, ...rest] = path;
  const found = objects?.find((object) => object.tag === tag);
  return rest.length === 0 ? found : findTlv(found?.parts, ...rest);
}

/** Undefined for what is no list, or asks for more than a command holds. */
export function readDol(bytes: Uint8Array): readonly DolEntry[] | undefined {
  const entries: DolEntry[] = [];
  let offset = 0;
  let total = 0;
  while (offset < bytes.length) {
    const tag = readTag(bytes, offset);
    const length = tag && bytes[tag.end];
    if (tag === undefined || length === undefined || length > 0x7f) return undefined;
    total += length;
    if (entries.length >= DOL_ENTRIES_MAX || total > DOL_BYTES_MAX) return undefined;
    entries.push({ tag: tag.value, length });
    offset = tag.end + 1;
  }
  return entries;
}

/** Numbers in decimal digits lose and gain digits on the left, all else on the right; what is not known is zeros. */
export function fillDol(
  entries: readonly DolEntry[],
  values: ReadonlyMap<number, Uint8Array>,
  isNumeric: (tag: number) => boolean,
): Uint8Array {
  const filled = new Uint8Array(entries.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const { tag, length } of entries) {
    const value = values.get(tag) ?? new Uint8Array();
    const room = length - value.length;
    if (!isNumeric(tag)) filled.set(value.subarray(0, length), offset);
    else if (room < 0) filled.set(value.subarray(-room), offset);
    else filled.set(value, offset + room);
    offset += length;
  }
  return filled;
}

/** One primitive object of at most 127 bytes, written. */
export function writeTlv(tag: number, value: Uint8Array): Uint8Array {
  const tagBytes = tag > 0xff ? [tag >> 8, tag & 0xff] : [tag];
  const written = new Uint8Array(tagBytes.length + 1 + value.length);
  written.set([...tagBytes, value.length], 0);
  written.set(value, tagBytes.length + 1);
  return written;
}
