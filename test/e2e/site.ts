// A place where the compiled program sells and buys: a temporary folder, a device on its own or another broker,
// consumers, and the virtual board's register file, which is the physical truth. Everything is ended by close().

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { startMosquitto } from "../support/mosquitto.ts";
import { endProcess, type Line, Program, pause } from "./program.ts";

export interface DeviceSettings {
  /** Another broker than its own. */
  broker?: string;
  /** World seconds per real second: the outlet gives 6 pulses per world second. */
  benchRate?: number;
  quantumPulses?: number;
  /** The first service takes bearer tokens. */
  bearers?: boolean;
  /** The first service is held and paid by the unit, so many ahead of proof at most. */
  windowUnitsMax?: number;
  logLevel?: "debug" | "info";
  env?: NodeJS.ProcessEnv;
  /** Address that its own broker listens on. */
  host?: string;
  /** Where it runs (test/support/netns.ts). */
  within?: readonly string[];
}

export interface Device {
  program: Program;
  id: string;
  broker: string;
  loopPid: number;
  operatorKey: string;
  safeMs: number;
  /** From the start of the process to its `ready` line, as seen from outside. */
  startedMs: number;
}

/** One outlet as its metal is. */
export interface Outlet {
  id: string;
  coil: boolean;
  contact: boolean;
  register: number;
}

export interface Charge {
  authorisedMinor: number;
  capturedMinor: number;
  refundedMinor: number;
}

export const PULSES_PER_UNIT = 1000;
export const PRICE_MINOR = 45;

const OUTLET_LOOK_MS = 2;

export class Site {
  readonly folder = mkdtempSync(join(tmpdir(), "sluice-e2e-"));
  readonly #programs: Program[] = [];
  readonly #cleanups: (() => Promise<void>)[] = [];
  #port = 0;

  get data(): string {
    return join(this.folder, "data");
  }

  identity(name: string): string {
    return join(this.folder, name);
  }

  start(
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
    within: readonly string[] = [],
  ): Program {
    const own = { HOME: this.folder, XDG_RUNTIME_DIR: this.folder, XDG_STATE_HOME: this.folder };
    const program = new Program(args, { PATH: process.env["PATH"], ...own, ...env }, within);
    this.#programs.push(program);
    return program;
  }

  /** Runs a command to its end. */
  async run(args: readonly string[]): Promise<Program> {
    const program = this.start(args);
    await program.ended();
    return program;
  }

  /** A consumer command against the device, as the person whose identity it is. */
  consume(
    device: Device,
    person: string,
    args: readonly string[],
    env?: NodeJS.ProcessEnv,
  ): Program {
    const [command = "", ...rest] = args;
    const where = ["--broker", device.broker, "--identity", this.identity(person)];
    return this.start([command, "--json", ...where, ...rest], env);
  }

  async startDevice(settings: DeviceSettings = {}): Promise<Device> {
    const startMs = performance.now();
    const program = await this.launchDevice(settings);
    const ready = await program.until("ready");
    const startedMs = performance.now() - startMs;
    const loopPid = Number(ready["loopPid"]);
    this.#cleanups.push(() => endProcess(loopPid));
    return {
      program,
      id: String(ready["device"]),
      broker: String(ready["broker"]),
      loopPid,
      operatorKey: String(ready["operatorKey"]),
      safeMs: Number(ready["safeMs"]),
      startedMs,
    };
  }

