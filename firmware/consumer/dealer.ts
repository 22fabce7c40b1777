// The buying role against one device: request services, get prices, select, pay, begin, receive metering, end.
// Each step checks what the device says before it is believed, and is journaled before it is acted on.

import { after, type Clock, type Timer } from "../../hal/clock.ts";
import type { Crypto } from "../../hal/crypto.ts";
import type { Entropy } from "../../hal/entropy.ts";
import { equalBytes } from "../bytes.ts";
import type { Message, MessageName, MessageOf } from "../protocol/messages.ts";
import { type Fault, fail, ok, type Result } from "../result.ts";
import type { Announcement } from "../token/announcement.ts";
import { verifyToken } from "../token/delivery-token.ts";
import { type Offer, verifyOffer } from "../token/offer.ts";
import { type Receipt, verifyReceipt } from "../token/receipt.ts";
import { shortDigest, thumbprint } from "../token/signed.ts";
import { checkOffer, checkReceipts, checkToken, type Selection } from "./checks.ts";
import type { Connection, Peer } from "./connection.ts";
import { type Card, sealCard } from "./credential.ts";
import type { Purchase, Purchases } from "./purchase.ts";

/** Silence for so long during a delivery, and we ask how it stands. */
const ASK_MS = 5_000;
/** How often the journal is looked into for what another process of this identity was sent. */
const LOOK_MS = 1_000;
const PAY_AGAIN_MS = 1_000;
/** A payment that the device cannot decide by then is left to a later `pay` of the same order. */
const PAY_TIMEOUT_MS = 90_000;

export interface DealerPorts {
  clock: Clock;
  crypto: Crypto;
  entropy: Entropy;
  connection: Connection;
  purchases: Purchases;
  boxSecret: Uint8Array;
}

export type Progress = { session: number; pulses: number; held: boolean };

/** How a session ended, for the consumer: its receipts, verified, oldest first. */
export interface Delivered {
  purchase: Purchase;
  /** Those that this session brought: its own, and the settlement when the order is closed. */
  receipts: readonly Receipt[];
}

interface Watch {
  progress(progress: Progress): void;
  receipts(purchase: Purchase, news: readonly Receipt[]): void;
  /** The device sent receipts that are not right. */
  refused(fault: Fault): void;
  broke(error: unknown): void;
}

export class Dealer {
  readonly #ports: DealerPorts;
  readonly peer: Peer;
  readonly announcement: Announcement;
  readonly operatorKey: Uint8Array;
  #watch: Watch | undefined;
  #watched: string | undefined;
  #look: Timer | undefined;
  #heardMs = 0;
  /** Pushes are kept one after another: a late copy must not write over what a newer one brought. */
  #keeping: Promise<void> = Promise.resolve();

  constructor(ports: DealerPorts, announcement: Announcement, operatorKey: Uint8Array) {
    this.#ports = ports;
    this.announcement = announcement;
    this.operatorKey = operatorKey;
    const { device, boxKey } = announcement.verified;
    const onPush = (message: Message): void => {
      void this.#onPush(message);
    };
    this.peer = { device, boxKey, epoch: announcement.epoch, onPush };
  }

  get device(): string {
    return this.peer.device;
  }

  async requestServices(): Promise<Result<MessageOf<"services">["services"]>> {
    const reply = await this.#ask({ is: "get-services" }, "services");
    return reply.ok ? ok(reply.value.services) : reply;
  }

  async getPrices(service: number): Promise<Result<MessageOf<"prices">["prices"]>> {
    const reply = await this.#ask({ is: "get-prices", service }, "prices");
    return reply.ok ? ok(reply.value.prices) : reply;
  }

  /** Errors: the device's, those of verifyOffer and of checkOffer. The purchase is journaled as `quoted`. */
  async select(
    selection: Selection,
    totalMinorMax?: number,
  ): Promise<Result<{ purchase: Purchase; offer: Offer }>> {
    const reply = await this.#ask({ is: "select", ...selection }, "offer");
    if (!reply.ok) return reply;
    const { crypto, connection, purchases, clock } = this.#ports;
    const { verified, name, certificate } = this.announcement;
    const offer = verifyOffer(reply.value.offer, verified.signKey, crypto);
    if (!offer.ok) return offer;
    const own = thumbprint(crypto, connection.boxKey);
    const checked = checkOffer(offer.value, selection, own, totalMinorMax);
    if (!checked.ok) return checked;
    const purchase: Purchase = {
      id: offer.value.id,
      state: "quoted",
      device: this.device,
      name,
      operatorKey: this.operatorKey,
      certificate,
      offer: reply.value.offer,
      receipts: [],
      sessions: 0,
      bench: verified.bench,
      madeMs: clock.wallMs(),
    };
    await purchases.save(purchase);
    return ok({ purchase, offer: offer.value });
  }

