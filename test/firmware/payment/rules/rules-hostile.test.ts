// Answers that are no answers: cyclic, endless, lying, huge, throwing, or random. None is taken, nothing is thrown, and
// no amount rises above what was agreed.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NO_CURRENCY } from "../../../../firmware/payment/model/amounts.ts";
import { totalOf } from "../../../../firmware/payment/model/amounts-arithmetic.ts";
import type { FlowResponse } from "../../../../firmware/payment/model/flow-response.ts";
import type { TransactionResponse } from "../../../../firmware/payment/model/transaction.ts";
import { checkAnswer, type RuleContext } from "../../../../firmware/payment/rules/rules.ts";
import { UnfitAnswer } from "../../../../firmware/payment/rules/unfit-answer.ts";
import {
  ASKED,
  approvedWith,
  basket,
  CALLED_STAGES,
  gbp,
  IN_SALE,
  INPUTS,
  item,
  OFFER,
  rejectionOf,
  TRANSACTION,
  takenBy,
} from "./rule-inputs.ts";

const reward = { amountsPaid: gbp(100), paidWith: "reward" };

function cyclic(): object {
  const knot: Record<string, unknown> = { ...reward };
  knot["requestData"] = { a: { is: "basket", value: knot } };
  return knot;
}

function nested(levels: number): unknown {
  return levels === 0 ? {} : { requestData: nested(levels - 1) };
}

/** Says one thing to whoever checks and another to whoever uses. */
function fickle(): object {
  let asked = 0;
  return Object.defineProperty({ ...reward }, "amountsPaid", {
    enumerable: true,
    get: () => gbp(++asked === 1 ? 100 : 1_000_000),
  });
}

class Mapped extends Array<unknown> {
  override map<T>(): T[] {
    return [{ evil: true }] as T[];
  }
}

const throwing = new Proxy(
  {},
  {
    ownKeys: () => {
      throw new Error("no");
    },
  },
);
const noProto = new Proxy(
  {},
  {
    getPrototypeOf: () => {
      throw new Error("no");
    },
  },
);
const longList = new Proxy([], {
  get: (target, name) => (name === "length" ? 2 ** 31 : Reflect.get(target, name)),
});
const oddList = new Proxy([], { get: () => ({ valueOf: () => 1 }) });
const likeBytes = Object.create(Uint8Array.prototype) as object;

describe.each(CALLED_STAGES)("%s", (stage) => {
  test.each<[string, unknown]>([
    ["text", "answer"],
    ["a number", 7],
    ["a list", []],
    ["a function", () => {}],
    ["a symbol", Symbol("answer")],
    ["a bigint", 1n],
    ["a promise", Promise.resolve()],
    ["a map", new Map()],
    ["a date", new Date(0)],
    ["a proxy that throws", throwing],
    ["a proxy that denies what it is", noProto],
    ["what only looks like bytes", likeBytes],
    ["a lone surrogate", { paidWith: "\ud800", outcomeMessage: "\ud800" }],
    ["a fraction", { amountsPaid: gbp(0.5), amounts: gbp(0.5), data: { a: 0.5 } }],
  ])("F66: %s is malformed", (_, output) => {
    expect(rejectionOf(stage, output)).toBe("malformed");
  });

  test.each<[string, unknown]>([
    ["a cycle", cyclic()],
    ["a well", nested(5000)],
    ["a long text", { paidWith: "x".repeat(100_000) }],
    ["a long list", { items: Array.from({ length: 100_000 }, () => 1) }],
    ["a list that says it is endless", { items: longList }],
    ["many keys", Object.fromEntries(Array.from({ length: 70_000 }, (__, i) => [`k${i}`, 1]))],
    ["many bytes", { a: new Uint8Array(1_000_000) }],
  ])("%s is too large", (_, output) => {
    expect(rejectionOf(stage, output)).toBe("too-large");
  });

  test("a list of odd length is malformed", () => {
    expect(rejectionOf(stage, { items: oddList })).toBe("malformed");
  });
});

test("an answer over 8 KiB is too large, one below is taken", () => {
  const data = (count: number) => ({
    requestData: Object.fromEntries(
      Array.from({ length: count }, (_, i) => [`k${i}`, { is: "text", value: "x".repeat(500) }]),
    ),
  });
  expect(rejectionOf("PRE_TRANSACTION", data(15))).toBeUndefined();
  expect(rejectionOf("PRE_TRANSACTION", data(17))).toBe("too-large");
});

