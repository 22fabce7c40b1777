// `sluice run`: a device that sells, until it is told to stop. Only what the start needs at once is imported
// here: outputs are safe before anything else is loaded.

import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { BOARDS } from "../../boards/registry.ts";
import { assert } from "../../firmware/assert.ts";
import type { DeviceConfig } from "../../firmware/config.ts";
import type { Device } from "../../firmware/main.ts";
import { type Fault, ok, type Result } from "../../firmware/result.ts";
import type { Board } from "../../hal/board.ts";
import { fitBoard } from "../../hal/fit-board.ts";
import { HalError } from "../../hal/hal-error.ts";
import type { HealthServer } from "../../hal/linux/health-server.ts";
import { openServiceNotify, type ServiceNotify } from "../../hal/linux/service-notify.ts";
import { removeBrokerState, writeBrokerState } from "../../hal/linux/state-file.ts";
import { parseBroker, readTlsOptions, TLS_OPTIONS } from "../broker-choice.ts";
import { networkUrls, reachText } from "../broker-reach.ts";
import { bugText } from "../bug-text.ts";
import type { Command, ExitCode, Invocation, Output } from "../command.ts";
import { readDeviceFileApart } from "../device-file-apart.ts";
import { isBusy } from "../health-report.ts";
import { integerOption } from "../option-value.ts";
import type { Provisioned } from "../provisioning.ts";
import { readLogLevel, saleLog } from "../sale-log.ts";
import { untilStopped } from "../stop-signal.ts";
import { versionText } from "../version.ts";

/** Beside the sources: from build/tools/commands it is three folders up. */
const DEFAULT_DEVICE = new URL("../../../boards/virtual-charger.yaml", import.meta.url);

export const run: Command = {
  name: "run",
  summary: "run a device that sells, until Ctrl-C",
  usage: "[--device FILE] [--data DIR] [--broker URL] [--log-level LEVEL] [--health PORT]",
  help: [
    "Opens the outputs' process, a broker and the shop, announces the device and sells.",
    "",
    "  --device FILE  what the device is and sells (default: the virtual charger)",
    "  --data DIR     where all that lasts is kept (default: a folder per board in",
    "                 $XDG_STATE_HOME/sluice or ~/.local/state/sluice)",
    "  --broker URL   use this MQTT broker, mqtt://[user:password@]host:port, instead of what the",
    "                 file says; also mqtts:// (TLS), ws:// and wss:// (WebSocket)",
    "  --ca FILE      trust the broker's certificate if this CA signed it (PEM)",
    "  --cert FILE --key FILE  our certificate and its key, where the broker asks for one",
    "  --log-level L  debug, info, warn or error: the least that is told (default: info)",
    "  --quiet        say nothing about single sales, as --log-level warn",
    "  --health PORT  answer GET /health (alive) and GET /ready (can sell) on 127.0.0.1 with 200 or",
    "                 503, and why not as JSON; 0 takes any port",
    "  --reset-catalogue  take back what was changed while it ran: services, prices, flows, and",
    "                 flow services that were attached",
    "  --json         one JSON object a line: type ready, then log with time, level and event",
    "",
    "A data folder without keys gets bench keys, good for a simulated payment host only.",
    "Ctrl-C ends running sessions with a receipt and leaves the outputs open; a second one is at once.",
    "",
    "Example:",
    "  sluice run --device my-pump.yaml --data ./pump",
  ].join("\n"),
  options: {
    device: { type: "string" },
    data: { type: "string" },
    broker: { type: "string" },
    ...TLS_OPTIONS,
    quiet: { type: "boolean" },
    "reset-catalogue": { type: "boolean" },
    "log-level": { type: "string" },
    health: { type: "string" },
  },
  positionalsMax: 0,
  run: runDevice,
};

