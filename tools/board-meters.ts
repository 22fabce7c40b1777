// What `sluice board check` finds of meters and sensors that are no lines: each is read through its own driver, those of
// a bus one after the other.

import type { Board, ModbusMeterPart, SensorPart } from "../hal/board.ts";
import type { Clock } from "../hal/clock.ts";
import { type ModbusBuses, openModbusBuses } from "../hal/drivers/modbus-buses.ts";
import { openPlausibleSensor } from "../hal/drivers/plausible-sensor.ts";
import { HalError } from "../hal/hal-error.ts";
import { openKernelSensor } from "../hal/linux/kernel-sensor.ts";
import { reachModbus } from "../hal/linux/modbus-reach.ts";
import type { Sensor } from "../hal/sensor.ts";
import type { Finding, Tell } from "./board-finding.ts";
import { type StateOf, unasked } from "./board-ports.ts";
import { until } from "./board-wait.ts";

/** What hangs on a line is found with the lines. */
type AskedSensor = Exclude<SensorPart, { kind: "input" | "virtual" }>;

export async function checkMeters(
  board: Board,
  clock: Clock,
  stateOf: StateOf,
  tell: Tell,
): Promise<void> {
  const meters = board.outlets
    .flatMap((outlet) => outlet.meters)
    .filter((part): part is ModbusMeterPart => part.kind === "modbus");
  const sensors = (board.sensors ?? []).filter(
    (part): part is AskedSensor => part.kind !== "input" && part.kind !== "virtual",
  );
  const buses = openModbusBuses(reachModbus(board), clock);
  try {
    const found = await Promise.all([
      ...meters.map((part) => {
        return onBus(board, part, "meter", stateOf) ?? checkMeter(part, buses, clock);
      }),
      ...sensors.map((part) => {
        const refused = part.kind === "modbus" ? onBus(board, part, "sensor", stateOf) : undefined;
        return refused ?? checkSensor(part, buses, clock);
      }),
    ]);
    for (const finding of found) tell(finding);
  } finally {
    await buses.close();
  }
}

/** Why it cannot be asked; undefined where it can. */
function onBus(
  board: Board,
  { id, bus }: { id: string; bus: string },
  about: "meter" | "sensor",
  stateOf: StateOf,
): Finding | undefined {
  if (board.tcp?.[bus] !== undefined || stateOf(bus) === "open") return undefined;
  return unasked(about, id, bus, stateOf(bus));
}

async function checkMeter(
  part: ModbusMeterPart,
  buses: ModbusBuses,
  clock: Clock,
): Promise<Finding> {
  const { id: name, model, address, quantity } = part;
  const finding = { about: "meter", name, details: { model, address } } as const;
  try {
    const meter = buses.meter(part);
    const isGood = (): boolean => meter.health?.().state === "good";
    await until(clock, isGood);
    const message = isGood()
      ? `${model} at address ${address} answers: ${quantity} ${meter.read().count}`
      : (meter.health?.().message ?? "");
    const state = isGood() ? "good" : "missing";
    meter.close();
    return { ...finding, state, message };
  } catch (error) {
    if (!(error instanceof HalError)) throw error;
    return { ...finding, state: "missing", message: error.message };
  }
}

async function checkSensor(part: AskedSensor, buses: ModbusBuses, clock: Clock): Promise<Finding> {
  const { id: name, kind, unit, plausible } = part;
  const finding = { about: "sensor", name, details: { kind } } as const;
  let sensor: Sensor | undefined;
  try {
    const bare = part.kind === "modbus" ? buses.sensor(part) : openKernelSensor(part, clock);
    sensor = plausible === undefined ? bare : openPlausibleSensor(bare, name, plausible);
    const read = sensor;
    await until(clock, () => readingOf(read) !== undefined);
    return { ...finding, state: "good", message: `${read.read().value} ${unit}` };
  } catch (error) {
    if (!(error instanceof HalError)) throw error;
    return { ...finding, state: "missing", message: error.message };
  } finally {
    sensor?.close();
  }
}

function readingOf(sensor: Sensor): number | undefined {
  try {
    return sensor.read().value;
  } catch (error) {
    if (error instanceof HalError) return undefined;
    throw error;
  }
}
