// PAYMENT_CARD_READING and TRANSACTION_PROCESSING: a payment application takes no more than is asked, and what it says
// badly of money that moved is flagged and kept.

import { describe, expect, test } from "vitest";
import type { TransactionRequest } from "../../../../firmware/payment/model/transaction.ts";
import { checkAnswer } from "../../../../firmware/payment/rules/rules.ts";
import {
  ASKED,
  approvedWith,
  CONTEXT,
  FULL_CARD,
  gbp,
  IN_SALE,
  INFO,
  rejectionOf,
  takenBy,
  without,
} from "./rule-inputs.ts";

const declined = {
  id: "request",
  outcome: "declined",
  outcomeMessage: "no",
  paymentMethod: "card",
  card: { data: {} },
  references: {},
};

describe("TRANSACTION_PROCESSING", () => {
  const refusal = (output: unknown, context = CONTEXT, input?: TransactionRequest) =>
    rejectionOf("TRANSACTION_PROCESSING", output, context, input);
  const taken = (output: unknown, context = CONTEXT, input?: TransactionRequest) =>
    takenBy("TRANSACTION_PROCESSING", output, context, input);

  test.each([[undefined], [null]])("F07: it cannot be skipped with %j", (empty) => {
    expect(refusal(empty)).toBe("skip-forbidden");
  });

  test("F83: approval in the structure of the request is taken as it is, with whose it is", () => {
    const { output, flags } = taken(approvedWith(gbp(1000, { tip: 20 })));
    expect(output.amounts).toEqual(gbp(1000, { tip: 20 }));
    expect(output).toMatchObject({ service: "service", stage: "TRANSACTION_PROCESSING" });
    expect(flags).toEqual([]);
  });

  test("whose it is, and from which stage, is never the service's to say", () => {
    const lie = { ...approvedWith(gbp(1)), service: "other", stage: "PRE_TRANSACTION" };
    expect(taken(lie).output).toMatchObject({
      service: "service",
      stage: "TRANSACTION_PROCESSING",
    });
  });

  test("its card token is its own, unless it was there before", () => {
    const forged = { ...FULL_CARD, token: { value: "t", sourceService: "other" } };
    const answer = { ...approvedWith(gbp(1)), card: forged };
    expect(taken(answer).output.card.token?.sourceService).toBe(INFO.id);
    const given = { ...ASKED, card: { data: {}, token: { value: "t", sourceService: "till" } } };
    expect(taken(answer, CONTEXT, given).output.card.token?.sourceService).toBe("till");
  });

  test("I4: no more than is asked is approved, however it is laid out", () => {
    expect(refusal(approvedWith(gbp(1021)))).toBe("over-approved");
    expect(refusal(approvedWith(gbp(1000, { tip: 21 })))).toBe("over-approved");
    expect(refusal(approvedWith(gbp(0, { other: 1021 })), IN_SALE)).toBe("over-approved");
    expect(refusal({ ...approvedWith(gbp(1)), amounts: gbp(-5) })).toBe("amount-negative");
  });

  test("what is approved in another structure is laid onto the request's", () => {
    expect(taken(approvedWith(gbp(1020))).output.amounts).toEqual(gbp(1000, { tip: 20 }));
    expect(taken(approvedWith(gbp(1010))).output.amounts).toEqual(gbp(1000, { tip: 10 }));
    expect(taken(approvedWith(gbp(0, { other: 7 }))).output.amounts).toEqual(gbp(7, { tip: 0 }));
  });

  test("another currency is refused", () => {
    expect(refusal(approvedWith({ ...gbp(5), currency: "EUR" }))).toBe("paid-currency");
  });

  test("F85: paying without canPayAmounts is refused, and kept as evidence", () => {
    const answer = approvedWith(gbp(1000));
    const checked = checkAnswer("TRANSACTION_PROCESSING", ASKED, answer, without("canPayAmounts"));
    expect(checked).toMatchObject({
      ok: false,
      rejection: "pay-undeclared",
      evidence: {
        outcome: "approved",
        amounts: gbp(1000),
        paymentMethod: "card",
        references: answer.references,
      },
    });
  });

  test("a response to another request is refused, and is evidence where it took money", () => {
    const other = { ...approvedWith(gbp(1000)), id: "other" };
    expect(refusal(other)).toBe("wrong-request");
    expect(checkAnswer("TRANSACTION_PROCESSING", ASKED, other, CONTEXT)).toHaveProperty("evidence");
    const no = checkAnswer("TRANSACTION_PROCESSING", ASKED, { ...declined, id: "o" }, CONTEXT);
    expect(no).not.toHaveProperty("evidence");
  });

  test("evidence keeps what can be read beside what cannot", () => {
    const answer = { ...approvedWith(gbp(1000)), card: "1234123412341234", paymentMethod: 7 };
    expect(checkAnswer("TRANSACTION_PROCESSING", ASKED, answer, CONTEXT)).toMatchObject({
      ok: false,
      rejection: "malformed",
      evidence: { amounts: gbp(1000), paymentMethod: "", references: answer.references },
    });
  });

  test("an undeclared method is flagged and kept: the money has moved", () => {
    const { output, flags } = taken({ ...approvedWith(gbp(1000)), paymentMethod: "cash" });
    expect(flags).toEqual(["method-flagged"]);
    expect(output.amounts).toEqual(gbp(1000, { tip: 0 }));
    expect(taken({ ...declined, paymentMethod: "cash" }).flags).toEqual([]);
  });

  test.each([
    ["token", { ...FULL_CARD, token: undefined }],
    ["network", { ...FULL_CARD, data: { entryMethod: { is: "text", value: "tap" } } }],
    ["entry method", { ...FULL_CARD, data: { network: { is: "text", value: "visa" } } }],
  ])("a card payment without %s is flagged and kept", (_, card) => {
    expect(taken({ ...approvedWith(gbp(1000)), card }).flags).toEqual(["card-incomplete"]);
    // The card may have been read in the stage before.
    const read: TransactionRequest = { ...ASKED, card: FULL_CARD };
    expect(taken({ ...approvedWith(gbp(1000)), card }, CONTEXT, read).flags).toEqual([]);
    const byReward = { ...approvedWith(gbp(1000)), card, paymentMethod: "reward" };
    expect(taken(byReward).flags).toEqual([]);
  });

  test("a refund goes by references and needs no card", () => {
    const refund = { ...ASKED, flowType: "refund" };
    const answer = { ...approvedWith(gbp(1000)), card: { data: {} } };
    expect(taken(answer, CONTEXT, refund).flags).toEqual([]);
  });

  test("F59: a decline says that nothing was charged; approval without amounts charges nothing", () => {
    expect(taken({ ...declined, amounts: gbp(1000) }).output).not.toHaveProperty("amounts");
    const { amounts: _, ...uncharged } = approvedWith(gbp(0));
    expect(taken(uncharged, without("canPayAmounts")).output).not.toHaveProperty("amounts");
  });

  test("I12: a card number in clear goes no further, not even as evidence", () => {
    const card = { ...FULL_CARD, maskedPan: "12341234123" };
    const answer = { ...approvedWith(gbp(1000)), card };
    const checked = checkAnswer("TRANSACTION_PROCESSING", ASKED, answer, CONTEXT);
    expect(checked).toMatchObject({ rejection: "malformed", evidence: { amounts: gbp(1000) } });
    expect(JSON.stringify(checked)).not.toContain(card.maskedPan);
    const masked = { ...FULL_CARD, maskedPan: "1234XXXXXX123456" };
    const kept = taken({ ...approvedWith(gbp(1000)), card: masked }).output.card;
    expect(kept.maskedPan).toBe("1234XXXXXX123456");
  });
});

