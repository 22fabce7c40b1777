// All that hangs on the serial ports of a board, simulated: readers, display, printer, meters on their buses, and on a
// port that none of the parts uses a card terminal. Each speaks its true protocol over the wire that it is given.

import type { Board, ModbusMeterPart, ReaderPart } from "../board.ts";
import { type Clock, every, type Timer } from "../clock.ts";
import { HalError } from "../hal-error.ts";
import type { Sensor } from "../sensor.ts";
import type { SerialPort } from "../serial.ts";
import type { Store } from "../store.ts";
import { type SimEscpos, simEscpos } from "./sim-escpos.ts";
import { type SimGempc, simGempc } from "./sim-gempc.ts";
import { type SimLcd, simLcd } from "./sim-lcd.ts";
import type { SimMetal } from "./sim-metal.ts";
import { type SimModbus, type SimModbusUnit, simModbus } from "./sim-modbus.ts";
import { SIM_MODBUS_METERS, type SimFlow } from "./sim-modbus-meters.ts";
import { type SimPn532, simPn532 } from "./sim-pn532.ts";
import type { SimSensors } from "./sim-sensor.ts";
import { openSimTerminal, type SimTerminal } from "./sim-terminal.ts";
import type { SimWorld } from "./world.ts";

/** Our end of a serial cable that can be pulled. */
export interface SimWire {
  port: SerialPort;
  setPlugged(plugged: boolean): void;
}

export type SimReader =
  | { kind: "pn532"; serial: string; chip: SimPn532 }
  | { kind: "gempc-twin"; serial: string; slot: SimGempc };

export interface SimPeripherals {
  /** By id. */
  readers: ReadonlyMap<string, SimReader>;
  display?: SimLcd;
  printer?: SimEscpos;
  terminal?: SimTerminal;
  /** By serial port. */
  buses: ReadonlyMap<string, SimModbus>;
  /** Serial ports, and whether they are plugged in. */
  plugs(): ReadonlyMap<string, boolean>;
  /** Pulls a serial cable, or plugs it in again: what hangs on it then starts anew, as it gets its power there. */
  setPlugged(serial: string, plugged: boolean): void;
  /** Idempotent. */
  close(): Promise<void>;
}

export interface SimPeripheralsOptions {
  world: SimWorld;
  board: Board;
  metal: SimMetal;
  sensors: SimSensors;
  /** What readers and terminals go by, which is what those go by who talk to them; meters turn by the world's clock. */
  clock: Clock;
  openWire(serial: string): SimWire;
  /** The terminal's own journal. */
  openStore(): Promise<Store>;
  /** Shows what a sensor says that is read from a file; undefined for one that is gone. */
  writeSensor(id: string, value: number | undefined): void;
}

/** In the world's time. */
const SENSORS_MS = 500;
const MS_PER_HOUR = 3_600_000;

/** Rejects when the terminal's journal cannot be read. */
export async function openSimPeripherals(options: SimPeripheralsOptions): Promise<SimPeripherals> {
  const { board, openWire } = options;
  const wires = new Map<string, { wire: SimWire; isPlugged: boolean; attach: () => void }>();
  for (const serial of Object.keys(board.serial ?? {})) {
    wires.set(serial, { wire: openWire(serial), isPlugged: true, attach: () => {} });
  }
  /** What hangs there takes hold of its wire, now and whenever it is plugged in again. */
  const hang = (serial: string, attach: (port: SerialPort) => void): void => {
    const plug = wires.get(serial);
    if (plug === undefined)
      throw new RangeError(`board ${board.name} has no serial port ${serial}`);
    plug.attach = () => attach(plug.wire.port);
    plug.attach();
  };
  const once = <T>(serial: string, open: (port: SerialPort) => T): T => {
    let made: T | undefined;
    hang(serial, (port) => {
      made ??= open(port);
    });
    return made as T;
  };
  const readers = openReaders(options, hang);
  const buses = openBuses(options, once);
  const { display, printer } = board;
  const lcd =
    display?.kind === "lcd" ? once(display.serial, (port) => simLcd(port, display)) : undefined;
  const paper = printer && once(printer.serial, simEscpos);
  const terminal = await openTerminal(options, hang);
  const showing = showSensors(options);
  return {
    readers,
    buses,
    ...(lcd && { display: lcd }),
    ...(paper && { printer: paper }),
    ...(terminal && { terminal }),
    plugs: () => new Map([...wires].map(([serial, { isPlugged }]) => [serial, isPlugged])),
    setPlugged: (serial, plugged) => {
      const plug = wires.get(serial);
      if (plug === undefined) throw new RangeError(`there is no serial port ${serial}`);
      if (plug.isPlugged === plugged) return;
      plug.isPlugged = plugged;
      plug.wire.setPlugged(plugged);
      if (plugged) plug.attach();
    },
    close: async () => {
      showing.cancel();
      for (const reader of readers.values()) if (reader.kind === "pn532") reader.chip.close();
      await Promise.all([...wires.values()].map(({ wire }) => wire.port.close()));
    },
  };
}

