// What must hold on a bench whatever is done to it: nothing flows that is not paid for, the books balance, the receipts
// verify. A witness watches from the start and says at any time what does not.

import type { Order } from "../firmware/producer/order.ts";
import type { Board, OutletPart, SwitchPart } from "../hal/board.ts";
import type { Bench, BenchBoardSetup } from "./bench.ts";
import { checkClosing, durableOrders, type Expectation, siteViolations } from "./invariants.ts";
import type { Site } from "./site.ts";

/** A device forgets an order a day after it closed. */
const NOTE_ORDERS_MS = 6 * 3_600_000;

interface Watched {
  setup: BenchBoardSetup;
  site: Site;
  orders: Map<string, Order>;
  /** What broke an invariant at the moment it happened. */
  wrong: string[];
  /** Outlets whose metal was broken on purpose. */
  broken: Set<string>;
}

export class BenchWitness {
  readonly #bench: Bench;
  readonly #watched: readonly Watched[];

  /** Of a bench that was opened from these boards this moment. */
  constructor(bench: Bench, boards: readonly BenchBoardSetup[]) {
    this.#bench = bench;
    this.#watched = boards.flatMap((setup): Watched[] => {
      const site = bench.sites.get(setup.id);
      if (site === undefined) return [];
      const wrong: string[] = [];
      watchClosings(site, setup.board, wrong);
      return [{ setup, site, orders: new Map(), wrong, broken: new Set() }];
    });
    this.#noteAgain();
  }

  /**
   * In words, by board. Where `mayBeOpen`, an order may be under way and is left out until it is settled. Pulses of an
   * outlet whose metal was broken by hand are not held against the receipts.
   */
  async violations(mayBeOpen: boolean): Promise<readonly string[]> {
    this.#note();
    const all: string[] = [];
    for (const { setup, site, orders, wrong, broken } of this.#watched) {
      const expected = expectationsOf(setup, broken);
      const oldestFirst = [...orders.values()].sort((one, other) => one.madeS - other.madeS);
      const found = [
        ...site.bugs.map((bug) => `the program failed: ${String(bug)}`),
        ...wrong,
        ...(await siteViolations(
          this.#bench.witnesses(setup.id),
          oldestFirst,
          expected,
          mayBeOpen,
        )),
      ];
      all.push(...found.map((words) => `${setup.id}: ${words}`));
    }
    return all;
  }

  /** An outlet was broken by hand. */
  broke(board: string, outlet: string): void {
    this.#watched.find(({ setup }) => setup.id === board)?.broken.add(outlet);
  }

  #note(): void {
    for (const { site, orders } of this.#watched) {
      for (const order of durableOrders(site)) orders.set(order.id, order);
    }
  }

  #noteAgain(): void {
    this.#note();
    this.#bench.world.after(NOTE_ORDERS_MS, () => this.#noteAgain());
  }
}

/** At the very instant a switch is told to close, its grant is on disk. */
export function watchClosings(site: Site, board: Board, wrong: string[]): void {
  site.onClosing = (line) => {
    const outlet = board.outlets.find(({ switch: part }) => closesBy(part, line));
    if (outlet !== undefined) wrong.push(...checkClosing(site, outlet.id));
  };
}

/** Whether the line drives it; the site leaves out `-coil`. */
function closesBy(part: SwitchPart, line: string): boolean {
  const lines = part.kind === "two-stage-valve" ? [part.fastLine, part.slowLine] : [part.line];
  return lines.some((one) => one === line || one === `${line}-coil`);
}

/** Of every outlet of a board, by the meter that it is charged by first. */
export function expectationsOf(
  { board, config, pulsesPerSecond }: BenchBoardSetup,
  broken: ReadonlySet<string>,
): Expectation[] {
  return board.outlets.map((outlet) => {
    const flow = flowExpected(board, outlet, pulsesPerSecond);
    return { ...flow, ...config.policy, isBroken: broken.has(outlet.id) };
  });
}

function flowExpected(
  { virtual }: Board,
  outlet: OutletPart,
  pulsesPerSecond = virtual?.pulsesPerSecond ?? 1,
): Omit<Expectation, "quantumPulses" | "loss"> {
  const [meter] = outlet.meters;
  const isPolled = meter?.kind === "modbus";
  const lateMs = (isPolled ? meter.pollMs : 0) + (virtual?.operateMs[1] ?? 0) + 100;
  return {
    outlet: outlet.id,
    meter: meter?.id ?? "",
    runOnPulsesMax: Math.ceil((pulsesPerSecond * lateMs) / 1_000) + 2,
    retains: isPolled || (meter !== undefined && "retains" in meter && meter.retains),
  };
}
