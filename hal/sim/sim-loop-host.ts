// A loop host in virtual time: the way between the device and its metering loop as events of the world,
// with a delay. Either end can be cut off or blocked, as a process can die or hang. Where the world tells of every change
// an idle loop may rest (hal/loop-rest.ts).

import type { LoopCommand, LoopHost, LoopReport } from "../loop-host.ts";
import type { LoopRest } from "../loop-rest.ts";
import type { Random } from "./random.ts";
import type { SimWorld } from "./world.ts";

export interface SimLoopEnd {
  onCommand(listener: (command: LoopCommand) => void): void;
  report(report: LoopReport): void;
  /** Called when the device end closes: open the outputs and end. One listener; the last one set counts. */
  onClose(listener: () => void): void;
  /** Where the world tells of every change. */
  rest?: LoopRest;
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
  /** Takes what is to be called before anything changes that a loop reads; without it no loop rests. */
  onChange?: (changes: () => void) => void;
}

export function simLoopHost(world: SimWorld, options: SimLoopHostOptions): SimLoopHost {
  const way = new Way(world, options);
  return {
    device: {
      send: (command) => way.send(command),
      onReport: (listener) => {
        way.onReport = listener;
      },
      awaitsReport: (awaits) => way.awaitReport(awaits),
      close: () => way.close(),
    },
    loop: () => way.loop.end,
    cut: (why) => way.cut(why),
    restart: () => way.restart(),
    blockDevice: (durationMs) => way.block(durationMs),
    delivered: () => way.delivered,
  };
}

interface Loop {
  lastCommandMs: number;
  lastReportMs: number;
  onCommand: (command: LoopCommand) => void;
  onClose: () => void;
  /** Of one that rests. */
  wake: (() => number) | undefined;
  readonly end: SimLoopEnd;
  gone: boolean;
}

/** From the device to the loop that runs now, and back. */
class Way {
  readonly #world: SimWorld;
  readonly #random: Random;
  readonly #delayMs: readonly [number, number];
  readonly #mayRest: boolean;
  #blockedUntilMs = 0;
  #closed = false;
  /** The device waits for the next report. */
  #awaits = true;
  onReport: (report: LoopReport) => void = () => {};
  delivered = 0;
  loop: Loop;

  constructor(world: SimWorld, { delayMs, onChange }: SimLoopHostOptions) {
    this.#world = world;
    this.#random = world.randomOf("loop-host");
    this.#delayMs = typeof delayMs === "number" ? [delayMs, delayMs] : delayMs;
    this.#mayRest = onChange !== undefined;
    this.loop = this.#newLoop();
    onChange?.(() => this.#stir());
  }

  send(command: LoopCommand): void {
    const to = this.loop;
    if (this.#closed || to.gone) return;
    this.#stir();
    const leavesMs = Math.max(this.#blockedUntilMs, this.#world.nowMs());
    to.lastCommandMs = Math.max(to.lastCommandMs, leavesMs + this.#drawDelayMs());
    this.#world.at(to.lastCommandMs, () => {
      if (this.#closed || to.gone) return;
      this.delivered++;
      this.#stir();
      to.onCommand(command);
    });
  }

  #report(from: Loop, report: LoopReport): void {
    const thenMs = this.#world.nowMs() + this.#drawDelayMs();
    from.lastReportMs = Math.max(from.lastReportMs, thenMs);
    this.#world.at(from.lastReportMs, () => this.#arrive(from, report));
  }

  #arrive(from: Loop, report: LoopReport): void {
    if (this.#closed || (this.loop !== from && report.on !== "lost")) return;
    if (this.#world.nowMs() < this.#blockedUntilMs) {
      this.#world.at(this.#blockedUntilMs, () => this.#arrive(from, report));
      return;
    }
    this.delivered++;
    this.onReport(report);
  }

  awaitReport(awaits: boolean): void {
    this.#awaits = awaits;
    if (awaits) this.#stir();
  }

  /** Whatever rests goes on as if it never had: a report that was left out had drawn its delay as well. */
  #stir(): void {
    const { wake } = this.loop;
    this.loop.wake = undefined;
    for (let left = wake?.() ?? 0; left > 0; left--) this.#drawDelayMs();
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#stir();
    this.#closed = true;
    return new Promise((resolve) => {
      this.#world.after(this.#drawDelayMs(), () => {
        if (!this.loop.gone) this.loop.onClose();
        resolve();
      });
    });
  }

  cut(why: string): void {
    if (this.loop.gone) return;
    this.awaitReport(true);
    this.loop.gone = true;
    this.#report(this.loop, { on: "lost", why });
  }

  restart(): SimLoopEnd {
    this.awaitReport(true);
    this.loop.gone = true;
    this.loop = this.#newLoop();
    return this.loop.end;
  }

  block(durationMs: number): void {
    this.#blockedUntilMs = Math.max(this.#blockedUntilMs, this.#world.nowMs() + durationMs);
  }

  #rest(loop: Loop, wake: () => number): boolean {
    if (this.#awaits || this.#closed || loop.gone || this.loop !== loop) return false;
    loop.wake = wake;
    return true;
  }

  #drawDelayMs(): number {
    return this.#random.betweenMs(...this.#delayMs);
  }

  #newLoop(): Loop {
    const made: Loop = {
      lastCommandMs: 0,
      lastReportMs: 0,
      onCommand: () => {},
      onClose: () => {},
      wake: undefined,
      end: {
        onCommand: (listener) => {
          made.onCommand = listener;
        },
        report: (report) => {
          if (!this.#closed && this.loop === made && !made.gone) this.#report(made, report);
        },
        onClose: (listener) => {
          made.onClose = listener;
        },
        ...(this.#mayRest && { rest: { begin: (wake) => this.#rest(made, wake) } }),
      },
      gone: false,
    };
    return made;
  }
}
