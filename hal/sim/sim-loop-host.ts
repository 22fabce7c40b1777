// A loop host in virtual time: the way between the device and its metering loop as events of the world,
// with a delay. Either end can be cut off or blocked, as a process can die or hang.

import type { LoopCommand, LoopHost, LoopReport } from "../loop-host.ts";
import type { SimWorld } from "./world.ts";

export interface SimLoopEnd {
  onCommand(listener: (command: LoopCommand) => void): void;
  report(report: LoopReport): void;
  /** Called when the device end closes: open the outputs and end. One listener; the last one set counts. */
  onClose(listener: () => void): void;
}

export interface SimLoopHost {
  device: LoopHost;
  /** The end of the loop that runs now; after a cut, take a new one with restart(). */
  loop(): SimLoopEnd;
  /** The loop is gone: nothing of it arrives any more, and the device end reports `lost`. */
  cut(why: string): void;
  /** A new loop at the other end of the same device end. */
  restart(): SimLoopEnd;
  /** For this long nothing reaches the device end, and nothing it sends leaves it. */
  blockDevice(durationMs: number): void;
  /** Commands and reports that arrived so far. */
  delivered(): number;
}

export interface SimLoopHostOptions {
  /** From one end to the other, drawn anew for each message; the order is kept. */
  delayMs: number | readonly [number, number];
}

export function simLoopHost(world: SimWorld, options: SimLoopHostOptions): SimLoopHost {
  const { delayMs } = options;
  const [delayMin, delayMax] = typeof delayMs === "number" ? [delayMs, delayMs] : delayMs;
  const random = world.randomOf("loop-host");
  let onReport: (report: LoopReport) => void = () => {};
  let blockedUntilMs = 0;
  let delivered = 0;
  let closed = false;
  let loop = newLoop();

  const carry = (lastMs: number, thenMs: number): number =>
    Math.max(lastMs, thenMs + random.betweenMs(delayMin, delayMax));
  const toDevice = (from: Loop, report: LoopReport): void => {
    from.lastReportMs = carry(from.lastReportMs, world.nowMs());
    const arrive = (): void => {
      if (closed || (loop !== from && report.on !== "lost")) return;
      if (world.nowMs() < blockedUntilMs) {
        world.at(blockedUntilMs, arrive);
        return;
      }
      delivered++;
      onReport(report);
    };
    world.at(from.lastReportMs, arrive);
  };

  function newLoop(): Loop {
    const made: Loop = {
      lastCommandMs: 0,
      lastReportMs: 0,
      onCommand: () => {},
      onClose: () => {},
      end: {
        onCommand: (listener) => {
          made.onCommand = listener;
        },
        report: (report) => {
          if (!closed && loop === made && !made.gone) toDevice(made, report);
        },
        onClose: (listener) => {
          made.onClose = listener;
        },
      },
      gone: false,
    };
    return made;
  }

  return {
    device: {
      send: (command) => {
        const to = loop;
        if (closed || to.gone) return;
        to.lastCommandMs = carry(to.lastCommandMs, Math.max(blockedUntilMs, world.nowMs()));
        world.at(to.lastCommandMs, () => {
          if (closed || to.gone) return;
          delivered++;
          to.onCommand(command);
        });
      },
      onReport: (listener) => {
        onReport = listener;
      },
      close: () => {
        if (closed) return Promise.resolve();
        closed = true;
        return new Promise((resolve) => {
          world.after(random.betweenMs(delayMin, delayMax), () => {
            if (!loop.gone) loop.onClose();
            resolve();
          });
        });
      },
    },
    loop: () => loop.end,
    cut: (why) => {
      if (loop.gone) return;
      const from = loop;
      from.gone = true;
      toDevice(from, { on: "lost", why });
    },
    restart: () => {
      loop.gone = true;
      loop = newLoop();
      return loop.end;
    },
    blockDevice: (durationMs) => {
      blockedUntilMs = Math.max(blockedUntilMs, world.nowMs() + durationMs);
    },
    delivered: () => delivered,
  };
}

interface Loop {
  lastCommandMs: number;
  lastReportMs: number;
  onCommand: (command: LoopCommand) => void;
  onClose: () => void;
  readonly end: SimLoopEnd;
  gone: boolean;
}
