// A board in virtual time at which people stand, and what must hold when they have gone.

import { expect } from "vitest";
import { checkClosing, durableOrders, SOCKET_1, violations } from "../../bench/invariants.ts";
import { ENERGY, Site } from "../../bench/site.ts";
import type { SiteOptions } from "../../bench/site-options.ts";
import type { Service } from "../../firmware/producer/catalogue.ts";
import type { Order } from "../../firmware/producer/order.ts";
import type { SimCharge } from "../../hal/sim/sim-books.ts";
import type { SimCard } from "../../hal/sim/sim-card.ts";
import { type TestCardName, testCard } from "../../hal/sim/test-cards.ts";
import { guardedCharger } from "../firmware/metering/boards.ts";
import { DeskBench, type DeskBenchOptions } from "./board-desk.ts";

/** 1000 pulses: 25 s at the speed of the bench. */
export const AT_BOARD: Service = { ...ENERGY, walkUp: { price: 1, units: 1 } };
export const UNIT_MS = 25_000;

export interface Stand {
  desk: DeskBench;
  site: Site;
  /** Of which the invariants were broken while it ran. */
  wrong: string[];
  pass(ms: number): Promise<void>;
  /** Until it is so; throws when that does not come. */
  until(isSo: () => boolean): Promise<void>;
}

/** A charger with doors, buttons and an emergency stop, up for three seconds; `built` sees it before it is up. */
export async function stand(
  options: Partial<SiteOptions> = {},
  fitted: DeskBenchOptions = {},
  built: (site: Site) => void = () => undefined,
): Promise<Stand> {
  const desk = new DeskBench(fitted);
  const plain = { seed: 1, board: guardedCharger, services: [AT_BOARD] };
  const site = new Site({ ...plain, ...options, boardDesk: desk.open });
  built(site);
  const wrong: string[] = [];
  site.onClosing = (outlet) => wrong.push(...checkClosing(site, outlet));
  await site.run(() => site.powerOn());
  const pass = async (ms: number): Promise<void> => {
    await site.world.runFor(ms);
    if (site.bugs.length > 0) throw site.bugs[0];
  };
  const until = async (isSo: () => boolean): Promise<void> => {
    for (let ms = 0; !isSo(); ms++) {
      if (ms > 90_000) throw new Error(`it does not come:\n${desk.shown().join("\n")}`);
      await pass(1);
    }
  };
  await pass(3_000);
  return { desk, site, wrong, pass, until };
}

export function card(name: TestCardName): SimCard {
  const one = testCard(name);
  if (one === undefined) throw new Error(`there is no card ${name}`);
  return one;
}

/** Oldest first. */
export function orders({ site }: Stand): readonly Order[] {
  return durableOrders(site).sort((one, other) => one.madeS - other.madeS);
}

export async function charges({ site }: Stand): Promise<readonly SimCharge[]> {
  return [...(await site.host.charges()).values()];
}

/** Pulses that really flowed. */
export function flowed({ site }: Stand, outlet = "socket-1"): number {
  return site.board.metal.outlet(outlet).meters["energy"]?.physical ?? 0;
}

/** Nothing is held, nothing is left open, all units and all money are accounted for (I1 to I4, I6, I7, I10, I13). */
export async function allIsRight(one: Stand): Promise<void> {
  expect([...one.wrong, ...(await violations(one.site, SOCKET_1))]).toEqual([]);
  for (const { state, acknowledged, receipts = [] } of orders(one)) {
    expect(["closed", "failed"]).toContain(state);
    expect(acknowledged).toBe(receipts.at(-1) ?? 0);
  }
}
