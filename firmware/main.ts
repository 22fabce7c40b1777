// Composition root of a device: opens the ports of this machine and joins them to the selling role. The loop's
// own process comes first, because it makes the outputs safe; what it does not need is loaded while it starts.
// Everything that lasts is in the data folder, which one process at a time may use.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BOARDS } from "../boards/registry.ts";
import type { Board } from "../hal/board.ts";
import type { Clock } from "../hal/clock.ts";
import type { Crypto } from "../hal/crypto.ts";
import { type Fitting, fitBoard } from "../hal/fit-board.ts";
import { HalError } from "../hal/hal-error.ts";
import type { Link } from "../hal/link.ts";
import type { Broker } from "../hal/linux/broker.ts";
import { type LoopProcess, openLoopProcess } from "../hal/linux/loop-process.ts";
import { openSqliteStores } from "../hal/linux/sqlite-store.ts";
import { openSystemClock } from "../hal/linux/system-clock.ts";
import { openWatchdogFeeder, type WatchdogFeeder } from "../hal/linux/watchdog-feeder.ts";
import type { OpenSerial } from "../hal/serial.ts";
import { assert } from "./assert.ts";
import { utf8 } from "./bytes.ts";
import type { BrokerToUse, DeviceConfig } from "./config.ts";
import type { DeskPlace, DeskPorts } from "./desk-main.ts";
import { watchFirstReport } from "./first-report.ts";
import { openKeepAlive } from "./keep-alive.ts";
import type { Log } from "./log.ts";
import { LOOP_NODE_ARGS } from "./loop-node-args.ts";
import type { FlowService } from "./payment/engine/service.ts";
import type { DeviceIdentity, HostPorts, PaymentPorts } from "./payment-main.ts";
import type { Producer } from "./producer/producer.ts";
import type { Result } from "./result.ts";
import type { Runtime } from "./runtime.ts";

export interface DeviceOptions {
  config: DeviceConfig;
  /** Folder of stores and keys. */
  data: string;
  /** Certificate and operator key as provisioning left them; asked for when the loop is on its way. */
  trust: () => Promise<
    Result<{ certificate: Uint8Array; operatorKey: Uint8Array; revocations?: Uint8Array }>
  >;
  log: Log;
  /** A flow service out of a module that the device file names. */
  loadService: (path: string) => Promise<Result<FlowService>>;
  /** Of the program, for the status. */
  version: string;
  /** Writes what a display shows that is the terminal of the program. */
  show: (text: string) => void;
  /** Takes back what was changed in the catalogue, and of the flows, while earlier runs ran. */
  resetCatalogue: boolean;
  /** A bug of ours: outputs are open already when it is called. */
  onBug: (error: unknown) => void;
  /** Twice a second, while the loop reports and no outlet is out of hand: for who watches over the process. */
  onAlive: () => void;
}

export interface Device {
  device: string;
  /** Where consumers find it, and whether the port asked for was taken. */
  brokerUrl: string;
  portTaken: boolean;
  /** The broker that it opened itself. */
  ownBroker: Pick<Broker, "isOpen" | "host" | "port" | "webSocketUrl"> | undefined;
  loopPid(): number | undefined;
  producer: Producer;
  /** When the loop had made the outputs safe, by the monotonic clock: milliseconds since the process started. */
  safeAtMs: number;
  /** How long the computer's watchdog waits for us, where there is one. */
  watchdogMs: number | undefined;
  /** Ends running sessions, withdraws the broadcast, opens the outputs. Idempotent. */
  close(): Promise<void>;
}

/** What to close, in the order it was opened. */
type Opened = { close(): Promise<void> }[];

interface FoundBroker {
  endpoint: BrokerToUse;
  taken: boolean;
  own?: Broker;
}

