// Every model through both its forms: CBOR for services, JSON for the store; what is hostile is refused by the field's
// name or left out, and never thrown about.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { amount, amounts } from "../../../../firmware/payment/model/amounts.ts";
import { data, NO_DATA } from "../../../../firmware/payment/model/data.ts";
import { withData } from "../../../../firmware/payment/model/data-access.ts";
import type { DataValue } from "../../../../firmware/payment/model/data-value.ts";
import { receipt } from "../../../../firmware/payment/model/flow-event.ts";
import { checkedCopy, copyOf, deepFreeze } from "../../../../firmware/payment/model/freeze.ts";
import {
  type PaymentResponse,
  paymentResponse,
} from "../../../../firmware/payment/model/payment.ts";
import { taxInfo } from "../../../../firmware/payment/model/tax-info.ts";
import type { Transaction } from "../../../../firmware/payment/model/transaction.ts";
import { approve } from "../../../../firmware/payment/model/transaction-response.ts";
import { type CborValue, decodeCbor, encodeCbor } from "../../../../firmware/protocol/cbor.ts";
import { SLUICE_DEPTH_MAX } from "../../../../firmware/protocol/cbor-check.ts";
import { FLOW_DEPTH_MAX } from "../../../../firmware/protocol/flow-frames.ts";
import { readCbor, readJson } from "../../../../firmware/protocol/schema.ts";
import { MODELS, modelOf } from "./models.ts";
import { fault, pounds, value } from "./values.ts";

const BYTES_MAX = 1 << 20;
const models = Object.entries(MODELS);

