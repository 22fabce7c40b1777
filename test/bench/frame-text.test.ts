// Any bytes as text: each kind is told by its topic or its shape, and nothing that comes in makes it throw.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readFrame } from "../../bench/frame-text.ts";
import { fromHex } from "../../firmware/bytes.ts";
import { encodeHint, encodeReply, encodeRequest } from "../../firmware/protocol/envelope.ts";
import { encodeFlowFrame } from "../../firmware/protocol/flow-frames.ts";
import { encodeMessage } from "../../firmware/protocol/message-codec.ts";
import { signAnnouncement } from "../../firmware/token/announcement.ts";
import { issueCertificate } from "../../firmware/token/certificate.ts";
import { signToken } from "../../firmware/token/delivery-token.ts";
import { signOffer } from "../../firmware/token/offer.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { fieldLines } from "../../tools/field-text.ts";

const crypto = openNodeCrypto();
const signer = crypto.signer(new Uint8Array(32).fill(1));
const key = new Uint8Array(32).fill(4);
const consumer = new Uint8Array(8).fill(5);
const certificate = issueCertificate(
  { signKey: signer.publicKey, boxKey: key, hostKey: key, serial: 7, bench: true, expiresS: 2e9 },
  signer,
  crypto,
);
const announcement = signAnnouncement({ certificate, minor: 0, epoch: 3, name: "Pump" }, signer);
const bought = { service: 1, price: 2, units: 3, consumer, expiresS: 2_000_000_000 };
const token = signToken({ ...bought, order: "0011223344556677" }, signer);
const offer = signOffer(
  {
    ...bought,
    id: "0011223344556677",
    unit: "L",
    priceMinor: 5,
    currency: "EUR",
    numerator: 450,
    denominator: 1,
    lines: [{ kind: "units", amountMinor: 15 }],
    totalMinor: 15,
    undelivered: "refund",
  },
  signer,
);
const box = new Uint8Array(20).fill(6);

const FLOW = "s1/f/AAAAAAAAAAA/CCCCCCCCCCC";

test("a frame of a flow service is told by its topic, also a large one", () => {
  const large = encodeFlowFrame({ is: "data", count: 5, box: new Uint8Array(4000) });
  const read = readFrame(large, FLOW, crypto);
  const device = "AAAAAAAAAAA";
  expect(read).toMatchObject({
    value: { kind: "flow frame", fields: { device, service: "CCCCCCCCCCC", is: "data", count: 5 } },
  });
  expect(read.ok && read.value.strict).toBeUndefined();
});

function kindOf(bytes: Uint8Array, topic?: string): string {
  const read = readFrame(bytes, topic, crypto);
  return read.ok ? read.value.kind : read.fault.kind;
}

describe("by its shape", () => {
  test.each([
    ["message", encodeMessage({ is: "get-services" })],
    ["certificate", certificate],
    ["announcement", announcement],
    ["offer", offer],
    ["token", token],
    ["request", encodeRequest({ id: 1, box })],
    ["request", encodeRequest({ id: 1, box, consumerKey: key })],
    ["reply", encodeReply({ id: 1, n: 2, box })],
    ["hint", encodeHint({ id: 1, epoch: 9 })],
    ["plain CBOR", Uint8Array.of(0x83, 1, 2, 3)],
    ["malformed", Uint8Array.of(0x83, 1, 2)],
    ["malformed", new Uint8Array()],
    ["too-large", new Uint8Array(70_000)],
  ])("%s", (kind, bytes) => {
    expect(kindOf(bytes)).toBe(kind);
  });
});

describe("by its topic", () => {
  test.each([
    ["announcement", announcement, "s1/a/AAAAAAAAAAA"],
    ["withdrawal", new Uint8Array(), "s1/a/AAAAAAAAAAA"],
    ["request", encodeRequest({ id: 1, box }), "s1/q/AAAAAAAAAAA/BBBBBBBB"],
    ["hint", encodeHint({ id: 1, epoch: 9 }), "s1/r/BBBBBBBB"],
    ["malformed", token, "s1/a/AAAAAAAAAAA"],
    ["malformed", token, "s1/r/BBBBBBBB"],
    ["malformed", token, "some/other/topic"],
  ])("%s", (kind, bytes, topic) => {
    expect(kindOf(bytes, topic)).toBe(kind);
  });
});

test("fields are named, and a box stays sealed", () => {
  const read = readFrame(encodeRequest({ id: 1, box }), "s1/q/AAAAAAAAAAA/BBBBBBBB", crypto);
  expect(read.ok && fieldLines(read.value.fields)).toEqual([
    "  device: AAAAAAAAAAA",
    "  connection: BBBBBBBB",
    "  id: 1",
    `  box: h'${"06".repeat(20)}'`,
  ]);
});

test("what is well-formed but not in our strict form is shown, and said to be so", () => {
  const read = readFrame(fromHex("1801") ?? new Uint8Array(), undefined, crypto);
  expect(read).toMatchObject({ ok: true, value: { kind: "plain CBOR", strict: "non-minimal" } });
});

test("I11: random bytes, and ours with random bytes changed, never make it throw", () => {
  const ours = fc.constantFrom(
    announcement,
    certificate,
    offer,
    token,
    encodeHint({ id: 1, epoch: 9 }),
  );
  const touched = fc.tuple(ours, fc.nat(), fc.nat(255)).map(([bytes, at, value]) => {
    return bytes.with(at % bytes.length, value);
  });
  const topics = fc.constantFrom(undefined, "s1/a/AAAAAAAAAAA", "s1/r/BBBBBBBB", FLOW, "x");
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 300 }), touched);
  fc.assert(
    fc.property(bytes, topics, (frame, topic) => {
      const read = readFrame(frame, topic, crypto);
      const lines = read.ok ? fieldLines(read.value.fields) : [read.fault.message];
      expect(lines.join("")).not.toMatch(/[\p{Cc}]/u);
    }),
    { numRuns: 2000 },
  );
});
