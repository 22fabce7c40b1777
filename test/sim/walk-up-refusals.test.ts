// What is not sold at the board: cards that are declined, outlets that cannot deliver, and readers, displays and printers
// that are not there. Whole devices in virtual time, real drivers, simulated peripherals at the wire.

import { describe, expect, test } from "vitest";
import { durableOrders } from "../../bench/invariants.ts";
import { CARD, deal, kind, value } from "./story.ts";
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

describe("I5 I7: before anything is energised", () => {
  const declines = [
    ["declined", "Declined | Nothing is charged"],
    ["insufficient", "Declined | Nothing is charged"],
    ["expired", "Declined | Nothing is charged | the card has expired"],
    ["blocked", "Declined | Nothing is charged | the card's | application is | blocked"],
    ["refusing", "Declined | Nothing is charged | the card declined"],
  ] as const;
  test.each(declines)("a card that is %s: %s", async (name, words) => {
    const at = await stand();
    at.desk.chip.present(card(name));
    await at.pass(2_000);
    expect(at.desk.page()).toBe(words);
    expect(flowed(at)).toBe(0);
    expect(orders(at)).toMatchObject([{ state: "failed" }]);
    await at.pass(8_000);
    expect(at.desk.page()).toBe(IDLE);
    await allIsRight(at);
  });

  test("a card that is taken away too early, and presented again: the second time it is sold", async () => {
    const at = await stand();
    const { desk, pass, until } = at;
    desk.chip.present(card("mastercard-test"));
    await until(() => desk.page().startsWith("present your card"));
    await pass(40);
    desk.chip.remove();
    await pass(1_000);
    expect(desk.page()).toBe("Declined | Nothing is charged | the card was taken | away too early");
    expect(flowed(at)).toBe(0);
    desk.chip.present(card("mastercard-test"));
    await pass(UNIT_MS + 5_000);
    expect(
      orders(at)
        .map(({ state }) => state)
        .sort(),
    ).toEqual(["closed", "failed"]);
    await allIsRight(at);
  });

  test("two cards at once are none", async () => {
    const at = await stand();
    at.desk.chip.present(card("visa-test"));
    at.desk.chip.present(card("mastercard-test"));
    await at.pass(1_000);
    expect(at.desk.page()).toContain("One card only");
    expect(orders(at)).toEqual([]);
  });

  test("a card at each reader in the same moment makes one sale", async () => {
    const at = await stand({ services: [AT_BOARD, SECOND] });
    const { desk, pass } = at;
    // Seen within one look of both.
    desk.twin.insert(card("mastercard-chip"));
    desk.chip.present(card("visa-test"));
    await pass(UNIT_MS + 6_000);
    expect(orders(at)).toMatchObject([{ state: "closed" }]);
    await allIsRight(at);
  });

  test("I1 I6: what breaks while the card is read leaves nothing held and nothing charged", async () => {
    for (const lateMs of [0, 20, 60, 90, 110]) {
      const at = await stand();
      const { desk, site, pass, until } = at;
      desk.chip.present(card("visa-test"));
      await until(() => desk.page().startsWith("present your card"));
      await pass(lateMs);
      site.board.controls.setInterlock("socket-1", "door", true);
      await pass(5_000);
      expect(flowed(at)).toBeLessThanOrEqual(3);
      expect(orders(at)).toMatchObject([{ state: "closed" }]);
      const [charge] = await charges(at);
      expect(charge).toMatchObject({ authorisedMinor: 45, capturedMinor: 0, reversed: true });
      expect(desk.page()).toContain("Charged 0.00 EUR");
      await allIsRight(at);
    }
  });

  test("the stop button ends the waiting for a card, and nothing is charged", async () => {
    const at = await stand();
    const { desk, site, pass, until } = at;
    desk.chip.present(card("visa-test"));
    await until(() => desk.page().startsWith("present your card"));
    desk.chip.remove();
    await pass(10_000);
    expect(desk.shown()).toContain("present your card | 0.45 EUR");
    expect(orders(at)).toMatchObject([{ state: "taking" }]);
    site.board.controls.press("stop");
    await pass(2_000);
    expect(orders(at)).toMatchObject([{ state: "failed", why: "payment-cancelled" }]);
    expect(desk.page()).toBe("Cancelled | Nothing is charged");
    await allIsRight(at);
  });

  test("a card that does not come in time ends the sale", async () => {
    const at = await stand();
    const { desk, pass, until } = at;
    desk.chip.present(card("visa-test"));
    await until(() => desk.page().startsWith("present your card"));
    desk.chip.remove();
    await pass(40_000);
    // The words to do so stay until it ends.
    expect(desk.page()).toBe("present your card | 0.45 EUR");
    await until(() => !desk.page().startsWith("present your card"));
    await pass(1_000);
    expect(desk.page()).toBe("Declined | Nothing is charged | no card came");
    await pass(10_000);
    expect(desk.page()).toBe(IDLE);
    await allIsRight(at);
  });

  test("an outlet out of order, in use by somebody else, or a device for which nobody vouches", async () => {
    const at = await stand();
    const { desk, site, pass } = at;
    site.board.controls.setInterlock("socket-1", "door", true);
    await pass(2_000);
    expect(desk.page()).toBe("Bench charger | Energy | 0.45 EUR per kWh | Out of order");
    desk.chip.present(card("visa-test"));
    await pass(2_000);
    expect(desk.page()).toBe("Out of order | Nothing is charged");
    expect(orders(at)).toEqual([]);

    const old = await stand({ expiresS: 1_767_225_600 });
    expect(old.desk.page()).toBe("Bench charger | Energy | 0.45 EUR per kWh | Out of order");
    old.desk.chip.present(card("visa-test"));
    await old.pass(2_000);
    expect(orders(old)).toEqual([]);
  });

  test("a consumer's delivery over the network keeps the board busy, and no card is read", async () => {
    const at = await stand();
    const { desk, site } = at;
    await site.run(async () => {
      const dealer = await deal(site, await site.consumer("a"));
      const { purchase } = value(await dealer.select({ service: 1, price: 1, units: 1 }));
      const paid = value(await dealer.pay(purchase, CARD));
      const ended = dealer.begin(paid, undefined, () => undefined);
      await at.pass(3_000);
      expect(desk.page()).toBe("Bench charger | Energy | 0.45 EUR per kWh | In use: please wait");
      desk.chip.present(card("visa-test"));
      await at.pass(1_000);
      expect(desk.page()).toBe("In use: please wait | Nothing is charged");
      expect(kind(await ended)).toBe("ok");
      return true;
    });
    expect(durableOrders(site)).toHaveLength(1);
  });
});

