// Runs the metering loop on opened devices: reads on every wake-up, command and poll, steps the pure outlet,
// performs what it asks for. It waits for nothing. Any exception opens every switch before it goes on (I7).

import type { ButtonPart } from "../../hal/board.ts";
import { type Alarm, type Clock, openAlarm, type Timer } from "../../hal/clock.ts";
import type { LoopDevices } from "../../hal/devices.ts";
import type { LoopCommand, LoopReport } from "../../hal/loop-host.ts";
import type { LoopRest } from "../../hal/loop-rest.ts";
import { type ButtonWatch, watchButton } from "./button-watch.ts";
import { stepOutlet } from "./outlet.ts";
import { outletReport, refusedReport } from "./outlet-report.ts";
import { type OutletState, obstacleOf, sessionOf } from "./outlet-state.ts";
import { type RunningOutlet, startRunning } from "./running-outlet.ts";
import { type SensorWatch, watchSensor } from "./sensor-watch.ts";

/** The loop's end of the way to the device: plain messages, in order. */
export interface LoopChannel {
  onCommand(listener: (command: LoopCommand) => void): void;
  report(report: LoopReport): void;
  /** In virtual time. */
  rest?: LoopRest;
}

export interface LoopRunnerOptions {
  /**
   * How often every outlet is looked at without being woken: while a session runs, and otherwise. While a
   * contact is on its way it is looked at more often.
   */
  pollRunningMs?: number;
  pollIdleMs?: number;
  /** Called at the start and after each such look: who hears nothing for longer knows that the loop stalls. */
  onLooked?: () => void;
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
/** Where there are buttons: a person's press lasts a tenth of a second, and may be meant to stop something. */
const POLL_BUTTONS_MS = 20;

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
  readonly #onLooked: () => void;
  readonly #sensors: readonly SensorWatch[];
  readonly #buttons: readonly ButtonWatch[];
  #alive: Timer;
  readonly #poll: Alarm;
  /** Where it may rest: what else it reads is read for people, or grows old. */
  readonly #rest: LoopRest | undefined;
  #outlets: readonly RunningOutlet[] = [];
  #aliveEndsMs: number;
  /** Nothing was decided since the outlets were last reported. */
  #isSaid = false;
  /** NaN while no look is due. */
  #pollEndsMs = Number.NaN;
  #closed = false;

  constructor(devices: LoopDevices, channel: LoopChannel, options: LoopRunnerOptions) {
    this.#devices = devices;
    this.#clock = devices.clock;
    this.#channel = channel;
    this.#pollRunningMs = options.pollRunningMs ?? POLL_RUNNING_MS;
    this.#pollIdleMs = options.pollIdleMs ?? POLL_IDLE_MS;
    this.#onLooked = options.onLooked ?? (() => {});
    this.#sensors = devices.sensors.map(watchSensor);
    this.#buttons = devices.buttons.map(watchButton);
    this.#poll = openAlarm(this.#clock, () => this.#look());
    this.#aliveEndsMs = this.#clock.monotonicMs() + ALIVE_INTERVAL_MS;
    // A timer: a second alarm would cost each look some garbage, as code for two is not compiled as code for one.
    this.#alive = this.#clock.at(this.#aliveEndsMs, this.#sayAlive);
    const isPlain = this.#sensors.length === 0 && this.#buttons.length === 0;
    this.#rest = isPlain ? channel.rest : undefined;
  }

