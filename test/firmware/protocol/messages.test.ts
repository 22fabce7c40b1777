// Messages: their numbers for ever, their sizes, and what happens to bytes that are none.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { utf8 } from "../../../firmware/bytes.ts";
import { FAULT_CODES, type FaultKind, faultKind } from "../../../firmware/fault.ts";
import { type CborValue, decodeCbor, encodeCbor } from "../../../firmware/protocol/cbor.ts";
import { faultMessage, toFault } from "../../../firmware/protocol/fault-message.ts";
import { decodeMessage, encodeMessage } from "../../../firmware/protocol/message-codec.ts";
import {
  FRAME_BYTES_MAX,
  MESSAGES,
  type MessageName,
  SIGNED_BYTES_MAX,
} from "../../../firmware/protocol/messages.ts";
import type { Cddl } from "../../../firmware/protocol/schema.ts";
import { openNodeCrypto } from "../../../hal/linux/node-crypto.ts";
import { entriesOf, protocolCddl, SIGNED } from "../../../tools/protocol-cddl.ts";
import { tellStory } from "../../../tools/protocol-examples.ts";
import { readCddl } from "../../support/cddl.ts";
import { arbitraryOf, largestOf, touched } from "../../support/shapes.ts";
import frozen from "../../vectors/message-numbers.json" with { type: "json" };

const names = Object.keys(MESSAGES) as MessageName[];
const story = tellStory(openNodeCrypto());
const cddl = readCddl(protocolCddl());

function cborOf(name: MessageName): fc.Arbitrary<Map<number, CborValue>> {
  const { kind, type } = MESSAGES[name];
  return arbitraryOf(type.cddl).map((body) => {
    return new Map<number, CborValue>([[0, kind], ...(body as Map<number, CborValue>)]);
  });
}

describe("numbers", () => {
  test("of messages and their fields mean what they always meant", () => {
    const now = Object.fromEntries(
      names.map((name) => {
        const { kind, type } = MESSAGES[name];
        const fields = entriesOf(type.cddl).map((entry) => [entry.name, entry.key]);
        return [name, { kind, fields: Object.fromEntries(fields) }];
      }),
    );
    expect(now).toEqual(frozen.messages);
  });

  test("of messages, and of the fields of each, differ", () => {
    const kinds = names.map((name) => MESSAGES[name].kind);
    expect(new Set(kinds).size).toBe(kinds.length);
    for (const name of names) {
      const keys = entriesOf(MESSAGES[name].type.cddl).map(({ key }) => key);
      expect(new Set([0, ...keys]).size).toBe(keys.length + 1);
    }
  });

  test("in closed lists and places in arrays mean what they always meant", () => {
    const lists: Record<string, object> = {};
    const tuples: Record<string, readonly string[]> = {};
    const visit = (shape: Cddl, name: string): void => {
      if (shape.is === "named") visit(shape.of, shape.name);
      else if (shape.is === "list") visit(shape.item, name);
      else if (shape.is === "sorts") for (const tuple of shape.tuples) visit(tuple, name);
      else if (shape.is === "numbers") lists[name] = Object.fromEntries(shape.numbers);
      else if (shape.is === "tuple") tuples[name] = shape.entries.map((entry) => entry.name);
      for (const { name: inner, of } of entriesOf(shape)) visit(of, `${name}.${inner}`);
    };
    for (const name of names) visit(MESSAGES[name].type.cddl, name);
    for (const { name, claims } of SIGNED) visit(claims.cddl, name);
    expect(lists).toEqual(frozen.lists);
    expect(tuples).toEqual(frozen.tuples);
  });

  test("of faults mean what they always meant, and lead back to their names", () => {
    expect(FAULT_CODES).toEqual(frozen.faults);
    for (const [kind, code] of Object.entries(FAULT_CODES)) expect(faultKind(code)).toBe(kind);
    expect(faultKind(65_535)).toBe("unknown");
  });
});

describe.each(names)("%s", (name) => {
  const { type, kind, bytesMax } = MESSAGES[name];

  test("comes back as it was, from bytes and from values, and is what the CDDL says", () => {
    fc.assert(
      fc.property(cborOf(name), (cbor) => {
        const bytes = encodeCbor(cbor);
        const message = decodeMessage(bytes);
        if (!message.ok) throw new Error(message.fault.message);
        expect(message.value.is).toBe(name);
        expect(encodeMessage(message.value)).toEqual(bytes);
        expect(decodeMessage(encodeMessage(message.value))).toEqual(message);
        expect(bytes.length).toBeLessThanOrEqual(bytesMax);
        expect(cddl.mismatch("message", bytes)).toBeUndefined();
      }),
      { numRuns: 60 },
    );
  });

  test("is at its largest exactly as large as it says, and fits a frame", () => {
    const body = largestOf(type.cddl) as Map<number, CborValue>;
    const bytes = encodeCbor(new Map([[0, kind], ...body]));
    expect(bytes).toHaveLength(bytesMax);
    expect(decodeMessage(bytes)).toMatchObject({ ok: true, value: { is: name } });
    expect(bytesMax + 59).toBeLessThanOrEqual(FRAME_BYTES_MAX);
  });

  test("is read as ever with a key that a later version added, refused with one below 0", () => {
    const bytes = encodeMessage(story.messages[name]);
    const decoded = decodeCbor(bytes, FRAME_BYTES_MAX);
    const fields = decoded.ok ? (decoded.value as Map<number, CborValue>) : new Map();
    const later = encodeCbor(new Map([...fields, [200, ["new", 1]]]));
    const critical = encodeCbor(new Map([...fields, [-9, 1]]));
    expect(decodeMessage(later)).toEqual(decodeMessage(bytes));
    expect(cddl.mismatch("message", later)).toBeUndefined();
    expect(decodeMessage(critical)).toMatchObject({ ok: false, fault: { kind: "malformed" } });
    expect(cddl.mismatch("message", critical)).toBeDefined();
  });

  test("I11: bytes of it that were touched are refused, or are a message, and never throw", () => {
    let taken = 0;
    for (const bytes of touched(encodeMessage(story.messages[name]), 400)) {
      const message = decodeMessage(bytes);
      if (!message.ok) continue;
      taken += 1;
      expect(encodeMessage(message.value).length).toBeLessThanOrEqual(bytesMax);
    }
    expect(taken).toBeLessThan(400);
  });
});

