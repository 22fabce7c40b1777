// What is kept of how outlets run on: written when something new was learnt, read again, and refused when it is not ours.

import { expect, test } from "vitest";
import { readRunOns } from "../../../firmware/producer/run-on-record.ts";
import { simStore } from "../../../hal/sim/sim-store.ts";

const LEARNT = { delayMs: 71.23456, spreadMs: 3.1, stops: 12 };

test("what was learnt is there again, to the microsecond, and each outlet has its own", async () => {
  const store = simStore().store();
  const runOns = await readRunOns(store);
  expect(runOns.of("left")).toBeUndefined();
  const { writes, note } = runOns.plan("left", LEARNT);
  expect(runOns.of("left")).toBeUndefined();
  await store.commit(writes);
  note();
  expect(runOns.of("left")).toEqual(LEARNT);
  const again = await readRunOns(store);
  expect(again.of("left")).toEqual({ ...LEARNT, delayMs: 71.235 });
  expect(again.of("right")).toBeUndefined();
});

test("nothing is written where nothing was learnt", async () => {
  const runOns = await readRunOns(simStore().store());
  expect(runOns.plan("left", undefined).writes).toEqual([]);
  runOns.plan("left", LEARNT).note();
  expect(runOns.plan("left", LEARNT).writes).toEqual([]);
  expect(runOns.plan("right", LEARNT).writes).toHaveLength(1);
  expect(runOns.plan("left", { ...LEARNT, stops: 13 }).writes).toHaveLength(1);
});

test.each([
  { delayUs: 2_000_001, spreadUs: 0, stops: 1 },
  { delayUs: 1, spreadUs: 2_000_001, stops: 1 },
  { delayUs: 1, spreadUs: 0, stops: 0 },
])("a record that cannot be ours is told as such: %o", async (record) => {
  const store = simStore().store();
  const body = JSON.stringify(record);
  await store.commit([{ kind: "run-on", id: "left", body }]);
  await expect(readRunOns(store)).rejects.toMatchObject({ kind: "corrupt" });
});
