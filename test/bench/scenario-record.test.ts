// What was done to a bench, written as a scenario and done again: a sale by hand at one board, and one at another that was
// bought by somebody outside the world, by his frames.

import { beforeAll, describe, expect, test } from "vitest";
import { type Bench, openBench } from "../../bench/bench.ts";
import type { DoneAction } from "../../bench/bench-action.ts";
import { watchFrames } from "../../bench/scenario-frames.ts";
import { watchReceipts } from "../../bench/scenario-receipts.ts";
import { runScenario, type ScenarioReport } from "../../bench/scenario-run.ts";
import { toHex } from "../../firmware/bytes.ts";
import { readScenario } from "../../tools/scenario-file.ts";
import { scenarioText } from "../../tools/scenario-text.ts";
import { CARD, value } from "../sim/story.ts";
import { OutsideBuyer } from "./outside-buyer.ts";

const BOARDS = `
version: 1
about: where it is recorded
seed: 11
network: { lossPerMille: 5, duplicationPerMille: 20 }
boards:
  walkup: { device: boards/virtual-pi-charger.yaml, pulsesPerSecond: 10 }
  charger: { device: boards/virtual-charger.yaml, pulsesPerSecond: 40 }
end: 10 min
`;

interface Recorded {
  text: string;
  frames: string;
  heard: readonly string[];
  done: readonly DoneAction[];
}

function hear(bench: Bench): string[] {
  const heard: string[] = [];
  bench.onPublish(({ clientId, topic, payload, retain }) => {
    heard.push(`${bench.world.nowMs()} ${clientId} ${topic} ${retain} ${toHex(payload)}`);
  });
  return heard;
}

async function record(): Promise<Recorded> {
  const { setup } = value(readScenario(BOARDS, { folder: "." }));
  const bench = await openBench(setup);
  const frames = watchFrames(bench);
  const receipts = watchReceipts(bench);
  const heard = hear(bench);
  const { world } = bench;
  const hand = (action: object): void => {
    expect(bench.act({ board: "walkup", ...action })).toMatchObject({ ok: true });
  };
  await world.runUntil(3_000);
  hand({ do: "clear", interlock: "vehicle" });
  await world.runUntil(5_000.125);
  hand({ do: "tap", card: "visa-test" });
  const buyer = new OutsideBuyer(bench, "charger", 5);
  const { device = "" } = bench.sites.get("charger") ?? {};
  const sale = async () => {
    const { consumer } = buyer;
    value(await consumer.setup());
    const search = { timeoutMs: 5_000, filter: { id: device }, enough: () => true };
    const [found] = value(await consumer.discover(search));
    if (found === undefined) throw new Error("he finds no device");
    const dealer = value(await consumer.init(found));
    const { purchase } = value(await dealer.select({ service: 1, price: 1, units: 1 }));
    value(await dealer.pay(purchase, CARD));
    value(await dealer.begin(purchase, undefined, () => undefined));
    return dealer.settled(purchase, 60_000);
  };
  expect((await buyer.meanwhile(sale(), 300_000)).state).toBe("closed");
  hand({ do: "press", button: "stop" });
  await world.runUntil(world.nowMs() + 30_000);
  const endMs = world.nowMs();
  const done = bench.done();
  const text = scenarioText({ setup, done, endMs, frames: frames(), receipts: receipts() });
  return { text, frames: frames(), heard, done };
}

async function again(text: string): Promise<{ report: ScenarioReport; heard: string[] }> {
  const scenario = value(readScenario(text));
  const bench = await openBench(scenario.setup);
  const heard = hear(bench);
  const listener = { line: () => undefined, finding: () => undefined, progress: () => undefined };
  return { report: await runScenario(scenario, listener, bench), heard };
}

describe("a recording", () => {
  let recorded: Recorded;
  beforeAll(async () => {
    recorded = await record();
  }, 120_000);

  test("I15: done again, twice, is the same frames to the byte and to the millisecond", async () => {
    const { text, frames, heard, done } = recorded;
    const verbs = new Set(done.map(({ action }) => action.do));
    expect(verbs).toEqual(new Set(["clear", "tap", "frame", "press"]));
    expect(heard.length).toBeGreaterThan(20);
    for (const one of [await again(text), await again(text)]) {
      expect(one.heard).toEqual(heard);
      expect(one.report).toMatchObject({ frames, broken: 0 });
    }
    process.stdout.write(`recorded, and done again twice: ${heard.length} frames, ${frames}\n`);
  }, 120_000);

  test("one bit of one frame that differs breaks it", async () => {
    const { text, frames } = recorded;
    const frame = /"payload":"([0-9a-f]+)"/.exec(text)?.[1] ?? "";
    const spoilt = `${frame.slice(0, -1)}${frame.endsWith("0") ? "1" : "0"}`;
    const { report } = await again(text.replace(frame, spoilt));
    expect(report.frames).not.toBe(frames);
    expect(report.broken).toBeGreaterThan(0);
  }, 120_000);

  test("so does another seed", async () => {
    const { report } = await again(recorded.text.replace("seed: 11", "seed: 12"));
    expect(report.broken).toBeGreaterThan(0);
  }, 120_000);

  test("is a scenario of the same boards as were recorded", () => {
    const { setup } = value(readScenario(BOARDS, { folder: "." }));
    expect(value(readScenario(recorded.text)).setup).toEqual(setup);
  });
});

test("I15: a sale that puts nothing on the wire is held by its receipts", async () => {
  const boards = BOARDS.replace(/ {2}charger: .*\n/, "");
  const { setup } = value(readScenario(boards, { folder: "." }));
  const bench = await openBench(setup);
  const [frames, receipts] = [watchFrames(bench), watchReceipts(bench)];
  const { world } = bench;
  const actions = [
    { do: "clear", interlock: "vehicle" },
    { do: "tap", card: "visa-test" },
    { do: "press", button: "stop" },
  ];
  for (const action of actions) {
    await world.runFor(3_000.125);
    expect(bench.act(action)).toMatchObject({ ok: true });
  }
  await world.runFor(30_000);
  const [done, endMs] = [bench.done(), world.nowMs()];
  const text = scenarioText({ setup, done, endMs, frames: frames(), receipts: receipts() });
  expect(frames()).toBe("0".repeat(64));
  expect(text.match(/"is":"receipt"/g)).toHaveLength(2);
  expect((await again(text)).report).toMatchObject({ broken: 0 });
  // A moment later is another sale.
  const pressedMs = done.at(-1)?.atMs ?? 0;
  const later = text.replace(`"at":"${pressedMs} ms"`, `"at":"${pressedMs + 200} ms"`);
  expect(later).not.toBe(text);
  expect((await again(later)).report.broken).toBeGreaterThan(0);
}, 120_000);
