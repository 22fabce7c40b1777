// Transactions: what is paid, what is left, which answer a reversal needs; and the answers themselves.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Amounts } from "../../../../firmware/payment/model/amounts.ts";
import {
  amountsPlus,
  convert,
  newAmounts,
  totalOf,
} from "../../../../firmware/payment/model/amounts-arithmetic.ts";
import { EMPTY_CARD } from "../../../../firmware/payment/model/card-mask.ts";
import {
  amountsView,
  transactionView,
} from "../../../../firmware/payment/model/computed-fields.ts";
import { NO_DATA } from "../../../../firmware/payment/model/data.ts";
import { textOf } from "../../../../firmware/payment/model/data-access.ts";
import { equalModels, equivalent } from "../../../../firmware/payment/model/equivalence.ts";
import { deepFreeze } from "../../../../firmware/payment/model/freeze.ts";
import {
  type Transaction,
  type TransactionResponse,
  transaction,
} from "../../../../firmware/payment/model/transaction.ts";
import {
  approve,
  decline,
  newTransactionResponse,
  type ResponseParts,
  transactionTimeMs,
  withReferences,
} from "../../../../firmware/payment/model/transaction-response.ts";
import {
  hasDeclined,
  isFulfilled,
  lastResponse,
  paymentAppResponse,
  processedOf,
  remainingOf,
  summaryOf,
  tenders,
} from "../../../../firmware/payment/model/transaction-sums.ts";
import { readJson } from "../../../../firmware/protocol/schema.ts";
import { fault, pounds, value } from "./values.ts";

function approved(amounts?: Amounts, parts: ResponseParts = {}): TransactionResponse {
  return value(approve("r", { ...(amounts && { amounts }), ...parts }));
}

function declined(parts: ResponseParts = {}): TransactionResponse {
  return value(decline("r", "no", parts));
}

function asked(requested: Amounts, ...responses: readonly TransactionResponse[]): Transaction {
  return deepFreeze({
    id: "t",
    requested,
    baskets: [],
    data: NO_DATA,
    responses,
    executed: [],
    references: NO_DATA,
  });
}

