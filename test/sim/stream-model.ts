// Seller and payer of a streamed order, a network between them that loses, repeats and reorders, and a death of either at
// any moment: every step that may follow any state. What the two decide is the product's own code; what is around it (what is
// on disk, what a report or a begin carries) is modelled here.

import { chargedPulses, type SellerStream } from "../../firmware/producer/stream-seller.ts";
import { coveredPulses, grantPulses } from "../../firmware/units.ts";
import {
  type Choice,
  ORDER,
  productRules,
  type Rules,
  type Setting,
} from "./stream-model-rules.ts";

export const PHASES = ["idle", "running", "stopped", "closed"] as const;

/** All numbers: pulses and units of the whole order. */
export interface State {
  /** Index in PHASES. */
  phase: number;
  /** Pulses that the seller has counted, and one more that ran on past the reservation. */
  delivered: number;
  over: number;
  proved: number;
  charged: number;
  unpaidBefore: number;
  sessions: number;
  /** A bit for each choice by which the running session goes, or the last one did. */
  chosen: number;
  /** On the seller's disk. */
  provedKept: number;
  reserved: number;
  recorded: number;
  /** What the loop was told, where that can be more. */
  granted: number;
  /** A bit for each count at which a session stopped, and that would let more go. */
  stops: number;
  /** Flowed, and counted by nobody; negative for what was counted and never flowed. */
  forgotten: number;
  /** The most that was ever told, where a count may fall. */
  toldMost: number;
  released: number;
  releasedKept: number;
  releasedMost: number;
  /** The session that the payer last asked for, with which choice and proof, and a bit for each choice with which he did. */
  asked: number;
  askedChoice: number;
  askedChoices: number;
  askedUnits: number;
  /** What he asked was heard: it is not asked again by itself. */
  answered: number;
  /** Under way, in rising order; unused where all that was ever sent may come. */
  toPayer: readonly number[];
  toSeller: readonly number[];
}

export const START: State = {
  ...{ phase: 0, delivered: 0, over: 0, proved: 0, charged: 0, unpaidBefore: 0, sessions: 0 },
  ...{ chosen: 1, provedKept: 0, reserved: 0, recorded: 0, granted: 0, stops: 0, forgotten: 0 },
  ...{ released: 0, releasedKept: 0, releasedMost: 0, asked: 0, askedChoice: 0, askedChoices: 0 },
  ...{ askedUnits: 0, answered: 0, toldMost: 0, toPayer: [], toSeller: [] },
};

const NOT_ASKED = { asked: 0, askedChoice: 0, askedChoices: 0, askedUnits: 0, answered: 0 };
const FORGOTTEN_ZERO = 64;

export function keyOf(s: State): string {
  return String.fromCharCode(
    ...[s.phase, s.delivered, s.over, s.proved, s.charged, s.unpaidBefore, s.sessions, s.chosen],
    ...[s.provedKept, s.reserved, s.recorded, s.granted, s.stops, s.forgotten + FORGOTTEN_ZERO],
    ...[s.released, s.releasedKept, s.releasedMost, s.asked, s.askedChoice, s.askedChoices],
    ...[s.askedUnits, s.answered, s.toldMost],
    s.toPayer.length,
    ...s.toPayer,
    ...s.toSeller,
  );
}

/** Metering: a count, and whether it is a stopped session's. */
const metering = (pulses: number, isEnded: boolean): number => pulses * 2 + (isEnded ? 1 : 0);
/** A proof is its number of units; a begin says session, choice and the last proof too. */
const BEGIN = 256;
const begin = (session: number, choice: number, units: number): number =>
  BEGIN + ((session * 8 + choice) * 16 + units);

export interface Step {
  name: string;
  next: State;
  /** Death, loss, time that ran out, or what came late: nothing that has to happen for the delivery to complete. */
  isFault: boolean;
}

const NO_LINK = new Uint8Array(16);

/** All that may happen next. */
export class Model {
  readonly setting: Setting;
  readonly #rules: Rules;
  readonly total: number;

  constructor(setting: Setting, rules: Rules = productRules(setting)) {
    this.setting = setting;
    this.#rules = rules;
    this.total = grantPulses(setting.units, setting.ratio);
  }

