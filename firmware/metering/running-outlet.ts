// One outlet as the loop runs it: its opened devices and its pure state side by side. A device that broke reads as
// lost, and so does a switch that could not be told what to do: it is told to open at every reading until that succeeds.

import type { OutletDevices } from "../../hal/devices.ts";
import { WORDS_CHARACTERS_MAX } from "../../hal/loop-message.ts";
import type { Meter, MeterReading } from "../../hal/meter.ts";
import { readInterlock } from "./interlock-watch.ts";
import { unlessLost } from "./lost.ts";
import { startOutlet } from "./outlet.ts";
import {
  type LoopEffect,
  type OutletRules,
  type OutletSample,
  type OutletState,
  outletRules,
} from "./outlet-state.ts";

export interface RunningOutlet {
  state: OutletState;
  sampledAtMs: number;
  sample(nowMs: number): OutletSample;
  /** Does what a step asks of the switch. */
  perform(effect: LoopEffect): void;
  /** Its contact has not followed yet what it was told last, and still has time to. */
  isMoving(nowMs: number): boolean;
  /** Tells the meters whether the contact is closed. */
  follow(): void;
  onWake(wake: () => void): void;
  /** What the meters that are not well say of themselves, by id. */
  health(): Record<string, string>;
}

/** Opens the switch and takes a first reading. */
export function startRunning(outlet: OutletDevices, nowMs: number): RunningOutlet {
  let lastSwitch: OutletSample["switch"] = "lost";
  let isDeaf = false;
  const meters = outlet.part.meters.map((part) => outlet.meters.get(part.id));
  const set = (closed: boolean): void => {
    isDeaf = unlessLost(() => outlet.switch.set(closed)) === "lost";
  };
  const sample = (atMs: number): OutletSample => {
    const wasDeaf = isDeaf;
    if (wasDeaf) set(false);
    // Lost once also where it opens now: without feedback nothing else tells that it never closed.
    lastSwitch = wasDeaf ? "lost" : unlessLost(() => outlet.switch.state());
    return {
      nowMs: atMs,
      switch: lastSwitch,
      readings: meters.map(readMeter),
      interlocks: outlet.interlocks.map((device) => readInterlock(device, atMs)),
    };
  };
  set(false);
  const running: RunningOutlet = {
    state: startOutlet(rulesOf(outlet), sample(nowMs)),
    sampledAtMs: nowMs,
    sample,
    perform: (effect) => {
      if (effect.do === "switch") set(effect.closed);
      if (effect.do === "slow") {
        isDeaf = unlessLost(() => outlet.switch.slow?.(effect.slow)) === "lost" || isDeaf;
      }
    },
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
    health: () => healthOf(outlet),
  };
  return running;
}

function rulesOf({ part, meters }: OutletDevices): OutletRules {
  return outletRules(part, (id) => meters.get(id)?.retains === true);
}

function readMeter(meter: Meter | undefined): MeterReading | "lost" {
  return meter === undefined ? "lost" : unlessLost(() => meter.read());
}

function healthOf({ meters }: OutletDevices): Record<string, string> {
  const words: Record<string, string> = {};
  for (const [id, meter] of meters) {
    const health = unlessLost(() => meter.health?.());
    if (health === undefined || health === "lost" || health.state === "good") continue;
    words[id] = `${health.state}: ${health.message}`.slice(0, WORDS_CHARACTERS_MAX);
  }
  return words;
}
