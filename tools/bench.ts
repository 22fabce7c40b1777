// `make bench`: measures what the design sets budgets for, prints each figure beside its budget with samples
// and machine, and writes build/bench.json. Everything runs on this machine, over loopback; the device, its
// loop, the broker and the buyer are processes of their own, and nothing of them stays behind.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Buyer, openBuyer, STEPS, type TimedSale } from "./bench/buyer.ts";
import { type CrowdRow, crowdTable, measureCrowd } from "./bench/crowd.ts";
import { type Figure, figureFile, figureTable, table } from "./bench/figure.ts";
import { type Machine, machineAtEnd, machineAtStart } from "./bench/machine.ts";
import { openPacketTap } from "./bench/packet-tap.ts";
import { measureRemoteStage, type RemoteStage } from "./bench/remote-stage.ts";
import { bytesOf, countSale, type SaleBytes } from "./bench/sale-bytes.ts";
import { type Summary, single, summarise } from "./bench/sample.ts";
import {
  makeSite,
  provisionData,
  type RunningDevice,
  type Site,
  startBroker,
  startDevice,
} from "./bench/site.ts";
import { type Memory, memoryOf, type Soak, soak } from "./bench/soak.ts";
import { type TokenTimings, timeTokens } from "./bench/token-timing.ts";

const FILE = fileURLToPath(new URL("../bench.json", import.meta.url));

interface Counts {
  sales: number;
  warmUp: number;
  countedSales: number;
  keptSales: number;
  ownBrokerSales: number;
  crowdSales: number;
  starts: number;
  tokens: number;
  usedTokens: number;
  stageCalls: number;
}

/** Consumers who buy at once. */
const CROWDS = [1, 10, 50];

const FULL: Counts = {
  sales: 1000,
  warmUp: 50,
  countedSales: 20,
  keptSales: 100,
  ownBrokerSales: 100,
  crowdSales: 500,
  starts: 7,
  tokens: 2000,
  usedTokens: 1_000_000,
  stageCalls: 2000,
};
const QUICK: Counts = {
  sales: 50,
  warmUp: 10,
  countedSales: 3,
  keptSales: 10,
  ownBrokerSales: 10,
  crowdSales: 100,
  starts: 3,
  tokens: 300,
  usedTokens: 100_000,
  stageCalls: 200,
};

interface Start {
  safeMs: number;
  readyMs: number;
}

interface Measured {
  starts: readonly Start[];
  counted: readonly SaleBytes[];
  soak: Soak;
  kept: readonly TimedSale[];
  ownBroker: Memory;
  tokens: TokenTimings;
  crowd: readonly CrowdRow[];
  stage: RemoteStage;
}

function tell(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}

async function measure(site: Site, counts: Counts): Promise<Measured> {
  const starts = await measureStarts(site, counts);
  tell("signing and checking tokens");
  const tokens = timeTokens(counts.tokens, counts.usedTokens);
  tell(`${counts.stageCalls} calls of a flow service, here and elsewhere`);
  const stage = await measureRemoteStage(site.folder, counts.stageCalls, counts.countedSales);
  const broker = await startBroker();
  const device = await startDevice(site, join(site.folder, "device"), broker.url);
  const buyer = await openBuyer(site.folder, site.operatorKey);
  try {
    tell(`${counts.warmUp} sales to warm up, then ${counts.sales}`);
    const soaked = await soak(buyer, device, broker.url, counts, (done) => {
      if (done % 100 === 0) tell(`${done} sales`);
    });
    const kept = await sellOnOneConnection(buyer, broker.url, counts.keptSales);
    tell(`counting the bytes of ${counts.countedSales} sales`);
    const counted = await countSales(buyer, broker.url, counts.countedSales);
    await device.stop();
    const ownBroker = await measureOwnBroker(site, buyer, counts);
    tell(`${counts.crowdSales} sales each by ${CROWDS.join(", ")} consumers at once`);
    const crowd = await measureCrowd(site.folder, CROWDS, counts.crowdSales);
    return { starts, counted, soak: soaked, kept, ownBroker, tokens, crowd, stage };
  } finally {
    await buyer.close();
    await device.stop();
    await broker.stop();
  }
}

/** Each from an empty data folder but for its keys, with a broker of its own. */
async function measureStarts(site: Site, { starts: count }: Counts): Promise<readonly Start[]> {
  tell(`${count} starts`);
  const starts: Start[] = [];
  for (let i = 0; i < count; i++) {
    const data = join(site.folder, `start-${i}`);
    provisionData(data);
    const device = await startDevice(site, data);
    starts.push({ safeMs: device.safeMs, readyMs: device.readyMs });
    await device.stop();
  }
  return starts;
}

