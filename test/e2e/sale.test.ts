// Whole sales of the compiled program over TCP: processes, brokers, disk and signatures as in the field.

import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { mosquittoMissing } from "../support/mosquitto.ts";
import {
  type Device,
  isOpen,
  PRICE_MINOR,
  PULSES_PER_UNIT,
  receiptsOf,
  Site,
  sum,
} from "./site.ts";

let site: Site;
beforeEach(() => {
  site = new Site();
});
afterEach(() => site.close());

/** Buys one unit, and checks papers, metal and money against each other. */
async function expectSale(device: Device): Promise<void> {
  const saved = join(site.folder, "saved.json");
  const buyer = site.consume(device, "payer", ["buy", "--units", "1", "--save", saved]);
  expect(await buyer.ended()).toBe(0);
  const [session, settlement, ...more] = receiptsOf(buyer);
  expect(more).toEqual([]);
  expect(session).toMatchObject({ is: "session", reason: "exhausted", pulses: PULSES_PER_UNIT });
  expect(settlement).toMatchObject({ is: "settlement", amountMinor: PRICE_MINOR });
  const outlet = site.outlet("socket-1");
  expect(isOpen(outlet)).toBe(true);
  expect(outlet.register).toBe(PULSES_PER_UNIT + Number(session?.["runOnPulses"]));
  expect(site.charges()).toMatchObject([{ capturedMinor: PRICE_MINOR, refundedMinor: 0 }]);
  const verified = await site.run(["verify", "--json", saved, "--operator", device.operatorKey]);
  expect(verified.of("verified")).toMatchObject([{ receipts: 2, trusted: true }]);
}

describe("a whole sale over TCP", () => {
  test("through the device's own broker, and its receipts verify offline", async () => {
    await expectSale(await site.startDevice());
  });

  test("through mosquitto", async ({ skip }) => {
    const missing = mosquittoMissing();
    if (missing !== undefined) skip(missing);
    const { port } = await site.startMosquitto();
    await expectSale(await site.startDevice({ broker: `mqtt://127.0.0.1:${port}` }));
  });

  test("of a provisioned device, to a consumer who was given its operator's key", async () => {
    const operator = join(site.folder, "operator.pem");
    const where = ["--data", site.data, "--operator", operator];
    expect(await (await site.run(["provision", "--json", ...where])).ended()).toBe(0);
    const device = await site.startDevice();
    const key = join(site.data, "keys", "operator.pub");
    const buyer = site.consume(device, "payer", ["buy", "--operator", key]);
    expect(await buyer.ended()).toBe(0);
    expect(buyer.of("init")).toMatchObject([{ trust: "given", bench: false }]);
    expect(receiptsOf(buyer)).toHaveLength(2);
  });
});

describe("two outlets at once", () => {
  test("two consumers buy on two outlets at the same time, and both settle", async () => {
    const device = await site.startDevice();
    const buyers = [1, 2].map((service) =>
      site.consume(device, `payer-${service}`, ["buy", "--service", String(service)]),
    );
    await site.untilOutlet("socket-1", ({ contact }) => contact);
    await site.untilOutlet("socket-2", ({ contact }) => contact);
    expect(isOpen(site.outlet("socket-1"))).toBe(false);
    for (const [i, buyer] of buyers.entries()) {
      expect(await buyer.ended()).toBe(0);
      const receipts = receiptsOf(buyer);
      const [session, settlement] = receipts;
      expect(session).toMatchObject({ pulses: PULSES_PER_UNIT, reason: "exhausted" });
      expect(settlement).toMatchObject({ capturedMinor: PRICE_MINOR, refundedMinor: 0 });
      const { register } = site.outlet(`socket-${i + 1}`);
      expect(register).toBe(PULSES_PER_UNIT + sum(receipts.slice(0, 1), "runOnPulses"));
    }
  });

  test("I3: a begin on an outlet in use is answered `busy`, and its token stays good", async () => {
    const device = await site.startDevice();
    const waiting = site.consume(device, "second", [
      ...["quote", "--service", "1", "--price", "1", "--units", "1"],
    ]);
    expect(await waiting.ended()).toBe(0);
    expect(await site.consume(device, "second", ["pay", "last"]).ended()).toBe(0);
    const first = site.consume(device, "first", ["buy", "--service", "1"]);
    await first.until("progress");
    const refused = site.consume(device, "second", ["begin", "last"]);
    expect(await refused.ended()).toBe(1);
    expect(refused.of("fault")).toMatchObject([{ kind: "busy" }]);
    expect(await first.ended()).toBe(0);
    const second = site.consume(device, "second", ["begin", "last"]);
    expect(await second.ended()).toBe(0);
    const sessions = receiptsOf(first, second).filter(({ is }) => is === "session");
    expect(sum(sessions, "pulses")).toBe(2 * PULSES_PER_UNIT);
    expect(site.outlet("socket-1").register).toBe(
      2 * PULSES_PER_UNIT + sum(sessions, "runOnPulses"),
    );
  });
});
