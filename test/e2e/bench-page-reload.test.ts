// The bench page, loaded anew in the middle of a purchase: it goes on where it was, and knows what it had bought.

import { expect, test } from "vitest";
import { LIMIT_MS, openPage, type PageStand } from "./page-stand.ts";

const CHARGER = "Virtual charger";

async function begin({ button, panel }: PageStand, service: string, isStreamed: boolean) {
  await button("Discover", panel).click();
  await button(CHARGER, panel).click();
  await panel.getByLabel("Service").selectOption({ label: service });
  await panel.getByLabel("Units").fill("2");
  await button("Quote", panel).click();
  await panel.getByLabel("Test card").waitFor();
  if (isStreamed) await panel.getByLabel("Pay unit by unit").check();
  await button("Pay", panel).click();
  await button("Begin", panel).click();
}

test(
  "a reload in mid-delivery loses nothing: it is joined, and its receipts, log and payment are there afterwards",
  async (ctx) => {
    const stand = await openPage(ctx, { devices: ["virtual-charger"] });
    const { page, button, panel, sees, tab, shot } = stand;
    await begin(stand, "Energy, socket 1", false);
    await sees(/^0\.0[1-9] of 2 kWh delivered/, panel);
    await page.reload();
    // Nothing is clicked: it goes on by itself.
    await sees(/^0\.\d\d of 2 kWh delivered, paid in one piece$/, panel);
    await button("Stop", panel).waitFor();
    await button("100 times real time").click();
    await sees(/^Bought: 2 kWh for 0\.90 EUR, 0\.00 EUR given back\. 2 receipts/, panel);
    await page.reload();
    const bought = panel.locator(".purchase");
    await sees(/^Receipt 2: settlement, 2 kWh for 0\.90 EUR, 0\.00 EUR given back$/, bought);
    await sees(/^Receipt 1: session 1, 2 kWh for 0\.90 EUR, exhausted$/, bought);
    expect(await bought.locator(".badge").textContent()).toBe("closed");
    await shot("reloaded");
    await tab("Receipts");
    await sees("Genuine: signed by this device, number 2 of its chain", panel);
    await tab("Payment");
    await sees("Transaction processing", panel);
    await tab("What happened");
    await sees(/socket-1: delivery begins/, panel);
    // Another world knows nothing of it.
    await tab("Scenarios");
    await button("Begin a fresh world", panel).click();
    await tab("Buy from this page");
    await bought.waitFor({ state: "detached" });
    await page.reload();
    await button("Discover", panel).waitFor();
    expect(await bought.count()).toBe(0);
    expect(stand.troubles).toEqual([]);
  },
  LIMIT_MS,
);

test(
  "a streamed sale is paid on after a reload, unit by unit, by the same key",
  async (ctx) => {
    const stand = await openPage(ctx, { devices: ["virtual-charger"] });
    const { page, button, panel, sees } = stand;
    await begin(stand, "Energy unit by unit, socket 1", true);
    await sees(/kWh delivered, 1 paid by proof$/, panel);
    await page.reload();
    await sees(/^\d\.\d\d of 2 kWh delivered, \d paid by proof$/, panel);
    await button("10 times real time").click();
    // In parts: a computer that is busy is slower than the rate.
    await sees(/^1\.[0-4]\d of 2 kWh delivered, 2 paid by proof$/, panel);
    await sees(/^1\.[5-9]\d of 2 kWh delivered, 2 paid by proof$/, panel);
    await sees("2.00 of 2 kWh delivered, 2 paid by proof", panel);
    await sees(/^Bought: 2 kWh for 0\.90 EUR, 0\.00 EUR given back\./, panel);
    expect(stand.troubles).toEqual([]);
  },
  LIMIT_MS,
);

test(
  "who records goes on recording after a reload",
  async (ctx) => {
    const stand = await openPage(ctx, { devices: ["virtual-charger"] });
    const { page, button, panel, sees, tab } = stand;
    await tab("Scenarios");
    await button("Record", panel).click();
    await button("Stop recording", panel).waitFor();
    await page.reload();
    await tab("Scenarios");
    await button("Stop recording", panel).click();
    await sees("recorded", page.locator("#notice"));
    await button("Record", panel).waitFor();
    expect(stand.troubles).toEqual([]);
  },
  LIMIT_MS,
);
