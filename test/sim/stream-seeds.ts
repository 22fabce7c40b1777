// A whole sale that is paid while it is delivered, on a seed: device and consumer as they are, over a network that loses,
// doubles and reorders, with the device, its loop and the consumer killed on the way. What either side risks is measured all
// the time, by the meter itself and by what the consumer let go.

import { findDealer, insisting, payFor } from "../../bench/buyer.ts";
import { checkClosing, durableOrders, SOCKET_1, violations } from "../../bench/invariants.ts";
import { crypto, ENERGY, Site } from "../../bench/site.ts";
import { Consumer } from "../../firmware/consumer/consumer.ts";
import type { Dealer, Progress } from "../../firmware/consumer/dealer.ts";
import type { Purchase, StreamTerms } from "../../firmware/consumer/purchase.ts";
import { connectionName } from "../../firmware/protocol/topics.ts";
import { sleep } from "../../hal/clock.ts";
import { type SimStore, simStore } from "../../hal/sim/sim-store.ts";
import { smallCharger } from "./power-cuts.ts";
import { CARD } from "./story.ts";
import { Exposure, sessionReceipts } from "./stream-exposure.ts";
import { streamViolations } from "./stream-sale.ts";

const WINDOW_MAX = 3;
const LOOP_AWAY_MS = 150;
const LOOK_AROUND_MS = 30_000;
const STORY_MS = 3_600_000;

/** Drawn from the seed. */
export interface Plan {
  units: number;
  /** Of each life of the consumer; the last of them stay. */
  terms: readonly StreamTerms[];
  unitsPerSession: number | undefined;
  endAfterPulses: number;
  quantumPulses: number;
  /** Of what is left undelivered at the end of a session. */
  undelivered: "refund" | "credit-refund";
  deviceDeaths: number;
  /** When the consumer dies, and when the loop or its network does. */
  consumerDeathsMs: readonly number[];
  loopDeathsMs: readonly number[];
  lostMs: readonly number[];
}

export interface Told {
  plan: Plan;
  wrong: readonly string[];
  log: readonly string[];
  deaths: number;
  /** In pulses; a unit is 60. Beyond what the window, or the step less the window, allows, where above 0. */
  sellerWorst: number;
  sellerBeyond: number;
  payerWorst: number;
  payerBeyond: number;
}

type Below = (n: number) => number;

function drawn(below: Below): Plan {
  const units = 2 + below(4);
  const times = (n: number): number[] =>
    Array.from({ length: below(n) }, () => 2_000 + below(20_000));
  return {
    units,
    terms: [0, 1, 2].map(() => ({ step: 1 + below(3), window: below(WINDOW_MAX + 1) })),
    unitsPerSession: below(3) === 0 ? 1 + below(units) : undefined,
    endAfterPulses: below(3) === 0 ? 20 + below(100) : Number.POSITIVE_INFINITY,
    quantumPulses: [7, 40, 100][below(3)] ?? 40,
    undelivered: below(2) === 0 ? "refund" : "credit-refund",
    deviceDeaths: below(3),
    consumerDeathsMs: times(3),
    loopDeathsMs: times(2),
    lostMs: times(3),
  };
}

export async function runStream(seed: number): Promise<Told> {
  const telling = new Telling(seed);
  return telling.run();
}

class Telling {
  readonly #site: Site;
  readonly #plan: Plan;
  readonly #below: Below;
  readonly #store: SimStore;
  readonly #wrong = new Set<string>();
  readonly #exposure: Exposure;
  #deaths = 0;
  #life = 0;

