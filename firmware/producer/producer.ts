// The selling role, step by step: set up, add services, init, start the broadcast, and back. A step out of
// order is a typed Fault. What a started device does with what comes in is in started.ts.

import type { Clock } from "../../hal/clock.ts";
import type { Crypto, Signer } from "../../hal/crypto.ts";
import { utf8 } from "../bytes.ts";
import { fail, ok, type Result } from "../result.ts";
import { type Certificate, deviceName, verifyCertificate } from "../token/certificate.ts";
import { isRevoked, verifyRevocations } from "../token/revocation.ts";
import type { StartedPorts } from "./books.ts";
import {
  type Catalogue,
  openCatalogue,
  type Price,
  type SellingParts,
  type Service,
} from "./catalogue.ts";
import type { ListedService } from "./catalogue-store.ts";
import type { Action, RemovalPolicy } from "./command.ts";
import type { DeliveryPolicy } from "./delivery.ts";
import { openSaleEvents, type SaleEvents, type SaleListener, type Veto } from "./events.ts";
import type { ProducerStatus } from "./health.ts";
import { openStarted, type Started } from "./started.ts";

export interface ProducerKeys {
  signSeed: Uint8Array;
  boxSecret: Uint8Array;
  /** Signed by the operator, whose key stands beside it. */
  certificate: Uint8Array;
  operatorKey: Uint8Array;
  /** The operator's latest list of revoked devices, where the device has one. */
  revocations?: Uint8Array;
}

export type ProducerPorts = StartedPorts;

export interface ProducerSettings extends SellingParts {
  policy: DeliveryPolicy;
  keys: ProducerKeys;
  /** True when the payment host moves no real money: only then are bench keys good. */
  simulatedHost: boolean;
  /** Takes back what was changed while earlier runs were started. */
  resetCatalogue?: boolean;
  /** Of the program, for the status. */
  version?: string;
}

/** Where in its flow a producer is: each public method is one step, allowed in some of these. */
export type ProducerStep = "new" | "set-up" | "started" | "closed";

export interface Producer {
  readonly step: ProducerStep;
  readonly broadcasting: boolean;
  /** Names the device, and describes it in a sentence: at most 32 and 96 bytes of UTF-8. */
  setup(name: string, description?: string): Result<void>;
  /**
   * The catalogue may change from setup to close. A change made after init is durable before it is answered, and
   * wins over what later runs add before their init.
   */
  addService(service: Service): Promise<Result<void>>;
  /**
   * No new offers from then on; running sessions go on to their end. `honour`: unpaid offers may still be paid
   * and paid units taken until they expire. `refund`: unpaid offers are refused, and paid orders are refunded as
   * soon as they idle.
   */
  removeService(id: number, policy?: RemovalPolicy): Promise<Result<void>>;
  setPrice(service: number, price: Price): Promise<Result<void>>;
  /** Without its last price a service is listed and cannot be bought. */
  removePrice(service: number, price: number): Promise<Result<void>>;
  /**
   * The customer's button: he pays no more. Where the payment host is deciding that is remembered, and what it approves
   * is given back. Errors: `not-found` when no payment of that order is under way, `out-of-order`.
   */
  cancelPayment(order: string): Promise<Result<void>>;
  /** What is sold, and where each part of it came from. */
  services(): readonly ListedService[];
  /** Reads the books, closes what a restart left open, and takes requests from then on. */
  init(): Promise<Result<{ device: string; epoch: number }>>;
  /** For `durationMs`, or until it is stopped; again: the time begins anew. */
  startBroadcast(durationMs?: number): Result<void>;
  /** Also when it has ended by itself. */
  stopBroadcast(): Result<void>;
  /**
   * Ends running sessions with a signed reading, withdraws the broadcast, takes no more requests. Another producer
   * may then be opened on the same ports. Error: `out-of-order` the second time.
   */
  close(): Promise<Result<void>>;
  status(): ProducerStatus;
  /** What happens is told in its order, one event after the other. At any step; the last one set counts. */
  onEvent(listener: SaleListener | undefined): void;
  /** Asked before an offer, a payment and a begin; it has 2 s to allow it. At any step; the last one set counts. */
  onRequest(allow: Veto | undefined): void;
}

