// A whole sale on lines of a real kernel: the compiled device with its own broker, a valve over onoff and a flow sensor
// over the character device, a buyer, and a meter that turns while the valve is open. Then deliveries whose loop, and
// whose device, are killed.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Program } from "../e2e/program.ts";
import { freePort, receiptsOf } from "../e2e/site.ts";
import { type GpioSim, openGpioSim } from "./gpio-sim-bench.ts";
import {
  endGuards,
  figure,
  guards,
  guestMissing,
  msUntilLow,
  type Pulses,
  startPulses,
} from "./guest.ts";

const missing = guestMissing();
const VALVE = 0;
const FLOW = 2;
const PULSES_PER_UNIT = 450;
const RATE = 150;
/** Node starts within seconds on an emulated machine that others use too. */
const LIMIT_MS = 100_000;

let sim: GpioSim;
let folder: string;
let meter: Pulses;
let device: Program;
let broker: string;
let operator: string;
let loopPid: number;
const programs: Program[] = [];

function deviceFile(port: number): string {
  const price = "{ id: 1, name: per litre, amountMinor: 2, currency: EUR }";
  return [
    "version: 1",
    "name: Pump",
    "board: generic-pump",
    `lines: { valve: { pin: ${sim.label}/${VALVE} }, flow: { pin: ${sim.label}/${FLOW} } }`,
    "policy: { quantumPulses: 90, loss: seller }",
    `broker: { host: 127.0.0.1, port: ${port} }`,
    "services:",
    "  - { id: 1, name: Water, outlet: nozzle, meter: flow, unitsMax: 100, tokenLifeHours: 1,",
    `      undelivered: refund, prices: [${price}] }`,
    "",
  ].join("\n");
}

function start(args: readonly string[]): Program {
  const own = { HOME: folder, XDG_RUNTIME_DIR: folder, XDG_STATE_HOME: folder };
  const program = new Program(args, { PATH: process.env["PATH"], ...own });
  programs.push(program);
  return program;
}

function buy(units: number, ...more: readonly string[]): Program {
  const where = ["--broker", broker, "--identity", join(folder, "payer")];
  return start(["buy", "--json", ...where, "--units", String(units), ...more]);
}

/** A sale that flows. */
async function delivering(): Promise<Program> {
  sim.pull(VALVE, false);
  const buyer = buy(50);
  await buyer.until("progress", () => true, LIMIT_MS);
  expect(sim.level(VALVE)).toBe(true);
  return buyer;
}

function testSale(): void {
  beforeAll(async () => {
    sim = openGpioSim();
    folder = mkdtempSync(join(tmpdir(), "sluice-kernel-"));
    meter = startPulses(sim, { rate: RATE, lines: [FLOW], whileHigh: VALVE });
    const file = join(folder, "device.yaml");
    writeFileSync(file, deviceFile(await freePort()));
    device = start(["run", "--json", "--device", file, "--data", join(folder, "data")]);
    const ready = await device.until("ready", () => true, LIMIT_MS);
    broker = String(ready["broker"]);
    operator = String(ready["operatorKey"]);
    loopPid = Number(ready["loopPid"]);
  }, 2 * LIMIT_MS);

  afterAll(async () => {
    for (const program of [...programs].reverse()) await program.kill();
    await meter.stop();
    await endGuards();
    sim.close();
    rmSync(folder, { recursive: true, force: true });
  }, LIMIT_MS);

  test(
    "what is bought flows, is cut off on the paid pulse, and the receipt says what the meter turned",
    async () => {
      const saved = join(folder, "saved.json");
      const buyer = buy(2, "--save", saved);
      expect(await buyer.ended(LIMIT_MS), `${buyer.output}\n${device.output}`).toBe(0);
      const [session, settlement, ...more] = receiptsOf(buyer);
      expect(more).toEqual([]);
      const paid = 2 * PULSES_PER_UNIT;
      expect(session).toMatchObject({ is: "session", reason: "exhausted", pulses: paid });
      expect(settlement).toMatchObject({ is: "settlement", amountMinor: 4, refundedMinor: 0 });
      expect(sim.level(VALVE)).toBe(false);
      const runOn = Number(session?.["runOnPulses"]);
      expect(meter.generated()).toBe(paid + runOn);
      const verified = start(["verify", "--json", saved, "--operator", operator]);
      expect(await verified.ended(LIMIT_MS)).toBe(0);
      expect(verified.of("verified")).toMatchObject([{ receipts: 2, trusted: true }]);
      figure({ what: "sale of 2 L", generated: meter.generated(), counted: paid, "ran on": runOn });
    },
    2 * LIMIT_MS,
  );

  test(
    "I7: kill -9 of the loop in mid-delivery: the guard opens the valve, the session ends as a fault",
    async () => {
      const started = meter.generated();
      const buyer = await delivering();
      // A wire that would stay closed if nobody drove it.
      sim.pull(VALVE, true);
      const before = meter.generated();
      process.kill(loopPid, "SIGKILL");
      const openMs = msUntilLow(sim, VALVE);
      expect(openMs).toBeLessThan(1_000);
      figure({
        what: "sale: kill -9 of the loop",
        opened: "by the guard",
        ms: Math.round(openMs * 10) / 10,
        "pulses meanwhile": meter.generated() - before,
      });
      await buyer.ended(LIMIT_MS);
      // Nothing more is delivered, and what was not stays the payer's: the token is good for it.
      const [session, ...more] = receiptsOf(buyer);
      expect(more).toEqual([]);
      expect(session).toMatchObject({ is: "session", reason: "fault" });
      expect(Number(session?.["pulses"])).toBeGreaterThan(0);
      expect(Number(session?.["pulses"])).toBeLessThanOrEqual(meter.generated() - started);
    },
    2 * LIMIT_MS,
  );

  test(
    "I7: kill -9 of the device in mid-delivery: its loop opens the valve and ends, the guard with it",
    async () => {
      await delivering();
      device.signal("SIGKILL");
      const openMs = msUntilLow(sim, VALVE);
      expect(openMs).toBeLessThan(2_000);
      figure({
        what: "sale: kill -9 of the device",
        opened: "by the loop",
        ms: Math.round(openMs * 10) / 10,
      });
      await expect.poll(guards, { timeout: LIMIT_MS }).toEqual([]);
    },
    2 * LIMIT_MS,
  );
}

// One device serves them all, and the last one kills it.
if (missing === undefined) describe("a sale on a real kernel", { shuffle: false }, testSale);
else test("a sale on a real kernel", ({ skip }) => skip(missing));
