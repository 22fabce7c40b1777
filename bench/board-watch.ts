// What happens at one board, as events: metal, sessions, orders, receipts, the stages of its payments, and its log.

import { fromHex, toHex } from "../firmware/bytes.ts";
import type { Log } from "../firmware/log.ts";
import { type Order, orderRecord } from "../firmware/producer/order.ts";
import { readJson } from "../firmware/protocol/schema.ts";
import { peekReceipt } from "../firmware/token/receipt.ts";
import type { LoopReport } from "../hal/loop-host.ts";
import type { MetalState } from "../hal/sim/sim-metal.ts";
import type { StoreWrite } from "../hal/store.ts";
import type { BenchNews } from "./bench-news.ts";
import type { OrderState } from "./bench-state.ts";
import { bugWords } from "./bug-words.ts";
import { receiptWords } from "./receipt-words.ts";

export class BoardWatch {
  readonly #board: string;
  readonly #news: BenchNews;
  /** Called when an order was written: its payment may be going on. */
  readonly #paying: () => void;
  /** Of running sessions by order: pulses as the loop says. */
  readonly #delivered = new Map<string, number>();
  /** By order, the session of which the begin was told, and whether its first pulse was. */
  readonly #running = new Map<string, { session: number; outlet: string; flows: boolean }>();
  /** As each order that is open was told last. */
  readonly #toldOrders = new Map<string, string>();
  readonly #metal = new Map<string, string>();

  constructor(board: string, news: BenchNews, paying: () => void) {
    this.#board = board;
    this.#news = news;
    this.#paying = paying;
  }

  /** Delivered in the session that runs, as its loop said last. */
  deliveredOf(order: string): number | undefined {
    return this.#delivered.get(order);
  }

  readonly onLog: Log = (level, event, fields = {}) => {
    this.#news.tell(this.#board, () => ({ is: "log", level, event, fields }));
  };

  /** Of ours: it belongs where the rest of the story is. */
  readonly onBug = (error: unknown): void => {
    const fields = { what: bugWords(error) };
    this.#news.tell(this.#board, () => ({ is: "log", level: "error", event: "bug", fields }));
  };

  readonly onReport = (report: LoopReport): void => {
    if (report.on === "progress") this.#progress(orderOf(report.session), report.pulses);
    if (report.on === "stopped") this.#delivered.delete(orderOf(report.session));
    if (report.on === "lost") this.#delivered.clear();
  };

  readonly onWrites = (writes: readonly StoreWrite[]): void => {
    if (!this.#news.isHeard) return;
    const bodies = (wanted: string): string[] =>
      writes.flatMap(({ kind, body }) => (kind === wanted && body !== null ? [body] : []));
    const orders = bodies("order").flatMap((body) => readOrder(body) ?? []);
    // A receipt and its order are one commit.
    for (const body of bodies("receipt")) this.#receipt(body, orders);
    for (const order of orders) this.#order(order);
  };

  readonly onMetal = ({ outlets }: MetalState): void => {
    for (const { id, coil, contact } of outlets) {
      const now = `${coil} ${contact}`;
      if (this.#metal.get(id) === now) continue;
      const isFirst = !this.#metal.has(id) && !coil && !contact;
      this.#metal.set(id, now);
      if (isFirst) continue;
      this.#news.tell(this.#board, () => ({ is: "metal", outlet: id, coil, contact }));
    }
  };

  #progress(order: string, pulses: number): void {
    this.#delivered.set(order, pulses);
    const running = this.#running.get(order);
    if (running === undefined || running.flows || pulses === 0) return;
    const { outlet } = running;
    running.flows = true;
    this.#news.tell(this.#board, () => ({ is: "first-pulse", outlet, order, pulses }));
  }

  #order(order: Order): void {
    const { id, outlet, running, state } = order;
    const told = orderState(order, this.#delivered.get(id));
    const words = JSON.stringify(told);
    if (this.#toldOrders.get(id) !== words) {
      this.#news.tell(this.#board, () => ({ is: "order", order: told }));
    }
    if (state === "closed" || state === "failed") this.#toldOrders.delete(id);
    else this.#toldOrders.set(id, words);
    if (running === undefined) this.#running.delete(id);
    else if (this.#running.get(id)?.session !== running.session) {
      this.#running.set(id, { session: running.session, outlet, flows: false });
      const { total: pulses } = running;
      const what = { is: "session", what: "begin", outlet, order: id, pulses } as const;
      this.#news.tell(this.#board, () => what);
    }
    if (state !== "closed") this.#paying();
  }

  #receipt(body: string, orders: readonly Order[]): void {
    const signed = fromHex((JSON.parse(body) as { signed: string }).signed) ?? new Uint8Array();
    const receipt = peekReceipt(signed);
    if (!receipt.ok) return;
    const { value } = receipt;
    const { order } = value;
    const of = orders.find(({ id }) => id === order);
    if (value.is === "session") {
      const { pulses, reason, breakdown } = value;
      const { cause } = breakdown ?? {};
      this.#news.tell(this.#board, () => ({
        ...{ is: "session", what: "end", outlet: of?.outlet ?? "", order, pulses, reason },
        ...(cause && { cause }),
      }));
    }
    const words = receiptWords(value, of?.terms);
    this.#news.tell(this.#board, () => ({ is: "receipt", order, signed: toHex(signed), words }));
  }
}

function orderOf(session: string): string {
  return session.split("/")[0] ?? session;
}

/** Undefined for a record of another version. */
export function readOrder(body: string): Order | undefined {
  const read = readJson(orderRecord, JSON.parse(body), "order");
  return read.ok ? read.value : undefined;
}

/** `delivered`: in the session that runs, where its loop has said so. */
export function orderState(order: Order, delivered: number | undefined): OrderState {
  const { id, state, terms, pulses, running, grantPulses, receipts = [] } = order;
  const { service, units, totalMinor, currency } = terms;
  const now = running === undefined ? 0 : (delivered ?? running.recorded);
  return {
    ...{ order: id, state, service, units, totalMinor, currency },
    deliveredPulses: pulses + now,
    paidPulses: grantPulses,
    receipts: receipts.length,
  };
}
