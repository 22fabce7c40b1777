// I4: in every stage a service tries to take more than the signed offer, by every means that the stage has, and gets
// nothing by it: the attempt has its code in the audit log, and what is paid is the offer, or nothing.

import { expect, test } from "vitest";
import type { CalledStage } from "../../../../firmware/payment/engine/service.ts";
import { totalOf } from "../../../../firmware/payment/model/amounts-arithmetic.ts";
import type { FlowEvent } from "../../../../firmware/payment/model/flow-event.ts";
import type { Payment } from "../../../../firmware/payment/model/payment.ts";
import { basketOf } from "../../../sim/chance-answers.ts";
import {
  approval,
  approving,
  FIRST,
  gbp,
  type Handlers,
  openSite,
  type Scripted,
  SILENT,
  saleFlow,
  scripted,
} from "./engine-site.ts";

const OFFER = 1000;
const MAXIMUM = 1100;
const LIMITS = { offerMinor: OFFER, maximumMinor: MAXIMUM };
const SHOP = { ...basketOf("shop", OFFER), primary: true };

type Answer = (input: never, scripted: Scripted) => unknown;
type Attempt = [stage: CalledStage, means: string, code: number, answer: Answer];

const extra = (name: string, amountMinor: number) => ({ name, amountMinor });

/** Asks the payer, who says yes, for this; and then adds that. */
function asksAndAdds(askedMinor: number, addedMinor: number): Answer {
  return (_input, { call, listener, onTold }) => {
    onTold(({ type }) => {
      if (type !== "confirmationResponse") return;
      listener.respond(call.id, { updatedAmounts: gbp(OFFER, { tip: addedMinor }) });
    });
    const value = {
      id: "q",
      type: "extra",
      multiSelect: false,
      extra: extra("tip", askedMinor),
    };
    const payload = { is: "confirmation-request", value } as const;
    listener.event({ type: "confirmationRequest", data: { confirmationRequest: payload } });
    return SILENT;
  };
}

const AUGMENTING: readonly [string, number, Answer][] = [
  ["a higher base", 60, () => ({ updatedAmounts: gbp(OFFER + 1) })],
  ["a lower base", 30, () => ({ updatedAmounts: gbp(OFFER - 1) })],
  ["an extra that nobody confirmed", 61, () => ({ updatedAmounts: gbp(OFFER, { tip: 1 }) })],
  ["more than was confirmed", 61, asksAndAdds(10, 11)],
  ["more than was signed", 62, asksAndAdds(101, 101)],
  ["another basket", 60, () => ({ additionalBasket: basketOf("more", 1) })],
  [
    "another basket, with its sum",
    60,
    () => ({ additionalBasket: basketOf("more", 1), updatedAmounts: gbp(OFFER + 1) }),
  ],
  [
    "another currency",
    32,
    () => ({
      updatedAmounts: {
        ...gbp(OFFER * 2),
        currency: "EUR",
        converted: { from: "GBP", rateMillionths: 2_000_000 },
      },
    }),
  ],
  ["an amount below zero", 33, () => ({ updatedAmounts: gbp(-OFFER) })],
  ["a part above the whole", 24, () => ({ amountsPaid: gbp(OFFER + 1), paidWith: "points" })],
  ["a part below zero", 33, () => ({ amountsPaid: gbp(-1), paidWith: "points" })],
  ["an extra paid", 25, () => ({ amountsPaid: gbp(1, { tip: 5 }), paidWith: "points" })],
  ["another payment", 6, () => ({ updatedPayment: { ...FIRST, amounts: gbp(OFFER + 1) } })],
];

const paymentWith =
  (changes: (payment: Payment) => Partial<Payment>): Answer =>
  (input) => ({ updatedPayment: { ...(input as Payment), ...changes(input) } });

