// What each stage model answers, and what it refuses at once: the rules that authors meet before the engine does.

import { describe, expect, test } from "vitest";
import { NO_CURRENCY } from "../../../../firmware/payment/model/amounts.ts";
import type { TransactionRequest } from "../../../../firmware/payment/model/transaction.ts";
import { ASKED, FULL_CARD, gbp, INPUTS, item, PAYMENT, TRANSACTION } from "../rules/rule-inputs.ts";
import { ABLE, play, thrownBy } from "./played-engine.ts";

const plain: TransactionRequest = { ...ASKED, amounts: gbp(100) };

describe("PreFlowModel", () => {
  const empty = { ...PAYMENT, amounts: { currency: NO_CURRENCY, base: 0, additional: {} } };

  test("F01: fills in, cancels, or skips", async () => {
    const filled = await play("PRE_FLOW", (model) => model.update({ amounts: gbp(500) }), empty);
    expect(filled.taken.output?.updatedPayment).toEqual({ ...empty, amounts: gbp(500) });
    const cancelled = await play("PRE_FLOW", (model) => model.cancel());
    expect(cancelled.taken.output).toEqual({ cancel: true });
    expect((await play("PRE_FLOW", (model) => model.skip())).taken.output).toBeUndefined();
    expect((await play("PRE_FLOW", () => {})).taken.output).toBeUndefined();
  });

  test("several updates add up, and one that is refused changes nothing", async () => {
    const played = await play("PRE_FLOW", (model) => {
      model.update({ paymentMethod: "card" });
      expect(() => model.update({ amounts: gbp(1) })).toThrow("base-changed");
      model.update({ amounts: gbp(1200) });
    });
    const { paymentMethod, amounts } = played.taken.output?.updatedPayment ?? {};
    expect({ paymentMethod, amounts }).toEqual({ paymentMethod: "card", amounts: gbp(1200) });
  });
});

describe("SplitModel", () => {
  test("peer 8.4: sets the base amount of the next transaction", async () => {
    const played = await play("SPLIT", (model) => {
      expect(model.remaining).toEqual(gbp(600));
      model.setShare(200);
    });
    expect(played.taken.output?.updatedAmounts).toEqual(gbp(200));
  });

  test("peer 8.4: the basket of the next transaction sets its base amount", async () => {
    const played = await play("SPLIT", (model) => {
      model.setShare(1);
      model.setBasket("mine", "my items", [{ label: "tea", amountMinor: 150, quantity: 2 }]);
    });
    const { updatedAmounts, additionalBasket } = played.taken.output ?? {};
    expect(updatedAmounts).toEqual(gbp(300));
    expect(additionalBasket?.items).toMatchObject([{ label: "tea", quantity: 2 }]);
  });

  test("peer 8.4: says whether the last transaction failed", async () => {
    const seen: boolean[] = [];
    const look = (input = INPUTS.SPLIT) =>
      play("SPLIT", (model) => void seen.push(model.lastFailed), input);
    await look({ ...INPUTS.SPLIT, transactions: [] });
    const declined = { ...TRANSACTION.responses[0], outcome: "declined" } as const;
    const { amounts: _, ...response } = declined as typeof declined & { amounts?: unknown };
    const failed = { ...TRANSACTION, responses: [response as never] };
    await look({ ...INPUTS.SPLIT, transactions: [failed] });
    await look();
    expect(seen).toEqual([false, true, false]);
  });

  test("peer 8.4: cancels with what it has done, skips with nothing", async () => {
    const cancelled = await play("SPLIT", (model) => {
      model.pay(100, "reward", { voucher: "V1" });
      model.cancel();
    });
    expect(cancelled.taken.output).toEqual({
      cancel: true,
      amountsPaid: gbp(100),
      paidWith: "reward",
      references: { voucher: { is: "text", value: "V1" } },
    });
    expect((await play("SPLIT", (model) => model.skip())).taken.output).toBeUndefined();
  });

  test("refuses what the engine would", async () => {
    expect(await thrownBy("SPLIT", (model) => model.setShare(601))).toBe("share-excess");
    expect(await thrownBy("SPLIT", (model) => model.setShare(-1))).toBe("amount-negative");
    expect(await thrownBy("SPLIT", (model) => model.pay(601, "reward"))).toBe("paid-excess");
    expect(await thrownBy("SPLIT", (model) => model.setBasket("b", "b", []))).toBe("basket-empty");
  });
});

