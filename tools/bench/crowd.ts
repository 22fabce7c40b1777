// Many consumers who buy at once from one device with sixteen outlets: each has an identity and a connection of
// its own and buys one sale after another, until all of them together have bought enough.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { openSystemEntropy } from "../../hal/linux/system-entropy.ts";
import { simStore } from "../../hal/sim/sim-store.ts";
import { type Customer, openCustomer } from "./buyer.ts";
import { table } from "./figure.ts";
import { type Summary, summarise } from "./sample.ts";
import { provisionData, type Site, startBroker, startDevice } from "./site.ts";

const OUTLETS = 16;
const WARM_UP_SALES = 2;

export interface CrowdRow {
  consumers: number;
  salesPerSecond: number;
  saleMs: Summary;
}

/** A device and a broker of its own; the consumers' books are in memory, so that the device's disk is measured. */
export async function measureCrowd(
  folder: string,
  crowds: readonly number[],
  sales: number,
): Promise<readonly CrowdRow[]> {
  const site = makeCrowdSite(join(folder, "crowd"));
  const broker = await startBroker();
  const device = await startDevice(site, join(site.folder, "device"), broker.url);
  try {
    const rows: CrowdRow[] = [];
    for (const consumers of crowds) {
      rows.push(await measureOne(broker.url, site.operatorKey, consumers, sales));
    }
    return rows;
  } finally {
    await device.stop();
    await broker.stop();
  }
}

async function measureOne(
  url: string,
  operatorKey: Uint8Array,
  consumers: number,
  sales: number,
): Promise<CrowdRow> {
  const crypto = openNodeCrypto();
  const customers: Customer[] = [];
  for (let i = 0; i < consumers; i++) {
    const store = simStore().store();
    const boxSecret = openSystemEntropy().bytes(32);
    const pick = i % OUTLETS;
    const own = { store, boxSecret, operatorKey, crypto, url, watcher: undefined, pick };
    customers.push(await openCustomer(own));
  }
  await buyAll(customers, consumers * WARM_UP_SALES);
  const startMs = performance.now();
  const times = await buyAll(customers, sales);
  const tookS = (performance.now() - startMs) / 1000;
  for (const customer of customers) await customer.leave();
  return { consumers, salesPerSecond: times.length / tookS, saleMs: summarise(times) };
}

async function buyAll(customers: readonly Customer[], sales: number): Promise<readonly number[]> {
  const times: number[] = [];
  let left = sales;
  const shop = async (customer: Customer): Promise<void> => {
    while (left > 0) {
      left -= 1;
      times.push((await customer.buy()).totalMs);
    }
  };
  await Promise.all(customers.map(shop));
  return times;
}

export function crowdTable(rows: readonly CrowdRow[]): string {
  const cells = rows.map(({ consumers, salesPerSecond, saleMs }) => [
    String(consumers),
    salesPerSecond.toFixed(1),
    saleMs.median.toFixed(1),
    saleMs.p99.toFixed(1),
    String(saleMs.count),
  ]);
  return table([["consumers", "sales/s", "p50 ms", "p99 ms", "samples"], ...cells], []);
}

function makeCrowdSite(folder: string): Site {
  mkdirSync(folder, { recursive: true });
  const service = (id: number): string =>
    [
      `  - { id: ${id}, name: Items ${id}, outlet: slot-${id}, meter: items, unitsMax: 100,`,
      "      tokenLifeHours: 24, undelivered: refund,",
      "      prices: [{ id: 1, name: each, amountMinor: 45, currency: EUR }] }",
    ].join("\n");
  const deviceFile = join(folder, "bench.yaml");
  const lines = [
    "version: 1",
    "name: Bench crowd",
    "board: virtual-crowd",
    "policy: { quantumPulses: 100, loss: seller }",
    "broker: { host: 127.0.0.1, port: 0 }",
    "services:",
    ...Array.from({ length: OUTLETS }, (_, i) => service(i + 1)),
  ];
  writeFileSync(deviceFile, `${lines.join("\n")}\n`);
  return { folder, deviceFile, operatorKey: provisionData(join(folder, "device")) };
}
