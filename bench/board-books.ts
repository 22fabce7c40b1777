// A board's books as they lie on its disks: its orders, and what the payment host has.

import type { Order } from "../firmware/producer/order.ts";
import type { SimCharge } from "../hal/sim/sim-books.ts";
import type { SimStore } from "../hal/sim/sim-store.ts";
import type { TerminalHold } from "../hal/sim/sim-terminal-books.ts";
import type { BoardState } from "./bench-state.ts";
import { readOrder } from "./board-watch.ts";

type Money = BoardState["money"];

export interface BoardDisks {
  device: SimStore;
  host: SimStore;
  terminal: SimStore;
}

export class BoardBooks {
  readonly #disks: BoardDisks;
  /** By id, each as its record was read. */
  #orders = new Map<string, { body: string; order: Order | undefined }>();
  #ordersAt = -1;
  #money: { at: number; sums: Money } = { at: -1, sums: [] };

  constructor(disks: BoardDisks) {
    this.#disks = disks;
  }

  /** Newest first. */
  newest(most: number): readonly Order[] {
    return this.#read()
      .sort((one, other) => other.madeS - one.madeS)
      .slice(0, most);
  }

  /** The order whose session runs at this outlet. */
  running(outlet: string): Order | undefined {
    return this.#read().find((order) => order.outlet === outlet && order.running !== undefined);
  }

  money(): Money {
    const { host, terminal } = this.#disks;
    const at = host.commits() + terminal.commits();
    if (this.#money.at !== at) this.#money = { at, sums: sumsOf(host, terminal) };
    return this.#money.sums;
  }

  /** Of the card terminal, by their references. */
  holds(): ReadonlyMap<string, TerminalHold> {
    const holds = this.#disks.terminal.durable("terminal-hold");
    return new Map(holds.map(({ id, body }) => [id, JSON.parse(body) as TerminalHold]));
  }

  #read(): Order[] {
    const { device } = this.#disks;
    if (this.#ordersAt !== device.commits()) {
      this.#ordersAt = device.commits();
      const before = this.#orders;
      this.#orders = new Map();
      for (const { id, body } of device.durable("order")) {
        const known = before.get(id);
        this.#orders.set(id, known?.body === body ? known : { body, order: readOrder(body) });
      }
    }
    return [...this.#orders.values()].flatMap(({ order }) => order ?? []);
  }
}

/** Of the simulated host and of the terminal; a board uses the one or the other. */
function sumsOf(host: SimStore, terminal: SimStore): Money {
  const holds = [...host.durable("charge"), ...terminal.durable("terminal-hold")].map(
    ({ body }) => JSON.parse(body) as SimCharge | TerminalHold,
  );
  const sums = new Map<string, Money[number]>();
  for (const hold of holds) {
    const { currency, authorisedMinor, capturedMinor, refundedMinor, reversed } = hold;
    const before = sums.get(currency);
    // A capture is the end of a hold: what it left is released.
    const heldMinor = reversed || capturedMinor > 0 ? 0 : authorisedMinor;
    sums.set(currency, {
      currency,
      heldMinor: (before?.heldMinor ?? 0) + heldMinor,
      capturedMinor: (before?.capturedMinor ?? 0) + capturedMinor,
      refundedMinor: (before?.refundedMinor ?? 0) + refundedMinor,
    });
  }
  return [...sums.values()];
}
