// Composition of a device's payment side: the payment host that its file names, flow services in the process and
// elsewhere, what the operator changed of them. Only what the file names is loaded.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../hal/clock.ts";
import type { Crypto } from "../hal/crypto.ts";
import type { Entropy } from "../hal/entropy.ts";
import { HalError } from "../hal/hal-error.ts";
import type { Link, LinkMessage } from "../hal/link.ts";
import type { SqliteStores } from "../hal/linux/sqlite-store.ts";
import type { PaymentHost } from "../hal/payment-host.ts";
import type { OpenSerial } from "../hal/serial.ts";
import type { Store } from "../hal/store.ts";
import type { HostConfig, PaymentConfig, ServiceToUse } from "./config.ts";
import type { Log } from "./log.ts";
import { type CardDesk, presentCardDesk } from "./payment/application/card-desk.ts";
import { openFlowChanges } from "./payment/config/flow-changes.ts";
import type { DeferredHost } from "./payment/deferred/deferred-host.ts";
import type { FlowService } from "./payment/engine/service.ts";
import { type FlowDesk, openFlowDesk } from "./payment/flow-desk.ts";
import { missingService } from "./payment/missing-service.ts";
import { openPaymentSide, type PaymentSide } from "./payment/payment-side.ts";
import {
  openRemoteServices,
  type RemoteServices,
  readGrant,
} from "./payment/remote/remote-services.ts";
import { lastReceipt } from "./producer/journal-records.ts";
import { fail, ok, type Result } from "./result.ts";
import { FLOW_GRANT_BYTES_MAX } from "./token/flow-grant.ts";
import { type Revocations, verifyRevocations } from "./token/revocation.ts";

interface Closable {
  close(): Promise<void>;
}

export interface HostPorts {
  clock: Clock;
  crypto: Crypto;
  /** Of the key to which payers seal their cards. */
  secretKey: Uint8Array;
  /** Folder of its books. */
  data: string;
  stores: SqliteStores;
  log: Log;
  /** A serial port of the board by its name; undefined where it has none of that name. */
  openSerial?(name: string): OpenSerial | undefined;
  /** Closes what was opened, in the end. */
  keep<T extends Closable>(one: T): T;
}

/** What is opened for a device file's words about its payment host. */
export interface OpenedHost {
  host: PaymentHost;
  /** What was approved without it, where policy allows that. */
  deferred?: DeferredHost;
}

/** Throws HalError `refused` for a key, an address, a merchant or a serial port that cannot be used. */
export async function openPaymentHost(
  config: PaymentConfig,
  ports: HostPorts,
): Promise<OpenedHost> {
  const host = await openHost(config.host, ports);
  if (config.deferred === undefined) return { host };
  const { openDeferredHost } = await import("./payment/deferred/deferred-host.ts");
  const { clock, log, data, stores, keep } = ports;
  const store = keep(await stores.open(join(data, "deferred.db")));
  const deferred = await openDeferredHost({ host, store, clock, log, policy: config.deferred });
  keep({ close: async () => deferred.close() });
  return { host: deferred, deferred };
}

async function openHost(config: HostConfig, ports: HostPorts): Promise<PaymentHost> {
  // It keeps its books itself.
  if (config.kind === "terminal") return openTerminal(config, ports);
  return openBookedHost(config, ports);
}

async function openBookedHost(
  config: Exclude<HostConfig, { kind: "terminal" }>,
  ports: HostPorts,
): Promise<PaymentHost> {
  const { clock, crypto, secretKey, data, stores, keep } = ports;
  const name = config.kind === "simulated" ? "payment-host.db" : `payment-${config.kind}.db`;
  const store = keep(await stores.open(join(data, name)));
  const common = { store, clock, crypto, secretKey };
  switch (config.kind) {
    case "simulated": {
      const { simPaymentHost } = await import("../hal/sim/sim-payment-host.ts");
      return simPaymentHost(common);
    }
    case "stripe": {
      const { openStripeHost } = await import("../hal/linux/stripe-host.ts");
      const { apiKeyFile, address, merchant } = config;
      const host = openStripeHost({ ...common, apiKeyFile, merchant, ...(address && { address }) });
      keep({ close: async () => host.close() });
      return host;
    }
    case "iso8583": {
      const { openIso8583Host } = await import("../hal/linux/iso8583-host.ts");
      const { address, merchant, simulated } = config;
      const host = await openIso8583Host(address, { ...common, ...merchant, simulated });
      keep({ close: async () => host.close() });
      return host;
    }
  }
}

