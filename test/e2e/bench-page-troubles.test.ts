// Everything that may be broken at a board on the bench page, each thing clicked; and time, which is stopped, stepped and passed.

import type { Locator } from "playwright-core";
import { expect, test } from "vitest";
import { LIMIT_MS, openPage, type PageStand } from "./page-stand.ts";

const PI = "Virtual Pi charger";
const CHARGER = "Virtual charger";
const DEVICES = ["virtual-pi-charger", "virtual-charger"];

async function pressed(one: Locator, isPressed: boolean): Promise<void> {
  await one.click();
  await one.and(one.page().locator(`[aria-pressed="${isPressed}"]`)).waitFor();
}

async function breakable({ board }: PageStand, name: string): Promise<Locator> {
  await board(name).getByText("Break something").click();
  return board(name).locator(".trouble");
}

test(
  "each fault and each cable of each board, broken and mended",
  async (ctx) => {
    const stand = await openPage(ctx, { devices: DEVICES });
    const clicked: string[] = [];
    for (const name of [PI, CHARGER]) {
      const trouble = await breakable(stand, name);
      const names = await trouble
        .locator("[data-fault]")
        .evaluateAll((all) => all.map((one) => one.outerHTML))
        .then((all) => all.map((one) => /data-fault="([\w-]+)" data-target="([\w-]+)"/.exec(one)));
      for (const found of names) {
        const [, fault = "", target = ""] = found ?? [];
        const one = trouble.locator(`[data-fault="${fault}"][data-target="${target}"]`);
        await pressed(one, true);
        await pressed(one, false);
        clicked.push(fault);
      }
      for (const cable of await trouble.locator("[data-cable]").all()) {
        await pressed(cable, true);
        await pressed(cable, false);
      }
    }
    await stand.shot("faults");
    for (const fault of [
      "weld",
      "not-closed",
      "stuck-meter",
      "leak",
      "lost-sensor",
      "silent-bus",
    ]) {
      expect(clicked).toContain(fault);
    }
    expect(stand.troubles).toEqual([]);
  },
  LIMIT_MS,
);

test(
  "a leak and a weld are seen where they are",
  async (ctx) => {
    const stand = await openPage(ctx, { devices: DEVICES });
    const { board, button, sees, shot } = stand;
    const outlet = board(CHARGER).locator(".outlet").first();
    const leaking = await breakable(stand, CHARGER);
    await leaking.locator('[data-fault="leak"][data-target="socket-1"]').click();
    await sees("kWh flows", outlet);
    expect(await outlet.locator(".fact.bad").textContent()).toBe("kWh flows");
    const charger = board(PI);
    const guide = charger.locator(".guide");
    const welded = await breakable(stand, PI);
    await button(/^(Plug the vehicle in|Tap visa-test)$/, guide).waitFor();
    const plug = button("Plug the vehicle in", guide);
    if (await plug.isVisible()) await plug.click();
    await button("Tap visa-test", guide).click();
    await sees("kWh flows", charger);
    await welded.locator('[data-fault="weld"]').click();
    await button("Press stop", guide).click();
    await charger
      .locator(".fact.bad", { hasText: "contact is not as the coil was told" })
      .waitFor();
    await sees(/^Not ready to sell: .*weld/, charger);
    await shot("leak");
    expect(stand.troubles).toEqual([]);
  },
  LIMIT_MS,
);

test(
  "power, loop, network, broker, clock and interlocks",
  async (ctx) => {
    const stand = await openPage(ctx, { devices: DEVICES });
    const { board, button, sees, tab, panel } = stand;
    const charger = board(PI);
    const trouble = await breakable(stand, PI);
    await button("Cut the power", trouble).click();
    await sees("no power", charger);
    await button("Power on", charger.locator(".guide")).click();
    await button("Cut it for 3 s", trouble).click();
    await sees("no power", charger);
    await button("Cut the power", trouble).waitFor();
    await button("Kill the loop", trouble).click();
    await sees("Done: kill-loop");
    await button("Cut the network", trouble).click();
    await sees("no network", charger);
    await button("Mend the network", trouble).click();
    await button("Cut the network", trouble).waitFor();
    await button("Broker dies for 10 s", trouble).click();
    await sees("Done: broker-dies 10000");
    await button("Emergency stop", charger).click();
    await sees("The emergency stop is pressed. Nothing is sold until it is cleared.", charger);
    await button("Release the emergency stop", charger.locator(".interlocks")).click();
    await button("Emergency stop", charger).waitFor();
    const hour = async (): Promise<number> =>
      Number((await stand.page.locator(".clock .dim").textContent())?.slice(11, 13));
    const before = await hour();
    // One clock for the whole site: it is said where it is clicked.
    const ofAll = trouble.getByRole("group", { name: "Of all boards: broker and clocks" });
    await button("All clocks + 1 h", ofAll).click();
    await expect.poll(hour, { timeout: 20_000 }).toBe((before + 1) % 24);
    await button("All clocks - 1 h", ofAll).click();
    await expect.poll(hour, { timeout: 20_000 }).toBe(before);
    await tab("What happened");
    await sees("By hand: kill-loop", panel);
    await sees("The power is gone", panel);
    expect(stand.troubles).toEqual([]);
  },
  LIMIT_MS,
);

test(
  "time is paused, stepped and passed",
  async (ctx) => {
    const stand = await openPage(ctx, { devices: DEVICES });
    const { page, button, sees, board } = stand;
    const nowMs = async (): Promise<number> => {
      const text = (await page.locator(".clock time").textContent()) ?? "";
      const [hours = 0, minutes = 0, seconds = 0] = text.split(":").map(Number);
      return 1000 * (3600 * hours + 60 * minutes + seconds);
    };
    await button("Pause").click();
    await sees("Time stands still.", board(PI));
    const stoodMs = await nowMs();
    await page.waitForTimeout(500);
    expect(await nowMs()).toBe(stoodMs);
    for (let steps = 0; steps < 3; steps++) {
      const beforeMs = await nowMs();
      await button("Step").click();
      await expect.poll(nowMs, { timeout: 20_000 }).toBeGreaterThan(beforeMs);
    }
    expect(await nowMs()).toBeLessThan(stoodMs + 10_000);
    await button("100 times real time").click();
    await expect.poll(nowMs, { timeout: 60_000 }).toBeGreaterThan(stoodMs + 60_000);
    await button("real time").click();
    await page.locator('[aria-label="real time"][aria-pressed="true"]').waitFor();
    expect(stand.troubles).toEqual([]);
  },
  LIMIT_MS,
);
