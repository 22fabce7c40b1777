// PRE_FLOW, SPLIT, and the stages that pay nothing: what each may answer, and how everything else is refused.

import { describe, expect, test } from "vitest";
import { withoutCards } from "../../../../firmware/payment/engine/card-guard.ts";
import { NO_CURRENCY } from "../../../../firmware/payment/model/amounts.ts";
import type { Payment } from "../../../../firmware/payment/model/payment.ts";
import type { RuleContext } from "../../../../firmware/payment/rules/rules.ts";
import {
  basket,
  CONTEXT,
  gbp,
  IN_SALE,
  INPUTS,
  item,
  PAYMENT,
  REQUEST,
  RESPONSE,
  rejectionOf,
  takenBy,
  without,
} from "./rule-inputs.ts";

const reward = { amountsPaid: gbp(100), paidWith: "reward" };
const references = { points: { is: "integer", value: 5 } };

describe("PRE_FLOW", () => {
  const empty: Payment = {
    ...PAYMENT,
    amounts: { currency: NO_CURRENCY, base: 0, additional: {} },
  };
  const refusal = (changes: object, context: RuleContext = CONTEXT, input = empty) =>
    rejectionOf("PRE_FLOW", { updatedPayment: { ...input, ...changes } }, context, input);

  test("F01: it may fill in a payment of nothing, without any right", () => {
    const bare = without("canAdjustAmounts", "canPayAmounts");
    const filled = { ...empty, amounts: gbp(500), basket: basket("b", item(500)) };
    const { output, augmented } = takenBy("PRE_FLOW", { updatedPayment: filled }, bare, empty);
    expect(output?.updatedPayment?.amounts).toEqual(gbp(500));
    expect(output?.updatedPayment?.basket?.primary).toBe(true);
    expect(augmented).toEqual(["payment"]);
  });

  test("F01: it may cancel, and it may skip", () => {
    const { output, augmented } = takenBy("PRE_FLOW", { cancel: true });
    expect(output).toEqual({ cancel: true });
    expect(augmented).toEqual(["cancelled"]);
    expect(takenBy("PRE_FLOW", undefined).output).toBeUndefined();
    expect(takenBy("PRE_FLOW", { cancel: false }).output).toBeUndefined();
  });

  test.each([
    ["what it is about", { data: { hostReference: { is: "text", value: "another's" } } }],
    ["less of what it is about", { data: {} }],
    ["another customer", { customer: { id: "rich", tokens: [], details: {} } }],
    ["no customer", { customer: undefined }],
    ["another way to pay", { paymentMethod: "points" }],
    ["another card", { cardToken: { value: "another's", source: "card" } }],
  ])("I4: of a flow that pays an offer, %s is refused", (_name, changes) => {
    const ordered: Payment = {
      ...PAYMENT,
      data: { hostReference: { is: "text", value: "H1" } },
      customer: { id: "payer", tokens: [], details: {} },
      paymentMethod: "card",
      cardToken: { value: "payer's", source: "card" },
    };
    expect(refusal(changes, IN_SALE, ordered)).toBe("payment-invalid");
    const more = { data: { ...ordered.data, lane: { is: "integer", value: 1 } } };
    expect(refusal(more, IN_SALE, ordered)).toBeUndefined();
    expect(refusal(changes, CONTEXT, ordered)).not.toBe("payment-invalid");
  });

  test("what a service may not see it does not take away by leaving it out", () => {
    const cardToken = { value: "wallet", source: "card" };
    const goods = basket("offer", item(1000, { data: { c: { is: "token", value: cardToken } } }));
    const seen: Payment = {
      ...PAYMENT,
      cardToken,
      basket: goods,
      data: { c: { is: "token", value: cardToken }, d: { is: "text", value: "d" } },
    };
    const answer = { updatedPayment: withoutCards(seen) };
    for (const context of [CONTEXT, IN_SALE]) {
      const { output } = takenBy("PRE_FLOW", answer, context, seen);
      expect(output?.updatedPayment?.cardToken).toEqual(cardToken);
    }
    const { output } = takenBy("PRE_FLOW", answer, IN_SALE, seen);
    expect(output?.updatedPayment?.data).toEqual(seen.data);
    expect(output?.updatedPayment?.basket).toEqual({ ...goods, primary: true });
    expect(refusal({ cardToken: undefined, splitEnabled: true }, CONTEXT, seen)).toBe(
      "payment-invalid",
    );
  });

  test("I4: what an offer sells stays what it was, line by line", () => {
    const sold = { ...PAYMENT, basket: basket("offer", item(600), item(400)) };
    const other = { basket: basket("offer", item(1000)) };
    expect(refusal(other, IN_SALE, sold)).toBe("payment-invalid");
    expect(refusal({ basket: undefined }, IN_SALE, sold)).toBe("payment-invalid");
    expect(refusal(other, CONTEXT, sold)).toBeUndefined();
  });

  test.each(["id", "flowType", "flowName", "source"])("the flow's %s stays", (name) => {
    expect(refusal({ [name]: "other" })).toBe("flow-changed");
  });

  test.each([
    ["updatedAmounts", gbp(1)],
    ["amountsPaid", gbp(1)],
    ["paidWith", "reward"],
    ["requestData", {}],
    ["references", {}],
    ["customer", { id: "c", tokens: [], details: {} }],
    ["additionalBasket", basket("b", item(1))],
    ["modifiedBasket", basket("b", item(-1))],
  ])("%s is not its to set", (name, value) => {
    expect(rejectionOf("PRE_FLOW", { [name]: value })).toBe("not-in-stage");
  });

  test("what is asked already is neither lowered nor put in another currency", () => {
    const asked = { ...PAYMENT, amounts: gbp(1000, { tip: 5 }) };
    expect(refusal({ amounts: gbp(999, { tip: 5 }) }, CONTEXT, asked)).toBe("base-changed");
    expect(refusal({ amounts: gbp(1000, { tip: 4 }) }, CONTEXT, asked)).toBe("additional-lowered");
    const eur = { ...gbp(1000, { tip: 5 }), currency: "EUR" };
    expect(refusal({ amounts: eur }, CONTEXT, asked)).toBe("currency-forbidden");
    expect(refusal({ amounts: gbp(1500, { tip: 6 }) }, CONTEXT, asked)).toBeUndefined();
    const converted = { ...gbp(500), converted: { from: "EUR", rateMillionths: 1 } };
    expect(refusal({ amounts: converted })).toBe("currency-forbidden");
    expect(refusal({ amounts: gbp(-1) })).toBe("amount-negative");
  });

  test("a payment that is none is refused", () => {
    expect(refusal({ amounts: gbp(500), basket: basket("b", item(499)) })).toBe("payment-invalid");
    expect(refusal({ splitEnabled: true, cardToken: { value: "t" } })).toBe("payment-invalid");
    expect(refusal({ amounts: { ...gbp(5), currency: "gbp" } })).toBe("malformed");
  });

  test("I4: what pays an offer keeps its base; extras need consent and stay below the maximum", () => {
    const of = (amounts: object, confirmed = {}) =>
      refusal({ amounts }, { ...IN_SALE, confirmed }, PAYMENT);
    expect(of(gbp(1001))).toBe("above-offer");
    expect(of(gbp(999))).toBe("base-changed");
    expect(of({ ...gbp(1000), currency: "USD" })).toBe("currency-forbidden");
    expect(of(gbp(1000, { tip: 5 }))).toBe("extra-unconfirmed");
    expect(of(gbp(1000, { tip: 5 }), { tip: 5 })).toBeUndefined();
    expect(of(gbp(1000, { tip: 101 }), { tip: 101 })).toBe("extra-above-maximum");
    expect(refusal({ splitEnabled: true }, IN_SALE, PAYMENT)).toBe("payment-invalid");
  });
});

