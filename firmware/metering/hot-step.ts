// The looks at which nothing but pulses happens, and at an idle outlet nothing at all, which are nearly all: their numbers
// are kept in place and nothing is allocated, so that there is nothing to collect while somebody waits for a cut.
// Whatever else happens is left to the pure step; on any stream of samples the two together do what it does alone.

import type { LoopReport } from "../../hal/loop-host.ts";
import type { SwitchState } from "../../hal/switch.ts";
import { BURST_PULSES, isCount } from "./counter.ts";
import { PROGRESS_INTERVAL_MS } from "./outlet.ts";
import { watchesFrom } from "./outlet-flow.ts";
import {
  type MeterRules,
  type OutletSample,
  type OutletState,
  type Phase,
  type Session,
  sessionOf,
} from "./outlet-state.ts";

/** A meter's numbers of MeterState, in place. */
interface HotMeter {
  /** Infinity where any rise is plausible. */
  readonly pulsesPerSecondMax: number;
  readonly burstMax: number;
  readonly isPolled: boolean;
  count: number;
  atMs: number;
  burst: number;
  pulses: number;
  fromMs: number;
  readMs: number;
  /** Of the sample in hand, until all of it is known to be plain. */
  nextAtMs: number;
  nextBurst: number;
}

/** The session's numbers, in place. */
interface HotSession {
  /** Its meter, among those of the outlet. */
  meter: number;
  delivered: number;
  /** The delivered count that the pure step has to see. */
  limit: number;
  halfMark: number;
  pulseAtMs: number;
  stuckAfterMs: number;
  reportedAtMs: number;
  reportedPulses: number;
}

