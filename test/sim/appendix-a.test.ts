// The reference transcript of this protocol's ancestor, row by row, tried against us: what a stranger, another
// client, or a client of bad faith sent there and got away with.

import { describe, expect, test } from "vitest";
import { durableOrders, SOCKET_1, violations } from "../../bench/invariants.ts";
import { crypto, ENERGY, type Site } from "../../bench/site.ts";
import type { Purchase } from "../../firmware/consumer/purchase.ts";
import type { Producer } from "../../firmware/producer/producer.ts";
import { type CborValue, encodeCbor } from "../../firmware/protocol/cbor.ts";
import type { Message } from "../../firmware/protocol/messages.ts";
import { signToken, verifyToken } from "../../firmware/token/delivery-token.ts";
import { TEST_CARDS } from "../../hal/sim/sim-payment-host.ts";
import { RawClient } from "./raw-client.ts";
import { CARD, deal, kind, type Met, paid, story, value, wait } from "./story.ts";

const PULSES_PER_UNIT = 1000;
const NOBODYS = "00112233445566ff";

function ask(met: Met, message: Message) {
  return met.consumer.connection.request(met.dealer.peer, message);
}

function producerOf({ producer }: Site): Producer {
  if (producer === undefined) throw new Error("no device");
  return producer;
}

function physical(site: Site): number {
  return site.board.metal.outlet("socket-1").meters["energy"]?.physical ?? 0;
}

async function captured(site: Site): Promise<number[]> {
  return [...(await site.host.charges()).values()].map(({ capturedMinor }) => capturedMinor);
}

function plain(fields: readonly (readonly [number, CborValue])[]): Uint8Array {
  return encodeCbor(new Map(fields));
}

async function offered({ dealer }: Met, units = 1): Promise<Purchase> {
  return value(await dealer.select({ service: 1, price: 1, units })).purchase;
}

/** Delivers what is left of an order. */
async function delivered({ dealer }: Met, purchase: Purchase) {
  return value(await dealer.begin(purchase, undefined, () => undefined));
}

describe("pay", () => {
  test("I4: price edited after quote: the price of the quote is charged", async () => {
    const site = await story(async (met) => {
      const purchase = await offered(met, 2);
      const producer = producerOf(met.site);
      value(await producer.removeService(1));
      const dear = [{ id: 1, name: "Dear", amountMinor: 99_999, currency: "EUR" }];
      value(await producer.addService({ ...ENERGY, prices: dear }));
      const { receipts } = await delivered(met, value(await met.dealer.pay(purchase, CARD)));
      expect(receipts.at(-1)).toMatchObject({ is: "settlement", amountMinor: 90 });
    });
    expect(await captured(site)).toEqual([90]);
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });

  test("I6: service removed after quote: the offer is honoured, and delivered", async () => {
    const site = await story(async (met) => {
      const purchase = await offered(met);
      value(await producerOf(met.site).removeService(1));
      const { receipts } = await delivered(met, value(await met.dealer.pay(purchase, CARD)));
      expect(receipts.at(-1)).toMatchObject({ is: "settlement", amountMinor: 45 });
      expect(kind(await met.dealer.select({ service: 1, price: 1, units: 1 }))).toBe(
        "service-unknown",
      );
    });
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });

  test("I2: pay again, also with another card: charged once, and the same token comes back", async () => {
    const site = await story(async (met) => {
      const purchase = await offered(met);
      const { token } = value(await met.dealer.pay(purchase, CARD));
      for (const nonce of [1, 2]) {
        const again = await ask(met, {
          is: "pay",
          offer: purchase.id,
          nonce: new Uint8Array(8).fill(nonce),
          credential: new Uint8Array(60).fill(nonce),
        });
        expect(again).toMatchObject({ ok: true, value: { is: "paid", token } });
      }
      const other = { ...CARD, number: TEST_CARDS["answer-twice"] };
      expect(value(await met.dealer.pay(purchase, other)).token).toEqual(token);
    });
    expect(await captured(site)).toEqual([45]);
  });

  test("a payment that failed is not tried again with another card", async () => {
    const site = await story(async (met) => {
      const purchase = await offered(met);
      const bad = { ...CARD, number: TEST_CARDS.decline };
      expect(kind(await met.dealer.pay(purchase, bad))).toBe("declined");
      const again = await ask(met, {
        is: "pay",
        offer: purchase.id,
        nonce: new Uint8Array(8),
        credential: new Uint8Array(60),
      });
      expect(kind(again)).toBe("declined");
    });
    expect(await captured(site)).toEqual([]);
  });

  test("pay, unknown reference: a typed fault, and so for every other request about an order", async () => {
    await story(async (met) => {
      const pay: Message = {
        is: "pay",
        offer: NOBODYS,
        nonce: new Uint8Array(8),
        credential: new Uint8Array(60),
      };
      expect(kind(await ask(met, pay))).toBe("offer-unknown");
      for (const message of aboutOrder(NOBODYS)) {
        expect([message.is, kind(await ask(met, message))]).toEqual([message.is, "order-unknown"]);
      }
    });
  });

  test("another client's order: pay, begin, end, get-order and acknowledge find none", async () => {
    const site = await story(async (met) => {
      const unpaid = await offered(met);
      const purchase = await paid(met);
      const mallory = await met.site.consumer("mallory");
      const dealer = await deal(met.site, mallory);
      const before = durableOrders(met.site);
      const asMallory = (message: Message) => mallory.connection.request(dealer.peer, message);
      const nonce = new Uint8Array(8);
      for (const { id } of [unpaid, purchase]) {
        const pay: Message = { is: "pay", offer: id, nonce, credential: new Uint8Array(60) };
        expect(kind(await asMallory(pay))).toBe("offer-unknown");
        for (const message of aboutOrder(id)) {
          expect(kind(await asMallory(message))).toBe("order-unknown");
        }
      }
      expect(durableOrders(met.site)).toEqual(before);
      await delivered(met, purchase);
    });
    expect(await captured(site)).toEqual([45]);
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });
});

