// Who is told how an order goes on: the connection that last asked about it. Metering goes out at a limited
// rate and may be lost; receipts are sent again, less and less often, until they are acknowledged.

import { after, type Clock, type Timer } from "../../hal/clock.ts";
import type { Message } from "../protocol/messages.ts";
import type { Caller, Connections } from "./connections.ts";
import type { Journal } from "./journal.ts";
import type { Order } from "./order.ts";
import type { StreamNews } from "./streams.ts";

const METERING_MS_MIN = 1_000;
/** A delivery that waits for a proof, or soon will, waits for this too. */
const DUE_MS_MIN = 20;
const RESEND_MS_MIN = 2_000;
const RESEND_MS_MAX = 60_000;
const RECEIPTS_AT_ONCE = 3;

interface Watcher {
  caller: Caller;
  meteredMs: number;
  resendMs: number;
  timer?: Timer;
}

export interface Watchers {
  watch(caller: Caller, order: Order): void;
  /** News of a payer who pays by the count go out sooner where a proof is due. */
  metering(order: Order, pulses: number, held: boolean, news?: StreamNews): void;
  /** Once: it may be lost. */
  push(order: string, message: Message): void;
  /** Sends the receipts that the order's consumer has not acknowledged, and goes on until it has. */
  receipts(order: Order): void;
  close(): void;
}

export function openWatchers(connections: Connections, journal: Journal, clock: Clock): Watchers {
  return new ConnectionWatchers(connections, journal, clock);
}

class ConnectionWatchers implements Watchers {
  readonly #connections: Connections;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #watchers = new Map<string, Watcher>();

  constructor(connections: Connections, journal: Journal, clock: Clock) {
    this.#connections = connections;
    this.#journal = journal;
    this.#clock = clock;
  }

  watch(caller: Caller, order: Order): void {
    const before = this.#watchers.get(order.id);
    before?.timer?.cancel();
    const meteredMs = before?.meteredMs ?? -METERING_MS_MIN;
    this.#watchers.set(order.id, { caller, meteredMs, resendMs: RESEND_MS_MIN });
    this.#send(order.id);
  }

  metering(order: Order, pulses: number, held: boolean, news?: StreamNews): void {
    const watcher = this.#watchers.get(order.id);
    const nowMs = this.#clock.monotonicMs();
    if (watcher === undefined || order.running === undefined) return;
    const soonestMs = news?.isDue === true ? DUE_MS_MIN : METERING_MS_MIN;
    if (nowMs - watcher.meteredMs < soonestMs) return;
    watcher.meteredMs = nowMs;
    const { session } = order.running;
    this.#connections.push(watcher.caller, {
      is: "metering",
      session,
      pulses,
      ...(held && { held }),
      ...(news && { proved: news.proved }),
      ...(news?.ended && { ended: true }),
    });
  }

  push(order: string, message: Message): void {
    const watcher = this.#watchers.get(order);
    if (watcher !== undefined) this.#connections.push(watcher.caller, message);
  }

  receipts(order: Order): void {
    const watcher = this.#watchers.get(order.id);
    if (watcher === undefined) return;
    watcher.resendMs = RESEND_MS_MIN;
    this.#send(order.id, true);
  }

  close(): void {
    for (const { timer } of this.#watchers.values()) timer?.cancel();
    this.#watchers.clear();
  }

  /**
   * Sends what waits. While money still moves the settlement receipt is about to follow, so that both go in one
   * message; but nobody waits for that longer than the first repetition.
   */
  #send(id: string, first = false): void {
    const watcher = this.#watchers.get(id);
    const order = this.#journal.order(id);
    if (watcher === undefined) return;
    watcher.timer?.cancel();
    if (order === undefined) {
      this.#watchers.delete(id);
      return;
    }
    const waiting = this.#journal.unacknowledged(order);
    if (waiting.length === 0) {
      if (order.state === "closed" || order.state === "failed") this.#watchers.delete(id);
      return;
    }
    if (!first || order.state !== "closing") {
      const receipts = waiting.slice(0, RECEIPTS_AT_ONCE).map(({ signed }) => signed);
      this.#connections.push(watcher.caller, { is: "receipts", receipts });
    }
    watcher.timer = after(this.#clock, watcher.resendMs, () => this.#send(id));
    watcher.resendMs = Math.min(2 * watcher.resendMs, RESEND_MS_MAX);
  }
}
