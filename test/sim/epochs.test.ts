// What the device remembers of connections and what it forgets: a recorded request must never count as new, a
// request that was lost or overtaken must still count once, and strangers must not make the device talk.

import { expect, test } from "vitest";
import type { Site } from "../../bench/site.ts";
import { encodeMessage } from "../../firmware/protocol/message-codec.ts";
import { announcementTopic, requestTopic } from "../../firmware/protocol/topics.ts";
import { peekAnnouncement } from "../../firmware/token/announcement.ts";
import { RawClient } from "./raw-client.ts";
import { deal, kind, type Met, paid, story, value, wait } from "./story.ts";

const SELECT = encodeMessage({ is: "select", service: 1, price: 1, units: 1 });
const IDENTITY = encodeMessage({ is: "get-identity" });
/** More connections than a device keeps apart in one epoch. */
const MANY = 1001;

function announcedEpoch({ broker, device }: Site): number {
  const announcement = broker.retained(announcementTopic(device)) ?? new Uint8Array();
  return value(peekAnnouncement(announcement)).epoch;
}

function durableEpoch({ store }: Site): number {
  return Number(JSON.parse(store.durable("device")[0]?.body ?? "{}").epoch);
}

/** So many connections that nobody knew, each with one authentic request. */
function flood({ site, dealer }: Met, count = MANY): void {
  for (let i = 0; i < count; i += 1) {
    const one = new RawClient(site, `flood ${i}`, dealer.peer.boxKey);
    one.epoch = dealer.peer.epoch;
    one.link.publish(requestTopic(site.device, one.connection), one.seal(IDENTITY));
  }
}

test("I11: a recorded request stays void, however many connections came after it", async () => {
  await story(async (met) => {
    const { site, dealer } = met;
    const raw = await new RawClient(site, "victim", dealer.peer.boxKey).open();
    expect((await raw.say(SELECT)).is).toBe("offer");
    expect(site.producer?.status().offers).toBe(1);
    flood(met);
    await wait(site, 2_000);
    for (const recorded of [...raw.sent]) expect((await raw.send(recorded)).is).toBe("hint");
    expect(site.producer?.status().offers).toBe(1);
  });
});

test("I11: too many connections begin one new epoch, durable and announced, in which all goes on", async () => {
  const site = await story(async (met) => {
    const { dealer } = met;
    const purchase = await paid(met, 3);
    const delivered = dealer.begin(purchase, undefined, () => undefined);
    await wait(met.site, 2_000);
    expect(announcedEpoch(met.site)).toBe(1);
    flood(met, 1_500);
    await wait(met.site, 2_000);
    expect(met.site.log.filter((line) => line.includes("new-epoch")).length).toBe(1);
    expect([announcedEpoch(met.site), durableEpoch(met.site)]).toEqual([2, 2]);
    expect(value(await delivered).purchase.state).toBe("closed");
    expect(dealer.peer.epoch).toBe(2);
    const other = await deal(met.site, await met.site.consumer("b"));
    expect(kind(await other.requestServices())).toBe("ok");
    met.site.cut();
    await met.site.powerOn();
    expect([announcedEpoch(met.site), durableEpoch(met.site)]).toEqual([3, 3]);
  });
  expect(site.bugs).toEqual([]);
});

test("I11: nobody's frame counts as new in an epoch whose end could not be written yet", async () => {
  await story(async (met) => {
    const { site, dealer } = met;
    const raw = await new RawClient(site, "known", dealer.peer.boxKey).open();
    const late = await new RawClient(site, "late", dealer.peer.boxKey).open();
    expect((await raw.say(SELECT)).is).toBe("offer");
    site.store.setFull(true);
    flood(met);
    await wait(site, 5_000);
    expect(announcedEpoch(site)).toBe(1);
    expect((await late.say(SELECT)).is).toBe("nothing");
    late.epoch = 7;
    expect((await late.say(SELECT)).is).toBe("nothing");
    expect((await raw.send(raw.sent[0] ?? new Uint8Array())).is).toBe("offer");
    expect(site.producer?.status().offers).toBe(1);
    site.store.setFull(false);
    await wait(site, 3_000);
    expect([announcedEpoch(site), durableEpoch(site)]).toEqual([2, 2]);
    late.epoch = 2;
    expect((await late.say(SELECT)).is).toBe("offer");
  });
});