describe("F61: what is paid and what is left", () => {
  const whole = pounds(1000, { tip: 200, charity: 100 });

  test("peer 8.8: without answers all of it is left", () => {
    const one = asked(whole);
    expect([remainingOf(one), totalOf(processedOf(one)), isFulfilled(one)]).toEqual([
      whole,
      0,
      false,
    ]);
  });

  test("peer 8.8: 1000 less 200, 100 and 50 leaves 650; 350 were paid", () => {
    const one = asked(
      pounds(1000),
      approved(pounds(200)),
      approved(pounds(100)),
      approved(pounds(50)),
    );
    expect([remainingOf(one), processedOf(one)]).toEqual([pounds(650), pounds(350)]);
  });

  test("a part of each additional amount is left", () => {
    const one = asked(whole, approved(pounds(1000, { tip: 100, charity: 50 })));
    expect(remainingOf(one)).toEqual(pounds(0, { tip: 100, charity: 50 }));
    expect(isFulfilled(one)).toBe(false);
  });

  test.each([
    [pounds(1000, { tip: 200 }), [pounds(1200)]],
    [pounds(1000, { tip: 200 }), [pounds(900, { tip: 300 })]],
    [pounds(1000, { tip: 100 }), [pounds(400), pounds(600, { tip: 100 })]],
    [pounds(1000, { tip: 200 }), [pounds(600), pounds(600)]],
    [pounds(1000, { tip: 200 }), [pounds(0, { other: 700 }), pounds(500)]],
    [pounds(0), []],
    [pounds(0, { tip: 5 }), [pounds(5)]],
  ])("all of %j is paid by %j, in whatever structure that is stated", (requested, paid) => {
    const one = asked(requested, ...paid.map((amounts) => approved(amounts)));
    expect([totalOf(remainingOf(one)), isFulfilled(one)]).toEqual([0, true]);
    expect(totalOf(processedOf(one))).toBe(totalOf(requested));
  });

  test("only approved answers with amounts pay", () => {
    const told = { ...declined(), amounts: pounds(500) };
    const one = asked(whole, approved(), told, approved(pounds(10)));
    expect(tenders(one)).toEqual([approved(pounds(10))]);
    expect(remainingOf(one)).toEqual(pounds(990, { tip: 200, charity: 100 }));
    expect(processedOf(one)).toEqual(pounds(10, { tip: 0, charity: 0 }));
  });

  test("what was kept although it is more than was asked counts as paid, and nothing is left", () => {
    const one = asked(pounds(1000, { tip: 1 }), approved(pounds(1500)));
    expect([totalOf(processedOf(one)), remainingOf(one)]).toEqual([1500, pounds(0)]);
  });

  test("an answer in another currency pays nothing and breaks nothing", () => {
    const one = asked(pounds(1000), approved(value(newAmounts("USD", 1000))));
    expect([remainingOf(one), totalOf(processedOf(one))]).toEqual([pounds(1000), 0]);
  });

  test("how the request was converted stays with both sums", () => {
    const dollars = value(convert(pounds(100), "USD", 1_300_000));
    const one = asked(dollars, approved(value(newAmounts("USD", 30))));
    expect([remainingOf(one).converted, processedOf(one).converted]).toEqual([
      dollars.converted,
      dollars.converted,
    ]);
    expect(processedOf(asked(dollars)).converted).toEqual(dollars.converted);
  });

  test("defect 2, defect 8: asking again gives the same, and changes nothing", () => {
    const one = asked(pounds(1000, { tip: 200 }), approved(pounds(1000, { tip: 100 })));
    const before = JSON.stringify(one);
    const first = remainingOf(one);
    expect(first).toEqual(pounds(0, { tip: 100 }));
    expect(remainingOf(one)).toEqual(first);
    expect(JSON.stringify(one)).toBe(before);
    const requested = { currency: "GBP", base: 5, additional: { tip: 1 } };
    const left = remainingOf({ requested, responses: [] });
    requested.additional.tip = 9;
    expect(left).toEqual(pounds(5, { tip: 1 }));
  });

  test("I1: what is paid and what is left are together what was asked for", () => {
    const minor = fc.integer({ min: 0, max: 2000 });
    const names = fc.dictionary(fc.constantFrom("tip", "charity", "other"), minor);
    const some = fc.record({ base: minor, names });
    const answers = fc.array(some, { maxLength: 6 });
    fc.assert(
      fc.property(some, answers, ({ base, names: extra }, list) => {
        const requested = pounds(base, extra);
        let one = asked(requested);
        for (const { base: paid, names: more } of list) {
          const next = asked(requested, ...one.responses, approved(pounds(paid, more)));
          if (paid + totalOf(pounds(0, more)) <= totalOf(remainingOf(one))) one = next;
        }
        const sum = value(amountsPlus(remainingOf(one), processedOf(one)));
        expect(totalOf(sum)).toBe(totalOf(requested));
        expect(sum.base).toBe(requested.base);
      }),
    );
  });
});