async function findBroker(
  broker: DeviceConfig["broker"],
  keep: (own: Broker) => Broker,
): Promise<FoundBroker> {
  if ("url" in broker) return { endpoint: broker, taken: false };
  const { openBroker } = await import("../hal/linux/broker.ts");
  try {
    const own = keep(await openBroker(broker));
    return { endpoint: { url: own.url }, taken: false, own };
  } catch (error) {
    if (!(error instanceof HalError) || error.kind !== "refused") throw error;
    const own = keep(await openBroker({ ...broker, port: 0 }));
    return { endpoint: { url: own.url }, taken: true, own };
  }
}

/** Of the same connection at every start, and known to nobody: a broker gives a name's place to its next user. */
function clientName(crypto: Crypto, signSeed: Uint8Array): string {
  const secret = Uint8Array.of(...utf8("sluice client id"), ...signSeed);
  return Buffer.from(crypto.digest(secret).subarray(0, 12)).toString("base64url");
}

/** Consumers on the networks that the broker listens on find it by name. */
async function tellNetwork(own: Broker, name: string, id: string): Promise<Opened[number]> {
  const { advertise } = await import("../hal/linux/dns-sd.ts");
  return advertise({ name, id, host: own.host, port: own.port });
}

/** People at the board need no broker. */
function withoutBroker(log: Log): { onUnreachable: (error: HalError) => void } {
  return { onUnreachable: ({ message }) => log("warn", "broker-unreachable", { message }) };
}

/** Of the computer, where the device file names one. */
function openWatchdog(path: string | undefined, log: Log): WatchdogFeeder {
  return openWatchdogFeeder(path, {
    onArmed: ({ timeoutMs, staysArmed }) => {
      log(staysArmed ? "warn" : "info", "watchdog-armed", { timeoutMs, staysArmed });
    },
    onLost: ({ message }) => log("warn", "watchdog-lost", { message }),
  });
}

async function readKeys(folder: string) {
  const { readKeyFile } = await import("../hal/linux/key-file.ts");
  const read = (name: string, kind: string): Uint8Array => {
    const path = join(folder, name);
    const key = readKeyFile(path);
    if (key.kind === kind) return key.seed;
    throw new HalError("refused", `${path} holds a key of type ${key.kind}, not ${kind}`);
  };
  return {
    signSeed: read("device-sign.pem", "ed25519"),
    boxSecret: read("device-box.pem", "x25519"),
    host: read("host-box.pem", "x25519"),
  };
}

/**
 * Errors: those of `trust`, and of the config where it does not fit the board. Throws HalError for a world that
 * does not let us start: `refused` when another process has the data folder. Nothing is left open then.
 */
export async function openDevice(options: DeviceOptions): Promise<Result<Device>> {
  const opened: Opened = [];
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= closeAll(opened);
    return closing;
  };
  try {
    const device = await compose(options, opened);
    if (device.ok) return { ok: true, value: { ...device.value, close } };
    await close();
    return device;
  } catch (error) {
    await close();
    throw error;
  }
}

async function closeAll(opened: Opened): Promise<void> {
  for (const one of opened.splice(0).reverse()) await one.close();
}

function openLoop(config: DeviceConfig, data: string, clock: Clock): LoopProcess {
  const fitting: Fitting = { serial: config.serial, lines: config.lines };
  return openLoopProcess({
    entry: fileURLToPath(new URL("./loop-main.js", import.meta.url)),
    args: [config.board, String(config.benchRate), data, JSON.stringify(fitting)],
    clock,
    nodeArgs: LOOP_NODE_ARGS,
  });
}

function openWatchedLoop(options: DeviceOptions, clock: Clock, keep: ReturnType<typeof keeper>) {
  const { config, data, log, onAlive } = options;
  // Let go of when the loop has opened its outputs.
  const watchdog = keep(openWatchdog(config.watchdog, log));
  const loop = keep(openLoop(config, data, clock));
  const feed = (): void => {
    onAlive();
    watchdog.feed();
  };
  const watched = watchFirstReport(loop, openKeepAlive(feed, log));
  return { ...watched, loop, arm: watchdog.arm, letGo: () => closeAll([watchdog, loop]) };
}