describe.each(["PRE_TRANSACTION", "POST_CARD_READING"] as const)(
  "PreTransactionModel in %s",
  (stage) => {
    test("F75, peer 8.5: adds an additional amount", async () => {
      const played = await play(stage, (model) => model.setAdditional("tip", 500), plain);
      expect(played.taken.output?.updatedAmounts).toEqual(gbp(100, { tip: 500 }));
      expect(await thrownBy(stage, (model) => model.setAdditional("tip", 19))).toBe(
        "additional-lowered",
      );
      expect(await thrownBy(stage, (model) => model.setAdditional("tip", -1))).toBe("malformed");
    });

    test("peer 8.5: adds one as a fraction of the base, as it is by then", async () => {
      const half = { numerator: 1, denominator: 2 };
      const played = await play(stage, (model) => model.setAdditionalFraction("tip", half), plain);
      expect(played.taken.output?.updatedAmounts).toEqual(gbp(100, { tip: 50 }));
      const tenth = { numerator: 1, denominator: 10 };
      const sold = [{ label: "wax", amountMinor: 100 }];
      const after = await play(
        stage,
        (model) => {
          model.addBasket("more", "more", sold);
          model.setAdditionalFraction("tip", tenth);
        },
        plain,
      );
      expect(after.taken.output?.updatedAmounts).toEqual(gbp(200, { tip: 20 }));
      const above = { numerator: 3, denominator: 2 };
      expect(await thrownBy(stage, (model) => model.setAdditionalFraction("tip", above))).toBe(
        "malformed",
      );
    });

    test("F76, peer 8.5: a new basket raises the base; another replaces both", async () => {
      const played = await play(
        stage,
        (model) => {
          model.addBasket("a", "a", [{ label: "wax", amountMinor: 300 }]);
          model.addBasket("b", "b", [{ label: "foam", amountMinor: 200 }]);
        },
        plain,
      );
      expect(played.taken.output?.updatedAmounts).toEqual(gbp(300));
      expect(played.taken.output?.additionalBasket).toMatchObject({
        id: "b",
        items: [{ label: "foam" }],
      });
    });

    test("peer 8.5: a basket below zero is refused", async () => {
      const minus = [{ label: "?", amountMinor: -200 }];
      expect(await thrownBy(stage, (model) => model.addBasket("b", "b", minus))).toBe(
        "basket-total",
      );
    });

    test("F77, peer 8.5: discounts are paid by the service, on the basket that they are for", async () => {
      const off = [{ label: "member", amountMinor: -100 }];
      const played = await play(stage, (model) =>
        model.discount("primary", off, "reward", { n: 1 }),
      );
      expect(played.taken.output).toMatchObject({
        modifiedBasket: { id: "primary", items: [item(-100, { label: "member" })] },
        amountsPaid: gbp(100),
        paidWith: "reward",
        references: { n: { is: "integer", value: 1 } },
      });
    });

    test("peer 8.5 (weak there): each reason to refuse a discount is seen by itself", async () => {
      const off = [{ label: "member", amountMinor: -100 }];
      const thrown = (id: string, items: typeof off, method: string, input = ASKED) =>
        thrownBy(stage, (model) => model.discount(id, items, method), input);
      expect(await thrown("primary", off, "reward")).toBeUndefined();
      expect(await thrown("primary", off, "reward", { ...ASKED, baskets: [] })).toBe(
        "basket-unknown",
      );
      const mixed = [...off, { label: "oops", amountMinor: 50 }];
      expect(await thrown("primary", mixed, "reward")).toBe("discount-positive");
      expect(await thrown("primary", off, "")).toBe("method-missing");
      expect(await thrown("primary", off, "cash")).toBe("method-undeclared");
    });

    test("F78, peer 8.5: pays of the base alone, by a method of its info, the last call counts", async () => {
      const played = await play(stage, (model) => {
        model.pay(900, "reward", { first: true });
        model.pay(40, "reward", { account: "7" });
      });
      expect(played.taken.output).toEqual({
        amountsPaid: gbp(40),
        paidWith: "reward",
        references: { account: { is: "text", value: "7" } },
      });
      expect(await thrownBy(stage, (model) => model.pay(1001, "reward"))).toBe("paid-excess");
      expect(await thrownBy(stage, (model) => model.pay(0, "reward"))).toBe("paid-zero");
      expect(await thrownBy(stage, (model) => model.pay(0.5, "reward"))).toBe("malformed");
      const unable = { ...ABLE, canPayAmounts: false };
      expect(await thrownBy(stage, (model) => model.pay(1, "reward"), ASKED, unable)).toBe(
        "pay-undeclared",
      );
    });

    test("F79: changes the currency, before anything else, and the settings decide", async () => {
      const played = await play(stage, (model) => model.changeCurrency("USD", 500_000), plain);
      expect(played.answers[0]?.output).toEqual({
        updatedAmounts: {
          currency: "USD",
          base: 50,
          additional: {},
          converted: { from: "GBP", rateMillionths: 500_000 },
        },
      });
      expect(() => played.taken).toThrow("currency-forbidden");
      const late = thrownBy(stage, (model) => {
        model.setAdditional("tip", 500);
        model.changeCurrency("USD", 500_000);
      });
      expect(await late).toBe("currency-forbidden");
    });

    test("F80, F81: says who the customer is, and adds data of any type", async () => {
      const customer = { id: "c", tokens: [], details: {} };
      const played = await play(stage, (model) => {
        model.setCustomer(customer);
        model.addData("texts", ["a", "b"]);
        model.addData("flag", true);
        model.addData("numbers", [1, 2]);
        model.addData("bytes", new Uint8Array([1]));
        model.addData("amounts", { is: "amounts", value: gbp(5) });
      });
      expect(played.taken.output).toEqual({
        customer,
        requestData: {
          texts: { is: "texts", value: ["a", "b"] },
          flag: { is: "flag", value: true },
          numbers: { is: "integers", value: [1, 2] },
          bytes: { is: "bytes", value: new Uint8Array([1]) },
          amounts: { is: "amounts", value: gbp(5) },
        },
      });
      const oddly = (model: { addData(key: string, value: never): void }) =>
        model.addData("odd", { no: "type" } as never);
      expect(await thrownBy(stage, oddly)).toBe("malformed");
    });

    test("F89, peer 8.5: skips with the empty answer", async () => {
      expect((await play(stage, (model) => model.skip())).answers).toEqual([
        { id: "call", output: undefined },
      ]);
      expect((await play(stage, () => {})).taken.output).toBeUndefined();
    });
  },
);

