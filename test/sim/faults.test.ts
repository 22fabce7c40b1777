// The metal breaks, the disk fills, the clock jumps, a process hangs: what each of them does to a running sale.

import { expect, test } from "vitest";
import { durableOrders } from "../../bench/invariants.ts";
import { ENERGY, type Site } from "../../bench/site.ts";
import { virtualPump } from "../../boards/virtual-pump.ts";
import type { Delivered } from "../../firmware/consumer/dealer.ts";
import type { SessionReceipt, SettlementReceipt } from "../../firmware/token/receipt.ts";
import { CARD, kind, type Met, paid, story, value, wait } from "./story.ts";

const WATER = {
  ...ENERGY,
  outlet: "nozzle",
  meter: "flow",
  prices: [{ id: 1, name: "Water", amountMinor: 210, currency: "EUR" }],
};
const PUMP = { board: virtualPump, services: [WATER], pulsesPerSecond: 300 };

/** Begins, breaks something in mid-delivery, and gives the receipts of how it ended. */
async function breakDuring(
  met: Met,
  units: number,
  afterMs: number,
  breakIt: (site: Site) => unknown,
): Promise<{
  session: SessionReceipt;
  settlement: SettlementReceipt | undefined;
  delivered: Delivered;
}> {
  const purchase = await paid(met, units);
  const ended = met.dealer.begin(purchase, undefined, () => undefined);
  await wait(met.site, afterMs);
  await breakIt(met.site);
  const delivered = value(await ended);
  const session = delivered.receipts.find((one) => one.is === "session");
  const settlement = delivered.receipts.find((one) => one.is === "settlement");
  if (session === undefined) throw new Error("no session receipt");
  return { session, settlement, delivered };
}

function physical(site: Site, outlet = "socket-1", meter = "energy"): number {
  return site.board.metal.outlet(outlet).meters[meter]?.physical ?? 0;
}

test("I13: a welded contact is found at the stop, named on the receipt, and sells no more", async () => {
  await story(async (met) => {
    const { session, settlement } = await breakDuring(met, 1, 5_000, (site) =>
      site.board.metal.setFaults("socket-1", { weld: true }),
    );
    expect(session.reason).toBe("weld");
    expect(session.pulses).toBe(1000);
    expect(session.runOnPulses).toBeGreaterThan(0);
    // All that was paid was delivered: what the weld gave away is not charged.
    expect(settlement).toMatchObject({ amountMinor: 45, refundedMinor: 0, capturedMinor: 45 });
    expect(kind(await met.dealer.select({ service: 1, price: 1, units: 1 }))).toBe("not-ready");
  });
});

test("I6 I13: a meter that stands still ends the delivery, and the rest is refunded", async () => {
  await story(async (met) => {
    const { session, settlement } = await breakDuring(met, 1, 5_000, (site) =>
      site.board.metal.setFaults("socket-1", { stuckMeter: true }),
    );
    expect(session.reason).toBe("meter-stuck");
    const { amountMinor = 0, refundedMinor } = settlement ?? {};
    expect(session.pulses).toBeLessThan(1000);
    expect(refundedMinor).toBe(45 - amountMinor);
    const [charge] = [...(await met.site.host.charges()).values()];
    expect(charge?.refundedMinor).toBe(refundedMinor);
  });
});

test("I13: a meter that falls back after the stop is named on a receipt that the payer accepts", async () => {
  await story(async (met) => {
    const { site } = met;
    const { session, settlement } = await breakDuring(met, 1, 5_000, async () => {
      const [purchase] = await met.consumer.purchases.list();
      if (purchase !== undefined) value(await met.dealer.end(purchase));
      await wait(site, 100);
      site.board.metal.jumpMeter("socket-1", "energy", -50);
    });
    expect(session.reason).toBe("meter-implausible");
    expect(session.pulses).toBe(physical(site));
    expect(session.endReading - session.startReading).toBe(session.pulses - 50);
    const { amountMinor = 0 } = settlement ?? {};
    expect(settlement).toMatchObject({ refundedMinor: 45 - amountMinor, capturedMinor: 45 });
  });
});

