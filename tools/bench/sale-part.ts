// The part of the bench that sells: bytes, times, disk and memory of whole sales, one after another, with the
// device, its loop, the broker and the buyer as processes of their own.

import { join } from "node:path";
import { type Buyer, openBuyer, STEPS, type TimedSale } from "./buyer.ts";
import { type Figure, table } from "./figure.ts";
import { openPacketTap } from "./packet-tap.ts";
import type { Counts, Part } from "./part.ts";
import { bytesOf, countSale, type SaleBytes } from "./sale-bytes.ts";
import { type Summary, single, summarise } from "./sample.ts";
import { type RunningDevice, type Site, startBroker, startDevice } from "./site.ts";
import { type Memory, memoryOf, type Soak, soak } from "./soak.ts";

const NOTES = [
  "Counted: ten units at one pulse each, one service at one price, every sale on a new connection;",
  "a delivery of ten pulses takes 2 ms by itself. Commits are durable on buyer, device and payment host.",
  "Disk: write_bytes of /proc, whole pages, the simulated payment host's books included.",
].join("\n");

type Tell = (text: string) => void;

interface Measured {
  counted: readonly SaleBytes[];
  soak: Soak;
  kept: readonly TimedSale[];
  ownBroker: Memory;
}

export const salePart: Part = {
  name: "sale",
  what: "bytes, times, disk and memory of sales",
  measure: async (counts, site, tell) => {
    const measured = await measure(site, counts, tell);
    const packets = measured.counted.slice(-1).map(packetTable);
    return {
      figures: [...sizes(measured), ...times(measured), ...holdings(measured)],
      tables: [
        [
          "One sale, packet by packet: bytes of TCP payload; > from the consumer, < to it.",
          ...packets,
        ].join("\n"),
        NOTES,
      ],
    };
  },
};

async function measure(site: Site, counts: Counts, tell: Tell): Promise<Measured> {
  const broker = await startBroker();
  const device = await startDevice(site, join(site.folder, "device"), broker.url);
  const buyer = await openBuyer(site.folder, site.operatorKey);
  try {
    tell(`${counts.warmUp} sales to warm up, then ${counts.soakSales}`);
    const soaked = await soak(buyer, device, broker.url, counts, (done) => {
      if (done % 500 === 0) tell(`${done} sales`);
    });
    const kept = await sellOnOneConnection(buyer, broker.url, counts.keptSales, tell);
    tell(`counting the bytes of ${counts.countedSales} sales`);
    const counted = await countSales(buyer, broker.url, counts.countedSales);
    await device.stop();
    const ownBroker = await measureOwnBroker(site, buyer, counts, tell);
    return { counted, soak: soaked, kept, ownBroker };
  } finally {
    await buyer.close();
    await device.stop();
    await broker.stop();
  }
}

async function sellOnOneConnection(buyer: Buyer, url: string, count: number, tell: Tell) {
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
async function measureOwnBroker(
  site: Site,
  buyer: Buyer,
  counts: Counts,
  tell: Tell,
): Promise<Memory> {
  tell(`${counts.ownBrokerSales} sales through the device's own broker`);
  const device: RunningDevice = await startDevice(site, join(site.folder, "device"));
  try {
    for (let i = 0; i < counts.ownBrokerSales; i++) await buyer.buy(device.brokerUrl);
    return memoryOf(device);
  } finally {
    await device.stop();
  }
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

function times({ soak: { sales }, kept }: Measured): readonly Figure[] {
  const ms = (what: string, samples: number[], more: Partial<Figure> = {}): Figure => {
    return { what, unit: "ms", samples: summarise(samples), ...more };
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
  ];
}

function holdings({ soak: { warm, timed, end, soakSales, ...soaked }, ownBroker }: Measured) {
  const { diskBytesPerSale, sales } = soaked;
  const mib = (what: string, value: number, more: Partial<Figure> = {}): Figure => {
    return { what, unit: "MiB", samples: single(value), ...more };
  };
  const after = `after ${sales.length} sales`;
  const soakedAfter = `after ${soakSales} sales`;
  const rows: Figure[] = [
    mib(`device process ${soakedAfter}`, end.rssMiB, { key: "rssMiBAfter10k", budget: 80 }),
    mib(`  ${after}`, timed.rssMiB, { key: "rssMiB" }),
    mib("  when warm", warm.rssMiB),
    mib("  with the broker inside", ownBroker.rssMiB),
    mib(`loop process ${soakedAfter}`, end.loopRssMiB, { key: "loopRssMiBAfter10k", budget: 48 }),
    mib(`  ${after}`, timed.loopRssMiB, { key: "loopRssMiB" }),
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
