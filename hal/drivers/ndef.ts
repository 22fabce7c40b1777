// NDEF messages (NFC Forum): records with a type and a payload, as they stand on a tag. What is read is anybody's.

export interface NdefRecord {
  /** 1 well-known, 2 media type, 4 external. */
  format: number;
  type: Uint8Array;
  payload: Uint8Array;
}

const MEDIA_TYPE = 2;
const IS_FIRST = 0x80;
const IS_LAST = 0x40;
const IS_CHUNK = 0x20;
const IS_SHORT = 0x10;
const HAS_ID = 0x08;
const RECORDS_MAX = 16;

/** A message of one record of that media type, such as "application/vnd.example.token". */
export function ndefMessage(mediaType: string, payload: Uint8Array): Uint8Array {
  const type = new TextEncoder().encode(mediaType);
  if (type.length === 0 || type.length > 255)
    throw new RangeError("a media type of 1 to 255 bytes");
  const isShort = payload.length < 256;
  const head = isShort ? 3 : 6;
  const message = new Uint8Array(head + type.length + payload.length);
  message[0] = IS_FIRST | IS_LAST | (isShort ? IS_SHORT : 0) | MEDIA_TYPE;
  message[1] = type.length;
  if (isShort) message[2] = payload.length;
  else new DataView(message.buffer).setUint32(2, payload.length);
  message.set(type, head);
  message.set(payload, head + type.length);
  return message;
}

/** Undefined for what is no message, and for one with records in chunks, which nobody writes. */
export function readNdef(message: Uint8Array): readonly NdefRecord[] | undefined {
  const records: NdefRecord[] = [];
  let at = 0;
  while (records.length < RECORDS_MAX) {
    const read = readRecord(message.subarray(at));
    if (read === undefined) return undefined;
    const { flags, record, bytes } = read;
    if (((flags & IS_FIRST) !== 0) !== (at === 0)) return undefined;
    records.push(record);
    at += bytes;
    if ((flags & IS_LAST) !== 0) return at === message.length ? records : undefined;
  }
  return undefined;
}

/** Payload of the first record of that media type; case does not matter. */
export function ndefPayload(message: Uint8Array, mediaType: string): Uint8Array | undefined {
  const wanted = mediaType.toLowerCase();
  return readNdef(message)?.find(
    ({ format, type }) =>
      format === MEDIA_TYPE && String.fromCharCode(...type).toLowerCase() === wanted,
  )?.payload;
}

interface ReadRecord {
  flags: number;
  record: NdefRecord;
  bytes: number;
}

function readRecord(from: Uint8Array): ReadRecord | undefined {
  const [flags, typeBytes, shortLength] = from;
  if (flags === undefined || typeBytes === undefined || (flags & IS_CHUNK) !== 0) return undefined;
  const isShort = (flags & IS_SHORT) !== 0;
  const lengthEnd = isShort ? 3 : 6;
  const head = lengthEnd + ((flags & HAS_ID) === 0 ? 0 : 1);
  if (from.length < head) return undefined;
  const view = new DataView(from.buffer, from.byteOffset, from.length);
  const payloadBytes = isShort ? (shortLength ?? 0) : view.getUint32(2);
  const idBytes = (flags & HAS_ID) === 0 ? 0 : (from[lengthEnd] ?? 0);
  const typeEnd = head + typeBytes;
  const payloadAt = typeEnd + idBytes;
  const bytes = payloadAt + payloadBytes;
  if (bytes > from.length) return undefined;
  const record = {
    format: flags & 0x07,
    type: from.slice(head, typeEnd),
    payload: from.slice(payloadAt, bytes),
  };
  return { flags, record, bytes };
}