test("I7: when the loop's process dies the switch falls open, and what remains is still good", async () => {
  await story(async (met) => {
    const { session, delivered } = await breakDuring(met, 1, 5_000, (site) => site.killLoop());
    expect(met.site.board.metal.outlet("socket-1").contact).toBe(false);
    expect(session.reason).toBe("fault");
    expect(session.pulses).toBeGreaterThan(0);
    const rest = value(await met.dealer.begin(delivered.purchase, undefined, () => undefined));
    expect(rest.purchase.state).toBe("closed");
    expect(Math.abs(physical(met.site) - 1000)).toBeLessThanOrEqual(3);
  });
});

test("I9: a device that is blocked for 2 s delivers nothing beyond what it had reserved", async () => {
  await story(async (met) => {
    const purchase = await paid(met, 20);
    const ended = met.dealer.begin(purchase, undefined, () => undefined);
    await wait(met.site, 3_000);
    const [order] = durableOrders(met.site);
    const { startReading = 0 } = order?.running ?? {};
    met.site.blockDevice(2_000);
    await wait(met.site, 1_990);
    const reserved = durableOrders(met.site)[0]?.running?.reserved ?? 0;
    // 300 pulses a second would be 600 in that time; the valve takes up to 60 ms to shut.
    const flowed = physical(met.site, "nozzle", "flow") - startReading;
    expect(flowed).toBeLessThanOrEqual(reserved + 1 + 18);
    expect(met.site.board.metal.outlet("nozzle").contact).toBe(false);
    const delivered = value(await ended);
    expect(delivered.receipts[0]).toMatchObject({ reason: "exhausted", pulses: 20 * 450 });
  }, PUMP);
});

test("I8: on the pump, what runs on after the last paid pulse is on the receipt and not charged", async () => {
  await story(async (met) => {
    const delivered = value(await met.dealer.begin(await paid(met, 2), undefined, () => undefined));
    const [session, settlement] = delivered.receipts;
    expect(session).toMatchObject({ pulses: 900, reason: "exhausted", amountMinor: 420 });
    expect(settlement).toMatchObject({ amountMinor: 420, refundedMinor: 0 });
    const runOn = session?.is === "session" ? session.runOnPulses : -1;
    expect(physical(met.site, "nozzle", "flow")).toBe(900 + runOn);
    expect(runOn).toBeLessThanOrEqual(1 + 18);
  }, PUMP);
});

test("I5: no money moves for an outlet that is not ready at that moment", async () => {
  const site = await story(async (met) => {
    const { purchase } = value(await met.dealer.select({ service: 1, price: 1, units: 1 }));
    met.site.killLoop();
    expect(kind(await met.dealer.pay(purchase, CARD))).toBe("not-ready");
    expect(kind(await met.dealer.select({ service: 1, price: 1, units: 1 }))).toBe("not-ready");
    await wait(met.site, 5_000);
    const { purchase: stale } = value(await met.dealer.select({ service: 1, price: 1, units: 1 }));
    await wait(met.site, 121_000);
    expect(kind(await met.dealer.pay(stale, CARD))).toMatch(/offer-expired|offer-unknown/);
  });
  expect((await site.host.charges()).size).toBe(0);
});

test("a full disk refuses new sales, and a delivery that runs stops at what it had reserved", async () => {
  await story(async (met) => {
    const purchase = await paid(met, 2);
    const ended = met.dealer.begin(purchase, undefined, () => undefined);
    await wait(met.site, 5_000);
    met.site.store.setFull(true);
    await wait(met.site, 20_000);
    expect(met.site.board.metal.outlet("socket-1").contact).toBe(false);
    const { purchase: more } = value(await met.dealer.select({ service: 1, price: 1, units: 1 }));
    const refused = met.dealer.pay(more, CARD);
    await wait(met.site, 5_000);
    expect((await met.site.host.charges()).size).toBe(1);
    met.site.store.setFull(false);
    expect(kind(await refused)).toBe("ok");
    expect(value(await ended).receipts[0]).toMatchObject({ reason: "exhausted", pulses: 2000 });
  });
});

