// Sales to people at the board while the payment host is out of reach, whole devices in virtual time: declined before
// anything is energised, or, where policy takes the risk, sold, told later, and exact.

import { describe, expect, test } from "vitest";
import type { TestCardName } from "../../hal/sim/test-cards.ts";
import { booksAgree, type DeferredStand, deferredStand, POLICY } from "./deferred-stand.ts";
import { AT_BOARD, allIsRight, card, charges, flowed, orders, UNIT_MS } from "./walk-up-stand.ts";

const NOTHING = { open: 0, openMinor: 0, lost: 0, lostMinor: 0, owedMinor: 0 };
const DECLINED = "Declined | Nothing is charged | the payment host | cannot be reached";
const NO_WORD = "Payment not possible | Nothing is charged | no word of the | payment host";
/** The host is told within so long of its coming back. */
const TOLD_MS = 130_000;

async function present(at: DeferredStand, name: TestCardName, forMs: number): Promise<void> {
  at.desk.chip.present(card(name));
  await at.pass(forMs);
  at.desk.chip.remove();
}

describe("I5 I7: without policy", () => {
  test("a host that is known to be out of reach: declined at once, before a card is asked for", async () => {
    const at = await deferredStand();
    at.line.state = "down";
    await present(at, "visa-test", 1_000);
    expect(at.desk.page()).toBe(DECLINED);
    expect(at.desk.shown().join()).not.toContain("present your card");
    expect(orders(at)).toMatchObject([{ state: "failed" }]);
    expect([flowed(at), at.line.asked]).toEqual([0, 0]);
    await allIsRight(at);
    at.line.state = "up";
    await at.pass(10_000);
    await present(at, "visa-test", UNIT_MS + 5_000);
    expect(await charges(at)).toMatchObject([{ capturedMinor: 45 }]);
    await allIsRight(at);
  });

  test("one that is silent: within 20 s, nothing is energised, and the next one is served while it is undone", async () => {
    const at = await deferredStand();
    at.line.state = "silent";
    await present(at, "visa-test", 18_000);
    expect(at.desk.page()).not.toBe(NO_WORD);
    await at.pass(4_000);
    expect(at.desk.page()).toBe(NO_WORD);
    await at.pass(10_000);
    at.line.state = "down";
    await present(at, "mastercard-test", 1_000);
    expect(at.desk.page()).toBe(DECLINED);
    expect(flowed(at)).toBe(0);
    at.line.state = "up";
    await at.pass(90_000);
    expect(orders(at).map(({ state }) => state)).toEqual(["failed", "failed"]);
    // He has gone: nobody reads of it any more.
    expect(at.desk.shown().filter((page) => page === NO_WORD)).toHaveLength(1);
    await allIsRight(at);
  });

  test("one that goes while it is asked: nobody waits for longer than that", async () => {
    const at = await deferredStand();
    at.line.state = "silent";
    await present(at, "visa-test", 2_000);
    at.line.state = "down";
    await at.pass(1_000);
    expect(at.desk.page()).toBe(NO_WORD);
    at.line.state = "up";
    await at.pass(60_000);
    expect(orders(at)).toMatchObject([{ state: "failed" }]);
    expect(flowed(at)).toBe(0);
    await allIsRight(at);
  });
});

