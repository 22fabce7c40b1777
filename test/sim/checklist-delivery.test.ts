// Rows of docs/worldpay-within.md, groups 8.6 to 8.10, that no other test shows: how long a token lives and what
// it is good for, what is counted over several sessions, what an error may tell, and what stays on record.

import { expect, test } from "vitest";
import { durableOrders } from "../../bench/invariants.ts";
import { crypto, ENERGY, type Site } from "../../bench/site.ts";
import { fromHex } from "../../firmware/bytes.ts";
import type { Delivered, Progress } from "../../firmware/consumer/dealer.ts";
import type { SaleEvent } from "../../firmware/producer/events.ts";
import { signToken, verifyToken } from "../../firmware/token/delivery-token.ts";
import { verifyChain } from "../../firmware/token/receipt.ts";
import { TEST_CARDS } from "../../hal/sim/sim-payment-host.ts";
import { CARD, kind, type Met, paid, story, value, wait } from "./story.ts";

const SECOND = { ...ENERGY, id: 2, name: "Second", outlet: "socket-2" };
const ignore = (): void => undefined;

function tokenOf(site: Site, token: Uint8Array | undefined) {
  return value(verifyToken(token ?? new Uint8Array(), site.signKey, crypto));
}

async function buyOf({ dealer }: Met, service: number, units = 1) {
  const { purchase } = value(await dealer.select({ service, price: 1, units }));
  return value(await dealer.pay(purchase, CARD));
}

test("6.6: each service says how long its tokens live", async () => {
  const services = [
    { ...ENERGY, tokenLifeS: 600 },
    { ...SECOND, tokenLifeS: 1_800 },
  ];
  await story(
    async (met) => {
      const { site, dealer } = met;
      const nowS = Math.floor(site.world.clock.wallMs() / 1000);
      const [short, long] = [await buyOf(met, 1), await buyOf(met, 2)];
      const lives = [short, long].map(({ token }) => tokenOf(site, token).expiresS - nowS);
      expect(lives[0]).toBeGreaterThanOrEqual(600);
      expect(lives[0]).toBeLessThan(605);
      expect(lives[1]).toBeGreaterThanOrEqual(1_800);
      expect(lives[1]).toBeLessThan(1_805);
      await wait(site, 700_000);
      expect(kind(await dealer.begin(short, undefined, ignore))).toMatch(
        /^(token-expired|order-closed)$/,
      );
      expect(kind(await dealer.begin(long, undefined, ignore))).toBe("ok");
    },
    { services },
  );
});

test("6.5: an expiry that the payer states is not heard, whether it is past or far away", async () => {
  await story(async (met) => {
    const { site, dealer, consumer } = met;
    const purchase = await paid(met);
    const claims = tokenOf(site, purchase.token);
    const forger = crypto.signer(new Uint8Array(32).fill(9));
    for (const expiresS of [1, claims.expiresS - 100, 4_000_000_000]) {
      const token = signToken({ ...claims, expiresS }, forger);
      const begin = { is: "begin" as const, order: purchase.id, session: 1, token };
      expect(kind(await consumer.connection.request(dealer.peer, begin))).toBe("token-invalid");
    }
    expect(kind(await dealer.begin(purchase, undefined, ignore))).toBe("ok");
  });
});

test("7.3: a token serves its own order and service, and closes no other switch", async () => {
  await story(
    async (met) => {
      const { site, dealer, consumer } = met;
      const [first, second] = [await buyOf(met, 1), await buyOf(met, 2)];
      const closed: string[] = [];
      site.onClosing = (outlet) => closed.push(outlet);
      const begin = {
        is: "begin" as const,
        order: first.id,
        session: 1,
        ...(second.token !== undefined && { token: second.token }),
      };
      expect(kind(await consumer.connection.request(dealer.peer, begin))).toBe("token-invalid");
      expect(closed).toEqual([]);
      value(await dealer.begin(second, undefined, ignore));
      expect(closed).toEqual(["socket-2"]);
      expect(durableOrders(site).find(({ id }) => id === first.id)).toMatchObject({
        state: "paid",
        pulses: 0,
      });
    },
    { services: [ENERGY, SECOND] },
  );
});