async function runDevice({ values, out }: Invocation): Promise<ExitCode> {
  const { device: file, data: folder } = values;
  const level = readLogLevel(values);
  if (!level.ok) return refuse(level, out);
  const health = integerOption(values, "health", { min: 0, max: 65_535 });
  if (!health.ok) return refuse(health, out);
  const [read, { openDevice }] = await readAndLoad(typeof file === "string" ? file : defaultFile());
  if (!read.ok) return refuse(read, out);
  const chosen = withBroker(read.value, values);
  if (!chosen.ok) return refuse(chosen, out);
  const config = chosen.value;
  const data = resolve(typeof folder === "string" ? folder : defaultData(config.board));
  let selling: Device | undefined;
  const stopped = untilStopped(() => selling !== undefined && !isBusy(selling.producer.status()));
  const service = notifyService(out);
  let provisioned: Provisioned | undefined;
  const opened = await openDevice({
    config,
    data,
    trust: async () => {
      const { readOrMakeKeys } = await import("../bench-keys.ts");
      const keys = readOrMakeKeys(join(data, config.keys), out);
      if (keys.ok) provisioned = keys.value;
      return keys;
    },
    log: saleLog(out, level.value),
    loadService: async (path) => (await import("../flow-service-module.ts")).loadFlowService(path),
    version: versionText(),
    // Among JSON a page of a display would be no line of ours.
    show: (text) => void (out.json || process.stdout.write(text)),
    resetCatalogue: values["reset-catalogue"] === true,
    onAlive: () => service?.alive(),
    onBug: (error) => {
      const message = `a bug of sluice ended the device, its outputs are open: ${bugText(error)}`;
      out.fault({ kind: "internal", message });
      process.exit(1);
    },
  });
  if (!opened.ok) return refuse(opened, out);
  assert(provisioned !== undefined, "a device opens with its keys");
  const device = opened.value;
  selling = device;
  let watched: HealthServer | undefined;
  try {
    watched = await openHealth(health.value, device);
    const broadcast = device.producer.startBroadcast();
    if (!broadcast.ok) return refuse(broadcast, out);
    const readyMs = performance.now();
    tellState(device, join(data, config.keys), out);
    for (const message of await warningsOf(config)) warn(message, out);
    const { sellingWords } = await import("../selling-words.ts");
    const next = sellingWords(config, boardOf(config));
    tellReady({ device, config, data, provisioned, readyMs, healthUrl: watched?.url, next }, out);
    service?.ready(device.watchdogMs);
    const signal = await stopped;
    service?.stopping();
    out.say(`${signal}: opening the outputs and closing sessions; once more ends at once`);
  } finally {
    try {
      removeBrokerState(process.pid);
    } finally {
      await device.close();
      await watched?.close();
    }
  }
  out.say("stopped: outputs open, broadcast withdrawn");
  out.emit({ type: "stopped" });
  return 0;
}

/** A device's program is loaded while another thread reads its file, which takes longer: outputs are safe the sooner. */
function readAndLoad(file: string) {
  return Promise.all([readDeviceFileApart(file), import("../../firmware/main.ts")]);
}

/** Where a service manager waits for us. One that we cannot speak to will end us: that is said, and not more. */
function notifyService(out: Output): ServiceNotify | undefined {
  try {
    return openServiceNotify(process.env, process.pid);
  } catch (error) {
    if (!(error instanceof HalError)) throw error;
    warn(error.message, out);
    return undefined;
  }
}

function warn(message: string, out: Output): void {
  out.emit({ type: "warning", message });
  out.say(`WARNING: ${message}`);
}

/** What the wiring of a board on the metal leaves to programs. */
async function warningsOf(config: DeviceConfig): Promise<readonly string[]> {
  const board = boardOf(config);
  if (board === undefined || board.virtual !== undefined) return [];
  const [{ COMPUTERS }, { computerFor }, { outputWarnings }] = await Promise.all([
    import("../../boards/computers.ts"),
    import("../../hal/linux/real-board.ts"),
    import("../output-warnings.ts"),
  ]);
  return outputWarnings(board, computerFor(board, COMPUTERS));
}

/** As it is fitted. */
function boardOf({ board: name, serial, lines }: DeviceConfig): Board | undefined {
  const known = BOARDS.find((one) => one.name === name);
  return known && fitBoard(known, { serial, lines });
}