type Hang = (serial: string, attach: (port: SerialPort) => void) => void;

function openReaders(
  { board, clock }: SimPeripheralsOptions,
  hang: Hang,
): ReadonlyMap<string, SimReader> {
  const readers = new Map<string, SimReader>();
  for (const part of board.readers ?? []) readers.set(part.id, openReader(part, clock, hang));
  return readers;
}

function openReader({ kind, serial }: ReaderPart, clock: Clock, hang: Hang): SimReader {
  switch (kind) {
    case "pn532": {
      const chip = simPn532(clock);
      hang(serial, (port) => chip.attach(port));
      return { kind, serial, chip };
    }
    case "gempc-twin": {
      const slot = simGempc(clock);
      hang(serial, (port) => slot.attach(port));
      return { kind, serial, slot };
    }
  }
}

function openBuses(
  { world, board, metal }: SimPeripheralsOptions,
  once: <T>(serial: string, open: (port: SerialPort) => T) => T,
): ReadonlyMap<string, SimModbus> {
  const units = new Map<string, SimModbusUnit[]>();
  for (const outlet of board.outlets) {
    for (const meter of outlet.meters) {
      if (meter.kind !== "modbus") continue;
      const make = SIM_MODBUS_METERS[meter.model];
      if (make === undefined) throw new RangeError(`there is no simulated ${meter.model}`);
      const unit = make(meter.address, flowOf(board, metal, outlet.id, meter));
      units.set(meter.bus, [...(units.get(meter.bus) ?? []), unit]);
    }
  }
  const buses = new Map<string, SimModbus>();
  for (const [serial, of] of units) {
    const random = world.randomOf(`modbus ${serial}`);
    const setup = { framing: "rtu", units: of, clock: world.clock, random } as const;
    buses.set(
      serial,
      once(serial, (port) => simModbus(port, setup)),
    );
  }
  return buses;
}

/** Registers count Wh or litres; the board's pulses are some part of a kWh or of a litre. */
function flowOf(board: Board, metal: SimMetal, outlet: string, part: ModbusMeterPart): SimFlow {
  const { numerator, denominator } = part.pulsesPerUnit;
  const perPulse = ((part.unit === "kWh" ? 1000 : 1) * denominator) / numerator;
  const pulsesPerSecond = board.virtual?.pulsesPerSecond ?? 0;
  const perHour = (pulsesPerSecond * perPulse * MS_PER_HOUR) / 1000;
  return {
    total: () => (metal.register(outlet, part.id) ?? 0) * perPulse,
    rate: () => (metal.outlet(outlet).contact ? perHour : 0),
  };
}

async function openTerminal(
  { board, clock, openStore }: SimPeripheralsOptions,
  hang: Hang,
): Promise<SimTerminal | undefined> {
  const used = new Set([
    ...(board.readers ?? []).map(({ serial }) => serial),
    ...(board.display?.kind === "lcd" ? [board.display.serial] : []),
    ...(board.printer === undefined ? [] : [board.printer.serial]),
    ...board.outlets.flatMap(({ meters }) =>
      meters.flatMap((meter) => (meter.kind === "modbus" ? [meter.bus] : [])),
    ),
  ]);
  const free = Object.keys(board.serial ?? {}).find((serial) => !used.has(serial));
  if (free === undefined) return undefined;
  const terminal = await openSimTerminal({ store: await openStore(), clock });
  hang(free, (port) => terminal.plug(port));
  return terminal;
}

/** What the kernel would show in a file of a sensor. */
function showSensors({ world, board, sensors, writeSensor }: SimPeripheralsOptions): Timer {
  const shown = new Map<string, number | undefined>();
  const files = (board.sensors ?? []).filter(({ kind }) => kind === "file");
  const opened = files.map((part) => ({ id: part.id, sensor: sensors.open(part) }));
  const show = (): void => {
    for (const { id, sensor } of opened) {
      const value = readingOf(sensor);
      if (shown.has(id) && shown.get(id) === value) continue;
      shown.set(id, value);
      writeSensor(id, value);
    }
  };
  show();
  return every(world.clock, SENSORS_MS, show);
}

function readingOf(sensor: Sensor): number | undefined {
  try {
    return sensor.read().value;
  } catch (error) {
    if (error instanceof HalError) return undefined;
    throw error;
  }
}
