// `sluice run`: a device that sells, until it is told to stop. Only what the start needs at once is imported
// here: outputs are safe before anything else is loaded.

import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { assert } from "../../firmware/assert.ts";
import type { DeviceConfig } from "../../firmware/config.ts";
import { type Device, openDevice } from "../../firmware/main.ts";
import { type Fault, ok, type Result } from "../../firmware/result.ts";
import { HalError } from "../../hal/hal-error.ts";
import { removeBrokerState, writeBrokerState } from "../../hal/linux/state-file.ts";
import { parseBroker } from "../broker-choice.ts";
import type { Command, ExitCode, Invocation, Output } from "../command.ts";
import { readDeviceFile } from "../device-file.ts";
import type { Provisioned } from "../provisioning.ts";
import { saleLog } from "../sale-log.ts";
import { untilStopped } from "../stop-signal.ts";

/** Beside the sources: from build/tools/commands it is three folders up. */
const DEFAULT_DEVICE = new URL("../../../boards/virtual-charger.yaml", import.meta.url);

export const run: Command = {
  name: "run",
  summary: "run a device that sells, until Ctrl-C",
  usage: "[--device FILE] [--data DIR] [--broker URL]",
  help: [
    "Opens the outputs' process, a broker and the shop, announces the device and sells.",
    "",
    "  --device FILE  what the device is and sells (default: the virtual charger)",
    "  --data DIR     where all that lasts is kept (default: a folder per board in",
    "                 $XDG_STATE_HOME/sluice or ~/.local/state/sluice)",
    "  --broker URL   use this MQTT broker, mqtt://[user:password@]host:port, instead of what the",
    "                 file says",
    "  --quiet        say nothing about single sales",
    "  --json         one JSON object a line: type ready, then log",
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
    quiet: { type: "boolean" },
  },
  positionalsMax: 0,
  run: runDevice,
};

async function runDevice({ values, out }: Invocation): Promise<ExitCode> {
  const { device: file, data: folder, broker: url, quiet } = values;
  const read = readDeviceFile(typeof file === "string" ? file : defaultFile());
  if (!read.ok) return refuse(read, out);
  const chosen = withBroker(read.value, typeof url === "string" ? url : undefined);
  if (!chosen.ok) return refuse(chosen, out);
  const config = chosen.value;
  const data = resolve(typeof folder === "string" ? folder : defaultData(config.board));
  const stopped = untilStopped();
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
    log: quiet === true ? () => undefined : saleLog(out),
    onBug: (error) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      const message = `a bug of sluice ended the device, its outputs are open: ${text}`;
      out.fault({ kind: "internal", message });
      process.exit(1);
    },
  });
  if (!opened.ok) return refuse(opened, out);
  assert(provisioned !== undefined, "a device opens with its keys");
  const device = opened.value;
  try {
    const broadcast = device.producer.startBroadcast();
    if (!broadcast.ok) return refuse(broadcast, out);
    const readyMs = performance.now();
    tellState(device, out);
    tellReady({ device, config, data, provisioned, readyMs }, out);
    const signal = await stopped;
    out.say(`${signal}: opening the outputs and closing sessions; once more ends at once`);
  } finally {
    try {
      removeBrokerState(process.pid);
    } finally {
      await device.close();
    }
  }
  out.say("stopped: outputs open, broadcast withdrawn");
  out.emit({ type: "stopped" });
  return 0;
}

function refuse({ fault }: { fault: Fault }, out: Output): ExitCode {
  out.fault(fault);
  return fault.kind === "usage" ? 2 : 1;
}

/** The broker that the option names, else the file's; user and password out of its address. Error: `usage`. */
function withBroker(config: DeviceConfig, option: string | undefined): Result<DeviceConfig> {
  const { broker } = config;
  if (option === undefined && !("url" in broker)) return ok(config);
  const login = option === undefined ? broker : {};
  const parsed = parseBroker(option ?? ("url" in broker ? broker.url : ""), "--broker");
  if (!parsed.ok) return parsed;
  const { url, username, password } = parsed.value;
  const given = username === undefined ? login : { username, ...(password && { password }) };
  return ok({ ...config, broker: { ...given, url } });
}

/** A device sells without its state file too: buyers on this machine have to name its broker then. */
function tellState({ brokerUrl: url, device: deviceId }: Device, out: Output): void {
  try {
    writeBrokerState({ url, pid: process.pid, deviceId });
  } catch (error) {
    if (!(error instanceof HalError)) throw error;
    const message = `${error.message}: buyers here need --broker ${url}`;
    out.emit({ type: "warning", message });
    out.say(`WARNING: ${message}`);
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
}

function tellReady({ device, config, data, provisioned, readyMs }: Ready, out: Output): void {
  const { operatorKey, operatorFingerprint } = provisioned;
  out.emit({
    type: "ready",
    device: device.device,
    name: config.name,
    broker: device.brokerUrl,
    operatorKey,
    operatorFingerprint,
    data,
    pid: process.pid,
    loopPid: device.loopPid(),
    safeMs: Math.round(device.safeAtMs),
    readyMs: Math.round(readyMs),
  });
  if (device.portTaken && "port" in config.broker) {
    out.say(`port ${config.broker.port} is in use: this broker took another`);
  }
  out.say(`device    ${device.device}  "${config.name}"`);
  out.say(`operator  ${operatorFingerprint}`);
  out.say(`broker    ${device.brokerUrl}`);
  out.say(`data      ${data}`);
  out.say("selling. In another terminal: npx sluice buy      Ctrl-C stops");
}