  /** Pays an offer once, however often it is called. Errors: the device's and the host's, `timed-out`. */
  async pay(purchase: Purchase, card: Card): Promise<Result<Purchase>> {
    const { crypto, purchases, boxSecret, clock } = this.#ports;
    if (purchase.state === "paid" || purchase.state === "closed") return ok(purchase);
    if (purchase.state === "failed") return fail("declined", "this payment failed: select again");
    const { hostKey, signKey } = this.announcement.verified;
    const offer = verifyOffer(purchase.offer, signKey, crypto);
    if (!offer.ok) return offer;
    const digest = shortDigest(crypto, purchase.offer);
    const sealed = sealCard(card, offer.value, digest, hostKey, boxSecret, this.#ports);
    if (!sealed.ok) return sealed;
    await purchases.save({ ...purchase, state: "paying" });
    const { nonce, box } = sealed.value;
    const request: Message = { is: "pay", offer: purchase.id, nonce, credential: box };
    const deadlineMs = clock.monotonicMs() + PAY_TIMEOUT_MS;
    for (;;) {
      const reply = await this.#ask(request, "paid");
      if (reply.ok) return this.#paid(purchase, offer.value, reply.value.token);
      const { kind, message } = reply.fault;
      const open = kind === "payment-pending" || kind === "internal" || kind === "timed-out";
      if (kind === "not-ready" || kind === "too-many") {
        // Said before any money was asked to move: the offer may still be paid.
        await purchases.save({ ...purchase, state: "quoted" });
        return reply;
      }
      if (!open) {
        await purchases.save({ ...purchase, state: "failed", why: message.slice(0, 100) });
        return reply;
      }
      if (clock.monotonicMs() >= deadlineMs) return reply;
      await new Promise<void>((resolve) => after(clock, PAY_AGAIN_MS, resolve));
    }
  }

  async #paid(purchase: Purchase, offer: Offer, token: Uint8Array): Promise<Result<Purchase>> {
    const { signKey } = this.announcement.verified;
    const read = verifyToken(token, signKey, this.#ports.crypto);
    if (!read.ok) return read;
    const checked = checkToken(read.value, offer);
    if (!checked.ok) return checked;
    const paid: Purchase = { ...purchase, state: "paid", token };
    await this.#ports.purchases.save(paid);
    return ok(paid);
  }

  /**
   * Begins the next session and stays until its receipt is here. Errors: the device's; `out-of-order` before
   * it is paid. `onProgress` hears what is delivered so far.
   */
  async begin(
    purchase: Purchase,
    units: number | undefined,
    onProgress: (progress: Progress) => void,
  ): Promise<Result<Delivered>> {
    if (purchase.state !== "paid") {
      return fail("out-of-order", `begin comes after pay; the order is ${purchase.state}`);
    }
    const latest = (await this.#ports.purchases.get(purchase.id)) ?? purchase;
    if (latest.state === "closed") return fail("order-closed", "the order is closed");
    const begun = await this.#session(latest, latest.sessions + 1, units, onProgress);
    if (begun.ok || begun.fault.kind !== "session-unknown") return begun;
    // Sessions have gone by whose receipts we lack: they follow by themselves.
    const standing = await this.standing(purchase);
    if (!standing.ok) return standing;
    return this.#session(latest, standing.value.sessions + 1, units, onProgress);
  }

  async #session(
    purchase: Purchase,
    session: number,
    units: number | undefined,
    onProgress: (progress: Progress) => void,
  ): Promise<Result<Delivered>> {
    const finished = this.#follow(purchase, session, onProgress);
    const request: MessageOf<"begin"> = { is: "begin", order: purchase.id, session };
    if (units !== undefined) request.units = units;
    const reply = await this.#ask(request, "begun");
    if (reply.ok) return finished;
    this.leave();
    return reply;
  }

  /** Ends the running session, or settles an idle order. The receipts come to whoever watches it by then. */
  async end(purchase: Purchase): Promise<Result<{ running: boolean }>> {
    this.#watched = purchase.id;
    const standing = await this.standing(purchase);
    if (!standing.ok) return standing;
    const { running, sessions } = standing.value;
    const session = running ? sessions + 1 : sessions;
    const reply = await this.#ask({ is: "end", order: purchase.id, session }, "ending");
    return reply.ok ? ok({ running: reply.value.running }) : reply;
  }

  /** How the order stands at the device; receipts that we lack follow by themselves. */
  async standing(purchase: Purchase): Promise<Result<MessageOf<"order">>> {
    this.#watched = purchase.id;
    return this.#ask({ is: "get-order", order: purchase.id }, "order");
  }

  /** Stops waiting for a delivery, which goes on without us: `begin` then never resolves. */
  leave(): void {
    this.#look?.cancel();
    this.#watch = undefined;
  }

  /** Waits until the order's settlement receipt is here, or the time has passed. */
  async settled(purchase: Purchase, timeoutMs: number): Promise<Purchase> {
    const { clock, purchases } = this.#ports;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    this.#watched = purchase.id;
    for (;;) {
      const now = (await purchases.get(purchase.id)) ?? purchase;
      if (now.state === "closed" || clock.monotonicMs() >= deadlineMs) return now;
      await new Promise<void>((resolve) => after(clock, 50, resolve));
    }
  }

  async #ask<K extends MessageName>(request: Message, wanted: K): Promise<Result<MessageOf<K>>> {
    const reply = await this.#ports.connection.request(this.peer, request);
    if (!reply.ok) return reply;
    if (reply.value.is === wanted) return ok(reply.value as MessageOf<K>);
    return fail("malformed", `the device answers ${request.is} with ${reply.value.is}`);
  }

