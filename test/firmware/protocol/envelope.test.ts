// The envelope: frames, and nonces that never serve twice.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toHex } from "../../../firmware/bytes.ts";
import { type CborValue, encodeCbor } from "../../../firmware/protocol/cbor.ts";
import {
  COUNTER_MAX,
  decodeReply,
  decodeRequest,
  EPOCH_MAX,
  encodeHint,
  encodeReply,
  encodeRequest,
  envelopeNonce,
  REQUEST_ID_MAX,
} from "../../../firmware/protocol/envelope.ts";
import { FRAME_BYTES_MAX, MESSAGES } from "../../../firmware/protocol/messages.ts";
import { openNodeCrypto } from "../../../hal/linux/node-crypto.ts";
import { tellStory } from "../../../tools/protocol-examples.ts";
import { touched } from "../../support/shapes.ts";

const crypto = openNodeCrypto();
const { frames } = tellStory(crypto);
const id = fc.integer({ min: 0, max: REQUEST_ID_MAX });
const epoch = fc.integer({ min: 0, max: EPOCH_MAX });
const n = fc.integer({ min: 1, max: COUNTER_MAX });
const box = fc.uint8Array({ minLength: 16, maxLength: 300 });
const key = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe("frames", () => {
  test("come back as they were, with the consumer's key and without", () => {
    fc.assert(
      fc.property(id, box, key, n, epoch, (number, sealed, consumerKey, count, start) => {
        const request = { id: number, box: sealed };
        expect(decodeRequest(encodeRequest(request))).toEqual({ ok: true, value: request });
        const first = { ...request, consumerKey };
        expect(decodeRequest(encodeRequest(first))).toEqual({ ok: true, value: first });
        const reply = { ...request, n: count };
        expect(decodeReply(encodeReply(reply))).toEqual({ ok: true, value: reply });
        const hint = { id: number, epoch: start };
        expect(decodeReply(encodeHint(hint))).toEqual({ ok: true, value: hint });
      }),
    );
  });

  const sealed = new Uint8Array(20);
  test.each<[string, CborValue]>([
    ["too short", [1]],
    ["too long", [1, sealed, new Uint8Array(32), 1]],
    ["a map", new Map([[0, 1]])],
    ["an id that is text", ["1", sealed]],
    ["an id below 0", [-1, sealed]],
    ["an id beyond its bound", [REQUEST_ID_MAX + 1, sealed]],
    ["an id beyond 2^53", [2n ** 60n, sealed]],
    ["a box that is text", [1, "box"]],
    ["a short key", [1, sealed, new Uint8Array(31)]],
    ["null for a key", [1, sealed, null]],
  ])("a request with %s is malformed", (_name, value) => {
    const fault = { kind: "malformed" };
    expect(decodeRequest(encodeCbor(value))).toMatchObject({ ok: false, fault });
  });

  test.each<[string, CborValue]>([
    ["too short", [1, 1]],
    ["too long", [1, 1, sealed, 1]],
    ["no array", 5],
    ["an id beyond its bound", [REQUEST_ID_MAX + 1, 1, sealed]],
    ["a counter beyond its bound", [1, COUNTER_MAX + 1, sealed]],
    ["an epoch that is not said to be one", [1, 1, 4]],
    ["an epoch beyond its bound", [1, 0, EPOCH_MAX + 1]],
    ["a box that is null", [1, 1, null]],
  ])("a reply with %s is malformed", (_name, value) => {
    const fault = { kind: "malformed" };
    expect(decodeReply(encodeCbor(value))).toMatchObject({ ok: false, fault });
  });

  test("of more bytes than a frame may have are too-large", () => {
    const large = new Uint8Array(FRAME_BYTES_MAX);
    const fault = { kind: "too-large" };
    expect(decodeRequest(encodeRequest({ id: 1, box: large }))).toMatchObject({ fault });
    expect(decodeReply(encodeReply({ id: 1, n: 1, box: large }))).toMatchObject({ fault });
  });

  test("of the largest message fit", () => {
    const most = Math.max(...Object.values(MESSAGES).map(({ bytesMax }) => bytesMax));
    const largest = new Uint8Array(most + 16);
    const consumerKey = new Uint8Array(32);
    const request = encodeRequest({ id: REQUEST_ID_MAX, box: largest, consumerKey });
    const reply = encodeReply({ id: REQUEST_ID_MAX, n: COUNTER_MAX, box: largest });
    // What docs/PROTOCOL.md says that the envelope adds.
    expect([request.length - most, reply.length - most]).toEqual([59, 34]);
    expect(request.length).toBeLessThanOrEqual(FRAME_BYTES_MAX);
  });

  test("I11: random bytes and touched frames never throw", () => {
    const read = (bytes: Uint8Array) => [decodeRequest(bytes).ok, decodeReply(bytes).ok];
    for (const frame of Object.values(frames)) {
      for (const bytes of touched(frame, 800)) expect(read(bytes)).toHaveLength(2);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(read(bytes)).toHaveLength(2);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("nonces", () => {
  test("differ wherever direction, connection, epoch, id or counter differ", () => {
    const connection = fc.constantFrom("AAAAAAAA", "AAAAAAAB", "_-_-_-_-");
    const parts = fc.tuple(
      fc.constantFrom("request" as const, "reply" as const),
      connection,
      epoch,
      id,
      n,
    );
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        const same = JSON.stringify(a) === JSON.stringify(b);
        expect(toHex(envelopeNonce(...a)) === toHex(envelopeNonce(...b))).toBe(same);
        expect(envelopeNonce(...a)).toHaveLength(24);
      }),
      { numRuns: 500 },
    );
  });

  test("lie as documented", () => {
    expect(toHex(envelopeNonce("request", "U2x1aWNl", 3, 258, 0))).toBe(
      "71 5532783161574e6c 00000003 00000102 00000000000000".replaceAll(" ", ""),
    );
    expect(toHex(envelopeNonce("reply", "U2x1aWNl", 3, 258, 1))).toBe(
      "72 5532783161574e6c 00000003 00000102 00000000000001".replaceAll(" ", ""),
    );
    expect(toHex(envelopeNonce("reply", "U2x1aWNl", 0, 0, COUNTER_MAX)).slice(-14)).toBe(
      "00ffffffffffff",
    );
    expect(toHex(envelopeNonce("reply", "U2x1aWNl", 0, 0, 2 ** 32 + 5)).slice(-14)).toBe(
      "00000100000005",
    );
  });

  test("I11: a frame opens under no other epoch, connection, id or direction, and not when touched", () => {
    const secret = new Uint8Array(32).fill(9);
    const shared = crypto.boxShared(crypto.boxPublicKey(secret), new Uint8Array(32).fill(8));
    if (shared === undefined) throw new Error("no shared key");
    const plain = Uint8Array.of(1, 2, 3);
    const made = crypto.seal(plain, envelopeNonce("request", "AAAAAAAA", 1, 2, 0), shared);
    const open = (nonce: Uint8Array, sealed = made) => crypto.open(sealed, nonce, shared);
    const own = envelopeNonce("request", "AAAAAAAA", 1, 2, 0);
    expect(open(own)).toEqual(plain);
    expect(open(envelopeNonce("request", "AAAAAAAA", 2, 2, 0))).toBeUndefined();
    expect(open(envelopeNonce("request", "AAAAAAAB", 1, 2, 0))).toBeUndefined();
    expect(open(envelopeNonce("request", "AAAAAAAA", 1, 3, 0))).toBeUndefined();
    expect(open(envelopeNonce("reply", "AAAAAAAA", 1, 2, 0))).toBeUndefined();
    for (const [at, byte] of made.entries()) {
      const flipped = Uint8Array.from(made);
      flipped[at] = byte ^ 1;
      expect(open(own, flipped)).toBeUndefined();
    }
  });
});