/** Off unless it was asked for. Throws HalError `refused`. */
async function openHealth(port: number | undefined, device: Device) {
  if (port === undefined) return undefined;
  const [{ openHealthServer }, { healthSource }] = await Promise.all([
    import("../../hal/linux/health-server.ts"),
    import("../health-report.ts"),
  ]);
  return openHealthServer(
    port,
    healthSource(() => device.producer.status()),
  );
}

function refuse({ fault }: { fault: Fault }, out: Output): ExitCode {
  out.fault(fault);
  return fault.kind === "usage" ? 2 : 1;
}

/** The broker that the options name, else the file's; user and password out of its address. Error: `usage`. */
function withBroker(config: DeviceConfig, values: Invocation["values"]): Result<DeviceConfig> {
  const { broker: option } = values;
  const broker = typeof option === "string" ? { url: option } : config.broker;
  const parsed = "url" in broker ? parseBroker(broker.url, "--broker") : undefined;
  if (parsed !== undefined && !parsed.ok) return parsed;
  const tls = readTlsOptions(values, parsed?.value.url ?? "the device's own broker");
  if (!tls.ok) return tls;
  if (parsed === undefined) return ok(config);
  const { url, username, password } = parsed.value;
  const login = username === undefined ? {} : { username, ...(password && { password }) };
  const files = tls.value === undefined ? {} : { tls: tls.value };
  return ok({ ...config, broker: { ...broker, ...login, ...files, url } });
}

/** A device sells without its state file too: buyers on this machine have to name its broker then. */
function tellState({ brokerUrl: url, device: deviceId }: Device, keys: string, out: Output): void {
  try {
    writeBrokerState({ url, pid: process.pid, deviceId, keys });
  } catch (error) {
    if (!(error instanceof HalError)) throw error;
    warn(`${error.message}: buyers here need --broker ${url}`, out);
  }
}

function defaultFile(): string {
  const path = fileURLToPath(DEFAULT_DEVICE);
  assert(
    existsSync(path),
    `${path} is part of sluice: install it again, or name a file with --device`,
  );
  return path;
}

/** One folder for each board of a user: what a device owes and is owed belongs to its board. */
function defaultData(board: string): string {
  const { XDG_STATE_HOME: state } = process.env;
  const base = state?.startsWith("/") ? state : join(homedir(), ".local", "state");
  return join(base, "sluice", board);
}

interface Ready {
  device: Device;
  config: DeviceConfig;
  data: string;
  provisioned: Provisioned;
  readyMs: number;
  healthUrl: string | undefined;
  /** What to try, in lines. */
  next: readonly string[];
}

function tellReady(
  { device, config, data, provisioned, readyMs, healthUrl, next }: Ready,
  out: Output,
): void {
  const { operatorKey, operatorFingerprint } = provisioned;
  out.emit({
    type: "ready",
    device: device.device,
    name: config.name,
    broker: device.brokerUrl,
    ...(device.ownBroker?.isOpen && { networks: networkUrls(device.ownBroker) }),
    ...(device.ownBroker?.webSocketUrl && { webSocket: device.ownBroker.webSocketUrl }),
    operatorKey,
    operatorFingerprint,
    data,
    pid: process.pid,
    loopPid: device.loopPid(),
    safeMs: Math.round(device.safeAtMs),
    readyMs: Math.round(readyMs),
    health: healthUrl,
  });
  if (device.portTaken && "port" in config.broker) {
    out.say(`port ${config.broker.port} is in use: this broker took another`);
  }
  out.say(`device    ${device.device}  "${config.name}"`);
  out.say(`operator  ${operatorFingerprint}`);
  out.say(`broker    ${device.brokerUrl}`);
  if (device.ownBroker !== undefined) for (const line of reachText(device.ownBroker)) out.say(line);
  out.say(`data      ${data}`);
  if (healthUrl !== undefined) out.say(`health    ${healthUrl}/health  ${healthUrl}/ready`);
  for (const line of next) out.say(line);
}
