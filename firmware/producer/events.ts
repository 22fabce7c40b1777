// What a device tells the application that hosts it, in the order in which it happens and one after the other;
// and what that application may refuse. Neither ever holds up a delivery: events wait in a bounded queue of
// their own, and a request whose host thinks steps out of the device's queue and comes back (requests.ts).

import { after, type Clock, type Timer } from "../../hal/clock.ts";
import type { Crypto } from "../../hal/crypto.ts";
import type { StopCause } from "../../hal/loop-host.ts";
import { fromHex, toHex } from "../bytes.ts";
import type { Log } from "../log.ts";
import { fail, type Result } from "../result.ts";
import type { Offer } from "../token/offer.ts";
import { thumbprint } from "../token/signed.ts";
import type { Order } from "./order.ts";

export interface SaleEvent {
  event: "discovery" | "quote" | "payment" | "begin" | "progress" | "end" | "fault" | "flows";
  /** Id of the device. */
  device: string;
  /** By the wall clock. */
  atMs: number;
  order?: string;
  service?: number;
  price?: number;
  units?: number;
  session?: number;
  /** Granted at `begin`, delivered so far in the session at `progress` and `end`. */
  pulses?: number;
  totalMinor?: number;
  currency?: string;
  /** Thumbprint of the consumer's key. */
  consumer?: string;
  /** At `discovery`: whether the device announces itself now. */
  announced?: boolean;
  /** Why a session ended, the kind of a fault, or at `flows` what is another: the key of a system event. */
  reason?: string;
  /** The reading for which a session ended, where one did it. */
  cause?: StopCause;
  /** Of a fault, for people. */
  message?: string;
}

export type SaleListener = (event: SaleEvent) => void | Promise<void>;

/** What the host is asked before it is done. */
export type LeaveRequest = Omit<SaleEvent, "event"> & { step: "quote" | "pay" | "begin" };
export type Veto = (request: LeaveRequest) => Result<void> | Promise<Result<void>>;

const WAITING_MAX = 1_000;
/** Of what any buyer can bring about for nothing, so that it never takes the place of money and metal. */
const CHEAP_WAITING_MAX = 500;
const CHEAP: ReadonlySet<SaleEvent["event"]> = new Set(["fault", "quote", "progress"]);
const ASKED_MAX = 64;
const LEAVE_MS = 2_000;
const PROGRESS_MS_MIN = 1_000;

export interface SaleEvents {
  /** The last one set counts; undefined for none. */
  setListener(listener: SaleListener | undefined): void;
  setVeto(veto: Veto | undefined): void;
  tell(event: Omit<SaleEvent, "device" | "atMs">): void;
  /** About an order; `progress` of one order at most once a second. */
  tellOf(order: Order, event: Pick<SaleEvent, "event"> & Partial<SaleEvent>): void;
  /** Whether anybody has to be asked. */
  guarded(): boolean;
  /** Errors: `refused` with the host's words, also for a host that is late or throws; `too-many`. */
  leave(request: Omit<LeaveRequest, "device" | "atMs">): Promise<Result<void>>;
}

export interface SaleEventsPorts {
  clock: Clock;
  crypto: Crypto;
  log: Log;
  device: string;
}

export function openSaleEvents(ports: SaleEventsPorts): SaleEvents {
  return new QueuedEvents(ports);
}

/** Thumbprint of a consumer's key, both in hexadecimal digits. */
export function consumerPrint(crypto: Crypto, consumer: string): string {
  return toHex(thumbprint(crypto, fromHex(consumer) ?? new Uint8Array()));
}

/** Called at every change of an order: what came of its payment, once. */
export function tellPayment(events: SaleEvents, order: Order): void {
  const { totalMinor, currency } = order.terms;
  const isNew = order.sessions === 0 && order.running === undefined;
  if (order.state === "paid" && isNew) {
    events.tellOf(order, { event: "payment", totalMinor, currency });
  }
  if (order.state === "failed") {
    events.tellOf(order, { event: "fault", reason: order.why ?? "declined" });
  }
}

