// What is around a device dies or stalls in mid-delivery: its broker, its consumer, or the device process
// itself for a while. Delivery depends on none of them beyond what is already reserved.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { mosquittoMissing } from "../support/mosquitto.ts";
import { type Program, pause } from "./program.ts";
import {
  type Device,
  freePort,
  isOpen,
  PRICE_MINOR,
  PULSES_PER_UNIT,
  receiptsOf,
  Site,
} from "./site.ts";

const OUTLET = "socket-1";
const QUANTUM = 100;
const BLOW_PULSES = 200;

let site: Site;
beforeEach(() => {
  site = new Site();
});
afterEach(() => site.close());

async function sell(device: Device): Promise<Program> {
  const buyer = site.consume(device, "payer", ["buy", "--service", "1"]);
  await site.untilOutlet(OUTLET, ({ register }) => register >= BLOW_PULSES);
  return buyer;
}

async function expectSettled(...programs: Program[]): Promise<void> {
  const [session, settlement] = receiptsOf(...programs);
  expect(session).toMatchObject({ reason: "exhausted", pulses: PULSES_PER_UNIT });
  expect(settlement).toMatchObject({ is: "settlement", amountMinor: PRICE_MINOR, owedMinor: 0 });
  const outlet = site.outlet(OUTLET);
  expect(isOpen(outlet)).toBe(true);
  expect(outlet.register).toBe(PULSES_PER_UNIT + Number(session?.["runOnPulses"]));
  expect(site.charges()).toMatchObject([{ capturedMinor: PRICE_MINOR, refundedMinor: 0 }]);
}

/** `kill` ends the broker, `again` starts another on its port. */
async function expectBrokerDeathSurvived(
  port: number,
  kill: () => Promise<void>,
  again: () => Promise<unknown>,
): Promise<void> {
  const device = await site.startDevice({ broker: `mqtt://127.0.0.1:${port}`, benchRate: 50 });
  const buyer = await sell(device);
  await kill();
  const before = site.outlet(OUTLET).register;
  await site.untilOutlet(OUTLET, ({ register }) => register > before + 3 * QUANTUM);
  expect(site.outlet(OUTLET).contact).toBe(true);
  await again();
  expect(await buyer.ended(15_000)).toBe(0);
  await expectSettled(buyer);
  const found = site.consume(device, "other", ["discover", "--timeout", "1"]);
  expect(await found.ended()).toBe(0);
  expect(found.of("discover")).toMatchObject([{ device: device.id }]);
}

describe("kill -9 of the broker in mid-delivery", () => {
  test("I9: delivery goes on, and receipts come when it is back (`sluice broker`)", async () => {
    const port = await freePort();
    const broker = await site.startBroker(port);
    const again = () => site.startBroker(port);
    await expectBrokerDeathSurvived(port, () => broker.kill(), again);
  });

  test("I9: delivery goes on, and receipts come when it is back (mosquitto)", async ({ skip }) => {
    const missing = mosquittoMissing();
    if (missing !== undefined) skip(missing);
    const { port, stop } = await site.startMosquitto();
    await expectBrokerDeathSurvived(port, stop, () => site.startMosquitto(port));
  });
});

/** Kills the consumer; what it paid for is delivered, and it asks for its receipts later. */
async function expectConsumerDeathSurvived(device: Device): Promise<void> {
  const buyer = await sell(device);
  const order = buyer.of("pay")[0]?.["order"];
  buyer.signal("SIGKILL");
  expect(await buyer.ended()).toBe("SIGKILL");
  expect(receiptsOf(buyer)).toEqual([]);
  const ends = ({ event }: Readonly<Record<string, unknown>>): boolean => event === "settled";
  await device.program.until("log", ends);
  const later = site.consume(device, "payer", ["status", String(order)]);
  expect(await later.ended()).toBe(0);
  await expectSettled(later);
}

describe("kill -9 of the consumer in mid-delivery", () => {
  test("I6: delivery goes on to the paid unit, and `status` fetches the receipts (own broker)", async () => {
    await expectConsumerDeathSurvived(await site.startDevice({ benchRate: 50 }));
  });

  test("I6: delivery goes on to the paid unit, and `status` fetches the receipts (mosquitto)", async ({
    skip,
  }) => {
    const missing = mosquittoMissing();
    if (missing !== undefined) skip(missing);
    const { port } = await site.startMosquitto();
    const broker = `mqtt://127.0.0.1:${port}`;
    await expectConsumerDeathSurvived(await site.startDevice({ broker, benchRate: 50 }));
  });

  test("a `begin` joins the delivery that runs, and gets its receipts", async () => {
    const device = await site.startDevice({ benchRate: 50 });
    const buyer = await sell(device);
    await buyer.kill();
    const joined = site.consume(device, "payer", ["begin", "last"]);
    expect(await joined.ended()).toBe(0);
    await expectSettled(joined);
  });
});

describe("a device process that is blocked", () => {
  /** At 180 pulses a second, what flows in the 100 ms that two busy cores may let the cut-off wait. */
  const LATE_PULSES = 18;

  test("I9: blocked for 2 s it delivers no pulse beyond the grant, and then completes the sale", async () => {
    const device = await site.startDevice({ benchRate: 30, quantumPulses: QUANTUM });
    const buyer = await sell(device);
    const order = String(buyer.of("pay")[0]?.["order"]);
    device.program.signal("SIGSTOP");
    const stoppedMs = performance.now();
    const { running } = site.order(order) as { running: { reserved: number } };
    const tookMs = await site.untilOutlet(OUTLET, isOpen, 1_900);
    const atCutOff = site.outlet(OUTLET).register;
    await pause(2_000 - (performance.now() - stoppedMs));
    const { register } = site.outlet(OUTLET);
    device.program.signal("SIGCONT");
    console.log(
      `blocked for 2 s: ${running.reserved} pulses were reserved, ${register} flowed, ` +
        `the contact opened after ${tookMs.toFixed(0)} ms`,
    );
    expect(register).toBeGreaterThanOrEqual(running.reserved);
    expect(register).toBeLessThanOrEqual(running.reserved + LATE_PULSES);
    expect(register - atCutOff).toBeLessThanOrEqual(1);
    expect(await buyer.ended()).toBe(0);
    await expectSettled(buyer);
  });
});
