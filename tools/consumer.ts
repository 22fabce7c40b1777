// Composition of a consumer as a command: identity, broker, link, and the buying role on top; and what all
// consumer commands have in common, from options to exit codes.

import { Consumer } from "../firmware/consumer/consumer.ts";
import { connectionName } from "../firmware/protocol/topics.ts";
import { type Fault, ok, type Result } from "../firmware/result.ts";
import type { Crypto } from "../hal/crypto.ts";
import type { Link } from "../hal/link.ts";
import { openMqttLink } from "../hal/linux/mqtt-link.ts";
import { openNodeCrypto } from "../hal/linux/node-crypto.ts";
import { readBrokerState } from "../hal/linux/state-file.ts";
import { openSystemClock } from "../hal/linux/system-clock.ts";
import { openSystemEntropy } from "../hal/linux/system-entropy.ts";
import type { TlsFiles } from "../hal/linux/tls-files.ts";
import {
  type BrokerChoice,
  brokerText,
  chooseBroker,
  pickBroker,
  readTlsOptions,
  TLS_OPTIONS,
} from "./broker-choice.ts";
import type { Command, ExitCode, Invocation, Output } from "./command.ts";
import { type Identity, identityFolder, openIdentity } from "./identity.ts";
import { readOperatorKeys } from "./operator-key.ts";
import { integerOption, type OptionValues, textOption, textsOption } from "./option-value.ts";

/** The only payment host of this release moves no real money, so bench keys are good. */
const SIMULATED_HOST = true;

const DISCOVER_S = 5;
/** How long brokers on the network may take to tell of themselves, and others after the first. */
const FIND_BROKERS = { timeoutMs: 2_000, settleMs: 300 };
const DISCOVER_S_MAX = 3600;

export const CONSUMER_OPTIONS: Command["options"] = {
  broker: { type: "string" },
  ...TLS_OPTIONS,
  identity: { type: "string" },
  operator: { type: "string", multiple: true },
  "trust-new": { type: "boolean" },
  timeout: { type: "string" },
};

export const CONSUMER_HELP = `  --broker URL       mqtt://[USER:PASSWORD@]HOST:PORT, or with mqtts://, ws:// or wss://; else
                     SLUICE_BROKER, else the device that runs here, else the one that tells of
                     itself on this network, else port 1883 of this machine
  --ca FILE          trust the broker's certificate if this CA signed it (PEM)
  --cert FILE --key FILE  your own certificate and its key, where the broker asks for one
  --identity DIR     your key, pins, orders and receipts; made at first use
                     (default: ~/.local/state/sluice/consumer)
  --operator HEX|FILE  pay only devices of this operator (repeatable): its public key
  --trust-new        pin an unknown operator at first use (on this machine that is the default)
  --timeout SECONDS  how long to look for a device (default: ${DISCOVER_S})
  --json             one JSON object a line`;

/** What a consumer command works with. */
export interface Buyer {
  consumer: Consumer;
  identity: Identity;
  crypto: Crypto;
  broker: BrokerChoice;
  values: OptionValues;
  positionals: readonly string[];
  out: Output;
  /** How long to look for devices. */
  timeoutMs: number;
}

/** Tells a fault and gives its exit code: what the caller can only mend by calling otherwise is 2. */
export function refuse(out: Output, fault: Fault): ExitCode {
  out.fault(fault);
  return fault.kind === "usage" ? 2 : 1;
}

/** Reads the options, opens everything, does the work, closes everything. Throws HalError. */
export async function withBuyer<T>(
  { values, positionals, out }: Invocation,
  read: (values: OptionValues) => Result<T>,
  work: (buyer: Buyer, wanted: T) => Promise<Result<void>>,
): Promise<ExitCode> {
  const settled = readSettings(values);
  if (!settled.ok) return refuse(out, settled.fault);
  const wanted = read(values);
  if (!wanted.ok) return refuse(out, wanted.fault);
  const { timeoutMs, operators } = settled.value;
  const told = settled.value.broker;
  const chosen = told === undefined ? await findBroker() : ok(told);
  if (!chosen.ok) return refuse(out, chosen.fault);
  const broker = chosen.value;
  const tls = readTlsOptions(values, broker.url);
  if (!tls.ok) return refuse(out, tls.fault);
  const identity = await openIdentity(identityFolder(textOption(values, "identity"), process.env));
  try {
    out.say(brokerText(broker));
    out.emit({ step: "broker", url: broker.url, from: broker.from });
    const crypto = openNodeCrypto();
    const entropy = openSystemEntropy();
    const connection = connectionName(entropy.bytes(8));
    const link = await openLink(broker, tls.value, connection);
    const { boxSecret, store } = identity;
    const trustNew = broker.loopback || values["trust-new"] === true;
    const consumer = new Consumer(
      { clock: openSystemClock(), store, link, crypto, entropy },
      { connection, boxSecret, operators, trustNew, simulatedHost: SIMULATED_HOST },
    );
    try {
      const ready = await consumer.setup();
      if (!ready.ok) return refuse(out, ready.fault);
      const buyer = { consumer, identity, crypto, broker, values, positionals, out, timeoutMs };
      const done = await work(buyer, wanted.value);
      return done.ok ? 0 : refuse(out, done.fault);
    } finally {
      consumer.close();
      await link.close();
    }
  } finally {
    await identity.store.close();
  }
}

/** For a command without options of its own. */
export const NOTHING_MORE = (): Result<void> => ({ ok: true, value: undefined });

/** Nobody said which: on this network, or by custom. */
async function findBroker(): Promise<Result<BrokerChoice>> {
  // Loaded when called for: most commands know their broker.
  const { findBrokers } = await import("../hal/linux/dns-sd.ts");
  return pickBroker(await findBrokers(FIND_BROKERS));
}

function openLink(
  broker: BrokerChoice,
  tls: TlsFiles | undefined,
  clientId: string,
): Promise<Link> {
  const { url, username, password } = broker;
  return openMqttLink({
    url,
    clientId,
    ...(tls === undefined ? {} : { tls }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  });
}

interface Settings {
  /** Undefined when nobody said. */
  broker: BrokerChoice | undefined;
  operators: readonly Uint8Array[];
  timeoutMs: number;
}

function readSettings(values: OptionValues): Result<Settings> {
  const timeout = integerOption(values, "timeout", { min: 1, max: DISCOVER_S_MAX });
  if (!timeout.ok) return timeout;
  const operators = readOperatorKeys(textsOption(values, "operator"));
  if (!operators.ok) return operators;
  const chosen = chooseBroker(textOption(values, "broker"), process.env, () => readBrokerState());
  if (!chosen.ok) return chosen;
  const timeoutMs = 1000 * (timeout.value ?? DISCOVER_S);
  return ok({ broker: chosen.value, operators: operators.value, timeoutMs });
}
