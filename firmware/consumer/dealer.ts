// The buying role against one device: request services, get prices, select, pay, begin, receive metering, end.
// Each step checks what the device says before it is believed, and is journaled before it is acted on.

import { after, type Clock } from "../../hal/clock.ts";
import type { Crypto } from "../../hal/crypto.ts";
import type { Entropy } from "../../hal/entropy.ts";
import type { Message, MessageName, MessageOf } from "../protocol/messages.ts";
import { fail, ok, type Result } from "../result.ts";
import type { Announcement } from "../token/announcement.ts";
import { verifyToken } from "../token/delivery-token.ts";
import { type Offer, verifyOffer } from "../token/offer.ts";
import { shortDigest, thumbprint } from "../token/signed.ts";
import { checkOffer, checkToken, type Selection } from "./checks.ts";
import type { Connection, Peer } from "./connection.ts";
import { type Card, sealCard } from "./credential.ts";
import { type Delivered, Deliveries, type Progress } from "./deliveries.ts";
import { isPaid, type Purchase, type Purchases } from "./purchase.ts";

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

export type { Delivered, Progress } from "./deliveries.ts";

export class Dealer {
  readonly #ports: DealerPorts;
  readonly peer: Peer;
  readonly announcement: Announcement;
  readonly operatorKey: Uint8Array;
  readonly #deliveries: Deliveries;

  constructor(ports: DealerPorts, announcement: Announcement, operatorKey: Uint8Array) {
    this.#ports = ports;
    this.announcement = announcement;
    this.operatorKey = operatorKey;
    const { clock, crypto, purchases, connection } = ports;
    const { verified, epoch } = announcement;
    const deliveries = new Deliveries(
      {
        clock,
        crypto,
        purchases,
        askStanding: (order) => this.#ask({ is: "get-order", order }, "order"),
        acknowledge: (order, receipt) =>
          connection.tell(this.peer, { is: "acknowledge", order, receipt }),
      },
      verified,
    );
    const { device, boxKey } = verified;
    const onPush: Peer["onPush"] = (message, order) => deliveries.onPush(message, order);
    this.peer = { device, boxKey, epoch, onPush };
    this.#deliveries = deliveries;
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

  /**
   * Errors: the device's, those of verifyOffer and of checkOffer, `offer-mismatch` for an order that we have
   * already. The purchase is journaled as `quoted`.
   */
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
    // Of any device: a new offer must not take the place of what was paid for.
    if (!(await purchases.insert(purchase))) {
      return fail("offer-mismatch", `there is an order ${purchase.id} already`, "offer.id");
    }
    return ok({ purchase, offer: offer.value });
  }

