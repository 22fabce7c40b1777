// A device that sells: the parts of the producer wired to each other and to the ports, from the opening of the
// books to the last reading. What comes in (requests, reports, timers) goes through the runtime's queue.

import { every, type Timer } from "../../hal/clock.ts";
import type { LoopReport } from "../../hal/loop-host.ts";
import { PROTOCOL_MINOR } from "../protocol/messages.ts";
import { proofsFilter, requestsFilter } from "../protocol/topics.ts";
import { fail, ok, type Result } from "../result.ts";
import { announcedTypes, signAnnouncement } from "../token/announcement.ts";
import { openActions, type Plan } from "./actions.ts";
import { type Books, readBooks, type StartedDevice, type StartedPorts } from "./books.ts";
import { type Broadcast, openBroadcast } from "./broadcast.ts";
import type { Service } from "./catalogue.ts";
import type { ListedService } from "./catalogue-store.ts";
import type { Action } from "./command.ts";
import { type Connections, openConnections } from "./connections.ts";
import { type Delivery, openDelivery } from "./delivery.ts";
import { openDispatch } from "./dispatch.ts";
import { consumerPrint, tellPayment, tellQuote } from "./events.ts";
import { type ProducerStatus, producerStatus, watchedStore } from "./health.ts";
import { changeByHost } from "./host-change.ts";
import { listen, mayBeProved, onFrames } from "./listening.ts";
import { type Offers, openOffers } from "./offers.ts";
import { openBoard } from "./open-board.ts";
import { type Operation, openOperation } from "./operation.ts";
import type { Order } from "./order.ts";
import { openPayers, type Payers } from "./payers.ts";
import { openPaymentTalk, type PaymentTalk } from "./payment-talk.ts";
import { openPrepaid, type Prepaid } from "./prepaid.ts";
import { openRequests, type Requests } from "./requests.ts";
import { openSale, type Sale } from "./sale.ts";
import { untilStopped } from "./until-stopped.ts";
import type { WalkUp } from "./walk-up.ts";
import { openWatchers, type Watchers } from "./watchers.ts";
import { openWithdrawals, type Withdrawals } from "./withdrawals.ts";

const SWEEP_MS = 10_000;

export interface Started {
  /** The one that it began with. */
  readonly epoch: number;
  /** For `durationMs`, or until it is stopped. */
  startBroadcast(durationMs?: number): void;
  stopBroadcast(): void;
  broadcasting(): boolean;
  /** Withdraws the broadcast and ends running sessions with a signed reading. */
  close(): Promise<void>;
  status(): ProducerStatus;
  /** Carries out what the application that hosts the device wants changed. Errors: `internal`, the action's. */
  change(action: Action): Promise<Result<void>>;
  listed(): readonly ListedService[];
}

/** Reads the books, closes what a restart left open, and takes requests from then on. Throws HalError. */
export async function openStarted(ports: StartedPorts, settled: StartedDevice): Promise<Started> {
  const { store, trouble } = watchedStore(ports.store);
  const books = await readBooks({ ...ports, store }, settled);
  const { clock } = books.wall;
  const started = new SellingDevice({ ...ports, store, clock }, settled, books, trouble);
  await started.begin();
  return started;
}

class SellingDevice implements Started {
  readonly epoch: number;
  readonly #ports: StartedPorts;
  readonly #settled: StartedDevice;
  readonly #books: Books;
  readonly #storeTrouble: () => string | undefined;
  readonly #startedMs: number;
  readonly #connections: Connections;
  readonly #watchers: Watchers;
  readonly #payers: Payers;
  readonly #talk: PaymentTalk;
  readonly #offers: Offers;
  readonly #sale: Sale;
  readonly #delivery: Delivery;
  readonly #prepaid: Prepaid;
  readonly #withdrawals: Withdrawals;
  readonly #plan: Plan;
  readonly #operation: Operation;
  readonly #requests: Requests;
  readonly #broadcast: Broadcast;
  /** Of a device with something fitted for people at the board. */
  readonly #walkUp: WalkUp | undefined;
  #loopUp = false;
  #hearsProofs = false;
  #closing = false;
  #sweeper: Timer | undefined;

