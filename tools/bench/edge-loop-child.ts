// The metering loop in a process of its own, as on a board: the real channel to the device's side, the real counting
// of edges, the real drivers, and lines that are named pipes (see pulse-source-child.ts) or those of a GPIO chip. The
// contact of each switch follows at once; what comes through an open one is a pulse in a pipe, and no leak.
//   edge-loop-child.js CUTS PIPE|CHIP:OFFSET...
// With CUTS above 0 the first outlet is sold here, one pulse at a time: each pulse is the last of its grant and opens
// the switch, and the grant is renewed when it is open. After so many it says how long that took, in microseconds
// from the stamp of the pulse to the call that drives the line.

import { constants, openSync } from "node:fs";
import { PerformanceObserver } from "node:perf_hooks";
import { runLoop } from "../../firmware/metering/loop-runner.ts";
import type { Board, OutletPart } from "../../hal/board.ts";
import { openOutlets } from "../../hal/drivers/open-outlets.ts";
import { FLAG_EDGE_RISING, FLAG_INPUT, requestLine } from "../../hal/linux/gpio-chip.ts";
import { openEdges } from "../../hal/linux/gpio-edges.ts";
import { openLoopChannel } from "../../hal/linux/loop-channel.ts";
import { loadNative } from "../../hal/linux/native.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import type { LoopCommand } from "../../hal/loop-host.ts";
import type { InputPin, Lines, OutputPin } from "../../hal/pin.ts";

/** More than any line gives: who makes them up for a time in which it did not run makes them as fast as it can. */
const PULSES_PER_SECOND_MAX = 10_000_000;
const OWN_SESSION = "own";
const TOTAL = 1e12;

const cuts = Number(process.argv[2]);
const sources = process.argv.slice(3);

function outlet(line: string): OutletPart {
  return {
    id: line,
    switch: { kind: "contactor", line, feedbackLine: line, operateMsMax: 10_000 },
    meters: [
      {
        ...({ kind: "pulse", id: "pulses", line, unit: "item", retains: false } as const),
        pulsesPerUnit: { numerator: 1, denominator: 1 },
        ...{ pulsesPerSecondMax: PULSES_PER_SECOND_MAX, stuckAfterMs: 3_600_000 },
      },
    ],
    settleMs: 50,
  };
}

const board: Board = {
  name: "pipes",
  title: "Pipes",
  outlets: sources.map((_, i) => outlet(`${i}`)),
};
const coils = sources.map(() => false);
/** When the first pulse of the last read was stamped, by the clock that all processes share. */
const stamp = { ms: 0 };
const latencyUs = new Float64Array(Math.max(1, cuts));
let cutsDone = 0;
let coalesced = 0;
let collections = 0;

/** The native calls, and of each read the stamp of its first pulse. */
function stampedNative() {
  const native = loadNative();
  return {
    ...native,
    read: (fd: number, buffer: Uint8Array): number => {
      const bytes = native.read(fd, buffer);
      if (bytes > 0) {
        const view = buffer as Buffer;
        stamp.ms = (view.readUInt32LE(4) * 2 ** 32 + view.readUInt32LE(0)) / 1e6;
        if (bytes > 48) coalesced++;
      }
      return bytes;
    },
  };
}

const isCut = (line: number): boolean => cuts > 0 && line === 0;

function openCoil(line: number): OutputPin {
  const set = (active: boolean): void => {
    if (!active && isCut(line) && coils[line] === true && cutsDone < cuts) {
      const [seconds, nanoseconds] = process.hrtime();
      latencyUs[cutsDone++] = (seconds * 1000 + nanoseconds / 1e6 - stamp.ms) * 1000;
      setImmediate(renew);
    }
    coils[line] = active;
  };
  return { set, close: () => set(false) };
}

function openSource(source: string): number {
  const [path = "", offset] = source.split(":");
  if (offset === undefined) return openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const flags = FLAG_INPUT | FLAG_EDGE_RISING;
  return requestLine({ path, offset: Number(offset), flags, consumer: "sluice", eventsMax: 64 });
}

const lines: Lines = {
  output: (name) => openCoil(Number(name)),
  input: (name): InputPin => ({ read: () => coils[Number(name)] === true, close: () => {} }),
  edges: (name) => {
    const fd = openSource(sources[Number(name)] ?? "");
    return isCut(Number(name)) ? openEdges(name, fd, stampedNative()) : openEdges(name, fd);
  },
};

const channel = openLoopChannel();
const devices = openOutlets(board, openSystemClock(), lines);
let tell: (command: LoopCommand) => void = () => {};
const runner = runLoop(devices, {
  onCommand: (listener) => {
    tell = listener;
    channel.onCommand(listener);
  },
  report: (report) => {
    if (!("session" in report) || report.session !== OWN_SESSION) channel.report(report);
    else if (report.on === "stopped" && cutsDone < cuts) {
      throw new Error(`the delivery that is measured stopped: ${report.reason}`);
    }
  },
});
channel.onParentLost(() => {
  runner.close();
  process.exit(0);
});

/** What came before the session is none of its pulses. */
let countedBefore = 0;
const counted = (): number => devices.outlets[0]?.meters.get("pulses")?.read().count ?? 0;

/** One pulse more than there were; again, where another one has come meanwhile. */
function renew(): void {
  if (cutsDone >= cuts) {
    sayCuts();
    return;
  }
  tell({ do: "extend", session: OWN_SESSION, pulses: counted() - countedBefore + 1 });
  if (coils[0] !== true) setImmediate(renew);
}

function sayCuts(): void {
  const sorted = latencyUs.slice().sort();
  const at = (share: number): number => sorted[Math.ceil(share * cuts) - 1] ?? Number.NaN;
  const figures = { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) };
  process.stdout.write(`${JSON.stringify({ cuts, ...figures, coalesced, collections })}\n`);
}

if (cuts > 0) {
  const collector = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  collector.observe({ entryTypes: ["gc"] });
  // The contact is known to be open after this.
  setTimeout(() => {
    countedBefore = counted();
    tell({
      ...({ do: "grant", session: OWN_SESSION, outlet: "0", meter: "pulses" } as const),
      ...{ pulses: 1, total: TOTAL },
    });
  }, 300);
}
