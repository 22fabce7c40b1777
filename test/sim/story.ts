// A device that is up and a consumer who deals with it: where most stories begin.

import { Site } from "../../bench/site.ts";
import type { SiteOptions } from "../../bench/site-options.ts";
import type { Consumer } from "../../firmware/consumer/consumer.ts";
import type { Dealer } from "../../firmware/consumer/dealer.ts";
import type { Purchase } from "../../firmware/consumer/purchase.ts";
import type { Result } from "../../firmware/result.ts";
import { TEST_CARDS } from "../../hal/sim/sim-payment-host.ts";

export const CARD = { number: TEST_CARDS.approve, expiryYear: 30, expiryMonth: 12 };

export interface Met {
  site: Site;
  consumer: Consumer;
  dealer: Dealer;
}

/** The value of a result that must be one. */
export function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.fault.kind}: ${result.fault.message}`);
  return result.value;
}

/** "ok", or the kind of the fault. */
export function kind(result: Result<unknown>): string {
  return result.ok ? "ok" : result.fault.kind;
}

export function wait(site: Site, ms: number): Promise<void> {
  return new Promise((resolve) => site.world.after(ms, () => resolve()));
}

export async function deal(site: Site, consumer: Consumer): Promise<Dealer> {
  await wait(site, 1_000);
  const filter = { id: site.device };
  const search = { timeoutMs: 5_000, filter, enough: () => true };
  const [device] = value(await consumer.discover(search));
  if (device === undefined) throw new Error("no device");
  return value(await consumer.init(device));
}

export async function paid({ dealer }: Met, units = 1): Promise<Purchase> {
  const { purchase } = value(await dealer.select({ service: 1, price: 1, units }));
  return value(await dealer.pay(purchase, CARD));
}

/** Runs the story to its end in virtual time; throws when it does not end. */
export async function story(
  tell: (met: Met) => Promise<void>,
  options: Partial<SiteOptions> = {},
): Promise<Site> {
  const site = new Site({ seed: 3, ...options });
  const done = await site.run(async () => {
    await site.powerOn();
    const consumer = await site.consumer("a");
    await tell({ site, consumer, dealer: await deal(site, consumer) });
    return true;
  });
  if (done !== true) throw new Error(`the story does not end:\n${site.log.join("\n")}`);
  return site;
}
