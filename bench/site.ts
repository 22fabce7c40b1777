// A whole site in virtual time: a device with its board, loop, store, broker and payment host, and consumers,
// all on one seed. Power can be cut at any store commit, switch write or publish, and comes back by itself.

import { virtualCharger } from "../boards/virtual-charger.ts";
import { fromHex } from "../firmware/bytes.ts";
import { Consumer } from "../firmware/consumer/consumer.ts";
import type { Log } from "../firmware/log.ts";
import { runLoop } from "../firmware/metering/loop-runner.ts";
import { joinedCardDesk, presentCardDesk } from "../firmware/payment/application/card-desk.ts";
import { openFlowChanges } from "../firmware/payment/config/flow-changes.ts";
import { openPaymentSide, type PaymentSide } from "../firmware/payment/payment-side.ts";
import { broadcastWill } from "../firmware/producer/broadcast.ts";
import type { Service } from "../firmware/producer/catalogue.ts";
import { openProducer, type Producer } from "../firmware/producer/producer.ts";
import { connectionName } from "../firmware/protocol/topics.ts";
import { openRuntime } from "../firmware/runtime.ts";
import { deviceName, issueCertificate, verifyCertificate } from "../firmware/token/certificate.ts";
import { type SettlementReceipt, verifyReceipt } from "../firmware/token/receipt.ts";
import { type Revoked, signRevocations } from "../firmware/token/revocation.ts";
import type { Board } from "../hal/board.ts";
import type { Signer } from "../hal/crypto.ts";
import { openOutlets } from "../hal/drivers/open-outlets.ts";
import { openNodeCrypto } from "../hal/linux/node-crypto.ts";
import { openSimBoard, type SimBoard } from "../hal/sim/open-board.ts";
import { type SimBroker, simBroker } from "../hal/sim/sim-link.ts";
import { type SimLoopEnd, type SimLoopHost, simLoopHost } from "../hal/sim/sim-loop-host.ts";
import { type SimPaymentHost, simPaymentHost } from "../hal/sim/sim-payment-host.ts";
import { type SimStore, simStore } from "../hal/sim/sim-store.ts";
import { type SimWorld, simWorld } from "../hal/sim/world.ts";
import { heardLoop } from "./heard-loop.ts";
import { mortal, PowerCut } from "./mortal-host.ts";
import { mortalLines } from "./mortal-lines.ts";
import type { CutPlace, SiteOptions } from "./site-options.ts";

export const crypto = openNodeCrypto();

export const ENERGY: Service = {
  id: 1,
  name: "Energy",
  outlet: "socket-1",
  meter: "energy",
  prices: [{ id: 1, name: "Day rate", amountMinor: 45, currency: "EUR" }],
  unitsMax: 100,
  undelivered: "refund",
  tokenLifeS: 7 * 24 * 3600,
};

/** How long the power stays away. */
const DARK_MS = 3_000;
const LOOP_RESTART_MS = 100;