describe("what is not there", () => {
  test("a board without reader says so, and one whose reader was unplugged", async () => {
    const none = await stand({}, { readers: [] });
    expect(none.desk.page()).toContain("No card reader now");
    const at = await stand({}, { readers: ["contactless"] });
    at.desk.contactless.pull();
    await at.pass(2_000);
    expect(at.desk.page()).toContain("No card reader now");
    at.desk.contactless.plug();
    await at.pass(10_000);
    expect(at.desk.page()).toBe(IDLE);
  });

  test("a card that lies there when the reader comes back is not taken for a wish", async () => {
    const at = await stand({}, { readers: ["contactless"] });
    at.desk.contactless.pull();
    await at.pass(2_000);
    at.desk.chip.present(card("visa-test"));
    at.desk.contactless.plug();
    await at.pass(10_000);
    expect(orders(at)).toEqual([]);
    expect(at.desk.shown()).toContain("Take the card away | and present it again");
    at.desk.chip.remove();
    await at.pass(1_000);
    at.desk.chip.present(card("visa-test"));
    await at.pass(UNIT_MS + 5_000);
    expect(orders(at)).toMatchObject([{ state: "closed" }]);
  });

  test("without display, without printer, and with a printer that is unplugged it is sold all the same", async () => {
    for (const fitted of [{ hasDisplay: false }, { hasPrinter: false }, {}]) {
      const at = await stand({}, fitted);
      at.desk.printing.pull();
      await at.pass(500);
      at.desk.chip.present(card("visa-test"));
      await at.pass(UNIT_MS + 5_000);
      await allIsRight(at);
      expect(await charges(at)).toMatchObject([{ capturedMinor: 45 }]);
      expect(at.desk.papers()).toEqual([]);
    }
  });

  test("an application that closes leaves the board out of service", async () => {
    const at = await stand();
    const { desk, site, pass } = at;
    desk.chip.present(card("visa-test"));
    await pass(5_000);
    const closing = site.producer?.close();
    await pass(5_000);
    await closing;
    expect(desk.page()).toBe("Bench charger | Out of service");
    desk.chip.remove();
    await pass(1_000);
    desk.chip.present(card("mastercard-test"));
    await pass(5_000);
    expect(orders(at)).toMatchObject([{ state: "closed", settlement: { reason: "restart" } }]);
    expect(await charges(at)).toHaveLength(1);
  });
});
