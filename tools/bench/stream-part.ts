// The part of the bench that pays by the unit: the bytes of the proofs on a real connection, at one proof for each
// unit, for each 8 and for each 32.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toHex } from "../../firmware/bytes.ts";
import { Consumer } from "../../firmware/consumer/consumer.ts";
import type { Dealer } from "../../firmware/consumer/dealer.ts";
import { connectionName } from "../../firmware/protocol/topics.ts";
import type { Result } from "../../firmware/result.ts";
import { openMqttLink } from "../../hal/linux/mqtt-link.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import { openSystemEntropy } from "../../hal/linux/system-entropy.ts";
import { simStore } from "../../hal/sim/sim-store.ts";
import { type Figure, table } from "./figure.ts";
import { openPacketTap, type Packet } from "./packet-tap.ts";
import type { Part } from "./part.ts";
import { single } from "./sample.ts";
import { provisionData, type Site, startBroker, startDevice } from "./site.ts";

const CARD = { number: "4111111111111111", expiryYear: 30, expiryMonth: 12 };
const UNITS = 32;
const NONE = new Uint8Array();
const STEPS = [1, 8, 32] as const;
const PATIENCE_MS = 30_000;
/** IPv4 and TCP without options, of each packet in a segment of its own; a TLS 1.3 record around it. */
const TCP_IP_BYTES = 40;
const TLS_BYTES = 22;

const DEVICE_FILE = `version: 1
name: Bench stream
board: virtual-instant
policy: { quantumPulses: 100, loss: seller }
broker: { host: 127.0.0.1, port: 0 }
services:
  - id: 1
    name: Items
    outlet: slot
    meter: items
    unitsMax: 100
    tokenLifeHours: 24
    undelivered: refund
    payment: { way: hold }
    stream: { windowUnitsMax: 32 }
    prices: [{ id: 1, name: each, amountMinor: 45, currency: EUR }]
`;

interface Streamed {
  step: number;
  /** Each counted once. */
  proofs: number;
  /** Sent once more, because the device had not told yet that it has them. */
  again: number;
  payloadBytes: number;
  mqttBytes: number;
  /** What the device told meanwhile, MQTT packets whole. */
  meteringBytes: number;
}

export const streamPart: Part = {
  name: "stream",
  what: "bytes of each unit of a streamed payment",
  measure: async (_counts, site, tell) => {
    tell(`${UNITS} units paid one by one, by 8 and by 32`);
    const rows = await streamAll(makeStreamSite(join(site.folder, "stream")));
    const figures = rows.map(({ step, proofs, payloadBytes }): Figure => {
      const perUnit = { ...single(payloadBytes / UNITS), count: proofs };
      const what = `proof of payment, one for ${step === 1 ? "each unit" : `${step} units`}`;
      const budget = step === 1 ? 22 : 1;
      const key = `unitBytesK${step}`;
      return { key, what, unit: "B/unit", samples: perUnit, ...(step !== 8 && { budget }) };
    });
    return { figures, tables: [streamTable(rows)] };
  },
};

function streamTable(rows: readonly Streamed[]): string {
  const cells = rows.map(({ step, proofs, again, payloadBytes, mqttBytes, meteringBytes }) => [
    `k = ${step}`,
    ...[proofs, again].map(String),
    ...[
      payloadBytes,
      mqttBytes,
      mqttBytes + proofs * TCP_IP_BYTES,
      mqttBytes + proofs * (TCP_IP_BYTES + TLS_BYTES),
      meteringBytes,
    ].map((bytes) => (bytes / UNITS).toFixed(2)),
  ]);
  const head = [
    "bytes per unit",
    "proofs",
    "sent again",
    "payload",
    "MQTT",
    "TCP/IP",
    "TLS",
    "told back (MQTT)",
  ];
  return [
    `Streamed payment, ${UNITS} units, window k; each proof once: payload and MQTT counted, TCP/IP and TLS\nreckoned for a segment each.`,
    table([head, ...cells], [0]),
  ].join("\n");
}

async function streamAll(site: Site): Promise<readonly Streamed[]> {
  const broker = await startBroker();
  const device = await startDevice(site, join(site.folder, "device"), broker.url);
  const tap = await openPacketTap(broker.url);
  const entropy = openSystemEntropy();
  const connection = connectionName(entropy.bytes(8));
  const link = await openMqttLink({ url: tap.url, clientId: connection });
  const consumer = new Consumer(
    {
      clock: openSystemClock(),
      store: simStore().store(),
      link,
      crypto: openNodeCrypto(),
      entropy,
    },
    {
      connection,
      boxSecret: entropy.bytes(32),
      operators: [site.operatorKey],
      trustNew: false,
      simulatedHost: true,
    },
  );
  try {
    value(await consumer.setup());
    const [found] = value(await consumer.discover({ timeoutMs: PATIENCE_MS, enough: () => true }));
    if (found === undefined) throw new Error("the device was not announced");
    const dealer = value(await consumer.init(found));
    const rows: Streamed[] = [];
    for (const step of STEPS) rows.push(await streamOne(dealer, step, () => tap.take()));
    return rows;
  } finally {
    consumer.close();
    await link.close();
    await tap.close();
    await device.stop();
    await broker.stop();
  }
}

async function streamOne(dealer: Dealer, step: number, take: () => Packet[]): Promise<Streamed> {
  const selected = value(await dealer.select({ service: 1, price: 1, units: UNITS }));
  const stream = { step, window: step };
  const paid = value(await dealer.pay(selected.purchase, CARD, { stream }));
  take();
  const { receipts } = value(await dealer.begin(paid, undefined, () => undefined));
  const [session] = receipts;
  if (session?.pulses !== UNITS)
    throw new Error(`delivered ${session?.pulses} of ${UNITS}: ${JSON.stringify(session)}`);
  const packets = take();
  const sent = packets.filter(({ topic }) => topic === "proof");
  const proofs = [...new Map(sent.map((one) => [toHex(one.payload ?? NONE), one])).values()];
  const told = packets.filter(({ from, type }) => from === "broker" && type === "PUBLISH");
  return {
    step,
    proofs: proofs.length,
    again: sent.length - proofs.length,
    payloadBytes: proofs.reduce((sum, { payload }) => sum + (payload?.length ?? 0), 0),
    mqttBytes: proofs.reduce((sum, { bytes }) => sum + bytes, 0),
    meteringBytes: told.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function value<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new Error(`the sale failed: ${result.fault.message} (${result.fault.kind})`);
}

function makeStreamSite(folder: string): Site {
  mkdirSync(folder, { recursive: true });
  const deviceFile = join(folder, "bench.yaml");
  writeFileSync(deviceFile, DEVICE_FILE);
  return { folder, deviceFile, operatorKey: provisionData(join(folder, "device")) };
}
