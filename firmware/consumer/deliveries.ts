// The deliveries that a consumer waits for at one device, each by its order: progress and receipts as the
// device pushes them, receipts that another process of this identity was sent, and asking when all is silent.
// Receipts are verified and journaled before they are acknowledged or told.

import { after, type Clock, type Timer } from "../../hal/clock.ts";
import type { Crypto } from "../../hal/crypto.ts";
import { equalBytes } from "../bytes.ts";
import type { Message } from "../protocol/messages.ts";
import { type Fault, fail, ok, type Result } from "../result.ts";
import type { Certificate } from "../token/certificate.ts";
import { type Receipt, verifyReceipt } from "../token/receipt.ts";
import { checkPurchase } from "./prepaid-purchase.ts";
import type { Purchase, Purchases } from "./purchase.ts";

/** Silence for so long during a delivery, and we ask how it stands. */
const ASK_MS = 5_000;
/** How often the journal is looked into for what another process of this identity was sent. */
const LOOK_MS = 1_000;

export interface DeliveriesPorts {
  clock: Clock;
  crypto: Crypto;
  purchases: Purchases;
  /** False when the consumer has left: then nothing is waited for any more. */
  isOpen(): boolean;
  /** Asks the device how an order stands, so that it goes on telling us. */
  askStanding(order: string): Promise<unknown>;
  /** Tells the device that receipts are kept, up to this number. */
  acknowledge(order: string, receipt: number): void;
}

export interface Progress {
  session: number;
  pulses: number;
  held: boolean;
  /** Of an order that is paid by the unit: units of which the device has proof, and that the session is over. */
  proved?: number;
  ended?: boolean;
}

/** How a session ended, for the consumer: its receipts, verified, oldest first. */
export interface Delivered {
  purchase: Purchase;
  /** Those that this session brought: its own, and the settlement when the order is closed. */
  receipts: readonly Receipt[];
}

interface Watch {
  order: string;
  session: number;
  /** So many receipts were there when the session began. */
  known: number;
  heardMs: number;
  look?: Timer;
  progress(progress: Progress): void;
  resolve(ended: Result<Delivered>): void;
  reject(error: unknown): void;
}

export class Deliveries {
  readonly #ports: DeliveriesPorts;
  readonly #device: Certificate;
  readonly #watches = new Map<string, Watch>();
  /** Pushes are kept one after another, in the order in which they came. */
  #keeping: Promise<void> = Promise.resolve();

  constructor(ports: DeliveriesPorts, device: Certificate) {
    this.#ports = ports;
    this.#device = device;
  }

  /**
   * Resolves with the receipt of session n, or the fault of a device whose receipts are not right. Rejects with
   * HalError when the journal fails us. One at a time for an order: the one before then never resolves.
   */
  follow(
    purchase: Purchase,
    session: number,
    progress: (progress: Progress) => void,
  ): Promise<Result<Delivered>> {
    const { id: order, receipts } = purchase;
    this.leave(order);
    const heardMs = this.#ports.clock.monotonicMs();
    const ended = new Promise<Result<Delivered>>((resolve, reject) => {
      const known = receipts.length;
      const watch: Watch = { order, session, known, heardMs, progress, resolve, reject };
      this.#watches.set(order, watch);
      this.#lookLater(watch);
    });
    // It may break before anybody waits for it, while the device is still being asked to begin.
    ended.catch(() => undefined);
    return ended;
  }

  /** Stops waiting for an order's delivery, or for all of them: they then never resolve. */
  leave(order?: string): void {
    for (const watch of [...this.#watches.values()]) {
      if (order !== undefined && watch.order !== order) continue;
      watch.look?.cancel();
      this.#watches.delete(watch.order);
    }
  }

  /** A push, and the order that the request was about under which it came. */
  onPush(message: Message, order: string | undefined): void {
    const watch = order === undefined ? undefined : this.#watches.get(order);
    if (watch !== undefined) watch.heardMs = this.#ports.clock.monotonicMs();
    if (message.is === "metering") {
      const { is: _, held = false, ...counts } = message;
      watch?.progress({ ...counts, held });
    } else if (message.is === "receipts") {
      const { receipts } = message;
      this.#keeping = this.#keeping.then(() => this.#keepAll(receipts, order));
    }
  }

  #isOn(watch: Watch): boolean {
    return this.#watches.get(watch.order) === watch;
  }

