// A whole device at a fast pump: its grants are extended ahead of need, so that the valve stays open while a commit
// takes its time; and where the device is held up, its disk is full or its broker gone, no pulse flows beyond what is
// reserved on disk.

import { describe, expect, test } from "vitest";
import { buy } from "../../bench/buyer.ts";
import { durableOrders } from "../../bench/invariants.ts";
import { Site } from "../../bench/site.ts";
import { virtualPump } from "../../boards/virtual-pump.ts";
import type { Service } from "../../firmware/producer/catalogue.ts";
import type { Board } from "../../hal/board.ts";

const FUEL: Service = {
  id: 1,
  name: "Water",
  outlet: "nozzle",
  meter: "flow",
  prices: [{ id: 1, name: "Litre", amountMinor: 20, currency: "EUR" }],
  unitsMax: 100,
  undelivered: "refund",
  tokenLifeS: 7 * 24 * 3600,
};
const PULSES_PER_LITRE = 450;
const LITRES = 5;
const COMMIT_MS = 50;

/** Its valve has no inertia, so that what flows beyond a reservation cannot be put down to it. */
const PUMP: Board = {
  ...virtualPump,
  virtual: { pulsesPerSecond: 300, operateMs: [0, 0], shows: { tank: 20_000 } },
};

interface Sold {
  site: Site;
  /** The most that had flowed beyond what was reserved on disk at that moment. */
  beyond: number;
  /** Times that the valve was shut before the end. */
  pauses: number;
  physical: number;
}

async function sell(
  pulsesPerSecond: number,
  quantumPulses: number,
  disturb: (site: Site) => void = () => undefined,
  seed = 5,
): Promise<Sold> {
  const policy = { quantumPulses, loss: "seller" } as const;
  const options = { board: PUMP, services: [FUEL], storeLatencyMs: COMMIT_MS, policy };
  const site = new Site({ seed, pulsesPerSecond, ...options });
  const { metal } = site.board;
  const physical = (): number => metal.outlet("nozzle").meters["flow"]?.physical ?? 0;
  let reserved = 0;
  let beyond = 0;
  metal.onChange(() => {
    if (physical() <= reserved) return;
    reserved = durableOrders(site)[0]?.running?.reserved ?? reserved;
    beyond = Math.max(beyond, physical() - reserved);
  });
  const outcome = await site.run(async () => {
    await site.powerOn();
    const buying = buy(site, await site.consumer("a"), { service: 1, price: 1, units: LITRES });
    const wait = (): void => {
      if (physical() > 200) disturb(site);
      else site.world.after(10, wait);
    };
    wait();
    return buying;
  });
  expect(outcome?.done).toBe(true);
  const shut = metal.history("nozzle").filter(({ what, closed }) => what === "coil" && !closed);
  return { site, beyond, pauses: shut.length - 1, physical: physical() };
}

describe("grants are extended ahead of need", () => {
  // 40 litres a minute, and twice that.
  test.each([
    [300, 90],
    [600, 100],
    [900, 150],
  ])(
    "%i pulses a second, %i of them reserved at a time, commits of 50 ms: it never pauses",
    async (flow, quantum) => {
      const { pauses, physical, beyond } = await sell(flow, quantum);
      expect(pauses).toBe(0);
      expect(physical).toBe(LITRES * PULSES_PER_LITRE);
      expect(beyond).toBe(0);
    },
  );

  test("where a reservation lasts for less than three commits it does pause, and delivers all", async () => {
    const { pauses, physical, beyond } = await sell(900, 60);
    expect(pauses).toBeGreaterThan(5);
    expect(physical).toBe(LITRES * PULSES_PER_LITRE);
    expect(beyond).toBe(0);
  });
});

const DISTURBANCES: Readonly<Record<string, (site: Site) => void>> = {
  "the device blocked for 2 s": (site) => site.blockDevice(2_000),
  "a disk that is full for 2 s": (site) => {
    site.store.setFull(true);
    site.world.after(2_000, () => site.store.setFull(false));
  },
  "a disk that takes 2 s for a commit": (site) => {
    site.store.setLatencyMs(2_000);
    site.world.after(4_000, () => site.store.setLatencyMs(COMMIT_MS));
  },
  "a broker that is dead for 2 s": (site) => {
    site.broker.disconnect(site.device);
    site.world.after(2_000, () => site.broker.reconnect(site.device));
  },
};

test.each(Object.entries(DISTURBANCES))(
  "I8 I9: %s: no pulse beyond the reservation",
  async (name, disturb) => {
    for (let seed = 1; seed <= 10; seed++) {
      const { pauses, physical, beyond } = await sell(300 + 20 * seed, 100, disturb, seed);
      expect([seed, beyond]).toEqual([seed, 0]);
      expect(physical).toBe(LITRES * PULSES_PER_LITRE);
      // Cut-off and flow need no broker.
      if (name.includes("broker")) expect(pauses).toBe(0);
      else expect(pauses).toBeGreaterThan(0);
    }
  },
);
