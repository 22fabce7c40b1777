// A bench: virtual boards in one seeded world, with all that people and the world may do to them, and a record of it.
// The same setup and the same actions at the same times give the same bytes.

import { fromHex, toHex } from "../firmware/bytes.ts";
import type { DeviceConfig } from "../firmware/config.ts";
import type { Consumer } from "../firmware/consumer/consumer.ts";
import type { FlowService } from "../firmware/payment/engine/service.ts";
import type { Board } from "../hal/board.ts";
import type { Link } from "../hal/link.ts";
import type { BenchAnswer } from "../hal/sim/bench-commands.ts";
import type { SimBroker, SimNetwork, SimPublish } from "../hal/sim/sim-link.ts";
import type { SimWorld } from "../hal/sim/world.ts";
import { readAction, refuse } from "./bench-act.ts";
import type { BenchAction, DoneAction } from "./bench-action.ts";
import { BenchBoard } from "./bench-board.ts";
import { type BenchFact, BenchNews } from "./bench-news.ts";
import type { BenchEvent, BenchState } from "./bench-state.ts";
import { DoneActions, type DoneSize } from "./done-actions.ts";
import type { Witnesses } from "./invariants.ts";
import { type FrameWords, OpenedFrames } from "./opened-frames.ts";
import type { Site } from "./site.ts";

export interface BenchBoardSetup {
  /** What the bench calls it. */
  id: string;
  /** A virtual one. */
  board: Board;
  /** No money moves: a payment host that is no card terminal is the simulated one. */
  config: Pick<DeviceConfig, "name" | "description" | "services" | "policy" | "payment">;
  /** In place of what the board says. */
  pulsesPerSecond?: number;
  /** Flow services of one's own, made anew at each start: in place of modules that the config names, or beside. */
  flowServices?: () => readonly FlowService[];
}

export interface BenchSetup {
  seed: number;
  boards: readonly BenchBoardSetup[];
  network?: Partial<SimNetwork>;
}

export interface Bench {
  world: SimWorld;
  broker: SimBroker;
  sites: ReadonlyMap<string, Site>;
  state(): BenchState;
  /** What its invariants are held against. Throws RangeError for a board that is not there. */
  witnesses(board: string): Witnesses;
  /** From now on. Returns what ends it. */
  onEvent(listener: (event: BenchEvent) => void): () => void;
  /**
   * Never throws: what is asked for wrongly is refused by name. Done at the world's present time, and kept where it
   * changed something. To be done again to the byte, it is called while the world stands: after a run, not within an event.
   */
  act(action: unknown): BenchAnswer;
  /** All that was done so far, or its beginning where `doneSize` says that it is too long. */
  done(): readonly DoneAction[];
  doneSize(): DoneSize;
  /** A buyer in the world, of keys and a connection of his own that `name` draws; he is there once its time goes on. */
  consumer(name: string): Promise<Consumer>;
  /** Every message that the broker takes, wills among them; of those outside the world, as `outside`. */
  onPublish(listener: (message: SimPublish) => void): () => void;
}

/** By this name the broker knows all who are no part of the world. */
export const OUTSIDE = "outside";

/** Resolves when every board has started; it is ready when its loop has said so. Rejects where a board or its services do not fit together, in words of their own. */
export async function openBench(setup: BenchSetup): Promise<Bench> {
  const news = new BenchNews();
  const boards = new Map<string, BenchBoard>();
  let beside: Site | undefined;
  for (const one of setup.boards) {
    const { seed, network } = setup;
    const board = new BenchBoard(one, { seed, news, network, beside });
    beside ??= board.site;
    boards.set(one.id, board);
  }
  if (beside === undefined) throw new RangeError("a bench has at least one board");
  const bench = new OpenedBench(beside, boards, news);
  for (const board of boards.values()) await board.open();
  return bench;
}

class OpenedBench implements Bench {
  readonly world: SimWorld;
  readonly broker: SimBroker;
  readonly sites: ReadonlyMap<string, Site>;
  readonly #first: Site;
  readonly #boards: ReadonlyMap<string, BenchBoard>;
  readonly #news: BenchNews;
  readonly #frames: OpenedFrames;
  /** By the names of their devices. */
  readonly #byDevice: ReadonlyMap<string, string>;
  readonly #listeners = new Set<(message: SimPublish) => void>();
  readonly #done = new DoneActions();
  readonly #outside: Link;
  /** Whose message it is that is handed to the broker now. */
  #from: string | undefined;
  #brokerIsDead = false;

  constructor(first: Site, boards: ReadonlyMap<string, BenchBoard>, news: BenchNews) {
    this.#first = first;
    this.#boards = boards;
    this.#news = news;
    this.world = first.world;
    this.broker = first.broker;
    news.world = first.world;
    this.sites = new Map([...boards].map(([id, { site }]) => [id, site]));
    this.#byDevice = new Map([...boards].map(([id, { site }]) => [site.device, id]));
    this.#frames = new OpenedFrames(
      new Map([...boards.values()].map(({ site }) => [site.device, site])),
    );
    this.#outside = this.broker.connect(OUTSIDE);
    this.broker.onTaken((message) => this.#taken(message));
  }