const ATTEMPTS: readonly Attempt[] = [
  ["PRE_FLOW", "a higher base", 60, paymentWith(() => ({ amounts: gbp(OFFER + 1) }))],
  ["PRE_FLOW", "an extra", 61, paymentWith(() => ({ amounts: gbp(OFFER, { tip: 1 }) }))],
  [
    "PRE_FLOW",
    "another currency",
    32,
    paymentWith(() => ({ amounts: { ...gbp(OFFER), currency: "KWD" } })),
  ],
  ["PRE_FLOW", "another basket", 51, paymentWith(() => ({ basket: basketOf("shop", OFFER + 1) }))],
  ["PRE_FLOW", "a split", 51, paymentWith(() => ({ splitEnabled: true }))],
  ["PRE_FLOW", "another flow", 50, paymentWith(() => ({ id: "another" }))],
  ...(["PRE_TRANSACTION", "POST_CARD_READING"] as const).flatMap((stage) =>
    AUGMENTING.map(([means, code, answer]): Attempt => [stage, means, code, answer]),
  ),
  ["SPLIT", "a share above the whole", 34, () => ({ updatedAmounts: gbp(OFFER + 1) })],
  ["SPLIT", "an extra", 34, () => ({ updatedAmounts: gbp(OFFER, { tip: 1 }) })],
  ["SPLIT", "a basket above the whole", 34, () => ({ additionalBasket: basketOf("b", OFFER + 1) })],
  [
    "SPLIT",
    "a part above its share",
    24,
    () => ({ updatedAmounts: gbp(400), amountsPaid: gbp(401), paidWith: "points" }),
  ],
  [
    "PAYMENT_CARD_READING",
    "money for reading a card",
    6,
    (input) => approval(input, gbp(OFFER + 1)),
  ],
  ["TRANSACTION_PROCESSING", "more than asked", 63, (input) => approval(input, gbp(OFFER + 1))],
  [
    "TRANSACTION_PROCESSING",
    "an extra on top",
    63,
    (input) => approval(input, gbp(OFFER, { tip: 1 })),
  ],
  [
    "TRANSACTION_PROCESSING",
    "another currency",
    26,
    (input) => approval(input, { ...gbp(OFFER), currency: "KWD" }),
  ],
  ["TRANSACTION_PROCESSING", "below zero", 33, (input) => approval(input, gbp(-1))],
  [
    "TRANSACTION_PROCESSING",
    "for another request",
    4,
    () => approval({ id: "another" }, gbp(OFFER)),
  ],
  ["POST_TRANSACTION", "a higher base", 6, () => ({ updatedAmounts: gbp(OFFER + 1) })],
  ["POST_TRANSACTION", "a part", 6, () => ({ amountsPaid: gbp(1), paidWith: "points" })],
  ["POST_FLOW", "a higher base", 6, () => ({ updatedAmounts: gbp(OFFER + 1) })],
];

async function tryIt(stage: CalledStage, answer: Answer, twice = false) {
  const isPaying = stage === "TRANSACTION_PROCESSING";
  const first = { [stage]: answer } as Handlers;
  const thief = isPaying ? approving("thief", first) : scripted("thief", first);
  const card = approving("card");
  const listed = {
    [stage]: ["thief"],
    TRANSACTION_PROCESSING: [isPaying ? "thief" : "card"],
  };
  const site = await openSite({
    services: [thief, card],
    flows: [saleFlow(listed)],
    settings: { alwaysCallPreFlow: true, isCurrencyChangeAllowed: true },
  });
  const id = "00000000000000aa";
  const event = ({ type }: FlowEvent): void => {
    if (type !== "confirmationRequest") return;
    const value = { request: "q", values: ["approve"] };
    const payload = { is: "confirmation-response", value } as const;
    const tell = (): boolean =>
      site.engine.tell(id, {
        type: "confirmationResponse",
        data: { confirmationResponse: payload },
      });
    tell();
    if (twice) tell();
  };
  const parts = { amounts: gbp(OFFER), basket: SHOP, splitEnabled: stage === "SPLIT" };
  const response = await site.pay(parts, { limits: LIMITS, event });
  await site.world.runFor(300_000);
  const codes = (await site.engine.audit(id)).map(({ code }) => code);
  return { response, codes, thief, isPaying };
}

test.each(ATTEMPTS)("I4 I14: %s: %s is refused with %i", async (stage, _means, code, answer) => {
  const { response, codes, thief, isPaying } = await tryIt(stage, answer);
  expect(codes).toContain(code);
  expect(totalOf(response.requested)).toBe(OFFER);
  expect(totalOf(response.processed)).toBe(isPaying ? 0 : OFFER);
  expect(response.outcome).toBe(isPaying ? "failed" : "fulfilled");
  const types = thief.told.map(({ type }) => type);
  expect(types).toContain("responseRejected");
  // Money that moved all the same is asked back.
  if (isPaying) expect(thief.inputs("GENERIC")).toMatchObject([{ type: "reversal" }]);
});

test("I4: what was confirmed is added once, however often the payer says yes", async () => {
  const { response } = await tryIt("PRE_TRANSACTION", asksAndAdds(60, 60), true);
  expect(response.requested).toEqual(gbp(OFFER, { tip: 60 }));
  expect(totalOf(response.processed)).toBe(OFFER + 60);
});

test("I4: a late yes to one question is not a yes to another that took its id", async () => {
  const ask = (amountMinor: number): Answer => asksAndAdds(amountMinor, amountMinor);
  const small = scripted("small", { PRE_TRANSACTION: ask(1) } as Handlers);
  const large = scripted("large", { PRE_TRANSACTION: ask(90) } as Handlers);
  const services = [small, large, approving("card")];
  const listed = { PRE_TRANSACTION: ["small", "large"], TRANSACTION_PROCESSING: ["card"] };
  const site = await openSite({ services, flows: [saleFlow(listed)] });
  const asked: FlowEvent[] = [];
  const event = (one: FlowEvent): void => void asked.push(one);
  // The payer says yes to the first when the second has been asked.
  site.world.after(130_000, () => {
    const value = { request: "q", values: ["approve"] };
    const payload = { is: "confirmation-response", value } as const;
    const type = "confirmationResponse";
    site.engine.tell(FIRST.id, { type, data: { [type]: payload } });
  });
  const response = await site.pay({ amounts: gbp(OFFER) }, { limits: LIMITS, event });
  expect(totalOf(response.processed)).toBe(OFFER);
  expect(asked.filter(({ type }) => type === "confirmationRequest")).toHaveLength(1);
});