describe("every model", () => {
  test.each(models)("%s survives CBOR and JSON, and a copy of it shares nothing", (name, type) => {
    fc.assert(
      fc.property(modelOf(type.cddl, 2), (given) => {
        const model = deepFreeze(value(readCbor(type, given, name)));
        const bytes = encodeCbor(type.toCbor(model), FLOW_DEPTH_MAX);
        const decoded = value(decodeCbor(bytes, BYTES_MAX, FLOW_DEPTH_MAX));
        expect(value(readCbor(type, decoded, name))).toEqual(model);
        const text = JSON.stringify(type.toJson(model));
        expect(value(readJson(type, JSON.parse(text), name))).toEqual(model);
        expect(copyOf(type, model)).toEqual(model);
        expect(JSON.stringify(type.toJson(model))).toBe(text);
      }),
      { numRuns: 40 },
    );
  });

  test.each(models)("I11: %s of any other shape is refused, and never throws", (name, type) => {
    const junk = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom<unknown>(undefined, Number.NaN, 2 ** 60, 1n, new Uint8Array(3), []),
    );
    fc.assert(
      fc.property(modelOf(type.cddl, 2), junk, fc.nat(), (given, bad, place) => {
        const json = structuredClone(type.toJson(value(readCbor(type, given, name))));
        const holders = holdersOf(json);
        const [holder, key] = holders[place % Math.max(holders.length, 1)] ?? [];
        if (holder !== undefined && key !== undefined) holder[key] = bad;
        for (const hostile of [json, bad]) {
          const read = readJson(type, hostile, name);
          if (read.ok) expect(() => type.toCbor(read.value)).not.toThrow();
          else expect(read.fault.at?.startsWith(name)).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  test.each(models)("I11: bytes of %s with a few changed never throw", (name, type) => {
    const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(modelOf(type.cddl, 1), edits, (given, changes) => {
        const bytes = encodeCbor(given, FLOW_DEPTH_MAX);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        const decoded = decodeCbor(bytes, BYTES_MAX, FLOW_DEPTH_MAX);
        const read = decoded.ok ? readCbor(type, decoded.value, name) : decoded;
        if (!read.ok) expect(read.fault.kind).toBe("malformed");
        else expect(value(readJson(type, type.toJson(read.value), name))).toEqual(read.value);
      }),
      { numRuns: 60 },
    );
  });

  test("I11: what a hostile name says is nowhere to be found afterwards", () => {
    const hostile: unknown = JSON.parse(
      '{"__proto__":{"currency":"GBP","base":1,"additional":{}}}',
    );
    expect(fault(readJson(amounts, hostile, "amounts"))).toBe("malformed at amounts.currency");
    const named: unknown = JSON.parse('{"currency":"GBP","base":1,"additional":{"__proto__":5}}');
    expect(fault(readJson(amounts, named, "amounts"))).toBe("malformed at amounts.additional");
    const cbor = new Map<number, CborValue>([
      [1, "GBP"],
      [2, 1],
      [3, new Map([["__proto__", 5]])],
    ]);
    expect(fault(readCbor(amounts, cbor, "amounts"))).toBe("malformed at amounts.additional");
  });
});

/** Every place in a value that can be set. */
function holdersOf(json: unknown): [Record<string, unknown>, string][] {
  if (typeof json !== "object" || json === null) return [];
  const holder = json as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => [
    [holder, key] as [Record<string, unknown>, string],
    ...holdersOf(holder[key]),
  ]);
}

describe("bounds of single fields", () => {
  test.each([
    [{ currency: "gbp", base: 1, additional: {} }, "amounts.currency"],
    [{ currency: "XXX", base: 1, additional: {} }, "amounts.currency"],
    [{ currency: "XXX", base: 0, additional: { tip: 1 } }, "amounts.currency"],
    [{ currency: "GBP", base: -1, additional: {} }, "amounts.base"],
    [{ currency: "GBP", base: 1e12 + 1, additional: {} }, "amounts.base"],
    [{ currency: "GBP", base: 1, additional: { tip: -1 } }, "amounts.additional.tip"],
    [{ currency: "GBP", base: 1, additional: { "": 1 } }, "amounts.additional"],
    [{ currency: "GBP", base: 1, additional: nine() }, "amounts.additional"],
    [
      { currency: "GBP", base: 1, additional: {}, converted: { from: "EUR", rateMillionths: 0 } },
      "amounts.converted.rateMillionths",
    ],
    [
      { currency: "GBP", base: 1, additional: {}, converted: { from: "€", rateMillionths: 1 } },
      "amounts.converted.from",
    ],
  ])("F46, defect 9: %j is refused at %s", (json, at) => {
    expect(fault(readJson(amounts, json, "amounts"))).toBe(`malformed at ${at}`);
  });

  test("an amount of its own may be below zero; nothing may be of no currency", () => {
    expect(fault(readJson(amount, { value: -5, currency: "GBP" }, "amount"))).toBe("ok");
    expect(fault(readJson(amount, { value: 5, currency: "" }, "amount"))).toBe(
      "malformed at amount.currency",
    );
    expect(fault(readJson(amounts, { currency: "XXX", base: 0, additional: {} }, "a"))).toBe("ok");
  });

  test("F70: a receipt has lines, and no other control characters", () => {
    const lines = { type: "customer", text: "first\nsecond\n" };
    expect(value(readJson(receipt, lines, "receipt"))).toEqual(lines);
    for (const text of ["a\rb", "a\u001b[2J", "a\tb", "x".repeat(2049), 5]) {
      expect(fault(readJson(receipt, { type: "x", text }, "receipt"))).toBe(
        "malformed at receipt.text",
      );
    }
  });

  test("F69: a tax rate of 20.5 per cent is 205,000 millionths, and no rate is above the whole", () => {
    const info = { taxMinor: 17, rates: [{ rateMillionths: 205_000, label: "VAT" }] };
    expect(value(readJson(taxInfo, info, "tax"))).toEqual(info);
    const above = { rates: [{ rateMillionths: 1_000_001, label: "VAT" }] };
    expect(fault(readJson(taxInfo, above, "tax"))).toBe("malformed at tax.rates.0.rateMillionths");
    const taxed = value(withData(NO_DATA, "taxInfo", { is: "tax-info", value: info }));
    expect(value(readJson(data, data.toJson(taxed), "data"))).toEqual(taxed);
  });

  test("a copy that is out of bounds is refused by the field's name, whichever way it is read", () => {
    const bad = { ...pounds(1), base: 1e13 };
    expect(fault(checkedCopy(amounts, bad, "amounts"))).toBe("malformed at amounts.base");
    expect(() => copyOf(amounts, bad)).toThrow();
    const odd = { is: "integers", value: "none" } as unknown as DataValue;
    expect(fault(checkedCopy(data, { odd }, "data"))).toMatch(/^malformed/);
  });
});

function nine(): Record<string, number> {
  return Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`n${index}`, 1]));
}

