// `sluice serve`: runs a flow service outside the device, for the devices of its operator, until Ctrl-C.

import type { HostedCall } from "../../firmware/payment/remote/host-session.ts";
import { openServiceHost } from "../../firmware/payment/remote/service-host.ts";
import { base64url } from "../../firmware/protocol/topics.ts";
import { type Fault, fail, ok, type Result } from "../../firmware/result.ts";
import { openMqttLink } from "../../hal/linux/mqtt-link.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { readBrokerState } from "../../hal/linux/state-file.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import { openSystemEntropy } from "../../hal/linux/system-entropy.ts";
import {
  type BrokerChoice,
  brokerText,
  chooseBroker,
  pickBroker,
  readTlsOptions,
  TLS_OPTIONS,
} from "../broker-choice.ts";
import type { Command, ExitCode, Invocation, Output } from "../command.ts";
import { refuse } from "../consumer.ts";
import { type Enrolled, readEnrolled, serviceFolder } from "../flow-service-folder.ts";
import { loadFlowService } from "../flow-service-module.ts";
import { type OptionValues, textOption } from "../option-value.ts";
import { readLogLevel, saleLog } from "../sale-log.ts";
import { untilStopped } from "../stop-signal.ts";

const LINGER_MS = 500;

export const serve: Command = {
  name: "serve",
  summary: "run a flow service outside the device, until Ctrl-C",
  usage: "MODULE [--keys FOLDER] [--broker URL] [--json]",
  help: `Runs the service that MODULE exports for the devices of the operator who enrolled it. It may be
started before or after the devices; both find each other again after a restart or an outage.
No card data is shown.

  --keys FOLDER      key and grant, as "sluice enrol" made them (default: ./ID.service)
  --broker URL       where the devices are; else SLUICE_BROKER, else the device that runs here
  --ca FILE          trust the broker's certificate if this CA signed it (PEM)
  --cert FILE --key FILE  its own certificate and key for the broker, where that asks for one
  --quiet            only what is wrong
  --json             one JSON object a line: type ready, call, log, then stopped

Example:
  sluice serve ./gift.mjs --broker mqtt://127.0.0.1:1883`,
  options: {
    keys: { type: "string" },
    broker: { type: "string" },
    ...TLS_OPTIONS,
    quiet: { type: "boolean" },
  },
  positionalsMax: 1,
  run: runServe,
};

async function runServe({ values, positionals, out }: Invocation): Promise<ExitCode> {
  const level = readLogLevel(values);
  if (!level.ok) return refuse(out, level.fault);
  const chosen = choose(values);
  if (!chosen.ok) return refuse(out, chosen.fault);
  const broker = chosen.value;
  const tls = readTlsOptions(values, broker.url);
  if (!tls.ok) return refuse(out, tls.fault);
  const loaded = await loadFlowService(positionals[0]);
  if (!loaded.ok) return refuse(out, loaded.fault);
  const service = loaded.value;
  const crypto = openNodeCrypto();
  const enrolled = readEnrolled(serviceFolder(textOption(values, "keys"), service.id), crypto);
  if (!enrolled.ok) return refuse(out, enrolled.fault);
  const unfit = mismatch(enrolled.value, service.id);
  if (unfit !== undefined) return refuse(out, unfit);
  const stopped = untilStopped();
  const entropy = openSystemEntropy();
  const { url, username, password } = broker;
  out.say(brokerText(broker));
  const link = await openMqttLink({
    url,
    clientId: base64url(entropy.bytes(12)),
    ...(tls.value === undefined ? {} : { tls: tls.value }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  });
  try {
    const ports = {
      link,
      crypto,
      entropy,
      clock: openSystemClock(),
      log: saleLog(out, level.value),
    };
    const watch = (call: HostedCall): void => tellCall(call, values, out);
    const host = await openServiceHost({ ...enrolled.value, service }, { ...ports, watch });
    tellReady(enrolled.value, url, out);
    const signal = await stopped;
    out.say(`${signal}: leaving`);
    await host.close();
  } finally {
    await link.close();
  }
  out.emit({ type: "stopped" });
  // The service may have timers and connections of its own, of which nobody told us how to end them.
  setTimeout(() => process.exit(0), LINGER_MS).unref();
  return 0;
}

/** Nobody said: this machine, by custom. */
function choose(values: OptionValues): Result<BrokerChoice> {
  const chosen = chooseBroker(textOption(values, "broker"), process.env, () => readBrokerState());
  if (!chosen.ok) return chosen;
  return chosen.value === undefined ? pickBroker([]) : ok(chosen.value);
}

function mismatch({ grant }: Enrolled, id: string): Fault | undefined {
  if (grant.id !== id) {
    const why = `the grant is for the service ${grant.id}, and the module is ${id}: enrol it`;
    return fail("key-changed", why, "--keys").fault;
  }
  if (Date.now() < 1000 * grant.expiresS) return undefined;
  return fail("expired", `the grant of ${id} has expired: run sluice enrol again, and attach it`)
    .fault;
}

function tellReady({ grant }: Enrolled, url: string, out: Output): void {
  const { id, name, device, expiresS } = grant;
  const expires = new Date(1000 * expiresS).toISOString();
  out.emit({ type: "ready", service: id, name, broker: url, device, expires, pid: process.pid });
  const whom = device === undefined ? "every device of its operator" : `the device ${device}`;
  out.say(`serving   ${id} for ${whom}, until ${expires.slice(0, 10)}; Ctrl-C stops`);
}

function tellCall(call: HostedCall, values: OptionValues, out: Output): void {
  const { device, id, stage, flowType, how, message } = call;
  const isWrong = how === "failed" || how === "unfit" || how === "rejected";
  if (values["quiet"] === true && !isWrong) return;
  out.emit({
    type: "call",
    time: new Date().toISOString(),
    device,
    id,
    stage,
    flowType,
    how,
    message,
  });
  const time = new Date().toTimeString().slice(0, 8);
  const why = message === undefined ? "" : `: ${message}`;
  out.say(`${time}  ${stage} of ${flowType} for ${device}, ${how}${why}`);
}
