// Runs the metering loop on opened devices: reads on every wake-up, command and poll, steps the pure outlet,
// performs what it asks for. It waits for nothing. Any exception opens every switch before it goes on (I7).

import { after, type Clock, every, type Timer } from "../../hal/clock.ts";
import type { LoopDevices, OutletDevices } from "../../hal/devices.ts";
import type { LoopCommand, LoopReport } from "../../hal/loop-host.ts";
import type { Meter, MeterReading } from "../../hal/meter.ts";
import { unlessLost } from "./lost.ts";
import { startOutlet, stepOutlet } from "./outlet.ts";
import { outletReport, refusedReport } from "./outlet-report.ts";
import { type OutletSample, type OutletState, outletRules, sessionOf } from "./outlet-state.ts";
import { type SensorWatch, watchSensor } from "./sensor-watch.ts";

/** The loop's end of the way to the device: plain messages, in order. */
export interface LoopChannel {
  onCommand(listener: (command: LoopCommand) => void): void;
  report(report: LoopReport): void;
}

export interface LoopRunnerOptions {
  /**
   * How often every outlet is looked at without being woken: while a session runs, and otherwise. While a
   * contact is on its way it is looked at more often.
   */
  pollRunningMs?: number;
  pollIdleMs?: number;
}

export interface LoopRunner {
  /** Opens every switch, gives the devices up and says nothing more. Idempotent. */
  close(): void;
}

const ALIVE_INTERVAL_MS = 500;
const POLL_RUNNING_MS = 10;
const POLL_IDLE_MS = 200;
/** A contact that moves wakes nobody, and session start and closing reading wait for it. */
const POLL_MOVING_MS = 1;

/** Drives every output open, says `ready`, and runs until it is closed. Closes the devices with itself. */
export function runLoop(
  devices: LoopDevices,
  channel: LoopChannel,
  options: LoopRunnerOptions = {},
): LoopRunner {
  const loop = new Loop(devices, channel, options);
  loop.start();
  return { close: () => loop.close() };
}

class Loop {
  readonly #devices: LoopDevices;
  readonly #clock: Clock;
  readonly #channel: LoopChannel;
  readonly #pollRunningMs: number;
  readonly #pollIdleMs: number;
  readonly #sensors: readonly SensorWatch[];
  readonly #alive: Timer;
  #outlets: readonly RunningOutlet[] = [];
  #poll: Timer | undefined;
  #pollEndsMs = 0;
  #closed = false;