export type { SaleEvent, SaleListener, Veto } from "./events.ts";

export function openProducer(ports: ProducerPorts, settings: ProducerSettings): Producer {
  return new SteppedProducer(ports, settings);
}

function notStarted(step: ProducerStep, clock: Clock): ProducerStatus {
  return {
    ready: false,
    reasons: [`the device is not started: it is ${step}`],
    ...{
      loop: false,
      broadcasting: false,
      running: 0,
      sessions: [],
      outlets: [],
      orders: 0,
      paying: 0,
      offers: 0,
    },
    ...{ dropped: 0, clock: clock.wallQuality(), uptimeS: 0, epoch: 0, receipt: 0 },
    ...{ certificateExpiresS: 0, version: "" },
  };
}

function isText(value: string, bytesMax: number): boolean {
  return value.length > 0 && utf8(value).length <= bytesMax && !/\p{Cc}/u.test(value);
}

class SteppedProducer implements Producer {
  readonly #ports: ProducerPorts;
  readonly #settings: ProducerSettings;
  readonly #signer: Signer;
  readonly #events: SaleEvents;
  /** As it is before init. */
  readonly #catalogue: Catalogue;
  #step: ProducerStep = "new";
  #initialising = false;
  #name = "";
  #description: string | undefined;
  #started: Started | undefined;

  constructor(ports: ProducerPorts, settings: ProducerSettings) {
    const { crypto, clock, log } = ports;
    this.#ports = ports;
    this.#settings = settings;
    this.#signer = crypto.signer(settings.keys.signSeed);
    const device = deviceName(crypto, this.#signer.publicKey);
    this.#events = openSaleEvents({ crypto, clock, log, device });
    this.#catalogue = openCatalogue(settings);
  }

  get step(): ProducerStep {
    return this.#step;
  }

  get broadcasting(): boolean {
    return this.#started?.broadcasting() ?? false;
  }

  setup(name: string, description?: string): Result<void> {
    const allowed = this.#before("new", "setup");
    if (!allowed.ok) return allowed;
    if (!isText(name, 32)) {
      return fail("out-of-range", "must be 1 to 32 bytes of plain text", "name");
    }
    if (description !== undefined && !isText(description, 96)) {
      return fail("out-of-range", "must be 1 to 96 bytes of plain text", "description");
    }
    this.#name = name;
    this.#description = description;
    this.#step = "set-up";
    return ok(undefined);
  }

  addService(service: Service): Promise<Result<void>> {
    return this.#change(
      "addService",
      () => this.#catalogue.add(service),
      () => ({ do: "service-add", service }),
    );
  }

