// The metering loop's end of the channel to the device process: one JSON text a line over a socket that
// the parent opened as descriptor 3. The kernel closes it the moment the parent dies, however it dies.

import { Socket } from "node:net";
import { HalError } from "../hal-error.ts";
import type { LoopCommand, LoopReport } from "../loop-host.ts";
import { parseLoopCommand } from "../loop-message.ts";
import { splitLines } from "./line-split.ts";

export const LOOP_CHANNEL_FD = 3;
export const LOOP_LINE_CHARACTERS_MAX = 64 * 1024;
/** While the parent does not read, reports that are safe to lose are dropped above this. */
const WAITING_BYTES_MAX = 256 * 1024;

export interface LoopChannel {
  /** One listener; the last one set counts. Commands that came before it was set wait for it. */
  onCommand(listener: (command: LoopCommand) => void): void;
  /** `progress` and `alive` are dropped while the parent does not read; everything else waits. */
  report(report: LoopReport): void;
  /** Called once, when the parent has closed the channel or died. One listener; the last one set counts. */
  onParentLost(listener: () => void): void;
  /** Sends what waits and lets go of the channel; the process may end after it. Idempotent. */
  close(): Promise<void>;
  /** Lines from the parent that were no commands. */
  refused(): number;
}

/** Throws HalError `refused` in a process that was started by hand. */
export function openLoopChannel(): LoopChannel {
  const socket = openParent();
  let onCommand: ((command: LoopCommand) => void) | undefined;
  let onParentLost: (() => void) | undefined;
  let lost = false;
  let malformed = 0;
  const early: LoopCommand[] = [];
  const lines = splitLines(LOOP_LINE_CHARACTERS_MAX, (line) => {
    const command = parseLine(line);
    if (command === undefined) malformed++;
    else if (onCommand === undefined) early.push(command);
    else onCommand(command);
  });
  const end = (): void => {
    if (lost) return;
    lost = true;
    onParentLost?.();
  };
  socket.on("data", (chunk) => lines.push(chunk));
  socket.on("end", end);
  socket.on("close", end);
  // Writing to a parent that is gone is no trouble of its own: `close` follows.
  socket.on("error", () => {});
  return {
    onCommand: (listener) => {
      onCommand = listener;
      for (const command of early.splice(0)) listener(command);
    },
    report: (report) => {
      const droppable = report.on === "progress" || report.on === "alive";
      if (socket.writable && !(droppable && socket.writableLength > WAITING_BYTES_MAX)) {
        socket.write(`${JSON.stringify(report)}\n`);
      }
    },
    onParentLost: (listener) => {
      onParentLost = listener;
      if (lost) listener();
    },
    close: () =>
      new Promise((resolve) => {
        if (socket.destroyed) return resolve();
        socket.once("close", () => resolve());
        socket.end(() => socket.destroy());
      }),
    refused: () => malformed + lines.refused(),
  };
}

function openParent(): Socket {
  try {
    return new Socket({ fd: LOOP_CHANNEL_FD, readable: true, writable: true, allowHalfOpen: true });
  } catch (error) {
    const message = "the metering loop is started by the device process, not by hand";
    throw new HalError("refused", message, error);
  }
}

function parseLine(line: string): LoopCommand | undefined {
  try {
    return parseLoopCommand(JSON.parse(line));
  } catch {
    return undefined;
  }
}