/** Every request about an order but `pay`. */
function aboutOrder(order: string): Message[] {
  return [
    { is: "begin", order, session: 1 },
    { is: "end", order, session: 1, close: true },
    { is: "get-order", order },
    { is: "acknowledge", order, receipt: 4_000_000_000 },
  ];
}

describe("begin", () => {
  test("I3: begin, unpaid: nothing flows for an offer, a payment under way, or one that failed", async () => {
    const site = await story(async (met) => {
      const begin = (order: string): Promise<string> =>
        ask(met, { is: "begin", order, session: 1 }).then(kind);
      expect(await begin((await offered(met)).id)).toBe("order-unknown");
      const declined = await offered(met);
      await met.dealer.pay(declined, { ...CARD, number: TEST_CARDS.decline });
      expect(await begin(declined.id)).toBe("order-unpaid");
      const waiting = await offered(met);
      void met.dealer.pay(waiting, { ...CARD, number: TEST_CARDS["no-answer"] });
      await wait(met.site, 1_000);
      expect(await begin(waiting.id)).toBe("payment-pending");
      expect(await begin(waiting.id)).toBe("payment-pending");
      expect(met.site.board.metal.outlet("socket-1").contact).toBe(false);
    });
    expect(physical(site)).toBe(0);
  });

  test("I3: begin 3 of 2: what was paid for is granted, and no pulse more", async () => {
    const site = await story(async (met) => {
      const purchase = await paid(met, 2);
      const begun = await ask(met, { is: "begin", order: purchase.id, session: 1, units: 3 });
      expect(begun).toMatchObject({ ok: true, value: { pulses: 2 * PULSES_PER_UNIT } });
      await wait(met.site, 120_000);
    });
    expect(durableOrders(site)).toMatchObject([{ state: "closed", pulses: 2 * PULSES_PER_UNIT }]);
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });

  test.each([
    ["begin -5", -5],
    ["begin 2^63-1", 2n ** 63n - 1n],
    ["begin 0", 0],
  ])("%s: refused, and nothing begins", async (_, units) => {
    const site = await story(async (met) => {
      const { id } = await paid(met, 2);
      const raw = await new RawClient(met.site, "own", met.dealer.peer.boxKey, "a").open();
      const answer = await raw.say(
        plain([
          [0, 11],
          [1, Uint8Array.from(Buffer.from(id, "hex"))],
          [2, 1],
          [3, units],
        ]),
      );
      expect(answer.is).toBe("fault");
      expect(durableOrders(met.site)[0]?.running).toBeUndefined();
    });
    expect(physical(site)).toBe(0);
  });

  test("I3: begin three times on a spent token: delivered once, before and after a restart", async () => {
    const site = await story(async (met) => {
      const purchase = await paid(met);
      await delivered(met, purchase);
      const token = purchase.token ?? new Uint8Array();
      const again = (session: number): Promise<string> =>
        ask(met, { is: "begin", order: purchase.id, session, token }).then(kind);
      for (const session of [1, 2, 3]) expect(await again(session)).toBe("order-closed");
      met.site.cut();
      await met.site.powerOn();
      await wait(met.site, 2_000);
      for (const session of [1, 2, 3]) expect(await again(session)).toBe("order-closed");
    });
    expect(physical(site)).toBeLessThanOrEqual(PULSES_PER_UNIT + 3);
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });

  test("I3: begin three times at once: one session", async () => {
    const site = await story(async (met) => {
      const { id } = await paid(met);
      const begin: Message = { is: "begin", order: id, session: 1 };
      const all = await Promise.all([ask(met, begin), ask(met, begin), ask(met, begin)]);
      expect(all.map(kind)).toEqual(["ok", "ok", "ok"]);
      expect(kind(await ask(met, { ...begin, session: 2 }))).toMatch(/busy|session-unknown/);
      await wait(met.site, 60_000);
    });
    expect(durableOrders(site)).toMatchObject([{ sessions: 1, pulses: PULSES_PER_UNIT }]);
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });

  test("begin, forged expiry 2999, client MALLORY: refused, and so is his own signature on it", async () => {
    const site = await story(async (met) => {
      const purchase = await paid(met);
      const token = purchase.token ?? new Uint8Array();
      const claims = value(verifyToken(token, met.site.signKey, crypto));
      const forger = crypto.signer(new Uint8Array(32).fill(9));
      const forged = signToken({ ...claims, expiresS: 4_000_000_000 }, forger);
      const changed = token.slice();
      changed[token.length - 70] = (changed[token.length - 70] ?? 0) ^ 1;
      for (const bad of [forged, changed]) {
        const begin: Message = { is: "begin", order: purchase.id, session: 1, token: bad };
        expect(kind(await ask(met, begin))).toBe("token-invalid");
      }
      const mallory = await met.site.consumer("mallory");
      const dealer = await deal(met.site, mallory);
      for (const stolen of [forged, token]) {
        const begin: Message = { is: "begin", order: purchase.id, session: 1, token: stolen };
        expect(kind(await mallory.connection.request(dealer.peer, begin))).toBe("order-unknown");
      }
    });
    expect(physical(site)).toBe(0);
  });
});

