// A sale that is paid unit by unit over mosquitto, while the consumer, the broker and the device are killed in mid-stream:
// it is delivered and paid to the last unit all the same, nobody is ahead by more than was chosen, and the books balance.

import { afterEach, beforeEach, expect, test } from "vitest";
import { mosquittoMissing } from "../support/mosquitto.ts";
import type { Line, Program } from "./program.ts";
import {
  type Device,
  isOpen,
  PRICE_MINOR,
  PULSES_PER_UNIT,
  receiptsOf,
  Site,
  sum,
} from "./site.ts";

const OUTLET = "socket-1";
const UNITS = 8;
const WINDOW = 1;
/** What flows while two busy cores let the cut-off wait, for each stop. */
const LATE_PULSES = 60;
/** A device that misses its payer waits ten seconds for him; not all of it is needed. */
const LATE_MS = 25_000;

let site: Site;
beforeEach(({ skip }) => {
  const missing = mosquittoMissing();
  if (missing !== undefined) skip(missing);
  site = new Site();
});
afterEach(() => site?.close());

const begin = (device: Device): Program => site.consume(device, "payer", ["begin", "last"]);
const flowed = (): number => site.outlet(OUTLET).register;
const until = (pulses: number) =>
  site.untilOutlet(OUTLET, ({ register }) => register >= pulses, 20_000);

/** The last proof that any of them let go, in units. */
function released(...programs: readonly Program[]): number {
  const proofs = programs.flatMap((program) => program.of("proof"));
  return Math.max(0, ...proofs.map(({ units }) => Number(units)));
}

/** Of what ran on at the end of sessions, what was given for good. */
function given(sessions: readonly Line[]): number {
  const streamed = sessions.map((one) => one["streamed"] as { caughtUpPulses?: number });
  return (
    sum(sessions, "runOnPulses") -
    streamed.reduce((total, { caughtUpPulses = 0 }) => total + caughtUpPulses, 0)
  );
}

test("I1, I8: the consumer, the broker and the device are killed, and all is delivered and paid", async () => {
  const mosquitto = await site.startMosquitto();
  const { port } = mosquitto;
  const settings = { broker: `mqtt://127.0.0.1:${port}`, windowUnitsMax: 2, benchRate: 100 };
  let device = await site.startDevice(settings);
  const first = site.consume(device, "payer", ["buy", "--units", String(UNITS), "--stream"]);
  await until(1.5 * PULSES_PER_UNIT);

  first.signal("SIGKILL");
  expect(await first.ended()).toBe("SIGKILL");
  expect(released(first)).toBe(1);
  const second = begin(device);
  await until(2.8 * PULSES_PER_UNIT);
  expect(flowed()).toBeLessThanOrEqual(
    (released(first, second) + WINDOW) * PULSES_PER_UNIT + LATE_PULSES,
  );

  await mosquitto.stop();
  const atLimit = (Math.max(2, released(second)) + WINDOW) * PULSES_PER_UNIT;
  await site.untilOutlet(OUTLET, isOpen);
  expect(flowed()).toBeLessThanOrEqual(atLimit + LATE_PULSES);
  expect(second.of("receipt")).toEqual([]);
  await site.startMosquitto(port);
  await until(4.5 * PULSES_PER_UNIT);

  device.program.signal("SIGKILL");
  await device.program.ended();
  await site.untilOutlet(OUTLET, isOpen);
  device = await site.startDevice(settings);
  // It was not delivered what it was sold, and says so.
  expect(await second.ended(LATE_MS)).toBe(1);
  const third = begin(device);
  expect(await third.ended(LATE_MS)).toBe(0);

  const receipts = receiptsOf(first, second, third);
  const sessions = receipts.filter(({ is }) => is === "session");
  expect(sessions.map(({ reason }) => reason)).toEqual(["power-loss", "exhausted"]);
  expect(sum(sessions, "pulses")).toBe(UNITS * PULSES_PER_UNIT);
  expect(sum(sessions, "amountMinor")).toBe(UNITS * PRICE_MINOR);
  expect(sessions.at(-1)?.["streamed"]).toMatchObject({ proof: { units: UNITS }, unpaidPulses: 0 });
  expect(flowed()).toBe(UNITS * PULSES_PER_UNIT + given(sessions));
  const settled = { sessions: 2, amountMinor: UNITS * PRICE_MINOR, owedMinor: 0 };
  expect(receipts.at(-1)).toMatchObject({ is: "settlement", ...settled });
  expect(site.charges()).toMatchObject([{ capturedMinor: UNITS * PRICE_MINOR, refundedMinor: 0 }]);
  const bundle = String(third.of("receipt").at(-1)?.["file"]);
  const verified = await site.run(["verify", "--json", bundle, "--operator", device.operatorKey]);
  expect(verified.of("verified")).toMatchObject([{ receipts: 3, trusted: true }]);
}, 90_000);

test("I6, I8: a consumer who is killed and stays away owes the window, and the rest of his money is free", async () => {
  const { port } = await site.startMosquitto();
  const settings = { broker: `mqtt://127.0.0.1:${port}`, windowUnitsMax: 2, benchRate: 100 };
  const device = await site.startDevice(settings);
  const buyer = site.consume(device, "payer", ["buy", "--units", "6", "--stream", "--window", "2"]);
  await until(2.5 * PULSES_PER_UNIT);
  await buyer.kill();
  const paid = released(buyer);
  expect(paid).toBe(2);
  await device.program.until("log", ({ event }) => event === "session-ended", LATE_MS);
  expect(isOpen(site.outlet(OUTLET))).toBe(true);
  expect(flowed()).toBeGreaterThanOrEqual((paid + 2) * PULSES_PER_UNIT);
  expect(flowed()).toBeLessThanOrEqual((paid + 2) * PULSES_PER_UNIT + LATE_PULSES);

  const later = site.consume(device, "payer", ["end", "last"]);
  expect(await later.ended(LATE_MS)).toBe(0);
  const [session, settlement] = receiptsOf(buyer, later);
  expect(session).toMatchObject({ reason: "proof-late", pulses: paid * PULSES_PER_UNIT });
  expect(session?.["streamed"]).toMatchObject({
    proof: { units: paid },
    unpaidPulses: 2 * PULSES_PER_UNIT,
  });
  expect(settlement).toMatchObject({ amountMinor: paid * PRICE_MINOR });
  expect(site.charges()).toMatchObject([{ capturedMinor: paid * PRICE_MINOR }]);
}, 90_000);
