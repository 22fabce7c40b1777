// What the simulated broker promises beyond the port: a bad network by seeded chance, and power cuts.

import { describe, expect, test } from "vitest";
import { fromUtf8, utf8 } from "../../../firmware/bytes.ts";
import type { Link } from "../../../hal/link.ts";
import { type SimNetwork, simBroker } from "../../../hal/sim/sim-link.ts";
import { topicMatches, validFilter } from "../../../hal/sim/topic-filter.ts";
import { simWorld } from "../../../hal/sim/world.ts";

function collect(link: Link): string[] {
  const texts: string[] = [];
  link.onMessage(({ payload }) => texts.push(fromUtf8(payload) ?? "?"));
  return texts;
}

/** What arrives of 1,000 numbers sent one a millisecond. */
async function arrivals(seed: number, network: Partial<SimNetwork>): Promise<string[]> {
  const world = simWorld({ seed });
  const broker = simBroker({ clock: world.clock, random: world.random, network });
  const [a, b] = [broker.connect("a"), broker.connect("b")];
  const texts = collect(b);
  const granted = b.subscribe("n");
  await world.runFor(1_000);
  await granted;
  for (let i = 0; i < 1000; i++) {
    a.publish("n", utf8(String(i)));
    await world.runFor(1);
  }
  await world.runFor(10_000);
  return texts;
}

describe("simulated network", () => {
  const inOrder = (texts: readonly string[]): boolean =>
    texts.every((text, i) => i === 0 || Number(texts[i - 1]) <= Number(text));

  test("loses about as many as it is told, and keeps the order", async () => {
    const texts = await arrivals(1, { lossPerMille: 300, delayMs: [0, 40] });
    expect(texts.length).toBeGreaterThan(640);
    expect(texts.length).toBeLessThan(760);
    expect(inOrder(texts)).toBe(true);
  });

  test("doubles about as many as it is told", async () => {
    const texts = await arrivals(2, { duplicationPerMille: 200 });
    expect(texts.length).toBeGreaterThan(1140);
    expect(texts.length).toBeLessThan(1260);
    expect(new Set(texts).size).toBe(1000);
  });

  test("lets messages overtake each other only when told so", async () => {
    expect(inOrder(await arrivals(3, { delayMs: [0, 40] }))).toBe(true);
    const texts = await arrivals(3, { delayMs: [0, 40], reorderingPerMille: 100 });
    expect(inOrder(texts)).toBe(false);
    expect([...texts].sort((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 1000 }, (_, i) => String(i)),
    );
  });

  test("I15: does the same again with the same seed, and something else with another", async () => {
    const bad = { lossPerMille: 100, duplicationPerMille: 100, reorderingPerMille: 100 };
    const first = await arrivals(4, bad);
    expect(await arrivals(4, bad)).toEqual(first);
    expect(await arrivals(5, bad)).not.toEqual(first);
  });

  test("takes the delay it is told", async () => {
    const world = simWorld({ seed: 1 });
    const broker = simBroker({ clock: world.clock });
    const [a, b] = [broker.connect("a"), broker.connect("b")];
    void b.subscribe("n");
    await world.runFor(1);
    broker.setNetwork({ delayMs: [250, 250] });
    const texts = collect(b);
    a.publish("n", utf8("x"));
    await world.runFor(249);
    expect(texts).toEqual([]);
    await world.runFor(1);
    expect(texts).toEqual(["x"]);
  });
});

describe("power cuts at a simulated link", () => {
  test.each([
    ["before", []],
    ["after", ["x"]],
  ] as const)("a cut %s a publish leaves the handle dead and the will behind", async (at, sent) => {
    const world = simWorld({ seed: 1 });
    const broker = simBroker({
      clock: world.clock,
      onPublish: (phase, { clientId }) => {
        if (phase === at && clientId === "a") broker.cut("a");
      },
    });
    const a = broker.connect("a", { topic: "presence", payload: utf8("away") });
    const b = broker.connect("b");
    const [fromA, fromB, states] = [collect(a), collect(b), [] as boolean[]];
    a.onState((connected) => states.push(connected));
    void Promise.all([a.subscribe("#"), b.subscribe("#")]);
    await world.runFor(1);
    a.publish("n", utf8("x"));
    a.publish("n", utf8("dead men tell no tales"));
    await world.runFor(1_000);
    expect([...fromB].sort()).toEqual([...sent, "away"].sort());
    expect([fromA, states, a.connected()]).toEqual([[], [], false]);
    expect(fromUtf8(broker.retained("presence") ?? new Uint8Array())).toBe("away");
    const again = broker.connect("a");
    expect(again.connected()).toBe(true);
  });

  test("what was under way when the connection broke never arrives", async () => {
    const world = simWorld({ seed: 1 });
    const broker = simBroker({ clock: world.clock });
    const [a, b] = [broker.connect("a"), broker.connect("b")];
    void b.subscribe("n");
    await world.runFor(1);
    broker.setNetwork({ delayMs: [100, 100] });
    const texts = collect(b);
    a.publish("n", utf8("1"));
    await world.runFor(50);
    broker.disconnect("b");
    broker.reconnect("b");
    a.publish("n", utf8("2"));
    await world.runFor(1_000);
    expect(texts).toEqual(["2"]);
  });
});

describe("topic filters", () => {
  test("match as MQTT 3.1.1 says", () => {
    const rows: [string, string, boolean][] = [
      ["a/b", "a/b", true],
      ["a/b", "a/b/", false],
      ["a/+", "a/b", true],
      ["a/+", "a", false],
      ["a/+", "a/", true],
      ["a/+", "a/b/c", false],
      ["a/#", "a", true],
      ["a/#", "a/b/c", true],
      ["#", "a/b", true],
      ["#", "$SYS/a", false],
      ["+/a", "$SYS/a", false],
      ["$SYS/#", "$SYS/a", true],
      ["+/+", "/a", true],
      ["+", "/a", false],
    ];
    for (const [filter, topic, expected] of rows) {
      expect([filter, topic, topicMatches(filter, topic)]).toEqual([filter, topic, expected]);
    }
    const filters = ["a/#/b", "a#", "a/b+", "", "#", "+/a/+", "a//b"];
    expect(filters.filter(validFilter)).toEqual(["#", "+/a/+", "a//b"]);
  });
});
