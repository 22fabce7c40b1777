// Scenarios on the bench page: a sale that is made by hand is recorded, and the recording makes the same sale again.

import { expect, test } from "vitest";
import { untilSo } from "./own-wires.ts";
import { PageSocket } from "./page-socket.ts";
import { LIMIT_MS, openPage } from "./page-stand.ts";

test(
  "a sale is recorded, and replayed to the same receipts",
  async (ctx) => {
    const stand = await openPage(ctx, { devices: ["virtual-pi-charger"] });
    const { board, button, panel, sees, shot, tab } = stand;
    const charger = board("Virtual Pi charger");
    const guide = charger.locator(".guide");
    const receipts = async (): Promise<string[]> => {
      await tab("Receipts");
      await sees("Settlement receipt", panel);
      await sees("Session receipt", panel);
      return panel.locator(".receipt").allTextContents();
    };
    await tab("Scenarios");
    await panel.getByLabel("Seed").fill("77");
    await button("Record", panel).click();
    await button("Stop recording", panel).waitFor();
    await button(/^(Plug the vehicle in|Tap visa-test)$/, guide).waitFor();
    const plug = button("Plug the vehicle in", guide);
    if (await plug.isVisible()) await plug.click();
    await button("Tap visa-test", guide).click();
    await sees("kWh flows", charger);
    await button("Press stop", guide).click();
    await sees("Sold, and the receipt is here.", charger);
    const recorded = await receipts();
    await tab("Scenarios");
    await button("Stop recording", panel).click();
    const text = await panel.locator(".scenario pre").textContent();
    expect(text).toMatch(/visa-test/);
    expect(text).toContain("seed: 77");
    await shot("scenario");
    await button("Replay it", panel.locator(".scenario")).click();
    // Another world, of which nothing is known yet.
    await tab("Receipts");
    await sees("No receipt yet.", panel);
    await button("10 times real time").click();
    expect(await receipts()).toEqual(recorded);
    expect(stand.troubles).toEqual([]);
  },
  LIMIT_MS,
);

test(
  "a scenario that ships is replayed by its name, and one that is none is refused",
  async (ctx) => {
    const stand = await openPage(ctx, { devices: ["virtual-pi-charger"] });
    const { page, button, panel, sees, tab } = stand;
    await tab("Scenarios");
    await panel.locator('input[type="file"]').setInputFiles({
      name: "wrong.yaml",
      mimeType: "application/yaml",
      buffer: Buffer.from("boards: 7\n"),
    });
    await button("Replay it", panel.locator(".scenario")).click();
    await sees(/^Refused: /);
    const shipped = page.locator("#shipped");
    await shipped.selectOption("happy-sale.yaml");
    await button("100 times real time").click();
    await button("Replay it", panel.locator(".row", { has: shipped })).click();
    await sees("replaying", page.locator("#notice"));
    await tab("Orders and money");
    await sees("closed", panel);
    // What the scenario expects, and whether it is so.
    await tab("What happened");
    await sees(/^.*info: expectation met what=charger, always/, panel);
    expect(stand.troubles).toEqual([]);
  },
  LIMIT_MS,
);

test(
  "a recording that has become too long to be replayed says so at once, and is not written",
  async (ctx) => {
    const stand = await openPage(ctx, { devices: ["virtual-pi-charger"] });
    const { page, button, panel, sees, tab } = stand;
    await tab("Scenarios");
    await button("Record", panel).click();
    await sees(/^Recording: 0 steps, 0 kB of at most 5000 steps, 900 kB\.$/, panel);
    const hands = new PageSocket(page.url());
    ctx.onTestFinished(() => hands.socket.terminate());
    await untilSo("a picture", () => hands.state !== undefined);
    const act = { board: "pi-charger", do: "press", button: "start" };
    for (let id = 0; id <= 5_000; id++) hands.socket.send(JSON.stringify({ id, act }));
    const alert = page.locator("#notice").getByRole("alert");
    await sees(/^This recording has become too long to be replayed/, alert);
    await button("Stop recording", panel).click();
    await sees(
      /^Refused: it is too long to be replayed: more than 5000 steps/,
      page.locator("#notice"),
    );
    await button("Record", panel).click();
    await sees(/^Recording: 0 steps/, panel);
    expect(await alert.count()).toBe(0);
    expect(stand.troubles).toEqual([]);
  },
  LIMIT_MS,
);
