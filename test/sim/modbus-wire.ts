// A Modbus meter of a site in virtual time: an SDM120 that shows what the metal's meter has counted, a cable that can
// be pulled, and the driver of the real board.

import type { SiteOptions } from "../../bench/site-options.ts";
import type { Board } from "../../hal/board.ts";
import { openModbusBus } from "../../hal/drivers/modbus-bus.ts";
import { openModbusMeter } from "../../hal/drivers/modbus-meter.ts";
import { keepSerialLine } from "../../hal/drivers/serial-line.ts";
import { HalError } from "../../hal/hal-error.ts";
import { type SimModbus, simModbus } from "../../hal/sim/sim-modbus.ts";
import { SIM_MODBUS_METERS } from "../../hal/sim/sim-modbus-meters.ts";
import { type SimSerial, simSerial } from "../../hal/sim/sim-serial.ts";

/** 36 kW at most; 10 Wh a second. */
export const MODBUS_CHARGER: Board = {
  name: "modbus-charger",
  title: "One socket behind a Modbus meter",
  outlets: [
    {
      id: "socket-1",
      switch: { kind: "contactor", line: "coil", feedbackLine: "contact", operateMsMax: 150 },
      meters: [
        {
          ...{ kind: "modbus", id: "energy", bus: "meters", address: 1 },
          ...{ model: "sdm120", quantity: "importWh", unit: "kWh" },
          pulsesPerUnit: { numerator: 1000, denominator: 1 },
          ...{ pulsesPerSecondMax: 12, stuckAfterMs: 30_000, pollMs: 200, staleAfterMs: 3_000 },
        },
      ],
      settleMs: 1_000,
    },
  ],
  virtual: { pulsesPerSecond: 10, operateMs: [10, 30] },
};

export interface ModbusWire {
  openMeter: NonNullable<SiteOptions["openMeter"]>;
  setFault: SimModbus["setFault"];
  unplug(): void;
  plug(): void;
}

export function modbusWire(): ModbusWire {
  let cable: SimSerial | undefined;
  let slave: SimModbus | undefined;
  let plugged = true;
  return {
    openMeter: (part, clock, { world, board }) => {
      const total = (): number => board.metal.register("socket-1", part.id) ?? 0;
      const unit = SIM_MODBUS_METERS[part.model]?.(part.address, { total, rate: () => 0 });
      if (unit === undefined) throw new Error(part.model);
      const open = async () => {
        if (!plugged) throw new HalError("disconnected", "no such port");
        cable = simSerial(world, { baud: 9_600 });
        const random = world.randomOf("slave");
        const setup = { framing: "rtu" as const, units: [unit], clock: world.clock, random };
        slave = simModbus(cable.b, setup);
        return cable.a;
      };
      return openModbusMeter(openModbusBus(keepSerialLine(open, clock), clock, "rtu"), part, clock);
    },
    setFault: (fault) => slave?.setFault(fault),
    unplug: () => {
      plugged = false;
      cable?.unplug();
    },
    plug: () => {
      plugged = true;
    },
  };
}