async function sellOnOneConnection(buyer: Buyer, url: string, count: number) {
  tell(`${count} sales on one connection`);
  const customer = await buyer.connect(url);
  const sales: TimedSale[] = [];
  while (sales.length < count) sales.push(await customer.buy());
  await customer.leave();
  return sales;
}

async function countSales(buyer: Buyer, url: string, count: number) {
  const tap = await openPacketTap(url);
  try {
    const counted: SaleBytes[] = [];
    while (counted.length < count) counted.push(await countSale(buyer, tap));
    return counted;
  } finally {
    await tap.close();
  }
}

/** What the same device holds when the broker is inside it, as `sluice run` starts it by itself. */
async function measureOwnBroker(site: Site, buyer: Buyer, counts: Counts): Promise<Memory> {
  tell(`${counts.ownBrokerSales} sales through the device's own broker`);
  const device: RunningDevice = await startDevice(site, join(site.folder, "device"));
  try {
    for (let i = 0; i < counts.ownBrokerSales; i++) await buyer.buy(device.brokerUrl);
    return memoryOf(device);
  } finally {
    await device.stop();
  }
}

function figures(measured: Measured): readonly Figure[] {
  return [...sizes(measured), ...times(measured), ...holdings(measured), ...stages(measured)];
}

function stages({ stage }: Measured): readonly Figure[] {
  const { inProcess, remote, wireBytes, packets, jsonBytes } = stage;
  const passed = `${packets.median} packets with topics`;
  return [
    {
      what: "stage call of a flow service in the process",
      unit: "us",
      samples: inProcess,
      key: "stageUsP50",
      keyP99: "stageUsP99",
    },
    {
      what: "the same over a broker, in another process",
      unit: "us",
      samples: remote,
      key: "remoteStageUsP50",
      keyP99: "remoteStageUsP99",
    },
    {
      what: `  on the wire: request, answer, acceptance (${passed})`,
      unit: "B",
      samples: wireBytes,
      key: "remoteStageBytes",
    },
    { what: "  as JSON in JSON, without transport", unit: "B", samples: single(jsonBytes) },
  ];
}

function sizes({ counted }: Measured): readonly Figure[] {
  const over = (each: (counted: SaleBytes) => number): Summary => summarise(counted.map(each));
  const part = (each: (sale: TimedSale) => Uint8Array | undefined): Summary =>
    over(({ sale }) => each(sale)?.length ?? Number.NaN);
  const one = (what: string, samples: Summary, more: Partial<Figure> = {}): Figure => {
    return { what, unit: "B", samples, ...more };
  };
  return [
    one(
      "one whole sale, CONNECT to acknowledged receipts",
      over(({ total }) => total),
      { key: "saleBytes", budget: 1800, aim: 1500 },
    ),
    one(
      "signed announcement",
      part((sale) => sale.announcement),
      { key: "announcementBytes" },
    ),
    one(
      "certificate in it",
      part((sale) => sale.certificate),
    ),
    one(
      "signed offer",
      part((sale) => sale.offer),
      { key: "offerBytes" },
    ),
    one(
      "delivery token",
      part((sale) => sale.token),
      { key: "tokenBytes", budget: 120, aim: 105 },
    ),
    one(
      "session receipt",
      part((sale) => sale.receipts[0]),
      { key: "receiptBytes" },
    ),
    one(
      "settlement receipt",
      part((sale) => sale.receipts[1]),
    ),
    one(
      "metering message on the wire",
      over((sale) => bytesOf(sale, "metering")),
      { key: "meterUpdateBytes" },
    ),
  ];
}