  #lookLater(watch: Watch): void {
    watch.look = after(this.#ports.clock, LOOK_MS, () => {
      this.#look(watch).catch((error: unknown) => this.#broke(watch.order, error));
    });
  }

  async #look(watch: Watch): Promise<void> {
    const { clock, purchases, askStanding, isOpen } = this.#ports;
    if (!isOpen()) return this.#refused(watch.order, fail("timed-out", "we have left").fault);
    const now = await purchases.get(watch.order);
    if (now !== undefined) this.#show(now);
    if (!this.#isOn(watch)) return;
    this.#lookLater(watch);
    if (clock.monotonicMs() - watch.heardMs < ASK_MS) return;
    watch.heardMs = clock.monotonicMs();
    askStanding(watch.order).catch((error: unknown) => this.#broke(watch.order, error));
  }

  /** Tells whoever waits for the order when the receipt of its session is in the journal. */
  #show(now: Purchase): void {
    const watch = this.#watches.get(now.id);
    if (watch === undefined || now.receipts.length <= watch.known) return;
    const { signKey } = this.#device;
    const receipts = now.receipts
      .slice(watch.known)
      .map((one) => verifyReceipt(one, signKey, this.#ports.crypto))
      .flatMap((one) => (one.ok ? [one.value] : []));
    const isOver = receipts.some((one) => one.is === "session" && one.session === watch.session);
    if (!isOver) return;
    this.leave(now.id);
    watch.resolve(ok({ purchase: now, receipts }));
  }

  #refused(order: string | undefined, fault: Fault): void {
    const watch = order === undefined ? undefined : this.#watches.get(order);
    if (watch === undefined) return;
    this.leave(watch.order);
    watch.resolve({ ok: false, fault });
  }

  #broke(order: string, error: unknown): void {
    const watch = this.#watches.get(order);
    if (watch === undefined) return;
    this.leave(order);
    watch.reject(error);
  }

  /** What could not be kept is not acknowledged, so it comes again; whoever waits for it is told why not. */
  async #keepAll(pushed: readonly Uint8Array[], asked: string | undefined): Promise<void> {
    const byOrder = new Map<string, Uint8Array[]>();
    for (const one of pushed) {
      const receipt = verifyReceipt(one, this.#device.signKey, this.#ports.crypto);
      if (!receipt.ok) return this.#refused(asked, receipt.fault);
      const { order } = receipt.value;
      byOrder.set(order, [...(byOrder.get(order) ?? []), one]);
    }
    for (const [order, signed] of byOrder) {
      try {
        const kept = await this.#keep(order, signed);
        if (!kept.ok) this.#refused(order, kept.fault);
      } catch (error) {
        this.#broke(order, error);
      }
    }
  }

  /** Adds receipts to the order's journal, and tells the device and whoever waits. Errors: those of `#merged`. */
  async #keep(order: string, pushed: readonly Uint8Array[]): Promise<Result<void>> {
    const { purchases, acknowledge } = this.#ports;
    const seen: { fault?: Fault; lastNumber?: number } = {};
    const now = await purchases.change(order, (current) => {
      delete seen.fault;
      if (current.device !== this.#device.device) return undefined;
      const merged = this.#merged(current, pushed);
      if (!merged.ok) {
        seen.fault = merged.fault;
        return undefined;
      }
      const { next, lastNumber } = merged.value;
      seen.lastNumber = lastNumber;
      return next.receipts.length > current.receipts.length ? next : undefined;
    });
    if (seen.fault !== undefined) return { ok: false, fault: seen.fault };
    if (now === undefined || seen.lastNumber === undefined) return ok(undefined);
    acknowledge(order, seen.lastNumber);
    this.#show(now);
    return ok(undefined);
  }

  /** The purchase with these receipts too. Errors: those of verifyReceipt and checkPurchase. */
  #merged(
    current: Purchase,
    pushed: readonly Uint8Array[],
  ): Result<{ next: Purchase; lastNumber: number }> {
    const { crypto } = this.#ports;
    const { signKey } = this.#device;
    const fresh = pushed.filter((one) => !current.receipts.some((kept) => equalBytes(kept, one)));
    const receipts = [...current.receipts, ...fresh];
    const read: Receipt[] = [];
    for (const one of receipts) {
      const receipt = verifyReceipt(one, signKey, crypto);
      if (!receipt.ok) return receipt;
      read.push(receipt.value);
    }
    const checked = checkPurchase(current, read, signKey, crypto);
    if (!checked.ok) return checked;
    const sessions = read.reduce((last, one) => (one.is === "session" ? one.session : last), 0);
    const last = read.at(-1);
    const state = last?.is === "settlement" ? "closed" : current.state;
    const next: Purchase = { ...current, state, receipts, sessions };
    return ok({ next, lastNumber: last?.number ?? 0 });
  }
}
