// Rules of the original's own tests that no other test of ours shows by themselves.

import { describe, expect, test } from "vitest";
import { FLOW_EVENTS, readEvent } from "../../../firmware/payment/engine/flow-events.ts";
import { MILLIONTHS } from "../../../firmware/payment/model/basket.ts";
import { newItem } from "../../../firmware/payment/model/basket-item.ts";
import { basketTotal } from "../../../firmware/payment/model/basket-total.ts";
import type { DataType, DataTypes, DataValue } from "../../../firmware/payment/model/data-value.ts";
import type { FlowEvent } from "../../../firmware/payment/model/flow-event.ts";
import { approving, gbp, openSite, saleFlow, scripted } from "./engine/engine-site.ts";
import { value } from "./model/values.ts";

/** Of each type that an event carries. */
const PAYLOADS: Partial<{ readonly [K in DataType]: DataTypes[K] }> = {
  text: "abort",
  integer: 5000,
  "confirmation-request": {
    id: "q1",
    type: "card",
    options: [{ value: "yes", label: "Yes" }],
    multiSelect: false,
  },
  "confirmation-response": { request: "q1", values: ["yes"] },
  "final-amount": { type: "known", amounts: gbp(1000, { tip: 50 }) },
  receipt: { type: "customer", text: "Thank you" },
};

function eventOf(type: string, key = type): FlowEvent {
  const is = FLOW_EVENTS[type]?.payload ?? "text";
  return { type, data: { [key]: { is, value: PAYLOADS[is] } as DataValue } };
}

describe("peer 8.15, 8.17: events", () => {
  test.each(Object.entries(FLOW_EVENTS))(
    "%s carries its payload, amounts and all",
    (type, { from }) => {
      const sender = from === "initiator" ? "initiator" : "service";
      const event = eventOf(type);
      expect(event.data[type]?.value).toBeDefined();
      expect(readEvent(sender, JSON.parse(JSON.stringify(event)))).toEqual({
        kind: "known",
        event,
      });
    },
  );

  test.each(Object.entries(FLOW_EVENTS).filter(([, { payloadRequired }]) => payloadRequired))(
    "%s without it, under another key or of another type says nothing",
    (type, { from }) => {
      const sender = from === "initiator" ? "initiator" : "service";
      const flag = { is: "flag", value: true } as const;
      const others: FlowEvent[] = [
        { type, data: {} },
        eventOf(type, "other"),
        { type, data: { [type]: flag } },
      ];
      for (const other of others) expect(readEvent(sender, other).kind).toBe("malformed");
    },
  );
});

describe("peer 8.6: what is paid beside what is changed", () => {
  test.each([
    ["more than the changed amounts", gbp(2000), 24],
    ["as much as base and tip together", gbp(1005), 24],
    ["in another currency than the request", { ...gbp(1000), currency: "EUR" }, 26],
  ])("%s is refused, and nothing is changed", async (_, amountsPaid, code) => {
    const both = scripted("both", {
      PRE_TRANSACTION: () => ({
        updatedAmounts: gbp(1000, { tip: 5 }),
        amountsPaid,
        paidWith: "points",
      }),
    });
    const bank = approving("bank");
    const flows = [saleFlow({ PRE_TRANSACTION: ["both"], TRANSACTION_PROCESSING: ["bank"] })];
    const site = await openSite({ services: [both, bank], flows });
    await site.pay();
    expect(await site.audit()).toContainEqual(
      expect.stringMatching(new RegExp(`^rejected PRE_TRANSACTION both ${code} `)),
    );
    expect(bank.inputs("TRANSACTION_PROCESSING")[0]?.amounts).toEqual(gbp(1000));
  });
});

test("peer 8.12: five modifiers of one item, twice, are summed before anything is rounded", () => {
  const by = (amountMillionths: number | undefined, rateMillionths?: number) => ({
    name: "m",
    type: "extra",
    ...(amountMillionths !== undefined && { amountMillionths }),
    ...(rateMillionths !== undefined && { rateMillionths }),
  });
  const modifiers = [
    by(200_400_000),
    by(-50_300_000),
    by(undefined, 105_000),
    by(undefined, -20_500),
    by(250_000, 999_999),
  ];
  const item = value(
    newItem({ id: "i", label: "i", baseMillionths: 1000 * MILLIONTHS, modifiers, quantity: 2 }),
  );
  // 1000 + 200.4 - 50.3 + 105 - 20.5 + 0.25 is 1234.85: one is 1235, two are 2469.7.
  expect(item.amountMinor).toBe(1235);
  const totals = (["down", "nearest", "up"] as const).map((rounding) =>
    value(basketTotal({ items: [item], rounding })),
  );
  expect(totals).toEqual([2469, 2470, 2470]);
});
