// When a device is in the middle of a sale without delivering: money is under way, or a person at the board has paid and not begun.

import { expect, test } from "vitest";
import { type HealthFacts, producerStatus } from "../../../firmware/producer/health.ts";
import type { Order } from "../../../firmware/producer/order.ts";
import { ok } from "../../../firmware/result.ts";

const FACTS: Omit<HealthFacts, "allOrders"> = {
  ...{ loop: true, broadcasting: true, outlets: [], offers: 0, dropped: 0, clock: "set" },
  ...{ uptimeS: 1, epoch: 1, receipt: 0, certificateExpiresS: 4_000_000_000, version: "" },
  ...{
    linkUp: true,
    atBoard: true,
    closing: false,
    storeTrouble: undefined,
    nowS: 1,
    services: [],
  },
  outletReady: () => ok(undefined),
};
const running = { session: 1, total: 9, reserved: 9, recorded: 0, startReading: 0 };

test.each<[string, Partial<Order>, { paying: number; running: number }]>([
  ["money is under way", { state: "taking" }, { paying: 1, running: 0 }],
  ["paid over the network: it may be begun tomorrow", { state: "paid" }, { paying: 0, running: 0 }],
  ["paid at the board", { state: "paid", atBoard: true }, { paying: 1, running: 0 }],
  ["delivering at the board", { state: "paid", atBoard: true, running }, { paying: 0, running: 1 }],
  ["settling", { state: "closing", atBoard: true }, { paying: 0, running: 0 }],
  ["over", { state: "taking", closedS: 5 }, { paying: 0, running: 0 }],
])("%s", (_, one, told) => {
  const order = { id: "1", outlet: "socket", ...one } as Order;
  expect(producerStatus({ ...FACTS, allOrders: [order] })).toMatchObject(told);
});
