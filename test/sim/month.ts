// A month of a site with two sockets, a nozzle and a washer, in virtual time: sales of every kind at all hours, while
// the power fails, the loop is killed, the network loses and repeats, and the payment host is hard to reach. At the end
// the books have to balance. Run by itself it prints one line of JSON:
//
//   node --expose-gc build/test/sim/month.js DAYS [SEED]

import { type Buying, buy } from "../../bench/buyer.ts";
import { ENERGY, Site } from "../../bench/site.ts";
import { virtualCharger } from "../../boards/virtual-charger.ts";
import { virtualPump } from "../../boards/virtual-pump.ts";
import { virtualWasher } from "../../boards/virtual-washer.ts";
import type { Consumer } from "../../firmware/consumer/consumer.ts";
import type { Service } from "../../firmware/producer/catalogue.ts";
import type { Board } from "../../hal/board.ts";
import { sleep } from "../../hal/clock.ts";
import { TEST_CARDS } from "../../hal/sim/sim-payment-host.ts";
import { noisyHost } from "./host-noise.ts";
import { type Books, booksOf } from "./month-books.ts";

const DAY_MS = 24 * 3_600_000;
const MEAN_GAP_MS = 60 * 60_000;
const MEAN_FAULT_MS = 5 * 3_600_000;
/** After the last sale nothing fails any more, and what is open has to close. */
const QUIET_MS = 12 * 3_600_000;
const CUSTOMERS = 6;
const CARDS = ["approve", "approve", "approve", "insufficient"] as const;

export interface MonthReport {
  days: number;
  sales: number;
  refused: number;
  faults: number;
  books: Books;
  violations: readonly string[];
  events: number;
  /** Of one core. */
  cpuSeconds: number;
  /** After each tenth of the time, garbage collected. */
  heapMiB: readonly number[];
}

/** All on one board, whose meters keep their registers: nothing may be forgotten. */
const BOARD: Board = {
  ...virtualCharger,
  outlets: [...virtualCharger.outlets, ...virtualPump.outlets, ...virtualWasher.outlets].map(
    (outlet) => ({
      ...outlet,
      meters: outlet.meters.map((meter) =>
        meter.kind === "pulse" ? { ...meter, retains: true } : meter,
      ),
    }),
  ),
  virtual: { pulsesPerSecond: 40, operateMs: [10, 30], ...virtualWasher.virtual },
};

const HOLD: Service["payment"] = { way: "hold" };
const FUEL: Partial<Service> = {
  name: "Diesel",
  outlet: "nozzle",
  meter: "flow",
  prices: [{ id: 1, name: "per litre", amountMinor: 169, currency: "EUR" }],
};
const WASH: Partial<Service> = {
  name: "Wash",
  outlet: "washer",
  meter: "done",
  prices: [{ id: 1, name: "per wash", amountMinor: 350, currency: "EUR" }],
};
const STREAM = 4;
const service = (id: number, unitsMax: number, more: Partial<Service>): Service => {
  return { ...ENERGY, id, unitsMax, ...more };
};
const SERVICES: readonly Service[] = [
  service(1, 3, {}),
  service(2, 3, { payment: HOLD }),
  service(3, 3, { outlet: "socket-2", undelivered: "credit-refund", tokenLifeS: 6 * 3600 }),
  service(STREAM, 3, { outlet: "socket-2", payment: HOLD, stream: { windowUnitsMax: 2 } }),
  service(5, 8, FUEL),
  service(6, 8, { ...FUEL, payment: HOLD }),
  service(7, 2, WASH),
  service(8, 2, { ...WASH, payment: HOLD }),
];

/** The same days and the same seed are the same month. */
export async function month(days: number, seed: number): Promise<MonthReport> {
  const site: Site = new Site({
    ...{ seed, board: BOARD, services: SERVICES },
    policy: { quantumPulses: 100, loss: "seller" },
    network: { lossPerMille: 2, duplicationPerMille: 5, reorderingPerMille: 5, reorderMs: 50 },
    wrapHost: (host, { process }) => {
      const random = site.world.randomOf(`host ${site.cuts}`);
      const noise = random.below(4) === 0 ? "noisy" : "quiet";
      return noisyHost(host, { noise, random, clock: process.clock, cut: () => false });
    },
  });
  const endMs = days * DAY_MS;
  const told = { sales: 0, refused: 0, faults: 0, heapMiB: [] as number[] };
  const cpu = process.cpuUsage();
  const done = await site.run(() => live(site, endMs, told), endMs + 2 * QUIET_MS);
  const { user, system } = process.cpuUsage(cpu);
  const books = await booksOf(site, BOARD.outlets);
  const waits = done === true ? [] : ["the month does not end: somebody waits for ever"];
  return {
    ...{ days, ...told, books },
    violations: [...waits, ...books.wrong],
    events: site.world.eventsRun(),
    cpuSeconds: (user + system) / 1e6,
  };
}

interface Counted {
  sales: number;
  refused: number;
  faults: number;
  heapMiB: number[];
}

async function live(site: Site, endMs: number, told: Counted): Promise<true> {
  await site.powerOn();
  void trouble(site, endMs, told);
  void watch(site, endMs, told);
  await Promise.all(Array.from({ length: CUSTOMERS }, (_, i) => shop(site, i, endMs, told)));
  await sleep(site.world.clock, QUIET_MS);
  return true;
}

/** One customer, who buys now and then. */
async function shop(site: Site, number: number, endMs: number, told: Counted): Promise<void> {
  const random = site.world.randomOf(`customer ${number}`);
  const consumer: Consumer = await site.consumer(`customer ${number}`);
  for (;;) {
    await sleep(site.world.clock, 1 + random.below(2 * CUSTOMERS * MEAN_GAP_MS));
    if (site.world.nowMs() >= endMs) return;
    const { id, unitsMax } = SERVICES[random.below(SERVICES.length)] ?? ENERGY;
    const buying: Buying = {
      ...{ service: id, price: 1, units: 1 + random.below(unitsMax) },
      card: TEST_CARDS[CARDS[random.below(CARDS.length)] ?? "approve"],
      ...(random.below(4) === 0 && { endAfterPulses: 1 + random.below(500) }),
      ...(id === STREAM && { pay: { stream: { step: 1, window: 1 + random.below(2) } } }),
    };
    const { done } = await buy(site, consumer, buying);
    if (done) told.sales += 1;
    else told.refused += 1;
  }
}

async function trouble(site: Site, endMs: number, told: Counted): Promise<void> {
  const { clock } = site.world;
  const random = site.world.randomOf("trouble");
  for (;;) {
    await sleep(clock, 60_000 + random.below(2 * MEAN_FAULT_MS));
    if (site.world.nowMs() >= endMs) return;
    if (site.producer === undefined) continue;
    told.faults += 1;
    const what = random.below(3);
    if (what === 0) {
      site.cut();
      await sleep(clock, 3_000);
      await site.powerOn();
    } else if (what === 1) site.killLoop();
    else site.blockDevice(2_000);
  }
}

async function watch(site: Site, endMs: number, { heapMiB }: Counted): Promise<void> {
  for (let tenth = 1; tenth <= 10; tenth++) {
    await sleep(site.world.clock, endMs / 10);
    site.log.length = 0;
    globalThis.gc?.();
    heapMiB.push(Math.round((process.memoryUsage().heapUsed / 2 ** 20) * 10) / 10);
  }
}

if (process.argv[1]?.endsWith("month.js") === true) {
  const [days = "30", seed = "1"] = process.argv.slice(2);
  process.stdout.write(`${JSON.stringify(await month(Number(days), Number(seed)))}\n`);
}