function times({ soak: { sales }, kept, starts, tokens }: Measured): readonly Figure[] {
  const { node, nacl, usedTokens, usedRatio } = tokens;
  const ms = (what: string, samples: number[], more: Partial<Figure> = {}): Figure => {
    return { what, unit: "ms", samples: summarise(samples), ...more };
  };
  const us = (what: string, samples: Summary, more: Partial<Figure> = {}): Figure => {
    return { what, unit: "us", samples, ...more };
  };
  const steps = STEPS.map((step) =>
    ms(
      `  of it: ${step}`,
      sales.map(({ stepMs }) => stepMs[step]),
    ),
  );
  return [
    ms(
      "one whole sale, first request to verified receipts",
      sales.map(({ totalMs }) => totalMs),
      { key: "saleMsP50", keyP99: "saleMsP99", budget: 10, aim: 4 },
    ),
    ...steps,
    ms(
      "  begin to first metering message",
      sales.flatMap(({ meteredMs }) => meteredMs ?? []),
    ),
    ms(
      "the same on a connection that has bought before",
      kept.map(({ totalMs }) => totalMs),
    ),
    us("sign a token", node.sign, { key: "signUs" }),
    us("verify a token", node.verify, { key: "verifyUs", budget: 200 }),
    us("  bare Ed25519 sign", node.bareSign),
    us("  bare Ed25519 verify", node.bareVerify),
    us("sign a token with tweetnacl", nacl.sign),
    us("verify a token with tweetnacl", nacl.verify),
    {
      what: `verify and find, ${usedTokens} tokens used over 1`,
      unit: "ratio",
      samples: single(usedRatio),
      budget: 1.25,
    },
    ms(
      "start to outputs safe",
      starts.map(({ safeMs }) => safeMs),
      { key: "startSafeMs", budget: 500 },
    ),
    ms(
      "start to ready to sell",
      starts.map(({ readyMs }) => readyMs),
      { key: "startReadyMs", budget: 1500 },
    ),
  ];
}

function holdings({ soak: { warm, end, diskBytesPerSale, sales }, ownBroker }: Measured) {
  const mib = (what: string, value: number, more: Partial<Figure> = {}): Figure => {
    return { what, unit: "MiB", samples: single(value), ...more };
  };
  const after = `after ${sales.length} sales`;
  const rows: Figure[] = [
    mib(`device process ${after}`, end.rssMiB, { key: "rssMiB", budget: 80 }),
    mib("  when warm", warm.rssMiB),
    mib("  with the broker inside", ownBroker.rssMiB),
    mib(`loop process ${after}`, end.loopRssMiB, { key: "loopRssMiB", budget: 48 }),
    mib("  when warm", warm.loopRssMiB),
    mib("both by proportional set size", end.pssSumMiB, { key: "pssSumMiB" }),
    {
      key: "diskBytesPerSale",
      what: "written to disk by the device process, per sale",
      unit: "B",
      samples: { count: sales.length, median: diskBytesPerSale, p99: diskBytesPerSale },
    },
  ];
  return rows;
}

function packetTable({ rows, total }: SaleBytes): string {
  const cells = rows.map(({ from, what, bytes, topicBytes, payloadBytes, plainBytes }) => [
    from === "consumer" ? ">" : "<",
    what,
    ...[bytes, topicBytes, payloadBytes, plainBytes].map((count) => String(count || "")),
  ]);
  const head = ["", "", "wire", "topic", "payload", "plain"];
  return table([head, ...cells, ["", "all", String(total), "", "", ""]], [0, 1]);
}

function report(measured: Measured, machine: Machine): void {
  const all = figures(measured);
  const { counted, crowd } = measured;
  const load = `load ${machine.loadAtStart.join(" ")} before, ${machine.loadAtEnd.join(" ")} after`;
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryMiB} MiB`,
    `Node ${machine.node}, ${machine.os}, ${load}`,
    "",
    figureTable(all),
    "",
    "One sale, packet by packet: bytes of TCP payload; > from the consumer, < to it.",
    ...counted.slice(-1).map(packetTable),
    "",
    "Consumers who buy at once from one device with sixteen outlets, at 10 ms a delivery; who finds one taken waits.",
    crowdTable(crowd),
    "",
    "Counted: ten units at one pulse each, one service at one price, every sale on a new connection;",
    "a delivery of ten pulses takes 2 ms by itself. Commits are durable on buyer, device and payment host.",
    "Of consumers at once the books are in memory, in one process; the device has sixteen services.",
    "Disk: write_bytes of /proc, whole pages, the simulated payment host's books included.",
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
  const { numbers, samples } = figureFile(all);
  writeFileSync(FILE, `${JSON.stringify({ ...numbers, crowd, samples, machine }, undefined, 2)}\n`);
  tell(`written: ${FILE}`);
}

function readCounts(): Counts {
  const options = { quick: { type: "boolean" }, sales: { type: "string" } } as const;
  const { quick, sales } = parseArgs({ options }).values;
  const counts = quick === true ? QUICK : FULL;
  if (sales === undefined) return counts;
  const count = Number(sales);
  if (!Number.isSafeInteger(count) || count < 1 || count > 100_000) {
    throw new RangeError("--sales: a number from 1 to 100000");
  }
  return { ...counts, sales: count };
}

const counts = readCounts();
const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const start = machineAtStart();
report(await measure(makeSite(folder), counts), machineAtEnd(start));
