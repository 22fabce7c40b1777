// The bench page as a buyer: the firmware's consumer in the browser, over MQTT on a WebSocket.

import { expect, test } from "vitest";
import { LIMIT_MS, openPage, type PageStand } from "./page-stand.ts";

const CHARGER = "Virtual charger";
const STREAMED = "Energy unit by unit, socket 1";

async function discover({ button, panel }: PageStand): Promise<void> {
  await button("Discover", panel).click();
  await button(CHARGER, panel).click();
}

async function quote({ button, panel }: PageStand, service: string, units: number): Promise<void> {
  await panel.getByLabel("Service").selectOption({ label: service });
  await panel.getByLabel("Units").fill(String(units));
  await button("Quote", panel).click();
  await panel.getByLabel("Test card").waitFor();
}

test(
  "a streamed sale: discovered, quoted, paid by the unit, received",
  async (ctx) => {
    const stand = await openPage(ctx, { devices: ["virtual-pi-charger", "virtual-charger"] });
    const { board, button, panel, sees, tab, shot } = stand;
    await discover(stand);
    await quote(stand, STREAMED, 3);
    await sees(/^3 kWh for 1\.35 EUR$/, panel);
    await panel.getByLabel("Pay unit by unit").check();
    await shot("buy-quoted");
    await button("Pay", panel).click();
    await button("Begin", panel).click();
    await button("Go at 100x", board(CHARGER)).click();
    await sees("Delivered", board(CHARGER));
    await shot("buy-delivering");
    await sees("3.00 of 3 kWh delivered, 3 paid by proof", panel);
    await sees(
      "Bought: 3 kWh for 1.35 EUR, 0.00 EUR given back. 2 receipts, all verified here.",
      panel,
    );
    await shot("buy-done");
    await tab("On the wire");
    const metering = panel.locator(".frame", { hasText: "metering" }).first();
    await metering.hover();
    const decoded = panel.locator(".decoded");
    await decoded.getByRole("heading", { name: "metering" }).waitFor();
    expect(await decoded.locator(".diagnostic").textContent()).toMatch(/^\[\d+, /);
    await shot("wire");
    const message = await decoded.locator(".opened").textContent();
    expect(JSON.parse(message ?? "")).toMatchObject({ is: "metering", session: 1 });
    const proof = panel.locator(".frame", { hasText: "proof" }).first();
    await proof.focus();
    await decoded.getByRole("heading", { name: "proof" }).waitFor();
    await tab("Receipts");
    await sees("Genuine: signed by this device, the first of its chain", panel);
    expect(stand.troubles).toEqual([]);
  },
  LIMIT_MS,
);

test(
  "a declined card is said, and another pays; what is stopped is given back",
  async (ctx) => {
    const stand = await openPage(ctx, { devices: ["virtual-charger"] });
    const { button, panel, sees } = stand;
    await discover(stand);
    await quote(stand, "Energy, socket 1", 2);
    await panel.getByLabel("Test card").selectOption("decline");
    await button("Pay", panel).click();
    await panel.getByRole("alert").waitFor();
    expect(await panel.getByRole("alert").textContent()).toMatch(/declined/);
    await button("Quote", panel).click();
    await panel.getByLabel("Test card").selectOption("approve");
    await button("Pay", panel).click();
    await button("Begin", panel).click();
    await sees(/^0\.0[1-9] of 2 kWh delivered, paid in one piece$/, panel);
    await button("Stop", panel).click();
    await sees(/^Bought: 0\.0\d+ kWh for 0\.0\d EUR, 0\.[89]\d EUR given back\./, panel);
    expect(stand.troubles).toEqual([]);
  },
  LIMIT_MS,
);

test(
  "another world in the middle of a streamed sale: the page buys there anew, and pays as its box says",
  async (ctx) => {
    const stand = await openPage(ctx, { devices: ["virtual-charger"] });
    const { board, button, panel, sees, tab } = stand;
    const box = panel.getByLabel("Pay unit by unit");
    await discover(stand);
    await quote(stand, STREAMED, 3);
    await box.check();
    await button("Pay", panel).click();
    await button("Begin", panel).click();
    await sees("Delivered", board(CHARGER));
    await tab("Scenarios");
    await button("Begin a fresh world", panel).click();
    await tab("Buy from this page");
    await discover(stand);
    await quote(stand, STREAMED, 1);
    expect(await box.isChecked()).toBe(true);
    await box.uncheck();
    await button("Pay", panel).click();
    await button("Begin", panel).click();
    await button("100 times real time").click();
    await sees("1.00 of 1 kWh delivered, paid in one piece", panel);
    await sees(/^Bought: 1 kWh for 0\.45 EUR/, panel);
    expect(stand.troubles).toEqual([]);
  },
  LIMIT_MS,
);
