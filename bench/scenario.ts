// A scenario: virtual boards, buyers, what is done to them and when, and what must come of it. Checked data; tools/scenario-file.ts
// reads it from a file, bench/scenario-run.ts runs it.

import type { TestBehaviour } from "../hal/sim/sim-payment-host.ts";
import type { BenchSetup } from "./bench.ts";

export interface Scenario {
  /** In a sentence, for people. */
  about: string;
  setup: BenchSetup;
  buyers: readonly ScenarioBuyer[];
  /** One after the other. */
  steps: readonly Step[];
  /** So long after the world began it ends; a step that has not come by then is a broken expectation. */
  endMs: number;
  /** Looked at in the end. */
  expect: readonly Expectation[];
  /** It may end in the middle of a sale, as a recording may. */
  mayLeaveOpen: boolean;
}

export interface ScenarioBuyer {
  name: string;
  /** What the payment host makes of it. */
  card: TestBehaviour;
}

export interface Step {
  when: StepTime;
  what: StepWork;
}

export type StepTime =
  | { is: "at"; atMs: number }
  /** After the step before it. */
  | { is: "after"; afterMs: number }
  /** After the first such event since the step before; `withinMs` from then it is too late. */
  | { is: "event"; event: EventPattern; withinMs: number; afterMs: number }
  /** As soon as so many pulses flowed at the outlet, since the world began. */
  | { is: "flowed"; board: string; outlet: string; pulses: number; withinMs: number };

/** Fields that a BenchEvent must have, with these values. */
export type EventPattern = Readonly<Record<string, string | number | boolean>>;

export type StepWork =
  /** A BenchAction. */
  | { is: "board"; action: Readonly<Record<string, unknown>> & { board: string; do: string } }
  | { is: "buyer"; buyer: string; does: BuyerAction }
  | { is: "expect"; expect: readonly Expectation[] };

export interface StreamChosen {
  step: number;
  window: number;
}

export type BuyerAction =
  /** The whole of a sale: goes on after every fault that a stubborn person would go on after. */
  | (Wanted & {
      do: "buy";
      card?: TestBehaviour;
      stream?: StreamChosen;
      endAfterPulses?: number;
    })
  | (Wanted & { do: "quote" })
  | { do: "pay"; card?: TestBehaviour; stream?: StreamChosen }
  | { do: "begin"; units?: number }
  | { do: "end" }
  /** Gone from the network, and back. */
  | { do: "vanish" }
  | { do: "return" };

interface Wanted {
  board: string;
  service: number;
  price: number;
  units: number;
}

/** A value that is expected: itself; within bounds; a text that contains it. */
export type Want = string | number | boolean | { least?: number; most?: number } | { has: string };

export interface Expectation {
  of: Subject;
  /** What must be seen of it, by name. */
  wants: Readonly<Record<string, Want>>;
}

export type Subject =
  /** The nth order of the board, from 1, by the time at which it was made. */
  | { is: "order"; board: string; order: number }
  /** How many orders of the board are in that state. */
  | { is: "orders"; board: string; state: string }
  /** What the payment host has of it. */
  | { is: "money"; board: string; currency: string }
  | { is: "outlet"; board: string; outlet: string }
  | { is: "device"; board: string }
  | { is: "display"; board: string }
  | { is: "paper"; board: string }
  /** How often an event happened. */
  | { is: "event"; event: EventPattern }
  | { is: "buyer"; buyer: string }
  /** Everything that went over the broker. */
  | { is: "frames" };
