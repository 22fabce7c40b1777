// `sluice broker`: the embedded broker by itself, for devices and buyers that share one.

import { BROKER_PORT } from "../../firmware/config.ts";
import { openBroker } from "../../hal/linux/broker.ts";
import type { Command, ExitCode, Invocation } from "../command.ts";
import { untilStopped } from "../stop-signal.ts";

export const broker: Command = {
  name: "broker",
  summary: "run an MQTT broker alone, until Ctrl-C",
  usage: "[--host HOST] [--port PORT]",
  help: [
    "Runs the broker that is built in, for several devices on one machine or on a bench network.",
    "It asks nobody who he is: what sluice sends is sealed and signed from end to end.",
    "",
    "  --host HOST  address to listen on (default 127.0.0.1: this machine only; 0.0.0.0 is every network)",
    `  --port PORT  default ${BROKER_PORT}; 0 takes any that is free`,
    "  --json       one JSON object a line: type ready with url, then stopped",
    "",
    "Example:",
    "  sluice broker --port 1884",
    "  sluice run --broker mqtt://127.0.0.1:1884",
  ].join("\n"),
  options: { host: { type: "string" }, port: { type: "string" } },
  positionalsMax: 0,
  run: runBroker,
};

async function runBroker({ values, out }: Invocation): Promise<ExitCode> {
  const { host, port = String(BROKER_PORT) } = values;
  if (typeof port !== "string" || !/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    out.fault({ kind: "usage", message: "must be a number from 0 to 65535", at: "--port" });
    return 2;
  }
  const stopped = untilStopped();
  const opened = await openBroker({
    port: Number(port),
    ...(typeof host === "string" && { host }),
  });
  out.emit({ type: "ready", url: opened.url, pid: process.pid });
  out.say(`broker    ${opened.url}`);
  out.say(`Use it: sluice run --broker ${opened.url}      Ctrl-C stops`);
  await stopped;
  await opened.close();
  out.emit({ type: "stopped" });
  return 0;
}
