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
import { grantPulses, milliUnits } from "../units.ts";
import type { LevelLimit, Service } from "./catalogue.ts";
import type { Journal } from "./journal.ts";
import { LeftItems } from "./left-items.ts";
import { type Levels, openLevels } from "./levels.ts";
import * as order from "./order.ts";
import { type OutletHealth, type OutletWatch, openOutletWatch } from "./outlet-watch.ts";

type Order = order.Order;

/** Who bears the pulses between the last reservation and a power cut, when the meter's register forgets them. */
export type LossSide = "seller" | "payer";

export interface DeliveryPolicy {
  /** Pulses reserved on disk ahead of delivery: the most that a power cut can forget. */
  quantumPulses: number;
  loss: LossSide;
}

/** Stops after which what remains of an order is still good, whatever the service does with undelivered units. */
const STAYS_GOOD: ReadonlySet<StopReason> = new Set([
  "exhausted",
  "power-loss",
  "restart",
  "update",
  "fault",
  "consumer-lost",
]);

export interface DeliveryPorts {
  clock: Clock;
  crypto: Crypto;
  journal: Journal;
  loop: LoopHost;
  outlets: readonly OutletPart[];
  policy: DeliveryPolicy;
  /** The level that limits a service, as long as it is in the catalogue. */
  levelOf(service: number): LevelLimit | undefined;
  log: Log;
  settle(closing: Order): void;
  changed(order: Order): void;
  ended(order: Order, session: { session: number; pulses: number; reason: StopReason }): void;
  progress(order: Order, pulses: number, held: boolean): void;
}

export interface Delivery {
  /** Whether the outlet could deliver now: `not-ready` with the reason. Busy is no obstacle to selling. */
  ready(outlet: string): Result<void>;
  /** What the customer himself does first, where nothing else is in the way: plug in, or lift the nozzle. */
  awaits(outlet: string): "vehicle" | "nozzle" | undefined;
  free(outlet: string): boolean;
  /** Every outlet that the loop has spoken of. */
  outlets(): readonly OutletHealth[];
  /** Units that can be supplied now, where a level limits them. */
  available(service: Service): number | undefined;
  /** The last reading of every sensor. */
  readings(): MessageOf<"readings">["readings"];
  begin(one: Order, session: number, units: number | undefined): Promise<Result<Order>>;
  /** Ends the running session, or closes an idle order whose undelivered units are refunded. */
  end(one: Order, reason: StopReason): Promise<Result<{ running: boolean }>>;
  onReport(report: LoopReport): Promise<void>;
  /** Ends every running session, for a clean shutdown. */
  stopAll(reason: StopReason): void;
  runningCount(): number;
}

interface SessionFacts {
  startReading: number;
  endReading: number;
  pulses: number;
  runOnPulses: number;
  reason: StopReason;
}

function loopSession(one: Order): string {
  return `${one.id}/${one.running?.session ?? 0}`;
}

