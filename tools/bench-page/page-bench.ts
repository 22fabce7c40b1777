// The bench behind a page: one world at a time, its time, and the broker through which those outside it come in. A fresh world
// takes the place of the old one when it is recorded, replayed or begun anew.

import { randomUUID } from "node:crypto";
import { type Bench, type BenchSetup, OUTSIDE, openBench } from "../../bench/bench.ts";
import type { BenchEvent, BenchState } from "../../bench/bench-state.ts";
import { DONE_BYTES_MAX, DONE_STEPS_MAX, type DoneSize } from "../../bench/done-actions.ts";
import type { Scenario } from "../../bench/scenario.ts";
import { watchFrames } from "../../bench/scenario-frames.ts";
import { type ReceiptOfBoard, watchReceipts } from "../../bench/scenario-receipts.ts";
import { runScenario } from "../../bench/scenario-run.ts";
import type { Finding } from "../../bench/scenario-sights.ts";
import { toHex } from "../../firmware/bytes.ts";
import { announcementTopic } from "../../firmware/protocol/topics.ts";
import { fail, ok, type Result } from "../../firmware/result.ts";
import type { Clock } from "../../hal/clock.ts";
import type { Broker } from "../../hal/linux/broker.ts";
import type { BenchAnswer } from "../../hal/sim/bench-commands.ts";
import { SCENARIO_BYTES_MAX } from "../scenario-file.ts";
import { scenarioText } from "../scenario-text.ts";
import { BenchTime } from "./bench-time.ts";

export interface PageBenchOptions {
  boards: BenchSetup["boards"];
  seed: number;
  rate: number;
  /** Of this computer. */
  clock: Clock;
  broker: Broker;
  onEvent(event: BenchEvent): void;
  /** The world stands: it may be looked at. */
  onTurn(): void;
  /** There is another world. */
  onWorld(): void;
  /** A bug of ours. */
  onError(error: unknown): void;
}

export interface PageTime {
  nowMs: number;
  wallMs: number;
  rate: number;
  paused: boolean;
}

interface World {
  /** Tells it from every other. */
  id: string;
  setup: BenchSetup;
  bench: Bench;
  time: BenchTime;
  frames: () => string;
  receipts: () => readonly ReceiptOfBoard[];
}

const GONE: BenchAnswer = {
  ok: false,
  kind: "refused",
  message: "this world has ended: try again",
};
const TOO_LONG = `it is too long to be replayed: more than ${DONE_STEPS_MAX} steps, or ${DONE_BYTES_MAX} bytes; record anew, and less`;
/** Who publishes from outside, where his own name is none that can be written down. */
const NAMELESS = "somebody";
const NAME = /^[\w.-]{1,64}$/;

export class PageBench {
  readonly #options: PageBenchOptions;
  #world: World;
  /** Worlds are opened one after the other. */
  #opening: Promise<unknown> = Promise.resolve();

  private constructor(options: PageBenchOptions, world: World) {
    this.#options = options;
    this.#world = world;
    options.broker.onPublish((clientId, { topic, payload }) => {
      const from = NAME.test(clientId) ? clientId : NAMELESS;
      // They share one network: any board of the world that is there now will do.
      const [board] = this.#world.setup.boards;
      const frame = { do: "frame", board: board?.id, from, topic };
      // What is no frame of ours is refused there, and nobody hears of it.
      void this.act({ ...frame, payload: toHex(payload) });
    });
  }

  /** Resolves when every board is up. */
  static async open(options: PageBenchOptions): Promise<PageBench> {
    const { seed, boards, rate } = options;
    const setup = { seed, boards };
    const bench = await openBench(setup);
    return new PageBench(options, openWorld(options, { setup, bench, rate }));
  }

  /** Another one is another world, also from the same seed. */
  get world(): string {
    return this.#world.id;
  }

  get seed(): number {
    return this.#world.setup.seed;
  }

  state(): BenchState {
    return this.#world.bench.state();
  }

  time(): PageTime {
    const { bench, time } = this.#world;
    const { world } = bench;
    const { rate, paused } = time;
    return { nowMs: world.nowMs(), wallMs: world.clock.wallMs(), rate, paused };
  }

  /** As soon as the world stands. */
  act(action: unknown): Promise<BenchAnswer> {
    const { time, bench } = this.#world;
    return new Promise((resolve) => {
      time.whenStanding((stands) => resolve(stands ? bench.act(action) : GONE));
    });
  }