describe("CardReadingModel", () => {
  test("F05: card, no card, decline with a code", async () => {
    const read = await play("PAYMENT_CARD_READING", (model) => model.approve(FULL_CARD));
    expect(read.taken.output).toMatchObject({ outcome: "approved", card: { maskedPan: /1234$/ } });
    expect(read.taken.output).not.toHaveProperty("amounts");
    const none = await play("PAYMENT_CARD_READING", (model) => model.skip());
    expect(none.taken.output).toMatchObject({ outcome: "approved", card: { data: {} } });
    const silent = await play("PAYMENT_CARD_READING", () => {});
    expect(silent.taken.output).toMatchObject({ outcome: "approved", card: { data: {} } });
    const no = await play("PAYMENT_CARD_READING", (model) => model.decline("expired", "54"));
    expect(no.taken.output).toMatchObject({
      outcome: "declined",
      outcomeMessage: "expired",
      responseCode: "54",
    });
  });

  test("a card with its whole number is refused", async () => {
    const card = { ...FULL_CARD, maskedPan: "1234123412341234" };
    expect(await thrownBy("PAYMENT_CARD_READING", (model) => model.approve(card))).toBe(
      "malformed",
    );
  });
});

describe("TransactionProcessingModel", () => {
  const asked: TransactionRequest = {
    ...INPUTS.TRANSACTION_PROCESSING,
    amounts: gbp(1000, { charity: 100, tip: 200 }),
  };

  test("F83: full approval hands back the amounts as they were asked for", async () => {
    const references = { authCode: "A1", stan: 12 };
    const played = await play(
      "TRANSACTION_PROCESSING",
      (model) => model.approveFully({ references, card: FULL_CARD, responseCode: "00" }),
      asked,
    );
    expect(played.taken.output).toMatchObject({
      outcome: "approved",
      amounts: asked.amounts,
      paymentMethod: "reward",
      responseCode: "00",
      references: {
        authCode: { is: "text", value: "A1" },
        stan: { is: "integer", value: 12 },
      },
    });
  });

  test("F82: a part fills the base first, then the rest in proportion: 1150 is 1000, 100 and 50", async () => {
    const part = (model: { approvePart(minor: number): void }) => model.approvePart(1150);
    const played = await play("TRANSACTION_PROCESSING", part, asked);
    expect(played.taken.output?.amounts).toEqual(gbp(1000, { charity: 50, tip: 100 }));
    const more = thrownBy("TRANSACTION_PROCESSING", (model) => model.approvePart(1301), asked);
    expect(await more).toBe("over-approved");
  });

  test("F59: declines, and approves without a charge", async () => {
    const no = await play("TRANSACTION_PROCESSING", (model) => model.decline("no funds", "51"));
    expect(no.taken.output).toMatchObject({ outcome: "declined", outcomeMessage: "no funds" });
    const free = await play("TRANSACTION_PROCESSING", (model) => model.approveWithoutCharge());
    expect(free.taken.output).not.toHaveProperty("amounts");
  });

  test("F07: a handler that does not answer has failed", async () => {
    const played = await play("TRANSACTION_PROCESSING", () => {});
    expect(played.answers).toEqual([]);
    expect(played.failures).toMatchObject([{ code: "flowServiceError" }]);
  });
});

