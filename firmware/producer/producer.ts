// The selling role, step by step: set up, add services, init, start the broadcast, and back. A step out of
// order is a typed Fault. What a started device does with what comes in is in started.ts.

import type { OutletPart } from "../../hal/board.ts";
import type { Signer } from "../../hal/crypto.ts";
import { utf8 } from "../bytes.ts";
import { fail, ok, type Result } from "../result.ts";
import { verifyCertificate } from "../token/certificate.ts";
import { type Catalogue, openCatalogue, type Service } from "./catalogue.ts";
import type { DeliveryPolicy } from "./delivery.ts";
import { openStarted, type Started, type StartedPorts } from "./started.ts";

export interface ProducerKeys {
  signSeed: Uint8Array;
  boxSecret: Uint8Array;
  /** Signed by the operator, whose key stands beside it. */
  certificate: Uint8Array;
  operatorKey: Uint8Array;
}

export type ProducerPorts = StartedPorts;

export interface ProducerSettings {
  outlets: readonly OutletPart[];
  policy: DeliveryPolicy;
  keys: ProducerKeys;
  /** True when the payment host moves no real money: only then are bench keys good. */
  simulatedHost: boolean;
}

export interface Producer {
  /** Names the device: at most 32 bytes of UTF-8. */
  setup(name: string): Result<void>;
  addService(service: Service): Result<void>;
  removeService(id: number): Result<void>;
  /** Reads the books, closes what a restart left open, and takes requests from then on. */
  init(): Promise<Result<{ device: string; epoch: number }>>;
  /** For `durationMs`, or until it is stopped. */
  startBroadcast(durationMs?: number): Result<void>;
  stopBroadcast(): Result<void>;
  /** Ends running sessions with a signed reading, withdraws the broadcast, takes no more requests. */
  close(): Promise<void>;
  status(): { running: number; offers: number; broadcasting: boolean; dropped: number };
}

type Step = "new" | "set-up" | "started" | "closed";

export function openProducer(ports: ProducerPorts, settings: ProducerSettings): Producer {
  return new SteppedProducer(ports, settings);
}

class SteppedProducer implements Producer {
  readonly #ports: ProducerPorts;
  readonly #settings: ProducerSettings;
  readonly #signer: Signer;
  readonly #catalogue: Catalogue;
  #step: Step = "new";
  #name = "";
  #started: Started | undefined;

  constructor(ports: ProducerPorts, settings: ProducerSettings) {
    this.#ports = ports;
    this.#settings = settings;
    this.#signer = ports.crypto.signer(settings.keys.signSeed);
    this.#catalogue = openCatalogue(settings.outlets);
  }

  setup(name: string): Result<void> {
    const allowed = this.#before("new", "setup");
    if (!allowed.ok) return allowed;
    if (name.length === 0 || utf8(name).length > 32 || /\p{Cc}/u.test(name)) {
      return fail("out-of-range", "must be 1 to 32 bytes of plain text", "name");
    }
    this.#name = name;
    this.#step = "set-up";
    return ok(undefined);
  }

  addService(service: Service): Result<void> {
    const allowed = this.#whileOpen("addService");
    return allowed.ok ? this.#catalogue.add(service) : allowed;
  }

  removeService(id: number): Result<void> {
    const allowed = this.#whileOpen("removeService");
    return allowed.ok ? this.#catalogue.remove(id) : allowed;
  }

  async init(): Promise<Result<{ device: string; epoch: number }>> {
    const { keys, outlets, policy, simulatedHost } = this.#settings;
    const allowed = this.#before("set-up", "init");
    if (!allowed.ok) return allowed;
    if (this.#catalogue.list().length === 0) {
      return fail("out-of-order", "add a service before init");
    }
    const certificate = verifyCertificate(keys.certificate, keys.operatorKey, this.#ports.crypto);
    if (!certificate.ok) return certificate;
    if (certificate.value.bench && !simulatedHost) {
      return fail("bench-key", "bench keys sell only through the simulated payment host");
    }
    const { device } = certificate.value;
    this.#started = await openStarted(this.#ports, {
      device,
      name: this.#name,
      signer: this.#signer,
      boxSecret: keys.boxSecret,
      certificate: keys.certificate,
      operatorKey: keys.operatorKey,
      catalogue: this.#catalogue,
      outlets,
      policy,
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

  async close(): Promise<void> {
    const started = this.#started;
    this.#step = "closed";
    this.#started = undefined;
    await started?.close();
  }

  status(): { running: number; offers: number; broadcasting: boolean; dropped: number } {
    const nothing = { running: 0, offers: 0, broadcasting: false, dropped: 0 };
    return this.#started?.status() ?? nothing;
  }

  #before(wanted: Step, call: string): Result<void> {
    if (this.#step === wanted) return ok(undefined);
    return fail("out-of-order", `${call} comes when the device is ${wanted}; it is ${this.#step}`);
  }

  /** The catalogue may change at any step between setup and close. */
  #whileOpen(call: string): Result<void> {
    const open = this.#step === "set-up" || this.#step === "started";
    return open ? ok(undefined) : this.#before("set-up", call);
  }
}