/** An offer was made, to the consumer of that thumbprint. */
export function tellQuote(events: SaleEvents, offer: Offer, consumer: string): void {
  const { id: order, service, price, units, totalMinor, currency } = offer;
  events.tell({ event: "quote", order, service, price, units, totalMinor, currency, consumer });
}

class QueuedEvents implements SaleEvents {
  readonly #ports: SaleEventsPorts;
  readonly #waiting: SaleEvent[] = [];
  readonly #progressMs = new Map<string, number>();
  #listener: SaleListener | undefined;
  #veto: Veto | undefined;
  #telling = false;
  /** Ends the wait for a listener in whose place another one was set. */
  #replace: () => void = () => undefined;
  #lost = 0;
  #asked = 0;

  constructor(ports: SaleEventsPorts) {
    this.#ports = ports;
  }

  setListener(listener: SaleListener | undefined): void {
    this.#listener = listener;
    this.#replace();
    if (listener === undefined) this.#waiting.length = 0;
  }

  setVeto(veto: Veto | undefined): void {
    this.#veto = veto;
  }

  tell(event: Omit<SaleEvent, "device" | "atMs">): void {
    if (this.#listener === undefined) return;
    const { clock, device } = this.#ports;
    // A listener that hangs must not cost memory without end.
    const max = CHEAP.has(event.event) ? CHEAP_WAITING_MAX : WAITING_MAX;
    if (this.#waiting.length >= max) {
      this.#lost += 1;
      return;
    }
    this.#waiting.push({ ...event, device, atMs: clock.wallMs() });
    if (!this.#telling) void this.#deliver();
  }

  tellOf(order: Order, event: Pick<SaleEvent, "event"> & Partial<SaleEvent>): void {
    if (event.event === "end") this.#progressMs.delete(order.id);
    if (this.#listener === undefined) return;
    if (event.event === "progress" && !this.#due(order.id)) return;
    const { service, price, units } = order.terms;
    const consumer = consumerPrint(this.#ports.crypto, order.consumer);
    this.tell({ order: order.id, service, price, units, consumer, ...event });
  }

  guarded(): boolean {
    return this.#veto !== undefined;
  }

  async leave(request: Omit<LeaveRequest, "device" | "atMs">): Promise<Result<void>> {
    const { clock, device, log } = this.#ports;
    const veto = this.#veto;
    if (veto === undefined) return { ok: true, value: undefined };
    if (this.#asked >= ASKED_MAX) return fail("too-many", "the device's host is busy: try again");
    this.#asked += 1;
    let timer: Timer | undefined;
    const late = new Promise<Result<void>>((resolve) => {
      timer = after(clock, LEAVE_MS, () => resolve(fail("refused", "the host does not answer")));
    });
    try {
      const asked = { ...request, device, atMs: clock.wallMs() };
      const said = await Promise.race([Promise.resolve(veto(asked)), late]);
      if (said.ok === true) return { ok: true, value: undefined };
      return fail("refused", String(said.fault.message));
    } catch (error) {
      log("error", "veto-threw", { step: request.step, message: String(error) });
      return fail("refused", "the host of the device has trouble of its own");
    } finally {
      timer?.cancel();
      this.#asked -= 1;
    }
  }

  #due(order: string): boolean {
    const nowMs = this.#ports.clock.monotonicMs();
    const lastMs = this.#progressMs.get(order) ?? -PROGRESS_MS_MIN;
    if (nowMs - lastMs < PROGRESS_MS_MIN) return false;
    this.#progressMs.set(order, nowMs);
    return true;
  }

  async #deliver(): Promise<void> {
    const { log } = this.#ports;
    this.#telling = true;
    // Never from within the step that tells it.
    await undefined;
    for (let event = this.#waiting.shift(); event !== undefined; event = this.#waiting.shift()) {
      const replaced = new Promise<void>((resolve) => {
        this.#replace = resolve;
      });
      try {
        await Promise.race([this.#listener?.(event), replaced]);
      } catch (error) {
        log("error", "listener-threw", { event: event.event, message: String(error) });
      }
      if (this.#lost > 0) log("warn", "events-lost", { count: this.#lost });
      this.#lost = 0;
    }
    this.#telling = false;
  }
}