  /** Pays an offer once, however often it is called. Errors: the device's and the host's, `timed-out`. */
  async pay(purchase: Purchase, card: Card): Promise<Result<Purchase>> {
    const { crypto, purchases, boxSecret, clock } = this.#ports;
    const { id } = purchase;
    const latest = (await purchases.get(id)) ?? purchase;
    if (isPaid(latest)) return ok(latest);
    if (latest.state === "failed") return fail("declined", "this payment failed: select again");
    const { hostKey, signKey } = this.announcement.verified;
    const offer = verifyOffer(purchase.offer, signKey, crypto);
    if (!offer.ok) return offer;
    const digest = shortDigest(crypto, purchase.offer);
    const sealed = sealCard(card, offer.value, digest, hostKey, boxSecret, this.#ports);
    if (!sealed.ok) return sealed;
    await purchases.insert(purchase);
    await purchases.change(id, (current) =>
      current.state === "quoted" ? { ...current, state: "paying" } : undefined,
    );
    const { nonce, box } = sealed.value;
    const request: Message = { is: "pay", offer: id, nonce, credential: box };
    const deadlineMs = clock.monotonicMs() + PAY_TIMEOUT_MS;
    for (;;) {
      const reply = await this.#ask(request, "paid");
      if (reply.ok) return this.#paid(purchase, offer.value, reply.value.token);
      const { kind, message } = reply.fault;
      // Said before any money was asked to move: the offer may still be paid. It stays `paying`, because
      // another process of this identity may be paying it too.
      if (kind === "not-ready" || kind === "too-many") return reply;
      const open = kind === "payment-pending" || kind === "internal" || kind === "timed-out";
      if (!open) {
        const why = message.slice(0, 100);
        const now = await purchases.change(id, (current) =>
          isPaid(current) ? undefined : { ...current, state: "failed", why },
        );
        return now !== undefined && isPaid(now) ? ok(now) : reply;
      }
      if (clock.monotonicMs() >= deadlineMs) return reply;
      await new Promise<void>((resolve) => after(clock, PAY_AGAIN_MS, resolve));
    }
  }

  async #paid(purchase: Purchase, offer: Offer, token: Uint8Array): Promise<Result<Purchase>> {
    const { crypto, purchases } = this.#ports;
    const read = verifyToken(token, this.announcement.verified.signKey, crypto);
    if (!read.ok) return read;
    const checked = checkToken(read.value, offer);
    if (!checked.ok) return checked;
    // Another process may have been quicker, and be further: what it has kept stays.
    const now = await purchases.change(purchase.id, (current) => {
      if (!isPaid(current)) return { ...current, state: "paid", token };
      return current.token === undefined ? { ...current, token } : undefined;
    });
    return ok(now ?? { ...purchase, state: "paid", token });
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
    const { purchases } = this.#ports;
    const latest = (await purchases.get(purchase.id)) ?? purchase;
    if (latest.state === "closed") return fail("order-closed", "the order is closed");
    if (latest.state !== "paid") {
      return fail("out-of-order", `begin comes after pay; the order is ${latest.state}`);
    }
    const begun = await this.#session(latest, latest.sessions + 1, units, onProgress);
    if (begun.ok || begun.fault.kind !== "session-unknown") return begun;
    // Sessions have gone by whose receipts we lack: they follow by themselves.
    const standing = await this.standing(purchase);
    if (!standing.ok) return standing;
    const now = (await purchases.get(purchase.id)) ?? latest;
    return this.#session(now, standing.value.sessions + 1, units, onProgress);
  }

  async #session(
    purchase: Purchase,
    session: number,
    units: number | undefined,
    onProgress: (progress: Progress) => void,
  ): Promise<Result<Delivered>> {
    const finished = this.#deliveries.follow(purchase, session, onProgress);
    const request: MessageOf<"begin"> = { is: "begin", order: purchase.id, session };
    if (units !== undefined) request.units = units;
    const reply = await this.#ask(request, "begun");
    if (reply.ok) return finished;
    this.leave(purchase.id);
    return reply;
  }

  /** Ends the running session; an idle order is settled only when that is asked for. The receipts come to whoever watches it by then. */
  async end(purchase: Purchase, idle?: "settle"): Promise<Result<{ running: boolean }>> {
    const standing = await this.standing(purchase);
    if (!standing.ok) return standing;
    const { running, sessions } = standing.value;
    const session = running ? sessions + 1 : sessions;
    const request = { is: "end" as const, order: purchase.id, session };
    const reply = await this.#ask(
      running || idle === undefined ? request : { ...request, close: true },
      "ending",
    );
    return reply.ok ? ok({ running: reply.value.running }) : reply;
  }

  /** How the order stands at the device; receipts that we lack follow by themselves. */
  async standing(purchase: Purchase): Promise<Result<MessageOf<"order">>> {
    return this.#ask({ is: "get-order", order: purchase.id }, "order");
  }

  /** Stops waiting for an order's delivery, or for all: they go on without us, `begin` then never resolves. */
  leave(order?: string): void {
    this.#deliveries.leave(order);
  }

  /** Waits until the order's settlement receipt is here, or the time has passed. */
  async settled(purchase: Purchase, timeoutMs: number): Promise<Purchase> {
    const { clock, purchases } = this.#ports;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
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
}