  constructor(devices: LoopDevices, channel: LoopChannel, options: LoopRunnerOptions) {
    this.#devices = devices;
    this.#clock = devices.clock;
    this.#channel = channel;
    this.#pollRunningMs = options.pollRunningMs ?? POLL_RUNNING_MS;
    this.#pollIdleMs = options.pollIdleMs ?? POLL_IDLE_MS;
    this.#sensors = devices.sensors.map(watchSensor);
    this.#alive = every(this.#clock, ALIVE_INTERVAL_MS, () =>
      this.#guarded(() => this.#sayOutlets("alive")),
    );
  }

  start(): void {
    this.#guarded(() => {
      const { outlets } = this.#devices;
      this.#outlets = outlets.map((outlet) => startRunning(outlet, this.#clock.monotonicMs()));
      for (const each of this.#outlets) {
        each.onWake(() => this.#guarded(() => this.#step(each)));
      }
      this.#channel.onCommand((command) => this.#guarded(() => this.#obey(command)));
      this.#sayOutlets("ready");
      this.#arm();
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#poll?.cancel();
    this.#alive.cancel();
    this.#devices.close();
  }

  #guarded(work: () => void): void {
    if (this.#closed) return;
    try {
      work();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #sayOutlets(on: "ready" | "alive"): void {
    const atMs = this.#clock.monotonicMs();
    const outlets = this.#outlets.map((each) => outletReport(each.state));
    const sensors = this.#sensors.map((each) => each.report(atMs));
    this.#channel.report({ on, atMs, outlets, sensors });
  }

  #step(each: RunningOutlet, command?: LoopCommand): void {
    const before = each.state;
    const { state, effects } = stepOutlet(before, each.sample(this.#clock.monotonicMs()), command);
    each.state = state;
    each.sampledAtMs = this.#clock.monotonicMs();
    // The switch before the words about it.
    for (const effect of effects) if (effect.do === "switch") each.set(effect.closed);
    each.follow();
    for (const effect of effects) if (effect.do === "report") this.#channel.report(effect.report);
    if (state.fault?.reason !== before.fault?.reason) this.#sayOutlets("alive");
    // A solid-state switch has followed already: it is looked at again at once.
    if (effects.some((effect) => effect.do === "switch")) this.#arm(0);
  }

  #obey(command: LoopCommand): void {
    const each = this.#outlets.find((candidate) =>
      command.do === "grant"
        ? candidate.state.rules.id === command.outlet
        : sessionOf(candidate.state.phase)?.id === command.session,
    );
    if (each !== undefined) this.#step(each, command);
    else if (command.do === "grant") {
      this.#channel.report(refusedReport(command, "fault", 0, this.#clock.monotonicMs()));
    }
  }

  #pollMs(): number {
    if (this.#outlets.some((each) => each.isMoving(this.#clock.monotonicMs()))) {
      return POLL_MOVING_MS;
    }
    const isBusy = this.#outlets.some((each) => each.state.phase.is !== "idle");
    return isBusy ? this.#pollRunningMs : this.#pollIdleMs;
  }

  /** Sees to it that the outlets are looked at that soon, or sooner. */
  #arm(delayMs = this.#pollMs()): void {
    const endsMs = this.#clock.monotonicMs() + delayMs;
    if (this.#poll !== undefined && this.#pollEndsMs <= endsMs) return;
    this.#poll?.cancel();
    this.#pollEndsMs = endsMs;
    this.#poll = after(this.#clock, delayMs, () => this.#guarded(() => this.#look()));
  }

  #look(): void {
    this.#poll = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (const each of this.#outlets) {
      const idle = each.state.phase.is === "idle";
      if (!idle || nowMs - each.sampledAtMs >= this.#pollIdleMs) this.#step(each);
    }
    this.#arm();
  }
}

interface RunningOutlet {
  state: OutletState;
  sampledAtMs: number;
  sample(nowMs: number): OutletSample;
  set(closed: boolean): void;
  /** Its contact has not followed yet what it was told last, and still has time to. */
  isMoving(nowMs: number): boolean;
  follow(): void;
  onWake(wake: () => void): void;
}

function startRunning(outlet: OutletDevices, nowMs: number): RunningOutlet {
  let lastSwitch: OutletSample["switch"] = "lost";
  let openFailed = false;
  const meters = outlet.part.meters.map((part) => outlet.meters.get(part.id));
  const set = (closed: boolean): void => {
    openFailed = unlessLost(() => outlet.switch.set(closed)) === "lost" && !closed;
  };
  const sample = (atMs: number): OutletSample => {
    if (openFailed) set(false);
    lastSwitch = unlessLost(() => outlet.switch.state());
    const readings = meters.map((meter) => readMeter(meter));
    return { nowMs: atMs, switch: lastSwitch, readings };
  };
  set(false);
  const rules = outletRules(outlet.part, (id) => outlet.meters.get(id)?.retains === true);
  const running: RunningOutlet = {
    state: startOutlet(rules, sample(nowMs)),
    sampledAtMs: nowMs,
    sample,
    // Told to open in vain it is told again at every reading. A switch that cannot be told to close shows
    // in its state, as not closed or as lost.
    set,
    isMoving: (atMs) => {
      const { phase, rules } = running.state;
      if (lastSwitch === "lost" || lastSwitch.contact !== "unknown") return false;
      return "sinceMs" in phase && atMs - phase.sinceMs <= rules.operateMsMax;
    },
    follow: () => {
      if (lastSwitch === "lost") return;
      const { contact } = lastSwitch;
      const { is } = running.state.phase;
      const closed = contact === "closed" || (contact === "unknown" && is === "delivering");
      if (!closed && contact === "unknown" && is !== "idle") return;
      for (const meter of outlet.meters.values()) unlessLost(() => meter.follow(closed));
    },
    onWake: (wake) => {
      for (const meter of outlet.meters.values()) unlessLost(() => meter.onChange(wake));
    },
  };
  return running;
}

function readMeter(meter: Meter | undefined): MeterReading | "lost" {
  return meter === undefined ? "lost" : unlessLost(() => meter.read());
}
