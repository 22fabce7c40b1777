// The Modbus buses of one board, each opened when the first part on it is.

import type { ModbusMeterPart, ModbusSensorPart } from "../board.ts";
import type { Clock } from "../clock.ts";
import type { Meter } from "../meter.ts";
import type { Sensor } from "../sensor.ts";
import type { OpenSerial } from "../serial.ts";
import { type ModbusBus, type ModbusFraming, openModbusBus } from "./modbus-bus.ts";
import { openModbusMeter, openModbusSensor } from "./modbus-meter.ts";
import { keepSerialLine } from "./serial-line.ts";

/** How a bus is reached. Throws HalError `refused` for a name that the board does not have. */
export type ReachBus = (bus: string) => { open: OpenSerial; framing: ModbusFraming };

export interface ModbusBuses {
  /** Throw HalError `refused` for a part that fits no bus or no map. */
  meter(part: ModbusMeterPart): Meter;
  sensor(part: ModbusSensorPart): Sensor;
  /** After what was opened on them was closed. Idempotent. */
  close(): Promise<void>;
}

export function openModbusBuses(reach: ReachBus, clock: Clock): ModbusBuses {
  const buses = new Map<string, ModbusBus>();
  const busOf = (name: string): ModbusBus => {
    const known = buses.get(name);
    if (known !== undefined) return known;
    const { open, framing } = reach(name);
    const bus = openModbusBus(keepSerialLine(open, clock), clock, framing);
    buses.set(name, bus);
    return bus;
  };
  return {
    meter: (part) => openModbusMeter(busOf(part.bus), part, clock),
    sensor: (part) => openModbusSensor(busOf(part.bus), part, clock),
    close: async () => {
      const open = [...buses.values()];
      buses.clear();
      await Promise.all(open.map((bus) => bus.close()));
    },
  };
}
