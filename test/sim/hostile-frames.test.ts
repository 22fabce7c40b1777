// More than 100,000 real frames of a whole sale, spoilt by chance and given to everything that reads bytes from
// outside. Nothing may throw, change state, or go on growing, and afterwards an honest sale must still work.
// Another seed: HOSTILE_SEED=N npx vitest run test/sim/hostile-frames.test.ts

import { afterAll, describe, expect, test } from "vitest";
import { durableOrders, SOCKET_1, violations } from "../../bench/invariants.ts";
import { crypto, type Site } from "../../bench/site.ts";
import { fromHex, toHex } from "../../firmware/bytes.ts";
import { Consumer } from "../../firmware/consumer/consumer.ts";
import { FAULT_CODES } from "../../firmware/fault.ts";
import { orderRecord } from "../../firmware/producer/order.ts";
import { encodeReply, envelopeNonce } from "../../firmware/protocol/envelope.ts";
import { decodeMessage } from "../../firmware/protocol/message-codec.ts";
import { readRecord } from "../../firmware/protocol/record.ts";
import {
  announcementTopic,
  parseTopic,
  replyTopic,
  requestTopic,
} from "../../firmware/protocol/topics.ts";
import type { Result } from "../../firmware/result.ts";
import { verifyAnnouncement } from "../../firmware/token/announcement.ts";
import { verifyCertificate } from "../../firmware/token/certificate.ts";
import { verifyToken } from "../../firmware/token/delivery-token.ts";
import { verifyForeignSign1 } from "../../firmware/token/foreign-sign1.ts";
import { verifyOffer } from "../../firmware/token/offer.ts";
import { verifyReceipt } from "../../firmware/token/receipt.ts";
import { HalError } from "../../hal/hal-error.ts";
import type { Link, LinkMessage } from "../../hal/link.ts";
import { type Random, seededRandom } from "../../hal/sim/random.ts";
import { simStore } from "../../hal/sim/sim-store.ts";
import { settlePromises } from "../../hal/sim/world.ts";
import { mutated, mutatedJson } from "../support/mutations.ts";
import { RawClient } from "./raw-client.ts";
import { type Recorded, recordSale } from "./recorded-sale.ts";
import { deal, kind, type Met, paid, story, value, wait } from "./story.ts";

const SEED = Number(process.env["HOSTILE_SEED"] ?? 20_260);
const REPLAY = `HOSTILE_SEED=${SEED} npx vitest run test/sim/hostile-frames.test.ts`;

const ORDER = "00112233445566ff";

let total = 0;
afterAll(() => console.log(`hostile frames: ${total} spoilt, seed ${SEED}`));

/** Names the mutation that broke something, and how to see it again. */
async function each(
  count: number,
  name: string,
  work: (random: Random, note: (how: string) => void, i: number) => void | Promise<void>,
): Promise<void> {
  const random = seededRandom(SEED, name);
  for (let i = 0; i < count; i++) {
    let how = "";
    try {
      await work(random, (told) => (how = told), i);
    } catch (error) {
      throw new Error(`${name} ${i}, ${how}: ${String(error)} (again: ${REPLAY})`, {
        cause: error,
      });
    }
    total += 1;
  }
}

/** One of the real ones, spoilt and noted. */
function spoilt(
  reals: readonly Uint8Array[],
  random: Random,
  note: (how: string) => void,
): Uint8Array {
  const { how, bytes } = mutated(reals, random);
  note(`${how}, ${toHex(bytes.subarray(0, 600))}`);
  return bytes;
}

/** What of the device must not change: books, money, metal. */
function state(site: Site): string {
  const kinds = ["order", "receipt", "device"].map((one) => site.store.durable(one));
  const money = site.hostStore.durable("charge");
  const { coil, contact } = site.board.metal.outlet("socket-1");
  return JSON.stringify([kinds, money, coil, contact]);
}

/** Frames are sent in bursts, so that they meet each other in the queue. */
const BURST = 25;

async function settle(site: Site, i: number): Promise<void> {
  if (i % BURST === BURST - 1) await wait(site, 20);
}

async function honestSale(met: Met, name: string): Promise<void> {
  const consumer = await met.site.consumer(name);
  const again = { ...met, consumer, dealer: await deal(met.site, consumer) };
  const purchase = await paid(again, 1);
  const done = value(await again.dealer.begin(purchase, undefined, () => undefined));
  expect(done.purchase.state).toBe("closed");
}

