// Cards are taken out wherever a model can hold one: every model of the engine, filled in all its corners.

import { expect, test } from "vitest";
import { withoutCards } from "../../../../firmware/payment/engine/card-guard.ts";
import type { Basket } from "../../../../firmware/payment/model/basket.ts";
import type { Customer } from "../../../../firmware/payment/model/customer.ts";
import type { Data } from "../../../../firmware/payment/model/data.ts";
import type { PaymentResponse } from "../../../../firmware/payment/model/payment.ts";
import type { Transaction } from "../../../../firmware/payment/model/transaction.ts";
import {
  ASKED,
  approvedWith,
  basket,
  FULL_CARD,
  gbp,
  item,
  PAYMENT,
  RESPONSE,
  TRANSACTION,
} from "../rules/rule-inputs.ts";

const CARD_TOKEN = { value: "secret-token", source: "card" };
const CARD = { ...FULL_CARD, token: CARD_TOKEN, maskedPan: "secret-pan" };
const LEAF: Data = {
  card: { is: "card", value: CARD },
  another: { is: "card", value: CARD },
  token: { is: "token", value: CARD_TOKEN },
  unnamed: { is: "token", value: { value: "secret-unnamed" } },
  credential: { is: "token", value: { value: "secret-credential", source: "credential" } },
  spelled: { is: "token", value: { value: "secret-spelled", source: "Card " } },
  account: { is: "token", value: { value: "open-account", source: "account" } },
  note: { is: "text", value: "open-note" },
};
const CUSTOMER: Customer = {
  id: "c1",
  tokens: [CARD_TOKEN, { value: "open-loyalty", source: "loyalty" }, { value: "secret-3" }],
  details: LEAF,
};
const BASKET: Basket = { ...basket("b", item(1000, { data: LEAF })), data: LEAF };
const PART: Transaction = {
  ...TRANSACTION,
  baskets: [BASKET],
  customer: CUSTOMER,
  data: LEAF,
  references: LEAF,
  responses: [{ ...approvedWith(gbp(400)), card: CARD, references: LEAF }],
};
const DATA: Data = {
  ...LEAF,
  basket: { is: "basket", value: BASKET },
  one: { is: "basket-item", value: item(5, { data: LEAF }) },
  more: { is: "basket-items", value: [item(5, { data: LEAF })] },
  customer: { is: "customer", value: CUSTOMER },
  transaction: { is: "transaction", value: PART },
};
const PAID = { ...PAYMENT, basket: BASKET, cardToken: CARD_TOKEN, customer: CUSTOMER, data: DATA };
const ENDED: PaymentResponse = {
  id: "r",
  payment: PAID,
  outcome: "fulfilled",
  failureReason: "none",
  allTransactionsApproved: true,
  requested: gbp(1000),
  processed: gbp(1000),
  transactions: [PART],
  createdMs: 1,
  postFlow: [],
};

test.each([
  ["the request for a transaction", { ...ASKED, baskets: [BASKET], card: CARD, data: DATA }],
  ["the summary of a transaction", { ...PART, outcome: "approved" }],
  ["a payment", PAID],
  ["a share", { payment: PAID, requested: gbp(1000), transactions: [PART] }],
  ["the end of a flow", ENDED],
  ["an answer to a request", { ...RESPONSE, data: DATA }],
])("I12: %s holds no card and no token of one", (_, model) => {
  const shown = JSON.stringify(withoutCards(model));
  expect(JSON.stringify(model)).toContain("secret-");
  expect(shown).not.toContain("secret-");
  expect(shown).toContain("open-account");
  expect(shown).toContain("open-note");
});

test("what is no card stays as it is, bytes too", () => {
  const bytes = Uint8Array.of(1, 2);
  const plain = {
    ...ASKED,
    data: { raw: { is: "bytes", value: bytes }, n: { is: "flag", value: true } },
  };
  expect(withoutCards(plain)).toEqual(plain);
});
