// What the loop of a board reaches by other ways than its lines: meters and sensors on a bus, and sensors that are read
// from files. The same for a board on the metal and for one on the bench.

import type { Board } from "../board.ts";
import type { Clock } from "../clock.ts";
import { openModbusBuses } from "../drivers/modbus-buses.ts";
import type { OpenOutletsOptions } from "../drivers/open-outlets.ts";
import { HalError } from "../hal-error.ts";
import { openKernelSensor } from "./kernel-sensor.ts";
import { reachModbus } from "./modbus-reach.ts";

export interface BoardReach
  extends Required<Pick<OpenOutletsOptions, "openSensor" | "openModbusMeter">> {
  /** After the devices were closed: lets the buses go. Idempotent. */
  close(): void;
}

/** A board's parts name where they are. */
export function openBoardReach(board: Board, clock: Clock): BoardReach {
  const buses = openModbusBuses(reachModbus(board), clock);
  return {
    openSensor: (part) => {
      if (part.kind === "modbus") return buses.sensor(part);
      if (part.kind !== "virtual") return openKernelSensor(part, clock);
      throw new HalError("refused", `sensor ${part.id}: the bench has it, this computer has not`);
    },
    openModbusMeter: (part) => buses.meter(part),
    close: () => void buses.close(),
  };
}
