// A standing need that buys by itself: again and again the cheapest that fits, within its limits, until its
// budget, its count or its time is up. What is charged and what may still be charged together never exceed the
// budget: an order counts in full from before it is paid until its settlement says what it cost.

import { after, type Clock, every } from "../../hal/clock.ts";
import type { Store } from "../../hal/store.ts";
import { type Fault, fail, ok, type Result } from "../result.ts";
import { type Choice, Market, type Wanted } from "./auto-choice.ts";
import { AutoLedger, OPEN_MAX, outcomeOf } from "./auto-ledger.ts";
import { Demand, type Need } from "./auto-need.ts";
import type { Consumer } from "./consumer.ts";
import type { Card } from "./credential.ts";
import type { Dealer, Delivered } from "./dealer.ts";
import type { Purchase } from "./purchase.ts";

export interface StandingNeed extends Wanted {
  /** Under which its money is counted, over restarts. */
  name: string;
  when: Need;
  budgetMinor: number;
  /** By the wall clock, once that is set. */
  untilMs?: number;
  /** So many purchases in all. */
  count?: number;
}

export interface AutoPorts {
  clock: Clock;
  store: Store;
  consumer: Consumer;
}

export interface AutoEnd {
  why: "budget" | "count" | "until" | "stopped";
  spentMinor: number;
  /** What open orders may still cost. */
  openMinor: number;
  purchases: number;
  milliUnits: number;
}

export type AutoEvent =
  | { on: "waiting"; waitMs: number; levelMilli?: number }
  | { on: "refused"; fault: Fault; againMs: number }
  | { on: "resumed"; order: string; device: string }
  | { on: "paid"; order: string; device: string; units: number; unit: string; totalMinor: number }
  | { on: "progress"; order: string; pulses: number }
  | { on: "delivered"; purchase: Purchase; receipts: Delivered["receipts"] }
  | { on: "settled"; order: string; chargedMinor: number; spentMinor: number };

const AGAIN_MS = 5_000;
const AGAIN_MS_MAX = 600_000;
/** Refused so often in a row, a card is not tried again. */
const DECLINES_MAX = 5;
const SETTLE_MS = 60_000;
/** During a delivery the device is asked so often whether it is there; silent so often, it is left. */
const LOOK_MS = 60_000;
const SILENT_LOOKS_MAX = 10;
const END_AGAIN_MS = 5_000;

/** Either it is over, or how long to wait before the next look. */
type Turn = Result<{ end: AutoEnd["why"] } | { waitMs: number }>;

export class AutoBuyer {
  readonly #ports: AutoPorts;
  readonly #need: StandingNeed;
  readonly #card: Card;
  readonly #tell: (event: AutoEvent) => void;
  readonly #market: Market;
  #stopping = false;
  #refusals = 0;
  #declines = 0;
  #onStop: () => void = () => undefined;

  constructor(
    ports: AutoPorts,
    need: StandingNeed,
    card: Card,
    tell: (event: AutoEvent) => void = () => undefined,
  ) {
    this.#ports = ports;
    this.#need = need;
    this.#card = card;
    this.#tell = tell;
    this.#market = new Market(ports.consumer);
  }

  /** Ends what is running, waits for its receipts, and buys no more. */
  stop(): void {
    this.#stopping = true;
    this.#onStop();
  }

  /**
   * Buys until it is over. Errors: `usage` for another currency than before, `exists` when another process works
   * on the same need, `declined` when the card is refused again and again. Throws HalError.
   */
  async run(): Promise<Result<AutoEnd>> {
    const { clock, store } = this.#ports;
    const { name, currency, when } = this.#need;
    const opened = await AutoLedger.open(store, name, currency);
    if (!opened.ok) return opened;
    const ledger = opened.value;
    const demand = new Demand(clock, when, ledger.now);
    for (;;) {
      const turn = await this.#turn(ledger, demand);
      if (!turn.ok) return turn;
      if ("end" in turn.value) {
        const { spentMinor, purchases, milliUnits } = ledger.now;
        const openMinor = ledger.committedMinor - spentMinor;
        return ok({ why: turn.value.end, spentMinor, openMinor, purchases, milliUnits });
      }
      await this.#pause(turn.value.waitMs);
    }
  }