describe("with policy", () => {
  test("I1 I2: sold at once, and when the host is back it is told: captured exactly", async () => {
    const at = await deferredStand({ policy: POLICY });
    at.line.state = "down";
    await present(at, "visa-test", 3_000);
    expect(flowed(at)).toBeGreaterThan(0);
    expect(at.sums()).toEqual({ ...NOTHING, open: 1, openMinor: 45 });
    at.site.board.controls.press("stop");
    await at.pass(3_000);
    const [order] = orders(at);
    const dueMinor = order?.settlement?.amountMinor ?? 0;
    expect(order).toMatchObject({ state: "closed", settlement: { reason: "customer-button" } });
    expect([dueMinor > 0, dueMinor < 45]).toEqual([true, true]);
    expect(at.sums()).toEqual({ ...NOTHING, open: 1, openMinor: dueMinor });
    expect(await charges(at)).toEqual([]);
    at.line.state = "up";
    await at.pass(TOLD_MS);
    expect(await charges(at)).toMatchObject([{ authorisedMinor: 45, capturedMinor: dueMinor }]);
    expect(at.sums()).toEqual(NOTHING);
    expect(await booksAgree(at)).toEqual([]);
  });

  test("a host that is silent is waited for, and then it is sold all the same", async () => {
    const at = await deferredStand({ policy: POLICY });
    at.line.state = "silent";
    await present(at, "visa-test", 15_000);
    expect(flowed(at)).toBeGreaterThan(0);
    at.line.state = "up";
    await at.pass(TOLD_MS);
    expect(await charges(at)).toMatchObject([{ capturedMinor: 45 }]);
    expect(await booksAgree(at)).toEqual([]);
  });

  test("I1 I6: what the host declines later is a loss in the books, and the payer owes nothing", async () => {
    const at = await deferredStand({ policy: POLICY });
    at.line.state = "down";
    await present(at, "declined", UNIT_MS + 5_000);
    expect(orders(at)).toMatchObject([{ state: "closed", settlement: { amountMinor: 45 } }]);
    at.line.state = "up";
    await at.pass(TOLD_MS);
    expect(at.sums()).toEqual({ ...NOTHING, lost: 1, lostMinor: 45 });
    expect(await charges(at)).toEqual([]);
    expect(at.site.log.join("\n")).toContain("deferred-declined");
    expect(await booksAgree(at)).toEqual([]);
  });

  test("I5 I7: above the floor it is declined at once, before a card is asked for", async () => {
    const dear = { ...AT_BOARD, walkUp: { price: 1, units: 3 } };
    const at = await deferredStand({ policy: POLICY, site: { services: [dear] } });
    at.line.state = "down";
    await present(at, "visa-test", 1_000);
    expect(at.desk.page()).toBe(DECLINED);
    expect(at.desk.shown().join()).not.toContain("present your card");
    expect([flowed(at), at.line.asked, at.sums()]).toEqual([0, 0, NOTHING]);
  });

  test("above the total as well, until the host has decided about the others", async () => {
    const at = await deferredStand({ policy: POLICY });
    at.line.state = "down";
    for (const name of ["visa-test", "mastercard-test"] as const) {
      await present(at, name, UNIT_MS + 5_000);
      await at.pass(1_000);
    }
    expect(at.sums()).toMatchObject({ open: 2, openMinor: 90 });
    await present(at, "visa-test", 1_000);
    expect(at.desk.page()).toBe(DECLINED);
    at.line.state = "up";
    await at.pass(TOLD_MS);
    at.line.state = "down";
    await present(at, "visa-test", UNIT_MS + 5_000);
    expect(
      orders(at)
        .map(({ state }) => state)
        .sort(),
    ).toEqual([...["closed", "closed", "closed", "failed"]]);
    at.line.state = "up";
    await at.pass(TOLD_MS);
    expect(await booksAgree(at)).toEqual([]);
  });
});

/** One sale, cut short by the button, with the power failing at one commit; 0: at none. */
async function cutSale(name: TestCardName, place: number) {
  let places = 0;
  let isCounting = false;
  const at = await deferredStand({
    policy: POLICY,
    cutAt: () => isCounting && ++places === place,
  });
  isCounting = true;
  at.line.state = "down";
  await present(at, name, 2_000);
  at.site.board.controls.press("stop");
  await at.pass(20_000);
  at.line.state = "up";
  await at.pass(TOLD_MS);
  return { at, places };
}

describe.each(["visa-test", "declined"] as const)("the power fails: %s", (name) => {
  test("I1 I2 I6: around every commit of a sale without the host: host and books agree", async () => {
    const { places } = await cutSale(name, 0);
    expect(places).toBeGreaterThan(20);
    const wrong: string[] = [];
    for (let place = 0; place <= places; place++) {
      const { at } = await cutSale(name, place);
      if (place > 0) expect(at.site.cuts).toBe(1);
      wrong.push(...(await booksAgree(at)).map((text) => `${place} of ${places}: ${text}`));
    }
    expect(wrong).toEqual([]);
  }, 120_000);
});