  constructor(
    ports: StartedPorts,
    settled: StartedDevice,
    books: Books,
    storeTrouble: () => string | undefined,
  ) {
    const { clock, link, crypto, entropy, store, log } = ports;
    const { device, signer, operatorKey, boxSecret, events } = settled;
    const { journal, catalogue } = books;
    const { epoch } = journal;
    this.epoch = epoch;
    this.#ports = ports;
    this.#settled = settled;
    this.#books = books;
    this.#storeTrouble = storeTrouble;
    this.#startedMs = clock.monotonicMs();
    const full = (): void => ports.enqueue(() => this.#renewEpoch());
    this.#connections = openConnections({ link, crypto, clock, full }, boxSecret, epoch);
    this.#watchers = openWatchers(this.#connections, journal, clock);
    this.#payers = openPayers(this.#connections, clock);
    this.#talk = openPaymentTalk((order, message) => this.#watchers.push(order, message));
    const available = (service: Service): number | undefined => this.#delivery.available(service);
    this.#offers = openOffers({ clock, crypto, entropy, signer, catalogue, available });
    this.#sale = this.#openSale();
    this.#delivery = this.#openDelivery();
    this.#prepaid = openPrepaid({
      ...{ clock, crypto, device, operatorKey, catalogue, journal },
      delivery: this.#delivery,
    });
    const settle = (closing: Order): void => this.#sale.settle(closing);
    this.#withdrawals = openWithdrawals({ store, journal, settle }, books.withdrawn);
    const announced = (is: boolean): void => events.tell({ event: "discovery", announced: is });
    this.#broadcast = openBroadcast({ link, clock, changed: announced }, device);
    this.#plan = openActions({
      ...{ store, certificate: settled.certificate },
      services: books.services,
      withdrawals: this.#withdrawals,
      withdrawOffers: (service) => this.#offers.withdraw(service),
      changed: () => this.#catalogueChanged(),
      startBroadcast: (durationMs) => this.startBroadcast(durationMs),
      stopBroadcast: () => this.stopBroadcast(),
      outlets: settled.outlets,
      orders: () => journal.orders(),
      stop: (order) => ports.enqueue(() => this.#stop(order)),
      status: () => this.status(),
      lastNumber: () => this.#operation.next() - 1,
      desk: ports.desk,
      journal,
      settle: (closing) => this.#sale.settle(closing),
      refund: (closed) => this.#sale.refund(closed),
    });
    ports.desk?.onChanged(({ key }) => events.tell({ event: "flows", reason: key }));
    const operationPorts = { store, crypto, clock, log, device, operatorKey, plan: this.#plan };
    this.#operation = openOperation(operationPorts, books.lastOperation);
    this.#requests = this.#openRequests();
    this.#walkUp = this.#openWalkUp();
  }

  #openSale(): Sale {
    const { clock, crypto, payments, log } = this.#ports;
    return openSale({
      ...{ clock, crypto, payments, log },
      signer: this.#settled.signer,
      journal: this.#books.journal,
      enqueue: (work) => this.#ports.enqueue(work),
      changed: (order) => this.#changed(order),
      talk: {
        ...this.#talk,
        heard: (order, event) => {
          this.#talk.heard(order, event);
          this.#walkUp?.heard(order, event);
        },
      },
    });
  }

  #openWalkUp(): WalkUp | undefined {
    return openBoard(this.#ports, this.#settled, this.#books, {
      offers: this.#offers,
      sale: this.#sale,
      delivery: this.#delivery,
      prepaid: this.#prepaid,
      vouched: () => this.#vouched(),
      begun: (order) => this.#begun(order),
      withdrawn: (order) => this.#withdrawals.has(order),
    });
  }

  /** What is paid is delivered all the same; nothing new is sold. */
  #vouched(): Result<void> {
    const { clock } = this.#ports;
    const isOver = this.#settled.vouchedToS * 1000 <= clock.wallMs();
    if (clock.wallQuality() === "unset" || !isOver) return ok(undefined);
    return fail("expired", "the device's certificate has expired: its operator must renew it");
  }

  #begun(order: Order): void {
    const { session = 0, total = 0 } = order.running ?? {};
    this.#settled.events.tellOf(order, { event: "begin", session, pulses: total });
  }

  #openDelivery(): Delivery {
    const { clock, crypto, loop, log } = this.#ports;
    const { outlets, policy, events } = this.#settled;
    const { journal, catalogue, runOns } = this.#books;
    return openDelivery({
      ...{ clock, crypto, journal, loop, outlets, policy, log, runOns },
      enqueue: (work) => this.#ports.enqueue(work),
      levelOf: (service) => catalogue.get(service)?.level,
      windowMax: (service) => catalogue.get(service)?.stream?.windowUnitsMax,
      settle: (closing) => this.#sale.settle(closing),
      changed: (order) => this.#changed(order),
      ended: (order, end) => {
        events.tellOf(order, { event: "end", ...end });
        this.#walkUp?.ended(order, end.reason, end.cause);
      },
      progress: (order, pulses, held, news) => {
        this.#watchers.metering(order, pulses, held, news);
        this.#walkUp?.progress(order, pulses);
        const session = order.running?.session ?? 0;
        events.tellOf(order, { event: "progress", session, pulses });
      },
    });
  }

  #openRequests(): Requests {
    const { clock, crypto, log } = this.#ports;
    const { signer, operatorKey, revocations, description, events } = this.#settled;
    const { journal, catalogue } = this.#books;
    const dispatch = openDispatch({
      ...{ crypto, clock, operatorKey, revocations, description, journal, catalogue },
      vouched: () => this.#vouched(),
      signKey: signer.publicKey,
      offers: this.#offers,
      sale: this.#sale,
      delivery: this.#delivery,
      prepaid: this.#prepaid,
      operation: this.#operation,
      watch: (caller, order) => this.#watchers.watch(caller, order),
      asked: ({ id }) => this.#talk.repeat(id),
      withdrawn: (order) => this.#withdrawals.has(order),
      changed: (service, price) => this.#books.services.changed(service, price),
      quoted: ({ offer, consumer }) => tellQuote(events, offer, consumerPrint(crypto, consumer)),
      begun: (order) => this.#begun(order),
    });
    return openRequests({
      ...{ crypto, log, events, journal, catalogue, dispatch },
      offers: this.#offers,
      payers: this.#payers,
      prepaid: this.#prepaid,
      connections: this.#connections,
      closing: () => this.#closing,
      offer: (work, lost) => this.#ports.offer(work, lost),
    });
  }

  /** Listens to link and loop, and takes up what a restart interrupted. */
  async begin(): Promise<void> {
    const { clock, link, loop, log } = this.#ports;
    const { device } = this.#settled;
    onFrames(link, device, {
      request: (connection, payload) => {
        const opened = this.#connections.open(connection, payload);
        if (opened !== undefined) this.#requests.take(opened.caller, opened.message);
      },
      proof: (connection, payload) => this.#delivery.onProof(connection, payload),
    });
    link.onState((connected) => {
      log(connected ? "info" : "warn", connected ? "link-up" : "link-down");
      if (connected) this.#broadcast.repeat();
    });
    loop.onReport((report) => {
      this.#onLoop(report);
      const work = (): Promise<void> => this.#delivery.onReport(report);
      // What is said again by itself is not tried again: with a full disk such work would pile up.
      const repeats = report.on === "alive" || report.on === "progress";
      if (repeats) this.#ports.offer(work, () => undefined);
      else this.#ports.enqueue(work);
    });
    await this.#books.wall.sweep(this.#books.journal);
    const atBoard = this.#walkUp !== undefined;
    await listen(link, requestsFilter(device), { clock, log, atBoard });
    await this.#listenToProofs(atBoard);
    this.#sale.resume();
    this.#walkUp?.begin();
    this.#ports.enqueue(() => this.#withdrawals.sweep());
    this.#sweeper = every(clock, SWEEP_MS, () =>
      this.#ports.offer(
        async () => {
          await this.#books.wall.sweep(this.#books.journal);
          await this.#sale.sweep();
          await this.#withdrawals.sweep();
        },
        () => undefined,
      ),
    );
  }

  async #listenToProofs(atBoard: boolean): Promise<void> {
    const { clock, link, log } = this.#ports;
    const { catalogue, journal } = this.#books;
    if (this.#hearsProofs || !mayBeProved(catalogue.list(), journal.orders())) return;
    this.#hearsProofs = true;
    await listen(link, proofsFilter(this.#settled.device), { clock, log, atBoard });
  }

  startBroadcast(durationMs?: number): void {
    this.#broadcast.start(this.#announcement(), durationMs);
  }

  stopBroadcast(): void {
    this.#broadcast.stop();
  }

  broadcasting(): boolean {
    return this.#broadcast.running();
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#broadcast.stop();
    this.#walkUp?.close();
    this.#delivery.stopAll("restart");
    await untilStopped(this.#ports.clock, () => this.#delivery.runningCount() === 0);
    this.#sweeper?.cancel();
    await this.#ports.idle();
    // A command that still waited may have begun it again.
    this.#broadcast.stop();
    this.#payers.close();
    this.#watchers.close();
  }

  status(): ProducerStatus {
    const { clock, link } = this.#ports;
    const { vouchedToS, version } = this.#settled;
    const { journal, catalogue } = this.#books;
    return producerStatus({
      loop: this.#loopUp,
      broadcasting: this.#broadcast.running(),
      offers: this.#offers.count(),
      dropped: this.#connections.dropped() + this.#delivery.proofsDropped(),
      clock: clock.wallQuality(),
      uptimeS: Math.floor((clock.monotonicMs() - this.#startedMs) / 1000),
      epoch: journal.epoch,
      receipt: journal.receipt,
      certificateExpiresS: vouchedToS,
      version,
      linkUp: link.connected(),
      atBoard: this.#walkUp !== undefined,
      closing: this.#closing,
      storeTrouble: this.#storeTrouble(),
      nowS: Math.floor(clock.wallMs() / 1000),
      services: catalogue.list(),
      allOrders: journal.orders(),
      outletReady: (outlet) => this.#delivery.ready(outlet),
      outlets: this.#delivery.outlets(),
    });
  }

  listed(): readonly ListedService[] {
    return this.#books.services.listed();
  }

  change(action: Action): Promise<Result<void>> {
    const { store, log, offer } = this.#ports;
    return changeByHost({ store, log, offer, plan: this.#plan }, action);
  }

  #announcement(): Uint8Array {
    const { certificate, name, signer } = this.#settled;
    const { journal, catalogue } = this.#books;
    const types = announcedTypes(catalogue.list());
    const plain = { certificate, minor: PROTOCOL_MINOR, epoch: journal.epoch, name };
    return signAnnouncement({ ...plain, types }, signer);
  }

  async #renewEpoch(): Promise<void> {
    const epoch = await this.#books.journal.newEpoch();
    this.#connections.renew(epoch);
    this.#broadcast.renew(this.#announcement());
    this.#ports.log("info", "new-epoch", { epoch });
  }

  #catalogueChanged(): void {
    this.#broadcast.renew(this.#announcement());
    void this.#listenToProofs(true);
    this.#ports.enqueue(() => this.#withdrawals.sweep());
  }

  async #stop(id: string): Promise<void> {
    const order = this.#books.journal.order(id);
    if (order?.running !== undefined) await this.#delivery.end(order, "operator-stop");
  }

  #onLoop(report: LoopReport): void {
    if (report.on === "ready" || report.on === "alive") this.#loopUp = true;
    if (report.on === "button") this.#walkUp?.onButton(report.button);
    if (report.on !== "lost") return;
    this.#loopUp = false;
    this.#settled.events.tell({ event: "fault", reason: "not-ready", message: report.why });
  }

  #changed(order: Order): void {
    this.#payers.answer(order);
    this.#watchers.receipts(order);
    this.#walkUp?.changed(order);
    tellPayment(this.#settled.events, order);
    if (this.#withdrawals.has(order.id)) this.#ports.enqueue(() => this.#withdrawals.sweep());
  }
}