  start(): void {
    this.#guarded(() => {
      const { outlets } = this.#devices;
      this.#outlets = outlets.map((outlet) => startRunning(outlet, this.#clock));
      for (const each of this.#outlets) each.onWake(() => this.#wake(each));
      // Whoever watches over us is to know that we run before a command can close a switch.
      this.#onLooked();
      this.#channel.onCommand((command) => this.#guarded(() => this.#obey(command)));
      this.#sayOutlets("ready");
      this.#arm();
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#poll.clear();
    for (const each of this.#outlets) each.cut?.cancel();
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

  /** On a fixed grid; what came late by several intervals is not made up for. */
  readonly #sayAlive = (): void => {
    const lateMs = this.#clock.monotonicMs() - this.#aliveEndsMs;
    const intervals = 1 + Math.max(0, Math.floor(lateMs / ALIVE_INTERVAL_MS));
    this.#aliveEndsMs += ALIVE_INTERVAL_MS * intervals;
    this.#alive = this.#clock.at(this.#aliveEndsMs, this.#sayAlive);
    this.#guarded(() => this.#sayOutlets("alive"));
  };

  #sayOutlets(on: "ready" | "alive"): void {
    const atMs = this.#clock.monotonicMs();
    const outlets = this.#outlets.map((each) => outletReport(each.hot.reported, each.health()));
    const sensors = this.#sensors.map((each) => each.report(atMs));
    this.#isSaid = true;
    this.#channel.report({ on, atMs, outlets, sensors });
  }

  /** Of #guarded, without a function made anew: this is the way of every pulse. */
  #wake(each: RunningOutlet): void {
    if (this.#closed) return;
    try {
      this.#step(each);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #step(each: RunningOutlet, command?: LoopCommand): void {
    const sample = each.sample();
    const seen = command === undefined ? each.hot.look(sample) : "else";
    if (seen === "progress") this.#channel.report(each.hot.progress());
    if (seen !== "else") return;
    this.#isSaid = false;
    const before = each.hot.state;
    const { state, effects } = stepOutlet(before, sample, command);
    each.hot.advance(state, sample);
    // The switch before the words about it.
    for (const effect of effects) each.perform(effect);
    each.follow();
    for (const effect of effects) if (effect.do === "report") this.#channel.report(effect.report);
    if (saysOtherwise(before, state)) this.#sayOutlets("alive");
    if (before.cutAtMs !== state.cutAtMs) this.#armCut(each, state.cutAtMs);
    // A solid-state switch has followed already: it is looked at again at once.
    if (effects.some((effect) => effect.do === "switch")) this.#arm(0);
  }

  #armCut(each: RunningOutlet, cutAtMs: number | undefined): void {
    each.cut?.cancel();
    each.cut = cutAtMs === undefined ? undefined : this.#clock.at(cutAtMs, () => this.#wake(each));
  }

  #obey(command: LoopCommand): void {
    const each = this.#outlets.find(({ rules, hot }) =>
      command.do === "grant"
        ? rules.id === command.outlet
        : sessionOf(hot.phase)?.id === command.session,
    );
    if (each !== undefined) this.#step(each, command);
    else if (command.do === "grant") {
      this.#channel.report(refusedReport(command, "fault", 0, this.#clock.monotonicMs()));
    }
  }

  /** What runs is stopped here and now: it needs no device that hears of it (I9). */
  #press({ id, does }: ButtonPart, atMs: number): void {
    const each = "stop" in does && this.#outlets.find(({ rules }) => rules.id === does.stop);
    const session = each ? sessionOf(each.hot.phase) : undefined;
    if (each && session !== undefined) {
      this.#step(each, { do: "stop", session: session.id, reason: "customer-button" });
    } else {
      this.#channel.report({ on: "button", button: id, atMs });
    }
  }

  #pollMs(): number {
    const nowMs = this.#clock.monotonicMs();
    let isBusy = false;
    for (let i = 0; i < this.#outlets.length; i++) {
      const each = this.#outlets[i];
      if (each === undefined) continue;
      if (each.isMoving(nowMs)) return POLL_MOVING_MS;
      isBusy ||= each.hot.phase.is !== "idle";
    }
    if (isBusy) return this.#pollRunningMs;
    return this.#buttons.length > 0 ? POLL_BUTTONS_MS : this.#pollIdleMs;
  }

  /** Sees to it that the outlets are looked at that soon, or sooner. */
  #arm(delayMs = this.#pollMs()): void {
    const endsMs = this.#clock.monotonicMs() + delayMs;
    if (this.#pollEndsMs <= endsMs) return;
    this.#pollEndsMs = endsMs;
    this.#poll.set(endsMs);
  }

  #look(): void {
    if (this.#closed) return;
    this.#pollEndsMs = Number.NaN;
    try {
      this.#lookAtAll();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** A hundred times a second, and not often enough for the compiler that does away with iterators. */
  #lookAtAll(): void {
    const nowMs = this.#clock.monotonicMs();
    for (let i = 0; i < this.#buttons.length; i++) {
      const button = this.#buttons[i];
      if (button?.look(nowMs)) this.#press(button.part, nowMs);
    }
    for (let i = 0; i < this.#outlets.length; i++) {
      const each = this.#outlets[i];
      if (each === undefined) continue;
      const isIdle = each.hot.phase.is === "idle";
      if (!isIdle || nowMs - each.sampled.nowMs >= this.#pollIdleMs) this.#step(each);
    }
    this.#onLooked();
    if (this.#rest !== undefined && this.#restsFrom(this.#rest)) return;
    this.#arm();
  }

  /** After a look at this time; false when it does not rest. */
  #restsFrom(rest: LoopRest): boolean {
    if (!this.#isSaid || !Number.isNaN(this.#pollEndsMs)) return false;
    const nowMs = this.#clock.monotonicMs();
    for (const each of this.#outlets) {
      if (each.sampled.nowMs !== nowMs || !each.isAtRest()) return false;
    }
    if (!rest.begin(() => this.#rise(nowMs))) return false;
    this.#alive.cancel();
    return true;
  }

  /** Takes up looks and reports where they would be now, and says how many reports were left out. */
  #rise(restedFromMs: number): number {
    if (this.#closed) return 0;
    const nowMs = this.#clock.monotonicMs();
    // One after the other, because a sum of so many fractions is not their product.
    let lookMs = restedFromMs + this.#pollIdleMs;
    for (; lookMs < nowMs; lookMs += this.#pollIdleMs) {
      for (const { sampled } of this.#outlets) {
        if (lookMs - sampled.nowMs >= this.#pollIdleMs) sampled.nowMs = lookMs;
      }
    }
    for (const { sampled, hot } of this.#outlets) hot.rested(sampled.nowMs);
    let left = 0;
    for (; this.#aliveEndsMs < nowMs; left++) this.#aliveEndsMs += ALIVE_INTERVAL_MS;
    // In this order, as of two that are due at once the one with the longer interval was always set first.
    this.#alive = this.#clock.at(this.#aliveEndsMs, this.#sayAlive);
    this.#pollEndsMs = lookMs;
    this.#poll.set(lookMs);
    return left;
  }
}

function saysOtherwise(before: OutletState, after: OutletState): boolean {
  const [was, is] = [before.interlocks.raised, after.interlocks.raised];
  return obstacleOf(before) !== obstacleOf(after) || was.join() !== is.join();
}
