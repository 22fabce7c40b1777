// Modbus against programs of others, over pseudo-terminals and TCP: mbpoll (Debian, libmodbus) reads our simulated
// meters, and our driver reads the servers of the npm package modbus-serial.

import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import modbusSerial from "modbus-serial";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import type { Board, ModbusMeterPart } from "../../hal/board.ts";
import { openModbusBuses } from "../../hal/drivers/modbus-buses.ts";
import { HalError } from "../../hal/hal-error.ts";
import { reachModbus } from "../../hal/linux/modbus-reach.ts";
import { listenModbusTcp } from "../../hal/linux/modbus-tcp.ts";
import { openPty, type Pty } from "../../hal/linux/pty.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import type { Meter } from "../../hal/meter.ts";
import type { SerialPort } from "../../hal/serial.ts";
import { seededRandom } from "../../hal/sim/random.ts";
import { simModbus } from "../../hal/sim/sim-modbus.ts";
import { SIM_MODBUS_METERS } from "../../hal/sim/sim-modbus-meters.ts";

const MBPOLL = "mbpoll";
const run = promisify(execFile);
const clock = openSystemClock();
const folder = mkdtempSync(join(tmpdir(), "sluice-modbus-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

let ptys = 0;
function newPty(): Pty {
  const pty = openPty(join(folder, `tty${ptys++}`));
  closing.push(() => pty.port.close());
  return pty;
}

/** One meter of each make: 1234567 Wh, 12345670 Wh, 12345250 litres. */
function serve(port: SerialPort, framing: "rtu" | "tcp"): void {
  const totals: [model: string, total: number, rate: number][] = [
    ["sdm120", 1_234_567, 1001.4],
    ["abb-b23", 12_345_670, 1001.4],
    ["tuf-2000m", 12_345_250, 1_500],
  ];
  const units = totals.flatMap(([model, total, rate], i) => {
    const make = SIM_MODBUS_METERS[model];
    return make === undefined ? [] : [make(i + 1, { total: () => total, rate: () => rate })];
  });
  simModbus(port, { framing, units, clock, random: seededRandom(1, "peers") });
}

async function peerOfTcp(): Promise<readonly string[]> {
  const server = await listenModbusTcp({ address: "127.0.0.1:0" }, (port) => serve(port, "tcp"));
  closing.push(() => server.close());
  return ["-m", "tcp", "-p", String(server.port), "127.0.0.1"];
}

function peerOfPty(): readonly string[] {
  const pty = newPty();
  serve(pty.port, "rtu");
  return ["-m", "rtu", "-b", "9600", "-P", "none", pty.path()];
}

/** The values that mbpoll shows, or what it says is wrong. */
async function mbpoll(peer: readonly string[], options: string): Promise<string[]> {
  // All registers counted from 0, once.
  const words = [...`-0 -1 ${options}`.split(" "), ...peer];
  const { stdout, stderr } = await run(MBPOLL, words, { timeout: 15_000 }).catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  const values = [...stdout.matchAll(/^\[\d+\]:\s+(\S+)/gm)].map(([, value]) => value ?? "");
  return values.length > 0 ? values : [stderr.trim().split("\n").at(-1) ?? ""];
}

const missing =
  spawnSync(MBPOLL, ["-V"]).error === undefined
    ? undefined
    : "mbpoll is not installed: sudo apt-get install mbpoll";

describe.each([
  ["pseudo-terminal", async () => peerOfPty()],
  ["TCP", peerOfTcp],
] as const)("mbpoll reads our simulators over a %s", (_way, open) => {
  test("SDM120: floats, high word first", async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    const peer = await open();
    expect(await mbpoll(peer, "-a 1 -t 3:float -B -r 72")).toEqual(["1234.57"]);
    expect(await mbpoll(peer, "-a 1 -t 3:float -B -r 0")).toEqual(["230.2"]);
    expect(await mbpoll(peer, "-a 1 -t 3:float -B -r 12")).toEqual(["1001.4"]);
    expect(await mbpoll(peer, "-a 1 -t 4:float -B -r 28")).toEqual(["2"]);
  });

  test("ABB B23: integers, high word first, and all ones where there is none", async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    const peer = await open();
    expect(await mbpoll(peer, "-a 2 -t 4:hex -r 20480 -c 4")).toEqual([
      ...["0x0000", "0x0000", "0x0012", "0xD687"],
    ]);
    expect(await mbpoll(peer, "-a 2 -t 4:hex -r 20484 -c 4")).toEqual(Array(4).fill("0xFFFF"));
    expect(await mbpoll(peer, "-a 2 -t 4:int -B -r 23296")).toEqual(["2302"]);
  });

  test("TUF-2000M: low word first", async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    const peer = await open();
    expect(await mbpoll(peer, "-a 3 -t 4:int -r 8")).toEqual(["12345"]);
    expect(await mbpoll(peer, "-a 3 -t 4:float -r 10")).toEqual(["0.25"]);
    expect(await mbpoll(peer, "-a 3 -t 4:float -r 32")).toEqual(["36.625"]);
  });

  test("what is not there is refused as a meter refuses it", async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    const peer = await open();
    expect(await mbpoll(peer, "-a 1 -t 3:float -B -r 1000")).toEqual([
      expect.stringContaining("Illegal data address"),
    ]);
  });
});

