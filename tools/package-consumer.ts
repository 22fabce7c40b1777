// `sluice/consumer`, for a program of a user's own that buys: the buying role on a real broker, with its key, its pins and
// its purchases in a folder. The steps are those of docs/flows.md.

import { Consumer } from "../firmware/consumer/consumer.ts";
import { connectionName } from "../firmware/protocol/topics.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import type { Link } from "../hal/link.ts";
import { openMqttLink } from "../hal/linux/mqtt-link.ts";
import { openNodeCrypto } from "../hal/linux/node-crypto.ts";
import { openSystemClock } from "../hal/linux/system-clock.ts";
import { openSystemEntropy } from "../hal/linux/system-entropy.ts";
import { parseBroker } from "./broker-choice.ts";
import { openIdentity } from "./identity.ts";
import { readOperatorKeys } from "./operator-key.ts";

export interface ConsumerOptions {
  /** mqtt://[USER:PASSWORD@]HOST:PORT, or with mqtts://, ws:// or wss://. */
  broker: string;
  /** Folder of the key, the pins and the purchases, made at first use. One program at a time. */
  folder: string;
  /** Pay only devices of these operators: public keys in hexadecimal digits, or files of them. */
  operators?: readonly string[];
  /** Pin an unknown operator at first use. */
  trustNew?: boolean;
}

export interface OpenConsumer {
  /** It has been set up: `discover` is next. */
  consumer: Consumer;
  /** Lets go of broker and folder. */
  close(): Promise<void>;
}

/**
 * Errors: `usage` for an address or a key that is none, those of `Consumer.setup`. Throws HalError for a broker that refuses us
 * and a folder that cannot be used.
 */
export async function openConsumer(options: ConsumerOptions): Promise<Result<OpenConsumer>> {
  const { broker, folder, operators = [], trustNew = false } = options;
  const keys = readOperatorKeys(operators);
  if (!keys.ok) return fail(keys.fault.kind, keys.fault.message, "operators");
  const at = parseBroker(broker, "--broker");
  if (!at.ok) return fail(at.fault.kind, at.fault.message, "broker");
  const { url, username, password } = at.value;
  const { boxSecret, store } = await openIdentity(folder);
  const entropy = openSystemEntropy();
  const connection = connectionName(entropy.bytes(8));
  let link: Link | undefined;
  const close = async (): Promise<void> => {
    await link?.close();
    await store.close();
  };
  try {
    const login = { ...(username !== undefined && { username }), ...(password && { password }) };
    link = await openMqttLink({ url, clientId: connection, ...login });
    const ports = { clock: openSystemClock(), store, link, crypto: openNodeCrypto(), entropy };
    const settings = { connection, boxSecret, operators: keys.value, trustNew };
    const consumer = new Consumer(ports, { ...settings, simulatedHost: SIMULATED_HOST });
    const ready = await consumer.setup();
    if (ready.ok) return ok({ consumer, close: () => closeBoth(consumer, close) });
    await close();
    return ready;
  } catch (error) {
    await close();
    throw error;
  }
}

function closeBoth(consumer: Consumer, close: () => Promise<void>): Promise<void> {
  consumer.close();
  return close();
}

/** Bench keys are good: no real money moves with them. */
const SIMULATED_HOST = true;