describe("depth", () => {
  const [none, references] = [NO_DATA, NO_DATA];
  const bare = { id: "t", requested: pounds(1), baskets: [], data: none, executed: [], references };

  /** A transaction whose answer refers to another one, so many times. */
  function nested(times: number): Transaction {
    if (times === 0) return { ...bare, responses: [] };
    const inner: DataValue = { is: "transaction", value: nested(times - 1) };
    const answer = { ...value(approve("r")), references: { inner } };
    return { ...bare, responses: [answer] };
  }

  function responseOf(transaction: Transaction): PaymentResponse {
    return {
      id: "p",
      payment: {
        id: "p",
        flowType: "sale",
        amounts: pounds(1),
        splitEnabled: false,
        data: none,
        source: "s",
      },
      outcome: "failed",
      failureReason: "error",
      allTransactionsApproved: false,
      requested: pounds(1),
      processed: pounds(0),
      transactions: [transaction],
      createdMs: 0,
      postFlow: [],
    };
  }

  test("I11: bags are within each other twice, and a third is empty, in CBOR as in JSON", () => {
    for (const [times, why] of [
      [2, "ok"],
      [3, "malformed at response.transactions.0.responses.0.references.inner"],
    ] as const) {
      const response = responseOf(nested(times));
      expect(
        fault(readJson(paymentResponse, paymentResponse.toJson(response), "response")),
      ).toMatch(why);
      expect(
        fault(readCbor(paymentResponse, paymentResponse.toCbor(response), "response")),
      ).toMatch(why);
    }
    // A refusal leaves nothing behind that the next one would be measured by.
    expect(fault(checkedCopy(paymentResponse, responseOf(nested(2)), "response"))).toBe("ok");
  });

  test("I11: a bag in a bag ten thousand times is refused, not followed", () => {
    let json: unknown = {};
    for (let i = 0; i < 10_000; i++) json = { c: { is: "card", value: { data: json } } };
    expect(fault(readJson(data, json, "data"))).toBe("malformed at data.c.value.data.c.value.data");
  });

  test("the deepest model there is fits a frame, with room for what is around it", () => {
    const response = responseOf(nested(2));
    const framed = [1, [2, paymentResponse.toCbor(response)]];
    const bytes = encodeCbor(framed, FLOW_DEPTH_MAX);
    const [, inner] = value(decodeCbor(bytes, BYTES_MAX, FLOW_DEPTH_MAX)) as CborValue[];
    const [, payload] = inner as CborValue[];
    expect(value(readCbor(paymentResponse, payload ?? null, "response"))).toEqual(response);
  });

  test("I11: bytes are taken as deep as is said and no deeper, eight levels where nothing is said", () => {
    const deep = (levels: number): CborValue => (levels === 0 ? 1 : [deep(levels - 1)]);
    for (const depthMax of [1, 8, 16, 24]) {
      const bytes = encodeCbor(deep(depthMax), depthMax);
      expect(fault(decodeCbor(bytes, 100, depthMax))).toBe("ok");
      expect(fault(decodeCbor(bytes, 100, depthMax - 1))).toBe("malformed at ");
      expect(() => encodeCbor(deep(depthMax + 1), depthMax)).toThrow("assertion failed");
    }
    const [eight, nine] = [SLUICE_DEPTH_MAX, SLUICE_DEPTH_MAX + 1];
    expect(fault(decodeCbor(encodeCbor(deep(eight)), 100))).toBe("ok");
    expect(fault(decodeCbor(encodeCbor(deep(nine), nine), 100))).toBe("malformed at ");
    expect(() => encodeCbor(deep(nine))).toThrow("assertion failed");
  });
});
