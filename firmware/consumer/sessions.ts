// Taking delivery of paid orders at one device: each session begun once, followed to its receipt, and told to the
// application in order. One delivery of an order is waited for at a time.

import type { Message, MessageOf } from "../protocol/messages.ts";
import { type Fault, fail, type Result } from "../result.ts";
import type { Delivered, Deliveries, Progress } from "./deliveries.ts";
import type { Events } from "./events.ts";
import { termsOf } from "./prepaid-purchase.ts";
import type { Purchase, Purchases } from "./purchase.ts";
import type { Streaming } from "./streaming.ts";
import type { SessionStream, StreamChoice, Streams } from "./streams.ts";

export interface SessionsPorts {
  device: string;
  purchases: Purchases;
  deliveries: Deliveries;
  events: Events;
  streams: Streams;
  askToBegin(request: Message): Promise<Result<unknown>>;
  standing(purchase: Purchase): Promise<Result<MessageOf<"order">>>;
}

interface Taking {
  /** All that are left when undefined. */
  units: number | undefined;
  onProgress(progress: Progress): void;
  /** Of an order that is paid by the unit. */
  stream?: StreamChoice | undefined;
}

export class Sessions {
  readonly #ports: SessionsPorts;
  /** Orders that somebody takes delivery of here, each by whoever does. */
  readonly #taken = new Map<string, Taking>();
  /** What pays for a session that is taken here. */
  readonly #paying = new Map<string, Streaming>();

  constructor(ports: SessionsPorts) {
    this.#ports = ports;
  }

  /** Errors: those of `paid`, the device's, `order-closed`, `out-of-order` while one is waited for here. */
  async begin(
    order: string,
    paid: () => Promise<Result<Purchase>>,
    taking: Taking,
  ): Promise<Result<Delivered>> {
    if (this.#taken.has(order)) {
      return fail("out-of-order", "a delivery of this order is waited for already", "purchase");
    }
    this.#taken.set(order, taking);
    try {
      const latest = await paid();
      return latest.ok ? await this.#next(latest.value, taking) : latest;
    } finally {
      if (this.#taken.get(order) === taking) this.#taken.delete(order);
    }
  }

  async #next(latest: Purchase, taking: Taking): Promise<Result<Delivered>> {
    const { purchases, standing } = this.#ports;
    if (latest.state === "closed") return fail("order-closed", "the order is closed");
    const begun = await this.#session(latest, latest.sessions + 1, taking);
    if (begun.ok || begun.fault.kind !== "session-unknown") return begun;
    // A bearer token's order is not ours until we begin: the fault alone says how far it is.
    const { session: next } = begun.fault;
    if (latest.prepaid !== undefined && next !== undefined) {
      return this.#session(latest, next, taking);
    }
    // Sessions have gone by whose receipts we lack: they follow by themselves.
    const told = await standing(latest);
    if (!told.ok) return told;
    const now = (await purchases.get(latest.id)) ?? latest;
    return this.#session(now, told.value.sessions + 1, taking);
  }

  async #session(purchase: Purchase, session: number, taking: Taking): Promise<Result<Delivered>> {
    const { units, stream } = taking;
    const opened = await this.#ports.streams.open(purchase, session, units, stream);
    if (!opened.ok) return opened;
    const { streaming } = opened.value ?? {};
    if (streaming !== undefined) this.#paying.set(purchase.id, streaming);
    try {
      const latest = opened.value?.purchase ?? purchase;
      return await this.#follow(latest, session, taking, opened.value);
    } finally {
      streaming?.close();
      if (this.#paying.get(purchase.id) === streaming) this.#paying.delete(purchase.id);
    }
  }

  async #follow(
    purchase: Purchase,
    session: number,
    taking: Taking,
    stream: SessionStream | undefined,
  ): Promise<Result<Delivered>> {
    const { device, purchases, events, deliveries, askToBegin, standing } = this.#ports;
    const { id: order } = purchase;
    const { units, onProgress } = taking;
    let isTold = false;
    // The first progress may overtake the answer.
    const tellBegun = (): void => {
      if (isTold) return;
      isTold = true;
      stream?.agreed();
      events.tell({ event: "begin", device, order, session, units });
    };
    const finished = deliveries.follow(purchase, session, (progress) => {
      tellBegun();
      stream?.streaming.onProgress(progress);
      const { pulses, held, session: of } = progress;
      events.tell({ event: "progress", device, order, session: of, pulses, held });
      events.guard("progress", () => onProgress(progress));
    });
    const request: MessageOf<"begin"> = { is: "begin", order, session };
    if (units !== undefined) request.units = units;
    if (purchase.prepaid !== undefined) request.token = purchase.offer;
    if (stream !== undefined) {
      const { step, window, streaming } = stream;
      Object.assign(request, { step, window, ...(streaming.last && { proof: streaming.last }) });
    }
    const reply = await askToBegin(request);
    if (!reply.ok) {
      if (this.#taken.get(order) === taking) deliveries.leave(order);
      if (isRefusedToken(reply.fault)) {
        // What is ours there has receipts that we may lack.
        const told = await standing(purchase);
        if (!told.ok && told.fault.kind === "order-unknown") await purchases.forget(order);
      }
      return reply;
    }
    tellBegun();
    const delivered = await finished;
    if (delivered.ok) this.#tellEnd(delivered.value);
    return delivered;
  }

  #tellEnd({ purchase, receipts }: Delivered): void {
    const { device, events } = this.#ports;
    const offer = termsOf(purchase);
    const last = receipts.findLast((one) => one.is === "session");
    if (last?.is !== "session" || !offer.ok) return;
    const { session, pulses, amountMinor, reason, breakdown: { cause } = {} } = last;
    const { currency, id: order } = offer.value;
    const closed = purchase.state === "closed";
    const what = { device, order, session, pulses, amountMinor, currency };
    events.tell({ event: "end", ...what, reason, ...(cause && { cause }), closed });
  }

  /** Stops waiting for an order's delivery, or for all: they go on without us, `begin` then never resolves. */
  leave(order?: string): void {
    if (order === undefined) this.#taken.clear();
    else this.#taken.delete(order);
    for (const [of, streaming] of [...this.#paying]) {
      if (order !== undefined && of !== order) continue;
      streaming.close();
      this.#paying.delete(of);
    }
    this.#ports.deliveries.leave(order);
  }
}

/** It is the token itself that does not go, and nobody who only uses it at this moment. */
function isRefusedToken({ kind, at = "" }: Fault): boolean {
  return kind !== "busy" && at.split(".")[0] === "token";
}
