// Split payments: rounds of shares, what counts in them, and what is given back when they end early.

import { describe, expect, test } from "vitest";
import {
  approval,
  approving,
  decline,
  FIRST,
  gbp,
  type Handlers,
  openSite,
  saleFlow,
  scripted,
} from "./engine-site.ts";

const BANK = { TRANSACTION_PROCESSING: ["bank"] } as const;

describe("F03, F99: a split", () => {
  const shares = (...minor: number[]): Handlers => ({
    SPLIT: ({ transactions }) => {
      const share = minor[transactions.length];
      return share === undefined ? { cancel: true } : { updatedAmounts: gbp(share) };
    },
  });

  test("is paid in rounds, each a transaction of its own, until all is paid", async () => {
    const split = scripted("split", shares(400, 600));
    const bank = approving("bank");
    const flows = [saleFlow({ ...BANK, SPLIT: ["split"] })];
    const site = await openSite({ services: [split, bank], flows });
    const response = await site.pay({ splitEnabled: true });
    expect(response).toMatchObject({ outcome: "fulfilled", processed: gbp(1000) });
    expect(response.transactions.map(({ id, requested }) => [id, requested.base])).toEqual([
      [`${FIRST.id}/1`, 400],
      [`${FIRST.id}/2`, 600],
    ]);
    expect(split.inputs("SPLIT")[1]?.transactions).toHaveLength(1);
    const [, second] = bank.inputs("TRANSACTION_PROCESSING");
    expect(second?.amounts).toEqual(gbp(600));
  });

  test("what was added in a declined round does not count, what was added in a paid one does", async () => {
    const tip = scripted("tip", {
      PRE_TRANSACTION: ({ amounts }) => ({
        updatedAmounts: { ...amounts, additional: { tip: 10 } },
      }),
    });
    const bank = approving("bank", {
      TRANSACTION_PROCESSING: (input) =>
        input.transactionId.endsWith("/1") ? decline(input) : approval(input, input.amounts),
    });
    const split = scripted("split", shares(400, 400, 600));
    const flows = [saleFlow({ ...BANK, SPLIT: ["split"], PRE_TRANSACTION: ["tip"] })];
    const site = await openSite({ services: [tip, bank, split], flows });
    const response = await site.pay({ splitEnabled: true });
    expect(response).toMatchObject({
      outcome: "fulfilled",
      requested: gbp(1000, { tip: 20 }),
      processed: gbp(1000, { tip: 20 }),
    });
    const requested = split.inputs("SPLIT").map((input) => input.requested);
    expect(requested).toEqual([gbp(1000), gbp(1000), gbp(1000, { tip: 10 })]);
  });

  test("F100: is cancelled by its application; what was paid before is given back", async () => {
    const split = scripted("split", shares(400));
    const bank = approving("bank");
    const flows = [saleFlow({ ...BANK, SPLIT: ["split"] })];
    const site = await openSite({ services: [split, bank], flows });
    const response = await site.pay({ splitEnabled: true });
    expect(response).toMatchObject({
      outcome: "failed",
      failureReason: "cancelled",
      processed: gbp(0),
    });
    expect(bank.inputs("GENERIC")).toHaveLength(1);
  });

  test("a share may be paid in SPLIT; POST_TRANSACTION runs then too", async () => {
    const split = scripted("split", {
      SPLIT: () => ({ updatedAmounts: gbp(1000), amountsPaid: gbp(1000), paidWith: "points" }),
    });
    const bank = approving("bank");
    const receipt = scripted("receipt", { POST_TRANSACTION: () => undefined });
    const flows = [saleFlow({ ...BANK, SPLIT: ["split"], POST_TRANSACTION: ["receipt"] })];
    const site = await openSite({ services: [split, bank, receipt], flows });
    const response = await site.pay({ splitEnabled: true });
    expect(response).toMatchObject({ outcome: "fulfilled", processed: gbp(1000) });
    expect(response.transactions[0]?.responses).toMatchObject([{ stage: "SPLIT" }]);
    expect(bank.calls).toEqual([]);
    expect(receipt.calls).toHaveLength(1);
  });

  test("rounds are bounded, and a skip takes all that remains", async () => {
    const split = scripted("split", { SPLIT: () => ({ updatedAmounts: gbp(1) }) });
    const flows = [saleFlow({ ...BANK, SPLIT: ["split"] })];
    const site = await openSite({ services: [split, approving("bank")], flows });
    const bounded = await site.pay({ splitEnabled: true });
    expect(bounded).toMatchObject({ outcome: "partially-fulfilled", processed: gbp(16) });
    const lazy = scripted("split", { SPLIT: () => undefined });
    const other = await openSite({ services: [lazy, approving("bank")], flows });
    const whole = await other.pay({ splitEnabled: true });
    expect(whole.transactions).toHaveLength(1);
    expect(whole.outcome).toBe("fulfilled");
  });

  test("is not asked for where the payment is not split", async () => {
    const split = scripted("split", shares(400));
    const flows = [saleFlow({ ...BANK, SPLIT: ["split"] })];
    const site = await openSite({ services: [split, approving("bank")], flows });
    expect((await site.pay()).transactions).toHaveLength(1);
    expect(split.calls).toEqual([]);
  });
});
