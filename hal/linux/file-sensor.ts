// Sensor port over a small text file that holds one integer, as the kernel shows voltages, temperatures and
// counts under /sys. It is read beside the loop, because some of these files take most of a second to answer.

import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { FileSensorPart } from "../board.ts";
import { type Clock, every } from "../clock.ts";
import { HalError } from "../hal-error.ts";
import { SENSOR_VALUE_MAX, type Sensor, type SensorReading } from "../sensor.ts";

/** The longest integer that we take, its sign and white space around it. */
const BYTES_MAX = 32;
const INTEGER = /^\s*([+-]?\d{1,10})\s*$/;

/** Reads at once and then every `pollMs`; a poll that finds the one before unanswered is left out. */
export function openFileSensor(
  part: Pick<FileSensorPart, "id" | "unit" | "path" | "pollMs">,
  clock: Clock,
): Sensor {
  let last: SensorReading | HalError = new HalError(
    "disconnected",
    `sensor ${part.id} has not answered yet`,
  );
  let closed = false;
  let asking = false;
  const poll = async (): Promise<void> => {
    if (asking) return;
    asking = true;
    // Not when the answer came: it was true at some moment from now on.
    const atMs = clock.monotonicMs();
    try {
      last = { value: await readInteger(part.path), atMs };
    } catch (error) {
      if (!(error instanceof HalError)) throw error;
      last = new HalError(error.kind, `sensor ${part.id}: ${error.message}`, error);
    } finally {
      asking = false;
    }
  };
  const polling = every(clock, part.pollMs, () => void poll());
  void poll();
  return {
    unit: part.unit,
    read: () => {
      if (closed) throw new HalError("canceled", `sensor ${part.id} was closed`);
      if (last instanceof HalError) throw last;
      return last;
    },
    close: () => {
      closed = true;
      polling.cancel();
    },
  };
}

async function readInteger(path: string): Promise<number> {
  const text = await readStart(path);
  const value = Number(INTEGER.exec(text)?.[1] ?? Number.NaN);
  if (Number.isInteger(value) && Math.abs(value) <= SENSOR_VALUE_MAX) return value;
  throw new HalError("corrupt", `${path} holds no integer within ${SENSOR_VALUE_MAX} either way`);
}

/** Of a longer file nothing: it is no integer. */
async function readStart(path: string): Promise<string> {
  try {
    // Without O_NONBLOCK, opening a pipe would wait for a writer.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { buffer, bytesRead } = await file.read(
        Buffer.alloc(BYTES_MAX + 1),
        0,
        BYTES_MAX + 1,
        0,
      );
      return bytesRead > BYTES_MAX ? "" : buffer.toString("latin1", 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new HalError("disconnected", `${path} cannot be read`, error);
  }
}