describe("SPLIT", () => {
  const refusal = (output: unknown, context: RuleContext = CONTEXT) =>
    rejectionOf("SPLIT", output, context);

  test("peer 8.4: a share by base amount, in the currency of the payment", () => {
    const { output, augmented } = takenBy("SPLIT", { updatedAmounts: gbp(200) });
    expect(output?.updatedAmounts).toEqual(gbp(200));
    expect(augmented).toEqual(["amounts"]);
  });

  test("peer 8.4: a share by items is their total", () => {
    const { output, augmented } = takenBy("SPLIT", { additionalBasket: basket("b", item(250)) });
    expect(output?.updatedAmounts).toEqual(gbp(250));
    expect(augmented).toEqual(["amounts", "basket"]);
    const both = { additionalBasket: basket("b", item(250)), updatedAmounts: gbp(251) };
    expect(refusal(both)).toBe("basket-total");
    expect(refusal({ additionalBasket: basket("b") })).toBe("basket-empty");
    expect(refusal({ additionalBasket: basket("b", item(-1)) })).toBe("basket-total");
  });

  test("I4: a share is at most what remains: 600 of 1000", () => {
    expect(refusal({ updatedAmounts: gbp(601) }, IN_SALE)).toBe("share-excess");
    expect(refusal({ updatedAmounts: gbp(600) }, IN_SALE)).toBeUndefined();
    expect(refusal({ updatedAmounts: gbp(10, { tip: 1 }) }, IN_SALE)).toBe("share-excess");
    expect(refusal({ additionalBasket: basket("b", item(601)) }, IN_SALE)).toBe("share-excess");
    expect(refusal({ updatedAmounts: { ...gbp(5), currency: "EUR" } })).toBe("currency-forbidden");
    expect(refusal({ updatedAmounts: gbp(-1) })).toBe("amount-negative");
  });

  test("it may pay of what remains, and of the share that it names", () => {
    const paid = (amountsPaid: object) => refusal({ amountsPaid, paidWith: "reward" });
    expect(paid(gbp(600))).toBeUndefined();
    expect(paid(gbp(601))).toBe("paid-excess");
    expect(paid(gbp(0))).toBe("paid-zero");
    expect(paid(gbp(10, { tip: 1 }))).toBe("paid-additional");
    expect(paid({ ...gbp(10), currency: "EUR" })).toBe("paid-currency");
    expect(refusal({ amountsPaid: gbp(10) })).toBe("method-missing");
    expect(refusal({ amountsPaid: gbp(10), paidWith: "cash" })).toBe("method-undeclared");
    expect(refusal({ ...reward, updatedAmounts: gbp(99) })).toBe("paid-excess");
  });

  test("F85: sharing out needs canAdjustAmounts, paying needs canPayAmounts", () => {
    const share = { updatedAmounts: gbp(200) };
    expect(refusal(share, without("canAdjustAmounts"))).toBe("adjust-undeclared");
    expect(refusal({ additionalBasket: basket("b", item(1)) }, without("canAdjustAmounts"))).toBe(
      "adjust-undeclared",
    );
    expect(refusal(reward, without("canPayAmounts"))).toBe("pay-undeclared");
  });

  test("peer 8.4: it may cancel, with what it had done so far", () => {
    const { output, augmented } = takenBy("SPLIT", { cancel: true, ...reward });
    expect(output).toEqual({ cancel: true, ...reward });
    expect(augmented).toEqual(["amounts", "cancelled"]);
  });

  test("it gives no discounts, no customer, no payment, and references only for what it pays", () => {
    expect(refusal({ modifiedBasket: basket("b", item(-1)) })).toBe("not-in-stage");
    expect(refusal({ customer: { id: "c", tokens: [], details: {} } })).toBe("not-in-stage");
    expect(refusal({ updatedPayment: PAYMENT })).toBe("not-in-stage");
    expect(refusal({ references })).toBe("not-in-stage");
    expect(refusal({ references, ...reward })).toBeUndefined();
  });
});

