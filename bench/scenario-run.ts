// Runs a scenario in virtual time, from a seed: the same seed and the same scenario are the same bytes.

import type { Order } from "../firmware/producer/order.ts";
import { countText } from "../firmware/units.ts";
import { expectationsOf, watchClosings } from "./assertions.ts";
import { type Bench, openBench } from "./bench.ts";
import { isOpen, siteViolations } from "./invariants.ts";
import type { EventPattern, Scenario, Step, StepTime } from "./scenario.ts";
import { BuyerOnBench } from "./scenario-buyer.ts";
import { type Finding, flowedPulses, Sights } from "./scenario-sights.ts";
import { Timeline } from "./scenario-words.ts";

export interface TimelineLine {
  atMs: number;
  /** A board, a buyer, or the world. */
  who: string;
  text: string;
}

export interface ScenarioListener {
  line(line: TimelineLine): void;
  finding(finding: Finding): void;
  /** Now and then. */
  progress(nowMs: number): void;
}

export interface ScenarioReport {
  /** How long the world lasted, and events that ran in it. */
  worldMs: number;
  events: number;
  met: number;
  broken: number;
  /** Digest of all that went over the broker. */
  frames: string;
}

/** The time is run in pieces, for progress and so that no order is forgotten unseen. */
const PIECES = 200;
const PIECE_MS_MAX = 6 * 3_600_000;

/** On a bench of its own, or one that was opened from its setup this moment. */
export async function runScenario(
  scenario: Scenario,
  listener: ScenarioListener,
  opened?: Bench,
): Promise<ScenarioReport> {
  const bench = opened ?? (await openBench(scenario.setup));
  return new Run(scenario, bench, listener).run();
}

class Run {
  readonly #scenario: Scenario;
  readonly #bench: Bench;
  readonly #listener: ScenarioListener;
  readonly #sights: Sights;
  /** By board: what broke an invariant at the moment it happened, and outlets whose metal was broken on purpose. */
  readonly #wrong = new Map<string, string[]>();
  readonly #broken = new Map<string, Set<string>>();
  readonly #pieceMs: number;
  #met = 0;
  #failed = 0;

  constructor(scenario: Scenario, bench: Bench, listener: ScenarioListener) {
    this.#scenario = scenario;
    this.#bench = bench;
    this.#listener = listener;
    this.#pieceMs = Math.min(PIECE_MS_MAX, Math.max(1_000, scenario.endMs / PIECES));
    this.#sights = new Sights(bench, patternsOf(scenario));
    for (const [id, site] of bench.sites) {
      const wrong: string[] = [];
      this.#wrong.set(id, wrong);
      this.#broken.set(id, new Set());
      const { board } = scenario.setup.boards.find((one) => one.id === id) ?? {};
      if (board !== undefined) watchClosings(site, board, wrong);
    }
    const timeline = new Timeline();
    bench.onEvent((event) => {
      const text = timeline.words(event);
      if (text !== undefined) listener.line({ atMs: event.atMs, who: event.board, text });
    });
  }

