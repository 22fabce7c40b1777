// The buying role against one device: request services, get prices, select, pay, begin, receive metering, end.
// Each step checks what the device says before it is believed, and is journaled before it is acted on. A step
// out of order is a typed Fault: nothing is sent, nothing is changed.

import { after, type Clock } from "../../hal/clock.ts";
import type { Crypto } from "../../hal/crypto.ts";
import type { Entropy } from "../../hal/entropy.ts";
import type { Message, MessageName, MessageOf } from "../protocol/messages.ts";
import { fail, ok, type Result } from "../result.ts";
import type { Announcement } from "../token/announcement.ts";
import { type Offer, peekOffer, verifyOffer } from "../token/offer.ts";
import { thumbprint } from "../token/signed.ts";
import { checkOffer, type Selection } from "./checks.ts";
import type { Connection, Peer } from "./connection.ts";
import type { Card } from "./credential.ts";
import { type Delivered, Deliveries, type Progress } from "./deliveries.ts";
import type { ConsumerStep, Events } from "./events.ts";
import { type Allow, Paying } from "./paying.ts";
import type { PayOptions } from "./payment-questions.ts";
import { keepToken } from "./prepaid-purchase.ts";
import { type PriceOnList, pricesOf, type ServiceOnList, servicesOf } from "./price-list.ts";
import { isPaid, type Purchase, type Purchases } from "./purchase.ts";
import { Sessions } from "./sessions.ts";
import type { Spending } from "./spending.ts";
import { type StreamChoice, Streams } from "./streams.ts";

export interface DealerPorts {
  clock: Clock;
  crypto: Crypto;
  entropy: Entropy;
  connection: Connection;
  purchases: Purchases;
  spending: Spending;
  events: Events;
  boxSecret: Uint8Array;
  /** Asked before each payment. */
  allow(): Allow | undefined;
  /** Whether something new may be bought of this device: its certificate may expire, or be revoked, while we deal. */
  mayBuy(): Promise<Result<void>>;
  /** False when the consumer has left. */
  isOpen(): boolean;
}

export type { Delivered, Progress } from "./deliveries.ts";

export class Dealer {
  readonly #ports: DealerPorts;
  readonly peer: Peer;
  readonly announcement: Announcement;
  readonly operatorKey: Uint8Array;
  readonly #sessions: Sessions;
  readonly #paying: Paying;
  /** The last price list of each service: an offer must cost what it said. */
  readonly #shown = new Map<number, readonly PriceOnList[]>();
  #step: ConsumerStep = "init";

