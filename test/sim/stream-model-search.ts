// Visits every state of a stream model, breadth first: holds each against the bounds of what either side risks, and shows for
// each that the delivery can still complete with nothing more going wrong.

import { grantPulses } from "../../firmware/units.ts";
import { keyOf, type Model, PHASES, START, type State, type Step } from "./stream-model.ts";

export interface Explored {
  states: number;
  steps: number;
  /** Steps from the start to the state that is farthest from it. */
  depth: number;
  /** In pulses: delivered and not proved; proved, or let go, and not delivered. */
  sellerWorst: number;
  payerWorst: number;
  /** What does not hold, and how one comes there. */
  trouble?: { what: string; path: readonly string[] };
}

interface Visited {
  states: State[];
  /** The state from which it was first reached, and by which step. */
  before: number[];
  by: string[];
  /** Steps that are no faults: from and to, in pairs. */
  helpful: number[];
  steps: number;
}

export function explore(model: Model, statesMax = 3_000_000): Explored {
  const bounds = new Bounds(model);
  const seen: Visited = { states: [START], before: [-1], by: [""], helpful: [], steps: 0 };
  const places = new Map([[keyOf(START), 0]]);
  const report = (trouble?: { what: string; at: number; last?: string }): Explored => ({
    states: seen.states.length,
    steps: seen.steps,
    depth: pathTo(seen, seen.states.length - 1).length,
    sellerWorst: bounds.sellerWorst,
    payerWorst: bounds.payerWorst,
    ...(trouble && {
      trouble: {
        what: trouble.what,
        path: [...pathTo(seen, trouble.at), ...(trouble.last === undefined ? [] : [trouble.last])],
      },
    }),
  });
  for (let at = 0; at < seen.states.length; at++) {
    const state = seen.states[at] as State;
    const wrong = bounds.broken(state);
    if (wrong !== undefined) return report({ what: wrong, at });
    for (const step of model.steps(state)) {
      seen.steps += 1;
      if (step.next.charged < state.charged) {
        return report({ what: "I4: what was charged is taken back", at, last: step.name });
      }
      visit(seen, places, at, step);
    }
    if (seen.states.length > statesMax) return report({ what: `over ${statesMax} states`, at });
  }
  const stuck = firstStuck(model, seen);
  return report(stuck === undefined ? undefined : { what: "it can never complete", at: stuck });
}

function visit(seen: Visited, places: Map<string, number>, from: number, step: Step): void {
  const key = keyOf(step.next);
  let to = places.get(key);
  if (to === undefined) {
    to = seen.states.length;
    places.set(key, to);
    seen.states.push(step.next);
    seen.before.push(from);
    seen.by.push(step.name);
  }
  if (!step.isFault && to !== from) seen.helpful.push(from, to);
}

function pathTo(seen: Visited, at: number): readonly string[] {
  const path: string[] = [];
  for (let place = at; place > 0; place = seen.before[place] as number) {
    path.push(seen.by[place] as string);
  }
  return path.reverse();
}

class Bounds {
  readonly #model: Model;
  readonly #sellerMost: number;
  readonly #aheadMost: number;
  readonly #begunMost: number;
  sellerWorst = 0;
  payerWorst = 0;

  constructor(model: Model) {
    this.#model = model;
    const { ratio, choices } = model.setting;
    const most = (of: readonly number[]): number => grantPulses(Math.max(...of), ratio);
    this.#sellerMost = most(choices.map(({ window }) => window)) + 1;
    this.#aheadMost = most(choices.map(({ step, window }) => Math.max(0, step - window)));
    // Where a pulse is no whole part of a unit, the one that completes a unit is of the next one too.
    this.#begunMost = grantPulses(1, ratio) - (ratio.denominator === 1 ? 1 : 0);
  }

  /** Which bound a state breaks. */
  broken(s: State): string | undefined {
    const { ratio, register, quantum } = this.#model.setting;
    const seller = s.delivered + s.over - grantPulses(s.proved, ratio);
    this.sellerWorst = Math.max(this.sellerWorst, seller);
    if (seller > this.#sellerMost) return `the seller risks ${seller} pulses`;
    const deaths = s.sessions * (quantum + 1);
    const forgettable = { kept: [0, 0], seller: [0, deaths], payer: [-deaths, deaths] }[register];
    const [least = 0, most = 0] = forgettable;
    if (s.forgotten < least || s.forgotten > most) return `I10: ${s.forgotten} pulses forgotten`;
    const payer = grantPulses(s.releasedMost, ratio) - s.delivered - s.forgotten;
    this.payerWorst = Math.max(this.payerWorst, payer);
    // A unit that was begun is proved at the end of a session, and charged by the pulse.
    const hasStopped = s.sessions > 0 || PHASES[s.phase] === "stopped";
    const atEnd = hasStopped ? this.#begunMost : 0;
    const borne = register === "payer" ? deaths : 0;
    if (payer > Math.max(this.#aheadMost, atEnd) + borne) return `the payer risks ${payer} pulses`;
    if (s.proved > s.releasedMost) return "proof of what was never let go";
    if (s.charged > grantPulses(s.proved, ratio)) return "I4: charged above the proof";
    if (s.charged > s.delivered) return "I4: charged above what was delivered";
    return undefined;
  }
}

/** The first state from which no way leads to the end, though sessions are left and the order is open. */
function firstStuck(model: Model, seen: Visited): number | undefined {
  const { states } = seen;
  const reaches = new Uint8Array(states.length);
  const pending: number[] = [];
  states.forEach((s, at) => {
    if (PHASES[s.phase] === "closed" && s.charged === model.total) pending.push(at);
  });
  for (const at of pending) reaches[at] = 1;
  const into = incoming(seen);
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    for (let i = into.start[at] as number; i < (into.start[at + 1] as number); i++) {
      const from = into.from[i] as number;
      if (reaches[from] === 1) continue;
      reaches[from] = 1;
      pending.push(from);
    }
  }
  const stuck = states.findIndex((s, at) => reaches[at] === 0 && !isSpent(model, s));
  return stuck === -1 ? undefined : stuck;
}

/** Nothing can follow: closed, or its last session is over. */
function isSpent({ setting, total }: Model, s: State): boolean {
  if (PHASES[s.phase] === "closed") return true;
  if (PHASES[s.phase] === "idle") return s.sessions >= setting.sessionsMax;
  // What it delivered without proof before a death is not caught up with once all is delivered.
  return (
    PHASES[s.phase] === "stopped" && s.delivered < total && s.sessions + 1 >= setting.sessionsMax
  );
}

/** Helpful steps by where they lead. */
function incoming({ states, helpful }: Visited): { start: Int32Array; from: Int32Array } {
  const start = new Int32Array(states.length + 1);
  for (let i = 1; i < helpful.length; i += 2)
    start[(helpful[i] as number) + 1] = (start[(helpful[i] as number) + 1] as number) + 1;
  for (let i = 0; i < states.length; i++)
    start[i + 1] = (start[i + 1] as number) + (start[i] as number);
  const next = start.slice();
  const from = new Int32Array(helpful.length / 2);
  for (let i = 0; i < helpful.length; i += 2) {
    const to = helpful[i + 1] as number;
    const place = next[to] as number;
    from[place] = helpful[i] as number;
    next[to] = place + 1;
  }
  return { start, from };
}