test("models within models are taken as deep as records and frames around them allow", () => {
  const holding = (value: object) => {
    const references = { inner: value };
    const responses = [{ ...approvedWith(gbp(1)), references }];
    const data = { outer: { is: "transaction", value: { ...TRANSACTION, responses } } };
    return { additionalBasket: { ...basket("extra"), items: [{ ...item(5), data }] } };
  };
  const flat = holding({ is: "text", value: "?" });
  expect(rejectionOf("PRE_TRANSACTION", flat)).toBeUndefined();
  const deep = holding({ is: "basket", value: basket("inner", item(5)) });
  expect(rejectionOf("PRE_TRANSACTION", deep)).toBe("too-large");
});

test("a field is read once: what is checked is what is used", () => {
  expect(takenBy("PRE_TRANSACTION", fickle()).output?.amountsPaid).toEqual(gbp(100));
});

test("a list that maps itself to something else is read item by item", () => {
  const items = Mapped.from([item(200)]);
  const { output } = takenBy("PRE_TRANSACTION", {
    additionalBasket: { ...basket("extra"), items },
  });
  expect(output?.additionalBasket?.items).toEqual([item(200)]);
});

test("a key that objects keep for themselves is no key", () => {
  const requestData = JSON.parse('{"__proto__": {"is": "flag", "value": true}}') as unknown;
  expect(rejectionOf("PRE_TRANSACTION", { requestData })).toBe("malformed");
});

test("the message names the field, and is cut", () => {
  const name = "x".repeat(30_000);
  const checked = checkAnswer("PRE_TRANSACTION", ASKED, { requestData: { [name]: 1 } }, IN_SALE);
  expect(checked).toMatchObject({ ok: false, rejection: "malformed" });
  expect(checked.ok ? "" : checked.message).toMatch(/^answer\.requestData/);
  expect(checked.ok ? "" : checked.message.length).toBeLessThanOrEqual(160);
});

test("what did not get here is refused for the reason why", () => {
  expect(rejectionOf("GENERIC", new UnfitAnswer("too-large", "9000 bytes"))).toBe("too-large");
  const forged = new UnfitAnswer("no code" as "late", "?");
  expect(rejectionOf("GENERIC", forged)).toBe("malformed");
});

// ---- random ----

/** Mostly of the right sort: what is nonsense through and through is refused before any rule is asked. */
function mostly<T, U>(likely: fc.Arbitrary<T>, odd: fc.Arbitrary<U>): fc.Arbitrary<T | U> {
  return fc.oneof({ weight: 12, arbitrary: likely }, { weight: 1, arbitrary: odd });
}