  steps(s: State): readonly Step[] {
    const out: Step[] = [];
    const add = (name: string, change: Partial<State>, isFault = false): void => {
      out.push({ name, next: this.#plain({ ...s, ...change }), isFault });
    };
    if (PHASES[s.phase] === "running") this.#deliver(s, add);
    if (PHASES[s.phase] === "stopped") this.#settle(s, add);
    if (PHASES[s.phase] === "idle") {
      add("the order is closed", { phase: 3 }, true);
      // Whoever hears no may ask otherwise; what was answered is not answered anew.
      const toSeller = s.toSeller.filter((message) => message < BEGIN);
      if (s.asked > s.sessions) {
        add("begin is refused: busy", { ...NOT_ASKED, toSeller }, true);
      }
    }
    this.#pay(s, add);
    this.#die(s, add);
    if (this.setting.channel === "all") this.#anything(s, add);
    else this.#channels(s, this.setting.channel, add);
    return out;
  }

  /** The larger of each, where a session was joined by other terms. */
  #terms(chosen: number): Choice {
    const all = this.setting.choices.filter((_, index) => (chosen >> index) & 1);
    return {
      step: Math.max(...all.map(({ step }) => step)),
      window: Math.max(...all.map(({ window }) => window)),
    };
  }

  /** Else whoever joins says nothing new. */
  #hasChoice(): boolean {
    return this.setting.choices.length > 1;
  }

