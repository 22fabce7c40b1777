// What services add to a flow together is bounded, whatever each of them may bring; and what one adds for another is
// no order to him.

import { expect, test } from "vitest";
import type { Data } from "../../../../firmware/payment/model/data.ts";
import type { TransactionResponse } from "../../../../firmware/payment/model/transaction.ts";
import {
  approval,
  approving,
  FIRST,
  gbp,
  openSite,
  saleFlow,
  scripted,
  texts,
} from "./engine-site.ts";

const LIMITS = { limits: { offerMinor: 1000, maximumMinor: 1000 } };

function load(name: string): Data {
  const keys = [1, 2, 3, 4, 5].map((n) => `${name}${n}`);
  const value = new Uint8Array(1000);
  return Object.fromEntries(keys.map((key) => [key, { is: "bytes", value }]));
}

test.each(["PRE_TRANSACTION", "POST_TRANSACTION"] as const)(
  "of several services that add data in %s, the one with which it would be too much is refused",
  async (stage) => {
    const field = stage === "PRE_TRANSACTION" ? "requestData" : "references";
    const adding = (id: string) => scripted(id, { [stage]: () => ({ [field]: load(id) }) });
    const bank = approving("bank");
    const site = await openSite({
      services: [adding("a"), adding("b"), bank],
      flows: [saleFlow({ [stage]: ["a", "b"], TRANSACTION_PROCESSING: ["bank"] })],
    });
    const response = await site.pay({}, LIMITS);
    expect(response.outcome).toBe("fulfilled");
    const [transaction] = response.transactions;
    const kept = stage === "PRE_TRANSACTION" ? transaction?.data : transaction?.references;
    expect(Object.keys(kept ?? {})).toEqual(Object.keys(load("a")));
    expect(await site.audit()).toContainEqual(
      expect.stringMatching(new RegExp(`^rejected ${stage} b .* at most 8192 bytes`)),
    );
  },
);

test("I6: a reversal of all is of all, whatever others have added to the references", async () => {
  const bank = approving("bank");
  const site = await openSite({ services: [bank], flows: [saleFlow({})] });
  const added = { amounts: { is: "amounts", value: gbp(1) }, ...texts({ stepAttempt: "done" }) };
  const paid = approval({ id: "1" }, gbp(1000), { host: "h" }) as TransactionResponse;
  const references = { ...paid.references, ...added } as Data;
  const undone = site.engine.undo(FIRST.id, { ...paid, references, service: "bank" });
  await site.world.runFor(1000);
  expect(await undone).toBe(true);
  const [request] = bank.inputs("GENERIC");
  expect(Object.keys(request?.data ?? {}).sort()).toEqual(["host", "transactionId"]);
});
