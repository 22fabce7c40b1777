// A washer that sells items: what is charged, refunded and delivered when all goes well, when nothing comes out,
// when too much does, and when a process dies while the machine works.

import { expect, test } from "vitest";
import { durableOrders } from "../../bench/invariants.ts";
import { ENERGY, type Site } from "../../bench/site.ts";
import { virtualWasher } from "../../boards/virtual-washer.ts";
import type { Delivered } from "../../firmware/consumer/dealer.ts";
import type { SessionReceipt, SettlementReceipt } from "../../firmware/token/receipt.ts";
import type { Board } from "../../hal/board.ts";
import { CARD, deal, kind, type Met, paid, story, value, wait } from "./story.ts";

const CYCLE_MS = 12_000;

/** As the virtual washer, with a short wash: the same story in fewer events. */
function quickWasher(): Board {
  const outlets = virtualWasher.outlets.map((outlet) => ({
    ...outlet,
    meters: outlet.meters.map((meter) =>
      meter.kind === "item" ? { ...meter, timeoutMs: 30_000 } : meter,
    ),
  }));
  const cycle = [CYCLE_MS, CYCLE_MS] as const;
  const virtual = { pulsesPerSecond: 1, operateMs: [0, 0] as const };
  return {
    ...virtualWasher,
    outlets,
    virtual: { ...virtual, cycleMs: { washer: cycle, slot: cycle } },
  };
}

const WASH = {
  ...ENERGY,
  name: "Wash 40",
  outlet: "washer",
  meter: "done",
  prices: [{ id: 1, name: "per wash", amountMinor: 350, currency: "EUR" }],
  unitsMax: 5,
};
const WASHER = { board: quickWasher(), services: [WASH] };

function done(site: Site): number {
  return site.board.metal.outlet("washer").meters["done"]?.physical ?? -1;
}

function starts(site: Site): number {
  const history = site.board.metal.history("washer");
  return history.filter(({ what, closed }) => what === "coil" && closed).length;
}

function receiptsOf({ receipts }: Delivered): {
  session: SessionReceipt;
  settlement: SettlementReceipt | undefined;
} {
  const session = receipts.find((one) => one.is === "session");
  if (session === undefined) throw new Error("no session receipt");
  return { session, settlement: receipts.find((one) => one.is === "settlement") };
}

/** Pays for so many, begins, and does something while the machine works. */
async function wash(met: Met, units: number, afterMs: number, meanwhile: () => unknown) {
  const purchase = await paid(met, units);
  const ended = met.dealer.begin(purchase, undefined, () => undefined);
  await wait(met.site, afterMs);
  await meanwhile();
  return { purchase, ended };
}

test("I1 I8: three items: three starts, three done, 10.50 charged; one at a time is reserved on disk", async () => {
  await story(async (met) => {
    const { site } = met;
    const beyond: number[] = [];
    site.onClosing = () => {
      const running = durableOrders(site)[0]?.running;
      beyond.push((running?.reserved ?? 0) - done(site));
    };
    const { ended } = await wash(met, 3, 1_000, () => undefined);
    const { session, settlement } = receiptsOf(value(await ended));
    expect(session).toMatchObject({ reason: "exhausted", pulses: 3, milliUnits: 3000 });
    expect(session.endReading - session.startReading).toBe(3);
    expect(settlement).toMatchObject({ amountMinor: 1050, refundedMinor: 0, capturedMinor: 1050 });
    expect([starts(site), done(site)]).toEqual([3, 3]);
    expect(Math.max(...beyond)).toBe(1);
  }, WASHER);
});

test("I6 I13: an item that does not come out in its time is not charged: the rest is refunded", async () => {
  await story(async (met) => {
    const { site, dealer } = met;
    const { ended } = await wash(met, 3, CYCLE_MS * 1.5, () =>
      site.board.metal.setMachineFaults("washer", { neverDone: true }),
    );
    const { session, settlement } = receiptsOf(value(await ended));
    expect(session).toMatchObject({ reason: "time-limit", pulses: 1, amountMinor: 350 });
    expect(settlement).toMatchObject({ amountMinor: 350, refundedMinor: 700, capturedMinor: 1050 });
    const [charge] = [...(await site.host.charges()).values()];
    expect(charge).toMatchObject({ capturedMinor: 1050, refundedMinor: 700 });
    expect(starts(site)).toBe(2);
    // The item may still come out: nobody else shall have it for his.
    expect(kind(await dealer.select({ service: 1, price: 1, units: 1 }))).toBe("not-ready");
    await wait(site, 62_000);
    expect(kind(await dealer.select({ service: 1, price: 1, units: 1 }))).toBe("ok");
  }, WASHER);
});

test("I6: nothing comes out at all: everything is refunded", async () => {
  await story(async (met) => {
    met.site.board.metal.setMachineFaults("washer", { neverDone: true });
    const { ended } = await wash(met, 2, 1_000, () => undefined);
    const { settlement } = receiptsOf(value(await ended));
    expect(settlement).toMatchObject({ reason: "time-limit", amountMinor: 0, refundedMinor: 700 });
  }, WASHER);
});

test("an end while an item is under way: no other is started, that one is charged when it is done", async () => {
  await story(async (met) => {
    const { purchase, ended } = await wash(met, 3, CYCLE_MS * 1.5, () => undefined);
    value(await met.dealer.end(purchase));
    await wait(met.site, 1_000);
    expect(done(met.site)).toBe(1);
    const { session, settlement } = receiptsOf(value(await ended));
    expect(session).toMatchObject({ reason: "consumer-end", pulses: 2 });
    expect(settlement).toMatchObject({ amountMinor: 700, refundedMinor: 350 });
    expect([starts(met.site), done(met.site)]).toEqual([2, 2]);
  }, WASHER);
});

