// The actuators that the overrun bench stops thousands of times: chargers behind contactors, pumps behind solenoids
// and valves with two stages, machines that sell time and items. Each is a board of its own with its physics.

import type { Board, MeterPart, OutletPart, SwitchPart } from "../../hal/board.ts";
import type { Random } from "../../hal/sim/random.ts";
import type { StopPhysics } from "../../hal/sim/sim-stops.ts";

export interface Actuator {
  kind: "charger" | "pump" | "washer";
  name: string;
  board: Board;
  meter: MeterPart;
  /** Pulses a second at full flow. */
  pulsesPerSecond: number;
  /** Of the whole flow, what it ends with. */
  endShare: number;
  /** Mean time for which it flows on as before; what runs out at half the flow counts half. */
  delayMs: number;
  stops: StopPhysics;
}

export const OUTLET = "outlet";
/** Of each mean; latency and run-on are drawn apart, so together they vary by a little more than 5 %. */
const SIGMA_PERMILLE = 75;
const DRIFT = { driftPermillePerStop: 1, driftPermilleMax: 150 };
/** From a trickle to the maximum: the least flow, of the most. */
const FLOW_LEAST = 1 / 40;
const SLOW_PERCENT = 10;
const OPERATE_MS_MAX = 300;

export function actuators(): Actuator[] {
  const chargers = [0.1, 1].flatMap((pulseWh) =>
    [5, 10, 20].map((latencyMs) => {
      const name = `22 kW, ${pulseWh} Wh a pulse, contactor ${latencyMs} ms`;
      return flowing("charger", name, 22_000 / 3600 / pulseWh, latencyMs, 0);
    }),
  );
  const pumps = [1, 2, 5, 10].flatMap((pulseMl) =>
    [20, 50, 100].map((delayMs) => {
      const name = `40 L/min, ${pulseMl} mL a pulse, valve ${delayMs} ms`;
      // It begins to shut after a third of that, and then shuts slowly.
      return flowing("pump", name, 40_000 / 60 / pulseMl, delayMs / 3, (delayMs * 4) / 3);
    }),
  );
  return [...chargers, ...pumps, timed(), itemised()];
}

function flowing(
  kind: Actuator["kind"],
  plainName: string,
  pulsesPerSecond: number,
  latencyMs: number,
  runOnMs: number,
): Actuator {
  const delayMs = latencyMs + runOnMs / 2;
  const sigmaMs = (Math.hypot(latencyMs, runOnMs / 2) * SIGMA_PERMILLE) / 1000;
  const needsTwo = 1000 / pulsesPerSecond < 3 * sigmaMs;
  const endShare = needsTwo ? SLOW_PERCENT / 100 : 1;
  const name = needsTwo ? `${plainName}, two stages` : plainName;
  const meter: MeterPart = {
    kind: "pulse",
    id: "flow",
    line: "pulses",
    unit: "unit",
    pulsesPerUnit: { numerator: 1, denominator: 1 },
    pulsesPerSecondMax: Math.ceil(pulsesPerSecond * 1.2),
    stuckAfterMs: 60_000,
    retains: false,
  };
  const ends = { feedbackLine: "contact", operateMsMax: OPERATE_MS_MAX };
  // What comes through the wide way until it is shut, and what the narrow one gives until it surely is.
  const widePulses = (pulsesPerSecond * delayMs * 1.5) / 1000;
  const narrowPulses = (pulsesPerSecond * endShare * OPERATE_MS_MAX) / 1000;
  const actuator: SwitchPart = needsTwo
    ? {
        ...ends,
        kind: "two-stage-valve",
        fastLine: "wide",
        slowLine: "narrow",
        slowPulses: Math.ceil(widePulses + narrowPulses) + 10,
      }
    : { ...ends, kind: "contactor", line: "coil" };
  const part = { id: OUTLET, switch: actuator, meters: [meter], settleMs: 400 };
  const stops = { latencyMs, runOnMs, sigmaPermille: SIGMA_PERMILLE, ...DRIFT };
  const board = boardOf(name, part, pulsesPerSecond);
  return { kind, name, board, meter, pulsesPerSecond, endShare, delayMs, stops };
}

/** Minutes of a washer or of air, by the second. */
function timed(): Actuator {
  const name = "by time, 1 s a pulse, contactor 20 ms";
  const meter: MeterPart = {
    kind: "time",
    id: "time",
    unit: "min",
    pulsesPerUnit: { numerator: 60, denominator: 1 },
    pulseMs: 1000,
  };
  const contactor: SwitchPart = {
    kind: "contactor",
    line: "coil",
    feedbackLine: "contact",
    operateMsMax: OPERATE_MS_MAX,
  };
  const part = { id: OUTLET, switch: contactor, meters: [meter], settleMs: 200 };
  const stops = { latencyMs: 20, runOnMs: 0, sigmaPermille: SIGMA_PERMILLE, ...DRIFT };
  const board = boardOf(name, part, 1);
  const flow = { pulsesPerSecond: 1, endShare: 1, delayMs: 20 };
  return { kind: "washer", name, board, meter, ...flow, stops };
}

function itemised(): Actuator {
  const name = "by the item, 2 to 3 s each";
  const meter: MeterPart = {
    kind: "item",
    id: "done",
    line: "pulses",
    unit: "item",
    pulsesPerUnit: { numerator: 1, denominator: 1 },
    timeoutMs: 10_000,
    pauseMs: 500,
    retains: false,
  };
  const start: SwitchPart = { kind: "start-signal", line: "coil", pulseMs: 200 };
  const part = { id: OUTLET, switch: start, meters: [meter], settleMs: 200 };
  const stops = { latencyMs: 0, runOnMs: 0, sigmaPermille: SIGMA_PERMILLE, ...DRIFT };
  const board = boardOf(name, part, 1);
  const flow = { pulsesPerSecond: 1, endShare: 1, delayMs: 0 };
  return { kind: "washer", name, board, meter, ...flow, stops };
}

function boardOf(name: string, part: OutletPart, pulsesPerSecond: number): Board {
  return {
    name: "overrun",
    title: name,
    outlets: [part],
    virtual: {
      pulsesPerSecond,
      operateMs: [5, 10],
      cycleMs: { [OUTLET]: [2000, 3000] },
      slowPercent: SLOW_PERCENT,
    },
  };
}

/** What is delivered next, and at which flow. */
export interface Sale {
  pulsesPerSecond: number;
  pulses: number;
}

/**
 * Flow even by its logarithm, so that a trickle is as frequent as a rush; never less than can be stopped at all. Every
 * other sale is long enough for a valve with two stages to begin with the wide one.
 */
export function drawSale(
  { meter, board, pulsesPerSecond, endShare, delayMs }: Actuator,
  random: Random,
): Sale {
  if (meter.kind !== "pulse") return { pulsesPerSecond, pulses: 1 + random.below(3) };
  const share = FLOW_LEAST ** (random.below(1_000_001) / 1_000_000);
  const flow = pulsesPerSecond * share;
  const runOn = (flow * endShare * delayMs) / 1000;
  const seconds = random.betweenMs(500, 1500) / 1000;
  const few = Math.ceil(3 * runOn) + 5 + Math.round(flow * endShare * seconds);
  const actuator = board.outlets[0]?.switch;
  const isLong = actuator?.kind === "two-stage-valve" && random.below(2) === 0;
  const pulses = isLong ? actuator.slowPulses + Math.round(flow * seconds) : few;
  return { pulsesPerSecond: flow, pulses };
}