  async #turn(ledger: AutoLedger, demand: Demand): Promise<Turn> {
    const { count, budgetMinor } = this.#need;
    const counted = await this.#account(ledger, demand);
    if (!counted.ok) return counted;
    if (this.#stopping) return ok({ end: "stopped" });
    const held = await this.#resume(ledger, demand);
    if (!held.ok) return held;
    if (this.#stopping) return ok({ end: "stopped" });
    if (held.value !== undefined) return this.#refused(held.value);
    const { open, purchases, spentMinor } = ledger.now;
    if (this.#isLate()) return ok({ end: "until" });
    const isEnough = count !== undefined && purchases + open.length >= count;
    if (isEnough && open.length === 0) return ok({ end: "count" });
    if (spentMinor >= budgetMinor) return ok({ end: "budget" });
    if (isEnough || open.length >= OPEN_MAX || ledger.committedMinor >= budgetMinor) {
      return this.#refused({ kind: "not-ready", message: "open orders are not settled yet" });
    }
    const waitMs = demand.dueInMs();
    if (waitMs > 0) {
      const level = this.#need.when.is === "level" ? { levelMilli: demand.levelMilli() } : {};
      this.#tell({ on: "waiting", waitMs, ...level });
      return ok({ waitMs: Math.min(waitMs, this.#leftMs()) });
    }
    const choice = await this.#market.cheapest(this.#need);
    return choice.ok ? this.#take(ledger, demand, choice.value) : this.#refused(choice.fault);
  }

  /** Pays for an offer that fits the budget, and takes delivery. */
  async #take(ledger: AutoLedger, demand: Demand, choice: Choice): Promise<Turn> {
    const { dealer, purchase, offer } = choice;
    const { id: order, totalMinor, units, unit } = offer;
    const { budgetMinor } = this.#need;
    if (this.#stopping || ledger.committedMinor + totalMinor > budgetMinor) {
      await this.#market.forget(choice);
      if (this.#stopping) return ok({ end: "stopped" });
      if (ledger.now.spentMinor + totalMinor > budgetMinor) return ok({ end: "budget" });
      return this.#refused({ kind: "not-ready", message: "open orders are not settled yet" });
    }
    const written = await ledger.change({ open: [...ledger.now.open, { order, totalMinor }] });
    if (!written.ok) return written;
    const paid = await dealer.pay(purchase, this.#card);
    if (!paid.ok) return this.#refused(paid.fault);
    const noted = await ledger.change(demand.paid());
    if (!noted.ok) return noted;
    this.#tell({ on: "paid", order, device: dealer.device, units, unit, totalMinor });
    // What was paid stays good: the next run takes delivery of it.
    if (this.#stopping) return ok({ end: "stopped" });
    const delivered = await this.#deliver(dealer, paid.value);
    if (!delivered.ok) return this.#refused(delivered.fault);
    [this.#refusals, this.#declines] = [0, 0];
    return ok({ waitMs: 0 });
  }

  /** Takes what is final off the open orders. */
  async #account(ledger: AutoLedger, demand: Demand): Promise<Result<void>> {
    for (const { order } of ledger.now.open) {
      const outcome = outcomeOf(await this.#ports.consumer.purchases.get(order));
      if (outcome === undefined) continue;
      const { chargedMinor, milliUnits } = outcome;
      const { now } = ledger;
      const spentMinor = now.spentMinor + chargedMinor;
      const written = await ledger.change({
        spentMinor,
        open: now.open.filter((one) => one.order !== order),
        purchases: now.purchases + (milliUnits > 0 ? 1 : 0),
        milliUnits: now.milliUnits + milliUnits,
        ...(milliUnits > 0 ? demand.received(milliUnits) : {}),
      });
      if (!written.ok) return written;
      // A payment that the device did not take up leaves its offer behind, of no more use.
      await this.#ports.consumer.purchases.forget(order);
      this.#tell({ on: "settled", order, chargedMinor, spentMinor });
    }
    return ok(undefined);
  }

  /**
   * Goes on with open orders: finds out about their payment, takes what is left of their delivery. Gives the
   * fault of a device that is there and does not go on; an order whose device is away stays open meanwhile.
   */
  async #resume(ledger: AutoLedger, demand: Demand): Promise<Result<Fault | undefined>> {
    for (const { order } of ledger.now.open) {
      const purchase = await this.#ports.consumer.purchases.get(order);
      if (purchase === undefined) continue;
      const found = await this.#market.dealerOf(purchase.device);
      if (!found.ok || this.#stopping) continue;
      const dealer = found.value;
      this.#tell({ on: "resumed", order, device: dealer.device });
      const paid = await dealer.pay(purchase, this.#card);
      // An earlier run may have ended between paying and writing that down.
      if (paid.ok && (ledger.now.lastMs ?? 0) < (purchase.madeMs ?? 0)) {
        const noted = await ledger.change(demand.paid());
        if (!noted.ok) return noted;
      }
      const went = paid.ok ? await this.#deliver(dealer, paid.value) : paid;
      const counted = await this.#account(ledger, demand);
      if (!counted.ok) return counted;
      const isOpen = ledger.now.open.some((one) => one.order === order);
      if (isOpen && !went.ok) return ok(went.fault);
    }
    return ok(undefined);
  }

  /** Takes delivery of what is left of a paid order, and waits for its settlement. Errors: those of begin. */
  async #deliver(dealer: Dealer, purchase: Purchase): Promise<Result<void>> {
    const order = purchase.id;
    const watched = this.#watch(dealer, purchase);
    try {
      const begun = dealer.begin(purchase, undefined, ({ pulses }) =>
        this.#tell({ on: "progress", order, pulses }),
      );
      const delivered = await Promise.race([begun, watched.left]);
      // Nothing is left to begin: only the settlement is awaited.
      if (!delivered.ok && !CLOSED.has(delivered.fault.kind)) return delivered;
      const now = await dealer.settled(purchase, SETTLE_MS);
      const receipts = delivered.ok ? delivered.value.receipts : [];
      if (delivered.ok) this.#tell({ on: "delivered", purchase: now, receipts });
      const session = receipts.find(({ is }) => is === "session");
      const isWhole = session === undefined || session.reason === "exhausted";
      if (now.state === "closed" && isWhole) return ok(undefined);
      const why = session === undefined ? "is not settled yet" : `stopped early: ${session.reason}`;
      return fail("not-ready", `the delivery ${why}`);
    } finally {
      watched.close();
    }
  }

  /** During a delivery: ends it when we are told to stop, and notices that the device has been silent for long. */
  #watch(dealer: Dealer, purchase: Purchase): { left: Promise<Result<never>>; close(): void } {
    const { clock } = this.#ports;
    let close = (): void => undefined;
    const left = new Promise<Result<never>>((resolve, reject) => {
      let silent = 0;
      const look = async (): Promise<void> => {
        const standing = await dealer.standing(purchase);
        silent = !standing.ok && standing.fault.kind === "timed-out" ? silent + 1 : 0;
        if (silent < SILENT_LOOKS_MAX) return;
        dealer.leave(purchase.id);
        resolve(fail("timed-out", "the device is silent in mid-delivery: the order stays open"));
      };
      const timers = [every(clock, LOOK_MS, () => void look().catch(reject))];
      const end = (): void => void dealer.end(purchase).catch(reject);
      this.#onStop = () => {
        end();
        timers.push(every(clock, END_AGAIN_MS, end));
      };
      close = () => {
        for (const timer of timers) timer.cancel();
        this.#onStop = () => undefined;
      };
    });
    left.catch(() => undefined);
    return { left, close };
  }

  /** Told, and tried again later and later. */
  #refused(fault: Fault): Turn {
    this.#declines = fault.kind === "declined" ? this.#declines + 1 : 0;
    if (this.#declines >= DECLINES_MAX) return { ok: false, fault };
    const againMs = Math.min(AGAIN_MS * 2 ** this.#refusals, AGAIN_MS_MAX, this.#leftMs());
    this.#refusals += againMs < AGAIN_MS_MAX ? 1 : 0;
    this.#tell({ on: "refused", fault, againMs });
    return ok({ waitMs: againMs });
  }

  #leftMs(): number {
    const { untilMs } = this.#need;
    const { clock } = this.#ports;
    if (untilMs === undefined || clock.wallQuality() === "unset") return Number.POSITIVE_INFINITY;
    return Math.max(0, untilMs - clock.wallMs());
  }

  #isLate(): boolean {
    return this.#leftMs() === 0;
  }

  #pause(waitMs: number): Promise<void> {
    if (this.#stopping || waitMs <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = after(this.#ports.clock, waitMs, () => done());
      const done = (): void => {
        timer.cancel();
        this.#onStop = () => undefined;
        resolve();
      };
      this.#onStop = done;
    });
  }
}

/** The device has no more to deliver under the order. */
const CLOSED: ReadonlySet<string> = new Set(["order-closed", "token-exhausted"]);