  async run(): Promise<ScenarioReport> {
    const { buyers, steps, endMs, expect } = this.#scenario;
    for (const one of buyers) {
      const { name } = one;
      const consumer = await this.#meanwhile(this.#bench.consumer(name));
      const tell = (text: string): void => this.#say(name, text);
      this.#sights.buyers.set(name, new BuyerOnBench(this.#bench, consumer, one, tell));
    }
    let doneMs = 0;
    for (const [index, step] of steps.entries()) {
      if (!(await this.#wait(step.when, doneMs, index))) break;
      doneMs = this.#bench.world.nowMs();
      this.#sights.noteStep();
      await this.#do(step, index);
      if (this.#hasBug()) break;
    }
    if (!this.#hasBug()) await this.#until(endMs);
    for (const finding of await this.#sights.findings(expect)) this.#find(finding);
    await this.#checkInvariants();
    const { world } = this.#bench;
    return {
      ...{ worldMs: world.nowMs(), events: world.eventsRun(), frames: this.#sights.frames() },
      ...{ met: this.#met, broken: this.#failed },
    };
  }

  /** What needs the world to go on until it is there. */
  async #meanwhile<T>(coming: Promise<T>): Promise<T> {
    let isThere = false;
    const there = coming.finally(() => {
      isThere = true;
    });
    await this.#bench.world.runWhile(() => !isThere, 60_000);
    return there;
  }

  #say(who: string, text: string): void {
    this.#listener.line({ atMs: this.#bench.world.nowMs(), who, text });
  }

  #find(finding: Finding): void {
    if (finding.met) this.#met += 1;
    else this.#failed += 1;
    this.#listener.finding(finding);
  }

  #fail(what: string, seen: string): void {
    this.#find({ atMs: this.#bench.world.nowMs(), what, met: false, seen });
  }

  #hasBug(): boolean {
    return [...this.#bench.sites.values()].some(({ bugs }) => bugs.length > 0);
  }

  #pieceDone(): void {
    this.#sights.noteOrders();
    this.#listener.progress(this.#bench.world.nowMs());
  }

  /** Everything that is due by then has happened. */
  async #until(timeMs: number): Promise<void> {
    const { world } = this.#bench;
    while (world.nowMs() < timeMs && !this.#hasBug()) {
      await world.runUntil(Math.min(timeMs, world.nowMs() + this.#pieceMs));
      this.#pieceDone();
    }
  }

  /** False when it is not so within that time. */
  async #comes(isSo: () => boolean, withinMs: number): Promise<boolean> {
    const { world } = this.#bench;
    const lastMs = Math.min(world.nowMs() + withinMs, this.#scenario.endMs);
    for (;;) {
      const pieceMs = Math.min(this.#pieceMs, lastMs - world.nowMs());
      if (await world.runWhile(() => !isSo() && !this.#hasBug(), pieceMs)) return !this.#hasBug();
      if (world.nowMs() >= lastMs) return false;
      this.#pieceDone();
    }
  }

  /** False when it does not come. */
  async #wait(when: StepTime, doneMs: number, index: number): Promise<boolean> {
    const { world } = this.#bench;
    const step = `step ${index + 1}`;
    if (when.is === "at" || when.is === "after") {
      const timeMs = when.is === "at" ? when.atMs : doneMs + when.afterMs;
      if (timeMs < world.nowMs()) {
        this.#fail(`${step} is done at ${timeMs} ms`, `it is ${world.nowMs()} ms already`);
        return false;
      }
      return this.#goTo(timeMs, step);
    }
    if (!(await this.#comes(this.#condition(when), when.withinMs))) {
      this.#fail(`${step}: ${conditionWords(when)} within ${when.withinMs} ms`, "it does not come");
      return false;
    }
    const laterMs = when.is === "event" ? when.afterMs : 0;
    // All that happens in this very millisecond comes first, as it does when a recording is done again.
    await world.runUntil(world.nowMs());
    return this.#goTo(world.nowMs() + laterMs, step);
  }

  /** Goes there; false where that is after the end. */
  async #goTo(timeMs: number, step: string): Promise<boolean> {
    const { endMs } = this.#scenario;
    if (timeMs > endMs) {
      this.#fail(`${step} comes before the end at ${endMs} ms`, `it comes at ${timeMs} ms`);
      return false;
    }
    await this.#until(timeMs);
    return true;
  }

  #condition(when: Extract<StepTime, { is: "event" | "flowed" }>): () => boolean {
    if (when.is === "flowed") {
      const site = this.#sights.site(when.board);
      return () => flowedPulses(site, when.outlet) >= when.pulses;
    }
    return () => this.#sights.countSinceStep(when.event) > 0;
  }

  async #do({ what }: Step, index: number): Promise<void> {
    if (what.is === "expect") {
      for (const finding of await this.#sights.findings(what.expect)) this.#find(finding);
      return;
    }
    if (what.is === "buyer") {
      this.#sights.buyers.get(what.buyer)?.do(what.does);
      return;
    }
    const { action } = what;
    const answer = this.#bench.act(action);
    if (answer["ok"] !== true) {
      this.#fail(`step ${index + 1}: ${action.do} is done`, String(answer["message"]));
      return;
    }
    const target = answer["target"];
    if (action.do === "break" && typeof target === "string") {
      this.#broken.get(action.board)?.add(target);
    }
  }

  /** A sale that is under way is no breach: the file says so, or gives it the time. */
  #checkOver(board: string, open: readonly Order[]): void {
    if (open.length === 0) return;
    const which = open.slice(0, 3).map(({ id, state }) => `order ${id} is still ${state}`);
    const more = open.length > which.length ? ` and ${open.length - which.length} more` : "";
    const todo = "let `end` be later, or say `mayLeaveOpen: true`";
    this.#fail(`${board}, in the end: no sale is under way`, `${which.join(", ")}${more}: ${todo}`);
  }

  async #checkInvariants(): Promise<void> {
    const { setup, mayLeaveOpen } = this.#scenario;
    for (const one of setup.boards) {
      const { id } = one;
      const site = this.#sights.site(id);
      const expected = expectationsOf(one, this.#broken.get(id) ?? new Set());
      const orders = this.#sights.orders(id);
      if (!mayLeaveOpen) this.#checkOver(id, orders.filter(isOpen));
      const wrong = [
        ...site.bugs.map((bug) => `the program failed: ${String(bug)}`),
        ...(this.#wrong.get(id) ?? []),
        ...(await siteViolations(
          this.#bench.witnesses(id),
          orders,
          expected,
          // Of one that is not over it was said.
          true,
        )),
      ];
      const atMs = this.#bench.world.nowMs();
      const what = `${id}, always: nothing flows unpaid, and the books balance`;
      this.#find({ atMs, what, met: wrong.length === 0, seen: wrong.join("; ") || "so it is" });
    }
  }
}

function conditionWords(when: Extract<StepTime, { is: "event" | "flowed" }>): string {
  if (when.is === "event") return `event ${JSON.stringify(when.event)} comes`;
  return `${countText(when.pulses, "pulse")} at ${when.outlet}`;
}

function patternsOf({ steps, expect }: Scenario): readonly EventPattern[] {
  const looked = [
    ...expect,
    ...steps.flatMap(({ what }) => (what.is === "expect" ? what.expect : [])),
  ];
  return [
    ...steps.flatMap(({ when }) => (when.is === "event" ? [when.event] : [])),
    ...looked.flatMap(({ of }) => (of.is === "event" ? [of.event] : [])),
  ];
}
