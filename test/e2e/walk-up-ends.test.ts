// Walk-up sales of the compiled program that end as nobody wished, and one without any money: the metering loop or the
// device killed, or the reader unplugged, while it flows, and a bearer token on a tag.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { tokenMessage } from "../../firmware/token/prepaid-tag.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import { simPn532 } from "../../hal/sim/sim-pn532.ts";
import { ntag213 } from "../../hal/sim/sim-tag.ts";
import { bench, takeWire, untilSo } from "./own-wires.ts";
import { endProcess, type Line, type Program, pause } from "./program.ts";
import { FROM_10_WH, FROM_20_WH, isShown } from "./shown.ts";
import { Site } from "./site.ts";

const BOARD = join(import.meta.dirname, "../../boards/virtual-pi-charger.yaml");
const LIMIT_MS = 120_000;
const LOGGED_MS = 30_000;
/** Of one kWh, which is 1000 pulses; a reader is taken for new for a second. */
const PRICE_MINOR = 45_000;
const UP_MS = 3_000;
/** What may be lost with a device. */
const QUANTUM_PULSES = 4;

let site: Site;
beforeEach(() => {
  site = new Site();
});
afterEach(() => site.close());

interface Running {
  program: Program;
  device: string;
  loopPid: number;
}

async function start(): Promise<Running> {
  const file = join(site.folder, "device.yaml");
  const text = readFileSync(BOARD, "utf8")
    .replace(/benchRate: \d+/, "benchRate: 1")
    .replace("quantumPulses: 100", `quantumPulses: ${QUANTUM_PULSES}`)
    .replace("port: 1883", "port: 0")
    .replace("amountMinor: 45,", `amountMinor: ${PRICE_MINOR},`)
    .replace("units: 20 }", "units: 1 }\n    bearer: { valueMinorMax: 100000 }");
  writeFileSync(file, text);
  const program = site.start(["run", "--json", "--device", file, "--data", site.data]);
  const ready = await program.until("ready", () => true, LOGGED_MS);
  const loopPid = Number(ready["loopPid"]);
  site.onClose(() => endProcess(loopPid));
  return { program, device: String(ready["device"]), loopPid };
}

const logged = (program: Program, event: string): Promise<Line> =>
  program.until("log", (line) => line["event"] === event, LOGGED_MS);

async function untilShown(words: string | RegExp): Promise<void> {
  await untilSo(String(words), async () => {
    const { rows } = await bench(site.data, "display").catch(() => ({ rows: [] }) as Line);
    return isShown(words, JSON.stringify(rows));
  });
}

interface Socket {
  contact: boolean;
  meters: { energy: { physical: number } };
}

async function socket(): Promise<Socket> {
  const { outlets } = await bench(site.data);
  const [found] = outlets as Socket[];
  if (found === undefined) throw new Error("there is no outlet");
  return found;
}

/** Sells to a card, and lets some of it flow. */
async function deliver(program: Program): Promise<void> {
  await bench(site.data, "clear", "vehicle");
  await untilShown("Present your card");
  await bench(site.data, "tap", "visa-test");
  await logged(program, "session-begun");
  await untilShown(FROM_10_WH);
}

function expectPaid(settled: Line): void {
  const [charge] = site.charges();
  expect(charge).toMatchObject({ authorisedMinor: PRICE_MINOR });
  expect(charge?.capturedMinor).toBe(Number(settled["capturedMinor"]));
  // Never for more than flowed; what was counted and not yet written down is the seller's loss.
  const flowedMinor = (site.outlet("socket").register * PRICE_MINOR) / 1000;
  expect(charge?.capturedMinor).toBeGreaterThan(0);
  expect(charge?.capturedMinor).toBeLessThanOrEqual(flowedMinor);
  expect(site.charges()).toHaveLength(1);
}

test("I1 I5 I7: the loop is killed while it flows: the outlet opens, and only what flowed is paid", {
  timeout: LIMIT_MS,
}, async () => {
  const { program, loopPid } = await start();
  await deliver(program);
  process.kill(loopPid, "SIGKILL");
  await logged(program, "loop-lost");
  const ended = await logged(program, "session-ended");
  const settled = await logged(program, "settled");
  await untilSo("a bench with its outlet open", async () => {
    const at = await socket().catch(() => undefined);
    return at?.contact === false;
  });
  expectPaid(settled);
  expect(settled["capturedMinor"]).toBe((Number(ended["pulses"]) * PRICE_MINOR) / 1000);
  const told = await site.run(["history", "--json"]);
  expect(told.output).toContain(String(settled["order"]));
});

test("I1 I6 I7: the device is killed while it flows: its next life settles what flowed", {
  timeout: LIMIT_MS,
}, async () => {
  const { program, loopPid } = await start();
  await deliver(program);
  program.signal("SIGKILL");
  expect(await program.ended()).toBe("SIGKILL");
  await endProcess(loopPid);
  const next = await start();
  const settled = await logged(next.program, "settled");
  expect((await socket()).contact).toBe(false);
  expectPaid(settled);
});

test("I1: the reader is unplugged while it flows: the sale ends as it would, and the next one comes with the reader", {
  timeout: LIMIT_MS,
}, async () => {
  const { program } = await start();
  await deliver(program);
  await bench(site.data, "unplug", "contactless");
  await untilShown(FROM_20_WH);
  await bench(site.data, "remove");
  await bench(site.data, "press", "stop");
  expectPaid(await logged(program, "settled"));
  await untilShown("No card reader now");
  await bench(site.data, "plug", "contactless");
  await untilShown("Present your card");
  await pause(UP_MS);
  await bench(site.data, "tap", "mastercard-test");
  await untilSo("a second sale", () => {
    const begun = program.of("log").filter((line) => line["event"] === "session-begun");
    return begun.length === 2;
  });
});

test("I1 I3: a bearer token on a tag is delivered until the button, and costs nothing", {
  timeout: LIMIT_MS,
}, async () => {
  const { program, device } = await start();
  const file = join(site.folder, "token.cbor");
  const words = ["--device", device, "--service", "1", "--units", "2", "--expiry", "24"];
  const minted = await site.run(["token", "mint", ...words, "--bearer", "--out", file]);
  expect({ ended: await minted.ended(), said: minted.output }).toMatchObject({ ended: 0 });
  const message = tokenMessage(readFileSync(file));
  const wire = await takeWire(site.data, "contactless");
  site.onClose(() => wire.port.close());
  const chip = simPn532(openSystemClock());
  site.onClose(async () => chip.close());
  chip.attach(wire.port);
  await untilSo("the reader is asked", () => wire.heard().length > 0);
  await pause(UP_MS);
  await bench(site.data, "clear", "vehicle");
  await untilShown("Present your card");
  chip.present(ntag213("token", { ...(message && { message }) }));
  await logged(program, "session-begun");
  await untilShown(FROM_10_WH);
  await bench(site.data, "press", "stop");
  const ended = await logged(program, "session-ended");
  expect(ended).toMatchObject({ reason: "customer-button" });
  await untilSo("an open outlet", async () => !(await socket()).contact);
  expect((await socket()).meters.energy.physical).toBe(ended["pulses"]);
  expect(site.charges()).toEqual([]);
});