  #stream(proved: number, chosen: number): SellerStream {
    const { units, ratio } = this.setting;
    return {
      order: ORDER,
      units,
      ratio,
      proved,
      link: NO_LINK,
      ...this.#terms(chosen),
    };
  }

  /** Without what can make no difference any more, so that equal states are found to be equal. */
  #plain(s: State): State {
    const { register, channel, ratio, units } = this.setting;
    if (register !== "seller") s.recorded = 0;
    else s.toldMost = Math.max(s.toldMost, s.delivered);
    if (!this.#rules.usesUnpaid) s.unpaidBefore = 0;
    if (!this.#hasChoice()) s.answered = 0;
    if (channel !== "all") return s;
    s.released = this.setting.recalls === "all" ? s.releasedMost : 0;
    s.releasedKept = s.released;
    for (let pulses = 0; s.stops >> pulses > 0; pulses++) {
      if (coveredPulses(s.releasedMost, units, ratio) >= pulses) s.stops &= ~(1 << pulses);
    }
    return s;
  }

  #deliver(s: State, add: Add): void {
    if (s.over === 0 && s.delivered < s.granted) {
      add("a pulse", { delivered: s.delivered + 1 });
    }
    if (s.over === 0 && s.delivered === s.granted) add("one runs on", { over: 1 });
    const wanted = this.#rules.limit(this.#stream(s.proved, s.chosen), s.unpaidBefore);
    const limit = Math.min(wanted, this.total, s.delivered + s.over + this.setting.quantum);
    // What ran on past a hold is part of the grant that ends the hold.
    const over = limit > s.granted ? { delivered: s.delivered + s.over, over: 0 } : {};
    if (limit > s.reserved) {
      const kept = { reserved: limit, recorded: s.delivered, provedKept: this.#kept(s) };
      add("more is reserved", { ...kept, granted: limit, ...over });
    }
    if (!this.#rules.reservesFirst && limit > s.granted) {
      add("more is granted", { granted: limit, ...over });
    }
    const isFault = s.delivered < this.total;
    add("it stops", { phase: 2, stops: s.stops | (1 << s.delivered) }, isFault);
  }

  #kept(s: State): number {
    return this.#rules.keepsProof ? s.proved : s.provedKept;
  }

  #settle(s: State, add: Add): void {
    if (s.over === 0) add("one runs on", { over: 1 });
    const { units, ratio } = this.setting;
    const isWaiting = s.delivered > coveredPulses(s.proved, units, ratio);
    const ended = this.#ended(s, s.delivered, s.proved);
    add("the session ends", ended, isWaiting);
    if (s.delivered < this.total) add("the order ends", { ...ended, phase: 3 }, true);
  }

  #ended(s: State, delivered: number, proved: number): Partial<State> {
    const charged = chargedPulses(this.#stream(proved, s.chosen), delivered);
    return {
      ...{ phase: delivered >= this.total ? 3 : 0, delivered, over: 0, proved, charged },
      ...{ unpaidBefore: delivered - charged, sessions: s.sessions + 1, provedKept: proved },
      ...{ reserved: delivered, granted: delivered, recorded: delivered },
    };
  }

  #pay(s: State, add: Add): void {
    if (s.releasedKept !== s.released) {
      add("the payer's journal follows", { releasedKept: s.released });
    }
    const session = s.sessions + 1;
    if (PHASES[s.phase] === "closed" || session > this.setting.sessionsMax) return;
    this.setting.choices.forEach((_, index) => {
      const isAsked = s.asked === session;
      const released = this.#due(s, index, s.delivered, false);
      const sent = this.#sent(s, "toSeller", begin(session, index, released));
      if (sent === undefined) return;
      const askedChoices = (isAsked ? s.askedChoices : 0) | (1 << index);
      const asked = {
        asked: session,
        askedChoice: index,
        askedChoices,
        askedUnits: released,
        answered: 0,
      };
      const next = { ...asked, ...sent, ...this.#released(s, released) };
      const isFault = isAsked && (index !== s.askedChoice || s.answered === 1);
      add(`the payer begins ${session}, ${index}, with ${released}`, next, isFault);
    });
  }

  #due(s: State, choice: number, pulses: number, isEnded: boolean): number {
    const { units, ratio } = this.setting;
    const stream = {
      units,
      ratio,
      released: s.released,
      ...(this.setting.choices[choice] as Choice),
    };
    return this.#rules.due(stream, pulses, isEnded, s.proved);
  }

  #released(s: State, released: number): Partial<State> {
    return { released, releasedMost: Math.max(s.releasedMost, released) };
  }

  #die(s: State, add: Add): void {
    if (s.released !== s.releasedKept) {
      add("the payer dies", { released: s.releasedKept }, true);
    }
    // On disk is all that an idle seller knows.
    if (PHASES[s.phase] === "closed" || PHASES[s.phase] === "idle") return;
    const flowed = s.delivered + s.over;
    const assumed = { kept: Math.min(flowed, s.reserved), seller: s.recorded, payer: s.reserved };
    const counted = assumed[this.setting.register];
    // What is beyond the grant ran on.
    const forgotten = s.forgotten + Math.min(flowed, s.granted) - counted;
    add("the seller dies", { ...this.#ended(s, counted, s.provedKept), forgotten }, true);
  }

  #hear(s: State, message: number, left: Partial<State>, add: Add, isFault = false): void {
    const pulses = message >> 1;
    const isEnded = (message & 1) === 1;
    const released = this.#due(s, s.askedChoice, pulses, isEnded);
    if (this.setting.channel === "all" && released <= s.releasedMost) return;
    const name = `the payer hears ${pulses}${isEnded ? ", ended" : ""}`;
    add(name, { ...left, ...this.#released(s, released) }, isFault);
  }

  #take(s: State, message: number, left: Partial<State>, add: Add, isFault = false): void {
    if (message >= BEGIN) this.#begin(s, message - BEGIN, left, add, isFault);
    else this.#prove(s, message, left, add, isFault);
  }

  #prove(s: State, message: number, left: Partial<State>, add: Add, isFault: boolean): void {
    const isOpen = PHASES[s.phase] === "running" || PHASES[s.phase] === "stopped";
    const verdict = isOpen ? this.#rules.judge(this.#stream(s.proved, s.chosen), message) : "old";
    if (this.setting.channel === "all" && verdict !== "good") return;
    const proved = verdict === "good" ? message : s.proved;
    add(`proof of ${message}: ${verdict}`, { ...left, proved }, isFault);
  }

  #begin(s: State, message: number, left: Partial<State>, add: Add, isFault: boolean): void {
    const [session, choice, units] = [message >> 7, (message >> 4) & 7, message & 15];
    const begun = this.#begun(s, session as number, choice as number, units as number);
    if (typeof begun !== "string") {
      const answered = choice === s.askedChoice && units === s.askedUnits ? 1 : s.answered;
      const isAgain = isFault || s.answered === 1;
      add(`session ${session} begins with ${units}`, { ...left, ...begun, answered }, isAgain);
    } else if (this.setting.channel !== "all") add(`begin is refused: ${begun}`, left);
  }

  /** What a begin changes, or why it is refused. */
  #begun(s: State, session: number, choice: number, units: number): Partial<State> | string {
    const isRunning = PHASES[s.phase] === "running" || PHASES[s.phase] === "stopped";
    const isJoined = isRunning && this.#rules.adoptsChoice && this.#hasChoice();
    const isOpen = PHASES[s.phase] === "idle" || isJoined;
    if (!isOpen || session !== s.sessions + 1) return "not the next";
    const chosen = isRunning ? s.chosen | (1 << choice) : 1 << choice;
    const stream = this.#stream(s.proved, chosen);
    const before = this.#terms(s.chosen);
    const verdict = units === 0 ? "old" : this.#rules.judgeFirst(stream, units, before);
    if (verdict === "too-far" || verdict === "wrong") return verdict;
    const proved = verdict === "good" ? units : s.proved;
    if (isRunning) return { chosen, proved };
    const wanted = this.#rules.limit({ ...stream, proved }, s.unpaidBefore);
    const limit = Math.min(wanted, this.total, s.delivered + this.setting.quantum);
    if (limit <= s.delivered) return "nothing may flow";
    return {
      ...{ phase: 1, chosen, proved, provedKept: proved },
      ...{ reserved: limit, recorded: s.delivered, granted: limit, over: 0 },
    };
  }

  /** Adds a message to what is under way; undefined where no more can be. */
  #sent(s: State, to: "toPayer" | "toSeller", message: number): Partial<State> | undefined {
    if (this.setting.channel === "all" || s[to].includes(message)) return {};
    if (s[to].length >= this.setting.channel) return undefined;
    return { [to]: [...s[to], message].sort((a, b) => a - b) };
  }

  /** Whatever was ever sent comes, again or for the first time; a link also gives away those before it. */
  #anything(s: State, add: Add): void {
    const isStopped = PHASES[s.phase] === "stopped";
    for (let pulses = 0; pulses <= Math.max(s.delivered, s.toldMost); pulses++) {
      const isLate = pulses !== s.delivered;
      this.#hear(s, metering(pulses, false), {}, add, isLate || isStopped);
      const hasStopped = (s.stops >> pulses) & 1;
      if (hasStopped) this.#hear(s, metering(pulses, true), {}, add, isLate || !isStopped);
    }
    const latest = this.#due(s, s.askedChoice, s.delivered, isStopped);
    for (let units = 1; units <= s.releasedMost; units++) {
      this.#take(s, units, {}, add, units !== latest);
    }
    if (PHASES[s.phase] === "closed" || s.asked !== s.sessions + 1) return;
    for (let choice = 0; choice < this.setting.choices.length; choice++) {
      if (((s.askedChoices >> choice) & 1) === 0) continue;
      this.#take(s, begin(s.asked, choice, s.askedUnits), {}, add, choice !== s.askedChoice);
    }
  }

  /** At most so many each way, in any order; each comes, comes and will come again, or is lost. */
  #channels(s: State, _most: number, add: Add): void {
    const isEnded = PHASES[s.phase] === "stopped";
    if (s.phase !== 3) {
      const told = this.#sent(s, "toPayer", metering(s.delivered, isEnded));
      if (told?.toPayer !== undefined) add("the seller tells", told);
    }
    const proof = s.released > 0 ? this.#sent(s, "toSeller", s.released) : undefined;
    if (proof?.toSeller !== undefined) add("the payer proves", proof);
    for (const message of s.toPayer) {
      const left = { toPayer: s.toPayer.filter((one) => one !== message) };
      this.#hear(s, message, left, add);
      this.#hear(s, message, {}, add);
      add("a report is lost", left, true);
    }
    for (const message of s.toSeller) {
      const left = { toSeller: s.toSeller.filter((one) => one !== message) };
      this.#take(s, message, left, add);
      this.#take(s, message, {}, add);
      add("a proof or a begin is lost", left, true);
    }
  }
}

type Add = (name: string, change: Partial<State>, isFault?: boolean) => void;
