// A consumer that buys ten units over and over, each time on a connection of its own, with the operator's key
// in hand, and times each step: from the first request until the receipts are verified and kept.

import { join } from "node:path";
import { Consumer } from "../../firmware/consumer/consumer.ts";
import type { Dealer } from "../../firmware/consumer/dealer.ts";
import { MESSAGES } from "../../firmware/protocol/messages.ts";
import { connectionName } from "../../firmware/protocol/topics.ts";
import type { Result } from "../../firmware/result.ts";
import { sleep } from "../../hal/clock.ts";
import type { Crypto } from "../../hal/crypto.ts";
import { openMqttLink } from "../../hal/linux/mqtt-link.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import { openSystemEntropy } from "../../hal/linux/system-entropy.ts";
import type { Store } from "../../hal/store.ts";
import { openIdentity } from "../identity.ts";
import { type Watcher, watchCrypto } from "./watched-crypto.ts";

const UNITS = 10;
const CARD = { number: "4111111111111111", expiryYear: 30, expiryMonth: 12 };
const PATIENCE_MS = 30_000;
/** In turn: a device lets one key open 64 connections at once, and then few a second (producer/shares.ts). */
const KEYS = 64;
const BUSY_MS = 5;

export const STEPS = ["services", "prices", "select", "pay", "begin"] as const;
export type Step = (typeof STEPS)[number];

export interface TimedSale {
  totalMs: number;
  stepMs: Readonly<Record<Step, number>>;
  /** From `begin` to the first metering message, which a busy machine may leave out: delivery is that quick. */
  meteredMs: number | undefined;
  /** Signed objects of the sale. */
  announcement: Uint8Array;
  certificate: Uint8Array;
  offer: Uint8Array;
  token: Uint8Array;
  receipts: readonly Uint8Array[];
}

export interface Buyer {
  /** One sale on a connection of its own through the broker at `url`; `watcher` sees its messages. */
  buy(url: string, watcher?: Watcher): Promise<TimedSale>;
  /** A connection that stays, for several sales. */
  connect(url: string, watcher?: Watcher): Promise<Customer>;
  close(): Promise<void>;
}

export interface Customer {
  buy(): Promise<TimedSale>;
  leave(): Promise<void>;
}

export async function openBuyer(folder: string, operatorKey: Uint8Array): Promise<Buyer> {
  const identity = await openIdentity(join(folder, "buyer"));
  const crypto = openNodeCrypto();
  const keys = Array.from({ length: KEYS }, () => openSystemEntropy().bytes(32));
  let connections = 0;
  const connect = (url: string, watcher?: Watcher): Promise<Customer> => {
    const boxSecret = keys[connections++ % KEYS] ?? identity.boxSecret;
    return openCustomer({ store: identity.store, boxSecret, operatorKey, crypto, url, watcher });
  };
  return {
    connect,
    buy: async (url, watcher) => {
      const customer = await connect(url, watcher);
      try {
        return await customer.buy();
      } finally {
        await customer.leave();
      }
    },
    close: () => identity.store.close(),
  };
}

interface Errand {
  store: Store;
  boxSecret: Uint8Array;
  operatorKey: Uint8Array;
  crypto: Crypto;
  url: string;
  watcher: Watcher | undefined;
  /** Which of the services it buys, in the order of the list. */
  pick?: number;
}

/** A connection that stays, for several sales. */
export async function openCustomer(errand: Errand): Promise<Customer> {
  const { store, boxSecret, operatorKey, url, pick = 0 } = errand;
  const entropy = openSystemEntropy();
  const connection = connectionName(entropy.bytes(8));
  const link = await openMqttLink({ url, clientId: connection });
  let see: (plain: Uint8Array) => void = () => undefined;
  const crypto = watchCrypto(errand.crypto, (direction, plain, box) => {
    errand.watcher?.(direction, plain, box);
    see(plain);
  });
  const consumer = new Consumer(
    { clock: openSystemClock(), store, link, crypto, entropy },
    {
      connection,
      boxSecret,
      operators: [operatorKey],
      trustNew: false,
      simulatedHost: true,
    },
  );
  value(await consumer.setup());
  const enough = (): boolean => true;
  const [found] = value(await consumer.discover({ timeoutMs: PATIENCE_MS, enough }));
  if (found === undefined) throw new Error("the device was not announced");
  const dealer = value(await consumer.init(found));
  return {
    buy: async () => {
      const acknowledged = watchFor(MESSAGES.acknowledge.kind);
      see = acknowledged.see;
      const sale = await within(timeSale(dealer, pick), "a sale");
      // Not part of the time, but of the bytes; and the device's books are closed before the next one.
      await within(acknowledged.seen, "an acknowledgement");
      return { ...sale, announcement: found.signed };
    },
    leave: () => {
      consumer.close();
      return link.close();
    },
  };
}

async function timeSale(dealer: Dealer, pick: number): Promise<Omit<TimedSale, "announcement">> {
  const startMs = performance.now();
  let lastMs = startMs;
  const stepMs: Record<Step, number> = { services: 0, prices: 0, select: 0, pay: 0, begin: 0 };
  const done = (step: Step): void => {
    const nowMs = performance.now();
    stepMs[step] = nowMs - lastMs;
    lastMs = nowMs;
  };
  const service = value(await dealer.requestServices())[pick];
  if (service === undefined) throw new Error("the device sells nothing");
  done("services");
  const [price] = value(await dealer.getPrices(service.service));
  if (price === undefined) throw new Error("the service has no price");
  done("prices");
  const selection = { service: service.service, price: price.price, units: UNITS };
  const { purchase } = value(await dealer.select(selection));
  done("select");
  const paid = value(await dealer.pay(purchase, CARD));
  done("pay");
  const beginMs = lastMs;
  let meteredMs: number | undefined;
  const begin = (): ReturnType<Dealer["begin"]> =>
    dealer.begin(paid, undefined, () => {
      meteredMs ??= performance.now() - beginMs;
    });
  let begun = await begin();
  // Others buy at the same outlet: its time is part of the sale's.
  while (!begun.ok && begun.fault.kind === "busy") {
    await sleep(openSystemClock(), BUSY_MS);
    begun = await begin();
  }
  const delivered = value(begun);
  done("begin");
  const { certificate, offer, token, receipts, state } = delivered.purchase;
  const reasons = delivered.receipts.map(({ is, reason, pulses }) => `${is} ${reason} ${pulses}`);
  if (state !== "closed" || token === undefined || delivered.receipts[0]?.reason !== "exhausted") {
    throw new Error(`the sale did not go through: ${state}, ${reasons.join(", ")}`);
  }
  return { totalMs: lastMs - startMs, stepMs, meteredMs, certificate, offer, token, receipts };
}

/** Of a message only its kind is read, which stands behind map head and key 0: so cheap that it may be timed. */
function watchFor(kind: number): { see(plain: Uint8Array): void; seen: Promise<void> } {
  let tell: () => void = () => undefined;
  const seen = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const see = (plain: Uint8Array): void => {
    if (plain[1] === 0 && plain[2] === kind) tell();
  };
  return { see, seen };
}

function value<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new Error(`the sale failed: ${result.fault.message} (${result.fault.kind})`);
}

async function within<T>(work: Promise<T>, what: string): Promise<T> {
  let limit: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    limit = setTimeout(() => reject(new Error(`${what} took too long`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(limit);
  }
}
