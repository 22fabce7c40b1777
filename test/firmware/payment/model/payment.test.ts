// Payments before a flow starts and what comes of one; requests, questions and words that all agree upon.

import { describe, expect, test } from "vitest";
import type { Amounts } from "../../../../firmware/payment/model/amounts.ts";
import { newItem } from "../../../../firmware/payment/model/basket-item.ts";
import { newBasket } from "../../../../firmware/payment/model/basket-items.ts";
import { basketView } from "../../../../firmware/payment/model/computed-fields.ts";
import { DATA_KEY_BYTES_MAX, NO_DATA } from "../../../../firmware/payment/model/data.ts";
import { DATA_TYPES } from "../../../../firmware/payment/model/data-value.ts";
import { equalModels, equivalent } from "../../../../firmware/payment/model/equivalence.ts";
import { deepFreeze } from "../../../../firmware/payment/model/freeze.ts";
import { type FailureReason, payment } from "../../../../firmware/payment/model/payment.ts";
import {
  addPaymentData,
  buildPayment,
  withPaymentData,
} from "../../../../firmware/payment/model/payment-builder.ts";
import {
  allApproved,
  isSplit,
  outcomeOf,
} from "../../../../firmware/payment/model/payment-outcome.ts";
import { partsFor, type ReceiptPart } from "../../../../firmware/payment/model/receipt-data.ts";
import {
  newRequest,
  respondTo,
  withResponseData,
} from "../../../../firmware/payment/model/request-builder.ts";
import { newQuery } from "../../../../firmware/payment/model/response-query-check.ts";
import type { Transaction } from "../../../../firmware/payment/model/transaction.ts";
import { approve, decline } from "../../../../firmware/payment/model/transaction-response.ts";
import * as sets from "../../../../firmware/payment/model/value-sets.ts";
import { readJson } from "../../../../firmware/protocol/schema.ts";
import { fault, pounds, value } from "./values.ts";

const started = { id: "p", source: "sale", flowType: "sale", amounts: pounds(1000) };
const text = (word: string) => ({ is: "text", value: word }) as const;

function basketOf(...amounts: readonly number[]) {
  const items = amounts.map((amountMinor, index) =>
    value(newItem({ id: `${index}`, label: "x", amountMinor })),
  );
  return deepFreeze(value(newBasket("b", "sale", items)));
}

describe("F57: payments", () => {
  test("peer 8.10, defect 4: a payment has an id, a flow type and amounts", () => {
    const { amounts: _, ...poor } = started;
    expect(fault(buildPayment(poor))).toBe("malformed at payment.amounts");
    expect(fault(buildPayment({ ...started, flowType: "" }))).toBe("malformed at payment.flowType");
    const { flowType: __, ...nameless } = started;
    expect(fault(buildPayment(nameless))).toBe("malformed at payment.flowType");
    expect(fault(buildPayment({ ...started, id: "" }))).toBe("malformed at payment.id");
  });

  test("peer 8.10: a card token and a split exclude each other", () => {
    const cardToken = { value: "t" };
    expect(fault(buildPayment({ ...started, cardToken, splitEnabled: true }))).toBe(
      "malformed at payment.cardToken",
    );
    expect(fault(buildPayment({ ...started, cardToken }))).toBe("ok");
    expect(fault(buildPayment({ ...started, splitEnabled: true }))).toBe("ok");
  });

  test("peer 8.10: a basket comes to the base, without what comes on top", () => {
    expect(fault(buildPayment({ ...started, basket: basketOf(400, 500) }))).toBe(
      "malformed at payment.basket",
    );
    const amounts = pounds(900, { tip: 100 });
    const whole = { ...started, amounts, basket: basketOf(400, 500) };
    expect(value(buildPayment(whole)).basket?.primary).toBe(true);
    expect(whole.basket.primary).toBe(false);
  });

  test("defect 7: a basket of one item of 16,777,217 can be paid", () => {
    const amounts = pounds(16_777_217);
    expect(fault(buildPayment({ ...started, amounts, basket: basketOf(16_777_217) }))).toBe("ok");
  });

  test("peer 8.10: a payment holds what it was made of, frozen and shared with nobody", () => {
    const parts = {
      ...started,
      flowName: "counter",
      paymentMethod: "card",
      basket: basketOf(1000),
      splitEnabled: true,
    };
    const made = value(buildPayment(parts));
    expect(made).toEqual({ ...parts, basket: { ...parts.basket, primary: true }, data: {} });
    expect(Object.isFrozen(made) && Object.isFrozen(made.basket?.items)).toBe(true);
    expect(made.amounts).not.toBe(parts.amounts);
  });

  test("peer 8.10: data is replaced, or added to", () => {
    const first = value(buildPayment({ ...started, data: { a: text("1"), b: text("2") } }));
    expect(value(withPaymentData(first, { c: text("3") })).data).toEqual({ c: text("3") });
    expect(value(addPaymentData(first, { b: text("4"), c: text("3") })).data).toEqual({
      a: text("1"),
      b: text("4"),
      c: text("3"),
    });
    expect(fault(addPaymentData(first, { "": text("x") }))).toBe("malformed at data.");
  });

  test("peer 8.10: it survives its JSON, and broken JSON is refused", () => {
    const made = value(buildPayment({ ...started, basket: basketOf(1000) }));
    const json: unknown = JSON.parse(JSON.stringify(payment.toJson(made)));
    expect(value(readJson(payment, json, "payment"))).toEqual(made);
    expect(fault(readJson(payment, { id: "p" }, "payment"))).toBe("malformed at payment.flowType");
  });

  test("F68: peer 8.10: the same payment under another id is equivalent, and not equal", () => {
    const one = value(buildPayment(started));
    const other = value(buildPayment({ ...started, id: "q" }));
    expect([equivalent(payment, one, other), equalModels(payment, one, other)]).toEqual([
      true,
      false,
    ]);
    expect(equivalent(payment, one, { ...other, data: { a: text("1") } })).toBe(false);
  });

  test("F71: a basket is shown with its totals", () => {
    expect(basketView(basketOf(400, 500))).toMatchObject({
      quantity: 2,
      totalMinor: 900,
      items: [{ totalMinor: 400, baseTotalMillionths: 400_000_000 }, { totalMinor: 500 }],
    });
  });
});