  /** Without waiting until it sells. A device that starts again here finds its data and takes its port again. */
  async launchDevice(settings: DeviceSettings) {
    const {
      broker,
      benchRate = 100,
      quantumPulses = 100,
      bearers = false,
      windowUnitsMax,
      logLevel = "info",
      env,
      host = "127.0.0.1",
      within,
    } = settings;
    if (this.#port === 0) this.#port = await freePort();
    const file = join(this.folder, "device.yaml");
    const where = broker === undefined ? `host: ${host}, port: ${this.#port}` : `url: ${broker}`;
    const stream = windowUnitsMax === undefined ? "" : streamText(windowUnitsMax);
    const more = bearers ? " bearer: { valueMinorMax: 1000 }," : stream;
    writeFileSync(file, deviceFile(where, benchRate, quantumPulses, more));
    const words = ["--device", file, "--data", this.data, "--log-level", logLevel];
    return this.start(["run", "--json", ...words], env, within);
  }

  /** The command of its own: a broker that can be killed without killing a device. */
  async startBroker(port: number): Promise<Program> {
    const program = this.start(["broker", "--json", "--port", String(port)]);
    await program.until("ready");
    return program;
  }

  async startMosquitto(port?: number): Promise<{ port: number; stop(): Promise<void> }> {
    const mosquitto = await startMosquitto(port);
    this.#cleanups.push(() => mosquitto.stop());
    return mosquitto;
  }

  /** Called by close(), last one first. */
  onClose(cleanup: () => Promise<void>): void {
    this.#cleanups.push(cleanup);
  }

  outlets(): readonly Outlet[] {
    // A line that is being written over may be read in parts.
    for (let attempt = 0; ; attempt++) {
      try {
        return parseRegisters(readFileSync(join(this.data, "registers.json"), "utf8"));
      } catch (error) {
        if (attempt === 5) throw error;
      }
    }
  }

  outlet(id: string): Outlet {
    const outlet = this.outlets().find((one) => one.id === id);
    if (outlet === undefined) throw new Error(`the register file has no ${id}`);
    return outlet;
  }

  /** Waits until the outlet is so; resolves with the time it took. */
  async untilOutlet(
    id: string,
    isSo: (outlet: Outlet) => boolean,
    limitMs = 10_000,
  ): Promise<number> {
    const startMs = performance.now();
    for (;;) {
      const outlet = this.outlet(id);
      const tookMs = performance.now() - startMs;
      if (isSo(outlet)) return tookMs;
      if (tookMs > limitMs) {
        throw new Error(`${JSON.stringify(outlet)} after ${limitMs} ms`);
      }
      await pause(OUTLET_LOOK_MS);
    }
  }

  /** The payment host's books. */
  charges(): readonly Charge[] {
    return recordsOf(join(this.data, "payment-host.db"), "charge").map(
      ({ body }) => JSON.parse(body) as Charge,
    );
  }

  /** What the device has on disk about an order. */
  order(id: string): Record<string, unknown> {
    const found = recordsOf(join(this.data, "device.db"), "order").find((one) => one.id === id);
    return JSON.parse(found?.body ?? "{}") as Record<string, unknown>;
  }

  async close(): Promise<void> {
    for (const program of [...this.#programs].reverse()) await program.kill();
    for (const cleanup of [...this.#cleanups].reverse()) await cleanup();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function isOpen({ coil, contact }: Outlet): boolean {
  return !coil && !contact;
}

/** The receipts among a command's lines; a number is listed once however often it was told. */
export function receiptsOf(...programs: readonly Program[]): readonly Line[] {
  const byNumber = new Map<unknown, Line>();
  for (const program of programs) {
    for (const receipt of program.of("receipt")) byNumber.set(receipt["number"], receipt);
  }
  return [...byNumber.values()].sort((a, b) => Number(a["number"]) - Number(b["number"]));
}

export function sum(lines: readonly Line[], field: string): number {
  return lines.reduce((total, line) => total + Number(line[field]), 0);
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

function parseRegisters(text: string): readonly Outlet[] {
  const { outlets } = JSON.parse(text) as {
    outlets: { id: string; coil: boolean; contact: boolean; meters: MeterStates }[];
  };
  return outlets.map(({ id, coil, contact, meters }) => {
    return { id, coil, contact, register: meters["energy"]?.register ?? 0 };
  });
}

type MeterStates = Readonly<Record<string, { register: number }>>;

function deviceFile(
  broker: string,
  benchRate: number,
  quantumPulses: number,
  first: string,
): string {
  const service = (id: number, undelivered: string, more = ""): string =>
    [
      `  - { id: ${id}, name: Energy ${id}, outlet: socket-${id}, meter: energy, unitsMax: 100,`,
      `      tokenLifeHours: 1, undelivered: ${undelivered},${more}`,
      `      prices: [{ id: 1, name: per kWh, amountMinor: ${PRICE_MINOR}, currency: EUR }] }`,
    ].join("\n");
  return [
    "version: 1",
    "name: Test charger",
    "board: virtual-charger",
    `benchRate: ${benchRate}`,
    `policy: { quantumPulses: ${quantumPulses}, loss: seller }`,
    `broker: { ${broker} }`,
    "services:",
    service(1, "refund", first),
    service(2, "credit-refund"),
    "",
  ].join("\n");
}

function streamText(windowUnitsMax: number): string {
  return ` payment: { way: hold }, stream: { windowUnitsMax: ${windowUnitsMax} },`;
}

/** Read only: the device may have been stopped in the middle of a commit, and a reader waits for nobody. */
function recordsOf(path: string, kind: string): readonly { id: string; body: string }[] {
  if (!existsSync(path)) return [];
  const database = new Database(path, { readonly: true });
  try {
    const select = database.prepare("SELECT id, body FROM record WHERE kind = ?");
    return select.all(kind) as { id: string; body: string }[];
  } finally {
    database.close();
  }
}
