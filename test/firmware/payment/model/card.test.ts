// Cards and customers: what of a number may be seen, what a name is made of, what a later service may add.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { card } from "../../../../firmware/payment/model/card.ts";
import {
  EMPTY_CARD,
  formatExpiry,
  isEmptyCard,
  maskPan,
  newCard,
} from "../../../../firmware/payment/model/card-mask.ts";
import type { Customer } from "../../../../firmware/payment/model/customer.ts";
import {
  fullNameOf,
  mergeCustomer,
  newCustomer,
  tokenOfSource,
} from "../../../../firmware/payment/model/customer-details.ts";
import { textOf } from "../../../../firmware/payment/model/data-access.ts";
import { deepFreeze } from "../../../../firmware/payment/model/freeze.ts";
import { readJson } from "../../../../firmware/protocol/schema.ts";
import { fault, value } from "./values.ts";

const network = { network: { is: "text", value: "visa" } } as const;

describe("F54: cards", () => {
  test.each([
    ["1234123412341234", "123412XXXXXX1234"],
    ["1234 1234 1234 1234", "123412XXXXXX1234"],
    ["378282246310005", "378282XXXXX0005"],
    ["3782 822463 10005", "378282XXXXX0005"],
    ["4222222222222", "422222XXX2222"],
    ["123456789012", "123456XX9012"],
    ["1234567890123456789", "123456XXXXXXXXX6789"],
  ])("peer 8.9, defect 13: %s is shown as %s", (pan, masked) => {
    expect(value(maskPan(pan))).toBe(masked);
    expect(fault(newCard({ maskedPan: masked }))).toBe("ok");
  });

  test.each([
    "",
    "12345678901",
    "12345678901234567890",
    "1234-1234-1234-1234",
    "１２３４５６７８９０１２３",
  ])("%j is no card number, and the message does not repeat it", (pan) => {
    const masked = maskPan(pan);
    expect(fault(masked)).toBe("malformed at pan");
    expect(pan !== "" && !masked.ok && masked.fault.message.includes(pan)).toBe(false);
  });

  test("I12: peer 8.9: a card shows at most ten digits, however they are written", () => {
    for (const maskedPan of [
      "1234567890123456",
      "12345678901",
      "1234 5678 901",
      "１２３４５６78901",
    ]) {
      expect(fault(newCard({ maskedPan }))).toBe("malformed at card.maskedPan");
      const json = { maskedPan, data: {} };
      expect(fault(readJson(card, json, "card"))).toBe("malformed at card.maskedPan");
    }
    for (const maskedPan of ["123456789", "1234567890", "123456******1234"]) {
      expect(value(newCard({ maskedPan })).maskedPan).toBe(maskedPan);
    }
  });

  test("I12: whatever is masked shows ten digits at most, and those of both ends", () => {
    const digits = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 12, maxLength: 19 });
    fc.assert(
      fc.property(digits, (some) => {
        const pan = some.join("");
        const masked = value(maskPan(pan));
        expect(masked).toHaveLength(pan.length);
        expect(masked.replace(/\D/g, "")).toBe(pan.slice(0, 6) + pan.slice(-4));
      }),
    );
  });

  test("peer 8.9: an expiry is a year and a month, shown the way that cards do", () => {
    expect(formatExpiry({ expiry: "2010" })).toBe("10/2020");
    expect(formatExpiry({ expiry: "3101" })).toBe("01/2031");
    expect(formatExpiry({})).toBeUndefined();
    for (const expiry of ["abcd", "2013", "2000", "201", "20100", "20/1"]) {
      expect(formatExpiry({ expiry })).toBeUndefined();
      expect(fault(newCard({ expiry }))).toMatch(/^malformed at (card\.expiry|value)$/);
    }
  });

  test("peer 8.9: a card holds every part, frozen; an empty one holds none", () => {
    const token = { value: "t", source: "card", algorithm: "sha", sourceService: "reader" };
    const parts = {
      maskedPan: "123456XX",
      cardholderName: "A B",
      expiry: "2712",
      token,
      data: network,
    };
    const made = value(newCard(parts));
    expect(made).toEqual(parts);
    expect(Object.isFrozen(made) && Object.isFrozen(made.token)).toBe(true);
    expect(isEmptyCard(made)).toBe(false);
    expect(isEmptyCard(EMPTY_CARD)).toBe(true);
    for (const [name, part] of Object.entries(parts)) {
      expect([name, isEmptyCard({ ...EMPTY_CARD, [name]: part })]).toEqual([name, false]);
    }
  });
});

describe("F55: customers", () => {
  const text = (value: string) => ({ is: "text", value }) as const;

  test.each([
    [{ firstName: text("Ada"), surname: text("King") }, "Ada King"],
    [{ firstName: text("Ada") }, "Ada"],
    [{ surname: text("King") }, ""],
    [{ firstName: text(""), surname: text("King") }, ""],
    [
      {
        firstName: text("Ada"),
        middleNames: { is: "texts", value: ["Augusta", "Byron"] },
        surname: text("King"),
      },
      "Ada Augusta Byron King",
    ],
    [{ firstName: text("Ada"), middleNames: text("Augusta") }, "Ada Augusta"],
    [{}, ""],
  ] as const)("a name of %j is %j, with no space too many", (details, name) => {
    expect(fullNameOf(value(newCustomer("c", { details })))).toBe(name);
    expect(fullNameOf(value(newCustomer("c", { details, fullName: "Other" })))).toBe("Other");
  });

  test("a customer has an id, tokens found by what they stand for, and nothing shared", () => {
    expect(fault(newCustomer(""))).toBe("malformed at customer.id");
    const tokens = [
      { value: "1", source: "account" },
      { value: "2", source: "card" },
    ];
    const made = value(newCustomer("c", { tokens }));
    tokens.pop();
    expect(tokenOfSource(made, "card")?.value).toBe("2");
    expect(tokenOfSource(made, "none")).toBeUndefined();
  });

  test("F80: a service adds tokens and details; id, name and what is there stay", () => {
    const before: Customer = deepFreeze(
      value(
        newCustomer("mine", {
          fullName: "Ada",
          tokens: [{ value: "1", source: "card" }],
          details: { city: text("London") },
        }),
      ),
    );
    const update = value(
      newCustomer("theirs", {
        fullName: "Eve",
        tokens: [{ value: "1", source: "stolen" }, { value: "2" }],
        details: { city: text("Paris"), phone: text("7") },
      }),
    );
    const merged = value(mergeCustomer(before, update));
    expect([merged.id, merged.fullName]).toEqual(["mine", "Ada"]);
    expect(merged.tokens).toEqual([{ value: "1", source: "card" }, { value: "2" }]);
    expect([textOf(merged.details, "city"), textOf(merged.details, "phone")]).toEqual([
      "London",
      "7",
    ]);
    expect(value(mergeCustomer(undefined, update))).toEqual(update);
  });
});