  constructor(ports: DealerPorts, announcement: Announcement, operatorKey: Uint8Array) {
    this.#ports = ports;
    this.announcement = announcement;
    this.operatorKey = operatorKey;
    const { clock, crypto, purchases, connection, isOpen, events, boxSecret } = ports;
    const { verified, epoch } = announcement;
    const deliveries = new Deliveries(
      {
        clock,
        crypto,
        purchases,
        isOpen,
        askStanding: (order) => this.#ask({ is: "get-order", order }, "order"),
        acknowledge: (order, receipt) =>
          connection.tell(this.peer, { is: "acknowledge", order, receipt }),
      },
      verified,
    );
    const { device, boxKey } = verified;
    const onPush: Peer["onPush"] = (message, order) => {
      if (message.is === "payment-event") this.#paying.onPush(message);
      else deliveries.onPush(message, order);
    };
    this.peer = { device, boxKey, epoch, onPush };
    this.#sessions = new Sessions({
      device,
      purchases,
      deliveries,
      events,
      streams: new Streams({
        ...{ clock, crypto, purchases, events, boxSecret, device },
        sendProof: (proof) => connection.prove(this.peer, proof),
        isUp: () => connection.isUp(),
      }),
      askToBegin: (request) => this.#ask(request, "begun"),
      standing: (purchase) => this.standing(purchase),
    });
    const askToPay = (request: Message): Promise<Result<MessageOf<"paid">>> =>
      this.#ask(request, "paid");
    const askToConfirm = (answer: Message): Promise<Result<unknown>> =>
      this.#ask(answer, "confirmed");
    this.#paying = new Paying({ ...ports, askToPay, askToConfirm }, verified);
  }

  get device(): string {
    return this.peer.device;
  }

  /** The last step that was done with this device. */
  get step(): ConsumerStep {
    return this.#step;
  }

  async #take<T>(
    step: ConsumerStep,
    order: string | undefined,
    work: () => Promise<Result<T>>,
  ): Promise<Result<T>> {
    const { isOpen, events } = this.#ports;
    const done = isOpen() ? await work() : fail("out-of-order", `${step} comes before close`);
    if (done.ok) this.#step = step;
    else {
      const about = order === undefined ? {} : { order };
      events.tell({ event: "fault", step, device: this.device, ...about, fault: done.fault });
    }
    return done;
  }

  /** The device in a sentence, where it has one. Errors: `timed-out`, the device's. */
  async description(): Promise<Result<string | undefined>> {
    const reply = await this.#ask({ is: "get-identity" }, "identity");
    return reply.ok ? ok(reply.value.description) : reply;
  }

  /** The last reading of each of its sensors. Errors: `timed-out`, the device's. */
  async readings(): Promise<Result<MessageOf<"readings">["readings"]>> {
    const reply = await this.#ask({ is: "get-readings" }, "readings");
    return reply.ok ? ok(reply.value.readings) : reply;
  }

  /** Errors: `out-of-order`, `timed-out`, the device's. */
  requestServices(): Promise<Result<readonly ServiceOnList[]>> {
    return this.#take("services", undefined, async () => {
      const reply = await this.#ask({ is: "get-services" }, "services");
      return reply.ok ? ok(servicesOf(reply.value)) : reply;
    });
  }

  /** Errors: `out-of-order`, `timed-out`, the device's. */
  getPrices(service: number): Promise<Result<readonly PriceOnList[]>> {
    return this.#take("prices", undefined, () => this.#prices(service));
  }

  async #prices(service: number): Promise<Result<readonly PriceOnList[]>> {
    const reply = await this.#ask({ is: "get-prices", service }, "prices");
    if (!reply.ok) return reply;
    const prices = pricesOf(reply.value);
    this.#shown.set(service, prices);
    return ok(prices);
  }

  /**
   * Whoever knows what to buy need not ask for services and prices first; what was shown is what the offer is
   * compared with. Errors: the device's, those of verifyOffer and of checkOffer, `over-limit`, `expired`,
   * `offer-mismatch` for an order that we have already. The purchase is journaled as `quoted`.
   */
  select(
    selection: Selection,
    totalMinorMax?: number,
  ): Promise<Result<{ purchase: Purchase; offer: Offer }>> {
    return this.#take("select", undefined, async () => {
      const { events, mayBuy } = this.#ports;
      const allowed = await mayBuy();
      if (!allowed.ok) return allowed;
      const reply = await this.#ask({ is: "select", ...selection }, "offer");
      if (!reply.ok) return reply;
      const selected = await this.#selected(reply.value.offer, selection, totalMinorMax);
      if (selected.ok) events.tell({ event: "quote", ...this.#bought(selected.value.offer) });
      return selected;
    });
  }

  async #selected(
    signed: Uint8Array,
    selection: Selection,
    totalMinorMax: number | undefined,
  ): Promise<Result<{ purchase: Purchase; offer: Offer }>> {
    const { crypto, connection, purchases, spending, clock } = this.#ports;
    const { verified, name, certificate } = this.announcement;
    const offer = verifyOffer(signed, verified.signKey, crypto);
    if (!offer.ok) return offer;
    const own = thumbprint(crypto, connection.boxKey);
    const { service, price } = selection;
    const shown = this.#shown.get(service)?.find((one) => one.price === price);
    const checked = checkOffer(offer.value, selection, own, totalMinorMax, shown);
    if (!checked.ok) return checked;
    const affordable = await spending.check(offer.value);
    if (!affordable.ok) return affordable;
    const purchase: Purchase = {
      id: offer.value.id,
      state: "quoted",
      device: this.device,
      name,
      operatorKey: this.operatorKey,
      certificate,
      offer: signed,
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

  #bought({ id, service, price, units, totalMinor, currency }: Offer) {
    return { device: this.device, order: id, service, price, units, totalMinor, currency };
  }

  /**
   * Pays an offer once, however often it is called; without a card, from an account. Errors: `out-of-order` for what
   * was not selected, `wrong-device`, `expired`, those of Paying.pay.
   */
  pay(
    purchase: Purchase,
    card: Card | undefined,
    options: PayOptions = {},
  ): Promise<Result<Purchase>> {
    return this.#take("pay", purchase.id, async () => {
      const { events, purchases, mayBuy } = this.#ports;
      const latest = await this.#ours(purchase);
      if (!latest.ok) return latest;
      const before = latest.value;
      if (before === undefined) return fail("out-of-order", "select comes before pay", "purchase");
      if (isPaid(before)) return ok(before);
      // What is being paid already is only found out.
      const allowed = before.state === "paying" ? ok(undefined) : await mayBuy();
      if (!allowed.ok) return allowed;
      const paid = await this.#paying.pay(before.id, card, options);
      if (!paid.ok) return paid;
      const offer = peekOffer(before.offer);
      if (offer.ok) events.tell({ event: "payment", ...this.#bought(offer.value) });
      return ok((await purchases.get(before.id)) ?? paid.value);
    });
  }

  /**
   * Keeps a prepaid token, for `begin`: no offer and no payment come before. The device judges it then. Errors:
   * `token-invalid`, `wrong-device`, `wrong-consumer`, `not-ready`, the device's.
   */
  redeem(signed: Uint8Array): Promise<Result<Purchase>> {
    return this.#take("pay", undefined, () => {
      const { clock, crypto, purchases, connection } = this.#ports;
      const { announcement, operatorKey } = this;
      return keepToken(signed, {
        ...{ clock, crypto, purchases, boxKey: connection.boxKey, announcement, operatorKey },
        prices: (service) => this.#prices(service),
      });
    });
  }

  /** The purchase as it stands in the journal, undefined where it does not. Error: `wrong-device`. */
  async #ours(purchase: Purchase): Promise<Result<Purchase | undefined>> {
    const latest = await this.#ports.purchases.get(purchase.id);
    const { device, name } = latest ?? purchase;
    if (device === this.device) return ok(latest);
    return fail("wrong-device", `the order is one of ${name} (${device})`, "purchase.device");
  }

  /** The journaled purchase, paid. Errors: `wrong-device`, `out-of-order`. */
  async #paid(purchase: Purchase, step: "begin" | "end"): Promise<Result<Purchase>> {
    const latest = await this.#ours(purchase);
    if (!latest.ok) return latest;
    if (latest.value !== undefined && isPaid(latest.value)) return ok(latest.value);
    const state = latest.value?.state ?? "not selected";
    return fail("out-of-order", `${step} comes after pay; the order is ${state}`, "purchase");
  }

  /**
   * Begins the next session and stays until its receipt is here; a session that runs already is joined. Errors:
   * the device's; `out-of-order` before it is paid, and while a delivery of this order is waited for here;
   * `wrong-device`. `onProgress` hears what is delivered so far. An order that was paid with `stream` is paid by the
   * unit meanwhile, as `stream` says; `not-streamed` for any other, `out-of-range`.
   */
  begin(
    purchase: Purchase,
    units: number | undefined,
    onProgress: (progress: Progress) => void,
    stream?: StreamChoice,
  ): Promise<Result<Delivered>> {
    const taking = { units, onProgress, stream };
    return this.#take("begin", purchase.id, () =>
      this.#sessions.begin(purchase.id, () => this.#paid(purchase, "begin"), taking),
    );
  }

  /**
   * Ends the running session; an idle order is settled only when that is asked for. The receipts come to whoever
   * watches it by then. Errors: the device's, `wrong-device`, `out-of-order` before it is paid.
   */
  end(purchase: Purchase, idle?: "settle"): Promise<Result<{ running: boolean }>> {
    return this.#take("end", purchase.id, async () => {
      const latest = await this.#paid(purchase, "end");
      if (!latest.ok) return latest;
      if (latest.value.state === "closed") return ok({ running: false });
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
    });
  }

  /**
   * How the order stands at the device; receipts that we lack follow by themselves, and a payment that was left
   * undecided is known from then on.
   */
  async standing(purchase: Purchase): Promise<Result<MessageOf<"order">>> {
    const ours = await this.#ours(purchase);
    if (!ours.ok) return ours;
    const standing = await this.#ask({ is: "get-order", order: purchase.id }, "order");
    await this.#paying.learn(purchase.id, standing);
    return standing;
  }

  /** Stops waiting for an order's delivery, or for all: they go on without us, `begin` then never resolves. */
  leave(order?: string): void {
    this.#sessions.leave(order);
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
