// The bench as a user's test has it: devices out of files, buyers, what is done by hand, and a witness that sees what is wrong.

import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { BenchWitness } from "../../bench/assertions.ts";
import { openBench } from "../../bench/bench.ts";
import { virtualCharger } from "../../boards/virtual-charger.ts";
import { readDeviceFile } from "../../tools/device-file.ts";
import { openTestBench, type TestBench } from "../../tools/package-bench.ts";

const file = (name: string): string =>
  fileURLToPath(new URL(`../../boards/${name}`, import.meta.url));
const CHARGER = { file: file("virtual-charger.yaml"), pulsesPerSecond: 40 };
const SALE = { service: 1, price: 1, units: 1 };

function open(seed = 1): Promise<TestBench> {
  return openTestBench({ seed, devices: { charger: CHARGER } });
}

test("I15: the same seed and the same calls are the same sale, and another seed another", async () => {
  const frames = async (seed: number): Promise<string[]> => {
    const bench = await open(seed);
    const heard: string[] = [];
    bench.onEvent((event) => {
      if (event.is === "frame") heard.push(`${event.atMs} ${event.topic} ${event.payload}`);
    });
    expect(await bench.buy(SALE)).toMatchObject({ done: true, faults: [] });
    return heard;
  };
  const first = await frames(1);
  expect(first.length).toBeGreaterThan(10);
  expect(await frames(1)).toEqual(first);
  expect(await frames(2)).not.toEqual(first);
});

test("buyers of different names are different people, and one buys again", async () => {
  const bench = await open();
  const sold = [];
  for (const buyer of ["anna", "anna", "bert"]) sold.push(await bench.buy({ ...SALE, buyer }));
  expect(new Set(sold.map(({ order }) => order)).size).toBe(3);
  expect((await (await bench.buyer("anna")).purchases.list()).length).toBe(2);
  expect(bench.device().money).toMatchObject([{ capturedMinor: 3 * 45 }]);
  expect(await bench.violations()).toEqual([]);
});

test("steps of one's own: a dealer selects, and time goes by until he has an answer", async () => {
  const bench = await open();
  const dealer = await bench.dealer("anna");
  const selected = await bench.run(() => dealer.select({ ...SALE, units: 2 }));
  expect(selected.ok && selected.value.purchase.state).toBe("quoted");
});

test("a fault breaks what it breaks: the sale ends with its reason, and the books balance all the same", async () => {
  const bench = await open();
  bench.after(10_000, () => void bench.act("break", { fault: "stuck-meter", target: "socket-1" }));
  const { done, receipts } = await bench.buy(SALE);
  expect(done).toBe(true);
  expect(receipts[0]).toMatchObject({ is: "session", reason: "meter-stuck" });
  expect(await bench.violations()).toEqual([]);
});

test("time stands until the test lets it go by", async () => {
  const bench = await open();
  const nowMs = bench.nowMs();
  await bench.runFor(60_000);
  expect(bench.nowMs()).toBe(nowMs + 60_000);
  expect(await bench.runUntil(() => bench.nowMs() > nowMs + 70_000, 1_000)).toBe(false);
  expect(await bench.runUntil(() => bench.device().ready, 1_000)).toBe(true);
});

test("what is asked for wrongly is refused in words", async () => {
  const bench = await open();
  expect(() => bench.act("break", { fault: "gremlins" })).toThrow(/fault/);
  expect(() => bench.device("pump")).toThrow("name a device of this bench: charger");
  await expect(openTestBench({ devices: { a: { file: "nowhere.yaml" } } })).rejects.toThrow(
    /a: device file nowhere.yaml: there is none/,
  );
  await expect(
    openTestBench({ devices: { a: { file: file("pi-charger.yaml") } } }),
  ).rejects.toThrow(/names a real board: try it on one of virtual-pi-charger, /);
});

test("the witness sees what flowed unpaid, but not where a hand broke the metal", async () => {
  const read = readDeviceFile(CHARGER.file);
  if (!read.ok) throw new Error(read.fault.message);
  const boards = [{ id: "charger", board: virtualCharger, config: read.value }];
  const bench = await openBench({ seed: 1, boards });
  const witness = new BenchWitness(bench, boards);
  await bench.world.runFor(1_000);
  expect(await witness.violations(false)).toEqual([]);
  bench.sites.get("charger")?.board.metal.setFaults("socket-2", { leakPulsesPerSecond: 1 });
  await bench.world.runFor(10_000);
  expect(await witness.violations(false)).toEqual([
    expect.stringMatching(/^charger: I10: \d+ flowed and 0 are accounted for/),
  ]);
  witness.broke("charger", "socket-2");
  expect(await witness.violations(false)).toEqual([]);
});
