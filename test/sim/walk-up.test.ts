// Sales to people at the board, whole devices in virtual time: real drivers, simulated readers and printer at the wire.

import { describe, expect, test } from "vitest";
import { crypto } from "../../bench/site.ts";
import { virtualPump } from "../../boards/virtual-pump.ts";
import { readReceiptCode } from "../../firmware/payment/services/receipt-code.ts";
import { verifyReceipt } from "../../firmware/token/receipt.ts";
import { value } from "./story.ts";
import {
  AT_BOARD,
  allIsRight,
  card,
  charges,
  flowed,
  orders,
  stand,
  UNIT_MS,
} from "./walk-up-stand.ts";

const IDLE = "Bench charger | Energy | 0.45 EUR per kWh | Present your card";
const SECOND = {
  ...AT_BOARD,
  id: 2,
  name: "Second",
  outlet: "socket-2",
};

describe("a sale", () => {
  test("I1 I4 I13: a card that is tapped starts the service, and what was delivered is captured", async () => {
    const at = await stand();
    const { desk, pass } = at;
    expect(desk.page()).toBe(IDLE);
    desk.chip.present(card("visa-test"));
    await pass(UNIT_MS + 5_000);
    expect(desk.shown().slice(1, 5)).toEqual([
      IDLE,
      "Energy | Up to 0.45 EUR | One moment",
      "present your card | 0.45 EUR",
      "card read | please wait",
    ]);
    expect(desk.page()).toBe("Energy | All is delivered | 1.00 kWh | Charged 0.45 EUR | Thank you");
    const [order] = orders(at);
    expect(order).toMatchObject({ atBoard: true, way: "hold", state: "closed", pulses: 1000 });
    expect(await charges(at)).toMatchObject([{ authorisedMinor: 45, capturedMinor: 45 }]);
    await allIsRight(at);
    await pass(20_000);
    expect(desk.page()).toBe(IDLE);
  });

  test("I1: a chip card that is inserted does the same, and the button ends it: the rest is released", async () => {
    const at = await stand();
    const { desk, site, pass } = at;
    desk.twin.insert(card("visa-chip"));
    await pass(11_000);
    site.board.controls.press("stop");
    await pass(2_000);
    expect(desk.page()).toMatch(
      /^Energy \| Stopped by button \| 0\.\d\d kWh \| Charged 0\.\d\d EUR/,
    );
    const [order] = orders(at);
    const pulses = order?.pulses ?? 0;
    expect(pulses).toBeGreaterThan(100);
    expect(flowed(at) - pulses).toBeLessThanOrEqual(3);
    const capturedMinor = Math.floor((pulses * 45) / 1000);
    expect(await charges(at)).toMatchObject([{ authorisedMinor: 45, capturedMinor }]);
    await allIsRight(at);
  });

  test.each(["refund", "credit-refund", "credit-forfeit"] as const)(
    "I1: nobody comes back for the rest: it is released at once, also where undelivered is %s",
    async (undelivered) => {
      const at = await stand({ services: [{ ...AT_BOARD, undelivered }] });
      at.desk.chip.present(card("visa-test"));
      await at.pass(8_000);
      at.site.board.controls.press("stop");
      await at.pass(2_000);
      const [order] = orders(at);
      expect(order).toMatchObject({
        state: "closed",
        settlement: { reason: "customer-button", forfeitMinor: 0 },
      });
      const capturedMinor = Math.floor(((order?.pulses ?? 0) * 45) / 1000);
      expect(await charges(at)).toMatchObject([{ authorisedMinor: 45, capturedMinor }]);
      await allIsRight(at);
    },
  );

  test("stopped before anything flowed it costs nothing", async () => {
    const at = await stand();
    const { desk, site, pass, until } = at;
    desk.chip.present(card("visa-test"));
    await until(() => orders(at)[0]?.running !== undefined);
    site.board.controls.press("stop");
    await pass(2_000);
    const [order] = orders(at);
    expect(order?.pulses).toBeLessThanOrEqual(5);
    expect((await charges(at))[0]?.capturedMinor).toBeLessThanOrEqual(1);
    expect(order?.settlement?.reason).toBe("customer-button");
    await allIsRight(at);
  });

  test("stopped while its first reservation is being written it ends all the same", async () => {
    const at = await stand({ storeLatencyMs: 300 });
    at.desk.chip.present(card("visa-test"));
    await at.until(() => orders(at)[0]?.state === "paid");
    await at.pass(50);
    expect(orders(at)[0]?.running).toBeUndefined();
    at.site.board.controls.press("stop");
    await at.pass(8_000);
    expect(orders(at)).toMatchObject([
      { state: "closed", settlement: { reason: "customer-button" } },
    ]);
    expect(flowed(at)).toBeLessThanOrEqual(5);
    await allIsRight(at);
  });

  test("the receipt is printed, and its code is the signed settlement of the sale", async () => {
    const at = await stand();
    at.desk.chip.present(card("visa-test"));
    await at.pass(UNIT_MS + 5_000);
    const [order] = orders(at);
    const [paper, ...others] = at.desk.papers();
    expect(others).toEqual([]);
    expect(paper?.lines.filter((line) => line !== "")).toEqual([
      "Bench charger",
      "2026-01-01 00:00 UTC",
      "Energy                  1.00 kWh",
      "at 0.45 EUR per kWh",
      "Charged                 0.45 EUR",
      `Order           ${order?.id}`,
      "Receipt                        2",
      `Payment         ${order?.reference}`,
      "All is delivered",
    ]);
    const signed = value(readReceiptCode(paper?.codes[0] ?? ""));
    expect(value(verifyReceipt(signed, at.site.signKey, crypto))).toMatchObject({
      ...{ is: "settlement", order: order?.id, capturedMinor: 45, reason: "exhausted" },
    });
    // The same code stands on the display.
    expect(at.desk.pages.at(-1)?.code?.length).toBeGreaterThan(20);
  });

  test("progress is shown once a second at most, and nothing else in between", async () => {
    const at = await stand();
    at.desk.chip.present(card("visa-test"));
    await at.pass(UNIT_MS + 5_000);
    const { pages } = at.desk;
    const running = pages.filter(({ lines }) => lines.includes("End: press stop"));
    expect(running.length).toBeGreaterThan(20);
    expect(running.length).toBeLessThan(30);
    for (const [i, { atMs }] of running.slice(2).entries()) {
      expect(atMs - (running[i + 1]?.atMs ?? 0)).toBeGreaterThan(990);
    }
    const first = pages.findIndex(({ lines }) => lines.includes("End: press stop"));
    const after = pages.slice(first).map(({ lines }) => lines[1]);
    expect(after.filter((line) => line === "Energy")).toEqual([]);
  });

  test("two people, one after the other: each pays his own", async () => {
    const at = await stand();
    const { desk, site, pass } = at;
    desk.chip.present(card("visa-test"));
    await pass(4_000);
    desk.chip.remove();
    site.board.controls.press("stop");
    await pass(3_000);
    // The page of the one before still stands there.
    desk.chip.present(card("mastercard-test"));
    await pass(UNIT_MS + 5_000);
    const [first, second] = orders(at);
    expect(first?.settlement?.reason).toBe("customer-button");
    expect(second?.settlement?.reason).toBe("exhausted");
    expect(await charges(at)).toHaveLength(2);
    expect(desk.papers()).toHaveLength(2);
    await allIsRight(at);
  });

  test("what is left in the tank limits what is held", async () => {
    const water = {
      ...AT_BOARD,
      ...{ outlet: "nozzle", meter: "flow", walkUp: { price: 1, units: 9 } },
      prices: [{ id: 1, name: "Water", amountMinor: 210, currency: "EUR" }],
      level: { sensor: "tank", readingsPerUnit: { numerator: 10, denominator: 1 }, reserve: 100 },
    };
    const at = await stand({ board: virtualPump, services: [water], pulsesPerSecond: 300 });
    at.site.board.sensors.fill("tank", 159);
    await at.pass(1_000);
    at.desk.chip.present(card("visa-test"));
    await at.pass(15_000);
    expect(orders(at)).toMatchObject([{ state: "closed", terms: { units: 5, totalMinor: 1050 } }]);
    at.site.board.sensors.fill("tank", 105);
    at.desk.chip.remove();
    await at.pass(1_000);
    at.desk.chip.present(card("visa-test"));
    await at.pass(2_000);
    expect(orders(at)).toHaveLength(1);
    expect(at.desk.page()).toBe("Out of order | Nothing is charged");
  });

  test("a fee stands beside the price, and on the paper", async () => {
    const prices = [
      {
        ...{ id: 1, name: "Day", amountMinor: 45, currency: "EUR", taxBasisPoints: 1900 },
        fees: [{ name: "Start", start: true, amountMinor: 20 }],
      },
    ];
    const at = await stand({ services: [{ ...AT_BOARD, prices }] });
    expect(at.desk.page()).toBe(
      "Energy | 0.45 EUR per kWh | + 0.20 EUR Start | Present your card | Bench charger",
    );
    at.desk.chip.present(card("visa-test"));
    await at.pass(UNIT_MS + 5_000);
    expect(at.desk.papers()[0]?.lines).toEqual(
      expect.arrayContaining([
        "Start                   0.20 EUR",
        "Charged                 0.65 EUR",
        "of it tax               0.10 EUR",
      ]),
    );
    expect(await charges(at)).toMatchObject([{ capturedMinor: 65 }]);
    await allIsRight(at);
  });
});

