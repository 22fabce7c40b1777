// Frames between a device and a flow service that runs elsewhere, sealed from end to end in a NaCl box between
// their X25519 keys. A session begins with fresh random bytes of both sides, which are part of every later nonce:
// a frame of another session never opens. Within it each side counts its frames from 1, and takes the next one
// only; the random bytes, the count and the direction make the nonce, so none ever serves twice.
//
//   hello    [0, deviceRandom, certificate, box]      device; box of the protocol's version
//   welcome  [1, deviceRandom, serviceRandom, box]    service; box of the version
//   data     [2, count, box]                          either; box of a message (payment/remote/flow-messages.ts)
//   receipt  [3, count, box]                          either; all up to that count came; box of nothing
//   lost     [4]                                      service: "nothing opens any more: say hello"
//
// `lost` is not authenticated and need not be: it makes the device ask whether the session lives.
// docs/flow-service-protocol.md tells the whole.

import { fail, ok, type Result } from "../result.ts";
import { type CborValue, decodeCbor, encodeCbor } from "./cbor.ts";

/** One frame on the wire: a larger one is refused on both sides. */
export const FLOW_FRAME_BYTES_MAX = 8192;
/** Of the message in a frame: less heads, counts and seal. */
export const FLOW_MESSAGE_BYTES_MAX = FLOW_FRAME_BYTES_MAX - 32;
/** Models hold bags that hold models, twice at most: the deepest of all, a payment's response, stays below this. */
export const FLOW_DEPTH_MAX = 24;
export const FLOW_VERSION = 1;
export const RANDOM_BYTES = 8;
/** Frames of one side in a session; then comes another session. */
export const COUNT_MAX = 0xffff_ffff;

export type FlowFrame =
  | { is: "hello"; deviceRandom: Uint8Array; certificate: Uint8Array; box: Uint8Array }
  | { is: "welcome"; deviceRandom: Uint8Array; serviceRandom: Uint8Array; box: Uint8Array }
  | { is: "data" | "receipt"; count: number; box: Uint8Array }
  | { is: "lost" };

const KINDS = ["hello", "welcome", "data", "receipt", "lost"] as const;

export function encodeFlowFrame(frame: FlowFrame): Uint8Array {
  const kind = KINDS.indexOf(frame.is);
  switch (frame.is) {
    case "hello":
      return encodeCbor([kind, frame.deviceRandom, frame.certificate, frame.box]);
    case "welcome":
      return encodeCbor([kind, frame.deviceRandom, frame.serviceRandom, frame.box]);
    case "data":
    case "receipt":
      return encodeCbor([kind, frame.count, frame.box]);
    case "lost":
      return encodeCbor([kind]);
  }
}

const BAD = fail("malformed", "is no frame of flow services", "frame");

function isRandom(value: CborValue | undefined): value is Uint8Array {
  return value instanceof Uint8Array && value.length === RANDOM_BYTES;
}

/** Errors: `too-large`, unread; `malformed`. */
export function decodeFlowFrame(payload: Uint8Array): Result<FlowFrame> {
  const decoded = decodeCbor(payload, FLOW_FRAME_BYTES_MAX);
  if (!decoded.ok) return decoded;
  if (!Array.isArray(decoded.value)) return BAD;
  const [kind, first, second, third, ...more] = decoded.value as CborValue[];
  const is = typeof kind === "number" ? KINDS[kind] : undefined;
  if (is === undefined || more.length > 0) return BAD;
  if (is === "lost") return first === undefined ? ok({ is }) : BAD;
  if (is === "data" || is === "receipt") {
    const isCount = typeof first === "number" && first >= 1 && first <= COUNT_MAX;
    if (!isCount || !(second instanceof Uint8Array) || third !== undefined) return BAD;
    return ok({ is, count: first, box: second });
  }
  if (!isRandom(first) || !(second instanceof Uint8Array) || !(third instanceof Uint8Array)) {
    return BAD;
  }
  if (is === "hello") return ok({ is, deviceRandom: first, certificate: second, box: third });
  return isRandom(second)
    ? ok({ is, deviceRandom: first, serviceRandom: second, box: third })
    : BAD;
}

export type FlowSide = "device" | "service";

/** What a nonce is for: two purposes never share one. */
const PURPOSES = {
  hello: { device: 1, service: 1 },
  welcome: { device: 2, service: 2 },
  data: { device: 3, service: 4 },
  receipt: { device: 5, service: 6 },
} as const;

/** 24 bytes: purpose and sender 1, the device's random 8, the service's 8 (zeros in a hello), count 7. */
export function flowNonce(
  purpose: keyof typeof PURPOSES,
  sender: FlowSide,
  random: { device: Uint8Array; service?: Uint8Array },
  count: number,
): Uint8Array {
  const nonce = new Uint8Array(24);
  nonce[0] = PURPOSES[purpose][sender];
  nonce.set(random.device, 1);
  if (random.service !== undefined) nonce.set(random.service, 9);
  new DataView(nonce.buffer).setUint32(20, count);
  return nonce;
}
