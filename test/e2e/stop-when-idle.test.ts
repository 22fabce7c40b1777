// Who would put a new release in a device's place asks it to end if it serves nobody (SIGUSR2): the device decides.

import { afterEach, beforeEach, expect, test } from "vitest";
import { isAlive } from "./program.ts";
import { isOpen, PULSES_PER_UNIT, receiptsOf, Site, sum } from "./site.ts";

const OUTLET = "socket-1";

let site: Site;
beforeEach(() => {
  site = new Site();
});
afterEach(() => site.close());

test("I7: a device in the middle of a sale goes on until all that was paid is delivered; then it ends at once", async () => {
  const device = await site.startDevice({ benchRate: 50 });
  const buyer = site.consume(device, "payer", ["buy", "--service", "1"]);
  await site.untilOutlet(OUTLET, ({ register }) => register >= 100);
  device.program.signal("SIGUSR2");
  await site.untilOutlet(OUTLET, ({ register }) => register >= 400);
  device.program.signal("SIGUSR2");
  expect(await buyer.ended()).toBe(0);
  const sessions = receiptsOf(buyer).filter(({ is }) => is === "session");
  expect(sum(sessions, "pulses")).toBe(PULSES_PER_UNIT);
  expect(isAlive(device.loopPid)).toBe(true);
  device.program.signal("SIGUSR2");
  expect(await device.program.ended()).toBe(0);
  expect(isAlive(device.loopPid)).toBe(false);
  expect(isOpen(site.outlet(OUTLET))).toBe(true);
});
