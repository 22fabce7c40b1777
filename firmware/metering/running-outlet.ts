// One outlet as the loop runs it: its opened devices and its pure state side by side. A device that broke reads as
// lost, and so does a switch that could not be told what to do: it is told to open at every reading until that succeeds.

import type { Clock, Timer } from "../../hal/clock.ts";
import type { OutletDevices } from "../../hal/devices.ts";
import type { StopCause } from "../../hal/loop-host.ts";
import { WORDS_CHARACTERS_MAX } from "../../hal/loop-message.ts";
import type { Meter, MeterReading } from "../../hal/meter.ts";
import type { Switch, SwitchState } from "../../hal/switch.ts";
import { HotStep } from "./hot-step.ts";
import { interlockCause, readInterlock } from "./interlock-watch.ts";
import type { InterlockReading } from "./interlocks.ts";
import { lostBy, unlessLost } from "./lost.ts";
import { startOutlet } from "./outlet.ts";
import type { MetersHealth } from "./outlet-report.ts";
import {
  type LoopEffect,
  type OutletRules,
  type OutletSample,
  outletRules,
} from "./outlet-state.ts";

export interface RunningOutlet {
  readonly rules: OutletRules;
  readonly hot: HotStep;
  /** The last sample: always the same object. */
  readonly sampled: OutletSample;
  /** Wakes when the switch is to be told to open between two pulses. The runner's. */
  cut: Timer | undefined;
  /** Takes a new one. */
  sample(): OutletSample;
  /** Does what a step asks of the switch. */
  perform(effect: LoopEffect): void;
  /** Its contact has not followed yet what it was told last, and still has time to. */
  isMoving(nowMs: number): boolean;
  /** Its next look will find what the last one found, whenever that is, unless what it reads has changed. */
  isAtRest(): boolean;
  /** Tells the meters whether the contact is closed. */
  follow(): void;
  onWake(wake: () => void): void;
  health(): MetersHealth;
}

/** Opens the switch and takes a first reading. */
export function startRunning(outlet: OutletDevices, clock: Clock): RunningOutlet {
  let isDeaf = false;
  const meters = outlet.part.meters.map((part) => outlet.meters.get(part.id));
  const set = (closed: boolean): void => {
    isDeaf = unlessLost(() => outlet.switch.set(closed)) === "lost";
  };
  const sampled = {
    nowMs: clock.monotonicMs(),
    switch: "lost" as OutletSample["switch"],
    readings: meters.map((): MeterReading | "lost" => "lost"),
    interlocks: outlet.interlocks.map((): InterlockReading => "stale"),
    causes: outlet.interlocks.map((): StopCause | undefined => undefined),
  };
  const sample = (): OutletSample => {
    const wasDeaf = isDeaf;
    if (wasDeaf) set(false);
    sampled.nowMs = clock.monotonicMs();
    // Lost once also where it opens now: without feedback nothing else tells that it never closed.
    sampled.switch = wasDeaf ? "lost" : readSwitch(outlet.switch);
    for (let i = 0; i < meters.length; i++) sampled.readings[i] = readMeter(meters[i]);
    for (let i = 0; i < outlet.interlocks.length; i++) {
      const device = outlet.interlocks[i];
      if (device === undefined) continue;
      const reading = readInterlock(device, sampled);
      sampled.interlocks[i] = reading;
      sampled.causes[i] =
        reading === "clear" ? undefined : interlockCause(device, reading, sampled.nowMs);
    }
    return sampled;
  };
  set(false);
  const rules = rulesOf(outlet);
  const hot = new HotStep(startOutlet(rules, sample()), sampled);
  return {
    ...{ rules, hot, sampled, sample, cut: undefined },
    perform: (effect) => {
      if (effect.do === "switch") set(effect.closed);
      if (effect.do === "slow") {
        isDeaf = unlessLost(() => outlet.switch.slow?.(effect.slow)) === "lost" || isDeaf;
      }
    },
    isMoving: (atMs) => {
      const { phase } = hot;
      if (sampled.switch === "lost" || sampled.switch.contact !== "unknown") return false;
      return "sinceMs" in phase && atMs - phase.sinceMs <= rules.operateMsMax;
    },
    // A contact that is seen and says nothing is on its way, and has so much time and no more.
    isAtRest: () =>
      hot.isAtRest &&
      sampled.switch !== "lost" &&
      (sampled.switch.contact !== "unknown" || !isSeen(outlet)),
    follow: () => {
      if (sampled.switch === "lost") return;
      const { contact } = sampled.switch;
      const { is } = hot.phase;
      const closed = contact === "closed" || (contact === "unknown" && is === "delivering");
      // One that is seen may still be on its way; of one that nobody sees the command is all that is known.
      if (!closed && contact === "unknown" && is !== "idle" && isSeen(outlet)) return;
      for (const meter of outlet.meters.values()) unlessLost(() => meter.follow(closed));
    },
    onWake: (wake) => {
      for (const meter of outlet.meters.values()) unlessLost(() => meter.onChange(wake));
    },
    health: () => healthOf(outlet),
  };
}

function isSeen({ part: { switch: actuator } }: OutletDevices): boolean {
  return actuator.kind !== "start-signal" && actuator.feedbackLine !== undefined;
}

function rulesOf({ part, meters }: OutletDevices): OutletRules {
  return outletRules(part, (id) => meters.get(id)?.retains === true);
}

function readMeter(meter: Meter | undefined): MeterReading | "lost" {
  if (meter === undefined) return "lost";
  try {
    return meter.read();
  } catch (error) {
    return lostBy(error);
  }
}

function readSwitch(actuator: Switch): SwitchState | "lost" {
  try {
    return actuator.state();
  } catch (error) {
    return lostBy(error);
  }
}

function healthOf({ meters }: OutletDevices): MetersHealth {
  const words: Record<string, string> = {};
  const awaited: string[] = [];
  for (const [id, meter] of meters) {
    const health = unlessLost(() => meter.health?.());
    if (health === undefined || health === "lost" || health.state === "good") continue;
    words[id] = `${health.state}: ${health.message}`.slice(0, WORDS_CHARACTERS_MAX);
    if (health.state === "waiting") awaited.push(id);
  }
  return { words, awaited };
}