  removeService(id: number, policy: RemovalPolicy = "honour"): Promise<Result<void>> {
    return this.#change(
      "removeService",
      () => this.#catalogue.remove(id),
      () => ({ do: "service-remove", service: id, policy }),
    );
  }

  setPrice(service: number, price: Price): Promise<Result<void>> {
    return this.#change(
      "setPrice",
      () => this.#put(this.#catalogue.withPrice(service, price)),
      () => ({ do: "price-set", service, price }),
    );
  }

  removePrice(service: number, price: number): Promise<Result<void>> {
    return this.#change(
      "removePrice",
      () => this.#put(this.#catalogue.withoutPrice(service, price)),
      () => ({ do: "price-remove", service, price }),
    );
  }

  async cancelPayment(order: string): Promise<Result<void>> {
    const allowed = this.#before("started", "cancelPayment");
    if (!allowed.ok || this.#started === undefined) return allowed;
    return this.#started.change({ do: "flow-steer", flow: order, how: "cancel" });
  }

  services(): readonly ListedService[] {
    if (this.#started !== undefined) return this.#started.listed();
    return this.#catalogue.list().map((service) => {
      const prices = service.prices.map(({ id }): [number, "file"] => [id, "file"]);
      return { service, origin: "file", prices: new Map(prices) };
    });
  }

  async init(): Promise<Result<{ device: string; epoch: number }>> {
    const allowed = this.#before("set-up", "init");
    if (!allowed.ok) return allowed;
    if (this.#initialising) return fail("out-of-order", "init is under way");
    this.#initialising = true;
    try {
      return await this.#init();
    } finally {
      this.#initialising = false;
    }
  }

  async #init(): Promise<Result<{ device: string; epoch: number }>> {
    const { keys, outlets, sensors, policy, simulatedHost, version, resetCatalogue } =
      this.#settings;
    const services = this.#catalogue.list();
    if (services.length === 0 && (await this.#ports.store.list("service")).length === 0) {
      return fail("out-of-order", "add a service before init");
    }
    const certificate = verifyCertificate(keys.certificate, keys.operatorKey, this.#ports.crypto);
    if (!certificate.ok) return certificate;
    if (certificate.value.bench && !simulatedHost) {
      return fail("bench-key", "bench keys sell only through the simulated payment host");
    }
    const standing = notRevoked(keys, certificate.value, this.#ports.crypto);
    if (!standing.ok) return standing;
    const { device, expiresS } = certificate.value;
    this.#started = await openStarted(this.#ports, {
      device,
      name: this.#name,
      description: this.#description,
      version: version ?? "",
      signer: this.#signer,
      boxSecret: keys.boxSecret,
      certificate: keys.certificate,
      operatorKey: keys.operatorKey,
      vouchedToS: expiresS,
      revocations: keys.revocations,
      services,
      resetCatalogue: resetCatalogue === true,
      outlets,
      sensors,
      policy,
      events: this.#events,
    });
    this.#step = "started";
    return ok({ device, epoch: this.#started.epoch });
  }

  startBroadcast(durationMs?: number): Result<void> {
    const allowed = this.#before("started", "startBroadcast");
    if (!allowed.ok) return allowed;
    if (durationMs !== undefined && !(Number.isSafeInteger(durationMs) && durationMs > 0)) {
      return fail("out-of-range", "must be a positive number of milliseconds", "durationMs");
    }
    this.#started?.startBroadcast(durationMs);
    return ok(undefined);
  }

  stopBroadcast(): Result<void> {
    const allowed = this.#before("started", "stopBroadcast");
    if (!allowed.ok) return allowed;
    this.#started?.stopBroadcast();
    return ok(undefined);
  }

  async close(): Promise<Result<void>> {
    if (this.#step === "closed") return fail("out-of-order", "it is closed already");
    if (this.#initialising) return fail("out-of-order", "init is under way");
    const started = this.#started;
    this.#step = "closed";
    this.#started = undefined;
    await started?.close();
    return ok(undefined);
  }

  status(): ProducerStatus {
    return this.#started?.status() ?? notStarted(this.#step, this.#ports.clock);
  }

  onEvent(listener: SaleListener | undefined): void {
    this.#events.setListener(listener);
  }

  onRequest(allow: Veto | undefined): void {
    this.#events.setVeto(allow);
  }

  #before(wanted: ProducerStep, call: string): Result<void> {
    if (this.#step === wanted) return ok(undefined);
    return fail("out-of-order", `${call} comes when the device is ${wanted}; it is ${this.#step}`);
  }

  #put(service: Result<Service>): Result<void> {
    if (service.ok) this.#catalogue.put(service.value);
    return service.ok ? ok(undefined) : service;
  }

  /** At once before init, by way of the store after it. */
  async #change(
    call: string,
    atOnce: () => Result<void>,
    action: () => Action,
  ): Promise<Result<void>> {
    if (this.#started !== undefined) return this.#started.change(action());
    const allowed = this.#before("set-up", call);
    if (!allowed.ok) return allowed;
    return this.#initialising ? fail("out-of-order", "init is under way") : atOnce();
  }
}

/** Errors: `revoked` for a device that stands on its own operator's list, those of verifyRevocations. */
function notRevoked(keys: ProducerKeys, certificate: Certificate, crypto: Crypto): Result<void> {
  if (keys.revocations === undefined) return ok(undefined);
  const list = verifyRevocations(keys.revocations, keys.operatorKey, crypto);
  if (!list.ok) return list;
  if (!isRevoked(list.value, certificate)) return ok(undefined);
  return fail("revoked", "the operator has revoked this device: it must not sell any more");
}
