// The end-to-end envelope: a request or reply sealed in a NaCl box between a consumer's and a device's X25519
// keys, in a CBOR array with the least that the other side needs to open it. The nonce is never sent: it is
// made of direction, connection, the device's epoch (one more at each start, and when there were too many
// connections) and two counters, so it never serves twice under one shared key, and an old frame does not
// open in a new epoch.
//
//   request [id, box] or [id, box, consumerKey]      id counts up within the connection
//   reply   [id, n, box]                             n counts up within the epoch, over all connections
//   hint    [id, 0, epoch]                           "I cannot open this: send your key, for this epoch"
//
// A hint is not authenticated and need not be: whoever forges one makes the consumer seal the same message
// once more, under a nonce that still serves only once.

import { utf8 } from "../bytes.ts";
import { fail, ok, type Result } from "../result.ts";
import { decodeCbor, encodeCbor } from "./cbor.ts";
import { FRAME_BYTES_MAX } from "./messages.ts";

export const REQUEST_ID_MAX = 0xffff_ffff;
export const EPOCH_MAX = 0xffff_ffff;
export const COUNTER_MAX = 0xffff_ffff_ffff;

export interface RequestFrame {
  id: number;
  box: Uint8Array;
  /** Present in the first frame of a connection and after a hint. */
  consumerKey?: Uint8Array;
}

export interface ReplyFrame {
  id: number;
  n: number;
  box: Uint8Array;
}

export interface HintFrame {
  id: number;
  epoch: number;
}

export function encodeRequest(frame: RequestFrame): Uint8Array {
  const { id, box, consumerKey } = frame;
  return encodeCbor(consumerKey === undefined ? [id, box] : [id, box, consumerKey]);
}

export function encodeReply(frame: ReplyFrame): Uint8Array {
  return encodeCbor([frame.id, frame.n, frame.box]);
}

export function encodeHint(hint: HintFrame): Uint8Array {
  return encodeCbor([hint.id, 0, hint.epoch]);
}

function isCounter(value: unknown, max: number): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= max;
}

export function decodeRequest(payload: Uint8Array): Result<RequestFrame> {
  const decoded = decodeCbor(payload, FRAME_BYTES_MAX);
  if (!decoded.ok) return decoded;
  const frame = decoded.value;
  if (!Array.isArray(frame) || frame.length < 2 || frame.length > 3) {
    return fail("malformed", "a request is an array of two or three", "request");
  }
  const [id, box, consumerKey] = frame as unknown[];
  if (!isCounter(id, REQUEST_ID_MAX)) return fail("malformed", "must be a counter", "request.0");
  if (!(box instanceof Uint8Array)) return fail("malformed", "must be bytes", "request.1");
  if (consumerKey === undefined) return ok({ id, box });
  if (!(consumerKey instanceof Uint8Array) || consumerKey.length !== 32) {
    return fail("malformed", "must be 32 bytes", "request.2");
  }
  return ok({ id, box, consumerKey });
}

export function decodeReply(payload: Uint8Array): Result<ReplyFrame | HintFrame> {
  const decoded = decodeCbor(payload, FRAME_BYTES_MAX);
  if (!decoded.ok) return decoded;
  const frame = decoded.value;
  if (!Array.isArray(frame) || frame.length !== 3) {
    return fail("malformed", "a reply is an array of three", "reply");
  }
  const [id, n, box] = frame as unknown[];
  if (!isCounter(id, REQUEST_ID_MAX)) return fail("malformed", "must be a counter", "reply.0");
  if (!isCounter(n, COUNTER_MAX)) return fail("malformed", "must be a counter", "reply.1");
  if (n === 0 && isCounter(box, EPOCH_MAX)) return ok({ id, epoch: box });
  if (!(box instanceof Uint8Array)) return fail("malformed", "must be bytes", "reply.2");
  return ok({ id, n, box });
}

/** 24 bytes: direction 1, connection 8, epoch 4, request id 4, counter 7. */
export function envelopeNonce(
  direction: "request" | "reply",
  connection: string,
  epoch: number,
  id: number,
  n: number,
): Uint8Array {
  const nonce = new Uint8Array(24);
  const view = new DataView(nonce.buffer);
  nonce[0] = direction === "request" ? 0x71 : 0x72;
  nonce.set(utf8(connection).subarray(0, 8), 1);
  view.setUint32(9, epoch);
  view.setUint32(13, id);
  view.setUint8(17, 0);
  view.setUint16(18, Math.floor(n / 0x1_0000_0000));
  view.setUint32(20, n % 0x1_0000_0000);
  return nonce;
}