describe("the device", () => {
  test("I11: sealed by a stranger with a good key: nothing of anybody's changes", async () => {
    await story(async (met) => {
      const { site, dealer } = met;
      const recorded = await recordSale(met);
      const strangers = ["s1", "s2", "s3", "s4"].map(
        (name) => new RawClient(site, name, dealer.peer.boxKey),
      );
      let answers = 0;
      for (const raw of strangers) {
        raw.link.onMessage(() => {
          answers += 1;
        });
        await raw.open();
      }
      const before = state(site);
      const waiting = site.world.eventsWaiting();
      await each(20_000, "sealed by a stranger", async (random, note, i) => {
        const bytes = spoilt(recorded.asked, random, note);
        const raw = strangers[random.below(4)] as RawClient;
        raw.link.publish(requestTopic(site.device, raw.connection), raw.seal(bytes));
        await settle(site, i);
      });
      await wait(site, 5_000);
      expect(state(site)).toBe(before);
      expect(answers).toBeGreaterThan(15_000);
      expect(site.producer?.status().offers).toBeLessThanOrEqual(4 * 8 + 8);
      expect(site.world.eventsWaiting()).toBeLessThan(waiting + 100);
      await honestSale(met, "after");
    });
  }, 60_000);

  test("I1 I3 I11: sealed by the buyer himself while he is served: no more than he paid for", async () => {
    const site = await story(async (met) => {
      const { dealer } = met;
      const recorded = await recordSale(met);
      const own = new RawClient(met.site, "own", dealer.peer.boxKey, "a");
      const all = await met.consumer.purchases.list();
      const running = all.find((one) => one.state === "paid");
      if (running === undefined) throw new Error("nothing to deliver");
      void dealer.begin(running, 90, () => undefined);
      await each(12_000, "sealed by the buyer", async (random, note, i) => {
        const bytes = spoilt(recorded.asked, random, note);
        own.link.publish(requestTopic(met.site.device, own.connection), own.seal(bytes));
        await settle(met.site, i);
      });
      await wait(met.site, 5_000);
      await endAll(met);
      await honestSale(met, "after");
    });
    expect(await violations(site, SOCKET_1)).toEqual([]);
  }, 60_000);

  test("I11: envelopes of others, spoilt and sent again on every topic: nothing changes", async () => {
    await story(async (met) => {
      const { site, consumer } = met;
      const recorded = await recordSale(met);
      const outsider = site.broker.connect("outsider");
      const connection = parseTopic(consumer.connection.replies) as { connection: string };
      const topics = [
        requestTopic(site.device, connection.connection),
        requestTopic(site.device, connection.connection),
        requestTopic(site.device, connection.connection),
        requestTopic(site.device, "AAAAAAAA"),
        replyTopic(connection.connection),
        announcementTopic(site.device),
        `s1/q/${site.device}/toolong-toolong`,
        `s2/q/${site.device}/AAAAAAAA`,
      ];
      const all = [...recorded.requests, ...recorded.replies, ...recorded.announcements];
      const before = state(site);
      const offers = site.producer?.status().offers;
      await each(25_000, "envelopes", async (random, note, i) => {
        const bytes = spoilt(all, random, note);
        outsider.publish(topics[random.below(topics.length)] as string, bytes);
        await settle(site, i);
      });
      await wait(site, 5_000);
      expect(state(site)).toBe(before);
      expect(site.producer?.status().offers).toBe(offers);
      await honestSale(met, "after");
    });
  }, 60_000);
});

/** Whatever the buyer's own spoilt frames have begun is brought to its end. */
async function endAll(met: Met): Promise<void> {
  for (let round = 0; round < 5; round++) {
    for (const { id } of durableOrders(met.site).filter(({ state }) => state === "paid")) {
      const purchase = await met.consumer.purchases.get(id);
      if (purchase !== undefined) await met.dealer.end(purchase, "settle");
    }
    await wait(met.site, 5_000);
  }
}

/** A link whose other end is the test. */
function bareLink(): { link: Link; sent: string[]; hear(message: LinkMessage): void } {
  let listener: (message: LinkMessage) => void = () => undefined;
  const sent: string[] = [];
  const link: Link = {
    publish: (topic) => sent.push(topic),
    subscribe: () => Promise.resolve(),
    onMessage: (heard) => {
      listener = heard;
    },
    onState: () => undefined,
    connected: () => true,
    close: () => Promise.resolve(),
  };
  return { link, sent, hear: (message) => listener(message) };
}

