// Keys in the field, on a whole site: a certificate that expires and is renewed, and one that is taken back. What
// is paid is delivered under any certificate; what is new is sold under a good one only.

import { describe, expect, test } from "vitest";
import { crypto, Site } from "../../bench/site.ts";
import type { SiteOptions } from "../../bench/site-options.ts";
import { Consumer } from "../../firmware/consumer/consumer.ts";
import { Trust } from "../../firmware/consumer/trust.ts";
import { connectionName } from "../../firmware/protocol/topics.ts";
import { EVERY_SERIAL } from "../../firmware/token/revocation.ts";
import { type SimStore, simStore } from "../../hal/sim/sim-store.ts";
import { CARD, deal, kind, type Met, paid, value, wait } from "./story.ts";

const START_S = 1_767_225_600;
const HOUR_MS = 3_600_000;
const ONE = { service: 1, price: 1, units: 1 };
const ignore = (): void => undefined;

type Keys = Met & { store: SimStore };

async function story(tell: (met: Keys) => Promise<void>, options: Partial<SiteOptions> = {}) {
  const site = new Site({ seed: 5, ...options });
  const ended = await site.run(async () => {
    await site.powerOn();
    const store = simStore();
    const consumer = await site.consumer("a", store);
    await tell({ site, consumer, store, dealer: await deal(site, consumer) });
    return true;
  }, 100 * HOUR_MS);
  if (ended !== true) throw new Error(`the story does not end:\n${site.log.join("\n")}`);
}

async function restart(site: Site): Promise<void> {
  site.cut();
  await wait(site, 1_000);
  await site.powerOn();
}

/** The consumer's store learns a list, as by another process. */
async function learn({ site, store }: Keys, signed: Uint8Array): Promise<string> {
  const ports = { store: store.store(), crypto, clock: site.world.clock };
  return kind(await (await Trust.open(ports, [site.operatorKey])).learn(signed));
}

/** A consumer that knows no operator, and pins at first use. */
async function stranger(site: Site, store = simStore()): Promise<Consumer> {
  const entropy = site.world.entropy("stranger");
  const boxSecret = entropy.bytes(32);
  const connection = connectionName(entropy.bytes(6));
  const link = site.broker.connect(connection);
  const { clock } = site.world;
  const consumer = new Consumer(
    { clock, store: store.store(), link, crypto, entropy },
    { connection, boxSecret, operators: [], trustNew: true, simulatedHost: true },
  );
  value(await consumer.setup());
  return consumer;
}

