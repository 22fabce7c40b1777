// The customer display: what it shows of a payment and of a basket, and that it forgets who stood there.

import { expect, test } from "vitest";
import { openStockService } from "../../../../firmware/payment/services/stock.ts";
import { simStore } from "../../../../hal/sim/sim-store.ts";
import { simWorld } from "../../../../hal/sim/world.ts";
import { gbp } from "../engine/engine-site.ts";
import { basket, item } from "../rules/rule-inputs.ts";
import { type Bench, crypto, openBench } from "./stock-bench.ts";

const OPTIONS = { idle: "Hello!", width: 16, rows: 2 };

async function open(bank: "approves" | "declines" = "approves"): Promise<Bench> {
  return openBench({ uses: [["customer-display", "display", OPTIONS]], bank });
}

test.each([
  ["approves", "Paid"],
  ["declines", "Not paid"],
] as const)("shows a payment that the bank %s, and forgets it at its end", async (bank, said) => {
  const bench = await open(bank);
  await bench.pay();
  await bench.world.runFor(1);
  expect(bench.shown.slice(0, 4)).toEqual([
    ["Hello!"],
    ["To pay", "10.00 GBP"],
    [said, "10.00 GBP"],
    ["Hello!"],
  ]);
  expect(bench.shown.at(-1)).toEqual(["Hello!"]);
});

test("I12: a customer who was greeted is forgotten with his payment, or after a minute", async () => {
  const bench = await open();
  const value = { id: "c", fullName: "Ada\u202eLovelace of London", tokens: [], details: {} };
  const greet = (id: string) =>
    bench.ask({
      id,
      type: "customerStatusUpdate",
      data: { customerUpdate: { is: "customer", value } },
    });
  await greet("g1");
  expect(bench.shown.at(-1)).toEqual(["Hello Ada Lovela"]);
  await bench.world.runFor(61_000);
  expect(bench.shown.at(-1)).toEqual(["Hello!"]);
  await greet("g2");
  await bench.pay();
  expect(bench.shown.at(-1)).toEqual(["Hello!"]);
  await bench.world.runFor(61_000);
  expect(bench.shown.at(-1)).toEqual(["Hello!"]);
});

test("the end of one payment leaves what another one shows", async () => {
  const bench = await open();
  const one = await bench.pay({ id: "one" });
  const display = bench.services["display"];
  const input = { transactionId: "two/1", amounts: gbp(500) } as never;
  const of = { id: "q", flowType: "sale", initiator: "sale", background: false } as const;
  const nothing = (): void => {};
  display?.call(
    { ...of, stage: "PRE_TRANSACTION", input },
    { acknowledged: nothing, audit: nothing, event: nothing, respond: nothing, failed: nothing },
  );
  await bench.world.runFor(1);
  display?.ended?.(one);
  expect(bench.shown.at(-1)).toEqual(["To pay", "5.00 GBP"]);
  display?.ended?.({ ...one, id: "two" });
  expect(bench.shown.at(-1)).toEqual(["Hello!"]);
});

test("F21, F60: shows a basket as it changes", async () => {
  const bench = await open();
  const items = [item(300), { ...item(700), id: "2", label: "Washing" }];
  const updated = { is: "basket", value: basket("b", ...items) } as const;
  const currency = { is: "text", value: "GBP" } as const;
  const type = "basketStatusUpdate";
  await bench.ask({ id: "b1", type, data: { basketUpdated: updated, currency } });
  expect(bench.shown.at(-1)).toEqual(["Washing", "Total 10.00 GBP"]);
  const added = { is: "basket-items", value: items } as const;
  await bench.ask({ id: "b2", type, data: { basketItemsAdded: added } });
  expect(bench.shown.at(-1)).toEqual(["an item 300", "Washing 700"]);
  await bench.ask({ id: "b3", type, data: { basketItemsRemoved: added } });
  expect(bench.shown.at(-1)).toEqual(["- an item", "- Washing"]);
});

test("where there is no display, the log shows it", () => {
  const { clock } = simWorld({ seed: 1 });
  const logged: unknown[] = [];
  const ports = {
    store: simStore().store(),
    clock,
    crypto,
    log: (_level: string, event: string, fields?: object) => logged.push([event, fields]),
  };
  expect(openStockService("customer-display", "d", undefined, ports).ok).toBe(true);
  expect(logged).toEqual([["display", { text: "Welcome" }]]);
});