function paid(requested: Amounts, ...answers: readonly (Amounts | "no")[]): Transaction {
  const responses = answers.map((answer) =>
    value(answer === "no" ? decline("r", "no") : approve("r", { amounts: answer })),
  );
  const [data, references] = [NO_DATA, NO_DATA];
  return { id: "t", requested, baskets: [], data, responses, executed: [], references };
}

describe("F63: how a payment came out", () => {
  const whole = pounds(1000);
  test.each<[readonly Transaction[], FailureReason | undefined, string, FailureReason]>([
    [[paid(whole, whole)], undefined, "fulfilled", "none"],
    [[paid(whole, pounds(400), pounds(600))], undefined, "fulfilled", "none"],
    [[paid(whole, "no", whole)], undefined, "fulfilled", "none"],
    [
      [paid(pounds(400), pounds(400)), paid(pounds(600), pounds(600))],
      undefined,
      "fulfilled",
      "none",
    ],
    [[paid(whole, pounds(400))], undefined, "partially-fulfilled", "none"],
    [[paid(whole, pounds(400), "no")], undefined, "partially-fulfilled", "declined"],
    [[paid(whole, pounds(400))], "cancelled", "partially-fulfilled", "cancelled"],
    [[paid(pounds(400), pounds(400))], "timeout", "partially-fulfilled", "timeout"],
    [[paid(whole, "no")], undefined, "failed", "declined"],
    [[paid(whole, "no")], "cancelled", "failed", "cancelled"],
    [[paid(whole)], undefined, "failed", "error"],
    [[], "rejected", "failed", "rejected"],
    [[], undefined, "failed", "error"],
  ])("%#: %s", (transactions, why, outcome, failureReason) => {
    expect(outcomeOf(whole, transactions, why)).toEqual({ outcome, failureReason });
  });

  test("a request of nothing is fulfilled, unless something ended it", () => {
    const nothing = pounds(0);
    expect(outcomeOf(nothing, [paid(nothing)]).outcome).toBe("fulfilled");
    expect(outcomeOf(nothing, [paid(nothing)], "cancelled")).toEqual({
      outcome: "failed",
      failureReason: "cancelled",
    });
  });

  test("all are approved where there is one, none was declined and none left short", () => {
    expect(allApproved([])).toBe(false);
    expect(allApproved([paid(whole, whole)])).toBe(true);
    expect(allApproved([paid(whole, whole), paid(whole, "no", whole)])).toBe(false);
    expect(allApproved([paid(whole, pounds(1))])).toBe(false);
    expect([
      isSplit({ transactions: [paid(whole)] }),
      isSplit({ transactions: [paid(whole), paid(whole)] }),
    ]).toEqual([false, true]);
  });
});

