// A meter that is polled over a bus: its readings are as old as its answers, and nothing of that may be taken for a
// broken meter, a leak, or a closing reading. And every way in which a meter goes wrong, each with its own words.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { virtualCharger } from "../../../boards/virtual-charger.ts";
import type { Board, ModbusMeterPart } from "../../../hal/board.ts";
import { every } from "../../../hal/clock.ts";
import { HalError } from "../../../hal/hal-error.ts";
import type { LoopCommand, OutletReport } from "../../../hal/loop-host.ts";
import type { Meter, MeterReading } from "../../../hal/meter.ts";
import type { SimMetal } from "../../../hal/sim/sim-metal.ts";
import type { SimWorld } from "../../../hal/sim/world.ts";
import { type LoopBench, type LoopBenchOptions, loopBench } from "./bench.ts";

const OUTLET = "socket-1";
const POLL_MS = 1_000;
const STALE_MS = 3_000;

const part = (rolloverAt?: number): ModbusMeterPart => ({
  ...{ kind: "modbus", id: "energy", bus: "meters", address: 1 },
  ...{ model: "sdm120", quantity: "importWh", unit: "kWh" },
  pulsesPerUnit: { numerator: 1000, denominator: 1 },
  ...{ pulsesPerSecondMax: 20, stuckAfterMs: 30_000, pollMs: POLL_MS, staleAfterMs: STALE_MS },
  ...(rolloverAt !== undefined && { rolloverAt }),
});

function charger(rolloverAt?: number, settleMs = 500): Board {
  const [socket] = virtualCharger.outlets;
  if (socket === undefined) throw new Error("the board has changed");
  const meters = [part(rolloverAt), ...socket.meters.filter(({ kind }) => kind === "time")];
  return { ...virtualCharger, outlets: [{ ...socket, meters, settleMs }] };
}

interface Polled {
  silent: boolean;
  /** It says of itself that its first answer may still come. */
  waits?: boolean;
  /** In place of what the metal counted. */
  shows: ((register: number) => number) | undefined;
}

interface PolledBench extends LoopBench {
  polled: Polled;
}

/** Asks every second, is answered 40 ms later, and dates the answer by when it asked. */
function polledMeter(world: SimWorld, metal: SimMetal, polled: Polled): Meter {
  let last: MeterReading | undefined;
  let wake = (): void => {};
  const ask = (): void => {
    const atMs = world.nowMs();
    if (polled.silent) return;
    world.after(40, () => {
      const register = metal.register(OUTLET, "energy") ?? 0;
      const count = polled.shows?.(register) ?? register;
      const rose = last !== undefined && count > last.count;
      last = { count, atMs };
      if (rose) wake();
    });
  };
  const polling = every(world.clock, POLL_MS, ask);
  ask();
  const isOld = (): boolean => last === undefined || world.nowMs() - last.atMs > STALE_MS;
  return {
    retains: true,
    read: () => {
      if (last === undefined || isOld()) throw new HalError("disconnected", "silent");
      return last;
    },
    onChange: (listener) => {
      wake = listener;
    },
    follow: () => {},
    health: () => ({
      state: isOld() ? (polled.waits === true ? "waiting" : "silent") : "good",
      message: isOld() ? "no answer from address 1" : "",
      answers: 1,
      failures: 0,
    }),
    close: () => polling.cancel(),
  };
}

function bench(
  options: LoopBenchOptions & { rolloverAt?: number; settleMs?: number } = {},
): PolledBench {
  const polled: Polled = { silent: false, shows: undefined };
  const opened = loopBench({
    board: charger(options.rolloverAt, options.settleMs),
    openModbusMeter: (_, world, { metal }) => polledMeter(world, metal, polled),
    ...options,
  });
  opened.world.advance(2_000);
  return { ...opened, polled };
}

function grant(pulses: number, session = "s"): LoopCommand {
  return { do: "grant", session, outlet: OUTLET, meter: "energy", pulses, total: pulses };
}