/** For the log. */
function amountOf(one: Order, pulses: number) {
  const { id, outlet, terms } = one;
  const amount = milliUnits(pulses, order.ratioOf(one));
  return { order: id, outlet, pulses, milliUnits: amount, unit: terms.unit };
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
  /** Delivered so far by the last report, by order: memory only. */
  readonly #delivered = new Map<string, number>();

  constructor(ports: DeliveryPorts) {
    this.#ports = ports;
    this.#outlets = openOutletWatch(ports.log);
    this.#leftItems = new LeftItems(ports.clock, ports.outlets);
    this.#levels = openLevels({
      clock: ports.clock,
      orders: () => ports.journal.orders(),
      delivered: (id) => this.#delivered.get(id) ?? 0,
      levelOf: (service) => ports.levelOf(service),
    });
    for (const one of ports.journal.orders()) {
      if (one.running !== undefined) this.#orphans.set(one.id, "power-loss");
    }
  }

  ready(outlet: string): Result<void> {
    return this.#outlets.ready(outlet);
  }

  awaits(outlet: string): "vehicle" | "nozzle" | undefined {
    const report = this.#outlets.report(outlet);
    if (report?.fault !== "interlock" || report.session !== undefined) return undefined;
    const { interlocks = [] } = this.#ports.outlets.find(({ id }) => id === outlet) ?? {};
    const sorts = report.raised.map((raised) => interlocks.find(({ id }) => id === raised)?.sort);
    const others = sorts.filter((sort) => sort !== "vehicle" && sort !== "nozzle");
    const [first] = sorts;
    return others.length === 0 && (first === "vehicle" || first === "nozzle") ? first : undefined;
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
    return this.#runningOn(outlet) === undefined;
  }

  async begin(one: Order, session: number, units: number | undefined): Promise<Result<Order>> {
    const { journal, loop, log } = this.#ports;
    if (one.running?.session === session) return ok(one);
    if (session !== one.sessions + 1) {
      const next = one.sessions + 1;
      const { fault } = fail("session-unknown", `the next session is ${next}`, "session");
      return { ok: false, fault: { ...fault, session: next } };
    }
    if (one.running !== undefined || !this.free(one.outlet)) {
      return fail("busy", "the outlet is in use; the token stays good");
    }
    if (one.sessions >= order.SESSIONS_PER_ORDER_MAX) {
      return fail(
        "too-many",
        `an order has at most ${order.SESSIONS_PER_ORDER_MAX} sessions: end it`,
      );
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
    const next = order.begun(one, wanted, this.#quantum(one), reading);
    // On disk before the switch may close: a cut between the two delivers nothing.
    await journal.save(next);
    const { running } = next;
    loop.send({
      do: "grant",
      session: loopSession(next),
      outlet: one.outlet,
      meter: one.meter,
      pulses: running?.reserved ?? 0,
      total: running?.total ?? 0,
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
        return this.#closeOrphans();
      case "lost":
        return this.#onLost(report.why);
      case "progress": {
        const one = this.#findSession(report.session);
        if (one === undefined) return;
        this.#outlets.onReading(one.outlet, one.meter, report.reading);
        this.#levels.onDelivered(one, report.pulses - this.#deliveredOf(one), report.atMs);
        this.#delivered.set(one.id, report.pulses);
        this.#ports.progress(one, report.pulses, report.held);
        return this.#extend(one, report.pulses);
      }
      case "stopped": {
        const one = this.#findSession(report.session);
        if (one === undefined) return;
        this.#outlets.onReading(one.outlet, one.meter, report.endReading);
        const last = report.pulses + report.runOnPulses - this.#deliveredOf(one);
        await this.#endSession(one, report);
        return this.#levels.onDelivered(one, last, report.atMs);
      }
      case "button":
        // Whoever sells at the board hears it for himself.
        return;
      default:
        return unreachable(report);
    }
  }

  stopAll(reason: StopReason): void {
    const { journal, loop } = this.#ports;
    for (const one of journal.orders()) {
      if (one.running !== undefined) loop.send({ do: "stop", session: loopSession(one), reason });
    }
  }

  runningCount(): number {
    const orders = [...this.#ports.journal.orders()];
    return orders.filter(({ running }) => running !== undefined).length;
  }

  /** Items are worth too much to reserve, and to forget, several at once. */
  #quantum(one: Order): number {
    return this.#leftItems.isItem(one) ? 1 : this.#ports.policy.quantumPulses;
  }

  #runningOn(outlet: string): Order | undefined {
    for (const one of this.#ports.journal.orders()) {
      if (one.outlet === outlet && one.running !== undefined) return one;
    }
    return undefined;
  }

  #deliveredOf({ id }: Order): number {
    return this.#delivered.get(id) ?? 0;
  }

  #findSession(session: string): Order | undefined {
    const one = this.#ports.journal.order(session.split("/")[0] ?? "");
    return one !== undefined && one.running !== undefined && loopSession(one) === session
      ? one
      : undefined;
  }

  async #closeOrphans(): Promise<void> {
    for (const [id, reason] of [...this.#orphans]) {
      const one = this.#ports.journal.order(id);
      if (one?.running === undefined) this.#orphans.delete(id);
      else if (this.#outlets.report(one.outlet)?.session === undefined) {
        await this.#endOrphan(one, reason);
      }
    }
  }

  #onLost(why: string): void {
    const { outlets, log } = this.#ports;
    log("error", "loop-lost", { why });
    for (const { id } of outlets) {
      const one = this.#runningOn(id);
      if (one !== undefined) this.#orphans.set(one.id, this.#orphans.get(one.id) ?? "fault");
    }
    this.#outlets.onLost();
    this.#levels.onLost();
  }

  async #extend(one: Order, pulses: number): Promise<void> {
    const { journal, loop } = this.#ports;
    const { running } = one;
    if (running === undefined || running.reserved === running.total) return;
    const quantum = this.#quantum(one);
    if (pulses - running.recorded < quantum / 2) return;
    const next = order.extended(one, Math.min(pulses, running.reserved), quantum);
    await journal.save(next);
    const reserved = next.running?.reserved ?? 0;
    loop.send({ do: "extend", session: loopSession(one), pulses: reserved });
  }

  async #endSession(one: Order, facts: SessionFacts): Promise<void> {
    const { crypto, journal, log, settle, changed } = this.#ports;
    const { running } = one;
    if (running === undefined) return;
    // What the loop delivered beyond the reservation is given, not charged (I8).
    const charged = Math.min(facts.pulses, running.reserved);
    let next = order.sessionEnded(one, charged);
    const exhausted = order.remainingPulses(next) === 0;
    const refunds = one.terms.undelivered === "refund" && !STAYS_GOOD.has(facts.reason);
    if (exhausted || refunds) next = order.closing(next, facts.reason, false);
    await journal.save(next, {
      is: "session",
      order: one.id,
      offer: shortDigest(crypto, one.offer),
      payment: one.reference ?? "",
      session: running.session,
      startReading: facts.startReading,
      endReading: facts.endReading,
      pulses: charged,
      runOnPulses: facts.runOnPulses + facts.pulses - charged,
      milliUnits: milliUnits(charged, order.ratioOf(one)),
      ...order.sessionCharge(one, charged),
      reason: facts.reason,
    });
    this.#delivered.delete(one.id);
    this.#orphans.delete(one.id);
    log("info", "session-ended", { ...amountOf(one, charged), reason: facts.reason });
    this.#ports.ended(next, { session: running.session, pulses: charged, reason: facts.reason });
    changed(next);
    if (next.state === "closing") settle(next);
  }

  /** Closes a session that nobody watched: by the meter's own register where it kept counting, else by policy. */
  async #endOrphan(one: Order, reason: StopReason): Promise<void> {
    const { running } = one;
    if (running === undefined) return;
    // Without a report of its outlet (the board has it no more) policy decides.
    const outlet = this.#outlets.report(one.outlet);
    const retained = outlet?.retained.includes(one.meter) === true;
    const kept = retained ? outlet?.readings[one.meter] : undefined;
    const seen = Math.max(running.recorded, this.#deliveredOf(one));
    const assumed = this.#ports.policy.loss === "seller" ? seen : running.reserved;
    const counted = kept === undefined ? assumed : kept - running.startReading;
    // A register that says less than we saw, or went backwards, was replaced: then policy decides.
    const pulses = counted >= seen ? counted : assumed;
    const charged = Math.min(pulses, running.reserved);
    const isAllOut = kept !== undefined && kept - running.startReading >= running.reserved;
    if (!isAllOut) this.#leftItems.note(one, outlet?.readings[one.meter] ?? 0);
    await this.#endSession(one, {
      pulses: charged,
      runOnPulses: pulses - charged,
      startReading: running.startReading,
      endReading: running.startReading + pulses,
      reason,
    });
  }
}
