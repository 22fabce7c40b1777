// `sluice broker`: the embedded broker by itself, for devices and buyers that share one.

import { BROKER_PORT } from "../../firmware/config.ts";
import { openBroker } from "../../hal/linux/broker.ts";
import { networkUrls, reachText } from "../broker-reach.ts";
import type { Command, ExitCode, Invocation } from "../command.ts";
import { integerOption } from "../option-value.ts";
import { untilStopped } from "../stop-signal.ts";

const PORTS = { min: 0, max: 65_535 };

export const broker: Command = {
  name: "broker",
  summary: "run an MQTT broker alone, until Ctrl-C",
  usage: "[--host HOST] [--port PORT] [--ws PORT]",
  help: [
    "Runs the broker that is built in, for several devices on one machine or on a bench network.",
    "It asks nobody who he is: what sluice sends is sealed and signed from end to end.",
    "",
    "  --host HOST  address to listen on (default 127.0.0.1: this machine only; 0.0.0.0 is every network)",
    `  --port PORT  default ${BROKER_PORT}; 0 takes any that is free`,
    "  --ws PORT    MQTT over WebSocket too, on this port",
    "  --json       one JSON object a line: type ready with url, then stopped",
    "",
    "Example:",
    "  sluice broker --port 1884",
    "  sluice run --broker mqtt://127.0.0.1:1884",
  ].join("\n"),
  options: { host: { type: "string" }, port: { type: "string" }, ws: { type: "string" } },
  positionalsMax: 0,
  run: runBroker,
};

async function runBroker({ values, out }: Invocation): Promise<ExitCode> {
  const { host } = values;
  const port = integerOption(values, "port", PORTS);
  const ws = integerOption(values, "ws", PORTS);
  if (!port.ok || !ws.ok) {
    for (const read of [port, ws]) if (!read.ok) out.fault(read.fault);
    return 2;
  }
  const stopped = untilStopped();
  const opened = await openBroker({
    port: port.value ?? BROKER_PORT,
    ...(ws.value !== undefined && { ws: ws.value }),
    ...(typeof host === "string" && { host }),
  });
  const { url, webSocketUrl, isOpen } = opened;
  out.emit({
    type: "ready",
    url,
    ...(webSocketUrl !== undefined && { webSocket: webSocketUrl }),
    ...(isOpen && { networks: networkUrls(opened) }),
    pid: process.pid,
  });
  out.say(`broker    ${url}`);
  for (const line of reachText(opened)) out.say(line);
  out.say(`Use it: sluice run --broker ${url}      Ctrl-C stops`);
  await stopped;
  await opened.close();
  out.emit({ type: "stopped" });
  return 0;
}
