// Tags of the bench: an NTAG213 with its 45 pages (NFC Forum type 2), and a card that keeps its NDEF message in a
// file (type 4). They hold what is written to them.

import type { SimCard } from "./sim-card.ts";

export interface SimTag extends SimCard {
  readonly memory: NonNullable<SimCard["memory"]>;
  /** What stands in its pages now, 4 bytes each. */
  dump(): Uint8Array;
}

export interface SimTagOptions {
  /** 7 bytes. */
  uid?: Uint8Array;
  /** NDEF message that stands on it; a new tag has an empty one. */
  message?: Uint8Array;
  /** Its container says that it is never written again. */
  readOnly?: boolean;
  /** As it comes out of a shop for other uses: no container. */
  blank?: boolean;
}

const UID = [0x04, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6];
const PAGES = 45;
const USER_FROM = 4;
const USER_TO = 39;
const LOCKS_PAGE = 2;
const CONTAINER_PAGE = 3;
const DYNAMIC_LOCKS_PAGE = 40;
const PASSWORD_PAGE = 43;

export function ntag213(name: string, options: SimTagOptions = {}): SimTag {
  const uid = options.uid ?? Uint8Array.from(UID);
  const memory = factoryMemory(uid, options);
  return {
    name,
    field: { uid, sensRes: [0x00, 0x44], selRes: 0x00 },
    memory: {
      read: (page) => {
        if (page >= PAGES) return undefined;
        // What comes after the last page is the first one.
        const pages = [0, 1, 2, 3].map((i) => (page + i) % PAGES);
        return Uint8Array.from(pages.flatMap((one) => [...readable(memory, one)]));
      },
      write: (page, bytes) => writePage(memory, page, bytes),
    },
    dump: () => memory.slice(),
    reset: () => {},
  };
}

function factoryMemory(uid: Uint8Array, options: SimTagOptions): Uint8Array {
  const memory = new Uint8Array(4 * PAGES);
  const [u0 = 0, u1 = 0, u2 = 0, ...rest] = uid;
  memory.set([u0, u1, u2, 0x88 ^ u0 ^ u1 ^ u2, ...rest, xor(rest), 0x48, 0x00, 0x00]);
  if (options.blank !== true) {
    memory.set([0xe1, 0x10, 0x12, options.readOnly === true ? 0x0f : 0x00], 4 * CONTAINER_PAGE);
    const { message } = options;
    const block = message === undefined ? [0x03, 0x00] : [0x03, message.length, ...message];
    memory.set([0x01, 0x03, 0xa0, 0x0c, 0x34, ...block, 0xfe], 4 * USER_FROM);
  }
  memory.set([0x00, 0x00, 0x00, 0xbd, 0x04, 0x00, 0x00, 0xff], 4 * DYNAMIC_LOCKS_PAGE);
  return memory;
}

function xor(bytes: readonly number[]): number {
  return bytes.reduce((sum, byte) => sum ^ byte, 0);
}

/** A password cannot be read. */
function readable(memory: Uint8Array, page: number): Uint8Array {
  return page >= PASSWORD_PAGE ? new Uint8Array(4) : memory.slice(4 * page, 4 * page + 4);
}

function writePage(memory: Uint8Array, page: number, bytes: Uint8Array): boolean {
  if (page < LOCKS_PAGE || page >= PAGES || bytes.length !== 4 || isLocked(memory, page)) {
    return false;
  }
  const at = 4 * page;
  const old = memory.slice(at, at + 4);
  if (page === LOCKS_PAGE) {
    // The first two bytes belong to the number; lock bits are set for good.
    memory.set([(old[2] ?? 0) | (bytes[2] ?? 0), (old[3] ?? 0) | (bytes[3] ?? 0)], at + 2);
  } else if (page === CONTAINER_PAGE || page === DYNAMIC_LOCKS_PAGE) {
    memory.set(
      old.map((byte, i) => byte | (bytes[i] ?? 0)),
      at,
    );
  } else {
    memory.set(bytes, at);
  }
  return true;
}

