// One board of a bench, put together: its site, what hangs on it, what is watched of it; and what may be done to it.

import type { BenchAnswer, Bench as Hands } from "../hal/sim/bench-commands.ts";
import { benchAnswer } from "../hal/sim/bench-commands.ts";
import type { SimNetwork } from "../hal/sim/sim-link.ts";
import type { BenchBoardSetup } from "./bench.ts";
import { refuse } from "./bench-act.ts";
import type { BenchAction } from "./bench-action.ts";
import type { BenchNews } from "./bench-news.ts";
import type { BoardState } from "./bench-state.ts";
import { BoardBooks } from "./board-books.ts";
import { BoardThings } from "./board-desk.ts";
import { paymentOptions } from "./board-payment.ts";
import { boardState } from "./board-state.ts";
import { BoardWatch } from "./board-watch.ts";
import { FlowWatch } from "./flow-watch.ts";
import type { BookedCharge, Witnesses } from "./invariants.ts";
import { Site } from "./site.ts";

interface Shared {
  seed: number;
  news: BenchNews;
  network?: Partial<SimNetwork> | undefined;
  /** Whose world and broker it shares. */
  beside?: Site | undefined;
}

export class BenchBoard {
  readonly id: string;
  readonly site: Site;
  readonly #setup: BenchBoardSetup;
  readonly #news: BenchNews;
  readonly #things: BoardThings;
  readonly #watch: BoardWatch;
  readonly #books: BoardBooks;
  /** Targets at which each fault is on. */
  readonly #broken = new Map<string, Set<string>>();
  #isConnected = true;
  /** Rises when the power goes: who was to bring it back comes too late for the next time. */
  #outages = 0;

  constructor(setup: BenchBoardSetup, { seed, news, network, beside }: Shared) {
    const { id, board, config } = setup;
    this.id = id;
    this.#setup = setup;
    this.#news = news;
    const things = new BoardThings(board, config.payment.host, {
      shown: (lines) => news.tell(id, () => ({ is: "display", lines })),
      printed: (lines) => news.tell(id, () => ({ is: "paper", lines })),
    });
    const flows = new FlowWatch(
      id,
      news,
      () => this.site.world,
      () => (this.site.powered ? this.site.payment : undefined),
    );
    const watch = new BoardWatch(id, news, flows.look);
    const { wrapHost, ...desk } = things.options();
    const { name, description, services, policy } = config;
    const { pulsesPerSecond = board.virtual?.pulsesPerSecond } = setup;
    this.site = new Site({
      ...{ seed, board, services, policy, name: id },
      called: { name, ...(description !== undefined && { description }) },
      ...desk,
      ...paymentOptions(config.payment, setup.flowServices ?? (() => []), wrapHost, flows.taken),
      ...(pulsesPerSecond !== undefined && { pulsesPerSecond }),
      ...(network && { network }),
      ...(beside && { beside }),
      onLog: watch.onLog,
      onReport: watch.onReport,
      onBug: watch.onBug,
      onWrites: (writes) => {
        watch.onWrites(writes);
        flows.onWrites(writes);
      },
    });
    this.#things = things;
    this.#watch = watch;
    this.#books = new BoardBooks({
      device: this.site.store,
      host: this.site.hostStore,
      terminal: things.terminalStore,
    });
  }

  async open(): Promise<void> {
    await this.#things.fit(this.site);
    await this.site.run(() => this.site.powerOn());
  }

  /** Metal turns with every pulse: it is looked at for those who listen only. */
  watchMetal(): void {
    const { metal } = this.site.board;
    metal.onChange(this.#watch.onMetal);
    this.#watch.onMetal(metal.state());
  }

  state(): BoardState {
    const { config } = this.#setup;
    return boardState({
      ...{ id: this.id, name: config.name, services: config.services, site: this.site },
      ...{ things: this.#things, watch: this.#watch, books: this.#books, hands: this.#hands() },
      ...{ isConnected: this.#isConnected && this.site.powered, broken: this.#broken },
    });
  }

  /** Its books, its metal and its money, which its card terminal may have. */
  witnesses(): Witnesses {
    const { store, board, signKey, cuts, epochs, host } = this.site;
    const charges = async (): Promise<ReadonlyMap<string, BookedCharge>> =>
      new Map<string, BookedCharge>([...(await host.charges()), ...this.#books.holds()]);
    return { store, board, signKey, cuts, epochs, host: { charges } };
  }

  #hands(): Hands {
    const { peripherals, wallet } = this.#things;
    return { board: this.#setup.board, sim: this.site.board, peripherals, wallet };
  }

  byHand(action: BenchAction): BenchAnswer {
    const answer = benchAnswer(this.#hands(), action);
    const { fault, target, broken } = answer as Readonly<Record<string, unknown>>;
    if (answer.ok && typeof fault === "string" && typeof target === "string") {
      const at = this.#broken.get(fault) ?? new Set();
      if (broken === true) at.add(target);
      else at.delete(target);
      this.#broken.set(fault, at);
    }
    return answer;
  }

  powerOff(forMs: number | undefined): BenchAnswer {
    if (!this.site.powered) return refuse("refused", "do", "it has no power: power-on first");
    this.site.cut();
    this.#outages += 1;
    const outage = this.#outages;
    this.#news.tell(this.id, () => ({ is: "power", on: false }));
    if (forMs !== undefined) {
      this.site.world.after(forMs, () => {
        if (outage === this.#outages && !this.site.powered) this.powerOn();
      });
    }
    return { ok: true };
  }

  powerOn(): BenchAnswer {
    if (this.site.powered) return refuse("refused", "do", "it has power already");
    this.#outages += 1;
    void this.site.powerOn();
    // A new life comes with a new connection.
    if (!this.#isConnected) this.site.broker.disconnect(this.site.device);
    this.#news.tell(this.id, () => ({ is: "power", on: true }));
    return { ok: true };
  }

  killLoop(): BenchAnswer {
    if (!this.site.powered) return refuse("refused", "do", "it has no power: power-on first");
    this.site.killLoop();
    return { ok: true };
  }

  setNetwork(connected: boolean): BenchAnswer {
    if (this.#isConnected === connected) {
      return refuse("refused", "do", `its network is ${connected ? "there" : "gone"} already`);
    }
    this.#isConnected = connected;
    if (connected) this.site.broker.reconnect(this.site.device);
    else this.site.broker.disconnect(this.site.device);
    return { ok: true };
  }
}
