// A Modbus bus of the bench in virtual time: simulated meters at one end of a cable that can be pulled, cut into and
// shouted over, our driver at the other.

import { type ModbusFraming, openModbusBus } from "../../hal/drivers/modbus-bus.ts";
import { keepSerialLine } from "../../hal/drivers/serial-line.ts";
import { HalError } from "../../hal/hal-error.ts";
import type { SerialPort } from "../../hal/serial.ts";
import { type SimModbus, type SimModbusUnit, simModbus } from "../../hal/sim/sim-modbus.ts";
import { type SimSerial, simSerial } from "../../hal/sim/sim-serial.ts";
import { type SimWorld, simWorld } from "../../hal/sim/world.ts";

export interface ModbusBench {
  world: SimWorld;
  bus: ReturnType<typeof openModbusBus>;
  /** The meters, whose memory and faults outlive the cable. */
  setFault: SimModbus["setFault"];
  requests(): number;
  unplug(): void;
  plug(): void;
  /** This many bytes in a million have a bit turned round on the line, either way. */
  setFlips(perMillion: number): void;
  /** Bytes from nowhere, which both ends hear. */
  shout(bytes: Uint8Array): void;
}

export interface ModbusBenchSetup {
  seed: number;
  framing?: ModbusFraming;
  units: (world: SimWorld) => readonly SimModbusUnit[];
}

export function modbusBench({ seed, framing = "rtu", units }: ModbusBenchSetup): ModbusBench {
  const world = simWorld({ seed });
  const random = world.randomOf("line");
  const baud = framing === "rtu" ? 9_600 : 1_000_000;
  const state = { plugged: true, flips: 0, requests: 0 };
  let cable: SimSerial | undefined;
  let slave: SimModbus | undefined;
  let fault: Parameters<SimModbus["setFault"]>[0];
  const listeners = new Map<SerialPort, (bytes: Uint8Array) => void>();
  const noisy = (port: SerialPort): SerialPort => ({
    ...port,
    onData: (listener) => {
      listeners.set(port, listener);
      port.onData((bytes) => {
        const heard = bytes.map((byte) =>
          random.chance(state.flips) ? byte ^ (1 << random.below(8)) : byte,
        );
        listener(heard);
      });
    },
  });
  const all = units(world);
  const open = async (): Promise<SerialPort> => {
    if (!state.plugged) throw new HalError("disconnected", "no such port");
    state.requests += slave?.requests() ?? 0;
    cable = simSerial(world, { baud });
    listeners.clear();
    slave = simModbus(noisy(cable.b), {
      framing,
      units: all,
      clock: world.clock,
      random: world.randomOf("slave"),
    });
    slave.setFault(fault);
    return noisy(cable.a);
  };
  const bus = openModbusBus(keepSerialLine(open, world.clock), world.clock, framing);
  return {
    world,
    bus,
    setFault: (next) => {
      fault = next;
      slave?.setFault(next);
    },
    requests: () => state.requests + (slave?.requests() ?? 0),
    unplug: () => {
      state.plugged = false;
      cable?.unplug();
    },
    plug: () => {
      state.plugged = true;
    },
    setFlips: (perMillion) => {
      state.flips = perMillion;
    },
    shout: (bytes) => {
      if (state.plugged) for (const listener of listeners.values()) listener(bytes);
    },
  };
}
