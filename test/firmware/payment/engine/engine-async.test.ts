// Services whose functions are async ones although nobody asked for it: what they reject ends no flow and no process.

import { afterEach, beforeEach, expect, test } from "vitest";
import type { FlowService } from "../../../../firmware/payment/engine/service.ts";
import { approving, FIRST, openSite, saleFlow, scripted } from "./engine-site.ts";

const unhandled: unknown[] = [];
const keep = (error: unknown): void => void unhandled.push(error);
beforeEach(() => {
  unhandled.length = 0;
  process.on("unhandledRejection", keep);
});
afterEach(() => {
  process.off("unhandledRejection", keep);
});

const reject = (): never => Promise.reject(new Error("the author forgot")) as never;

test.each<[string, (service: FlowService) => Partial<FlowService>]>([
  ["call", () => ({ call: reject })],
  ["ended", () => ({ ended: reject })],
  [
    "tell",
    (service) => ({
      call: (call, listener) => {
        service.call(call, listener);
        return { tell: reject };
      },
    }),
  ],
])("a service whose %s rejects harms nobody", async (_, changed) => {
  const odd = scripted("odd", { PRE_TRANSACTION: () => ({}) });
  Object.assign(odd, changed(Object.assign(Object.create(Object.getPrototypeOf(odd)), odd)));
  const flows = [saleFlow({ TRANSACTION_PROCESSING: ["bank"], PRE_TRANSACTION: ["odd"] })];
  const site = await openSite({ services: [odd, approving("bank")], flows });
  expect(await site.pay()).toMatchObject({ outcome: "fulfilled", payment: { id: FIRST.id } });
  await new Promise((resolve) => setImmediate(resolve));
  expect(unhandled).toEqual([]);
});
