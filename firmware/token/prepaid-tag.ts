// A prepaid token on an NFC tag: an NDEF message of one record of an external type, whose payload is the token as
// it was signed. Whoever writes and whoever reads a tag has it from here.

import { utf8 } from "../bytes.ts";
import { SIGNED_BYTES_MAX } from "../protocol/messages.ts";

/** NFC Forum external type. */
const TYPE = utf8("sluice:t");
/** First and last record of the message, short length, external type. */
const HEAD = 0xd4;
const SHORT_MAX = 255;
const IS_FIRST = 0x80;
const IS_LAST = 0x40;
const IS_CHUNK = 0x20;
const IS_SHORT = 0x10;
const HAS_ID = 0x08;
const FORMAT = 0x07;
const EXTERNAL = 4;
/** A message of ours has one; another program may have put a few before it. */
const RECORDS_MAX = 8;

/** Undefined for a token that is too long for a short record, which no prepaid token is. */
export function tokenMessage(token: Uint8Array): Uint8Array | undefined {
  if (token.length === 0 || token.length > SHORT_MAX) return undefined;
  return Uint8Array.of(HEAD, TYPE.length, token.length, ...TYPE, ...token);
}

/** The token of the first such record; undefined where there is none, or the message is none. */
export function tokenOf(message: Uint8Array): Uint8Array | undefined {
  let at = 0;
  for (let record = 0; record < RECORDS_MAX; record++) {
    const read = readRecord(message.subarray(at));
    if (read === undefined || (record === 0) !== ((read.flags & IS_FIRST) !== 0)) return undefined;
    const { flags, type, payload } = read;
    const isOurs = (flags & FORMAT) === EXTERNAL && isType(type);
    if (isOurs) return payload.length <= SIGNED_BYTES_MAX ? payload.slice() : undefined;
    if ((flags & IS_LAST) !== 0) return undefined;
    at += read.length;
  }
  return undefined;
}

interface NdefRecord {
  flags: number;
  type: Uint8Array;
  payload: Uint8Array;
  /** Of the whole record. */
  length: number;
}

/** Types of this sort are compared without regard to case. */
function isType(type: Uint8Array): boolean {
  return String.fromCharCode(...type).toLowerCase() === String.fromCharCode(...TYPE);
}

function readRecord(from: Uint8Array): NdefRecord | undefined {
  const [flags, typeLength, short = 0] = from;
  if (flags === undefined || typeLength === undefined || (flags & IS_CHUNK) !== 0) return undefined;
  const isShort = (flags & IS_SHORT) !== 0;
  const lengthEnd = isShort ? 3 : 6;
  const head = lengthEnd + ((flags & HAS_ID) === 0 ? 0 : 1);
  if (from.length < head) return undefined;
  const view = new DataView(from.buffer, from.byteOffset, from.length);
  const payloadLength = isShort ? short : view.getUint32(2);
  const typeEnd = head + typeLength;
  const payloadAt = typeEnd + ((flags & HAS_ID) === 0 ? 0 : (from[lengthEnd] ?? 0));
  const length = payloadAt + payloadLength;
  if (length > from.length) return undefined;
  return {
    flags,
    type: from.subarray(head, typeEnd),
    payload: from.subarray(payloadAt, length),
    length,
  };
}