test("7.1 7.9 7.10 7.11: units are taken in several sessions, and granted, supplied and remaining are told", async () => {
  const granted: unknown[] = [];
  await story(async (met) => {
    const { site, dealer } = met;
    site.producer?.onEvent(({ event, pulses }: SaleEvent) => {
      if (event === "begin") granted.push(pulses);
    });
    const purchase = await paid(met, 4);
    const takes: (number | undefined)[] = [1, 2, undefined];
    const supplied: unknown[] = [];
    const standing: unknown[] = [];
    for (const units of takes) {
      const seen: Progress[] = [];
      const delivered: Delivered = value(
        await dealer.begin(purchase, units, (progress) => seen.push(progress)),
      );
      const [session] = delivered.receipts;
      supplied.push(session?.pulses);
      expect(seen.length).toBeGreaterThan(0);
      expect(Math.max(...seen.map(({ pulses }) => pulses))).toBeLessThanOrEqual(
        session?.pulses ?? 0,
      );
      const { sessions, pulses, grantPulses } = value(await dealer.standing(purchase));
      standing.push([sessions, pulses, grantPulses - pulses]);
    }
    expect(supplied).toEqual([1_000, 2_000, 1_000]);
    expect(standing).toEqual([
      [1, 1_000, 3_000],
      [2, 3_000, 1_000],
      [3, 4_000, 0],
    ]);
    expect(kind(await dealer.begin(purchase, undefined, ignore))).toBe("order-closed");
  });
  expect(granted).toEqual([1_000, 2_000, 1_000]);
});

test("7.14: delivery stops by itself with the last paid pulse, though nobody ends it", async () => {
  await story(async (met) => {
    const { site, dealer, consumer } = met;
    const purchase = await paid(met, 2);
    const begin = { is: "begin" as const, order: purchase.id, session: 1 };
    value(await consumer.connection.request(dealer.peer, begin));
    site.broker.cut(consumer.connection.replies.split("/").at(-1) ?? "");
    await wait(site, 120_000);
    const { contact, meters } = site.board.metal.outlet("socket-1");
    expect(contact).toBe(false);
    const flowed = meters["energy"]?.physical ?? 0;
    expect(flowed).toBeGreaterThanOrEqual(2_000);
    expect(flowed).toBeLessThanOrEqual(2_003);
    expect(durableOrders(site)).toMatchObject([{ pulses: 2_000, sessions: 1 }]);
  });
});

test("9.9: an error tells its kind and words of ours, and nothing of what broke in the machine", async () => {
  await story(async (met) => {
    const { site, dealer, consumer } = met;
    const { id } = await paid(met);
    site.store.setFull(true);
    const begin = { is: "begin" as const, order: id, session: 1 };
    const refused = await consumer.connection.request(dealer.peer, begin);
    site.store.setFull(false);
    if (refused.ok) throw new Error("the disk was full");
    const { kind: what, message } = refused.fault;
    expect(what).toBe("internal");
    expect(message.length).toBeGreaterThan(0);
    // The log knows what the peer is not told.
    const logged = site.log.find((line) => line.includes("world-broke")) ?? "";
    const { message: own } = JSON.parse(logged.slice(logged.indexOf("{")));
    expect(own.length).toBeGreaterThan(0);
    expect(message).not.toContain(own);
    expect(message).not.toMatch(/full|disk|store|order [0-9a-f]|[/\\]|\.ts|Error/);
  });
});

test("9.11: orders and payments of every outcome stay on record, in one chain, over a power cut", async () => {
  const site = await story(async (met) => {
    const { dealer, site: here } = met;
    const whole = await paid(met, 1);
    value(await dealer.begin(whole, undefined, ignore));
    const part = await paid(met, 2);
    const ended = dealer.begin(part, undefined, ignore);
    await wait(here, 10_000);
    value(await dealer.end(part));
    value(await ended);
    const { purchase } = value(await dealer.select({ service: 1, price: 1, units: 1 }));
    await dealer.pay(purchase, { ...CARD, number: TEST_CARDS.decline });
    await wait(here, 5_000);
    here.cut();
    await here.powerOn();
  });
  const orders = durableOrders(site);
  expect(orders.map(({ state, why }) => why ?? state).sort()).toEqual([
    "closed",
    "closed",
    "declined",
  ]);
  for (const order of orders) expect(order.madeS).toBeGreaterThan(0);
  const kept = site.store.durable("receipt");
  const signed = kept.map(({ body }) => fromHex(JSON.parse(body).signed) ?? new Uint8Array());
  const receipts = value(verifyChain(signed, site.signKey, crypto));
  expect(receipts.map(({ is, number }) => `${number} ${is}`)).toEqual([
    "1 session",
    "2 settlement",
    "3 session",
    "4 settlement",
  ]);
  const charges = [...(await site.host.charges()).entries()];
  for (const [reference, { capturedMinor, refundedMinor }] of charges) {
    const [settled] = orders
      .filter((order) => order.reference === reference)
      .flatMap(({ id }) => site.settlements(id));
    expect(settled).toMatchObject({ payment: reference, capturedMinor, refundedMinor });
  }
  expect(charges).toHaveLength(2);
});