describe("PAYMENT_CARD_READING", () => {
  const { amounts: _, ...read } = approvedWith(gbp(0));
  const refusal = (output: unknown) => rejectionOf("PAYMENT_CARD_READING", output);

  test("F05: card, no card, and decline with its code are taken", () => {
    const withCard = takenBy("PAYMENT_CARD_READING", read);
    expect(withCard.output.card.token).toEqual({ ...FULL_CARD.token, sourceService: "service" });
    expect(withCard.flags).toEqual([]);
    const noCard = takenBy("PAYMENT_CARD_READING", { ...read, card: { data: {} } });
    expect(noCard.flags).toEqual([]);
    const no = takenBy("PAYMENT_CARD_READING", { ...declined, responseCode: "05" });
    expect(no.output).toMatchObject({ outcome: "declined", responseCode: "05" });
  });

  test("nothing is paid in it, and it is answered", () => {
    expect(refusal(approvedWith(gbp(1)))).toBe("not-in-stage");
    expect(refusal(undefined)).toBe("skip-forbidden");
    expect(refusal({ ...read, id: "other" })).toBe("wrong-request");
  });

  test("a card of which too little is said is flagged", () => {
    const card = { maskedPan: "1234", data: {} };
    expect(takenBy("PAYMENT_CARD_READING", { ...read, card }).flags).toEqual(["card-incomplete"]);
  });
});
