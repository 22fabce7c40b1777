// The bench page as somebody uses it who stands at the board: with a mouse, with the keyboard alone, and on a phone.

import { expect, test } from "vitest";
import { LIMIT_MS, openPage, type PageStand } from "./page-stand.ts";

const CHARGER = "Virtual Pi charger";
const DEVICES = ["virtual-pi-charger", "virtual-charger"];
const PANELS = [
  ...["Buy from this page", "Payment", "Orders and money", "Receipts", "On the wire"],
  ...["What happened", "Scenarios"],
];

/** The vehicle is there, and the guide says what to click. */
async function plugIn({ board, button }: PageStand): Promise<void> {
  const plug = button("Plug the vehicle in", board(CHARGER).locator(".guide"));
  const tap = button("Tap visa-test", board(CHARGER).locator(".guide"));
  await plug.or(tap).waitFor();
  if (await plug.isVisible()) await plug.click();
  await tap.waitFor();
}

test(
  "a whole sale by tapping a card, its receipt verified in the browser",
  async (ctx) => {
    const stand = await openPage(ctx, { devices: DEVICES });
    const { page, board, button, panel, sees, tab, shot } = stand;
    const charger = board(CHARGER);
    await plugIn(stand);
    await sees("Tap a card to buy something.", charger);
    await shot("first-view");
    await button("Tap visa-test", charger.locator(".guide")).click();
    await sees("kWh flows", charger);
    await button("10 times real time").click();
    // So much that it costs something.
    await sees(/^Delivering: 0\.(0[3-9]|[1-9])/, charger);
    await shot("delivering");
    await button("Press stop", charger.locator(".buttons")).click();
    await button("See the receipt", charger).click();
    await sees("Genuine: signed by this device, the first of its chain", panel);
    await sees("Genuine: signed by this device, number 2 of its chain", panel);
    await shot("receipts");
    await panel.getByText("Change one bit of it").last().click();
    await sees(/^Not genuine: /, panel);
    await tab("Payment");
    await sees("Transaction processing", panel);
    await sees("left to pay: 9.00 EUR \u2192 0.00 EUR", panel);
    await sees("card: nothing \u2192 read, and not shown", panel);
    await shot("payment");
    await tab("Orders and money");
    await sees("closed", panel);
    const taken = await panel.locator(".books div", { hasText: "Taken" }).first().textContent();
    expect(taken).toMatch(/Taken0\.(0[1-9]|[1-9]\d) EUR/);
    expect(await charger.locator(".plot canvas").count()).toBe(1);
    await tab("What happened");
    await sees("socket: coil on, contact closed", panel);
    expect(await page.title()).toBe("Sluice bench");
    expect(stand.troubles).toEqual([]);
  },
  LIMIT_MS,
);

test(
  "the keyboard alone sells, reads a receipt and steers time",
  async (ctx) => {
    const stand = await openPage(ctx, { devices: DEVICES });
    const { page, board, sees, panel } = stand;
    const focused = (): Promise<string> =>
      page.evaluate<string>(
        `(({ role, ariaLabel, textContent }) => (role === "tab" ? "tab: " : "") +
        (ariaLabel ?? textContent))(document.activeElement)`,
      );
    const tabTo = async (name: RegExp): Promise<void> => {
      for (let presses = 0; presses < 150; presses++) {
        await page.keyboard.press("Tab");
        if (name.test(await focused())) return;
      }
      throw new Error(`the keyboard does not reach ${name}`);
    };
    const press = async (name: RegExp, key = "Enter"): Promise<void> => {
      await tabTo(name);
      // Whoever has no mouse must see where he is.
      const outline = "getComputedStyle(document.activeElement).outlineStyle";
      expect(await page.evaluate<string>(outline)).toBe("solid");
      await page.keyboard.press(key);
    };
    const charger = board(CHARGER);
    await plugInByKeyboard(stand, press);
    await press(/^Tap visa-test: /, "Space");
    await sees("kWh flows", charger);
    await press(/^10 times/);
    await sees(/^Delivering: 0\.0[1-9]/, charger);
    await press(/^Press stop$/);
    await sees("Sold, and the receipt is here.", charger);
    await tabTo(/^tab: Buy from this page$/);
    for (let moves = 0; moves < 3; moves++) await page.keyboard.press("ArrowRight");
    expect(await focused()).toBe("tab: Receipts");
    await sees(/^Genuine: /, panel);
    await press(/^Pause$/);
    await sees("Time stands still.", charger);
    expect(stand.troubles).toEqual([]);
  },
  LIMIT_MS,
);

async function plugInByKeyboard(
  { board, button, sees }: PageStand,
  press: (name: RegExp) => Promise<void>,
): Promise<void> {
  const charger = board(CHARGER);
  const guide = charger.locator(".guide");
  await button(/^(Plug the vehicle in|Tap visa-test)$/, guide).waitFor();
  const isThere = (await button("Plug the vehicle in", guide).count()) === 0;
  if (!isThere) await press(/^Plug the vehicle in$/);
  await sees("Tap a card to buy something.", charger);
}

test(
  "at phone width nothing is cut off, one board at a time",
  async (ctx) => {
    const stand = await openPage(ctx, { devices: DEVICES, width: 360, height: 740 });
    const { board, button, tab, sees, shot, overflowPx } = stand;
    const charger = board(CHARGER);
    await plugIn(stand);
    await shot("phone");
    expect(await overflowPx()).toBe(0);
    await button("Tap visa-test", charger.locator(".guide")).click();
    await sees("kWh flows", charger);
    await charger.getByText("Break something").click();
    await charger.getByText("Card terminal").click();
    expect(await overflowPx()).toBe(0);
    await button("Press stop", charger.locator(".buttons")).click();
    await sees("Sold, and the receipt is here.", charger);
    for (const name of PANELS) {
      await tab(name);
      expect([name, await overflowPx()]).toEqual([name, 0]);
    }
    expect(await board("Virtual charger").isVisible()).toBe(false);
    await tab("Virtual charger");
    await board("Virtual charger").waitFor();
    expect(await charger.isVisible()).toBe(false);
    expect(await overflowPx()).toBe(0);
    await shot("phone-second-board");
    expect(stand.troubles).toEqual([]);
  },
  LIMIT_MS,
);

test(
  "dark where the system is dark, and still where motion is not wanted",
  async (ctx) => {
    const stand = await openPage(ctx, { devices: DEVICES, dark: true, reducedMotion: true });
    const { page, board, button, sees, shot } = stand;
    const charger = board(CHARGER);
    await plugIn(stand);
    await button("Tap visa-test", charger.locator(".guide")).click();
    await sees("kWh flows", charger);
    await shot("dark");
    const style = (of: string, what: string): Promise<string> =>
      page.evaluate<string>(`getComputedStyle(document.querySelector('${of}')).${what}`);
    expect(await style(".scene.flows .stream", "animationName")).toBe("none");
    expect(await style("body", "backgroundColor")).toBe("rgb(14, 20, 25)");
    expect(stand.troubles).toEqual([]);
  },
  LIMIT_MS,
);
