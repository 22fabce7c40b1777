// The vocabulary of a board file: what is fitted where. A board is data; nothing here opens anything.

import type { SerialSettings } from "./serial.ts";

/** Pulses per unit as an exact fraction, for meters whose constant is no integer. */
export interface Ratio {
  numerator: number;
  denominator: number;
}

export interface PulseMeterPart {
  kind: "pulse";
  id: string;
  /** Name of the line that carries the pulses. */
  line: string;
  unit: string;
  pulsesPerUnit: Ratio;
  /** Faster than this cannot be true: more pulses a second is `meter-implausible`. */
  pulsesPerSecondMax: number;
  /** No pulse for this long with the switch closed is `meter-stuck`. */
  stuckAfterMs: number;
  /** The register goes on after a power cut. */
  retains: boolean;
}

export interface TimeMeterPart {
  kind: "time";
  id: string;
  unit: string;
  pulsesPerUnit: Ratio;
  /** One pulse is this long with the switch closed. */
  pulseMs: number;
}

/** Counts items that a machine says are done; each was begun by a start signal of its own. */
export interface ItemMeterPart {
  kind: "item";
  id: string;
  /** Name of the line that carries the done signals: one for each item. */
  line: string;
  unit: string;
  pulsesPerUnit: Ratio;
  /** An item that is not done this long after its start is not delivered. */
  timeoutMs: number;
  /** From one item done to the next start signal. */
  pauseMs: number;
  /** The register goes on after a power cut. */
  retains: boolean;
}

/** A meter with a register of its own, read over Modbus (hal/drivers/modbus-maps.ts knows the models). */
export interface ModbusMeterPart {
  kind: "modbus";
  id: string;
  /** Name of the board's serial port, or of its TCP bus. */
  bus: string;
  /** 1 to 247 on a serial line. */
  address: number;
  /** Such as "sdm120", and the quantity that is counted, such as "importWh". */
  model: string;
  quantity: string;
  unit: string;
  /** One pulse is one whole step of the quantity: 1000 for a kWh of a quantity in Wh. */
  pulsesPerUnit: Ratio;
  pulsesPerSecondMax: number;
  stuckAfterMs: number;
  pollMs: number;
  /** An older reading is no reading: `meter-lost`. */
  staleAfterMs: number;
  /** The register goes on from 0 in place of this count: 4294967296 for one of 32 bits. It never does when not given. */
  rolloverAt?: number;
}

export type MeterPart = PulseMeterPart | TimeMeterPart | ItemMeterPart | ModbusMeterPart;

export interface ContactorPart {
  kind: "contactor";
  /** Line that drives the coil. */
  line: string;
  /** Line of the auxiliary contact; where none is fitted a weld shows only as a leak. */
  feedbackLine?: string;
  /** The contact has this long to follow the coil, either way. */
  operateMsMax: number;
}

/** A machine that does one item at each signal and cannot be interrupted: a washer, a vending slot. */
export interface StartSignalPart {
  kind: "start-signal";
  line: string;
  /** The line is active this long, and never longer. */
  pulseMs: number;
}

/** A valve with two ways: both open for full flow, the slow one alone for the last of a delivery. */
export interface TwoStageValvePart {
  kind: "two-stage-valve";
  /** Lines of the wide way and of the narrow one. */
  fastLine: string;
  slowLine: string;
  /** Line that is active while any water can flow, where one is fitted. */
  feedbackLine?: string;
  operateMsMax: number;
  /** The last pulses of a session flow through the narrow way alone. */
  slowPulses: number;
}

export type SwitchPart = ContactorPart | StartSignalPart | TwoStageValvePart;

export type InterlockSort =
  | "emergency-stop"
  | "door"
  | "nozzle" // raised while the nozzle hangs in its holder
  | "vehicle" // raised while no vehicle is connected
  | "dry-run" // raised while the float says that the well is empty
  | "other";

/** Must be clear for the switch to be closed. Raised, it stops what runs with the reason of its sort. */
export type InterlockPart =
  /** A contact: clear while its line is active, so that a broken wire raises it. */
  | { kind: "input"; id: string; sort: InterlockSort; line: string }
  /** A sensor of the board: clear while its value is within the two. A stale or lost reading raises `sensor-stale`. */
  | { kind: "sensor"; id: string; sort: InterlockSort; sensor: string; min?: number; max?: number };

/** An outlet with a start signal has item meters only, and the other way round. */
export interface OutletPart {
  id: string;
  switch: SwitchPart;
  meters: readonly MeterPart[];
  /** None when absent. */
  interlocks?: readonly InterlockPart[];
  /** After the switch is told to open, the closing reading is taken when the meter has been still this long. */
  settleMs: number;
}

/** A number in a small text file, as the kernel shows voltages, temperatures and counts. */
export interface FileSensorPart {
  kind: "file";
  id: string;
  unit: string;
  path: string;
  pollMs: number;
  /** An older reading is stale: nothing is sold on it. */
  staleAfterMs: number;
}

/** A DS18B20 on the 1-Wire bus, in thousandths of a degree Celsius. */
export interface W1SensorPart {
  kind: "w1";
  id: string;
  unit: string;
  /** Its folder under /sys/bus/w1/devices, such as "28-0316a2795bff". */
  device: string;
  pollMs: number;
  staleAfterMs: number;
}

/** A value of a hwmon chip in the kernel's own unit: mV, mA, thousandths of a degree, µW. */
export interface HwmonSensorPart {
  kind: "hwmon";
  id: string;
  unit: string;
  /** What the chip calls itself, never its number: such as "ina219". */
  chip: string;
  /** Such as "in1", "curr1", "temp1": of it NAME_input is read, and NAME_fault where there is one. */
  channel: string;
  pollMs: number;
  staleAfterMs: number;
}