test("a stopped broadcast stays stopped over a new epoch, and tells it when it starts again", async () => {
  await story(async (met) => {
    const { site } = met;
    site.producer?.stopBroadcast();
    flood(met);
    await wait(site, 2_000);
    expect(durableEpoch(site)).toBe(2);
    expect(site.broker.retained(announcementTopic(site.device))).toBeUndefined();
    site.producer?.startBroadcast();
    expect(announcedEpoch(site)).toBe(2);
  });
});

test("a request that was overtaken is answered, once", async () => {
  await story(async ({ site, dealer }) => {
    const raw = await new RawClient(site, "overtaken", dealer.peer.boxKey).open();
    const frames = Array.from({ length: 66 }, () => raw.seal(SELECT));
    const [tooOld = new Uint8Array(), oldest = new Uint8Array()] = frames;
    const last = frames.at(-1) ?? new Uint8Array();
    expect((await raw.send(last)).is).toBe("offer");
    expect((await raw.send(oldest)).is).toBe("offer");
    expect((await raw.send(tooOld)).is).toBe("nothing");
    expect(site.producer?.status().offers).toBe(2);
    const before = site.producer?.status().offers;
    for (const again of [last, oldest]) expect((await raw.send(again)).is).toBe("offer");
    expect(site.producer?.status().offers).toBe(before);
  });
});

test("I11: an overtaken request is not new again when its answer is not kept any more", async () => {
  await story(async ({ site, dealer }) => {
    const raw = await new RawClient(site, "forgotten", dealer.peer.boxKey).open();
    const [first = new Uint8Array(), second = new Uint8Array()] = [SELECT, SELECT].map((plain) =>
      raw.seal(plain),
    );
    for (const frame of [second, first]) expect((await raw.send(frame)).is).toBe("offer");
    for (let i = 0; i < 10; i += 1) await raw.say(IDENTITY);
    const offers = site.producer?.status().offers;
    for (const frame of [first, second]) expect((await raw.send(frame)).is).toBe("nothing");
    expect(site.producer?.status().offers).toBe(offers);
  });
});

test("two questions at once are both answered when the first is lost on the way", async () => {
  await story(async ({ site, dealer }) => {
    const began = site.world.nowMs();
    site.broker.setNetwork({ lossPerMille: 1000 });
    const first = dealer.requestServices();
    await wait(site, 10);
    site.broker.setNetwork({ lossPerMille: 0 });
    const second = dealer.getPrices(1);
    expect([kind(await second), kind(await first)]).toEqual(["ok", "ok"]);
    expect(site.world.nowMs() - began).toBeLessThan(3_000);
  });
});

test("I11: garbage is answered with a hint at a limited rate, and a consumer still gets his", async () => {
  await story(async ({ site, dealer }) => {
    const raws = Array.from({ length: 50 }, (_, n) => {
      return new RawClient(site, `garbage ${n}`, dealer.peer.boxKey);
    });
    let hints = 0;
    for (const raw of raws) {
      await raw.open();
      raw.link.onMessage(() => {
        hints += 1;
      });
      const garbage = raw.seal(SELECT);
      garbage[10] = (garbage[10] ?? 0) ^ 1;
      const topic = requestTopic(site.device, raw.connection);
      for (let i = 0; i < 20; i += 1) raw.link.publish(topic, garbage);
    }
    await wait(site, 500);
    expect(hints).toBeGreaterThan(10);
    expect(hints).toBeLessThan(80);
    await wait(site, 2_000);
    site.cut();
    await site.powerOn();
    expect(kind(await dealer.requestServices())).toBe("ok");
  });
});
