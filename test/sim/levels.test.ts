// A tank that limits what its pump sells: never more than is in it, never on an old reading, never the same
// litre twice; and the readings that everybody may ask for.

import { expect, test } from "vitest";
import { durableOrders } from "../../bench/invariants.ts";
import { ENERGY, type Site } from "../../bench/site.ts";
import { virtualPump } from "../../boards/virtual-pump.ts";
import { encodeMessage } from "../../firmware/protocol/message-codec.ts";
import type { Fault, Result } from "../../firmware/result.ts";
import { RawClient } from "./raw-client.ts";
import { CARD, kind, type Met, paid, story, value, wait } from "./story.ts";

const LITRES = {
  ...ENERGY,
  outlet: "nozzle",
  meter: "flow",
  prices: [{ id: 1, name: "Water", amountMinor: 210, currency: "EUR" }],
  level: { sensor: "tank", readingsPerUnit: { numerator: 10, denominator: 1 }, reserve: 100 },
};
const PUMP = { board: virtualPump, services: [LITRES], pulsesPerSecond: 300 };

function fill(site: Site, decilitres: number): Promise<void> {
  site.board.sensors.fill("tank", decilitres);
  return wait(site, 1_000);
}

function select({ dealer }: Met, units: number) {
  return dealer.select({ service: 1, price: 1, units });
}

function faultOf(result: Result<unknown>): Fault | undefined {
  return result.ok ? undefined : result.fault;
}

test("more than the tank holds above its reserve is refused with what can be supplied", async () => {
  await story(async (met) => {
    const { site } = met;
    await fill(site, 159);
    expect(faultOf(await select(met, 6))).toMatchObject({
      kind: "units-out-of-range",
      supply: { units: 5, totalMinor: 1050, currency: "EUR" },
    });
    const purchase = await paid(met, 5);
    const delivered = value(await met.dealer.begin(purchase, undefined, () => undefined));
    expect(delivered.receipts[0]).toMatchObject({ reason: "exhausted", pulses: 5 * 450 });
    // Fifty decilitres less, and what ran on.
    expect(site.board.sensors.level("tank")).toBeGreaterThanOrEqual(108);
    expect(site.board.sensors.level("tank")).toBeLessThanOrEqual(109);
    await wait(site, 1_000);
    expect(faultOf(await select(met, 1))?.kind).toBe("not-ready");
  }, PUMP);
});

test("what is sold and not delivered yet is not offered again, before, during and after its delivery", async () => {
  await story(async (met) => {
    const { site } = met;
    await fill(site, 180);
    const purchase = await paid(met, 5);
    expect(faultOf(await select(met, 4))?.supply?.units).toBe(3);
    const ended = met.dealer.begin(purchase, undefined, () => undefined);
    await wait(site, 3_000);
    expect(durableOrders(site)[0]?.running).toBeDefined();
    const during = faultOf(await select(met, 8))?.supply?.units;
    // Between two readings of the tank it may be one less, never one more.
    expect([2, 3]).toContain(during);
    value(await ended);
    await wait(site, 1_000);
    expect([2, 3]).toContain(faultOf(await select(met, 8))?.supply?.units);
  }, PUMP);
});

test("I8: what was delivered after the last reading is not sold again by it", async () => {
  await story(async (met) => {
    const { site, dealer } = met;
    await fill(site, 120);
    const purchase = await paid(met, 2);
    // Good for 10 s more, and soon no longer true.
    site.board.sensors.setFaults("tank", { frozen: true });
    value(await dealer.begin(purchase, undefined, () => undefined));
    expect(site.board.sensors.level("tank")).toBeLessThanOrEqual(100);
    expect(kind(await select(met, 1))).toBe("not-ready");
    site.board.sensors.setFaults("tank", { frozen: false });
    await fill(site, 110);
    expect(kind(await select(met, 1))).toBe("ok");
  }, PUMP);
});

test("I5: of two offers for the same litres only one can be paid", async () => {
  const site = await story(async (met) => {
    await fill(met.site, 150);
    const first = value(await select(met, 5)).purchase;
    const second = value(await select(met, 5)).purchase;
    expect(kind(await met.dealer.pay(first, CARD))).toBe("ok");
    expect(faultOf(await met.dealer.pay(second, CARD))?.kind).toBe("not-ready");
  }, PUMP);
  expect((await site.host.charges()).size).toBe(1);
});

test.each([{ frozen: true }, { lost: true }])(
  "I5: nothing is sold on a reading that is %o, and what is paid is still delivered",
  async (fault) => {
    await story(async (met) => {
      const { site, dealer } = met;
      const purchase = await paid(met, 1);
      const offered = value(await select(met, 1)).purchase;
      site.board.sensors.setFaults("tank", fault);
      await wait(site, 12_000);
      expect(faultOf(await select(met, 1))?.kind).toBe("not-ready");
      expect(faultOf(await dealer.pay(offered, CARD))?.kind).toBe("not-ready");
      expect((await site.host.charges()).size).toBe(1);
      const delivered = value(await dealer.begin(purchase, undefined, () => undefined));
      expect(delivered.receipts[0]).toMatchObject({ reason: "exhausted", pulses: 450 });
      site.board.sensors.setFaults("tank", { frozen: false, lost: false });
      await wait(site, 1_000);
      expect(kind(await select(met, 1))).toBe("ok");
    }, PUMP);
  },
);

test("nothing is sold while the loop is silent, however good the last reading was", async () => {
  await story(async (met) => {
    await fill(met.site, 20_000);
    met.site.blockDevice(12_000);
    await wait(met.site, 11_500);
    expect(faultOf(await select(met, 1))?.kind).toBe("not-ready");
    await wait(met.site, 2_000);
    expect(kind(await select(met, 1))).toBe("ok");
  }, PUMP);
});

test("anybody may ask what the sensors say, and how old that is", async () => {
  await story(async (met) => {
    const { site } = met;
    const raw = await new RawClient(site, "curious", met.dealer.peer.boxKey).open();
    const ask = async (): Promise<object | undefined> => {
      const { message } = await raw.say(encodeMessage({ is: "get-readings" }));
      return message?.is === "readings" ? message.readings[0] : message;
    };
    const tank = { sensor: "tank", unit: "dL", value: 159 };
    await fill(site, 159);
    expect(value(await met.dealer.readings())).toMatchObject([{ ...tank, quality: "good" }]);
    expect(await ask()).toMatchObject({ ...tank, quality: "good" });
    site.board.sensors.setFaults("tank", { frozen: true });
    await wait(site, 12_000);
    expect(await ask()).toMatchObject({ ...tank, quality: "stale" });
    site.board.sensors.setFaults("tank", { lost: true });
    await wait(site, 1_000);
    const lost = await ask();
    expect(lost).toMatchObject({ ...tank, quality: "lost" });
    expect(lost && "ageMs" in lost ? lost.ageMs : 0).toBeGreaterThan(13_000);
  }, PUMP);
});
