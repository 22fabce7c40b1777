// A device and its consumers on two machines of their own (network namespaces): found by DNS-SD, and sold to
// over a wire that is slow, loses frames and is cut for half a minute.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { netnsMissing, openTwoMachines, type TwoMachines, type Wire } from "../support/netns.ts";
import { type Program, pause } from "./program.ts";
import {
  type Device,
  isOpen,
  PRICE_MINOR,
  PULSES_PER_UNIT,
  receiptsOf,
  Site,
  sum,
} from "./site.ts";

const missing = netnsMissing();
const GOOD: Wire = { delayMs: 0, lossPercent: 0, seed: 1 };
const BAD: Wire = { delayMs: 200, lossPercent: 20, seed: 1 };
const CUT_MS = 30_000;
const AGAIN_MS = 5_000;
const BETWEEN_COMMANDS_MS = 1_000;
const PATIENCE_MS = 240_000;

let site: Site;
let machines: TwoMachines;
beforeEach(({ skip }) => {
  if (missing !== undefined) skip(missing);
  site = new Site();
});
afterEach(() => site?.close());

async function wire(how: Wire): Promise<void> {
  machines = await openTwoMachines(how);
  site.onClose(() => machines.close());
}

/** On the other machine: nothing of this one's state is seen there. */
function far(person: string, args: readonly string[]): Program {
  const home = join(site.folder, "far");
  mkdirSync(home, { recursive: true });
  const env = { HOME: home, XDG_RUNTIME_DIR: home, XDG_STATE_HOME: home };
  const who = ["--json", "--identity", join(home, person)];
  return site.start([...args, ...who], env, machines.far.within);
}

async function startDevice(settings: { benchRate?: number } = {}): Promise<Device> {
  const { within } = machines.near;
  return site.startDevice({ ...settings, host: "0.0.0.0", within });
}

test("a consumer finds a device on the network by itself, buys, and does not find it once it has stopped", async () => {
  await wire(GOOD);
  const device = await startDevice();
  const url = `mqtt://${machines.near.address}:${new URL(device.broker).port}`;
  expect(device.program.of("ready")).toMatchObject([{ networks: [url] }]);
  const unknown = far("shy", ["discover", "--timeout", "1"]);
  expect(await unknown.ended()).toBe(0);
  expect(unknown.of("broker")).toMatchObject([{ url, from: "network" }]);
  expect(unknown.of("discover")).toMatchObject([{ device: device.id, verified: false }]);
  // Who tells where a broker is says nothing about whom to trust.
  const untrusting = far("shy", ["buy"]);
  expect(await untrusting.ended()).toBe(1);
  const buyer = far("payer", ["buy", "--operator", device.operatorKey]);
  expect(await buyer.ended()).toBe(0);
  expect(buyer.of("broker")).toMatchObject([{ url, from: "network" }]);
  expect(receiptsOf(buyer)).toHaveLength(2);
  device.program.signal("SIGTERM");
  expect(await device.program.ended()).toBe(0);
  const late = far("late", ["discover", "--timeout", "1"]);
  expect(await late.ended()).toBe(1);
  expect(late.of("broker")).toMatchObject([{ from: "default" }]);
});

test("of several brokers on the network the user chooses", async () => {
  await wire(GOOD);
  const device = await startDevice();
  const other = join(site.folder, "other");
  const file = join(site.folder, "device.yaml");
  const { within } = machines.near;
  const second = site.start(["run", "--json", "--device", file, "--data", other], {}, within);
  const ready = await second.until("ready");
  const undecided = far("payer", ["buy"]);
  expect(await undecided.ended()).toBe(2);
  const [fault] = undecided.of("fault");
  for (const id of [device.id, ready["device"]]) expect(fault?.["message"]).toContain(id);
  expect(fault).toMatchObject({ kind: "usage", at: "--broker" });
});

/** Somebody who wants one unit, and gives another command when one gave up, until the order is settled. */
class Customer {
  readonly #person: string;
  readonly #where: readonly string[];
  readonly #service: string;
  readonly #programs: Program[] = [];

  constructor(person: string, service: number, where: readonly string[]) {
    this.#person = person;
    this.#service = String(service);
    this.#where = where;
  }

  get receipts() {
    return receiptsOf(...this.#programs);
  }

  said(step: string): boolean {
    return this.#programs.some((program) => program.of(step).length > 0);
  }

  /** Waits until it has come so far. */
  async until(step: string): Promise<void> {
    for (let look = 0; look < 6_000 && !this.said(step); look++) await pause(10);
    expect(this.said(step)).toBe(true);
  }

  /** A command may be refused at once while the wire is down: time bounds it, not their number. */
  async carryThrough(): Promise<void> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    while (!this.receipts.some(({ is }) => is === "settlement")) {
      if (performance.now() > deadlineMs) throw new Error(`never settled:\n${this.#output}`);
      const program = far(this.#person, [...this.#next(), ...this.#where, "--timeout", "30"]);
      this.#programs.push(program);
      await program.ended(120_000);
      await pause(BETWEEN_COMMANDS_MS);
    }
  }

  get #output(): string {
    return this.#programs.map(({ output }, i) => `command ${i + 1}:\n${output}`).join("\n");
  }

  #next(): readonly string[] {
    const anew = ["buy", "--service", this.#service];
    if (!this.said("select")) return anew;
    if (!this.said("pay")) return this.#isExpired() ? anew : ["pay", "last"];
    return this.said("begin") ? ["status", "last"] : ["begin", "last"];
  }

  /** An offer lasts two minutes, and the two cuts take half of them. */
  #isExpired(): boolean {
    const faults = this.#programs.at(-1)?.of("fault") ?? [];
    return faults.some(({ kind }) => kind === "offer-expired");
  }
}

test("I2 I3: two sales over 200 ms, 20 % loss and two cuts of 30 s come to their end, and the books are right", async () => {
  await wire(BAD);
  // One unit takes 17 s: the cut falls into one's delivery and the other's payment.
  const device = await startDevice({ benchRate: 10 });
  const url = `mqtt://${machines.near.address}:${new URL(device.broker).port}`;
  const where = ["--broker", url, "--operator", device.operatorKey];
  const first = new Customer("first", 1, where);
  const second = new Customer("second", 2, where);
  const ended = [first.carryThrough()];
  await first.until("pay");
  ended.push(second.carryThrough());
  await first.until("begin");
  for (let look = 0; look < 800 && !second.said("select"); look++) await pause(10);
  machines.setWire("down");
  await pause(CUT_MS);
  expect(first.receipts).toEqual([]);
  machines.setWire("up");
  // Just long enough to find each other again, and to be at something.
  await pause(AGAIN_MS);
  machines.setWire("down");
  await pause(CUT_MS);
  machines.setWire("up");
  await Promise.all(ended);
  for (const [service, { receipts }] of [first, second].entries()) {
    const sessions = receipts.filter(({ is }) => is === "session");
    expect(sum(sessions, "pulses")).toBe(PULSES_PER_UNIT);
    const settlements = receipts.filter(({ is }) => is === "settlement");
    expect(settlements).toMatchObject([{ capturedMinor: PRICE_MINOR, refundedMinor: 0 }]);
    const outlet = site.outlet(`socket-${service + 1}`);
    expect(isOpen(outlet)).toBe(true);
    expect(outlet.register).toBe(PULSES_PER_UNIT + sum(sessions, "runOnPulses"));
  }
  const charges = site.charges();
  expect(charges.map(({ capturedMinor }) => capturedMinor)).toEqual([PRICE_MINOR, PRICE_MINOR]);
}, 420_000);
