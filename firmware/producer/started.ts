// A device that sells: the parts of the producer wired to each other and to the ports, from the opening of the
// books to the last reading. What comes in (requests, reports, timers) goes through the runtime's queue.

import type { OutletPart } from "../../hal/board.ts";
import { after, type Clock, every, type Timer } from "../../hal/clock.ts";
import type { Crypto, Signer } from "../../hal/crypto.ts";
import type { Entropy } from "../../hal/entropy.ts";
import type { Link } from "../../hal/link.ts";
import type { LoopHost } from "../../hal/loop-host.ts";
import type { Store } from "../../hal/store.ts";
import type { Log } from "../log.ts";
import type { Payments } from "../payment/payments.ts";
import { type Message, PROTOCOL_MINOR } from "../protocol/messages.ts";
import { parseTopic, requestsFilter } from "../protocol/topics.ts";
import { signAnnouncement } from "../token/announcement.ts";
import { type Broadcast, openBroadcast } from "./broadcast.ts";
import type { Catalogue } from "./catalogue.ts";
import { type Caller, type Connections, openConnections } from "./connections.ts";
import { type Delivery, type DeliveryPolicy, openDelivery } from "./delivery.ts";
import { type Dispatch, openDispatch, payAnswer } from "./dispatch.ts";
import { type Journal, openJournal } from "./journal.ts";
import { type Offers, openOffers } from "./offers.ts";
import type { Order } from "./order.ts";
import { openSale, type Sale } from "./sale.ts";
import { openWatchers, type Watchers } from "./watchers.ts";

const SWEEP_MS = 10_000;
/** A payment that is decided within this time is answered straight away, else with `payment-pending`. */
const PAY_ANSWER_MS = 3_000;
/** How long a clean stop waits for the loop's last readings. */
const STOP_MS = 5_000;

export interface StartedPorts {
  clock: Clock;
  store: Store;
  link: Link;
  loop: LoopHost;
  crypto: Crypto;
  entropy: Entropy;
  payments: Payments;
  log: Log;
  /** The runtime's queue (runtime.ts). */
  enqueue(work: () => Promise<void>): void;
  offer(work: () => Promise<void>, lost: () => void): void;
  idle(): Promise<void>;
}

/** What the steps before the start have settled. */
export interface StartedDevice {
  /** The device's id, as its certificate has it: the middle of its topics. */
  device: string;
  name: string;
  signer: Signer;
  boxSecret: Uint8Array;
  certificate: Uint8Array;
  operatorKey: Uint8Array;
  catalogue: Catalogue;
  outlets: readonly OutletPart[];
  policy: DeliveryPolicy;
}

export interface Started {
  /** The one that it began with. */
  readonly epoch: number;
  /** For `durationMs`, or until it is stopped. */
  startBroadcast(durationMs?: number): void;
  stopBroadcast(): void;
  /** Withdraws the broadcast and ends running sessions with a signed reading. */
  close(): Promise<void>;
  status(): { running: number; offers: number; broadcasting: boolean; dropped: number };
}

/** Reads the books, closes what a restart left open, and takes requests from then on. Throws HalError. */
export async function openStarted(ports: StartedPorts, settled: StartedDevice): Promise<Started> {
  const { store, clock, crypto } = ports;
  const journal = await openJournal({ store, clock, crypto, signer: settled.signer });
  const started = new SellingDevice(ports, settled, journal);
  await started.begin();
  return started;
}

class SellingDevice implements Started {
  readonly epoch: number;
  readonly #ports: StartedPorts;
  readonly #device: string;
  readonly #announce: (epoch: number) => Uint8Array;
  readonly #journal: Journal;
  readonly #connections: Connections;
  readonly #watchers: Watchers;
  readonly #offers: Offers;
  readonly #sale: Sale;
  readonly #delivery: Delivery;
  readonly #dispatch: Dispatch;
  readonly #broadcast: Broadcast;
  /** Payers who wait for their answer, by order. */
  readonly #payers = new Map<string, { caller: Caller; timer: Timer }>();
  #closing = false;
  #sweeper: Timer | undefined;