/** What the producer still has to do when it closes is done by the runtime. */
function closesBoth(producer: Producer, runtime: Runtime): Opened[number] {
  return {
    close: async () => {
      await producer.close();
      runtime.close();
    },
  };
}

async function compose(
  options: DeviceOptions,
  opened: Opened,
): Promise<Result<Omit<Device, "close">>> {
  const { config, data, trust, log, version, resetCatalogue, onBug } = options;
  const keep = keeper(opened);
  const board = fittedBoard(config);
  const clock = openSystemClock();
  const stores = openSqliteStores();
  const store = keep(await stores.open(join(data, "device.db"), { exclusive: true }));
  const { loop, host: loopHost, ready, arm, letGo } = openWatchedLoop(options, clock, keep);
  const safe = ready.then(() => clock.monotonicMs());
  const trusting = trust();
  const [modules, broker, trusted, keys] = await allOf(
    loadModules(),
    findBroker(config.broker, keep),
    trusting,
    // Provisioning may have made them only now.
    trusting.then((known) => (known.ok ? readKeys(join(data, config.keys)) : undefined)),
  );
  if (!trusted.ok) return trusted;
  assert(keys !== undefined, "keys are read once they are trusted");
  const crypto = modules.openNodeCrypto();
  const device = modules.deviceName(crypto, crypto.signer(keys.signSeed).publicKey);
  const { endpoint, taken, own } = broker;
  const will = modules.broadcastWill(device);
  const clientId = clientName(crypto, keys.signSeed);
  const entropy = modules.openSystemEntropy();
  const people = { clock, crypto, entropy, keep };
  const boardDesk = await openDesk(modules, options, people, { board, keys, ready });
  const atBoard = boardDesk && withoutBroker(log);
  const mqtt = modules.openMqttLink({ ...endpoint, clientId, will, ...atBoard }).then(keep);
  const payment = await openPayments(modules, options, {
    ports: {
      ...{ store, stores, clock, entropy, crypto, log, keep },
      ...(boardDesk && { cardDesk: modules.joinedCardDesk(boardDesk, clock) }),
    },
    openSerial: modules.serialOf(board, data),
    secretKey: keys.host,
    link: mqtt,
    identity: { device, boxSecret: keys.boxSecret, ...trusted.value },
  });
  if (!payment.ok) return payment;
  const { side, desk, link, host } = payment.value;
  const runtime = modules.openRuntime(clock, log, (error) => {
    void letGo().then(() => onBug(error));
  });
  const producer = modules.openProducer(
    {
      ...{ clock, store, link, crypto, log, entropy, desk, loop: loopHost },
      ...(boardDesk && { boardDesk }),
      payments: side.payments,
      ...queueOf(runtime),
    },
    {
      ...{ outlets: board.outlets, sensors: board.sensors, policy: config.policy },
      ...{ resetCatalogue, version, simulatedHost: host.simulated },
      keys: { ...keys, ...trusted.value },
    },
  );
  keep(closesBoth(producer, runtime));
  const started = await startProducer(producer, config);
  if (!started.ok) return started;
  if (own?.isOpen) keep(await tellNetwork(own, config.name, device));
  // Not armed earlier: a start that hangs is the service manager's affair, which gives it longer.
  const times = { safeAtMs: await safe, watchdogMs: arm() };
  const reach = { brokerUrl: endpoint.url, portTaken: taken, ownBroker: own };
  return { ok: true, value: { device, ...reach, loopPid: () => loop.pid(), producer, ...times } };
}

