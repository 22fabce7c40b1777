// Sales that are paid unit by unit while they are delivered, with the compiled program over TCP.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { mosquittoMissing } from "../support/mosquitto.ts";
import type { Program } from "./program.ts";
import { type Device, isOpen, PRICE_MINOR, PULSES_PER_UNIT, receiptsOf, Site } from "./site.ts";

let site: Site;
beforeEach(() => {
  site = new Site();
});
afterEach(() => site.close());

const STREAMED = { windowUnitsMax: 2 };

function proofs(program: Program): unknown[] {
  return program.of("proof").map(({ units }) => units);
}

/** Checks the papers by the operator's key, offline. */
async function verify(device: Device, file: string): Promise<Program> {
  return site.run(["verify", "--json", file, "--operator", device.operatorKey]);
}

async function expectStreamed(device: Device): Promise<void> {
  const saved = join(site.folder, "saved.json");
  const words = ["buy", "--units", "3", "--stream", "--save", saved];
  const buyer = site.consume(device, "payer", words);
  expect(await buyer.ended()).toBe(0);
  expect(buyer.of("stream")).toMatchObject([{ stepUnits: 1, windowUnits: 1, windowMax: 2 }]);
  expect(proofs(buyer)).toEqual([1, 2, 3]);
  const [session, settlement] = receiptsOf(buyer);
  expect(session).toMatchObject({ reason: "exhausted", pulses: 3 * PULSES_PER_UNIT });
  expect(session?.["streamed"]).toMatchObject({ proof: { units: 3 }, unpaidPulses: 0 });
  expect(settlement).toMatchObject({ amountMinor: 3 * PRICE_MINOR, refundedMinor: 0 });
  expect(site.charges()).toMatchObject([{ capturedMinor: 3 * PRICE_MINOR }]);
  expect(isOpen(site.outlet("socket-1"))).toBe(true);
  expect((await verify(device, saved)).of("verified")).toMatchObject([{ receipts: 2 }]);

  const bundle = JSON.parse(readFileSync(saved, "utf8")) as { commitment?: string };
  expect(bundle.commitment).toBeDefined();
  const { commitment: _, ...without } = bundle;
  writeFileSync(saved, JSON.stringify(without));
  const refused = await verify(device, saved);
  expect(await refused.ended()).toBe(1);
  expect(refused.of("fault")).toMatchObject([{ kind: "offer-mismatch" }]);
}

describe("a sale that is paid unit by unit", () => {
  test("through the device's own broker, and its papers verify offline", async () => {
    await expectStreamed(await site.startDevice(STREAMED));
  });

  test("through mosquitto", async ({ skip }) => {
    const missing = mosquittoMissing();
    if (missing !== undefined) skip(missing);
    const { port } = await site.startMosquitto();
    await expectStreamed(
      await site.startDevice({ ...STREAMED, broker: `mqtt://127.0.0.1:${port}` }),
    );
  });

  test("step by step: quote, pay --stream, begin with another window; Ctrl-C ends it by the pulse", async () => {
    const device = await site.startDevice(STREAMED);
    const quote = site.consume(device, "payer", "quote --service 1 --price 1 --units 5".split(" "));
    expect(await quote.ended()).toBe(0);
    const pay = site.consume(device, "payer", ["pay", "last", "--stream", "--step", "2"]);
    expect(await pay.ended()).toBe(0);
    expect(site.charges()).toMatchObject([{ authorisedMinor: 5 * PRICE_MINOR, capturedMinor: 0 }]);
    const begin = site.consume(device, "payer", ["begin", "last", "--window", "0"]);
    await begin.until("proof", ({ units }) => units === 4);
    begin.signal("SIGINT");
    expect(await begin.ended()).toBe(0);
    const [session, settlement] = receiptsOf(begin);
    expect(session).toMatchObject({ reason: "consumer-end" });
    const amountMinor = Number(session?.["amountMinor"]);
    expect(amountMinor).toBeGreaterThan(0);
    expect(amountMinor).toBeLessThanOrEqual(4 * PRICE_MINOR);
    expect(settlement).toMatchObject({ amountMinor, capturedMinor: amountMinor });
    expect(site.charges()).toMatchObject([{ capturedMinor: amountMinor }]);
  });
});

describe("what is refused says what to do", () => {
  test("a service that is not paid by the unit, and a window above what it allows", async () => {
    const device = await site.startDevice(STREAMED);
    const other = site.consume(device, "payer", ["buy", "--stream", "--service", "2"]);
    expect(await other.ended()).toBe(1);
    expect(other.of("fault")).toMatchObject([
      { kind: "not-streamed", message: expect.stringContaining("without --stream") },
    ]);
    const wide = site.consume(device, "payer", ["buy", "--stream", "--window", "3"]);
    expect(await wide.ended()).toBe(2);
    expect(wide.of("fault")).toMatchObject([{ message: expect.stringContaining("at most 2") }]);
    const plain = site.consume(device, "payer", ["buy", "--step", "2"]);
    expect(await plain.ended()).toBe(2);
    const services = site.consume(device, "payer", ["services"]);
    expect(await services.ended()).toBe(0);
    expect(services.of("services")).toMatchObject([{ service: 1, windowMax: 2 }, { service: 2 }]);
  });
});