  state(): BenchState {
    const { world } = this;
    const boards = [...this.#boards.values()].map((board) => board.state());
    return { nowMs: world.nowMs(), wallMs: world.clock.wallMs(), boards };
  }

  onEvent(listener: (event: BenchEvent) => void): () => void {
    if (!this.#news.isHeard) for (const board of this.#boards.values()) board.watchMetal();
    return this.#news.onEvent(listener);
  }

  witnesses(board: string): Witnesses {
    const one = this.#boards.get(board);
    if (one === undefined) throw new RangeError(`there is no board ${board}`);
    return one.witnesses();
  }

  act(given: unknown): BenchAnswer {
    const read = readAction(given, [...this.#boards.keys()]);
    if (!read.ok) return read;
    const { action, sort } = read;
    const board = this.#boards.get(action.board);
    if (board === undefined) return refuse("not-found", "board", "has vanished");
    const answer = sort === "world" ? this.#ofWorld(board, action) : board.byHand(action);
    if (!answer.ok || sort === "question") return answer;
    this.#done.add({ atMs: this.world.nowMs(), action });
    if (action.do !== "frame") {
      const { board: id, ...plain } = action;
      this.#news.tell(id, () => ({ is: "hand", action: plain }));
    }
    return answer;
  }

  done(): readonly DoneAction[] {
    return this.#done.list();
  }

  doneSize(): DoneSize {
    return this.#done.size();
  }

  consumer(name: string): Promise<Consumer> {
    return this.#first.consumer(name);
  }

  onPublish(listener: (message: SimPublish) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Its words have been checked. */
  #ofWorld(board: BenchBoard, action: BenchAction): BenchAnswer {
    const { forMs, byMs, ...words } = action as Readonly<Record<string, unknown>>;
    switch (action.do) {
      case "power-off":
        return board.powerOff(forMs as number | undefined);
      case "power-on":
        return board.powerOn();
      case "kill-loop":
        return board.killLoop();
      case "network-off":
      case "network-on":
        return board.setNetwork(action.do === "network-on");
      case "clock-jump":
        return this.#jump(byMs as number);
      case "broker-dies":
        return this.#killBroker(forMs as number);
      default:
        return this.#send(words);
    }
  }

  #jump(byMs: number): BenchAnswer {
    const wallMs = this.world.clock.wallMs() + byMs;
    if (wallMs < WALL_MS_MIN || wallMs > WALL_MS_MAX) {
      return refuse("refused", "byMs", "clocks show a time from 2000 to 2100");
    }
    this.world.setWall(wallMs);
    return { ok: true };
  }

  #killBroker(forMs: number): BenchAnswer {
    if (this.#brokerIsDead) return refuse("refused", "do", "the broker is dead already");
    this.#brokerIsDead = true;
    this.broker.setUp(false);
    this.world.after(forMs, () => {
      this.#brokerIsDead = false;
      this.broker.setUp(true);
    });
    return { ok: true };
  }

  #send({ from, topic, payload }: Readonly<Record<string, unknown>>): BenchAnswer {
    const bytes = fromHex(payload as string);
    if (bytes === undefined) return refuse("malformed", "payload", "must be hexadecimal digits");
    this.#from = from as string;
    this.#outside.publish(topic as string, bytes);
    this.#from = undefined;
    return { ok: true };
  }

  #taken(message: SimPublish): void {
    for (const listener of this.#listeners) listener(message);
    if (!this.#news.isHeard) return;
    const { clientId, topic } = message;
    const read = this.#frames.see(message);
    const [, , device = ""] = topic.split("/");
    const own = this.#byDevice.get(clientId);
    const board = own ?? this.#byDevice.get(device) ?? "";
    const from = own ?? (clientId === OUTSIDE ? this.#from : undefined) ?? clientId;
    this.#news.tell(board, () => frameFact(message, from, read));
  }
}

/** Opening it is dear, and few are looked at: it is done when somebody asks. */
function frameFact(
  { topic, payload, retain }: SimPublish,
  from: string,
  read: () => FrameWords,
): BenchFact {
  let words: FrameWords | undefined;
  const known = (): FrameWords => {
    words ??= read();
    return words;
  };
  return {
    ...{ is: "frame", from, topic, retain },
    get payload() {
      return toHex(payload);
    },
    get kind() {
      return known().kind;
    },
    get opened() {
      return known().opened ?? "";
    },
    get diagnostic() {
      return known().diagnostic;
    },
  };
}

/** The years 2000 and 2100. */
const WALL_MS_MIN = 946_684_800_000;
const WALL_MS_MAX = 4_102_444_800_000;