describe("F61: answers of a transaction", () => {
  const read = { stage: "PAYMENT_CARD_READING" } as const;
  const took = { stage: "TRANSACTION_PROCESSING" } as const;

  test("declines and the last answer are seen", () => {
    const one = asked(pounds(5), declined(), approved(pounds(5)));
    expect([hasDeclined(one), hasDeclined(asked(pounds(5), approved()))]).toEqual([true, false]);
    expect([lastResponse(one), lastResponse(asked(pounds(5)))]).toEqual([
      approved(pounds(5)),
      undefined,
    ]);
  });

  test.each([
    [[declined(read), approved(pounds(5), took)], 1],
    [[declined(took), approved(pounds(5), took), approved(pounds(3), took)], 1],
    [[approved(undefined, read), approved(pounds(5), took)], 1],
    [[approved(undefined, read), declined(took)], 0],
    [[declined(read), declined(took)], 0],
    [[approved(pounds(5), { stage: "PRE_TRANSACTION" }), declined(took)], 1],
    [[approved(pounds(5), { stage: "PRE_TRANSACTION" })], -1],
    [[], -1],
  ])("the payment application's answer prefers the one that took money: %#", (responses, index) => {
    expect(paymentAppResponse(asked(pounds(8), ...responses))).toEqual(responses[index]);
  });

  test("F67: a summary is the transaction with the card of its last answer", () => {
    const card = { maskedPan: "123456XX", data: NO_DATA };
    const one = asked(pounds(5), approved(pounds(5), { card }));
    expect(summaryOf(one, "sale", "customer")).toEqual({
      ...one,
      flowType: "sale",
      audience: "customer",
      card,
    });
    expect(summaryOf(asked(pounds(5)), "sale", "customer").card).toEqual(EMPTY_CARD);
  });

  test("F68: peer 8.8: two that differ in nothing but the id are equivalent, and not equal", () => {
    const one = asked(pounds(5), approved(pounds(5)));
    const other = { ...one, id: "other" };
    expect([equivalent(transaction, one, other), equalModels(transaction, one, other)]).toEqual([
      true,
      false,
    ]);
    expect(equivalent(transaction, one, { ...other, requested: pounds(6) })).toBe(false);
    expect(equivalent(transaction, one, one)).toBe(false);
    const swapped = { ...other, requested: { additional: {}, base: 5, currency: "GBP" } };
    expect(equivalent(transaction, one, swapped)).toBe(true);
  });

  test("F71: what can be computed stands beside it for people, and is ignored on reading", () => {
    const one = asked(pounds(5, { tip: 2 }), approved(pounds(5)));
    const view = transactionView(one);
    expect(view).toMatchObject({
      remaining: { base: 0, additional: { tip: 2 }, totalMinor: 2 },
      processed: { base: 5, totalMinor: 5 },
      fulfilled: false,
    });
    expect(value(readJson(transaction, view, "transaction"))).toEqual(one);
    expect(amountsView(pounds(5, { tip: 2 }))).toMatchObject({ totalMinor: 7 });
  });
});

describe("F59: answers", () => {
  test("peer 8.7: an answer names its request and has an outcome", () => {
    expect(fault(newTransactionResponse({ outcome: "approved" }))).toBe("malformed at response.id");
    expect(fault(newTransactionResponse({ id: "r" }))).toBe("malformed at response.outcome");
    expect(fault(approve(""))).toBe("malformed at response.id");
    expect(fault(decline("", "no"))).toBe("malformed at response.id");
    expect(fault(newTransactionResponse({ id: "r", outcome: "approved" }))).toBe("ok");
  });

  test("approved without amounts is nothing charged, by card where nothing else is said", () => {
    expect(value(approve("r"))).toEqual({
      id: "r",
      outcome: "approved",
      paymentMethod: "card",
      card: EMPTY_CARD,
      references: NO_DATA,
    });
    const paid = value(approve("r", { amounts: pounds(0), paymentMethod: "points" }));
    expect([paid.amounts, paid.paymentMethod]).toEqual([pounds(0), "points"]);
  });

  test("declined drops the amounts and keeps the rest", () => {
    const no = value(decline("r", "no", { amounts: pounds(5), responseCode: "51" }));
    expect(no).toMatchObject({ outcome: "declined", outcomeMessage: "no", responseCode: "51" });
    expect(no.amounts).toBeUndefined();
  });

  test("F60: references are added, and none that is there is replaced", () => {
    const text = (word: string) => ({ is: "text", value: word }) as const;
    const first = deepFreeze(value(approve("r", { references: { authCode: text("1") } })));
    const more = value(withReferences(first, { authCode: text("2"), stan: text("3") }));
    expect([textOf(more.references, "authCode"), textOf(more.references, "stan")]).toEqual([
      "1",
      "3",
    ]);
    expect(first.references).toEqual({ authCode: text("1") });
    expect(fault(withReferences(first, { "": text("x") }))).toBe("malformed at data.");
  });

  test.each([
    [{ is: "integer", value: 1_700_000_000_000 }, 1_700_000_000_000],
    [{ is: "text", value: "1700000000000" }, 1_700_000_000_000],
    [{ is: "text", value: "2023-11-14" }, undefined],
    [{ is: "text", value: "" }, undefined],
    [{ is: "text", value: "9999999999999999" }, undefined],
    [{ is: "flag", value: true }, undefined],
  ] as const)("its time is read as number or text: %j", (transactionDateTime, time) => {
    expect(transactionTimeMs({ references: { transactionDateTime } })).toBe(time);
    expect(transactionTimeMs({ references: NO_DATA })).toBeUndefined();
  });
});
