// The log that a buyer writes for a dispute: of a prepaid token there is none, and that is said in words.

import { expect, test } from "vitest";
import type { Purchase } from "../../firmware/consumer/purchase.ts";
import { consumerLog } from "../../tools/order-log.ts";
import { crypto, story } from "../support/sale.ts";

test("an order of a prepaid token has no log: the token's receipts are verified", () => {
  const purchase: Purchase = {
    ...{ id: story.offer.id, state: "paid", device: "_benQYI1Uhs", name: "Charger", bench: true },
    operatorKey: story.keys.operator.publicKey,
    certificate: story.signed.certificate,
    offer: story.signed.token,
    ...{ receipts: [], sessions: 0, prepaid: { unit: "kWh", currency: "EUR" } },
  };
  const log = consumerLog(purchase, { crypto, boxSecret: new Uint8Array(32) });
  expect(log).toMatchObject({
    ok: false,
    fault: { kind: "unsupported", message: expect.stringContaining("sluice verify") },
  });
});
