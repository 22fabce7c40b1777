// A thousand stalls of the device's side, each for two seconds in the middle of deliveries at several outlets at once:
// no pulse flows beyond a grant, and when the device is back all is delivered to the pulse.

import { expect, test } from "vitest";
import { virtualPump } from "../../../boards/virtual-pump.ts";
import type { Board, OutletPart } from "../../../hal/board.ts";
import { seededRandom } from "../../../hal/sim/random.ts";
import { loopBench } from "./bench.ts";

const STALLS = 1_000;
const STALL_MS = 2_000;

const [nozzle] = virtualPump.outlets as [OutletPart];

function outlet(id: string): OutletPart {
  return {
    ...nozzle,
    id,
    switch: { kind: "contactor", line: `${id}-coil`, feedbackLine: `${id}-on`, operateMsMax: 50 },
    meters: nozzle.meters.map((meter) =>
      meter.kind === "pulse" ? { ...meter, line: `${id}-pulse` } : meter,
    ),
    settleMs: 20,
  };
}

/** Contacts without inertia, so that what flows beyond a grant cannot be put down to them. */
const BOARD: Board = {
  name: "three-nozzles",
  title: "Three nozzles",
  outlets: [outlet("a"), outlet("b"), outlet("c")],
  virtual: { pulsesPerSecond: 100, operateMs: [0, 0] },
};

interface Outcome {
  /** The most that had flowed beyond what was granted at that moment, over all outlets. */
  beyond: number;
  /** Outlets that held because the grant was used up during the stall. */
  held: number;
  delivered: number[];
  wanted: number[];
}

function stall(seed: number): Outcome {
  const random = seededRandom(seed, "stall");
  const between = (least: number, most: number) => Math.floor(random.betweenMs(least, most));
  const bench = loopBench({
    seed,
    board: BOARD,
    pulsesPerSecond: between(20, 400),
    delayMs: [0, 2],
  });
  const { world, metal, host } = bench;
  const sessions = BOARD.outlets.map(({ id }) => {
    const total = between(50, 400);
    return { id, total, quantum: between(10, 100), granted: 0 };
  });
  let beyond = 0;
  metal.onChange((state) => {
    for (const [i, session] of sessions.entries()) {
      const physical = state.outlets[i]?.meters["flow"]?.physical ?? 0;
      beyond = Math.max(beyond, physical - session.granted);
    }
  });
  // As the device does it: the next quantum is on disk some time after half of the last one was used.
  host.device.onReport((report) => {
    bench.reports.push(report);
    if (report.on !== "progress") return;
    const session = sessions.find(({ id }) => id === report.session);
    if (session === undefined || session.granted === session.total) return;
    if (session.granted - report.pulses > session.quantum / 2) return;
    world.after(between(1, 50), () => {
      const pulses = Math.min(session.total, report.pulses + session.quantum);
      session.granted = Math.max(session.granted, pulses);
      bench.send({ do: "extend", session: session.id, pulses: session.granted });
    });
  });
  for (const session of sessions) {
    const { id, total, quantum } = session;
    session.granted = Math.min(total, quantum);
    const pulses = session.granted;
    bench.send({ do: "grant", session: id, outlet: id, meter: "flow", pulses, total });
  }
  world.advance(between(0, 1_000));
  host.blockDevice(STALL_MS);
  world.advance(STALL_MS - 1);
  const held = sessions.filter(({ id, total }) => {
    const { coil, meters } = metal.outlet(id);
    return !coil && (meters["flow"]?.physical ?? 0) < total;
  }).length;
  const delivered = sessions.map(({ id }) => bench.untilStopped(id).pulses);
  bench.runner.close();
  return { beyond, held, delivered, wanted: sessions.map(({ total }) => total) };
}

test("I8 I9: 1,000 stalls of the device for two seconds: no pulse beyond the grant, and none missing after it", () => {
  let held = 0;
  let beyond = 0;
  for (let seed = 1; seed <= STALLS; seed++) {
    const outcome = stall(seed);
    expect([seed, outcome.delivered]).toEqual([seed, outcome.wanted]);
    beyond = Math.max(beyond, outcome.beyond);
    held += outcome.held;
  }
  process.stdout.write(
    `${STALLS} stalls: ${beyond} pulses beyond a grant, ${held} outlets waited\n`,
  );
  expect(beyond).toBe(0);
  // They do run out of grant meanwhile.
  expect(held).toBeGreaterThan(STALLS);
}, 120_000);