const name = mostly(
  fc.constantFrom("tip", "charityDonation"),
  fc.constantFrom("__proto__", "constructor", ""),
);
const minor = mostly(
  fc.oneof(fc.constantFrom(0, 20, 25, 100, 600, 1000, 1020), fc.integer({ min: 0, max: 1200 })),
  fc.constantFrom(-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 1e15, "1", null),
);
const currency = mostly(fc.constant("GBP"), fc.constantFrom("USD", NO_CURRENCY, "gbp", 7));
const base = mostly(fc.constant(1000), minor);
const extra = mostly(fc.integer({ min: 20, max: 120 }), minor);
const amounts = mostly(
  fc.record({ currency, base, additional: fc.dictionary(name, extra, { maxKeys: 2 }) }),
  fc.record({
    currency,
    base: minor,
    additional: fc.dictionary(name, minor),
    converted: fc.record({ from: currency, rateMillionths: minor }),
  }),
);
const items = fc.array(
  fc.record({
    id: fc.constant("1"),
    label: fc.constant("item"),
    amountMinor: minor,
    baseMillionths: fc.integer({ min: -1e9, max: 1e9 }),
    quantity: fc.constantFrom(0, 1, 2, 1_000_000),
  }),
  { maxLength: 3 },
);
const baskets = fc.record({
  id: fc.constantFrom("primary", "extra"),
  name: fc.constant("b"),
  items,
  data: fc.constant({}),
  primary: fc.boolean(),
  rounding: fc.constantFrom("nearest", "up", "down", "?"),
});
const anything = fc.jsonValue({ maxDepth: 3 });
const data = mostly(
  fc.constant({}),
  fc.dictionary(name, fc.record({ is: fc.constantFrom("text", "integer"), value: anything })),
);
const updatedPayment = fc.record({
  id: fc.constant("order"),
  flowType: fc.constant("sale"),
  flowName: fc.constant("sale"),
  amounts,
  splitEnabled: mostly(fc.constant(false), fc.boolean()),
  data,
  source: fc.constant("sale"),
});
const paid = { amountsPaid: amounts, paidWith: fc.constantFrom("reward", "cash", "") };
const output = fc.oneof(
  anything,
  fc.record({ updatedPayment }),
  fc.record({ updatedAmounts: amounts }),
  fc.record({ updatedAmounts: amounts, ...paid, requestData: data }),
  fc.record(
    {
      ...paid,
      updatedPayment,
      updatedAmounts: amounts,
      additionalBasket: baskets,
      modifiedBasket: baskets,
      requestData: data,
      references: data,
      cancel: mostly(fc.constant(false), anything),
    },
    { requiredKeys: [] },
  ),
  fc.record(
    {
      id: mostly(fc.constant("request"), fc.constant("other")),
      outcome: fc.constantFrom("approved", "approved", "declined"),
      amounts,
      paymentMethod: fc.constantFrom("card", "cash"),
      card: fc.constant({ data: {} }),
      references: data,
      type: fc.constant("loyaltyBalance"),
      success: fc.boolean(),
      outcomeMessage: fc.constantFrom("", "?"),
      data,
      background: fc.boolean(),
    },
    { requiredKeys: ["id", "outcome", "paymentMethod", "card", "references"] },
  ),
);
const confirmed = fc.dictionary(
  fc.constantFrom("tip", "charityDonation"),
  fc.integer({ min: 0, max: 200 }),
);

test("I4: of 20,000 random answers in each stage none throws, and none raises an amount above what was agreed", {
  timeout: 120_000,
}, () => {
  const tally = { taken: 0, refused: 0, raised: 0, approved: 0 };
  const property = fc.property(output, confirmed, (given, agreed) => {
    for (const stage of CALLED_STAGES) {
      const checked = checkAnswer(stage, INPUTS[stage], given, { ...IN_SALE, confirmed: agreed });
      if (!checked.ok) {
        tally.refused++;
        continue;
      }
      if (checked.output === undefined) continue;
      tally.taken++;
      const updated =
        (checked.output as FlowResponse).updatedAmounts ??
        (checked.output as FlowResponse).updatedPayment?.amounts;
      if (updated) tally.raised += Number(checkBounds(stage, updated, agreed));
      const { amounts: approved } = checked.output as TransactionResponse;
      if (stage === "TRANSACTION_PROCESSING" && approved) {
        tally.approved++;
        expect(totalOf(approved)).toBeLessThanOrEqual(1020);
      }
    }
  });
  fc.assert(property, { numRuns: 20_000, seed: 4 });
  // All branches were reached, or this proves nothing.
  for (const count of Object.values(tally)) expect(count).toBeGreaterThan(50);
});

function checkBounds(
  stage: string,
  updated: NonNullable<FlowResponse["updatedAmounts"]>,
  agreed: RuleContext["confirmed"],
): boolean {
  const before = stage === "PRE_FLOW" ? gbp(1000) : stage === "SPLIT" ? gbp(600) : ASKED.amounts;
  expect(updated.currency).toBe("GBP");
  expect(updated.base).toBeLessThanOrEqual(before.base);
  for (const [extra, value] of Object.entries(updated.additional)) {
    const was = before.additional[extra] ?? 0;
    expect(value - was).toBeLessThanOrEqual(agreed[extra] ?? 0);
  }
  const extras = totalOf(updated) - updated.base;
  expect(OFFER.offerMinor + extras).toBeLessThanOrEqual(OFFER.maximumMinor);
  return extras > totalOf(before) - before.base;
}

test("an answer that pays is among the random ones' like", () => {
  expect(
    takenBy("TRANSACTION_PROCESSING", approvedWith(gbp(1020)), IN_SALE).output.amounts,
  ).toEqual(gbp(1000, { tip: 20 }));
});
