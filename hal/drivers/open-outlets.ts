// Board parts to drivers: the one place that knows which driver runs which part. It is given lines and a
// clock, so it opens a virtual board and a real one alike.

import type { Board, MeterPart, OutletPart, SensorPart, SwitchPart } from "../board.ts";
import type { Clock } from "../clock.ts";
import type { LoopDevices, OutletDevices } from "../devices.ts";
import { HalError } from "../hal-error.ts";
import type { Meter } from "../meter.ts";
import type { Lines } from "../pin.ts";
import type { Sensor } from "../sensor.ts";
import type { Switch } from "../switch.ts";
import { openContactor } from "./contactor.ts";
import { openPulseMeter } from "./pulse-meter.ts";
import { openStartSignal } from "./start-signal.ts";
import { openTimeMeter } from "./time-meter.ts";

/** What a meter's own register held when its line was opened; undefined for one that has none. */
export type ReadRegister = (outlet: string, meter: string) => number | undefined;

/** Sensors hang on no lines: whoever opens the board knows how to reach them. */
export type OpenSensor = (part: SensorPart) => Sensor;

const noSensors: OpenSensor = ({ id }) => {
  throw new HalError("refused", `sensor ${id}: nothing here can open it`);
};

/**
 * Opens every outlet and sensor of the board, switches open. When one part fails all are closed and its HalError
 * is thrown.
 */
export function openOutlets(
  board: Board,
  clock: Clock,
  lines: Lines,
  readRegister: ReadRegister = () => undefined,
  openSensor: OpenSensor = noSensors,
): LoopDevices {
  const opened: { close(): void }[] = [];
  const keep = <T extends { close(): void }>(part: T): T => {
    opened.push(part);
    return part;
  };
  const openMeter = (outlet: OutletPart, part: MeterPart): Meter =>
    part.kind === "time"
      ? openTimeMeter(clock, part)
      : openPulseMeter(keep(lines.edges(part.line)), part, readRegister(outlet.id, part.id));
  const openSwitch = (part: SwitchPart): Switch => {
    const line = keep(lines.output(part.line));
    if (part.kind === "start-signal") return openStartSignal(line, clock, part);
    return openContactor(line, keep(lines.input(part.feedbackLine)), clock, part);
  };
  const openOutlet = (part: OutletPart): OutletDevices => {
    const outletSwitch = keep(openSwitch(part.switch));
    const meters = new Map<string, Meter>();
    for (const meter of part.meters) meters.set(meter.id, keep(openMeter(part, meter)));
    return { part, switch: outletSwitch, meters };
  };
  try {
    const outlets = board.outlets.map(openOutlet);
    const sensors = (board.sensors ?? []).map((part) => ({ part, sensor: keep(openSensor(part)) }));
    return { clock, outlets, sensors, close: () => closeAll(opened) };
  } catch (error) {
    closeAll(opened);
    throw error;
  }
}

/** One part that cannot be closed must not keep another switch closed. */
function closeAll(parts: readonly { close(): void }[]): void {
  let failed: unknown;
  for (const part of parts) {
    try {
      part.close();
    } catch (error) {
      failed ??= error;
    }
  }
  if (failed !== undefined) throw failed;
}