  setRate(rate: number): void {
    this.#world.time.setRate(rate);
  }

  pause(): void {
    this.#world.time.pause();
  }

  step(): Promise<void> {
    return this.#world.time.step();
  }

  /** A fresh world of the same boards. */
  restart(seed: number): Promise<void> {
    return this.#replace({ seed, boards: this.#options.boards });
  }

  /** How much was done since this world began, and whether that can be done again. */
  recorded(): DoneSize {
    return this.#world.bench.doneSize();
  }

  /**
   * What was done since this world began, as a scenario that does it again. Errors: `too-large`, `refused` when the world
   * has ended meanwhile.
   */
  recording(): Promise<Result<string>> {
    const { setup, bench, time, frames, receipts } = this.#world;
    return new Promise((resolve) => {
      time.whenStanding((stands) => {
        if (!stands) {
          resolve(fail("refused", "the world that was recorded has ended"));
          return;
        }
        const endMs = bench.world.nowMs();
        const held = { frames: frames(), receipts: receipts() };
        const text = scenarioText({ setup, done: bench.done(), endMs, ...held });
        const isTooLong = bench.doneSize().isTooLong || text.length > SCENARIO_BYTES_MAX;
        resolve(isTooLong ? fail("too-large", TOO_LONG) : ok(text));
      });
    });
  }

  /** In a fresh world, as fast as it is watched; what is expected is told as lines of a log when it is looked at. */
  async replay(scenario: Scenario): Promise<void> {
    await this.#replace(scenario.setup);
    const { bench, time } = this.#world;
    const listener = {
      line: () => undefined,
      progress: () => undefined,
      finding: (finding: Finding) => this.#tellFinding(finding),
    };
    runScenario(scenario, listener, paced(bench, time))
      .catch((error: unknown) => {
        if (!time.isStopped) this.#options.onError(error);
      })
      .finally(() => time.free());
  }

  close(): void {
    this.#world.time.stop();
  }

  #tellFinding({ atMs, what, met, seen }: Finding): void {
    const fields = { what, seen };
    const level = met ? "info" : "error";
    const event = met ? "expectation-met" : "expectation-broken";
    const head = { atMs, seq: 0, board: "" };
    this.#options.onEvent({ ...head, is: "log", level, event, fields });
  }

  #replace(setup: BenchSetup): Promise<void> {
    const opened = this.#opening.then(async () => {
      // One that cannot be opened takes the place of none.
      const bench = await openBench(setup);
      const before = this.#world;
      before.time.stop();
      // Announcements of boards that are no more.
      for (const { device } of before.bench.state().boards) {
        this.#options.broker.publish(withdrawn(device));
      }
      this.#world = openWorld(this.#options, { setup, bench, rate: before.time.rate });
      this.#options.onWorld();
    });
    this.#opening = opened.catch(() => undefined);
    return opened;
  }
}

function withdrawn(device: string) {
  return { topic: announcementTopic(device), payload: new Uint8Array(), retain: true };
}

function openWorld(
  { clock, broker, onEvent, onTurn, onError }: PageBenchOptions,
  { setup, bench, rate }: { setup: BenchSetup; bench: Bench; rate: number },
): World {
  const { world } = bench;
  // From the first moment on: boards have announced themselves while they were opened.
  const frames = watchFrames(bench);
  for (const { device } of bench.state().boards) {
    const topic = announcementTopic(device);
    const payload = bench.broker.retained(topic);
    if (payload !== undefined) broker.publish({ topic, payload, retain: true });
  }
  const time = new BenchTime({ world, clock, rate, onTurn, onError });
  bench.onEvent((event) => {
    time.told();
    onEvent(event);
  });
  bench.onPublish(({ clientId, topic, payload, retain }) => {
    if (clientId !== OUTSIDE) broker.publish({ topic, payload, retain });
  });
  return { id: randomUUID(), setup, bench, time, frames, receipts: watchReceipts(bench) };
}

/** The same bench, whose world does not run ahead of those who watch it. */
function paced(bench: Bench, time: BenchTime): Bench {
  return {
    world: time.paced(),
    broker: bench.broker,
    sites: bench.sites,
    state: () => bench.state(),
    witnesses: (board) => bench.witnesses(board),
    onEvent: (listener) => bench.onEvent(listener),
    act: (action) => bench.act(action),
    done: () => bench.done(),
    doneSize: () => bench.doneSize(),
    consumer: (name) => bench.consumer(name),
    onPublish: (listener) => bench.onPublish(listener),
  };
}
