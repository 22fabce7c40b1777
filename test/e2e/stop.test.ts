// Ctrl-C on a device in mid-delivery: it leaves as it should, with its papers in order.

import { afterEach, beforeEach, expect, test } from "vitest";
import { ANNOUNCEMENTS, announcementTopic } from "../../firmware/protocol/topics.ts";
import { openMqttLink } from "../../hal/linux/mqtt-link.ts";
import { mosquittoMissing } from "../support/mosquitto.ts";
import { isAlive, pause } from "./program.ts";
import { freePort, isOpen, PULSES_PER_UNIT, receiptsOf, Site, sum } from "./site.ts";

const OUTLET = "socket-1";
const RETAINED_MS = 300;

let site: Site;
beforeEach(() => {
  site = new Site();
});
afterEach(() => site.close());

/** Topics of the announcements that the broker keeps for whoever comes. */
async function announced(broker: string, clientId: string): Promise<string[]> {
  const link = await openMqttLink({ url: broker, clientId });
  const topics: string[] = [];
  link.onMessage(({ topic, payload }) => {
    if (payload.length > 0) topics.push(topic);
  });
  await link.subscribe(ANNOUNCEMENTS);
  await pause(RETAINED_MS);
  await link.close();
  return topics;
}

async function expectOrderlyStop(broker: string): Promise<void> {
  const device = await site.startDevice({ broker, benchRate: 50 });
  expect(await announced(broker, "before")).toEqual([announcementTopic(device.id)]);
  const buyer = site.consume(device, "payer", ["buy", "--service", "1"]);
  await site.untilOutlet(OUTLET, ({ register }) => register >= 200);
  device.program.signal("SIGINT");
  const tookMs = await site.untilOutlet(OUTLET, isOpen);
  console.log(`Ctrl-C: contact open after ${tookMs.toFixed(0)} ms`);
  expect(await device.program.ended()).toBe(0);
  expect(isAlive(device.loopPid)).toBe(false);
  expect(await announced(broker, "after")).toEqual([]);
  expect(isOpen(site.outlet(OUTLET))).toBe(true);
  await buyer.ended();
  const [receipt, ...more] = receiptsOf(buyer);
  expect(more).toEqual([]);
  expect(receipt).toMatchObject({ is: "session", reason: "restart", startReading: 0 });
  const { register } = site.outlet(OUTLET);
  expect(Number(receipt?.["pulses"]) + Number(receipt?.["runOnPulses"])).toBe(register);
  const again = await site.startDevice({ broker, benchRate: 50 });
  const rest = site.consume(again, "payer", ["begin", "last"]);
  expect(await rest.ended()).toBe(0);
  const sessions = receiptsOf(buyer, rest).filter(({ is }) => is === "session");
  expect(sum(sessions, "pulses")).toBe(PULSES_PER_UNIT);
}

test("I7, I13: Ctrl-C opens the outputs, signs a receipt, withdraws the broadcast (`sluice broker`)", async () => {
  const port = await freePort();
  await site.startBroker(port);
  await expectOrderlyStop(`mqtt://127.0.0.1:${port}`);
});

test("I7, I13: Ctrl-C opens the outputs, signs a receipt, withdraws the broadcast (mosquitto)", async ({
  skip,
}) => {
  const missing = mosquittoMissing();
  if (missing !== undefined) skip(missing);
  const { port } = await site.startMosquitto();
  await expectOrderlyStop(`mqtt://127.0.0.1:${port}`);
});