  constructor(seed: number) {
    const draw = new Site({ seed }).world.randomOf("plan");
    this.#below = (n) => draw.below(n);
    this.#plan = drawn(this.#below);
    const { quantumPulses, undelivered } = this.#plan;
    let deathsLeft = this.#plan.deviceDeaths;
    this.#site = new Site({
      seed,
      board: smallCharger(true),
      services: [
        {
          ...ENERGY,
          payment: { way: "hold" },
          stream: { windowUnitsMax: WINDOW_MAX },
          undelivered,
        },
      ],
      policy: { quantumPulses, loss: "seller" },
      network: {
        delayMs: [1, 60],
        lossPerMille: 10 * this.#below(20),
        duplicationPerMille: 10 * this.#below(30),
        reorderingPerMille: 10 * this.#below(30),
        reorderMs: 600,
      },
      cutAt: () => {
        if (deathsLeft === 0 || this.#below(90) !== 0 || this.#loopIsAway()) return false;
        deathsLeft -= 1;
        this.#deaths += 1;
        return true;
      },
    });
    this.#store = simStore({ clock: this.#site.world.clock, latencyMs: 1 });
    this.#exposure = new Exposure(this.#site, this.#plan.terms);
  }

  async run(): Promise<Told> {
    const site = this.#site;
    site.onClosing = (outlet) => {
      for (const text of checkClosing(site, outlet)) this.#wrong.add(text);
    };
    this.#exposure.watch();
    let done: boolean | undefined;
    try {
      done = await site.run(() => this.#story(), STORY_MS);
      await site.world.runFor(20_000);
    } catch (error) {
      this.#wrong.add(`a bug of ours: ${error instanceof Error ? error.stack : String(error)}`);
    }
    if (done !== true) this.#wrong.add("I6: the sale never came to an end");
    await this.#check();
    const { sellerWorst, sellerBeyond, payerWorst, payerBeyond } = this.#exposure;
    return {
      ...{ plan: this.#plan, log: site.log, deaths: this.#deaths },
      ...{ sellerWorst, sellerBeyond, payerWorst, payerBeyond },
      wrong: [...this.#wrong, ...this.#exposure.wrong],
    };
  }

  /** Goes through as many lives of the consumer as are planned, until one comes to the end. */
  #story(): Promise<boolean> {
    const { world } = this.#site;
    const { consumerDeathsMs, loopDeathsMs, lostMs } = this.#plan;
    void this.#site.powerOn();
    for (const ms of loopDeathsMs) world.after(ms, () => this.#killLoop());
    return new Promise((resolve, reject) => {
      let kill = this.#live(resolve, reject);
      for (const ms of consumerDeathsMs) {
        world.after(ms, () => {
          this.#deaths += 1;
          kill();
          kill = this.#live(resolve, reject);
        });
      }
      for (const ms of lostMs) world.after(ms, () => this.#loseNetwork(500 + this.#below(15_000)));
      this.#lookAround();
    });
  }

  /** Nobody says again what a device announced once and the network lost: it is handed over to who connects anew. */
  #lookAround(): void {
    this.#site.world.after(LOOK_AROUND_MS, () => {
      if (this.#foundIn !== this.#life) this.#loseNetwork(100);
      this.#lookAround();
    });
  }

  #foundIn = 0;

  /** The site cannot take a cut of its power in the moment in which its loop starts again. */
  #loopIsAway(): boolean {
    return this.#site.world.nowMs() - this.#loopDiedMs < LOOP_AWAY_MS;
  }

  #loopDiedMs = Number.NEGATIVE_INFINITY;

  #killLoop(): void {
    this.#deaths += 1;
    this.#loopDiedMs = this.#site.world.nowMs();
    this.#site.killLoop();
  }

  #connection = "";

  #loseNetwork(durationMs: number): void {
    const name = this.#connection;
    this.#site.broker.disconnect(name);
    this.#site.world.after(durationMs, () => {
      if (this.#connection === name) this.#site.broker.reconnect(name);
    });
  }

  /** One life of the consumer; what it returns ends it as a kill does. */
  #live(resolve: (done: boolean) => void, reject: (error: unknown) => void): () => void {
    const { world, broker, operatorKey } = this.#site;
    this.#life += 1;
    const boxSecret = world.entropy("consumer").bytes(32);
    const entropy = world.entropy(`consumer, life ${this.#life}`);
    const connection = connectionName(entropy.bytes(6));
    this.#connection = connection;
    const process = world.process();
    const { clock } = process;
    const link = broker.connect(connection);
    const store = this.#store.reopen();
    const consumer = new Consumer(
      { clock, store, link, crypto, entropy },
      {
        ...{ connection, boxSecret, operators: [operatorKey] },
        ...{ trustNew: false, simulatedHost: true },
      },
    );
    consumer.onEvent((told) => {
      if (told.event === "proof") this.#exposure.released(told.order, told.units);
    });
    const isAlive = (): boolean => process.alive();
    this.#buy(consumer).then(
      (done) => {
        if (isAlive()) resolve(done);
      },
      (error: unknown) => {
        if (isAlive()) reject(error);
      },
    );
    return () => {
      process.kill();
      broker.cut(connection);
      this.#store.crash();
    };
  }

  async #buy(consumer: Consumer): Promise<boolean> {
    const site = this.#site;
    const ready = await consumer.setup();
    if (!ready.ok) throw new Error(ready.fault.message);
    const life = this.#life;
    const dealer = await findDealer(site, consumer);
    this.#foundIn = life;
    for (;;) {
      const paid = await this.#pay(dealer, consumer);
      if (paid === "closed") return true;
      if (paid !== undefined) return this.#take(dealer, consumer, paid);
      await sleep(site.world.clock, 500);
    }
  }

  /** What an earlier life has begun to pay, or another order where that was never paid. */
  async #pay(dealer: Dealer, consumer: Consumer): Promise<Purchase | "closed" | undefined> {
    const stream = this.#terms();
    const insist = insisting(this.#site, []);
    const all = await consumer.purchases.list();
    if (all.some(({ state }) => state === "closed")) return "closed";
    const first = all.find(({ state }) => state === "paying" || state === "paid");
    if (first === undefined) {
      const { units } = this.#plan;
      return payFor(dealer, { service: 1, price: 1, units, pay: { stream } }, insist);
    }
    const paid = await insist("pay", () => dealer.pay(first, CARD, { stream }));
    return paid.ok ? paid.value : undefined;
  }

  #terms(): StreamTerms {
    const { terms } = this.#plan;
    return terms[Math.min(this.#life, terms.length) - 1] ?? { step: 1, window: 0 };
  }

  async #take(dealer: Dealer, consumer: Consumer, paid: Purchase): Promise<boolean> {
    const { unitsPerSession, endAfterPulses } = this.#plan;
    const { clock } = this.#site.world;
    const terms = this.#terms();
    for (;;) {
      let isEnding = false;
      const onProgress = ({ pulses }: Progress): void => {
        if (isEnding || pulses < endAfterPulses) return;
        isEnding = true;
        void dealer.end(paid);
      };
      await dealer.begin(paid, unitsPerSession, onProgress, terms);
      const now = await consumer.purchases.get(paid.id);
      if (now?.state === "closed") return true;
      await dealer.standing(paid);
      const settled = await dealer.settled(paid, 2_000);
      if (settled.state === "closed") return true;
      await sleep(clock, 500);
    }
  }

  /** When all is over: the books, by the witnesses of any other sale. */
  async #check(): Promise<void> {
    const { quantumPulses } = this.#plan;
    const site = this.#site;
    const expected = { ...SOCKET_1, quantumPulses, runOnPulsesMax: this.#exposure.runOnMost };
    const sessions = sessionReceipts(site);
    for (const text of await violations(site, expected)) this.#wrong.add(text);
    for (const text of streamViolations(site, sessions)) this.#wrong.add(text);
    for (const one of durableOrders(site)) {
      const { proved = 0 } = one.stream ?? {};
      const released = this.#exposure.releasedOf(one.id);
      if (proved > released) this.#wrong.add(`proof of ${proved} units, ${released} were let go`);
    }
  }
}