/** A channel of an analogue converter (IIO) in the kernel's own unit: (raw + offset) times scale, rounded. */
export interface IioSensorPart {
  kind: "iio";
  id: string;
  unit: string;
  /** What the device calls itself, never its number: such as "ads1015". */
  device: string;
  /** Such as "in_voltage0". */
  channel: string;
  /** From the kernel's unit to ours; 1 when not given. */
  perKernelUnit?: Ratio;
  pollMs: number;
  staleAfterMs: number;
}

/** A sensor of the bench: a tank that empties as a meter turns (VirtualPhysics). */
export interface VirtualSensorPart {
  kind: "virtual";
  id: string;
  unit: string;
  staleAfterMs: number;
}

/** A quantity of a Modbus device: the same words as of a meter. */
export interface ModbusSensorPart {
  kind: "modbus";
  id: string;
  unit: string;
  bus: string;
  address: number;
  model: string;
  quantity: string;
  pollMs: number;
  staleAfterMs: number;
}

/** A digital input as a sensor: 1 while its line is active, else 0. */
export interface InputSensorPart {
  kind: "input";
  id: string;
  unit: string;
  line: string;
  staleAfterMs: number;
}

/** What every sensor may say besides: a reading outside is no reading but a broken sensor. */
export interface Plausible {
  min?: number;
  max?: number;
  /** A reading that stays the very same for this long, where something always moves a little. */
  frozenAfterMs?: number;
}

/** Sensors that the kernel shows as small text files. */
export type KernelSensorPart = FileSensorPart | W1SensorPart | HwmonSensorPart | IioSensorPart;

export type SensorPart = (
  | KernelSensorPart
  | VirtualSensorPart
  | ModbusSensorPart
  | InputSensorPart
) & {
  plausible?: Plausible;
};

/** A serial port of the board. On the bench it is a pseudo-terminal. */
export interface SerialPart {
  /** Such as "/dev/serial0"; the device file may name another. */
  path: string;
  settings: SerialSettings;
}

/** Modbus over TCP: "host:port". */
export interface TcpBusPart {
  address: string;
}

/** Card readers, each at a serial port of its own. */
export interface ReaderPart {
  kind: "pn532" | "gempc-twin";
  id: string;
  serial: string;
}

export type DisplayPart =
  /** On the terminal that the program runs in. */
  | { kind: "terminal" }
  /** Character LCD with a serial backpack that takes Matrix Orbital commands. */
  | { kind: "lcd"; serial: string; columns: number; rows: number };

/** A receipt printer that takes ESC/POS. */
export interface PrinterPart {
  kind: "escpos";
  serial: string;
  /** Characters in a line. */
  columns: 32 | 35 | 42 | 44 | 48;
}

/** A button that a person presses. */
export interface ButtonPart {
  id: string;
  line: string;
  /** `stop` ends what the outlet delivers, in the loop itself; `select` is told to the device: it chooses a service. */
  does: { stop: string } | { select: number };
}

/** Where a line is wired to. */
export interface LineWiring {
  /** Pin of the computer's header, such as "11"; on a generic computer CHIP/OFFSET or the line's name. */
  pin: string;
  /** The wire is low while the line is active. */
  activeLow?: true;
  bias?: "pull-up" | "pull-down";
  /** A resistor of the board's own: it holds the line before any program runs, whatever the pin does then. */
  resistor?: "pull-up" | "pull-down";
  /** Edges closer than this are one. */
  debounceMs?: number;
  /** What hangs on it, for the wiring table. */
  note?: string;
}

/** What a tank of the bench holds, and what a pulse of a meter takes from it. */
export interface VirtualTank {
  /** The virtual sensor that shows it. */
  sensor: string;
  outlet: string;
  meter: string;
  /** In the sensor's unit, when the meter's register is at 0. */
  full: number;
  /** Pulses that lower the reading by one. */
  pulsesPerReading: Ratio;
}

/** How a bench behaves in place of the metal. Only for boards that do not exist. */
export interface VirtualPhysics {
  /** Pulses per second at each pulse meter while its contact is closed. */
  pulsesPerSecond: number;
  /** Contact movement after the coil, drawn anew each time between the two. */
  operateMs: readonly [number, number];
  /** How long a machine with a start signal takes for an item, by outlet, drawn anew each time. */
  cycleMs?: Readonly<Record<string, readonly [number, number]>>;
  tanks?: readonly VirtualTank[];
  /** What the narrow way of a two-stage valve lets through, of the whole flow; 10 when not given. */
  slowPercent?: number;
  /** What a virtual sensor that is no tank shows, by sensor; 0 when not given. */
  shows?: Readonly<Record<string, number>>;
  /** Interlocks with a line of their own that are raised at the start, by outlet; the others are clear. */
  raised?: Readonly<Record<string, readonly string[]>>;
}

export interface Board {
  name: string;
  title: string;
  outlets: readonly OutletPart[];
  sensors?: readonly SensorPart[];
  buttons?: readonly ButtonPart[];
  readers?: readonly ReaderPart[];
  display?: DisplayPart;
  printer?: PrinterPart;
  /** Serial ports and TCP buses by the names that the parts use. */
  serial?: Readonly<Record<string, SerialPart>>;
  tcp?: Readonly<Record<string, TcpBusPart>>;
  /** On a real board: names of the computers that it fits on (boards/computers.ts), and where each line goes. */
  computers?: readonly string[];
  lines?: Readonly<Record<string, LineWiring>>;
  /** Present on a virtual board only. */
  virtual?: VirtualPhysics;
}
