// Board parts to drivers: the one place that knows which driver runs which part. It is given lines and a
// clock, so it opens a virtual board and a real one alike.

import type {
  Board,
  InterlockPart,
  MeterPart,
  ModbusMeterPart,
  OutletPart,
  SensorPart,
  SwitchPart,
} from "../board.ts";
import type { Clock } from "../clock.ts";
import type { InterlockDevice, LoopDevices, OutletDevices, SensorDevice } from "../devices.ts";
import { HalError } from "../hal-error.ts";
import type { Meter } from "../meter.ts";
import type { InputPin, Lines } from "../pin.ts";
import type { Sensor } from "../sensor.ts";
import type { Switch } from "../switch.ts";
import { openContactor } from "./contactor.ts";
import { openInputSensor } from "./input-sensor.ts";
import { openPlausibleSensor } from "./plausible-sensor.ts";
import { openPulseMeter } from "./pulse-meter.ts";
import { openRolloverMeter } from "./rollover-meter.ts";
import { openStartSignal } from "./start-signal.ts";
import { openTimeMeter } from "./time-meter.ts";
import { openTwoStageValve } from "./two-stage-valve.ts";

/** What a board needs besides lines and a clock. What it has no part for need not be given. */
export interface OpenOutletsOptions {
  /** What a meter's own register held when its line was opened; undefined for one that has none. */
  readRegister?: (outlet: string, meter: string) => number | undefined;
  /** A sensor that hangs on no line: whoever opens the board knows how to reach it. */
  openSensor?: (part: Exclude<SensorPart, { kind: "input" }>) => Sensor;
  /** A meter on a bus: whoever opens the board opens the bus once, and closes it after the meters. */
  openModbusMeter?: (part: ModbusMeterPart) => Meter;
}

/**
 * Opens every outlet, sensor and button of the board, switches open. When one part fails all are closed and its
 * HalError is thrown.
 */
export function openOutlets(
  board: Board,
  clock: Clock,
  lines: Lines,
  options: OpenOutletsOptions = {},
): LoopDevices {
  const opening = new Opening(clock, lines, options);
  try {
    return opening.open(board);
  } catch (error) {
    opening.close();
    throw error;
  }
}

class Opening {
  readonly #clock: Clock;
  readonly #lines: Lines;
  readonly #options: OpenOutletsOptions;
  readonly #opened: { close(): void }[] = [];
  /** One emergency stop may stand for every outlet: its line is opened once. */
  readonly #inputs = new Map<string, InputPin>();

  constructor(clock: Clock, lines: Lines, options: OpenOutletsOptions) {
    this.#clock = clock;
    this.#lines = lines;
    this.#options = options;
  }

  open(board: Board): LoopDevices {
    // Outputs first: whatever fails after them, they have been driven open.
    const switches = board.outlets.map((part) => this.#keep(this.#switch(part.switch)));
    const sensors = (board.sensors ?? []).map((part) => ({ part, sensor: this.#sensor(part) }));
    const outlets = board.outlets.map((part, i): OutletDevices => {
      const meters = new Map<string, Meter>();
      for (const meter of part.meters) meters.set(meter.id, this.#keep(this.#meter(part, meter)));
      const interlocks = (part.interlocks ?? []).map((each) => this.#interlock(each, sensors));
      return { part, switch: switches[i] as Switch, meters, interlocks };
    });
    const buttons = (board.buttons ?? []).map((part) => {
      return { part, input: this.#input(part.line) };
    });
    const clock = this.#clock;
    return { clock, outlets, sensors, buttons, close: () => this.close() };
  }

  /** One part that cannot be closed must not keep another switch closed. */
  close(): void {
    let failed: unknown;
    for (const part of this.#opened) {
      try {
        part.close();
      } catch (error) {
        failed ??= error;
      }
    }
    if (failed !== undefined) throw failed;
  }

  #keep<T extends { close(): void }>(part: T): T {
    this.#opened.push(part);
    return part;
  }

  #input(line: string): InputPin {
    const input = this.#inputs.get(line) ?? this.#keep(this.#lines.input(line));
    this.#inputs.set(line, input);
    return input;
  }

  #switch(part: SwitchPart): Switch {
    const output = (line: string) => this.#keep(this.#lines.output(line));
    if (part.kind === "start-signal") {
      return openStartSignal(output(part.line), this.#clock, part);
    }
    const feedback = part.feedbackLine;
    if (part.kind === "two-stage-valve") {
      const ways = { fast: output(part.fastLine), slow: output(part.slowLine) };
      const flows = feedback === undefined ? undefined : this.#input(feedback);
      return openTwoStageValve(ways, flows, this.#clock, part);
    }
    const coil = output(part.line);
    const contact = feedback === undefined ? undefined : this.#input(feedback);
    return openContactor(coil, contact, this.#clock, part);
  }

  #meter(outlet: OutletPart, part: MeterPart): Meter {
    if (part.kind === "time") return openTimeMeter(this.#clock, part);
    if (part.kind === "modbus") {
      const meter = this.#options.openModbusMeter?.(part);
      if (meter === undefined) throw notHere("meter", part.id);
      return part.rolloverAt === undefined ? meter : openRolloverMeter(meter, part.rolloverAt);
    }
    const register = this.#options.readRegister?.(outlet.id, part.id);
    return openPulseMeter(this.#keep(this.#lines.edges(part.line)), part, register);
  }

  #sensor(part: SensorPart): Sensor {
    const sensor = this.#keep(this.#bareSensor(part));
    const { plausible } = part;
    return plausible === undefined ? sensor : openPlausibleSensor(sensor, part.id, plausible);
  }

  #bareSensor(part: SensorPart): Sensor {
    if (part.kind === "input") return openInputSensor(this.#input(part.line), this.#clock, part);
    const { openSensor } = this.#options;
    if (openSensor !== undefined) return openSensor(part);
    throw notHere("sensor", part.id);
  }

  #interlock(part: InterlockPart, sensors: readonly SensorDevice[]): InterlockDevice {
    if (part.kind === "input") return { part, input: this.#input(part.line) };
    const device = sensors.find((each) => each.part.id === part.sensor);
    if (device !== undefined) return { part, sensor: device.sensor, sensorPart: device.part };
    throw new HalError("refused", `interlock ${part.id}: there is no sensor ${part.sensor}`);
  }
}

function notHere(what: string, id: string): HalError {
  return new HalError("refused", `${what} ${id}: nothing here can open it`);
}
