// PRE_TRANSACTION and POST_CARD_READING: every rule refuses what breaks it, by its code, also from a service that uses
// no stage model; and what is allowed is taken.

import { describe, expect, test } from "vitest";
import type { Customer } from "../../../../firmware/payment/model/customer.ts";
import { checkAnswer, type RuleContext } from "../../../../firmware/payment/rules/rules.ts";
import {
  ASKED,
  basket,
  CONTEXT,
  gbp,
  IN_SALE,
  INFO,
  item,
  rejectionOf,
  takenBy,
  without,
} from "./rule-inputs.ts";

const WITH_CURRENCY: RuleContext = {
  ...CONTEXT,
  settings: { ...CONTEXT.settings, isCurrencyChangeAllowed: true },
};
const reward = { amountsPaid: gbp(100), paidWith: "reward" };

describe.each(["PRE_TRANSACTION", "POST_CARD_READING"] as const)("%s", (stage) => {
  const refusal = (output: unknown, context?: RuleContext, input = ASKED) =>
    rejectionOf(stage, output, context, input);
  const taken = (output: unknown, context?: RuleContext, input = ASKED) =>
    takenBy(stage, output, context, input);

  test("F85: a service that declared nothing neither adjusts nor pays", () => {
    const tip = { updatedAmounts: gbp(1000, { tip: 50 }) };
    expect(refusal(tip, without("canAdjustAmounts"))).toBe("adjust-undeclared");
    expect(refusal({ additionalBasket: basket("b", item(5)) }, without("canAdjustAmounts"))).toBe(
      "adjust-undeclared",
    );
    expect(refusal(reward, without("canPayAmounts"))).toBe("pay-undeclared");
    expect(refusal(tip)).toBeUndefined();
    expect(refusal(reward)).toBeUndefined();
  });

  test("F86: what is paid is not nothing, not below it, not more than is asked, and in its currency", () => {
    const paid = (amountsPaid: object, paidWith = "reward") => refusal({ amountsPaid, paidWith });
    expect(paid(gbp(0))).toBe("paid-zero");
    expect(paid(gbp(-1))).toBe("amount-negative");
    expect(paid(gbp(1001))).toBe("paid-excess");
    expect(paid(gbp(1000))).toBeUndefined();
    expect(paid(gbp(100, { tip: 1 }))).toBe("paid-additional");
    expect(paid({ ...gbp(100), currency: "SEK" })).toBe("paid-currency");
    expect(refusal({ paidWith: "reward" })).toBe("paid-zero");
  });

  test("defect 11: a payment names its method, and one that its info lists", () => {
    expect(refusal({ amountsPaid: gbp(100) })).toBe("method-missing");
    expect(refusal({ amountsPaid: gbp(100), paidWith: "" })).toBe("method-missing");
    expect(refusal({ amountsPaid: gbp(100), paidWith: "cash" })).toBe("method-undeclared");
    expect(refusal({ amountsPaid: gbp(100), paidWith: "Reward" })).toBeUndefined();
  });

  test("F75: an additional amount may be set and raised, never lowered or left out", () => {
    expect(refusal({ updatedAmounts: gbp(1000, { tip: 19 }) })).toBe("additional-lowered");
    expect(refusal({ updatedAmounts: gbp(1000) })).toBe("additional-lowered");
    expect(refusal({ updatedAmounts: gbp(1000, { tip: -1 }) })).toBe("amount-negative");
    const raised = taken({ updatedAmounts: gbp(1000, { tip: 21, charityDonation: 5 }) });
    expect(raised.output?.updatedAmounts).toEqual(gbp(1000, { tip: 21, charityDonation: 5 }));
    expect(raised.augmented).toEqual(["amounts"]);
  });

  test("the base changes by a basket or a currency and by nothing else", () => {
    expect(refusal({ updatedAmounts: gbp(1001, { tip: 20 }) })).toBe("base-changed");
    expect(refusal({ updatedAmounts: gbp(999, { tip: 20 }) })).toBe("base-changed");
  });

  test("F76: a new basket raises the base by its total, whether or not its maker says so", () => {
    const additionalBasket = { ...basket("extra", item(200)), primary: true };
    const silent = taken({ additionalBasket });
    expect(silent.output?.updatedAmounts).toEqual(gbp(1200, { tip: 20 }));
    expect(silent.output?.additionalBasket?.primary).toBe(false);
    expect(silent.augmented).toEqual(["amounts", "basket"]);
    const updatedAmounts = gbp(1200, { tip: 20 });
    expect(refusal({ additionalBasket, updatedAmounts })).toBeUndefined();
    expect(refusal({ additionalBasket, updatedAmounts: gbp(1201, { tip: 20 }) })).toBe(
      "basket-total",
    );
  });

  test("a new basket holds items, is not below zero, has an id of its own, and there is room for it", () => {
    expect(refusal({ additionalBasket: basket("extra") })).toBe("basket-empty");
    expect(refusal({ additionalBasket: basket("extra", item(-200)) })).toBe("basket-total");
    expect(refusal({ additionalBasket: basket("primary", item(200)) })).toBe("malformed");
    const full = { ...ASKED, baskets: ["a", "b", "c", "d"].map((id) => basket(id, item(250))) };
    expect(refusal({ additionalBasket: basket("extra", item(5)) }, CONTEXT, full)).toBe(
      "too-large",
    );
    const huge = basket("extra", item(1_000_000_000, { quantity: 1000 }));
    expect(refusal({ additionalBasket: huge })).toBe("basket-total");
  });

  test("F79: the currency changes only where settings allow it, by a stated rate, exactly", () => {
    const at = (rateMillionths: number, base: number, tip: number, from = "GBP") => ({
      updatedAmounts: {
        currency: "USD",
        base,
        additional: { tip },
        converted: { from, rateMillionths },
      },
    });
    expect(refusal(at(1_500_000, 1500, 30))).toBe("currency-forbidden");
    expect(refusal(at(1_500_000, 1500, 30), WITH_CURRENCY)).toBeUndefined();
    expect(taken(at(1_500_000, 1500, 30), WITH_CURRENCY).augmented).toEqual([
      "amounts",
      "currency",
    ]);
    expect(refusal(at(1_500_000, 1501, 30), WITH_CURRENCY)).toBe("base-changed");
    expect(refusal(at(1_500_000, 1500, 29), WITH_CURRENCY)).toBe("additional-lowered");
    expect(refusal(at(1_500_000, 1500, 30, "EUR"), WITH_CURRENCY)).toBe("currency-forbidden");
    const unsaid = { updatedAmounts: { ...gbp(1500, { tip: 30 }), currency: "USD" } };
    expect(refusal(unsaid, WITH_CURRENCY)).toBe("currency-forbidden");
    const rich = { ...ASKED, amounts: gbp(1e12, { tip: 30 }) };
    expect(refusal(at(1e12, 1500, 30), WITH_CURRENCY, rich)).toBe("currency-forbidden");
    const idle = { ...gbp(1000, { tip: 20 }), converted: { from: "EUR", rateMillionths: 1 } };
    expect(refusal({ updatedAmounts: idle }, WITH_CURRENCY)).toBe("currency-forbidden");
  });

  test("peer 8.6: what is paid fits what is asked for from now on, in amount and in currency", () => {
    const converted = { from: "GBP", rateMillionths: 500_000 };
    const updatedAmounts = { currency: "USD", base: 500, additional: { tip: 10 }, converted };
    expect(refusal({ updatedAmounts, ...reward }, WITH_CURRENCY)).toBe("paid-currency");
  });

  test("F77, F87: discounts are below zero, on a basket that is there, and exactly what is paid", () => {
    const discount = (modifiedBasket: object, base = 100) =>
      refusal({ modifiedBasket, amountsPaid: gbp(base), paidWith: "reward" });
    const minus100 = basket("primary", item(-60), item(-40, { id: "2" }));
    expect(discount(minus100)).toBeUndefined();
    expect(discount(basket("unknown", item(-100)))).toBe("basket-unknown");
    expect(discount(basket("primary"))).toBe("basket-empty");
    expect(discount(basket("primary", item(-200), item(100, { id: "2" })))).toBe(
      "discount-positive",
    );
    expect(discount(basket("primary", item(-100), item(0, { id: "2" })))).toBe("discount-positive");
    expect(discount(minus100, 99)).toBe("discount-sum");
    expect(refusal({ modifiedBasket: minus100 })).toBe("discount-unpaid");
  });

  test("F77: an item whose modifiers make it a charge is no discount, whatever it states", () => {
    const modifiers = [{ name: "extra", type: "extra", amountMillionths: 200_000_000 }];
    const modifiedBasket = basket("primary", item(-100, { modifiers }));
    expect(refusal({ modifiedBasket, ...reward })).toBe("discount-positive");
  });

  test("defect 10: a discount larger than the amount paid is seen", () => {
    const modifiedBasket = basket("primary", item(-500));
    expect(refusal({ modifiedBasket, ...reward })).toBe("discount-sum");
  });

  test("F78: references go with a paid part, and with nothing else", () => {
    const references = { account: { is: "text", value: "7" } };
    expect(refusal({ references })).toBe("not-in-stage");
    const { output, augmented } = taken({ ...reward, references });
    expect(output).toEqual({ ...reward, references });
    expect(augmented).toEqual(["amounts", "references"]);
  });

  test("F80: of a customer who is there, tokens and details are taken, id and name are not", () => {
    const known: Customer = {
      id: "c1",
      fullName: "Ada",
      tokens: [{ value: "old", sourceService: "other" }],
      details: { city: { is: "text", value: "Oslo" } },
    };
    const customer = {
      id: "c2",
      fullName: "Eve",
      tokens: [
        { value: "old", sourceService: "service" },
        { value: "new", sourceService: "other" },
      ],
      details: { phone: { is: "text", value: "1" } },
    };
    const { output, augmented } = taken({ customer }, CONTEXT, { ...ASKED, customer: known });
    expect(output?.customer).toEqual({
      id: "c1",
      fullName: "Ada",
      // Whose a token is, is said by the engine alone.
      tokens: [
        { value: "old", sourceService: "other" },
        { value: "new", sourceService: INFO.id },
      ],
      details: { city: { is: "text", value: "Oslo" }, phone: { is: "text", value: "1" } },
    });
    expect(augmented).toEqual(["customer"]);
    expect(taken({ customer }).output?.customer?.id).toBe("c2");
  });

  test("F80: a customer has room for eight tokens and 24 details, whoever adds them", () => {
    const tokens = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => ({ value: `t${from + i}` }));
    const details = (from: number, count: number) =>
      Object.fromEntries(
        Array.from({ length: count }, (_, i) => [
          `k${from + i}`,
          { is: "flag", value: true } as const,
        ]),
      );
    const customer: Customer = { id: "c1", tokens: tokens(0, 6), details: details(0, 20) };
    const known = { ...ASKED, customer };
    const add = (more: Partial<Customer>) =>
      refusal({ customer: { id: "c1", tokens: [], details: {}, ...more } }, CONTEXT, known);
    expect(add({ tokens: tokens(5, 3) })).toBeUndefined();
    expect(add({ tokens: tokens(5, 4) })).toBe("too-large");
    expect(add({ details: details(19, 5) })).toBeUndefined();
    expect(add({ details: details(19, 6) })).toBe("too-large");
  });

  test("F81: data of the request may be added", () => {
    const { output, augmented } = taken({ requestData: { member: { is: "flag", value: true } } });
    expect(output).toEqual({ requestData: { member: { is: "flag", value: true } } });
    expect(augmented).toEqual(["additionalData"]);
  });

  test("it may neither cancel nor replace the payment", () => {
    expect(refusal({ cancel: true })).toBe("cancel-forbidden");
    expect(refusal({ updatedPayment: undefined, cancel: undefined })).toBeUndefined();
  });

  test.each([[undefined], [null], [{}], [{ unheard: 1 }]])(
    "F89: %j is the empty answer",
    (empty) => {
      expect(taken(empty)).toMatchObject({ output: undefined, augmented: [], flags: [] });
    },
  );

  test("what was asked, said again, changes nothing and needs no right", () => {
    const same = { updatedAmounts: gbp(1000, { tip: 20 }) };
    expect(taken(same, without("canAdjustAmounts")).output).toBeUndefined();
  });

  test("the input is not touched, and the output is ours and frozen", () => {
    const answer = { ...reward, references: { a: { is: "bytes", value: new Uint8Array([1]) } } };
    const { output } = taken(answer);
    answer.references.a.value[0] = 9;
    answer.amountsPaid = gbp(1000);
    expect(output?.references).toEqual({ a: { is: "bytes", value: new Uint8Array([1]) } });
    expect(output?.amountsPaid).toEqual(gbp(100));
    expect(Object.isFrozen(output?.amountsPaid?.additional)).toBe(true);
  });
});

