// Another process of the payer's joins a session that runs, and wants other steps or another window than the one before it;
// or begins what was refused with others.

import { expect, test } from "vitest";
import { SOCKET_1, violations } from "../../bench/invariants.ts";
import { ENERGY } from "../../bench/site.ts";
import type { Delivered } from "../../firmware/consumer/dealer.ts";
import type { Purchase } from "../../firmware/consumer/purchase.ts";
import type { StreamChoice } from "../../firmware/consumer/streams.ts";
import type { Service } from "../../firmware/producer/catalogue.ts";
import type { Result } from "../../firmware/result.ts";
import { CARD, kind, story, value, wait } from "./story.ts";

const STREAMED: Service = { ...ENERGY, payment: { way: "hold" }, stream: { windowUnitsMax: 4 } };
const UNITS = 8;

interface Terms {
  step: number;
  window: number;
}

/** The session of two processes: the first dies in it, the other joins. */
async function joined(before: Terms, after: StreamChoice): Promise<Result<Delivered> | undefined> {
  let ended: Result<Delivered> | undefined;
  const site = await story(
    async ({ site: place, consumer, dealer }) => {
      const { purchase } = value(await dealer.select({ service: 1, price: 1, units: UNITS }));
      value(await dealer.pay(purchase, CARD, { stream: before }));
      void dealer.begin(purchase, undefined, () => undefined);
      await wait(place, 30_000);
      dealer.leave();
      ended = await dealer.begin(purchase, undefined, () => undefined, after);
      await dealer.settled(purchase, 20_000);
      consumer.close();
    },
    { services: [STREAMED] },
  );
  expect(await violations(site, SOCKET_1)).toEqual([]);
  return ended;
}

test.each([
  [
    { step: 3, window: 0 },
    { step: 1, window: 1 },
  ],
  [
    { step: 2, window: 1 },
    { step: 2, window: 4 },
  ],
  [
    { step: 1, window: 4 },
    { step: 3, window: 0 },
  ],
  [
    { step: 1, window: 0 },
    { step: 4, window: 4 },
  ],
])("from %o to %o: the session goes on to the last unit", async (before, after) => {
  const ended = await joined(before, after);
  expect(ended?.ok && ended.value.receipts[0]).toMatchObject({
    session: 1,
    reason: "exhausted",
    amountMinor: UNITS * 45,
  });
});

test("what was let go with a begin that was refused is good with shorter steps too", async () => {
  const told: string[] = [];
  const site = await story(
    async ({ site: place, dealer }) => {
      const hold = async (units: number): Promise<Purchase> => {
        const { purchase } = value(await dealer.select({ service: 1, price: 1, units }));
        return value(await dealer.pay(purchase, CARD, { stream: { step: 8, window: 0 } }));
      };
      const [one, two] = [await hold(1), await hold(UNITS)];
      const take = async (purchase: Purchase, choice?: StreamChoice): Promise<void> => {
        told.push(kind(await dealer.begin(purchase, undefined, () => undefined, choice)));
      };
      const first = take(one);
      await wait(place, 10_000);
      await take(two);
      expect((await dealer.standing(two)).ok).toBe(true);
      await first;
      await take(two, { step: 1, window: 0 });
      await dealer.settled(two, 20_000);
    },
    { services: [STREAMED] },
  );
  expect(told).toEqual(["busy", "ok", "ok"]);
  expect(await violations(site, SOCKET_1)).toEqual([]);
});

test("step and window of a session are kept for the next one, and those that the device refused are not", async () => {
  await story(
    async ({ consumer, dealer }) => {
      const { purchase } = value(await dealer.select({ service: 1, price: 1, units: 2 }));
      value(await dealer.pay(purchase, CARD, { stream: { step: 1, window: 1 } }));
      const take = (units: number | undefined, choice?: StreamChoice): Promise<Result<unknown>> =>
        dealer.begin(purchase, units, () => undefined, choice);
      const kept = async () => (await consumer.purchases.get(purchase.id))?.stream;
      expect(kind(await take(1, { step: 2, window: 9 }))).toBe("out-of-range");
      expect(await kept()).toMatchObject({ step: 1, window: 1 });
      value(await take(1, { step: 2, window: 3 }));
      expect(await kept()).toMatchObject({ step: 2, window: 3 });
      expect(kind(await take(undefined, { window: 9 }))).toBe("out-of-range");
      value(await take(undefined));
      expect(await kept()).toMatchObject({ step: 2, window: 3, released: 2 });
    },
    { services: [STREAMED] },
  );
});