async function openTerminal(
  { serial, simulated }: Extract<HostConfig, { kind: "terminal" }>,
  { clock, crypto, secretKey, keep, openSerial }: HostPorts,
): Promise<PaymentHost> {
  const open = openSerial?.(serial);
  if (open === undefined) {
    throw new HalError(
      "refused",
      `the board has no serial port ${serial} (payment.host.serial in the device file)`,
    );
  }
  const { openTerminalHost } = await import("../hal/drivers/terminal-host.ts");
  const publicKey = crypto.boxPublicKey(secretKey);
  return keep(openTerminalHost({ open, clock, publicKey, simulated }));
}

export interface PaymentPorts {
  host: PaymentHost;
  store: Store;
  clock: Clock;
  entropy: Entropy;
  crypto: Crypto;
  log: Log;
  link: Link;
  /** Where the cards of payers at the board are read. */
  cardDesk?: CardDesk;
  deferred?: DeferredHost;
  keep<T extends Closable>(one: T): T;
}

export interface DeviceIdentity {
  device: string;
  boxSecret: Uint8Array;
  certificate: Uint8Array;
  operatorKey: Uint8Array;
  revocations?: Uint8Array;
}

export interface PaymentOptions {
  config: PaymentConfig;
  identity: DeviceIdentity;
  /** Takes back what the operator changed of the flows in earlier runs. */
  reset: boolean;
  /** A service out of a module of its author's. */
  loadService(path: string): Promise<Result<FlowService>>;
}

export interface DevicePayments {
  side: PaymentSide;
  desk: FlowDesk;
  /** The device's link, on which flow services elsewhere are heard too. */
  link: Link;
}

/** Errors: those of the options of a service. A service that takes no part for other reasons is listed with the reason. */
export async function openDevicePayments(
  ports: PaymentPorts,
  { config, identity, reset, loadService }: PaymentOptions,
): Promise<Result<DevicePayments>> {
  const { store, log, keep, deferred } = ports;
  const { flows, settings, services } = config;
  const changes = await openFlowChanges(store, reset);
  const local: FlowService[] = [];
  for (const [index, service] of services.entries()) {
    const opened = await openLocal(service, ports, loadService);
    if (!opened.ok) return at(`payment.services.${index}`, opened);
    if (opened.value !== undefined) local.push(opened.value);
  }
  // A terminal asks for the card itself.
  const ownDesk = config.host.kind === "terminal" ? { cardDesk: presentCardDesk() } : {};
  const side = keep(
    await openPaymentSide(
      { ...ports, ...ownDesk },
      { settings, services: local, changes, ...(flows && { flows }) },
    ),
  );
  const remotes = openRemotes(ports, identity);
  keep({ close: async () => remotes.close() });
  const heard = shared(ports.link, (message) => remotes.take(message));
  for (const service of services) {
    if ("grant" in service) attach(side, remotes, service.id, readGrantFile(service.grant), log);
  }
  for (const { service, grant } of changes.overlay.attached.values()) {
    attach(side, remotes, service, ok(grant), log);
  }
  const desk = openFlowDesk({
    ...{ side, changes, remotes, log },
    readGrant: (signed) => readGrant(signed, grantPorts(ports, identity)),
    inFile: new Map(
      services.map((one) => [one.id, "grant" in one ? "elsewhere" : "in the device"] as const),
    ),
    hasOwnFlows: flows !== undefined,
    ...(deferred !== undefined && {
      deferred: () => ({ ...deferred.sums(), currency: config.deferred?.currency }),
    }),
  });
  return ok({ side, desk, link: heard });
}