describe("POST_TRANSACTION and POST_FLOW", () => {
  test("F09: after the outcome only references are taken", () => {
    const { output, augmented } = takenBy("POST_TRANSACTION", { references });
    expect(output).toEqual({ references });
    expect(augmented).toEqual(["references"]);
    expect(rejectionOf("POST_TRANSACTION", { references, ...reward })).toBe("not-in-stage");
    expect(rejectionOf("POST_TRANSACTION", { updatedAmounts: gbp(5000) })).toBe("not-in-stage");
    expect(rejectionOf("POST_TRANSACTION", { cancel: true })).toBe("cancel-forbidden");
  });

  test("F10: to the end of the flow nothing is added", () => {
    expect(takenBy("POST_FLOW", {}).output).toBeUndefined();
    expect(takenBy("POST_FLOW", undefined).output).toBeUndefined();
    expect(rejectionOf("POST_FLOW", { references })).toBe("not-in-stage");
    expect(rejectionOf("POST_FLOW", { cancel: true })).toBe("cancel-forbidden");
    expect(rejectionOf("POST_FLOW", "done")).toBe("malformed");
  });
});

describe("GENERIC, POST_GENERIC and STATUS_UPDATE", () => {
  const answer = { ...RESPONSE, service: "other", background: true };

  test("F11: a request is answered, by its own id and type", () => {
    const { output } = takenBy("GENERIC", answer);
    expect(output).toEqual({ ...RESPONSE, service: "service", background: false });
    expect(rejectionOf("GENERIC", undefined)).toBe("skip-forbidden");
    expect(rejectionOf("GENERIC", { ...answer, id: "other" })).toBe("wrong-request");
    expect(rejectionOf("GENERIC", { ...answer, type: "other" })).toBe("wrong-request");
    expect(rejectionOf("GENERIC", { ...answer, success: 1 })).toBe("malformed");
  });

  test("F129: a token in the answer is the answering service's", () => {
    const forged = { token: { is: "token", value: { value: "t", sourceService: "other" } } };
    expect(takenBy("GENERIC", { ...answer, data: forged }).output.data).toEqual({
      token: { is: "token", value: { value: "t", sourceService: "service" } },
    });
  });

  test("F12: to a response data may be added, and nothing in it changed", () => {
    const added = { ...RESPONSE, data: references };
    const whole = takenBy("POST_GENERIC", { ...RESPONSE, data: { tier: references.points } });
    expect(whole.output).toEqual({
      ...RESPONSE,
      data: { ...RESPONSE.data, tier: references.points },
    });
    expect(whole.augmented).toEqual(["references"]);
    expect(rejectionOf("POST_GENERIC", added)).toBe("not-in-stage");
    expect(rejectionOf("POST_GENERIC", { ...RESPONSE, success: false })).toBe("not-in-stage");
    expect(rejectionOf("POST_GENERIC", { ...RESPONSE, outcomeMessage: "!" })).toBe("not-in-stage");
    expect(rejectionOf("POST_GENERIC", { ...RESPONSE, id: "other" })).toBe("wrong-request");
    expect(takenBy("POST_GENERIC", { ...RESPONSE, service: "other" }).output?.service).toBe(
      "points",
    );
    expect(takenBy("POST_GENERIC", undefined).output).toBeUndefined();
  });

  test("additions have their bounds", () => {
    const many = Object.fromEntries(
      Array.from({ length: 24 }, (_, i) => [`k${i}`, references.points]),
    );
    expect(rejectionOf("POST_GENERIC", { ...RESPONSE, data: many })).toBe("too-large");
  });

  test("F13: a status update is answered with references or not at all", () => {
    const { output } = takenBy("STATUS_UPDATE", { ...answer, data: references });
    expect(output).toEqual({
      ...RESPONSE,
      data: references,
      service: "service",
      background: REQUEST.background,
    });
    expect(takenBy("STATUS_UPDATE", undefined).output).toBeUndefined();
    expect(rejectionOf("STATUS_UPDATE", { ...answer, id: "other" })).toBe("wrong-request");
  });
});

test("the inputs of these tests are what the stages take", () => {
  expect(Object.keys(INPUTS)).toHaveLength(11);
});