export class HotStep {
  readonly #meters: readonly HotMeter[];
  readonly #session: HotSession = {
    ...{ meter: 0, delivered: 0, limit: 0, halfMark: 0, stuckAfterMs: 0 },
    ...{ pulseAtMs: 0, reportedAtMs: 0, reportedPulses: 0 },
  };
  #state: OutletState;
  #contact: SwitchState["contact"] = "unknown";
  /** What goes on, where it is plain enough to be looked at here. */
  #goesOn: "idle" | "delivering" | "else" = "else";
  /** The numbers in place are newer than the state. */
  #isAhead = false;

  constructor(state: OutletState, sample: OutletSample) {
    this.#state = state;
    this.#meters = state.rules.meters.map(hotMeter);
    this.advance(state, sample);
  }

  /** As of the last look. */
  get state(): OutletState {
    if (this.#isAhead) this.#state = this.#caughtUp();
    this.#isAhead = false;
    return this.#state;
  }

  /** The same for a report: the times of an idle outlet's meters, which are in none, may be behind. */
  get reported(): OutletState {
    return this.#goesOn === "idle" ? this.#state : this.state;
  }

  /** What the outlet is doing, at no cost; the numbers of its session may be behind. */
  get phase(): Phase {
    return this.#state.phase;
  }

  /** Idle, and the numbers of its meters are what the next look will find that nothing has come through. */
  get isAtRest(): boolean {
    if (this.#goesOn !== "idle") return false;
    for (const { isPolled, pulsesPerSecondMax, burst, burstMax } of this.#meters) {
      if (isPolled || (pulsesPerSecondMax !== Infinity && burst !== burstMax)) return false;
    }
    return true;
  }

  /** As after a look at that time, at which nothing had changed. Of one at rest. */
  rested(atMs: number): void {
    for (const meter of this.#meters) {
      meter.fromMs = atMs;
      meter.readMs = atMs;
      meter.atMs = atMs;
      meter.pulses = 0;
    }
    this.#isAhead = true;
  }

  /** The pure step was taken. */
  advance(state: OutletState, sample: OutletSample): void {
    this.#state = state;
    this.#isAhead = false;
    const { phase } = state;
    const isHot =
      (phase.is === "idle" || phase.is === "delivering") &&
      this.#isPlain(state, sample) &&
      (phase.is === "idle" ? this.#takeMeters(state) : this.#take(state, phase));
    this.#goesOn = isHot ? phase.is : "else";
  }

  /**
   * `pulses`: the sample has brought pulses, or nothing, and no more. `progress`: the same, and the other side is to
   * hear of it now. `else`: nothing of it was taken in.
   */
  look(sample: OutletSample): "pulses" | "progress" | "else" {
    if (this.#goesOn === "else" || !this.#isQuiet(sample) || !this.#isPlausible(sample)) {
      return "else";
    }
    return this.#goesOn === "idle" ? this.#lookIdle(sample) : this.#lookDelivering(sample);
  }

  /** A pulse through an open switch may be a leak. */
  #lookIdle(sample: OutletSample): "pulses" | "else" {
    for (let i = 0; i < this.#meters.length; i++) {
      const reading = sample.readings[i];
      if (reading === undefined || reading === "lost") return "else";
      if (reading.count !== this.#meters[i]?.count) return "else";
    }
    this.#takePulses(sample);
    this.#isAhead = true;
    return "pulses";
  }

  #lookDelivering(sample: OutletSample): "pulses" | "progress" | "else" {
    const session = this.#session;
    const { nowMs } = sample;
    const reading = sample.readings[session.meter];
    const meter = this.#meters[session.meter];
    if (reading === undefined || reading === "lost" || meter === undefined) return "else";
    const pulses = reading.count - meter.count;
    const delivered = session.delivered + pulses;
    if (delivered >= session.limit) return "else";
    if (pulses === 0 && nowMs - session.pulseAtMs >= session.stuckAfterMs) return "else";
    session.delivered = delivered;
    if (pulses > 0) session.pulseAtMs = nowMs;
    this.#takePulses(sample);
    this.#isAhead = true;
    if (delivered === session.reportedPulses) return "pulses";
    const passedHalf = session.reportedPulses < session.halfMark && delivered >= session.halfMark;
    if (!passedHalf && nowMs - session.reportedAtMs < PROGRESS_INTERVAL_MS) return "pulses";
    session.reportedPulses = delivered;
    session.reportedAtMs = nowMs;
    return "progress";
  }

  /** Of the last look, which said so. */
  progress(): LoopReport {
    return {
      on: "progress",
      session: sessionOf(this.#state.phase)?.id ?? "",
      pulses: this.#session.delivered,
      reading: this.#meters[this.#session.meter]?.count ?? 0,
      held: false,
      atMs: this.#session.reportedAtMs,
    };
  }

  /** Nothing is the matter, and nothing is waited for. */
  #isPlain(state: OutletState, sample: OutletSample): boolean {
    const { fault, interlocks, itemSinceMs, flow, cutAtMs } = state;
    if (fault !== undefined || interlocks.block !== undefined) return false;
    if (itemSinceMs !== undefined || flow !== undefined || cutAtMs !== undefined) return false;
    if (sample.switch === "lost" || sample.switch.fault !== undefined) return false;
    this.#contact = sample.switch.contact;
    // Where no feedback is fitted it is taken to be open again some time after it was told so.
    return this.#contact !== "unknown" || state.isOpen;
  }

  /** Puts the numbers in place, where nothing is going on but a delivery far enough from its end. */
  #take(state: OutletState, phase: Phase & { is: "delivering" }): boolean {
    const { rules } = state;
    const { session } = phase;
    if (rules.item !== undefined) return false;
    const index = rules.meters.findIndex(({ id }) => id === session.meter);
    const limit = limitOf(state, session);
    if (index < 0 || session.delivered >= limit || !this.#takeMeters(state)) return false;
    const hot = this.#session;
    hot.meter = index;
    hot.delivered = session.delivered;
    hot.limit = limit;
    hot.halfMark = session.halfMark;
    hot.pulseAtMs = phase.pulseAtMs;
    hot.stuckAfterMs = rules.meters[index]?.stuckAfterMs ?? Infinity;
    hot.reportedAtMs = session.reportedAtMs;
    hot.reportedPulses = session.reportedPulses;
    return true;
  }

  #takeMeters({ meters }: OutletState): boolean {
    for (const [i, hot] of this.#meters.entries()) {
      const meter = meters[i];
      if (meter?.counter === undefined || meter.lost || meter.wrong) return false;
      if (meter.trouble !== undefined) return false;
      hot.count = meter.counter.count;
      hot.atMs = meter.counter.atMs;
      hot.burst = meter.counter.burst;
      hot.pulses = meter.pulses;
      hot.fromMs = meter.fromMs;
      hot.readMs = meter.readMs;
    }
    return true;
  }

  #isQuiet(sample: OutletSample): boolean {
    const { switch: read, interlocks } = sample;
    if (read === "lost" || read.contact !== this.#contact || read.fault !== undefined) return false;
    for (let i = 0; i < interlocks.length; i++) if (interlocks[i] !== "clear") return false;
    return true;
  }

  /** As readCounter() judges it. */
  #isPlausible(sample: OutletSample): boolean {
    const { readings, nowMs } = sample;
    for (let i = 0; i < this.#meters.length; i++) {
      const meter = this.#meters[i];
      const reading = readings[i];
      if (meter === undefined || reading === undefined || reading === "lost") return false;
      const { count } = reading;
      const pulses = count - meter.count;
      if (!isCount(count) || pulses < 0) return false;
      meter.nextAtMs = pulses === 0 && !meter.isPolled ? nowMs : reading.atMs;
      meter.nextBurst = meter.burst;
      if (meter.pulsesPerSecondMax === Infinity) continue;
      const elapsedMs = Math.max(0, meter.nextAtMs - meter.atMs);
      const left = meter.burst + (meter.pulsesPerSecondMax * elapsedMs) / 1000 - pulses;
      if (left < 0) return false;
      meter.nextBurst = Math.min(meter.burstMax, left);
    }
    return true;
  }

  #takePulses(sample: OutletSample): void {
    const { readings, nowMs } = sample;
    for (let i = 0; i < this.#meters.length; i++) {
      const meter = this.#meters[i];
      const reading = readings[i];
      if (meter === undefined || reading === undefined || reading === "lost") continue;
      meter.fromMs = meter.isPolled ? meter.atMs : meter.readMs;
      meter.readMs = meter.isPolled ? reading.atMs : nowMs;
      meter.pulses = reading.count - meter.count;
      meter.count = reading.count;
      meter.atMs = meter.nextAtMs;
      meter.burst = meter.nextBurst;
    }
  }

  #caughtUp(): OutletState {
    const { phase } = this.#state;
    const meters = this.#state.meters.map((meter, i) => {
      const hot = this.#meters[i];
      if (hot === undefined) return meter;
      const { count, atMs, burst, pulses, fromMs, readMs } = hot;
      return { ...meter, counter: { count, atMs, burst }, pulses, fromMs, readMs };
    });
    if (phase.is !== "delivering") return { ...this.#state, meters };
    const { delivered, pulseAtMs, reportedAtMs, reportedPulses } = this.#session;
    const session = { ...phase.session, delivered, reportedAtMs, reportedPulses };
    return { ...this.#state, meters, phase: { ...phase, session, pulseAtMs } };
  }
}

function hotMeter({ pulsesPerSecondMax, poll }: MeterRules): HotMeter {
  const max = pulsesPerSecondMax ?? Infinity;
  const early = poll === undefined || max === Infinity ? 0 : (max * poll.intervalMs) / 1000;
  return {
    ...{ pulsesPerSecondMax: max, burstMax: BURST_PULSES + early, isPolled: poll !== undefined },
    ...{ count: 0, atMs: 0, burst: 0, pulses: 0, fromMs: 0, readMs: 0, nextAtMs: 0, nextBurst: 0 },
  };
}

/** Where it holds, slows down, or begins to look at each pulse. */
function limitOf(state: OutletState, session: Session): number {
  const { rules, slow } = state;
  const { slowPulses = -Infinity } = rules;
  const slowsAt = slow ? Infinity : session.total - slowPulses;
  return Math.min(session.granted, slowsAt, watchesFrom(state, session));
}
