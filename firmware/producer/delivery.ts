// Delivery of an order: begin, reserve quantum by quantum ahead of the meter, end, and close what a cut of the
// power left open. The metering loop delivers and cuts off by itself; here is only what must be on disk before
// it may, and what it reports.

import type { OutletPart } from "../../hal/board.ts";
import type { Clock } from "../../hal/clock.ts";
import type { Crypto } from "../../hal/crypto.ts";
import type { LoopHost, LoopReport, StopReason } from "../../hal/loop-host.ts";
import { unreachable } from "../assert.ts";
import type { Log } from "../log.ts";
import type { MessageOf } from "../protocol/messages.ts";
import { fail, ok, type Result } from "../result.ts";
import { shortDigest } from "../token/signed.ts";
import { causeWords } from "../token/stop-words.ts";
import { grantPulses } from "../units.ts";
import type { Awaited } from "./awaited-contact.ts";
import type { LevelLimit, Service } from "./catalogue.ts";
import type { Journal } from "./journal.ts";
import { LeftItems } from "./left-items.ts";
import { type Levels, openLevels } from "./levels.ts";
import * as order from "./order.ts";
import { reservationDue, sessionLimit } from "./order-stream.ts";
import { type OutletHealth, type OutletWatch, openOutletWatch } from "./outlet-watch.ts";
import type { RunOns } from "./run-on-record.ts";
import {
  amountOf,
  loopSession,
  nextSessionWrong,
  orderOfSession,
  runningOn,
  runningOrders,
} from "./running-orders.ts";
import { type SessionEnd, type SessionFacts, sessionEnd, unwatchedFacts } from "./session-end.ts";
import { type StreamNews, type StreamRequest, Streams } from "./streams.ts";

type Order = order.Order;

/** Who bears the pulses between the last reservation and a power cut, when the meter's register forgets them. */
export type LossSide = "seller" | "payer";

export interface DeliveryPolicy {
  /** Pulses reserved on disk ahead of delivery: the most that a power cut can forget. */
  quantumPulses: number;
  loss: LossSide;
}

export interface DeliveryPorts {
  clock: Clock;
  crypto: Crypto;
  journal: Journal;
  loop: LoopHost;
  outlets: readonly OutletPart[];
  policy: DeliveryPolicy;
  runOns: RunOns;
  /** The level that limits a service, as long as it is in the catalogue. */
  levelOf(service: number): LevelLimit | undefined;
  /** Units that a service delivers ahead of proof at the most, as long as it is in the catalogue. */
  windowMax(service: number): number | undefined;
  log: Log;
  /** The runtime's queue (runtime.ts). */
  enqueue(work: () => Promise<void>): void;
  settle(closing: Order): void;
  changed(order: Order): void;
  ended(order: Order, session: SessionEnd): void;
  /** With news for a payer who pays by it. */
  progress(order: Order, pulses: number, held: boolean, news?: StreamNews): void;
}

export interface Delivery {
  /** Whether the outlet could deliver now: `not-ready` with the reason. Busy is no obstacle to selling. */
  ready(outlet: string): Result<void>;
  /** What the customer himself does first, where nothing else is in the way: plug in, or lift the nozzle. */
  awaits(outlet: string): Awaited | undefined;
  free(outlet: string): boolean;
  /** Every outlet that the loop has spoken of. */
  outlets(): readonly OutletHealth[];
  /** Units that can be supplied now, where a level limits them. */
  available(service: Service): number | undefined;
  /** The last reading of every sensor. */
  readings(): MessageOf<"readings">["readings"];
  begin(
    one: Order,
    session: number,
    units: number | undefined,
    asked?: StreamRequest,
  ): Promise<Result<Order>>;
  /** The running order is paid over this connection, where it is paid while it is delivered. */
  hear(one: Order, connection: string): void;
  /** Units of which there is proof; undefined for an order that is paid in another way. */
  proved(one: Order): number | undefined;
  /** A proof of payment that came over this connection, from anybody. */
  onProof(connection: string, payload: Uint8Array): void;
  /** Proofs that were no use. */
  proofsDropped(): number;
  /** Ends the running session, or closes an idle order whose undelivered units are refunded. */
  end(one: Order, reason: StopReason): Promise<Result<{ running: boolean }>>;
  onReport(report: LoopReport): Promise<void>;
  /** Ends every running session, for a clean shutdown. */
  stopAll(reason: StopReason): void;
  runningCount(): number;
}