  constructor(ports: StartedPorts, settled: StartedDevice, journal: Journal) {
    const { clock, link, loop, crypto, entropy, payments, log } = ports;
    const { device, name, signer, certificate, operatorKey, catalogue, outlets, policy } = settled;
    const { epoch } = journal;
    const full = (): void => ports.enqueue(() => this.#renewEpoch());
    const connections = openConnections({ link, crypto, clock, full }, settled.boxSecret, epoch);
    const watchers = openWatchers(connections, journal, clock);
    const offers = openOffers({ clock, crypto, entropy, signer, catalogue });
    const changed = (order: Order): void => this.#changed(order);
    const sale = openSale({
      clock,
      crypto,
      signer,
      journal,
      payments,
      log,
      enqueue: (work) => ports.enqueue(work),
      changed,
    });
    const delivery = openDelivery({
      crypto,
      journal,
      loop,
      outlets,
      policy,
      log,
      settle: (closing) => sale.settle(closing),
      changed,
      progress: (order, pulses, held) => watchers.metering(order, pulses, held),
    });
    const signKey = signer.publicKey;
    const watch = (caller: Caller, order: Order): void => watchers.watch(caller, order);
    const parts = { catalogue, journal, offers, sale, delivery };
    this.epoch = epoch;
    this.#ports = ports;
    this.#device = device;
    this.#announce = (present) =>
      signAnnouncement({ certificate, minor: PROTOCOL_MINOR, epoch: present, name }, signer);
    this.#journal = journal;
    this.#connections = connections;
    this.#watchers = watchers;
    this.#offers = offers;
    this.#sale = sale;
    this.#delivery = delivery;
    this.#dispatch = openDispatch({ crypto, clock, signKey, operatorKey, ...parts, watch });
    this.#broadcast = openBroadcast(link, clock, device);
  }

  /** Listens to link and loop, and takes up what a restart interrupted. */
  async begin(): Promise<void> {
    const { clock, link, loop, log } = this.#ports;
    link.onMessage(({ topic, payload, retained }) => {
      const parsed = parseTopic(topic);
      if (parsed?.is !== "request" || parsed.device !== this.#device || retained) return;
      this.#onRequest(parsed.connection, payload);
    });
    link.onState((connected) => {
      log("info", connected ? "link-up" : "link-down");
      if (connected) this.#broadcast.repeat();
    });
    loop.onReport((report) => {
      const work = (): Promise<void> => this.#delivery.onReport(report);
      // What is said again by itself is not tried again: with a full disk such work would pile up.
      const repeats = report.on === "alive" || report.on === "progress";
      if (repeats) this.#ports.offer(work, () => undefined);
      else this.#ports.enqueue(work);
    });
    await link.subscribe(requestsFilter(this.#device));
    this.#sale.resume();
    this.#sweeper = every(clock, SWEEP_MS, () =>
      this.#ports.offer(
        () => this.#sale.sweep(),
        () => undefined,
      ),
    );
  }

  startBroadcast(durationMs?: number): void {
    this.#broadcast.start(this.#announce(this.#journal.epoch), durationMs);
  }

  stopBroadcast(): void {
    this.#broadcast.stop();
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#broadcast.stop();
    this.#delivery.stopAll("restart");
    await untilStopped(this.#ports.clock, () => this.#delivery.runningCount() === 0);
    this.#sweeper?.cancel();
    await this.#ports.idle();
    for (const { timer } of this.#payers.values()) timer.cancel();
    this.#watchers.close();
  }

  status(): { running: number; offers: number; broadcasting: boolean; dropped: number } {
    return {
      running: this.#delivery.runningCount(),
      offers: this.#offers.count(),
      broadcasting: this.#broadcast.running(),
      dropped: this.#connections.dropped(),
    };
  }

  async #renewEpoch(): Promise<void> {
    const epoch = await this.#journal.newEpoch();
    this.#connections.renew(epoch);
    this.#broadcast.renew(this.#announce(epoch));
    this.#ports.log("info", "new-epoch", { epoch });
  }

  #onRequest(connection: string, payload: Uint8Array): void {
    const opened = this.#connections.open(connection, payload);
    if (opened === undefined) return;
    const { caller, message } = opened;
    // What is running may still be ended and acknowledged; nothing new begins.
    if (this.#closing && message.is !== "end" && message.is !== "acknowledge") {
      this.#connections.refuse(caller, { kind: "not-ready", message: "the device is stopping" });
      return;
    }
    this.#ports.offer(
      () => this.#answer(caller, message),
      () => {
        const trouble = "the device is in trouble: try again";
        this.#connections.refuse(caller, { kind: "internal", message: trouble });
      },
    );
  }

  async #answer(caller: Caller, message: Message): Promise<void> {
    const answer = await this.#dispatch(caller, message);
    if (answer === "later") {
      if (message.is === "pay") this.#waitForPayment(caller, message.offer);
      const order = message.is === "pay" ? this.#journal.order(message.offer) : undefined;
      if (order !== undefined) this.#answerPayer(order);
    } else if (answer.ok) this.#connections.reply(caller, answer.value);
    else this.#connections.refuse(caller, answer.fault);
  }

  #waitForPayment(caller: Caller, order: string): void {
    const pending = "not decided yet: ask again";
    const refuse = (whom: Caller): void => {
      this.#connections.refuse(whom, { kind: "payment-pending", message: pending });
    };
    const before = this.#payers.get(order);
    before?.timer.cancel();
    if (before !== undefined) refuse(before.caller);
    const timer = after(this.#ports.clock, PAY_ANSWER_MS, () => {
      this.#payers.delete(order);
      refuse(caller);
    });
    this.#payers.set(order, { caller, timer });
  }

  #answerPayer(order: Order): void {
    const payer = this.#payers.get(order.id);
    const answer = payAnswer(order);
    if (payer === undefined || answer === "later") return;
    payer.timer.cancel();
    this.#payers.delete(order.id);
    if (answer.ok) this.#connections.reply(payer.caller, answer.value);
    else this.#connections.refuse(payer.caller, answer.fault);
  }

  #changed(order: Order): void {
    this.#answerPayer(order);
    this.#watchers.receipts(order);
  }
}

function untilStopped(clock: Clock, stopped: () => boolean): Promise<void> {
  const deadlineMs = clock.monotonicMs() + STOP_MS;
  return new Promise((resolve) => {
    const look = (): void => {
      if (stopped() || clock.monotonicMs() >= deadlineMs) resolve();
      else after(clock, 20, look);
    };
    look();
  });
}