test("I13: done that is said twice ends the session; the payer accepts its receipt and pays for one", async () => {
  await story(async (met) => {
    met.site.board.metal.setMachineFaults("washer", { doneTwice: true });
    const { ended } = await wash(met, 3, 1_000, () => undefined);
    const { session, settlement } = receiptsOf(value(await ended));
    expect(session).toMatchObject({ reason: "meter-implausible", pulses: 1, runOnPulses: 0 });
    expect(settlement).toMatchObject({ amountMinor: 350, refundedMinor: 700 });
    expect(starts(met.site)).toBe(1);
  }, WASHER);
});

test("I3: the loop dies while an item is under way: what remains is good, and no item is paid twice", async () => {
  await story(async (met) => {
    const { site, dealer } = met;
    const { ended } = await wash(met, 3, CYCLE_MS * 1.5, () => site.killLoop());
    expect(site.board.pins.level("washer-start")).toBe(false);
    const { session } = receiptsOf(value(await ended));
    expect(session).toMatchObject({ reason: "fault", pulses: 1 });
    const [order] = durableOrders(site);
    expect(order).toMatchObject({ state: "paid", pulses: 1 });
    const purchase = (await met.consumer.purchases.list())[0];
    if (purchase === undefined) throw new Error("no purchase");
    const rest = value(await dealer.begin(purchase, undefined, () => undefined));
    expect(receiptsOf(rest)).toMatchObject({
      session: { reason: "exhausted", pulses: 2 },
      settlement: { amountMinor: 1050, refundedMinor: 0 },
    });
    // The machine did not hear the start that came while it still worked: the item of then counts for now.
    expect([starts(site), done(site)]).toEqual([4, 3]);
  }, WASHER);
});

test("I4: the loop dies while an item is under way: it is not the next payer's", async () => {
  await story(async (met) => {
    const { site } = met;
    const { ended } = await wash(met, 1, CYCLE_MS / 2, () => site.killLoop());
    expect(receiptsOf(value(await ended)).session).toMatchObject({ reason: "fault", pulses: 0 });
    const consumer = await site.consumer("b");
    const other = { site, consumer, dealer: await deal(site, consumer) };
    const second = await paid(other, 1);
    expect(kind(await other.dealer.begin(second, undefined, () => undefined))).toBe("busy");
    await wait(site, CYCLE_MS + 62_000);
    const { session } = receiptsOf(
      value(await other.dealer.begin(second, undefined, () => undefined)),
    );
    expect(session).toMatchObject({ reason: "exhausted", pulses: 1 });
    expect([starts(site), done(site)]).toEqual([2, 2]);
  }, WASHER);
});

test("I10: a power cut in an item: the register tells what came out while all was dark, and the rest is good", async () => {
  await story(async (met) => {
    const { site, dealer } = met;
    const { purchase, ended } = await wash(met, 3, CYCLE_MS * 1.5, () => site.cut());
    await wait(site, CYCLE_MS);
    expect(done(site)).toBe(2);
    await site.powerOn();
    const { session } = receiptsOf(value(await ended));
    // The second one was reserved, and its done signal is on the register.
    expect(session).toMatchObject({ reason: "power-loss", pulses: 2, runOnPulses: 0 });
    expect(durableOrders(site)[0]).toMatchObject({ state: "paid", sessions: 1 });
    const rest = value(await dealer.begin(purchase, undefined, () => undefined));
    expect(rest.purchase.state).toBe("closed");
    expect(durableOrders(site)[0]).toMatchObject({ pulses: 3, sessions: 2 });
    expect([starts(site), done(site)]).toEqual([3, 3]);
  }, WASHER);
});

test("a clean stop does not wait for the item: a signed reading, and the token stays good", async () => {
  await story(async (met) => {
    const { site } = met;
    const { ended } = await wash(met, 3, CYCLE_MS * 1.5, async () => {
      const atMs = site.world.nowMs();
      await site.producer?.close();
      expect(site.world.nowMs() - atMs).toBeLessThan(2_000);
    });
    const { session, settlement } = receiptsOf(value(await ended));
    expect(session).toMatchObject({ reason: "restart", pulses: 1 });
    expect(settlement).toBeUndefined();
    expect(durableOrders(site)[0]).toMatchObject({ state: "paid", pulses: 1 });
  }, WASHER);
});

test("a second payer waits until the first one's items are done", async () => {
  await story(async (met) => {
    const { ended } = await wash(met, 1, 1_000, async () => {
      const second = await paid(met, 1);
      expect(kind(await met.dealer.begin(second, undefined, () => undefined))).toBe("busy");
    });
    value(await ended);
    const other = (await met.consumer.purchases.list()).find(({ state }) => state === "paid");
    if (other === undefined) throw new Error("no second purchase");
    const { session } = receiptsOf(
      value(await met.dealer.begin(other, undefined, () => undefined)),
    );
    expect(session).toMatchObject({ reason: "exhausted", pulses: 1 });
    expect([starts(met.site), done(met.site)]).toEqual([2, 2]);
    expect(kind(await met.dealer.pay(other, CARD))).not.toBe("internal");
  }, WASHER);
});
