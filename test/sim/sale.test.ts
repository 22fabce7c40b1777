// One whole sale in virtual time, from announcement to settlement receipt.

import { expect, test } from "vitest";
import { buy } from "../../bench/buyer.ts";
import { ENERGY, Site } from "../../bench/site.ts";

test("a sale of two units delivers, stops on the paid pulse and settles", async () => {
  const site = new Site({ seed: 1 });
  const outcome = await site.run(async () => {
    await site.powerOn();
    const consumer = await site.consumer("a");
    return buy(site, consumer, { service: 1, price: 1, units: 2 });
  }, 600_000);
  expect(site.bugs).toEqual([]);
  expect(outcome?.done).toBe(true);
  const [charge] = [...(await site.host.charges()).values()];
  expect(charge?.capturedMinor).toBe(2 * (ENERGY.prices[0]?.amountMinor ?? 0));
});