describe("models after the outcome", () => {
  test("F09: references are added to a transaction, or nothing", async () => {
    const played = await play("POST_TRANSACTION", (model) => {
      model.addReferences({ a: 1 });
      model.addReferences({ b: "2" });
    });
    expect(played.taken.output).toEqual({
      references: { a: { is: "integer", value: 1 }, b: { is: "text", value: "2" } },
    });
    expect((await play("POST_TRANSACTION", (model) => model.skip())).taken.output).toBeUndefined();
    expect((await play("POST_TRANSACTION", () => {})).taken.output).toBeUndefined();
  });

  test("F10: at the end of a flow it may answer at once and work on", async () => {
    let isDone = false;
    const played = await play("POST_FLOW", async (model) => {
      model.finish();
      await Promise.resolve();
      isDone = model.request.outcome === "fulfilled";
    });
    expect(played.taken.output).toBeUndefined();
    expect(isDone).toBe(true);
  });
});

describe("models of requests", () => {
  test("F11: a request is answered with success and data, or with failure and why", async () => {
    const yes = await play("GENERIC", (model) => model.succeed({ points: 7 }, "done"));
    expect(yes.taken.output).toMatchObject({
      success: true,
      outcomeMessage: "done",
      data: { points: { is: "integer", value: 7 } },
    });
    const no = await play("GENERIC", (model) => model.fail("unknown request"));
    expect(no.taken.output).toMatchObject({ success: false, outcomeMessage: "unknown request" });
    expect((await play("GENERIC", () => {})).failures).toHaveLength(1);
  });

  test("F12: data is added to a response, what is there stays", async () => {
    const played = await play("POST_GENERIC", (model) => model.addReferences({ tier: "gold" }));
    expect(played.taken.output?.data).toEqual({
      points: { is: "integer", value: 12 },
      tier: { is: "text", value: "gold" },
    });
    const changed = thrownBy("POST_GENERIC", (model) => model.addReferences({ points: 13 }));
    expect(await changed).toBe("not-in-stage");
    expect((await play("POST_GENERIC", (model) => model.skip())).taken.output).toBeUndefined();
  });

  test("F13: a status update ends with references or without", async () => {
    const played = await play("STATUS_UPDATE", (model) => model.finish({ shown: true }));
    expect(played.taken.output).toMatchObject({
      success: true,
      data: { shown: { is: "flag", value: true } },
    });
    expect((await play("STATUS_UPDATE", () => {})).taken.output).toBeUndefined();
  });
});
