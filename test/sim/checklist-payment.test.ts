// Rows of docs/worldpay-within.md, group 8.5, that no other test shows: what the payment host is told, what a
// credential is good for, and how refusals are told apart. A name begins with its rows.

import { expect, test } from "vitest";
import { durableOrders } from "../../bench/invariants.ts";
import { crypto } from "../../bench/site.ts";
import type { SaleEvent } from "../../firmware/producer/events.ts";
import type { Message } from "../../firmware/protocol/messages.ts";
import { verifyToken } from "../../firmware/token/delivery-token.ts";
import { verifyOffer } from "../../firmware/token/offer.ts";
import { shortDigest } from "../../firmware/token/signed.ts";
import type { HostAnswer, HostBinding, PaymentHost } from "../../hal/payment-host.ts";
import { TEST_CARDS } from "../../hal/sim/sim-payment-host.ts";
import { CARD, kind, story, value } from "./story.ts";

const ONE = { service: 1, price: 1, units: 1 };

/** A host that a test listens to, or takes away. */
function wrapped(host: PaymentHost, authorise: PaymentHost["authorise"]): PaymentHost {
  return {
    ...{ canQuery: false, publicKey: host.publicKey, simulated: host.simulated },
    authorise,
    tokenise: (...args) => host.tokenise(...args),
    capture: (...args) => host.capture(...args),
    refund: (...args) => host.refund(...args),
    reverse: (...args) => host.reverse(...args),
    query: (...args) => host.query(...args),
    onLateAnswer: (listener) => host.onLateAnswer(listener),
  };
}

test("5.2: a credential pays one offer, its own amount, and once; so a device of bad faith gains nothing", async () => {
  const asked: Parameters<PaymentHost["authorise"]>[] = [];
  const site = await story(
    async ({ dealer, consumer }) => {
      const offers = [value(await dealer.select(ONE)), value(await dealer.select(ONE))] as const;
      const [first, second] = offers.map(({ purchase }) => purchase.id);
      const pays: Message[] = [];
      const { connection } = consumer;
      const request = connection.request.bind(connection);
      connection.request = (peer, message, ...rest) => {
        if (message.is === "pay") pays.push(message);
        return request(peer, message, ...rest);
      };
      value(await dealer.pay(offers[0].purchase, CARD));
      const [pay] = pays;
      if (pay?.is !== "pay" || pay.offer !== first) throw new Error("nothing was paid");
      const again = await request(dealer.peer, { ...pay, offer: second ?? "" });
      expect(kind(again)).toBe("credential-invalid");
    },
    {
      wrapHost: (host) =>
        wrapped(host, (...args) => {
          asked.push(args);
          return host.authorise(...args);
        }),
    },
  );
  const [[, credential, binding] = []] = asked;
  if (credential === undefined || binding === undefined) throw new Error("nothing was asked");
  const { host } = site;
  const dearer = { ...binding, amountMinor: binding.amountMinor + 1 };
  const why = (answer: HostAnswer): string => (answer.kind === "declined" ? answer.why : "taken");
  const tried: unknown[] = [];
  for (const bound of [binding, dearer, { ...binding, currency: "USD" }]) {
    const attempt = `again/${tried.length}`;
    tried.push(await site.run(async () => why(await host.authorise(attempt, credential, bound))));
  }
  expect(tried).toEqual(["credential-used", "credential-mismatch", "credential-mismatch"]);
  expect((await host.charges()).size).toBe(1);
});

test("5.5 5.11 5.12: amount, currency and order reach the host, and its reference stays with the order", async () => {
  const asked: [string, HostBinding][] = [];
  const heard: SaleEvent[] = [];
  const site = await story(
    async (met) => {
      met.site.producer?.onEvent((event) => void heard.push(event));
      const { purchase } = value(await met.dealer.select({ ...ONE, units: 2 }));
      const bought = value(await met.dealer.pay(purchase, CARD));
      const { signKey } = met.site;
      const offer = value(verifyOffer(bought.offer, signKey, crypto));
      expect(asked).toHaveLength(1);
      const [[attempt, binding] = ["", undefined]] = asked;
      expect(attempt).toMatch(new RegExp(`^${purchase.id}/`));
      expect(binding).toEqual({
        offer: shortDigest(crypto, bought.offer),
        amountMinor: offer.totalMinor,
        currency: "EUR",
      });
      const token = value(verifyToken(bought.token ?? new Uint8Array(), signKey, crypto));
      expect(token).toMatchObject({ order: purchase.id, ...ONE, units: 2 });
      expect(durableOrders(met.site)).toMatchObject([{ takenMinor: 90 }]);
      value(await met.dealer.begin(bought, undefined, () => undefined));
    },
    {
      wrapHost: (host) =>
        wrapped(host, (...args) => {
          asked.push([args[0], args[2]]);
          return host.authorise(...args);
        }),
    },
  );
  const [reference] = [...(await site.host.charges()).keys()];
  const [order] = durableOrders(site);
  expect(order?.reference).toBe(reference);
  expect(site.settlements(order?.id ?? "")).toMatchObject([{ payment: reference }]);
  const told = heard.filter(({ event }) => event === "payment");
  expect(told).toMatchObject([{ order: order?.id, totalMinor: 90, currency: "EUR" }]);
});

test("5.10 5.20: declined, a host that is away and a credential that is none are told apart, to both sides", async () => {
  let away = false;
  const heard: SaleEvent[] = [];
  const site = await story(
    async (met) => {
      const { dealer, consumer } = met;
      met.site.producer?.onEvent((event) => void heard.push(event));
      const offered = async () => value(await dealer.select(ONE)).purchase;
      const bad = { ...CARD, number: TEST_CARDS.decline };
      expect(kind(await dealer.pay(await offered(), bad))).toBe("declined");
      const garbage = {
        is: "pay" as const,
        offer: (await offered()).id,
        nonce: new Uint8Array(8),
        credential: new Uint8Array(60),
      };
      const refused = await consumer.connection.request(dealer.peer, garbage);
      expect(kind(refused)).toBe("credential-invalid");
      away = true;
      const waiting = await offered();
      expect(kind(await dealer.pay(waiting, CARD))).toBe("payment-lost");
      away = false;
      expect(kind(await dealer.pay(await offered(), CARD))).toBe("ok");
    },
    {
      wrapHost: (host) =>
        wrapped(host, (...args) =>
          away ? Promise.resolve({ kind: "no-answer" }) : host.authorise(...args),
        ),
    },
  );
  const about = heard.filter(({ event }) => event === "payment" || event === "fault");
  // A refusal is told again to whoever asks again.
  const told = new Set(about.map(({ event, reason }) => reason ?? event));
  expect([...told]).toEqual(["declined", "credential-invalid", "payment-lost", "payment"]);
  const net = [...(await site.host.charges()).values()].map((one) => one.capturedMinor);
  expect(net).toEqual([45]);
});
