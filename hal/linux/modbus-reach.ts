// Where the Modbus buses of a board are on this machine: a serial port, or a TCP address.

import type { Board } from "../board.ts";
import type { ReachBus } from "../drivers/modbus-buses.ts";
import { HalError } from "../hal-error.ts";
import { openModbusTcp } from "./modbus-tcp.ts";
import { openSerialPort } from "./serial-port.ts";

export function reachModbus(board: Pick<Board, "name" | "serial" | "tcp">): ReachBus {
  return (bus) => {
    const serial = board.serial?.[bus];
    if (serial !== undefined) return { open: openSerialPort(serial), framing: "rtu" };
    const tcp = board.tcp?.[bus];
    if (tcp !== undefined) return { open: openModbusTcp(tcp), framing: "tcp" };
    const known = [...Object.keys(board.serial ?? {}), ...Object.keys(board.tcp ?? {})];
    const words = `board ${board.name} has no bus "${bus}"; it has ${known.join(", ") || "none"}`;
    throw new HalError("refused", words);
  };
}
