// Meter and sensor ports over a quantity of a Modbus device. The bus reads it in its own time; both answer with the
// last reading, and say that there is none once that is too old.

import type { ModbusMeterPart, ModbusSensorPart } from "../board.ts";
import type { Clock } from "../clock.ts";
import { HalError, type HalErrorKind } from "../hal-error.ts";
import type { Meter, MeterHealth } from "../meter.ts";
import { SENSOR_VALUE_MAX, type Sensor } from "../sensor.ts";
import type { ModbusBus, ModbusOutcome } from "./modbus-bus.ts";
import { quantityReader } from "./modbus-value.ts";

const KINDS: Readonly<Record<Trouble["kind"], HalErrorKind>> = {
  silent: "disconnected",
  garbled: "corrupt",
  refused: "corrupt",
  none: "corrupt",
  down: "disconnected",
};

interface Trouble {
  kind: "silent" | "garbled" | "refused" | "down" | "none";
  message: string;
}

interface Polled {
  /** Throws HalError when there is no reading that is young enough. */
  read(): { value: number; atMs: number };
  health(): MeterHealth;
  close(): void;
}

/**
 * The count is the quantity as the meter holds it, a fall included. Throws HalError `refused` for a part that no map fits.
 * read() throws `disconnected` while the meter is silent, the line is down or nothing came yet, `corrupt` when what it answers
 * is no reading, `canceled` after close().
 */
export function openModbusMeter(bus: ModbusBus, part: ModbusMeterPart, clock: Clock): Meter {
  let wake: () => void = () => {};
  const polled = pollQuantity(bus, part, clock, {
    isPossible: (value) => value >= 0,
    onRise: () => wake(),
  });
  return {
    retains: true,
    read: () => {
      const { value, atMs } = polled.read();
      return { count: value, atMs };
    },
    onChange: (listener) => {
      wake = listener;
    },
    // The meter measures on its own.
    follow: () => {},
    health: polled.health,
    close: polled.close,
  };
}

/** Throws as openModbusMeter does, and its read() too. */
export function openModbusSensor(bus: ModbusBus, part: ModbusSensorPart, clock: Clock): Sensor {
  const { read, close } = pollQuantity(bus, part, clock, {
    isPossible: (value) => Math.abs(value) <= SENSOR_VALUE_MAX,
    onRise: () => {},
  });
  return { unit: part.unit, read, close };
}

function pollQuantity(
  bus: ModbusBus,
  part: ModbusMeterPart | ModbusSensorPart,
  clock: Clock,
  { isPossible, onRise }: { isPossible(value: number): boolean; onRise(): void },
): Polled {
  const { read, value: numberOf } = quantityReader(part);
  let last: { value: number; atMs: number } | undefined;
  let trouble: Trouble | undefined = { kind: "down", message: "it has not answered yet" };
  let answers = 0;
  let failures = 0;
  let closed = false;
  const openedMs = clock.monotonicMs();
  const isOld = (): boolean =>
    last === undefined || clock.monotonicMs() - last.atMs > part.staleAfterMs;

  const take = (outcome: ModbusOutcome): Trouble | undefined => {
    if (outcome.kind !== "registers") return outcome;
    const taken = numberOf(outcome.bytes);
    if (taken.kind === "none") return taken;
    const { value } = taken;
    if (!isPossible(value)) return { kind: "none", message: `it holds ${value}, which cannot be` };
    const rose = last !== undefined && value > last.value;
    last = { value, atMs: outcome.atMs };
    if (rose) onRise();
    return undefined;
  };
  const polling = bus.poll(read, part.pollMs, (outcome) => {
    if (closed) return;
    trouble = take(outcome);
    if (trouble === undefined) answers++;
    else failures++;
  });
  const sentence = (): string =>
    `${part.id} at address ${part.address}: ${trouble?.message ?? "its last answer is too old"}`;

  return {
    read: () => {
      if (closed) throw new HalError("canceled", `${part.id} was closed`);
      if (last !== undefined && !isOld()) return last;
      throw new HalError(trouble === undefined ? "disconnected" : KINDS[trouble.kind], sentence());
    },
    health: () => {
      if (trouble === undefined && !isOld()) {
        return { state: "good", message: "", answers, failures };
      }
      const isWaiting =
        answers + failures === 0 && clock.monotonicMs() - openedMs <= part.staleAfterMs;
      if (isWaiting) return { state: "waiting", message: sentence(), answers, failures };
      const isWrong = trouble !== undefined && KINDS[trouble.kind] === "corrupt";
      const state = isWrong ? "wrong" : isOld() ? "silent" : "late";
      return { state, message: sentence(), answers, failures };
    },
    close: () => {
      closed = true;
      polling.cancel();
    },
  };
}