export class Site {
  readonly world: SimWorld;
  readonly broker: SimBroker;
  readonly store: SimStore;
  readonly hostStore: SimStore;
  readonly host: SimPaymentHost;
  readonly board: SimBoard;
  readonly device: string;
  readonly signKey: Uint8Array;
  readonly operatorKey: Uint8Array;
  readonly operator: Signer;
  readonly #name: string;
  readonly options: SiteOptions;
  readonly log: string[] = [];
  readonly bugs: unknown[] = [];
  readonly epochs: number[] = [];
  producer: Producer | undefined;
  payment: PaymentSide | undefined;
  cuts = 0;
  /** Called whenever a coil is driven closed, at that instant. */
  onClosing: (outlet: string) => void = () => undefined;
  #off: (() => void) | undefined;
  #loopHost: SimLoopHost | undefined;
  #killLoop: () => void = () => undefined;
  #open: (() => Producer) | undefined;
  readonly #part: Board;
  readonly #keys: {
    signSeed: Uint8Array;
    boxSecret: Uint8Array;
    certificate: Uint8Array;
    revocations?: Uint8Array;
  };

  constructor(options: SiteOptions) {
    this.options = options;
    this.world = options.beside?.world ?? simWorld({ seed: options.seed });
    this.#name = options.name ?? "";
    const entropy = this.world.entropy(`keys${this.#name}`);
    const operator = options.beside?.operator ?? crypto.signer(entropy.bytes(32));
    this.operator = operator;
    const [signSeed, boxSecret, hostSecret] = [0, 1, 2].map(() => entropy.bytes(32)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    this.operatorKey = operator.publicKey;
    const { expiresS = 4_000_000_000 } = options;
    this.hostStore = options.disk?.host ?? simStore();
    const { clock } = this.world;
    this.host = simPaymentHost({
      store: this.hostStore.store(),
      clock,
      crypto,
      secretKey: hostSecret,
    });
    const signKey = crypto.signer(signSeed).publicKey;
    const boxKey = crypto.boxPublicKey(boxSecret);
    const hostKey = this.host.publicKey;
    const claims = { signKey, boxKey, hostKey, serial: 1, bench: true, expiresS };
    this.#keys = { signSeed, boxSecret, certificate: issueCertificate(claims, operator, crypto) };
    this.signKey = signKey;
    this.device = deviceName(crypto, signKey);
    this.#part = options.board ?? virtualCharger;
    this.board = openSimBoard(this.world, this.#part, {
      pulsesPerSecond: options.pulsesPerSecond ?? 40,
      ...(options.stops && { stops: options.stops }),
      register: (outlet, meter) => options.disk?.register(outlet, meter),
    });
    this.store =
      options.disk?.device ??
      simStore({
        clock,
        latencyMs: options.storeLatencyMs ?? 1,
        onCommit: (phase, writes) => {
          if (phase === "after") this.options.onWrites?.(writes);
          this.#maybeCut(phase === "before" ? "before commit" : "after commit");
        },
      });
    this.broker =
      options.beside?.broker ??
      simBroker({
        clock,
        random: this.world.randomOf("network"),
        network: { delayMs: [1, 3], ...options.network },
        onPublish: (phase, { clientId }) => {
          if (clientId !== this.device) return;
          this.#maybeCut(phase === "before" ? "before publish" : "after publish");
        },
      });
  }

  /** A later certificate for the same keys: the device takes it up at its next start. */
  renew(expiresS: number): void {
    const before = verifyCertificate(this.#keys.certificate, this.operatorKey, crypto);
    if (!before.ok) throw new Error(before.fault.message);
    const claims = { ...before.value, serial: before.value.serial + 1, expiresS };
    this.#keys.certificate = issueCertificate(claims, this.operator, crypto);
  }

  /** The operator's list of what it takes back; the device has it from its next start on if it is handed to it. */
  revocations(number: number, revoked: readonly Revoked[], handed = false): Uint8Array {
    const signed = signRevocations({ number, issuedS: 1, revoked }, this.operator, crypto);
    if (handed) this.#keys.revocations = signed;
    return signed;
  }

  #maybeCut(place: CutPlace): void {
    if (this.#off === undefined || this.options.cutAt?.(place) !== true) return;
    this.cut();
    this.world.after(DARK_MS, () => void this.powerOn());
  }

  /** The device's secrets, for a test that plays a device of bad faith. */
  get secrets(): { signSeed: Uint8Array; boxSecret: Uint8Array } {
    return this.#keys;
  }

  /** Whether it has power. */
  get powered(): boolean {
    return this.#off !== undefined;
  }

  /** Everything of the device stops this instant; contacts fall open by themselves. */
  cut(): void {
    this.cuts += 1;
    this.#off?.();
    this.#off = undefined;
    this.producer = undefined;
  }

  /** Runs a story in virtual time until it ends; undefined when it has not ended by then. */
  async run<T>(story: () => Promise<T>, limitMs = 3_600_000): Promise<T | undefined> {
    let ended: { value: T } | { error: unknown } | undefined;
    void story().then(
      (value) => {
        ended = { value };
      },
      (error: unknown) => {
        ended = { error };
      },
    );
    await this.world.runWhile(() => ended === undefined && this.bugs.length === 0, limitMs);
    if (this.bugs.length > 0) throw this.bugs[0];
    if (ended !== undefined && "error" in ended) throw ended.error;
    return ended?.value;
  }

  async powerOn(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      if (!(error instanceof PowerCut)) this.#bug(error);
    }
  }

  #openLoopHost(): SimLoopHost {
    const { onChange } = this.board.pins;
    const delayMs = [0.05, 0.4] as const;
    return simLoopHost(this.world, this.options.restless ? { delayMs } : { delayMs, onChange });
  }

  async #start(): Promise<void> {
    const process = this.world.process();
    const { clock } = process;
    const loopHost = this.#openLoopHost();
    const link = this.broker.connect(this.device, broadcastWill(this.device));
    this.#off = () => {
      process.kill();
      this.#killLoop();
      this.store.crash();
      loopHost.cut("power");
      this.board.pins.releaseAll();
      this.broker.cut(this.device);
    };
    const store = this.store.reopen();
    this.#loopHost = loopHost;
    this.#startLoop(loopHost.loop(), process.alive);
    if (!process.alive()) throw new PowerCut();
    const runtime = openRuntime(clock, this.#note, this.#bug);
    const wrapped = this.options.wrapHost?.(this.host, { process, log: this.#note });
    const host = mortal((await wrapped) ?? this.host, process.alive);
    if (!process.alive()) throw new PowerCut();
    const entropy = this.world.entropy(`device${this.#name} ${this.cuts}`);
    const { alive } = process;
    const boardDesk = this.options.boardDesk?.({ site: this, clock, entropy, alive });
    const paymentPorts = {
      ...{ host, store, clock, entropy, log: this.#note },
      ...(boardDesk && {
        cardDesk: boardDesk.hostAsks ? presentCardDesk() : joinedCardDesk(boardDesk, clock),
      }),
    };
    const { resetCatalogue = false } = this.options;
    const changes = this.options.desk && (await openFlowChanges(store, resetCatalogue));
    const payment = await openPaymentSide(paymentPorts, {
      ...this.options.payment?.(),
      ...this.options.paymentOn?.(paymentPorts),
      ...(changes && { changes }),
    });
    if (!process.alive()) throw new PowerCut();
    this.payment = payment;
    const { payments } = payment;
    const desk = changes && this.options.desk?.(payment, changes, this);
    const open = (): Producer =>
      openProducer(
        {
          clock,
          store,
          link,
          loop: heardLoop(loopHost.device, this.options.onReport),
          crypto,
          entropy,
          payments,
          ...(desk && { desk }),
          ...(boardDesk && { boardDesk }),
          log: this.#note,
          enqueue: (work) => runtime.enqueue(work),
          offer: (work, lost) => runtime.offer(work, lost),
          idle: () => runtime.idle(),
        },
        {
          ...this.#part,
          policy: this.options.policy ?? { quantumPulses: 100, loss: "seller" },
          keys: { ...this.#keys, operatorKey: this.operatorKey },
          simulatedHost: true,
          resetCatalogue: this.options.resetCatalogue === true,
        },
      );
    this.#open = open;
    await this.#sell(open());
  }

  /** Another producer on the ports of the one that was closed. */
  async reopenProducer(): Promise<Producer> {
    if (this.#open === undefined) throw new Error("the device is not up");
    const producer = this.#open();
    await this.#sell(producer);
    return producer;
  }

  async #sell(producer: Producer): Promise<void> {
    if (this.options.byHand === true) {
      this.producer = producer;
      return;
    }
    const { name, description } = this.options.called ?? { name: this.options.name };
    producer.setup(name ?? "Bench charger", description);
    for (const service of this.options.services ?? [ENERGY]) {
      const added = await producer.addService(service);
      if (!added.ok) throw new Error(added.fault.message);
    }
    const started = await producer.init();
    if (!started.ok) throw new Error(started.fault.message);
    this.epochs.push(started.value.epoch);
    producer.startBroadcast();
    this.producer = producer;
  }

  /** The loop's process, with timers of its own; its lines are given up when it or the power goes. */
  #startLoop(end: SimLoopEnd, powered: () => boolean): void {
    const process = this.world.process();
    const alive = (): boolean => powered() && process.alive();
    const { metal, sensors } = this.board;
    const { openMeter } = this.options;
    const lines = mortalLines(this.board.pins.lines, {
      alive,
      before: () => this.#maybeCut("before switch"),
      after: () => this.#maybeCut("after switch"),
      onActive: (line) => this.onClosing(line.replace(/-coil$/, "")),
    });
    runLoop(
      openOutlets(this.#part, process.clock, lines, {
        readRegister: metal.register,
        openSensor: sensors.open,
        ...(openMeter && {
          openModbusMeter: (part) => openMeter(part, process.clock, this),
        }),
      }),
      end,
    );
    this.#killLoop = () => {
      process.kill();
      this.board.pins.releaseAll();
    };
  }

  /** kill -9 of the loop; its host starts it again a moment later. */
  killLoop(): void {
    const loopHost = this.#loopHost;
    const off = this.#off;
    this.#killLoop();
    loopHost?.cut("killed");
    this.world.after(LOOP_RESTART_MS, () => {
      if (loopHost !== undefined && off !== undefined && this.#off === off) {
        this.#startLoop(loopHost.restart(), () => this.#off === off);
      }
    });
  }

  /** The device's process hangs: nothing reaches it from its loop, and nothing leaves it. */
  blockDevice(durationMs: number): void {
    this.#loopHost?.blockDevice(durationMs);
  }

  /** Settlement receipts of an order, as the device has them on disk. */
  settlements(order: string): SettlementReceipt[] {
    return this.store.durable("receipt").flatMap(({ body }) => {
      const signed = fromHex(JSON.parse(body).signed) ?? new Uint8Array();
      const read = verifyReceipt(signed, this.signKey, crypto);
      return read.ok && read.value.is === "settlement" && read.value.order === order
        ? [read.value]
        : [];
    });
  }

  readonly #bug = (error: unknown): void => {
    this.bugs.push(error);
    this.options.onBug?.(error);
  };

  readonly #note: Log = (level, event, fields = {}): void => {
    this.log.push(`${this.world.nowMs()} ${level} ${event} ${JSON.stringify(fields)}`);
    this.options.onLog?.(level, event, fields);
  };

  /** A consumer of its own identity; `name` draws its keys and its connection. */
  async consumer(name: string, store = simStore(), setUp = true): Promise<Consumer> {
    const entropy = this.world.entropy(`consumer ${name}`);
    const boxSecret = entropy.bytes(32);
    const connection = connectionName(entropy.bytes(6));
    const link = this.broker.connect(connection);
    const { clock } = this.world;
    const consumer = new Consumer(
      { clock, store: store.store(), link, crypto, entropy },
      {
        connection,
        boxSecret,
        operators: [this.operatorKey],
        trustNew: false,
        simulatedHost: true,
      },
    );
    const ready = setUp ? await consumer.setup() : { ok: true as const };
    if (!ready.ok) throw new Error(ready.fault.message);
    return consumer;
  }
}