describe("the consumer", () => {
  test("I11: sealed by a device of bad faith: typed faults, nothing kept, no promise broken", async () => {
    await story(async (met) => {
      const { site } = met;
      const recorded = await recordSale(met);
      const { link, hear } = bareLink();
      const store = simStore();
      const { clock } = site.world;
      const entropy = site.world.entropy("hostile consumer");
      const consumer = new Consumer(
        { clock, store: store.store(), link, crypto, entropy },
        {
          connection: "AAAAAAAA",
          boxSecret: entropy.bytes(32),
          operators: [site.operatorKey],
          trustNew: false,
          simulatedHost: true,
        },
      );
      value(await consumer.setup());
      const searching = consumer.discover({ timeoutMs: 100 });
      hear({
        topic: announcementTopic(site.device),
        payload: recorded.announcements[0] as Uint8Array,
        retained: true,
      });
      const [found] = value(await searching);
      if (found === undefined) throw new Error("no device");
      const dealer = value(await consumer.init(found));
      const shared = crypto.boxShared(consumer.connection.boxKey, site.secrets.boxSecret);
      if (shared === undefined) throw new Error("no key");
      const kinds = new Set<string>();
      const answered: string[] = [];
      let id = 0;
      let waiting = false;
      const ask = (random: Random): void => {
        id += 1;
        waiting = true;
        const questions: (() => Promise<Result<unknown>>)[] = [
          () => dealer.requestServices(),
          () => dealer.getPrices(1),
          () => dealer.select({ service: 1, price: 1, units: 1 }),
          () => consumer.connection.request(dealer.peer, { is: "get-order", order: ORDER }),
        ];
        void questions[random.below(4)]?.().then(
          (result) => {
            waiting = false;
            kinds.add(kind(result));
          },
          (error: unknown) => answered.push(String(error)),
        );
      };
      await each(25_000, "sealed by the device", async (random, note, i) => {
        if (!waiting) ask(random);
        const bytes = spoilt(recorded.answered, random, note);
        const epoch = dealer.peer.epoch;
        const nonce = envelopeNonce("reply", "AAAAAAAA", epoch, id, i + 1);
        const box = crypto.seal(bytes, nonce, shared);
        const payload = encodeReply({ id, n: i + 1, box });
        hear({ topic: consumer.connection.replies, payload, retained: false });
        const outer = mutated(recorded.replies, random);
        hear({ topic: consumer.connection.replies, payload: outer.bytes, retained: false });
        const announced = mutated(recorded.announcements, random);
        if (i % 8 === 0) {
          hear({ topic: announcementTopic(site.device), payload: announced.bytes, retained: true });
        }
        await settlePromises();
      });
      expect(answered).toEqual([]);
      // The device's own word is believed for its kind only.
      for (const one of kinds) expect(["ok", ...Object.keys(FAULT_CODES)]).toContain(one);
      expect(kinds.size).toBeGreaterThan(3);
      // Real offers of other orders are for other consumers: none was ever kept.
      expect(store.durable("purchase")).toEqual([]);
      consumer.close();
    });
  }, 60_000);
});

describe("signed objects", () => {
  test("I11: a spoilt one is a fault, or says exactly what the real one says", async () => {
    let recorded: Recorded | undefined;
    let operatorKey = new Uint8Array();
    const site = await story(async (met) => {
      recorded = await recordSale(met);
      operatorKey = Uint8Array.from(met.site.operatorKey);
    });
    const { announcements = [], signed = [] } = recorded ?? {};
    const { signKey, device } = site;
    const [announcement = new Uint8Array()] = announcements;
    const { certificate } = value(verifyAnnouncement(announcement, device, operatorKey, crypto));
    const readers = [
      (bytes: Uint8Array) => verifyOffer(bytes, signKey, crypto),
      (bytes: Uint8Array) => verifyToken(bytes, signKey, crypto),
      (bytes: Uint8Array) => verifyReceipt(bytes, signKey, crypto),
      (bytes: Uint8Array) => verifyAnnouncement(bytes, device, operatorKey, crypto),
      (bytes: Uint8Array) => verifyCertificate(bytes, operatorKey, crypto),
    ];
    const reals = [...signed, announcement, certificate];
    const says = (bytes: Uint8Array): string[] =>
      readers.flatMap((read) => {
        const result = read(bytes);
        return result.ok ? [JSON.stringify(result.value, inHex)] : [];
      });
    const truths = new Set(reals.flatMap(says));
    await each(20_000, "signed objects", (random, note) => {
      const bytes = spoilt(reals, random, note);
      for (const told of says(bytes)) {
        if (!truths.has(told)) throw new Error(`believed: ${told}`);
      }
      verifyForeignSign1(crypto, { sign1: bytes, publicKey: signKey, externalAad: bytes });
      decodeMessage(bytes);
    });
    expect(truths.size).toBeGreaterThan(5);
  }, 60_000);
});

/** For JSON: bytes as text, not as an object with a key for each. */
function inHex(_: string, one: unknown): unknown {
  return one instanceof Uint8Array ? toHex(one) : one;
}

describe("records", () => {
  test("a spoilt record is read right or refused as corrupt, naming it", async () => {
    const site = await story(async (met) => void (await recordSale(met)));
    const reals = site.store.durable("order");
    await each(10_000, "records", (random, note) => {
      const { id, body } = reals[random.below(reals.length)] as { id: string; body: string };
      const text = mutatedJson(body, random);
      note(text.slice(0, 600));
      try {
        const order = readRecord(orderRecord, "order", id, text);
        if (fromHex(order.id)?.length !== 8) throw new Error("no order");
      } catch (error) {
        if (!(error instanceof HalError) || error.kind !== "corrupt") throw error;
        if (!error.message.includes(id)) throw new Error(`unnamed: ${error.message}`);
      }
    });
    expect(reals.length).toBeGreaterThan(1);
  });
});