describe("end", () => {
  test("end, unpaid: refused in every state before payment, and nothing is closed", async () => {
    await story(async (met) => {
      const end = (order: string): Promise<string> =>
        ask(met, { is: "end", order, session: 0, close: true }).then(kind);
      const first = await offered(met);
      expect(await end(first.id)).toBe("order-unknown");
      await met.dealer.pay(first, { ...CARD, number: TEST_CARDS.decline });
      expect(await end(first.id)).toBe("order-unpaid");
      const waiting = await offered(met);
      void met.dealer.pay(waiting, { ...CARD, number: TEST_CARDS["no-answer"] });
      await wait(met.site, 1_000);
      expect(await end(waiting.id)).toBe("payment-pending");
    });
  });

  test("I4: end 500: what the consumer claims is not heard, the meter decides", async () => {
    const site = await story(async (met) => {
      const { id } = await paid(met, 2);
      const raw = await new RawClient(met.site, "own", met.dealer.peer.boxKey, "a").open();
      expect(kind(await ask(met, { is: "begin", order: id, session: 1 }))).toBe("ok");
      await wait(met.site, 10_000);
      // Field 4 is none of ours: a claim of 500 units in it is skipped.
      const answer = await raw.say(
        plain([
          [0, 13],
          [1, Uint8Array.from(Buffer.from(id, "hex"))],
          [2, 1],
          [4, 500],
        ]),
      );
      expect(answer.is).toBe("ending");
      await wait(met.site, 30_000);
    });
    const [order] = durableOrders(site);
    expect(order?.pulses).toBeGreaterThan(300);
    expect(order?.pulses).toBeLessThanOrEqual(physical(site));
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });

  test("I3: begin 2 / end 2, three times: the second and third find a closed order", async () => {
    const site = await story(async (met) => {
      const purchase = await paid(met, 2);
      const ended = met.dealer.begin(purchase, 2, () => undefined);
      await wait(met.site, 10_000);
      value(await met.dealer.end(purchase));
      value(await ended);
      for (const session of [2, 3]) {
        const begin: Message = { is: "begin", order: purchase.id, session, units: 2 };
        expect(kind(await ask(met, begin))).toBe("order-closed");
        const end: Message = { is: "end", order: purchase.id, session };
        expect(await ask(met, end)).toMatchObject({ ok: true, value: { running: false } });
      }
    });
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });
});