async function openLocal(
  service: ServiceToUse,
  ports: PaymentPorts,
  loadService: PaymentOptions["loadService"],
): Promise<Result<FlowService | undefined>> {
  if ("grant" in service) return ok(undefined);
  const { id } = service;
  if ("stock" in service) {
    const { openStockService } = await import("./payment/services/stock.ts");
    const { store, clock, crypto, log } = ports;
    const signedReceipt = (order: string) => lastReceipt(store, order);
    const ofStock = { store, clock, crypto, log, signedReceipt };
    return openStockService(service.stock, id, service.options, ofStock);
  }
  const loaded = await loadService(service.module);
  if (loaded.ok && loaded.value.id === id) return loaded;
  const why = loaded.ok ? `the module's service is ${loaded.value.id}` : loaded.fault.message;
  return ok(missingService(id, "invalidServiceInfo", why));
}

function at(path: string, { fault }: { fault: { kind: string; message: string; at?: string } }) {
  const where = fault.at === undefined ? path : `${path}.${fault.at}`;
  return { ok: false, fault: { ...fault, at: where } } as Result<never>;
}

function grantPorts({ crypto, clock }: PaymentPorts, identity: DeviceIdentity) {
  const { device, operatorKey } = identity;
  return { crypto, clock, device, operatorKey, revocations: revocationsOf(identity, crypto) };
}

/** The list as the device has it at its start. */
function revocationsOf(
  { revocations, operatorKey }: DeviceIdentity,
  crypto: Crypto,
): () => Revocations | undefined {
  const read =
    revocations === undefined ? undefined : verifyRevocations(revocations, operatorKey, crypto);
  const list = read?.ok === true ? read.value : undefined;
  return () => list;
}

function openRemotes(ports: PaymentPorts, identity: DeviceIdentity): RemoteServices {
  const { link, crypto, entropy, clock, log } = ports;
  const { device, boxSecret, certificate, operatorKey } = identity;
  return openRemoteServices({
    ...{ link, crypto, entropy, clock, log, operatorKey },
    deviceKeys: { device, boxSecret, certificate },
    revocations: revocationsOf(identity, crypto),
  });
}

function readGrantFile(path: string): Result<Uint8Array> {
  try {
    const bytes = readFileSync(path);
    if (bytes.length <= FLOW_GRANT_BYTES_MAX) return ok(new Uint8Array(bytes));
    return fail("too-large", `${path} is no grant`);
  } catch (error) {
    const code = String((error as { code?: unknown }).code);
    return fail("not-found", `the grant ${path} cannot be read (${code})`);
  }
}

/** One that may not take part is listed with the reason. */
function attach(
  { registry }: PaymentSide,
  remotes: RemoteServices,
  id: string,
  grant: Result<Uint8Array>,
  log: Log,
): void {
  const added = grant.ok ? remotes.add(grant.value) : grant;
  if (added.ok && added.value.id === id) {
    registry.remove(id);
    registry.add(added.value);
    return;
  }
  if (added.ok) remotes.remove(added.value.id);
  const why = added.ok ? `the grant is for ${added.value.id}` : added.fault.message;
  if (registry.service(id) === undefined) registry.add(missingService(id, "notEnrolled", why));
  else log("warn", "flow-service-refused", { service: id, error: "notEnrolled", why });
}

/** The link with one listener more, who takes what is his first. */
function shared(link: Link, takes: (message: LinkMessage) => boolean): Link {
  let listener: (message: LinkMessage) => void = () => undefined;
  link.onMessage((message) => {
    if (!takes(message)) listener(message);
  });
  return {
    publish: (topic, payload, options) => link.publish(topic, payload, options),
    subscribe: (filter) => link.subscribe(filter),
    onMessage: (next) => {
      listener = next;
    },
    onState: (next) => link.onState(next),
    connected: () => link.connected(),
    close: () => link.close(),
  };
}
