// The contract of the Link port, run on every implementation, through a broker that the suite can break.

import { afterEach, describe, expect, test } from "vitest";
import { fromUtf8, utf8 } from "../../firmware/bytes.ts";
import type { Link, LinkMessage, LinkWill } from "../../hal/link.ts";

export interface LinkUnderTest {
  connect(clientId: string, will?: LinkWill): Promise<Link>;
  /** Breaks the connection of this client from outside; it comes back when `restore` is called, or by itself. */
  breakOff(clientId: string): void;
  restore(clientId: string): void;
  dispose(): Promise<void>;
}

/** Announcements: a broker may retain no others. */
const [KEPT, GONE] = ["s1/a/kept_topic_", "s1/a/gone_topic_"] as const;

/** Collects what arrives, as "topic=text", with * in front of what the broker had kept. */
interface Collected {
  link: Link;
  texts: string[];
  states: boolean[];
  until(done: () => boolean): Promise<void>;
}

function collect(link: Link): Collected {
  const texts: string[] = [];
  const states: boolean[] = [];
  link.onMessage(({ topic, payload, retained }: LinkMessage) => {
    texts.push(`${retained ? "*" : ""}${topic}=${fromUtf8(payload)}`);
  });
  link.onState((connected) => states.push(connected));
  const until = async (done: () => boolean): Promise<void> => {
    const limitMs = performance.now() + 8_000;
    while (!done()) {
      if (performance.now() > limitMs) throw new Error(`still waiting with ${texts.join(", ")}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  return { link, texts, states, until };
}

export function describeLink(name: string, open: () => Promise<LinkUnderTest>): void {
  describe(`Link on ${name}`, () => {
    let under: LinkUnderTest | undefined;
    let links: Link[] = [];
    let serial = 0;
    const start = async (): Promise<LinkUnderTest> => {
      under = await open();
      return under;
    };
    const join = async (clientId: string, will?: LinkWill): Promise<Collected> => {
      if (under === undefined) throw new Error("start comes first");
      const link = await under.connect(clientId, will);
      links.push(link);
      return collect(link);
    };
    /** Everything handed over before it has arrived when it arrives. */
    const marker = async (from: Collected, to: Collected): Promise<void> => {
      const text = `mark-${++serial}`;
      await to.link.subscribe("marker");
      from.link.publish("marker", utf8(text));
      await to.until(() => to.texts.includes(`marker=${text}`));
      to.texts.splice(to.texts.indexOf(`marker=${text}`), 1);
    };
    afterEach(async () => {
      for (const link of links) await link.close();
      links = [];
      await under?.dispose();
      under = undefined;
    });

    test("delivers what matches a filter, in order, and nothing else", async () => {
      await start();
      const [a, b] = [await join("a"), await join("b")];
      await b.link.subscribe("sluice/+/offer");
      await b.link.subscribe("deep/#");
      for (const topic of ["sluice/1/offer", "sluice/1/2/offer", "sluice/1", "deep", "deep/1/2"]) {
        a.link.publish(topic, utf8("x"));
      }
      await marker(a, b);
      expect(b.texts).toEqual(["sluice/1/offer=x", "deep=x", "deep/1/2=x"]);
    });

    test("delivers a thousand messages in order, bytes untouched", async () => {
      await start();
      const [a, b] = [await join("a"), await join("b")];
      await b.link.subscribe("n");
      for (let i = 0; i < 1000; i++) a.link.publish("n", utf8(`${i}-é\u0000`));
      await marker(a, b);
      expect(b.texts).toEqual(Array.from({ length: 1000 }, (_, i) => `n=${i}-é\u0000`));
    });

    test("does not see what the caller changes after publishing", async () => {
      await start();
      const [a, b] = [await join("a"), await join("b")];
      await b.link.subscribe("n");
      const payload = utf8("before");
      a.link.publish("n", payload);
      payload.fill(0x78);
      await marker(a, b);
      expect(b.texts).toEqual(["n=before"]);
    });

    test("keeps the last retained message for whoever subscribes later, until it is cleared", async () => {
      await start();
      const a = await join("a");
      const kept = { retain: true };
      a.link.publish(KEPT, utf8("1"), kept);
      a.link.publish(KEPT, utf8("2"), kept);
      a.link.publish(GONE, utf8("3"), kept);
      a.link.publish(GONE, new Uint8Array(0), kept);
      await marker(a, a);
      const b = await join("b");
      await b.link.subscribe("#");
      await b.until(() => b.texts.length > 0);
      await marker(a, b);
      a.link.publish(KEPT, utf8("4"), kept);
      await b.until(() => b.texts.length > 1);
      expect(b.texts).toEqual([`*${KEPT}=2`, `${KEPT}=4`]);
    });

    test("leaves the will behind when broken off, and keeps it for who subscribes later", async () => {
      const { breakOff } = await start();
      const b = await join("b");
      await b.link.subscribe("s1/a/#");
      await join("a", { topic: KEPT, payload: utf8("away") });
      breakOff("a");
      await b.until(() => b.texts.length > 0);
      const c = await join("c");
      await c.link.subscribe("s1/a/#");
      await c.until(() => c.texts.length > 0);
      expect([b.texts[0], c.texts[0]]).toEqual([`${KEPT}=away`, `*${KEPT}=away`]);
    });

    test("closes after sending what was handed over, and leaves no will", async () => {
      await start();
      const b = await join("b");
      await b.link.subscribe("#");
      const a = await join("a", { topic: KEPT, payload: utf8("away") });
      for (let i = 0; i < 50; i++) a.link.publish("n", utf8(String(i)), { retain: i === 49 });
      await a.link.close();
      await a.link.close();
      a.link.publish("n", utf8("too late"));
      await b.until(() => b.texts.length >= 50);
      const c = await join("c");
      await marker(c, b);
      expect(b.texts).toEqual(Array.from({ length: 50 }, (_, i) => `n=${i}`));
      expect(a.link.connected()).toBe(false);
      expect(a.states).toEqual([]);
      await expect(a.link.subscribe("n")).rejects.toMatchObject({ kind: "canceled" });
    });

    test("says when it loses the connection and when it has it back, with its subscriptions", async () => {
      const { breakOff, restore } = await start();
      const [a, b] = [await join("a"), await join("b")];
      await b.link.subscribe("n");
      expect(b.link.connected()).toBe(true);
      breakOff("b");
      await b.until(() => b.states.length > 0);
      expect(b.states[0]).toBe(false);
      restore("b");
      await b.until(() => b.states.includes(true));
      expect(b.link.connected()).toBe(true);
      a.link.publish("n", utf8("after"));
      await b.until(() => b.texts.includes("n=after"));
      expect(b.states).toEqual([false, true]);
    });

    test("hands the last retained value over again after a reconnect, and drops the rest", async () => {
      const { breakOff, restore } = await start();
      const [a, b] = [await join("a"), await join("b")];
      await b.link.subscribe("#");
      a.link.publish(KEPT, utf8("1"), { retain: true });
      await b.until(() => b.texts.includes(`${KEPT}=1`));
      breakOff("a");
      await a.until(() => a.states.includes(false));
      a.link.publish(KEPT, utf8("2"), { retain: true });
      a.link.publish(KEPT, utf8("3"), { retain: true });
      a.link.publish("n", utf8("dropped"));
      restore("a");
      await b.until(() => b.texts.includes(`${KEPT}=3`));
      await marker(a, b);
      expect(b.texts).toEqual([`${KEPT}=1`, `${KEPT}=3`]);
    });

    test("grants a subscription that was asked for while disconnected", async () => {
      const { breakOff, restore } = await start();
      const [a, b] = [await join("a"), await join("b")];
      breakOff("b");
      await b.until(() => b.states.includes(false));
      const granted = b.link.subscribe("n");
      restore("b");
      await granted;
      await b.until(() => b.link.connected());
      a.link.publish("n", utf8("x"));
      await b.until(() => b.texts.includes("n=x"));
      expect(b.texts).toContain("n=x");
    });

    test("cancels a subscription that is waiting when it is closed", async () => {
      const { breakOff } = await start();
      const b = await join("b");
      breakOff("b");
      await b.until(() => b.states.includes(false));
      const refused = expect(b.link.subscribe("n")).rejects.toMatchObject({ kind: "canceled" });
      await b.link.close();
      await refused;
    });

    test("is broken off when another client comes with its id", async () => {
      await start();
      const first = await join("same");
      const second = await join("same");
      await first.until(() => first.states.length > 0);
      expect(first.states[0]).toBe(false);
      await first.link.close();
      await second.until(() => second.link.connected());
      expect(second.link.connected()).toBe(true);
    });
  });
}