/** What the package serves: an SDM120 of 1234.567 kWh, an ABB of 12345.67 kWh, a TUF of 12345.25 m3. */
const REGISTERS: Readonly<Record<number, Readonly<Record<number, number>>>> = {
  1: { 72: 0x449a, 73: 0x5225, 0: 0x4366, 1: 0x3333 },
  2: { 20480: 0, 20481: 0, 20482: 0x12, 20483: 0xd687 },
  3: { 8: 12_345, 9: 0, 10: 0, 11: 0x3e80 },
};
const register = (address: number, unit: number): number => REGISTERS[unit]?.[address] ?? 0;
const vector = { getInputRegister: register, getHoldingRegister: register };

/** Two ttys with a cable between them. */
function nullModem(): [string, string] {
  const [a, b] = [newPty(), newPty()];
  a.port.onData((bytes) => void b.port.write(bytes));
  b.port.onData((bytes) => void a.port.write(bytes));
  return [a.path(), b.path()];
}

function meters(board: Pick<Board, "name" | "serial" | "tcp">): Meter[] {
  const buses = openModbusBuses(reachModbus(board), clock);
  closing.push(() => buses.close());
  const part = (address: number, model: string, quantity: string): ModbusMeterPart => ({
    ...{ kind: "modbus", id: `m${address}`, bus: "bus", address, model, quantity, unit: "1" },
    ...{ pulsesPerUnit: { numerator: 1, denominator: 1 }, pulsesPerSecondMax: 100 },
    ...{ stuckAfterMs: 60_000, pollMs: 300, staleAfterMs: 5_000 },
  });
  return [
    buses.meter(part(1, "sdm120", "importWh")),
    buses.meter(part(2, "abb-b23", "importWh")),
    buses.meter(part(3, "tuf-2000m", "forwardLitres")),
  ];
}

async function counts(opened: readonly Meter[]): Promise<(number | string)[]> {
  const outcome = (meter: Meter): number | string => {
    try {
      return meter.read().count;
    } catch (error) {
      return error instanceof HalError ? error.message : String(error);
    }
  };
  for (let i = 0; i < 100; i++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    if (opened.every((meter) => typeof outcome(meter) === "number")) break;
  }
  return opened.map(outcome);
}

const EXPECTED = [1_234_567, 12_345_670, 12_345_250];

describe("our driver reads the servers of modbus-serial", () => {
  test("over TCP, and again when the server was away", async () => {
    const start = (port: number) =>
      new modbusSerial.ServerTCP(vector, { host: "127.0.0.1", port, unitID: 255 });
    const server = start(0);
    const bound = await new Promise<number>((resolve) => {
      server.on("initialized", () => {
        const { _server } = server as unknown as { _server: import("node:net").Server };
        const address = _server.address();
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
    const opened = meters({ name: "peers", tcp: { bus: { address: `127.0.0.1:${bound}` } } });
    expect(await counts(opened)).toEqual(EXPECTED);
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(opened[0]?.health?.().message).toMatch(/^m1 at address 1: the line is down/);
    const again = start(bound);
    closing.push(() => new Promise<void>((resolve) => again.close(() => resolve())));
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await counts(opened)).toEqual(EXPECTED);
    expect(opened[0]?.health?.().state).toBe("good");
  });

  test("over a pseudo-terminal", async () => {
    const [ours, theirs] = nullModem();
    const options = { path: theirs, baudRate: 9600, unitID: 255 };
    const server = new modbusSerial.ServerSerial(vector, options as never);
    closing.push(() => new Promise<void>((resolve) => server.close(() => resolve())));
    const serial = { bus: { path: ours, settings: { baud: 9600 } } };
    expect(await counts(meters({ name: "peers", serial }))).toEqual(EXPECTED);
  });
});