describe("F65: requests and their answers", () => {
  test("a request has id and type, its answer both of them", () => {
    expect(fault(newRequest({ id: "", type: "x", source: "s" }))).toBe("malformed at request.id");
    expect(fault(newRequest({ id: "x", type: "", source: "s" }))).toBe("malformed at request.type");
    const asked = value(newRequest({ id: "r", type: "tokenisation", source: "s" }));
    expect(asked).toEqual({
      id: "r",
      type: "tokenisation",
      source: "s",
      data: {},
      background: false,
    });
    const answer = value(respondTo(asked, true, { data: { a: text("1") } }));
    expect(answer).toEqual({
      id: "r",
      type: "tokenisation",
      success: true,
      outcomeMessage: "",
      data: { a: text("1") },
      background: false,
    });
    const more = value(withResponseData(answer, { a: text("2"), b: text("3") }));
    expect(more.data).toEqual({ a: text("1"), b: text("3") });
    expect(fault(withResponseData(answer, { "": text("2") }))).toBe("malformed at data.");
  });

  test.each([
    [{}, "ok"],
    [{ fromMs: 1, toMs: 2 }, "ok"],
    [{ fromMs: 1 }, "malformed at query.toMs"],
    [{ toMs: 1 }, "malformed at query.fromMs"],
    [{ fromMs: 2, toMs: 2 }, "out-of-range at query.fromMs"],
    [{ fromMs: 3, toMs: 2 }, "out-of-range at query.fromMs"],
    [{ maxResults: 0 }, "out-of-range at query.maxResults"],
    [{ maxResults: 1 }, "ok"],
    [{ maxResults: 10_000 }, "ok"],
    [{ maxResults: 10_001 }, "malformed at query.maxResults"],
    [{ fromMs: -1, toMs: 2 }, "malformed at query.fromMs"],
  ])("a question about %j: %s", (parts, why) => {
    expect(fault(newQuery({ kind: "payment", ...parts }))).toBe(why);
  });

  test("a question names 100 results where it says nothing else", () => {
    expect(value(newQuery({ kind: "generic" })).maxResults).toBe(100);
  });
});

describe("F70: lines for the common receipt", () => {
  test("are those for whom it is, and for how it came out", () => {
    const part = (kind: ReceiptPart["kind"], state: ReceiptPart["state"]): ReceiptPart => ({
      position: "footer",
      kind,
      state,
      text: `${kind} ${state}`,
    });
    const parts = [part("all", "all"), part("customer", "success"), part("merchant", "failure")];
    expect(partsFor(parts, "customer", "success").map((one) => one.text)).toEqual([
      "all all",
      "customer success",
    ]);
    expect(partsFor(parts, "merchant", "failure").map((one) => one.text)).toEqual([
      "all all",
      "merchant failure",
    ]);
    expect(partsFor(parts, "customer", "failure")).toHaveLength(1);
  });
});

describe("F72: words that all agree upon", () => {
  const words: readonly [string, Readonly<Record<string, string>>][] = Object.entries(sets)
    .flatMap(([name, set]) =>
      typeof set === "object" && !Array.isArray(set) ? [[name, set as sets.ValueSet] as const] : [],
    )
    .map(([name, set]) => [name, set]);

  test("the sets hold as many as are documented, tax not among the amounts", () => {
    expect(Object.keys(sets.PAYMENT_METHODS)).toHaveLength(14);
    expect(Object.keys(sets.ADDITIONAL_AMOUNTS)).toEqual([
      "tip",
      "cashback",
      "surcharge",
      "charityDonation",
    ]);
    expect(Object.keys(sets.CARD_NETWORKS)).toHaveLength(7);
    expect(Object.keys(sets.ENTRY_METHODS)).toEqual(["insert", "swipe", "tap", "manual"]);
    // Those of tracks are secrets here.
    expect(Object.keys(sets.REFERENCE_KEYS).length + 3).toBe(15);
  });

  test.each(words)(
    "%s: each word can be a key, and says what it holds by a type that there is",
    (name, set) => {
      const types = Object.keys(DATA_TYPES);
      for (const [word, says] of Object.entries(set)) {
        expect(word).toMatch(/^[a-z][A-Za-z0-9]*$/);
        expect(word.length).toBeLessThanOrEqual(DATA_KEY_BYTES_MAX);
        if (name.endsWith("_KEYS") && name !== "CONFIG_KEYS")
          expect(types).toContain(says.split(":")[0]);
      }
    },
  );

  test("I12: no set names a secret as a key", () => {
    const all = words.flatMap(([, set]) => Object.keys(set));
    expect(all.filter(sets.isSecretKey)).toEqual([]);
    expect([sets.isSecretKey("cvv"), sets.isSecretKey("stan")]).toEqual([true, false]);
    expect([sets.isCardMethod("creditCard"), sets.isCardMethod("points")]).toEqual([true, false]);
    expect(Object.keys(sets.PAYMENT_METHODS)).toEqual(
      expect.arrayContaining([...sets.CARD_METHODS]),
    );
  });
});
