// What each service changed of a payment, as the bench tells it: from what to what, in words of money, and nothing of a card.

import { expect, test } from "vitest";
import { openBench } from "../../bench/bench.ts";
import type { BenchEvent } from "../../bench/bench-state.ts";
import { changesOf } from "../../bench/flow-changes.ts";
import type { TakenAnswer } from "../../firmware/payment/engine/engine.ts";
import { definePaymentFlowService } from "../../firmware/payment/sdk/define-service.ts";
import { TEST_CARDS } from "../../hal/sim/sim-payment-host.ts";
import { readBoards } from "../../tools/bench-page/page-boards.ts";
import { value } from "../sim/story.ts";

type Stage = Extract<BenchEvent, { is: "stage" }>;

const SPACED = "4242 4242 4242 4242";

/** A tenth off for everybody; it leaves behind what it must not, too. */
const tenthOff = () =>
  definePaymentFlowService({
    info: {
      ...{ id: "tenth-off", vendor: "Bench", displayName: "A tenth off", canPayAmounts: true },
      ...{ flowTypes: ["preAuthorisation", "reversal"], paymentMethods: ["reward"] },
    },
    stages: {
      PRE_TRANSACTION: (model) => {
        const { amounts, baskets } = model.request;
        const [basket] = baskets;
        if (basket === undefined) return;
        model.addData("campaign", "autumn");
        model.addData("note", `card ${SPACED}`);
        model.addData("cvv", "737");
        const amountMinor = -Math.floor(amounts.base / 10);
        model.discount(basket.id, [{ id: "off", label: "A tenth off", amountMinor }], "reward");
      },
      GENERIC: (model) => model.succeed({}, "nothing was paid"),
    },
  });

async function stagesOfWalkUp(): Promise<readonly Stage[]> {
  const [setup] = value(readBoards(["boards/virtual-pi-charger.yaml"]));
  if (setup === undefined) throw new Error("no board");
  const bench = await openBench({
    seed: 1,
    boards: [{ ...setup, flowServices: () => [tenthOff()] }],
  });
  const stages: Stage[] = [];
  bench.onEvent((event) => {
    if (event.is === "stage") stages.push(event);
  });
  bench.act({ do: "clear", interlock: "vehicle" });
  await bench.world.runWhile(() => bench.state().boards[0]?.ready !== true, 60_000);
  bench.act({ do: "tap", card: "visa-test" });
  const isFlowing = (): boolean => bench.state().boards[0]?.outlets[0]?.session !== undefined;
  expect(await bench.world.runWhile(() => !isFlowing(), 60_000)).toBe(true);
  await bench.world.runFor(2_000);
  for (const { bugs } of bench.sites.values()) expect(bugs).toEqual([]);
  return stages;
}

test("I14: an accepted answer is told with what it changed, from what to what, in words of money", async () => {
  const stages = await stagesOfWalkUp();
  const accepted = (stage: string): Stage["changes"] =>
    stages.find((one) => one.stage === stage && one.outcome.startsWith("accepted"))?.changes ?? [];
  expect(accepted("PRE_TRANSACTION")).toEqual([
    { what: "left to pay", from: "9.00 EUR", to: "8.10 EUR" },
    { what: expect.stringMatching(/^basket .+, A tenth off$/), to: "-0.90 EUR" },
    { what: "data campaign", to: "autumn" },
    { what: "data note", to: expect.stringMatching(/^card hidden/) },
    { what: "data cvv", to: "hidden" },
    { what: "paid with", to: "reward" },
  ]);
  expect(accepted("PAYMENT_CARD_READING")).toContainEqual({
    ...{ what: "card", to: "read, and not shown" },
  });
  expect(accepted("TRANSACTION_PROCESSING")).toEqual(
    expect.arrayContaining([
      { what: "left to pay", from: "8.10 EUR", to: "0.00 EUR" },
      { what: "outcome", to: "approved" },
    ]),
  );
  // Each change is told once, with the line of its answer.
  const told = stages.filter(({ changes }) => changes.length > 0);
  expect(told.every(({ outcome }) => outcome.startsWith("accepted"))).toBe(true);
  expect(told).toHaveLength(3);
});

test("I12: no card number, security code or token is among what is told of a payment", async () => {
  const told = JSON.stringify(await stagesOfWalkUp());
  for (const secret of [SPACED, SPACED.replaceAll(" ", ""), TEST_CARDS.approve, "737"]) {
    expect(told).not.toContain(secret);
  }
  expect(told).not.toMatch(/\d{6}\*+\d{4}/);
});

test("I14: a second discount of the same name is told as what was added, and not as a change of the first", () => {
  const off = (amountMinor: number) => ({ label: "Off", quantity: 1, amountMinor });
  const basket = { id: "b", name: "sale", items: [off(-90)] };
  const answer = {
    ...{ flow: "f", stage: "PRE_TRANSACTION", service: "s" },
    input: { amounts: { currency: "EUR", base: 810, additional: {} }, baskets: [basket] },
    output: { modifiedBasket: { id: "b", items: [off(-50)] } },
  };
  expect(changesOf(answer as unknown as TakenAnswer)).toEqual([
    { what: "basket sale, Off (2)", to: "-0.50 EUR" },
  ]);
});