function flowed({ metal }: LoopBench): number {
  return metal.outlet(OUTLET).meters["energy"]?.physical ?? -1;
}

function outletOf({ reports }: LoopBench): OutletReport {
  const report = reports.findLast((each) => each.on === "alive");
  const [outlet] = report?.on === "alive" ? report.outlets : [];
  if (outlet === undefined) throw new Error("the loop said nothing");
  return outlet;
}

function expectWell(bench: LoopBench): void {
  const { healthy, ailing } = outletOf(bench);
  expect([healthy, ailing]).toEqual([true, {}]);
}

describe("a meter that is polled", () => {
  test("all that flowed is on the closing reading, which waits for an answer from after the end", () => {
    const runs = fc.record({
      seed: fc.nat(1_000_000),
      pulsesPerSecond: fc.integer({ min: 1, max: 20 }),
      pulses: fc.integer({ min: 1, max: 200 }),
      waitMs: fc.integer({ min: 0, max: 1_000 }),
      endAtMs: fc.option(fc.integer({ min: 0, max: 8_000 }), { freq: 2 }),
    });
    fc.assert(
      fc.property(runs, ({ seed, pulsesPerSecond, pulses, waitMs, endAtMs }) => {
        const each = bench({ seed, pulsesPerSecond });
        each.world.advance(waitMs);
        each.send(grant(pulses));
        if (endAtMs !== null) {
          each.world.after(endAtMs, () =>
            each.send({ do: "stop", session: "s", reason: "consumer-end" }),
          );
        }
        const stopped = each.untilStopped("s");
        expect(["exhausted", "consumer-end"]).toContain(stopped.reason);
        expect(stopped.endReading - stopped.startReading).toBe(flowed(each));
        expect(stopped.pulses + stopped.runOnPulses).toBe(flowed(each));
        // It is seen at the next answer: a poll's worth runs on, and is given.
        expect(stopped.runOnPulses).toBeLessThanOrEqual(Math.ceil(pulsesPerSecond * 1.1) + 1);
        each.world.advance(10_000);
        expectWell(each);
      }),
      { numRuns: 80 },
    );
  });

  test("meter-lost: silence ends the delivery once the last answer is too old, in its own words", () => {
    const each = bench();
    each.send(grant(1_000));
    each.world.advance(5_000);
    each.polled.silent = true;
    each.world.advance(STALE_MS + 50);
    expect(each.metal.outlet(OUTLET).coil).toBe(false);
    const stopped = each.untilStopped("s");
    expect(stopped.reason).toBe("meter-lost");
    expect(stopped.pulses).toBeLessThanOrEqual(flowed(each));
    expect(outletOf(each)).toMatchObject({
      ...{ healthy: false, fault: "meter-lost" },
      ailing: { energy: "silent: no answer from address 1" },
    });
    each.polled.silent = false;
    each.world.advance(3_000);
    expectWell(each);
  });

  test("a meter that nobody polls is open all the same: a silent one at the start sells nothing", () => {
    const silent: Polled = { silent: true, shows: undefined };
    const each = loopBench({
      board: charger(),
      openModbusMeter: (_, world, { metal }) => polledMeter(world, metal, silent),
    });
    each.send(grant(10));
    expect(each.untilStopped("s")).toMatchObject({ reason: "meter-lost", pulses: 0 });
    expect(each.metal.history(OUTLET)).toEqual([]);
    each.world.advance(500);
    expect(outletOf(each)).not.toHaveProperty("awaited");
  });

  test("one whose first answer may still come sells nothing either, and its outlet says that it waits", () => {
    const waiting: Polled = { silent: true, waits: true, shows: undefined };
    const each = loopBench({
      board: charger(),
      openModbusMeter: (_, world, { metal }) => polledMeter(world, metal, waiting),
    });
    each.send(grant(10));
    expect(each.untilStopped("s")).toMatchObject({ reason: "meter-lost", pulses: 0 });
    each.world.advance(500);
    expect(outletOf(each)).toMatchObject({ healthy: false, fault: "meter-lost", awaited: true });
    waiting.silent = false;
    each.world.advance(2_000);
    expectWell(each);
    expect(outletOf(each)).not.toHaveProperty("awaited");
  });

  const wrong: [string, (shows: number) => (register: number) => number, string][] = [
    ["a count that goes back", () => (register) => register - 20, "its count went back"],
    [
      "a register that begins again",
      (at) => (register) => register - at,
      "its count began again from the start",
    ],
    ["more than can flow", () => (register) => register + 1_000, "it counted more than can flow"],
    ["no count at all", () => (register) => register + 0.5, "it gave something that is no count"],
  ];
  test.each(wrong)(
    "meter-implausible: %s, in its own words, and is not charged",
    (_, to, words) => {
      const each = bench();
      each.send(grant(1_000));
      each.world.advance(9_000);
      const before = flowed(each);
      each.polled.shows = to(each.metal.register(OUTLET, "energy") ?? 0);
      const stopped = each.untilStopped("s");
      expect(stopped.reason).toBe("meter-implausible");
      expect(stopped.pulses).toBeLessThanOrEqual(before + 1);
      expect(outletOf(each)).toMatchObject({ healthy: false, ailing: { energy: words } });
      each.polled.shows = (register) => Math.floor(register);
      each.world.advance(1_500);
      each.world.advance(63_000);
      expectWell(each);
    },
  );

  test("leak: what flows through the open switch, and not what an old answer left unsaid", () => {
    const each = bench({ pulsesPerSecond: 20 });
    each.send(grant(50));
    each.untilStopped("s");
    each.world.advance(10_000);
    expect(outletOf(each).healthy).toBe(true);
    each.metal.setFaults(OUTLET, { leakPulsesPerSecond: 1 });
    each.world.advance(4_000);
    expect(outletOf(each)).toMatchObject({
      ...{ healthy: false, fault: "leak" },
      ailing: { energy: "it counted though the switch was open" },
    });
  });

  test("a full register goes on from 0, and the count with it", () => {
    const each = bench({ rolloverAt: 10_000, register: () => 9_990 });
    each.polled.shows = (register) => register % 10_000;
    each.send(grant(40));
    const stopped = each.untilStopped("s");
    expect(stopped).toMatchObject({ reason: "exhausted", pulses: 40, startReading: 9_990 });
    expect(stopped.endReading).toBe(9_990 + flowed(each));
    expectWell(each);
  });

  test("a register that is reset is no full one", () => {
    const each = bench({ rolloverAt: 10_000, register: () => 5_000 });
    each.send(grant(400));
    each.world.advance(5_000);
    each.polled.shows = (register) => Math.max(0, register - 5_200);
    expect(each.untilStopped("s").reason).toBe("meter-implausible");
    expect(outletOf(each).ailing).toEqual({ energy: "its count began again from the start" });
  });

  test("one that answers anew after a silence, or shows what came in steps, is no broken one", () => {
    const each = bench({ pulsesPerSecond: 20 });
    each.send(grant(400));
    each.world.advance(4_000);
    // An answer is missed: the next one shows what came in two seconds.
    each.polled.silent = true;
    each.world.advance(900);
    each.polled.silent = false;
    each.world.advance(2_000);
    expect(each.stopped("s")).toBeUndefined();
    // A register that is written every other second shows nothing, and then twice as much.
    let shown = 0;
    let looks = 0;
    each.polled.shows = (register) => {
      if (looks++ % 2 === 0) shown = register;
      return shown;
    };
    expect(each.untilStopped("s")).toMatchObject({ reason: "exhausted", pulses: 400 });
  });

  test("the closing reading waits for an answer, however soon the meter is expected to be still", () => {
    const each = bench({ pulsesPerSecond: 20, settleMs: 20, operateMs: [140, 140] });
    each.send(grant(50));
    const stopped = each.untilStopped("s");
    expect(stopped).toMatchObject({ reason: "exhausted", pulses: 50 });
    expect(stopped.endReading - stopped.startReading).toBe(flowed(each));
    each.world.advance(10_000);
    expectWell(each);
  });
});