describe("a choice", () => {
  test("by a button holds for half a minute, and the card pays for it", async () => {
    const at = await stand({ services: [AT_BOARD, SECOND] });
    const { desk, site, pass } = at;
    site.board.controls.press("second");
    await pass(500);
    expect(desk.page()).toContain("Second");
    await pass(31_000);
    expect(desk.page()).toBe(IDLE);
    site.board.controls.press("second");
    await pass(500);
    desk.chip.present(card("visa-test"));
    await pass(UNIT_MS + 5_000);
    expect(orders(at)).toMatchObject([{ outlet: "socket-2", state: "closed" }]);
    expect(flowed(at)).toBe(0);
    expect(flowed(at, "socket-2")).toBeGreaterThanOrEqual(1000);
  });

  test("two outlets deliver at once, and the display shows them in turn", async () => {
    const at = await stand({ services: [AT_BOARD, SECOND] });
    const { desk, site, pass } = at;
    desk.chip.present(card("visa-test"));
    await pass(2_000);
    desk.chip.remove();
    site.board.controls.press("second");
    await pass(1_000);
    desk.chip.present(card("mastercard-test"));
    await pass(10_000);
    const both = desk.shown().slice(-8);
    expect(both.some((page) => page.startsWith("Energy | "))).toBe(true);
    expect(both.some((page) => page.startsWith("Second | "))).toBe(true);
    await pass(UNIT_MS);
    expect(orders(at).map(({ state, outlet }) => [outlet, state])).toEqual(
      expect.arrayContaining([
        ["socket-1", "closed"],
        ["socket-2", "closed"],
      ]),
    );
    expect((await charges(at)).map(({ capturedMinor }) => capturedMinor)).toEqual([45, 45]);
  });

  test("of a service that is not sold at the board shows the one that is", async () => {
    const { walkUp: _, ...elsewhere } = SECOND;
    const at = await stand({ services: [AT_BOARD, elsewhere] });
    at.site.board.controls.press("second");
    await at.pass(500);
    expect(at.desk.page()).toBe(IDLE);
  });
});
