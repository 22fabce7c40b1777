// Member discount and round-up through the engine.

import { describe, expect, test } from "vitest";
import type { FlowService } from "../../../../firmware/payment/engine/service.ts";
import { FIRST, gbp, scripted } from "../engine/engine-site.ts";
import { basket, item } from "../rules/rule-inputs.ts";
import { amounts, answering, type Bench, CUSTOMER, openBench, payer, text } from "./stock-bench.ts";

const LIMITS = { offerMinor: 1000, maximumMinor: 1100 };

describe("member discount", () => {
  const open = (
    members: readonly string[],
    basisPoints = 1_250,
    others: readonly FlowService[] = [],
  ) =>
    openBench({
      uses: [["member-discount", "club", { members, basisPoints, label: "Club" }]],
      others,
    });
  const offer = { basket: { ...basket("b", item(1000)), primary: true } };
  const tenders = async (bench: Bench, payment: object) => {
    const response = await bench.pay({ ...offer, ...payment }, { limits: LIMITS });
    expect(response.outcome).toBe("fulfilled");
    return response.transactions[0]?.responses.map((one) => [one.paymentMethod, one.amounts?.base]);
  };

  test("I4: is taken off the basket for a member, exactly, and the bank pays the rest", async () => {
    const bench = await open([CUSTOMER.toUpperCase()]);
    expect(await tenders(bench, payer())).toEqual([
      ["reward", 125],
      ["card", 875],
    ]);
    const [request] = bench.bank.inputs("TRANSACTION_PROCESSING");
    expect(request?.baskets[0]?.items.at(-1)).toMatchObject({ label: "Club", amountMinor: -125 });
  });

  test("goes by the card where that is a member's, and is given once to a member with two names", async () => {
    const byCard = await open(["card-token-1"]);
    expect(await tenders(byCard, payer())).toEqual([
      ["reward", 125],
      ["card", 875],
    ]);
    const twice = await open(["card-token-1", CUSTOMER]);
    expect(await tenders(twice, payer())).toEqual([
      ["reward", 125],
      ["card", 875],
    ]);
  });

  test.each([
    ["a stranger", ["somebody"], 1_250, payer()],
    ["less than a minor unit", [CUSTOMER], 9, payer()],
    ["nobody", [CUSTOMER], 1_250, {}],
  ] as const)("is nothing for %s", async (_name, members, basisPoints, who) => {
    const bench = await open(members, basisPoints);
    expect(await tenders(bench, who)).toEqual([["card", 1000]]);
    expect((await bench.audit()).filter((line) => line.includes("failed"))).toEqual([]);
  });

  test("never takes off more than is left to pay", async () => {
    const bench = await open([CUSTOMER], 10_000);
    expect(await tenders(bench, payer())).toEqual([["reward", 1000]]);
  });

  test("of a share of a split is a share of it", async () => {
    const split = scripted("split", {
      SPLIT: ({ transactions }) => ({ updatedAmounts: gbp(transactions.length === 0 ? 400 : 600) }),
    });
    const bench = await open([CUSTOMER], 1_250, [split]);
    const response = await bench.pay({ ...offer, ...payer(), splitEnabled: true });
    expect(response.transactions.map(({ responses }) => responses[0]?.amounts?.base)).toEqual([
      50, 75,
    ]);
  });

  test("I6: is given back without anything that moves", async () => {
    const bench = await open([CUSTOMER]);
    await bench.pay({ ...offer, ...payer() });
    const data = { transactionId: text(`${FIRST.id}/1`), amounts: amounts(50) };
    expect((await bench.operate("reversal", data, "club")).success).toBe(true);
  });
});

describe("round-up", () => {
  const open = (options: object = {}): Promise<Bench> =>
    openBench({ uses: [["round-up", "charity", { charity: "Lifeboats", ...options }]] });

  async function round(bench: Bench, values: readonly string[], base = 970, maximumMinor = 1100) {
    const heard: unknown[] = [];
    const by = {
      limits: { offerMinor: base, maximumMinor },
      event: answering(bench, values, heard),
    };
    const response = await bench.pay({ amounts: gbp(base) }, by);
    expect(response.outcome).toBe("fulfilled");
    return { heard, charged: bench.bank.inputs("TRANSACTION_PROCESSING")[0]?.amounts };
  }

  test("I4: what the payer confirmed is added, and nothing else", async () => {
    const { heard, charged } = await round(await open(), ["approve"]);
    expect(heard).toMatchObject([
      {
        title: "Round up for Lifeboats?",
        description: "0.30 GBP more: 10.00 GBP to pay.",
        extra: { name: "charityDonation", amountMinor: 30 },
      },
    ]);
    expect(charged).toEqual(gbp(970, { charityDonation: 30 }));
  });

  test.each([
    ["says no", ["reject"], 1100, 0],
    ["says nothing", [], 1100, 0],
    ["signed less than that", ["approve"], 999, 1],
  ] as const)(
    "I4: nothing is added when the payer %s",
    async (_name, values, maximum, refusals) => {
      const bench = await open();
      expect((await round(bench, values, 970, maximum)).charged).toEqual(gbp(970));
      // Without a yes it is not even tried.
      const refused = (await bench.audit()).filter((line) => /reject|failed/.test(line));
      expect(refused).toHaveLength(refusals);
    },
  );

  test("a payer who does not answer in time is asked no more, and pays the price", async () => {
    const bench = await open();
    const response = await bench.pay({ amounts: gbp(970) }, { limits: LIMITS, event: () => {} });
    expect(response.outcome).toBe("fulfilled");
    expect(bench.bank.inputs("TRANSACTION_PROCESSING")[0]?.amounts).toEqual(gbp(970));
  });

  test("a price that is round already asks nobody", async () => {
    const { heard, charged } = await round(await open(), ["approve"], 1000);
    expect(heard).toEqual([]);
    expect(charged).toEqual(gbp(1000));
  });

  test("a step of its own rounds to its multiples", async () => {
    const { charged } = await round(await open({ stepMinor: 50 }), ["approve"], 920);
    expect(charged).toEqual(gbp(920, { charityDonation: 30 }));
  });
});