export function openDelivery(ports: DeliveryPorts): Delivery {
  return new MeteredDelivery(ports);
}

class MeteredDelivery implements Delivery {
  readonly #ports: DeliveryPorts;
  readonly #outlets: OutletWatch;
  readonly #levels: Levels;
  readonly #leftItems: LeftItems;
  /** Sessions whose loop is gone, or that an earlier life of ours left running: closed when readings are known. */
  readonly #orphans = new Map<string, StopReason>();
  readonly #streams: Streams;
  /** Delivered so far by the last report, by order: memory only. */
  readonly #delivered = new Map<string, number>();
  /** Orders whose reservation is about to be extended for a proof that came. */
  readonly #extending = new Set<string>();

  constructor(ports: DeliveryPorts) {
    this.#ports = ports;
    this.#outlets = openOutletWatch(ports.log, (outlet) => ports.runOns.of(outlet), ports.outlets);
    this.#leftItems = new LeftItems(ports.clock, ports.outlets);
    this.#levels = openLevels({
      clock: ports.clock,
      orders: () => ports.journal.orders(),
      delivered: (id) => this.#delivered.get(id) ?? 0,
      levelOf: (service) => ports.levelOf(service),
    });
    this.#streams = this.#openStreams();
    for (const { id } of runningOrders(ports.journal)) this.#orphans.set(id, "power-loss");
  }

  #openStreams(): Streams {
    const { clock, crypto, journal, loop, enqueue } = this.#ports;
    return new Streams({
      ...{ clock, crypto },
      windowMax: (service) => this.#ports.windowMax(service),
      order: (id) => journal.order(id),
      proved: (one) => this.#onProved(one),
      late: (one) => loop.send({ do: "stop", session: loopSession(one), reason: "proof-late" }),
      tell: (one, pulses, news) => this.#ports.progress(one, pulses, true, news),
      over: ({ id }, facts) =>
        enqueue(async () => {
          const one = journal.order(id);
          if (one !== undefined) await this.#endSession(one, facts);
        }),
    });
  }

  ready(outlet: string): Result<void> {
    return this.#outlets.ready(outlet);
  }

  awaits(outlet: string): Awaited | undefined {
    return this.#outlets.awaits(outlet);
  }

  outlets(): readonly OutletHealth[] {
    return this.#outlets.health();
  }

  available(service: Service): number | undefined {
    return this.#levels.available(service);
  }

  readings(): MessageOf<"readings">["readings"] {
    return this.#levels.readings();
  }

  free(outlet: string): boolean {
    return runningOn(this.#ports.journal, outlet) === undefined;
  }

  async begin(
    one: Order,
    session: number,
    units: number | undefined,
    asked: StreamRequest = {},
  ): Promise<Result<Order>> {
    const { journal, loop, log } = this.#ports;
    if (one.running?.session === session) {
      const known = this.#streams.asked(one, asked);
      return known.ok ? ok(one) : known;
    }
    const wrong = nextSessionWrong(one, session);
    if (!wrong.ok) return wrong;
    if (one.running !== undefined || !this.free(one.outlet)) {
      return fail("busy", "the outlet is in use; the token stays good");
    }
    const able = this.ready(one.outlet);
    if (!able.ok) return able;
    const reading = this.#outlets.report(one.outlet)?.readings[one.meter];
    if (reading === undefined) return fail("not-ready", "the meter gives no reading");
    if (this.#leftItems.blocks(one, reading)) {
      return fail("busy", "an earlier item may still come out; the token stays good");
    }
    const wanted =
      units === undefined
        ? order.remainingPulses(one)
        : Math.min(grantPulses(units, order.ratioOf(one)), order.remainingPulses(one));
    if (wanted === 0) return fail("units-out-of-range", "nothing was asked for", "units");
    const beginning = this.#streams.asked(one, asked);
    if (!beginning.ok) return beginning;
    const limit = sessionLimit(beginning.value);
    if (limit < 1) return fail("proof-needed", "the next unit is to be paid first", "proof");
    const quantum = Math.min(this.#quantum(one), limit);
    const next = order.begun(beginning.value, wanted, quantum, reading);
    // On disk before the switch may close: a cut between the two delivers nothing.
    await journal.save(next);
    const { running } = next;
    const runOn = this.#ports.runOns.of(one.outlet);
    loop.send({
      do: "grant",
      session: loopSession(next),
      outlet: one.outlet,
      meter: one.meter,
      pulses: running?.reserved ?? 0,
      total: running?.total ?? 0,
      ...(runOn && { runOn }),
    });
    log("info", "session-begun", { session, ...amountOf(one, wanted) });
    return ok(next);
  }

  async end(one: Order, reason: StopReason): Promise<Result<{ running: boolean }>> {
    const { journal, loop, settle } = this.#ports;
    if (one.running !== undefined) {
      loop.send({ do: "stop", session: loopSession(one), reason });
      return ok({ running: true });
    }
    if (one.state === "paid" && one.terms.undelivered === "refund") {
      const closing = order.closing(one, reason, false);
      await journal.save(closing);
      settle(closing);
    }
    return ok({ running: false });
  }

  async onReport(report: LoopReport): Promise<void> {
    switch (report.on) {
      case "ready":
      case "alive":
        this.#levels.onReports(report.sensors, report.atMs);
        this.#outlets.onReports(report);
        await this.#closeOrphans();
        // What is not well is told with the first that says how the board is by then.
        this.#ports.loop.awaitsReport?.(report.on === "ready" || this.#orphans.size > 0);
        return;
      case "lost":
        return this.#onLost(report.why);
      case "progress": {
        const one = orderOfSession(this.#ports.journal, report.session);
        if (one === undefined) return;
        this.#outlets.onReading(one.outlet, one.meter, report.reading);
        this.#levels.onDelivered(one, report.pulses - this.#deliveredOf(one), report.atMs);
        this.#delivered.set(one.id, report.pulses);
        const news = this.#streams.onDelivered(one, report.pulses);
        this.#ports.progress(one, report.pulses, report.held, news);
        return this.#extend(one, report.pulses);
      }
      case "stopped": {
        const one = orderOfSession(this.#ports.journal, report.session);
        if (one === undefined) return;
        this.#outlets.onReading(one.outlet, one.meter, report.endReading);
        const last = report.pulses + report.runOnPulses - this.#deliveredOf(one);
        this.#delivered.set(one.id, report.pulses);
        if (!this.#streams.awaitsLast(one, report)) await this.#endSession(one, report);
        return this.#levels.onDelivered(one, last, report.atMs);
      }
      case "button":
        // Whoever sells at the board hears it for himself.
        return;
      default:
        return unreachable(report);
    }
  }

  hear(one: Order, connection: string): void {
    this.#streams.proofs.hear(one, connection);
  }

  proved(one: Order): number | undefined {
    return this.#streams.proofs.current(one).stream?.proved;
  }

  onProof(connection: string, payload: Uint8Array): void {
    this.#streams.proofs.take(connection, payload);
  }

  proofsDropped(): number {
    return this.#streams.proofs.dropped;
  }

  stopAll(reason: StopReason): void {
    const { journal, loop } = this.#ports;
    for (const one of runningOrders(journal)) {
      loop.send({ do: "stop", session: loopSession(one), reason });
    }
  }

  runningCount(): number {
    return runningOrders(this.#ports.journal).length;
  }

  /** Items are worth too much to reserve, and to forget, several at once. */
  #quantum(one: Order): number {
    return this.#leftItems.isItem(one) ? 1 : this.#ports.policy.quantumPulses;
  }

  #deliveredOf({ id }: Order): number {
    return this.#delivered.get(id) ?? 0;
  }

  async #closeOrphans(): Promise<void> {
    for (const [id, reason] of [...this.#orphans]) {
      const one = this.#ports.journal.order(id);
      if (one?.running === undefined) this.#orphans.delete(id);
      else if (this.#streams.isClosing(one) || this.#outlets.awaitsReading(one)) continue;
      else if (this.#outlets.report(one.outlet)?.session === undefined) {
        await this.#endOrphan(one, reason);
      }
    }
  }

  #onLost(why: string): void {
    const { outlets, log, journal } = this.#ports;
    log("error", "loop-lost", { why });
    for (const { id } of outlets) {
      const one = runningOn(journal, id);
      // What has stopped is known whole.
      if (one === undefined || this.#streams.isClosing(one)) continue;
      this.#orphans.set(one.id, this.#orphans.get(one.id) ?? "fault");
    }
    this.#outlets.onLost();
    this.#levels.onLost();
  }

  /** At most one extension waits for each order, however many proofs come. */
  #onProved(one: Order): void {
    const { journal, enqueue } = this.#ports;
    const { id } = one;
    const isDue = reservationDue(one, this.#deliveredOf(one), this.#quantum(one)) !== undefined;
    if (!isDue || this.#extending.has(id) || this.#orphans.has(id)) return;
    this.#extending.add(id);
    enqueue(async () => {
      this.#extending.delete(id);
      const now = journal.order(id);
      if (now !== undefined) await this.#extend(now, this.#deliveredOf(now));
    });
  }

  async #extend(before: Order, pulses: number): Promise<void> {
    const { journal, loop } = this.#ports;
    const one = this.#streams.proofs.current(before);
    const quantum = reservationDue(one, pulses, this.#quantum(one));
    if (one.running === undefined || quantum === undefined || this.#orphans.has(one.id)) return;
    const next = order.extended(one, Math.min(pulses, one.running.reserved), quantum);
    await journal.save(next);
    const reserved = next.running?.reserved ?? 0;
    loop.send({ do: "extend", session: loopSession(one), pulses: reserved });
  }

  async #endSession(before: Order, facts: SessionFacts): Promise<void> {
    const { crypto, journal, log, runOns, settle, changed } = this.#ports;
    if (before.running === undefined) return;
    const one = this.#streams.proofs.current(before);
    const { next, draft, end } = sessionEnd(one, facts, shortDigest(crypto, one.offer));
    const runOn = runOns.plan(one.outlet, facts.runOn);
    await journal.save(next, draft, runOn.writes);
    runOn.note();
    this.#streams.forget(one);
    this.#delivered.delete(one.id);
    this.#orphans.delete(one.id);
    const { pulses, reason } = end;
    log("info", "session-ended", { ...amountOf(one, pulses), reason, ...causeWords(end) });
    this.#ports.ended(next, end);
    changed(next);
    if (next.state === "closing") settle(next);
  }

  /** Closes a session that nobody watched. */
  async #endOrphan(one: Order, reason: StopReason): Promise<void> {
    const { running } = one;
    if (running === undefined) return;
    const { loop, policy } = this.#ports;
    // Its grant may have waited for the disk until the next loop was up.
    loop.send({ do: "stop", session: loopSession(one), reason });
    // Without a report of its outlet (the board has it no more) policy decides.
    const outlet = this.#outlets.report(one.outlet);
    const kept = outlet?.retained.includes(one.meter) ? outlet.readings[one.meter] : undefined;
    const seen = Math.max(running.recorded, this.#deliveredOf(one));
    const facts = unwatchedFacts(one, { kept, seen, loss: policy.loss }, reason);
    const isAllOut = kept !== undefined && kept - running.startReading >= running.reserved;
    if (!isAllOut) this.#leftItems.note(one, outlet?.readings[one.meter] ?? 0);
    if (!this.#streams.awaitsLast(one, facts)) await this.#endSession(one, facts);
  }
}