describe("I11: bytes from outside", () => {
  test("that are random never throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(typeof decodeMessage(bytes).ok).toBe("boolean");
      }),
      { numRuns: 2000 },
    );
  });

  test("that are CBOR of any shape never throw", () => {
    const leaf = fc.oneof(fc.maxSafeInteger(), fc.string(), fc.uint8Array(), fc.constant(null));
    const body = fc.array(
      fc.tuple(fc.integer({ min: -3, max: 8 }), fc.oneof(leaf, fc.array(leaf))),
    );
    fc.assert(
      fc.property(fc.oneof(fc.nat(30), leaf), body, (kind, pairs) => {
        const bytes = encodeCbor(new Map<number, CborValue>([...pairs, [0, kind]]));
        expect(typeof decodeMessage(bytes).ok).toBe("boolean");
      }),
      { numRuns: 1000 },
    );
  });

  test("of an unknown kind are unsupported", () => {
    for (const kind of [0, 18, 255, -1, "select", null, [1]]) {
      const message = decodeMessage(encodeCbor(new Map([[0, kind]])));
      expect(message).toMatchObject({ ok: false, fault: { kind: "unsupported" } });
    }
    expect(decodeMessage(encodeCbor(new Map()))).toMatchObject({ ok: false });
    expect(decodeMessage(encodeCbor([1]))).toMatchObject({ ok: false });
  });

  test("longer than a message of its kind may be are too-large", () => {
    const long = new Map<number, CborValue>([
      [0, MESSAGES.end.kind],
      [9, new Uint8Array(80)],
    ]);
    const fault = { kind: "too-large" };
    expect(decodeMessage(encodeCbor(long))).toMatchObject({ ok: false, fault });
    const longer = new Map<number, CborValue>([[9, new Uint8Array(FRAME_BYTES_MAX)]]);
    expect(decodeMessage(encodeCbor(longer))).toMatchObject({ ok: false, fault });
  });
});

describe("a fault", () => {
  test("comes back as it was", () => {
    for (const kind of Object.keys(FAULT_CODES) as FaultKind[]) {
      const fault = { kind, message: "no, because", at: "offer.units" };
      const sent = decodeMessage(encodeMessage(faultMessage(fault)));
      expect(sent.ok && sent.value.is === "fault" && toFault(sent.value)).toEqual(fault);
    }
    expect(toFault({ is: "fault", code: 9999 })).toEqual({ kind: "unknown", message: "unknown" });
  });

  test("I11: can always be sent, whatever a peer made it quote", () => {
    const words = fc.oneof(
      fc.string({ unit: "binary", maxLength: 400 }),
      fc.string({ unit: "grapheme", maxLength: 400 }),
      fc.string({ unit: fc.constantFrom("\u{1f50c}", "€", "\ud800", "\n", "a"), maxLength: 400 }),
    );
    fc.assert(
      fc.property(words, words, (message, at) => {
        const sent = decodeMessage(encodeMessage(faultMessage({ kind: "malformed", message, at })));
        expect(sent).toMatchObject({ ok: true, value: { is: "fault", code: 100 } });
      }),
      { numRuns: 500 },
    );
  });

  test("I11: about an unknown kind in long words can be sent", () => {
    const refused = decodeMessage(encodeCbor(new Map([[0, "€".repeat(200)]])));
    if (refused.ok) throw new Error("taken");
    expect(encodeMessage(faultMessage(refused.fault)).length).toBeLessThan(221);
  });

  test("keeps as many whole characters as fit", () => {
    const told = faultMessage({ kind: "internal", message: "\u{1f50c}".repeat(50) });
    expect(told.message).toBe("\u{1f50c}".repeat(40));
    expect(utf8(told.message ?? "")).toHaveLength(160);
  });
});

test("a signed object of the greatest size fits the messages that carry it", () => {
  const most = {
    is: "receipts" as const,
    receipts: Array(3).fill(new Uint8Array(SIGNED_BYTES_MAX)),
  };
  expect(decodeMessage(encodeMessage(most))).toMatchObject({ ok: true });
  const over = { ...most, receipts: [new Uint8Array(SIGNED_BYTES_MAX + 1)] };
  expect(() => encodeMessage(over)).toThrow();
});
