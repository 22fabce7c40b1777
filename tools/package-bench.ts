// `sluice/bench`, for tests of a user's own: virtual boards out of device files in a seeded world in which time is virtual,
// buyers, everything that may be done to a board by hand, and what must hold whatever is done. docs/testing.md

import { BenchWitness } from "../bench/assertions.ts";
import { type Bench, type BenchBoardSetup, openBench } from "../bench/bench.ts";
import type { BenchEvent, BenchState, BoardState } from "../bench/bench-state.ts";
import { buy, findDealer } from "../bench/buyer.ts";
import type { Site } from "../bench/site.ts";
import { crypto } from "../bench/site.ts";
import { BOARDS } from "../boards/registry.ts";
import type { Consumer } from "../firmware/consumer/consumer.ts";
import type { PayOptions } from "../firmware/consumer/payment-questions.ts";
import type { FlowService } from "../firmware/payment/engine/service.ts";
import { type Receipt, verifyReceipt } from "../firmware/token/receipt.ts";
import type { BenchAnswer } from "../hal/sim/bench-commands.ts";
import type { SimNetwork } from "../hal/sim/sim-link.ts";
import { TEST_CARDS, type TestBehaviour } from "../hal/sim/sim-payment-host.ts";
import { readDeviceFile } from "./device-file.ts";

export interface TestDevice {
  /** A device file of a virtual board. */
  file: string;
  /** Flow services in place of the modules that the file names, or beside them, made anew at each start. */
  flowServices?: () => readonly FlowService[];
  /** In place of what the board says. */
  pulsesPerSecond?: number;
}

export interface TestBenchOptions {
  /** By the names that the test calls them. */
  devices: Readonly<Record<string, TestDevice>>;
  /** The same seed and the same calls are the same bytes; 1 when not given. */
  seed?: number;
  network?: Partial<SimNetwork>;
}

export interface TestSale {
  /** Of `devices`; may be left out where there is one. */
  device?: string;
  service: number;
  price: number;
  units: number;
  /** What the payment host says of the card; `approve` when not given. */
  card?: TestBehaviour;
  /** Who buys: each name is a buyer of keys of his own. */
  buyer?: string;
  /** What the payer says to amounts that are added, what he pays unit by unit. */
  pay?: PayOptions;
  /** He ends it once so many pulses of a session are delivered. */
  endAfterPulses?: number;
}

export interface TestSold {
  /** It was paid, delivered or ended, and settled. */
  done: boolean;
  /** Kinds of the faults that he met, each with its step in front. */
  faults: readonly string[];
  /** Undefined where nothing was ordered. */
  order: string | undefined;
  /** As he keeps them, each checked against the device's key. */
  receipts: readonly Receipt[];
}

/** How long a buyer tries: longer is never. */
const SALE_MS_MAX = 24 * 3_600_000;

/** A loop says that its outlets are open, and what its meters show, in less. */
const READY_MS_MAX = 2_000;

/** Opens a bench on which every device is up. Rejects with words about the file or the board that does not fit. */
export async function openTestBench(options: TestBenchOptions): Promise<TestBench> {
  const boards = Object.entries(options.devices).map(([id, device]) => toSetup(id, device));
  const { seed = 1, network } = options;
  const bench = await openBench({ seed, boards, ...(network && { network }) });
  // Whether it becomes ready is for the test to say: a board may wait for somebody to plug in.
  const isReady = (): boolean => bench.state().boards.every(({ ready }) => ready);
  const made = new TestBench(bench, boards);
  await bench.world.runWhile(() => !isReady(), READY_MS_MAX);
  return made;
}

export class TestBench {
  readonly #bench: Bench;
  readonly #witness: BenchWitness;
  readonly #buyers = new Map<string, Consumer>();

  /** openTestBench() makes it. */
  constructor(bench: Bench, boards: readonly BenchBoardSetup[]) {
    this.#bench = bench;
    this.#witness = new BenchWitness(bench, boards);
  }

  /** Milliseconds of the world since it began. */
  nowMs(): number {
    return this.#bench.world.nowMs();
  }

  /** Lets that much time go by, and all that is due in it happen. */
  runFor(durationMs: number): Promise<void> {
    return this.#bench.world.runFor(durationMs);
  }

  /** Does it that much later, while the test waits for something else. */
  after(delayMs: number, work: () => void): void {
    this.#bench.world.after(delayMs, () => work());
  }

  /** Lets time go by until it holds, at most that long; whether it came to hold. */
  runUntil(holds: () => boolean, limitMs: number): Promise<boolean> {
    return this.#bench.world.runWhile(() => !holds(), limitMs);
  }

  /** Everything that is to be seen of all boards. */
  state(): BenchState {
    return this.#bench.state();
  }

