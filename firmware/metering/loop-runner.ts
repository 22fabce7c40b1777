// Runs the metering loop on opened devices: reads on every wake-up, command and poll, steps the pure outlet,
// performs what it asks for. It waits for nothing. Any exception opens every switch before it goes on (I7).

import { after, every, type Timer } from "../../hal/clock.ts";
import type { LoopDevices, OutletDevices } from "../../hal/devices.ts";
import { HalError } from "../../hal/hal-error.ts";
import type { LoopCommand, LoopReport } from "../../hal/loop-host.ts";
import type { Meter, MeterReading } from "../../hal/meter.ts";
import { startOutlet, stepOutlet } from "./outlet.ts";
import { outletReport, refusedReport } from "./outlet-report.ts";
import { type OutletSample, type OutletState, outletRules, sessionOf } from "./outlet-state.ts";

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
  const { clock } = devices;
  const { pollRunningMs = POLL_RUNNING_MS, pollIdleMs = POLL_IDLE_MS } = options;
  let closed = false;
  let poll: Timer | undefined;
  let pollEndsMs = 0;

  const close = (): void => {
    if (closed) return;
    closed = true;
    poll?.cancel();
    alive.cancel();
    devices.close();
  };
  const guarded = (work: () => void): void => {
    if (closed) return;
    try {
      work();
    } catch (error) {
      close();
      throw error;
    }
  };
  const sayOutlets = (on: "ready" | "alive"): void => {
    const outlets = running.map((each) => outletReport(each.state));
    channel.report({ on, atMs: clock.monotonicMs(), outlets });
  };
  const step = (each: RunningOutlet, command?: LoopCommand): void => {
    const before = each.state;
    const { state, effects } = stepOutlet(before, each.sample(clock.monotonicMs()), command);
    each.state = state;
    each.sampledAtMs = clock.monotonicMs();
    // The switch before the words about it.
    for (const effect of effects) if (effect.do === "switch") each.set(effect.closed);
    each.follow();
    for (const effect of effects) if (effect.do === "report") channel.report(effect.report);
    if (state.fault?.reason !== before.fault?.reason) sayOutlets("alive");
    // A solid-state switch has followed already: it is looked at again at once.
    if (effects.some((effect) => effect.do === "switch")) arm(0);
  };
  const obey = (command: LoopCommand): void => {
    const each = running.find((candidate) =>
      command.do === "grant"
        ? candidate.state.rules.id === command.outlet
        : sessionOf(candidate.state.phase)?.id === command.session,
    );
    if (each !== undefined) step(each, command);
    else if (command.do === "grant") {
      channel.report(refusedReport(command, "fault", 0, clock.monotonicMs()));
    }
  };
  const pollMs = (): number => {
    if (running.some((each) => each.isMoving(clock.monotonicMs()))) return POLL_MOVING_MS;
    return running.some((each) => each.state.phase.is !== "idle") ? pollRunningMs : pollIdleMs;
  };
  const arm = (delayMs = pollMs()): void => {
    const endsMs = clock.monotonicMs() + delayMs;
    if (poll !== undefined && pollEndsMs <= endsMs) return;
    poll?.cancel();
    pollEndsMs = endsMs;
    poll = after(clock, delayMs, () =>
      guarded(() => {
        poll = undefined;
        const nowMs = clock.monotonicMs();
        for (const each of running) {
          const idle = each.state.phase.is === "idle";
          if (!idle || nowMs - each.sampledAtMs >= pollIdleMs) step(each);
        }
        arm();
      }),
    );
  };

  const alive = every(clock, ALIVE_INTERVAL_MS, () => guarded(() => sayOutlets("alive")));
  let running: readonly RunningOutlet[] = [];
  guarded(() => {
    running = devices.outlets.map((outlet) => startRunning(outlet, clock.monotonicMs()));
    for (const each of running) each.onWake(() => guarded(() => step(each)));
    channel.onCommand((command) => guarded(() => obey(command)));
    sayOutlets("ready");
    arm();
  });
  return { close };
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

/** Runs a call of a port; only trouble of the world is caught, our own bugs go on up. */
function unlessLost<T>(call: () => T): T | "lost" {
  try {
    return call();
  } catch (error) {
    if (error instanceof HalError) return "lost";
    throw error;
  }
}
