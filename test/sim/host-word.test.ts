// The application that hosts a device, where its word and what happens meet at odd moments: it thinks for long,
// a request comes before what it rests on, a listener hangs, a buyer floods.

import { expect, test } from "vitest";
import { durableOrders } from "../../bench/invariants.ts";
import type { Site } from "../../bench/site.ts";
import type { Producer, SaleEvent, Veto } from "../../firmware/producer/producer.ts";
import { encodeMessage } from "../../firmware/protocol/message-codec.ts";
import { fail, ok } from "../../firmware/result.ts";
import { RawClient } from "./raw-client.ts";
import { CARD, deal, kind, paid, story, value, wait } from "./story.ts";

const ONE = { service: 1, price: 1, units: 1 };

function producerOf(site: Site): Producer {
  const { producer } = site;
  if (producer === undefined) throw new Error("the device is not up");
  return producer;
}

/** Lets everything pass but the deliveries that `no` names. */
function without(no: (request: { session?: number }) => boolean, asked: string[]): Veto {
  return (request) => {
    asked.push(`${request.step} ${request.session ?? ""}`);
    return request.step === "begin" && no(request) ? fail("refused", "not that") : ok(undefined);
  };
}

test("I7: a begin that overtakes its own payment is asked about when the payment is there", async () => {
  await story(
    async (met) => {
      const asked: string[] = [];
      producerOf(met.site).onRequest(without(() => true, asked));
      const { purchase } = value(await met.dealer.select(ONE));
      let closings = 0;
      met.site.onClosing = () => {
        closings += 1;
      };
      const paying = met.dealer.pay(purchase, CARD);
      const begin = { is: "begin" as const, order: purchase.id, session: 1 };
      const begins: Promise<unknown>[] = [];
      for (let i = 0; i < 12; i++) {
        begins.push(met.consumer.connection.request(met.dealer.peer, begin));
        await wait(met.site, 40);
      }
      value(await paying);
      await Promise.all(begins);
      expect(asked).toContain("begin 1");
      expect(closings).toBe(0);
      expect(durableOrders(met.site)[0]).toMatchObject({ state: "paid", sessions: 0 });
    },
    { storeLatencyMs: 150 },
  );
});

test("I7: a begin that comes while the last session ends is asked about, too", async () => {
  await story(
    async (met) => {
      const asked: string[] = [];
      const bought = await paid(met, 2);
      producerOf(met.site).onRequest(without(({ session }) => session === 2, asked));
      let isOver = false;
      const ended = met.dealer
        .begin(bought, 1, () => undefined)
        .then(() => {
          isOver = true;
        });
      const begin = { is: "begin" as const, order: bought.id, session: 2 };
      await wait(met.site, 20_000);
      const begins: Promise<unknown>[] = [];
      for (let i = 0; i < 400 && !isOver; i++) {
        begins.push(met.consumer.connection.request(met.dealer.peer, begin));
        await wait(met.site, 50);
      }
      await ended;
      await Promise.all(begins);
      expect(asked).toContain("begin 2");
      const [order] = durableOrders(met.site);
      expect(order).toMatchObject({ sessions: 1 });
      expect(order?.running).toBe(undefined);
    },
    { storeLatencyMs: 200 },
  );
});

test("a begin that is sent twice, and refused the second time, is answered with the delivery that runs", async () => {
  await story(async (met) => {
    const bought = await paid(met, 1);
    let begins = 0;
    producerOf(met.site).onRequest(async () => {
      begins += 1;
      const isFirst = begins === 1;
      await wait(met.site, isFirst ? 100 : 800);
      return isFirst ? ok(undefined) : fail("refused", "once is enough");
    });
    const begin = { is: "begin" as const, order: bought.id, session: 1 };
    const ask = () => met.consumer.connection.request(met.dealer.peer, begin);
    const both = await Promise.all([ask(), ask()]);
    expect(begins).toBe(2);
    expect(both.map((one) => (one.ok ? one.value.is : one.fault.kind))).toEqual(["begun", "begun"]);
  });
});

test("a no stands although the host takes its veto back meanwhile", async () => {
  await story(async (met) => {
    producerOf(met.site).onRequest(async () => {
      producerOf(met.site).onRequest(undefined);
      await wait(met.site, 100);
      return fail("refused", "never");
    });
    expect(kind(await met.dealer.select(ONE))).toBe("refused");
    expect(kind(await met.dealer.select(ONE))).toBe("ok");
  });
});

test("one buyer's flood of questions to a slow host does not shut out the others", async () => {
  await story(async (met) => {
    producerOf(met.site).onRequest(async () => {
      await wait(met.site, 1_500);
      return ok(undefined);
    });
    const other = await deal(met.site, await met.site.consumer("b"));
    const raw = await new RawClient(met.site, "flood", met.dealer.peer.boxKey).open();
    raw.epoch = met.site.epochs.at(-1) ?? 1;
    for (let i = 0; i < 100; i++) {
      raw.send(raw.seal(encodeMessage({ is: "select", ...ONE })));
    }
    await wait(met.site, 100);
    expect(kind(await other.select(ONE))).toBe("ok");
  });
});

test("a veto with too many words, or none at all, is a plain refusal", async () => {
  await story(async (met) => {
    for (const said of [fail("refused", "no\u0007".repeat(5_000)), undefined, { ok: false }]) {
      producerOf(met.site).onRequest(() => said as never);
      expect(kind(await met.dealer.select(ONE))).toBe("refused");
    }
    producerOf(met.site).onRequest(undefined);
    expect(kind(await met.dealer.select(ONE))).toBe("ok");
  });
});

test("a listener that hangs is left behind when another one is set", async () => {
  await story(async (met) => {
    const heard: string[] = [];
    producerOf(met.site).onEvent(() => new Promise(() => undefined));
    value(await met.dealer.select(ONE));
    value(await met.dealer.select(ONE));
    await wait(met.site, 1_000);
    producerOf(met.site).onEvent(({ event }) => {
      heard.push(event);
    });
    value(await met.dealer.select(ONE));
    await wait(met.site, 1_000);
    expect(heard).toEqual(["quote", "quote"]);
  });
});

test("what a buyer can ask for nothing never takes the place of a payment among the events that wait", async () => {
  const heard: SaleEvent[] = [];
  await story(async (met) => {
    let isSlow = true;
    producerOf(met.site).onEvent(async (event) => {
      while (isSlow) await wait(met.site, 1_000);
      heard.push(event);
    });
    for (let i = 0; i < 1_200; i++) await met.dealer.select({ ...ONE, service: 7 });
    const bought = await paid(met, 1);
    value(await met.dealer.begin(bought, undefined, () => undefined));
    isSlow = false;
    await wait(met.site, 5_000);
    const names = heard.map(({ event }) => event);
    for (const name of ["payment", "begin", "end"]) expect(names).toContain(name);
    expect(heard.length).toBeLessThan(600);
    expect(met.site.log.some((line) => line.includes("events-lost"))).toBe(true);
  });
}, 30_000);