/** One bit for each page up to 15, then one for each two. */
function isLocked(memory: Uint8Array, page: number): boolean {
  const [low = 0, high = 0] = memory.subarray(4 * LOCKS_PAGE + 2);
  if (page >= CONTAINER_PAGE && page < 16) return (((high << 8) | low) & (1 << page)) !== 0;
  if (page < 16 || page > USER_TO) return false;
  const bit = (page - 16) >> 1;
  return ((memory[4 * DYNAMIC_LOCKS_PAGE + (bit >> 3)] ?? 0) & (1 << (bit & 7))) !== 0;
}

export interface SimFileTag extends SimCard {
  /** Length and message as they stand in the file. */
  dump(): Uint8Array;
}

export interface SimFileTagOptions {
  /** 4, 7 or 10 bytes. */
  uid?: Uint8Array;
  message?: Uint8Array;
  readOnly?: boolean;
  /** Of the file, its length field included. */
  fileBytes?: number;
}

const NDEF_APPLICATION = [0xd2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01];
const CONTAINER_FILE = 0xe103;
const NDEF_FILE = 0xe104;
const OK = [0x90, 0x00];
const NOT_FOUND = [0x6a, 0x82];
const NOT_ALLOWED = [0x69, 0x82];
const WRONG_OFFSET = [0x6b, 0x00];
const UNKNOWN = [0x6d, 0x00];

export function type4Tag(name: string, options: SimFileTagOptions = {}): SimFileTag {
  const { uid = Uint8Array.of(0x04, 0xa1, 0xb2, 0xc3), fileBytes = 512 } = options;
  const { message = new Uint8Array(), readOnly = false } = options;
  const file = new Uint8Array(fileBytes);
  file.set([message.length >> 8, message.length & 0xff, ...message]);
  const container = Uint8Array.of(
    ...[0x00, 0x0f, 0x20, 0x00, 0x54, 0x00, 0xff],
    ...[0x04, 0x06, 0xe1, 0x04, fileBytes >> 8, fileBytes & 0xff, 0x00, readOnly ? 0xff : 0x00],
  );
  const files = new FileCard({ file, container, readOnly });
  return {
    name,
    field: {
      uid,
      sensRes: [0x00, 0x04],
      selRes: 0x20,
      ats: Uint8Array.of(0x05, 0x78, 0x80, 0x70, 0x02),
    },
    apdu: (command) => Uint8Array.from(files.apdu(command)),
    dump: () => file.slice(),
    reset: () => files.reset(),
  };
}

interface CardFiles {
  file: Uint8Array;
  container: Uint8Array;
  readOnly: boolean;
}

class FileCard {
  readonly #files: CardFiles;
  #inApplication = false;
  #selected: Uint8Array | undefined;

  constructor(files: CardFiles) {
    this.#files = files;
  }

  reset(): void {
    this.#inApplication = false;
    this.#selected = undefined;
  }

  apdu(command: Uint8Array): readonly number[] {
    const [, code = 0, p1 = 0, p2 = 0, length = 0, ...rest] = command;
    const at = 256 * p1 + p2;
    if (code === 0xa4) return this.#select(p1, rest.slice(0, length));
    if (this.#selected === undefined) return NOT_FOUND;
    if (code === 0xb0) return this.#read(this.#selected, at, length);
    if (code === 0xd6) return this.#write(this.#selected, at, rest.slice(0, length));
    return UNKNOWN;
  }

  #select(p1: number, data: readonly number[]): readonly number[] {
    if (p1 === 0x04) {
      this.#inApplication = data.join() === NDEF_APPLICATION.join();
      this.#selected = undefined;
      return this.#inApplication ? OK : NOT_FOUND;
    }
    if (!this.#inApplication) return NOT_FOUND;
    const id = 256 * (data[0] ?? 0) + (data[1] ?? 0);
    const { file, container } = this.#files;
    if (id !== CONTAINER_FILE && id !== NDEF_FILE) return NOT_FOUND;
    this.#selected = id === NDEF_FILE ? file : container;
    return OK;
  }

  #read(from: Uint8Array, at: number, length: number): readonly number[] {
    if (at + length > from.length) return WRONG_OFFSET;
    return [...from.subarray(at, at + length), ...OK];
  }

  #write(to: Uint8Array, at: number, bytes: readonly number[]): readonly number[] {
    if (to === this.#files.container || this.#files.readOnly) return NOT_ALLOWED;
    if (at + bytes.length > to.length) return WRONG_OFFSET;
    to.set(bytes, at);
    return OK;
  }
}