test("the wall clock may jump a year either way: a running sale takes no notice", async () => {
  await story(async (met) => {
    const YEAR_MS = 366 * 24 * 3600 * 1000;
    const { session, settlement } = await breakDuring(met, 1, 5_000, (site) => {
      site.world.setWall(site.world.clock.wallMs() + YEAR_MS, "unset");
    });
    expect(session).toMatchObject({ reason: "exhausted", pulses: 1000, clock: "unset" });
    expect(settlement).toMatchObject({ capturedMinor: 45, refundedMinor: 0 });
    const { purchase } = value(await met.dealer.select({ service: 1, price: 1, units: 1 }));
    met.site.world.setWall(met.site.world.clock.wallMs() - 2 * YEAR_MS, "synchronised");
    const token = value(await met.dealer.pay(purchase, CARD));
    expect(kind(await met.dealer.begin(token, undefined, () => undefined))).toBe("ok");
  });
});

test("undelivered units: refunded, kept as credit, or forfeited at expiry, as the service says", async () => {
  const endEarly = async (undelivered: (typeof ENERGY)["undelivered"]) => {
    let settlement: SettlementReceipt | undefined;
    await story(
      async (met) => {
        const purchase = await paid(met, 1);
        const ended = met.dealer.begin(purchase, undefined, () => undefined);
        await wait(met.site, 10_000);
        value(await met.dealer.end(purchase));
        const delivered = value(await ended);
        expect(delivered.receipts[0]).toMatchObject({ reason: "consumer-end" });
        if (undelivered !== "refund") {
          expect(delivered.purchase.state).toBe("paid");
          await wait(met.site, 700_000);
          const closed = await met.dealer.settled(purchase, 60_000);
          expect(kind(await met.dealer.begin(closed, undefined, () => undefined))).toMatch(
            /order-closed|out-of-order/,
          );
        }
        settlement = met.site.settlements(purchase.id)[0];
      },
      { services: [{ ...ENERGY, undelivered, tokenLifeS: 600 }] },
    );
    return settlement;
  };
  const refunded = await endEarly("refund");
  expect(refunded?.reason).toBe("consumer-end");
  expect(refunded?.refundedMinor).toBe(45 - (refunded?.amountMinor ?? 0));
  const credit = await endEarly("credit-refund");
  expect(credit).toMatchObject({ reason: "expired", forfeitedMinor: 0 });
  expect(credit?.refundedMinor).toBeGreaterThan(0);
  const forfeited = await endEarly("credit-forfeit");
  expect(forfeited).toMatchObject({ reason: "expired", refundedMinor: 0 });
  expect(forfeited?.forfeitedMinor).toBeGreaterThan(0);
}, 60_000);

test("I6: what an order's last session left is not forfeited: it could not be begun any more", async () => {
  await story(
    async (met) => {
      const { site, dealer } = met;
      const purchase = await paid(met, 1);
      for (let session = 1; session <= 100; session++) {
        const ended = dealer.begin(purchase, undefined, () => undefined);
        await wait(site, 200);
        value(await dealer.end(purchase));
        expect(value(await ended).receipts).toMatchObject([{ session, reason: "consumer-end" }]);
      }
      expect(kind(await dealer.begin(purchase, undefined, () => undefined))).toBe("too-many");
      await wait(site, 1_000_000);
      const [settlement] = site.settlements(purchase.id);
      expect(settlement).toMatchObject({ sessions: 100, reason: "expired", forfeitedMinor: 0 });
      expect(settlement?.refundedMinor).toBe(45 - (settlement?.amountMinor ?? 0));
      expect(settlement?.refundedMinor).toBeGreaterThan(0);
    },
    { services: [{ ...ENERGY, undelivered: "credit-forfeit", tokenLifeS: 900 }] },
  );
}, 60_000);