describe("a certificate that expires", () => {
  const inAnHour = { expiresS: START_S + 3_600 };

  test("I6: sells nothing new, and delivers what is paid, to the last receipt", async () => {
    expect.assertions(5);
    await story(async (met) => {
      const { site, consumer, dealer } = met;
      const purchase = await paid(met, 2);
      const { purchase: unpaid } = value(await dealer.select(ONE));
      await wait(site, 2 * HOUR_MS);
      expect(kind(await dealer.select(ONE))).toBe("expired");
      expect(kind(await dealer.pay(unpaid, CARD))).toBe("expired");
      // Found again, and dealt with again: also by a process that starts now.
      const again = await deal(site, consumer);
      value(await again.begin(purchase, 1, ignore));
      expect(kind(await again.end(purchase, "settle"))).toBe("ok");
      const settled = await again.settled(purchase, 60_000);
      expect(settled.state).toBe("closed");
      expect(site.settlements(purchase.id)).toMatchObject([{ amountMinor: 45, refundedMinor: 45 }]);
    }, inAnHour);
  });

  test("is refused by the device too, to a consumer that has no clock", async () => {
    expect.assertions(2);
    await story(async (met) => {
      const { site } = met;
      await wait(site, 2 * HOUR_MS);
      const entropy = site.world.entropy("no clock");
      const connection = connectionName(entropy.bytes(6));
      const clock = { ...site.world.clock, wallQuality: () => "unset" as const };
      const consumer = new Consumer(
        {
          clock,
          store: simStore().store(),
          link: site.broker.connect(connection),
          crypto,
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
      value(await consumer.setup());
      const dealer = await deal(site, consumer);
      const refused = await dealer.select(ONE);
      expect(kind(refused)).toBe("expired");
      site.world.setWallQuality("unset");
      // A device without a clock cannot tell.
      expect(kind(await dealer.select(ONE))).toBe("ok");
    }, inAnHour);
  });

  test("and is renewed: tokens and orders live on, and it sells again", async () => {
    expect.assertions(4);
    await story(async (met) => {
      const { site, consumer } = met;
      const before = await paid(met, 2);
      await wait(site, 2 * HOUR_MS);
      site.renew(START_S + 400 * 24 * 3_600);
      await restart(site);
      const dealer = await deal(site, consumer);
      expect(dealer.announcement.verified.serial).toBe(2);
      const delivered = value(await dealer.begin(before, undefined, ignore));
      expect(delivered.purchase.sessions).toBe(1);
      expect((await dealer.settled(before, 60_000)).state).toBe("closed");
      const { purchase } = value(await dealer.select(ONE));
      expect(kind(await dealer.pay(purchase, CARD))).toBe("ok");
    }, inAnHour);
  });
});

describe("a device that its operator has revoked", () => {
  test("is not dealt with: not where we deal already, nor found, nor by the next process", async () => {
    expect.assertions(6);
    await story(async (met) => {
      const { site, dealer, store } = met;
      const { purchase } = value(await dealer.select(ONE));
      const revoked = [{ device: site.device, serial: EVERY_SERIAL }];
      expect(await learn(met, site.revocations(1, revoked))).toBe("ok");
      expect(kind(await dealer.pay(purchase, CARD))).toBe("revoked");
      expect(kind(await dealer.select(ONE))).toBe("revoked");
      expect((await site.host.charges()).size).toBe(0);
      const next = await site.consumer("b", store);
      expect(kind(await next.discover({ timeoutMs: 2_000 }))).toBe("revoked");
      const found = await stranger(site);
      const all = value(await found.discover({ timeoutMs: 2_000 }));
      expect(all).toHaveLength(1);
    });
  });

  test("is not dealt with by who found it before the list came", async () => {
    expect.assertions(1);
    await story(async (met) => {
      const { site, store } = met;
      const consumer = await site.consumer("b", store);
      const found = value(await consumer.discover({ timeoutMs: 2_000 }));
      await learn(met, site.revocations(1, [{ device: site.device, serial: EVERY_SERIAL }]));
      const [one] = found;
      if (one === undefined) throw new Error("no device");
      expect(kind(await consumer.init(one))).toBe("revoked");
    });
  });

  test("up to a serial is good again under the next certificate", async () => {
    expect.assertions(2);
    await story(async (met) => {
      const { site, consumer, dealer } = met;
      await learn(met, site.revocations(1, [{ device: site.device, serial: 1 }]));
      expect(kind(await dealer.select(ONE))).toBe("revoked");
      site.renew(START_S + 400 * 24 * 3_600);
      await restart(site);
      const again = await deal(site, consumer);
      expect(kind(await again.select(ONE))).toBe("ok");
    });
  });

  test("is told of by any other device of its operator, at first use", async () => {
    expect.assertions(3);
    await story(async ({ site }) => {
      site.revocations(1, [{ device: "AAAAAAAAAAA", serial: EVERY_SERIAL }], true);
      await restart(site);
      const store = simStore();
      const consumer = await stranger(site, store);
      value(await deal(site, consumer).then((dealer) => dealer.select(ONE)));
      const ports = { store: store.store(), crypto, clock: site.world.clock };
      const trust = await Trust.open(ports, []);
      expect(trust.lists()).toMatchObject([{ number: 1, revoked: [{ device: "AAAAAAAAAAA" }] }]);
      const claims = { signKey: site.signKey, boxKey: site.signKey, hostKey: site.signKey };
      const other = { ...claims, device: "AAAAAAAAAAA", serial: 9, bench: true, expiresS: 0 };
      expect(kind(trust.notRevoked(other, site.operatorKey))).toBe("revoked");
      expect(kind(trust.notRevoked(other, site.signKey))).toBe("ok");
    });
  });

  test("does not start to sell when it finds itself on its own list", async () => {
    expect.assertions(2);
    await story(async ({ site }) => {
      site.revocations(1, [{ device: "AAAAAAAAAAA", serial: EVERY_SERIAL }], true);
      await restart(site);
      expect(site.producer).toBeDefined();
    });
    const starting = story(async ({ site }) => {
      site.revocations(2, [{ device: site.device, serial: EVERY_SERIAL }], true);
      await restart(site);
    });
    await expect(starting).rejects.toThrow(/operator has revoked this device/);
  });
});