describe("PRE_TRANSACTION of a flow that pays a signed offer", () => {
  const offered = { ...ASKED, amounts: gbp(1000) };
  const refusal = (output: unknown, more: Partial<RuleContext> = {}, input = offered) =>
    rejectionOf("PRE_TRANSACTION", output, { ...IN_SALE, ...more }, input);

  test("I4: the base never rises, by no basket and no currency", () => {
    expect(refusal({ updatedAmounts: gbp(1001) })).toBe("above-offer");
    expect(refusal({ updatedAmounts: gbp(999) })).toBe("base-changed");
    expect(refusal({ additionalBasket: basket("extra", item(1)) })).toBe("above-offer");
    const settings = { ...CONTEXT.settings, isCurrencyChangeAllowed: true };
    const updatedAmounts = {
      currency: "USD",
      base: 1500,
      additional: {},
      converted: { from: "GBP", rateMillionths: 1_500_000 },
    };
    expect(refusal({ updatedAmounts }, { settings })).toBe("currency-forbidden");
  });

  test("I4: an extra needs the payer's consent to at least that much", () => {
    const updatedAmounts = gbp(1000, { charityDonation: 50 });
    expect(refusal({ updatedAmounts })).toBe("extra-unconfirmed");
    expect(refusal({ updatedAmounts }, { confirmed: { charityDonation: 49 } })).toBe(
      "extra-unconfirmed",
    );
    expect(refusal({ updatedAmounts }, { confirmed: { tip: 50 } })).toBe("extra-unconfirmed");
    expect(refusal({ updatedAmounts }, { confirmed: { charityDonation: 50 } })).toBeUndefined();
    const inherited = { updatedAmounts: gbp(1000, { constructor: 1 }) };
    expect(refusal(inherited)).toBe("extra-unconfirmed");
  });

  test("I4: consent to one rise is no consent to another on top", () => {
    const before = { ...ASKED, amounts: gbp(1000, { tip: 50 }) };
    const updatedAmounts = gbp(1000, { tip: 90 });
    expect(refusal({ updatedAmounts }, { confirmed: { tip: 39 } }, before)).toBe(
      "extra-unconfirmed",
    );
    expect(refusal({ updatedAmounts }, { confirmed: { tip: 40 } }, before)).toBeUndefined();
  });

  test("I4: extras stay below the maximum that the payer signed, also over several transactions", () => {
    const confirmed = { tip: 101 };
    expect(refusal({ updatedAmounts: gbp(1000, { tip: 101 }) }, { confirmed })).toBe(
      "extra-above-maximum",
    );
    const most = { updatedAmounts: gbp(1000, { tip: 100 }) };
    expect(refusal(most, { confirmed })).toBeUndefined();
    expect(refusal(most, { confirmed, extrasPaidMinor: 1 })).toBe("extra-above-maximum");
    // What a discount pays makes no room for more.
    const paid = { ...reward, updatedAmounts: gbp(1000, { tip: 101 }) };
    expect(refusal(paid, { confirmed })).toBe("extra-above-maximum");
  });

  test("discounts and payments of services are taken as ever", () => {
    expect(refusal(reward)).toBeUndefined();
  });
});

test("money that a refused answer says it took is kept as evidence, as far as it can be read", () => {
  const references = { account: { is: "text", value: "7" } };
  const answer = { amountsPaid: gbp(5000), paidWith: "reward", references, cancel: "what?" };
  const checked = checkAnswer("PRE_TRANSACTION", ASKED, answer, CONTEXT);
  expect(checked).toMatchObject({
    ok: false,
    rejection: "malformed",
    evidence: {
      outcome: "approved",
      amounts: gbp(5000),
      paymentMethod: "reward",
      references,
      service: "service",
      stage: "PRE_TRANSACTION",
    },
  });
  const adjusted = checkAnswer("PRE_TRANSACTION", ASKED, { cancel: true }, CONTEXT);
  expect(adjusted).not.toHaveProperty("evidence");
});