async function openDesk(
  { openBoardDesk }: Pick<Awaited<ReturnType<typeof loadModules>>, "openBoardDesk">,
  { config, data, show }: DeviceOptions,
  ports: DeskPorts,
  { board, keys, ready }: Pick<DeskPlace, "board" | "keys"> & { ready: Promise<void> },
) {
  // The serial ports of a board that does not exist come with its loop.
  if (board.virtual !== undefined && board.serial !== undefined) await ready;
  const host = config.payment.host.kind;
  return openBoardDesk(ports, { board, data, keys, countryCode: config.country, host, show });
}

function keeper(opened: Opened): <T extends Opened[number]>(one: T) => T {
  return (one) => {
    opened.push(one);
    return one;
  };
}

function queueOf(runtime: Runtime): Pick<Runtime, "enqueue" | "offer" | "idle"> {
  return {
    enqueue: (work) => runtime.enqueue(work),
    offer: (work, lost) => runtime.offer(work, lost),
    idle: () => runtime.idle(),
  };
}

function fittedBoard(config: DeviceConfig): Board {
  const known = BOARDS.find(({ name }) => name === config.board);
  assert(known !== undefined, "the config names a board of the registry");
  return fitBoard(known, config);
}

interface PaymentNeeds {
  ports: Omit<PaymentPorts, "host" | "link"> & Pick<HostPorts, "stores">;
  /** Of the key to which payers seal their cards. */
  secretKey: Uint8Array;
  link: Promise<Link>;
  openSerial(name: string): OpenSerial | undefined;
  identity: DeviceIdentity;
}

async function openPayments(
  { openPaymentHost, openDevicePayments }: Awaited<ReturnType<typeof loadModules>>,
  { config, data, resetCatalogue: reset, loadService }: DeviceOptions,
  { ports, secretKey, link: linking, openSerial, identity }: PaymentNeeds,
) {
  const [link, { host, deferred }] = await allOf(
    linking,
    openPaymentHost(config.payment, { ...ports, data, secretKey, openSerial }),
  );
  const options = { config: config.payment, reset, loadService, identity };
  const opened = await openDevicePayments(
    { ...ports, host, link, ...(deferred && { deferred }) },
    options,
  );
  return opened.ok ? { ok: true as const, value: { ...opened.value, host } } : opened;
}

async function startProducer(
  producer: Producer,
  config: DeviceConfig,
): Promise<Result<{ device: string }>> {
  const named = producer.setup(config.name, config.description);
  if (!named.ok) return named;
  for (const service of config.services) {
    const added = await producer.addService(service);
    if (!added.ok) return added;
  }
  return producer.init();
}

/** What the loop's process does not wait for. */
async function loadModules() {
  const [crypto, entropy, link, desk, cards, payment, broadcast, producer, runtime, certificate] =
    await Promise.all([
      import("../hal/linux/node-crypto.ts"),
      import("../hal/linux/system-entropy.ts"),
      import("../hal/linux/mqtt-link.ts"),
      import("./desk-main.ts"),
      import("./payment/application/card-desk.ts"),
      import("./payment-main.ts"),
      import("./producer/broadcast.ts"),
      import("./producer/producer.ts"),
      import("./runtime.ts"),
      import("./token/certificate.ts"),
    ]);
  return {
    openNodeCrypto: crypto.openNodeCrypto,
    openSystemEntropy: entropy.openSystemEntropy,
    openMqttLink: link.openMqttLink,
    openBoardDesk: desk.openBoardDesk,
    serialOf: desk.serialOf,
    joinedCardDesk: cards.joinedCardDesk,
    openPaymentHost: payment.openPaymentHost,
    openDevicePayments: payment.openDevicePayments,
    broadcastWill: broadcast.broadcastWill,
    openProducer: producer.openProducer,
    openRuntime: runtime.openRuntime,
    deviceName: certificate.deviceName,
  };
}

/** Like Promise.all, but waits for the rest when one fails, so that nothing opens after we have given up. */
async function allOf<T extends unknown[]>(...all: { [K in keyof T]: Promise<T[K]> }): Promise<T> {
  await Promise.allSettled(all);
  return (await Promise.all(all)) as T;
}