  /**
   * Resolves with the receipt of session n. Asks again whenever the device has been silent for long, and looks
   * into the journal: another process of this identity may have been sent the receipt and have acknowledged it.
   */
  #follow(
    purchase: Purchase,
    session: number,
    onProgress: (progress: Progress) => void,
  ): Promise<Result<Delivered>> {
    const { clock } = this.#ports;
    this.#watched = purchase.id;
    this.#heardMs = clock.monotonicMs();
    this.leave();
    return new Promise((resolve, reject) => {
      const settle = (now: Purchase, news: readonly Receipt[]): void => {
        const mine = news.some((one) => one.is === "session" && one.session === session);
        if (!mine || this.#watch !== watch) return;
        this.leave();
        resolve(ok({ purchase: now, receipts: news }));
      };
      const refused = (fault: Fault): void => {
        this.leave();
        resolve({ ok: false, fault });
      };
      const watch: Watch = { progress: onProgress, receipts: settle, refused, broke: reject };
      this.#watch = watch;
      const look = async (): Promise<void> => {
        const kept = await this.#keptSince(purchase);
        if (kept !== undefined) settle(kept.purchase, kept.receipts);
        if (this.#watch !== watch) return;
        if (clock.monotonicMs() - this.#heardMs >= ASK_MS) {
          this.#heardMs = clock.monotonicMs();
          void this.#ask({ is: "get-order", order: purchase.id }, "order");
        }
        this.#look = after(clock, LOOK_MS, () => void look());
      };
      this.#look = after(clock, LOOK_MS, () => void look());
    });
  }

  /** Receipts that the journal has and this purchase, read earlier, had not. */
  async #keptSince(purchase: Purchase): Promise<Delivered | undefined> {
    const { crypto, purchases } = this.#ports;
    const { signKey } = this.announcement.verified;
    const now = await purchases.get(purchase.id);
    if (now === undefined || now.receipts.length <= purchase.receipts.length) return undefined;
    const read = now.receipts
      .slice(purchase.receipts.length)
      .map((one) => verifyReceipt(one, signKey, crypto));
    return { purchase: now, receipts: read.flatMap((one) => (one.ok ? [one.value] : [])) };
  }

  async #onPush(message: Message): Promise<void> {
    this.#heardMs = this.#ports.clock.monotonicMs();
    if (message.is === "metering") {
      const { session, pulses, held } = message;
      this.#watch?.progress({ session, pulses, held: held === true });
    } else if (message.is === "receipts" && this.#watched !== undefined) {
      const { receipts } = message;
      const id = this.#watched;
      // What could not be kept is not acknowledged, so it comes again; whoever waits for it is told why not.
      this.#keeping = this.#keeping
        .then(() => this.#keep(id, receipts))
        .then((kept) => (kept.ok ? undefined : this.#watch?.refused(kept.fault)))
        .catch((error: unknown) => this.#watch?.broke(error));
      await this.#keeping;
    }
  }

  /**
   * Verifies and journals new receipts, then tells the device that they are kept. Receipts that are wrong are
   * neither kept nor acknowledged.
   */
  async #keep(id: string, pushed: readonly Uint8Array[]): Promise<Result<void>> {
    const { crypto, purchases } = this.#ports;
    const { signKey } = this.announcement.verified;
    const purchase = await purchases.get(id);
    const offer = purchase && verifyOffer(purchase.offer, signKey, crypto);
    if (purchase === undefined || offer === undefined) return ok(undefined);
    if (!offer.ok) return offer;
    const fresh = pushed.filter((one) => !purchase.receipts.some((kept) => equalBytes(kept, one)));
    const all = [...purchase.receipts, ...fresh];
    const read: Receipt[] = [];
    for (const one of all) {
      const receipt = verifyReceipt(one, signKey, crypto);
      if (!receipt.ok) return receipt;
      // Of another order that this connection asked about: it will be pushed again when that one is watched.
      if (receipt.value.order !== id) return ok(undefined);
      read.push(receipt.value);
    }
    const checked = checkReceipts(read, offer.value, purchase.offer, crypto);
    if (!checked.ok) return checked;
    const last = read.at(-1);
    if (last === undefined) return ok(undefined);
    const closed = last.is === "settlement";
    const sessions = read.filter(({ is }) => is === "session").length;
    const kept: Purchase = { ...purchase, receipts: all, sessions };
    const now: Purchase = closed ? { ...kept, state: "closed" } : kept;
    if (fresh.length > 0) await purchases.save(now);
    const { connection } = this.#ports;
    connection.tell(this.peer, { is: "acknowledge", order: id, receipt: last.number });
    if (fresh.length > 0) this.#watch?.receipts(now, read.slice(-fresh.length));
    return ok(undefined);
  }
}