  /** The same of one. */
  device(name?: string): BoardState {
    const { id } = this.#find(name);
    const found = this.state().boards.find((board) => board.id === id);
    if (found === undefined) throw new RangeError(`the bench has no device ${id}`);
    return found;
  }

  onEvent(listener: (event: BenchEvent) => void): () => void {
    return this.#bench.onEvent(listener);
  }

  /** Does by hand what `sluice bench` does, and to power, network and clock: throws with the words of a refusal. */
  act(does: string, words: Readonly<Record<string, unknown>> = {}): BenchAnswer {
    const { device, ...more } = words;
    const { id: board } = this.#find(typeof device === "string" ? device : undefined);
    const answer = this.#bench.act({ ...more, board, do: does });
    if (!answer.ok) throw new RangeError(`${does}: ${String(answer["at"])} ${answer["message"]}`);
    if (does === "break") this.#witness.broke(board, String(answer["target"]));
    return answer;
  }

  /** A whole sale by a buyer who does not give up; time goes by until he is done or has given up. */
  async buy(sale: TestSale): Promise<TestSold> {
    const { site } = this.#find(sale.device);
    const consumer = await this.buyer(sale.buyer ?? "buyer");
    const { device: _, buyer: __, card = "approve", ...wanted } = sale;
    const sold = await site.run(async () => {
      const before = new Set((await consumer.purchases.list()).map(({ id }) => id));
      const outcome = await buy(site, consumer, { ...wanted, card: TEST_CARDS[card] });
      return { ...outcome, purchase: outcome.purchases.find(({ id }) => !before.has(id)) };
    }, SALE_MS_MAX);
    const { purchase } = sold ?? {};
    return {
      done: sold?.done === true && purchase?.state === "closed",
      faults: sold?.faults ?? ["buy: timed-out"],
      order: purchase?.id,
      receipts: (purchase?.receipts ?? []).map((signed) => checked(signed, site)),
    };
  }

  /** The buying role itself, for steps of one's own; its promises need time to go by: see run(). */
  async buyer(name: string): Promise<Consumer> {
    const known = this.#buyers.get(name);
    if (known !== undefined) return known;
    const made = await this.run(() => this.#bench.consumer(name));
    this.#buyers.set(name, made);
    return made;
  }

  /** The dealer of a device, found and made the acquaintance of, as Consumer.discover and init do. */
  async dealer(buyer: string, device?: string): Promise<Awaited<ReturnType<typeof findDealer>>> {
    const { site } = this.#find(device);
    const consumer = await this.buyer(buyer);
    return this.run(() => findDealer(site, consumer));
  }

  /** Lets time go by until what was begun has ended. Rejects where it does not within a day, or with what it threw. */
  async run<T>(story: () => Promise<T>): Promise<T> {
    const { site } = this.#find(this.#bench.sites.keys().next().value);
    const ended = await site.run(async () => ({ value: await story() }), SALE_MS_MAX);
    if (ended === undefined) throw new RangeError("it has not ended within a day of the world");
    return ended.value;
  }

  /**
   * What does not hold of all that must: nothing flows unpaid, no payment is charged twice, the books balance to the minor
   * unit and the pulse, every receipt verifies. Empty where all is well. `mayBeOpen` leaves out what is under way.
   */
  violations(mayBeOpen = false): Promise<readonly string[]> {
    return this.#witness.violations(mayBeOpen);
  }

  #find(name: string | undefined): { id: string; site: Site } {
    const { sites } = this.#bench;
    const names = [...sites.keys()];
    const id = name ?? (names.length === 1 ? names[0] : undefined);
    const site = id === undefined ? undefined : sites.get(id);
    if (id !== undefined && site !== undefined) return { id, site };
    throw new RangeError(`name a device of this bench: ${names.join(", ")}`);
  }
}

function toSetup(id: string, { file, ...more }: TestDevice): BenchBoardSetup {
  const config = readDeviceFile(file);
  if (!config.ok) throw new RangeError(`${id}: ${config.fault.message}`);
  const board = BOARDS.find(({ name }) => name === config.value.board);
  if (board?.virtual === undefined) {
    const virtual = BOARDS.filter((one) => one.virtual !== undefined).map(({ name }) => name);
    throw new RangeError(
      `${id}: ${file} names a real board: try it on one of ${virtual.join(", ")}`,
    );
  }
  return { id, board, config: config.value, ...more };
}

function checked(signed: Uint8Array, { signKey }: Site): Receipt {
  const read = verifyReceipt(signed, signKey, crypto);
  if (!read.ok) throw new RangeError(`a receipt does not verify: ${read.fault.message}`);
  return read.value;
}
