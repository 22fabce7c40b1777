// The ledger of stock services alone: whatever is asked in whatever order, nothing is lost and nothing appears.

import fc from "fast-check";
import { expect, test } from "vitest";
import { type GiveBack, Ledger } from "../../../../firmware/payment/services/ledger.ts";
import { simStore } from "../../../../hal/sim/sim-store.ts";
import { simWorld } from "../../../../hal/sim/world.ts";
import { crypto } from "./stock-bench.ts";

const { clock } = simWorld({ seed: 1 });

function open(store = simStore(), service = "s") {
  return { store, ledger: new Ledger(service, { store: store.store(), clock, crypto }) };
}

const taking = { account: "a", unit: "GBP", mostMinor: 100, isPart: true, worthMinor: 1 };
const ALL: GiveBack = { what: "all" };

test("I2: many debits of one transaction at once are one", async () => {
  const { ledger } = open();
  await ledger.load("a", "GBP", 1000, "k", 1000);
  const asked = Array.from({ length: 8 }, () => ledger.take({ ...taking, transaction: "t/1" }));
  expect(await Promise.all(asked)).toEqual(Array.from({ length: 8 }, () => 100));
  expect(await ledger.balances("a")).toEqual({ GBP: 900 });
});

test("I2: a debit and its reversal at once, in either order, leave the balance as it was", async () => {
  for (const isDebitFirst of [true, false]) {
    const { ledger } = open();
    await ledger.load("a", "GBP", 1000, "k", 1000);
    const debit = () => ledger.take({ ...taking, transaction: "t/1" });
    const back = () => ledger.giveBack("t/1", ALL);
    await Promise.all(isDebitFirst ? [debit(), back()] : [back(), debit()]);
    expect(await ledger.balances("a")).toEqual({ GBP: 1000 });
    expect(await debit()).toBe(0);
  }
});

test("I2: what earned points and was given back as a whole neither earns nor redeems any more", async () => {
  const { ledger } = open();
  await ledger.load("a", "points", 10, "k", 10);
  const at = { transaction: "t/1", account: "a", unit: "points", worthMinor: 1 };
  const earning = { ...at, ofMinor: 500, perMinor: 100 };
  expect(await ledger.earn({ ...earning, step: "s1" })).toEqual({ units: 5, balance: 15 });
  expect(await ledger.giveBack("t/1", ALL)).toBe(0);
  expect(await ledger.balances("a")).toEqual({ points: 10 });
  expect(await ledger.take({ ...at, mostMinor: 5, isPart: true })).toBe(0);
  expect(await ledger.earn({ ...earning, step: "s2" })).toBeUndefined();
});

test("I1: for any run of requests, balance and what is left of debits are what was loaded", async () => {
  const transaction = fc.constantFrom("t/1", "t/2", "t/3");
  const minor = fc.integer({ min: 0, max: 120 });
  const step = fc.constantFrom("s1", "s2");
  const request = fc.oneof(
    fc.record({ is: fc.constant("take" as const), transaction, minor, isPart: fc.boolean() }),
    fc.record({ is: fc.constant("all" as const), transaction }),
    fc.record({ is: fc.constant("part" as const), transaction, minor, step }),
    fc.record({ is: fc.constant("all-but" as const), transaction, minor, step }),
    fc.record({ is: fc.constant("again" as const) }),
  );
  const property = fc.asyncProperty(fc.array(request, { maxLength: 24 }), async (requests) => {
    const { store, ledger: first } = open();
    let ledger = first;
    await ledger.load("a", "GBP", 200, "k", 200);
    for (const one of requests) {
      if (one.is === "again") ledger = new Ledger("s", { store: store.reopen(), clock, crypto });
      if (one.is === "take") {
        const { isPart } = one;
        const got = await ledger.take({ ...taking, ...one, isPart, mostMinor: one.minor });
        expect(got).toBeLessThanOrEqual(200);
      }
      if (one.is === "all") await ledger.giveBack(one.transaction, ALL);
      if (one.is === "part") await ledger.giveBack(one.transaction, { ...one, what: "part" });
      if (one.is === "all-but") {
        await ledger.giveBack(one.transaction, { ...one, what: "all-but", keepMinor: one.minor });
      }
      const left = await Promise.all(["t/1", "t/2", "t/3"].map((name) => ledger.left(name)));
      const { GBP = 0 } = await ledger.balances("a");
      expect(Math.min(GBP, ...left)).toBeGreaterThanOrEqual(0);
      expect(GBP + left.reduce((sum, value) => sum + value, 0)).toBe(200);
    }
  });
  await fc.assert(property, { numRuns: 300 });
});

test("I1: what the disk refuses was not taken, nor said to be; the next one is asked as before", async () => {
  const { store, ledger } = open();
  await ledger.load("a", "GBP", 1000, "k", 1000);
  store.setFull(true);
  await expect(ledger.take({ ...taking, transaction: "t/1" })).rejects.toMatchObject({
    kind: "full",
  });
  await expect(ledger.giveBack("t/1", ALL)).rejects.toMatchObject({ kind: "full" });
  store.setFull(false);
  expect(await ledger.balances("a")).toEqual({ GBP: 1000 });
  expect(await ledger.take({ ...taking, transaction: "t/1" })).toBe(100);
});

test("I2: points of a part of a point come back with the rest of it, never more than were spent", async () => {
  const { ledger } = open();
  await ledger.load("a", "points", 10, "k", 10);
  const asked = { ...taking, unit: "points", worthMinor: 7, mostMinor: 24, transaction: "t/1" };
  expect(await ledger.take(asked)).toBe(21);
  const balances: unknown[] = [await ledger.balances("a")];
  for (const [minor, step] of [
    [10, "s1"],
    [4, "s2"],
    [7, "s3"],
  ] as const) {
    await ledger.giveBack("t/1", { what: "part", minor, step });
    balances.push(await ledger.balances("a"));
  }
  expect(balances).toEqual([{ points: 7 }, { points: 8 }, { points: 9 }, { points: 10 }]);
});

test("I11: entries are bounded; what is still to be given back outlives what is not", async () => {
  const { store, ledger } = open();
  await ledger.load("a", "GBP", 1000, "k", 1000);
  await ledger.take({ ...taking, transaction: "kept/1" });
  for (let n = 0; n < 4_100; n++) await ledger.giveBack(`unheard-${n}/1`, ALL);
  expect(store.durable("account-entry")).toHaveLength(4_000);
  const again = new Ledger("s", { store: store.reopen(), clock, crypto });
  await again.giveBack("one-more/1", ALL);
  expect(store.durable("account-entry")).toHaveLength(4_000);
  expect(await again.giveBack("kept/1", ALL)).toBe(100);
});

test("I11: any name of an account or a transaction is one of a record", async () => {
  const { store, ledger } = open();
  const names = ["", "a b", "\u{1f600}", "../x", "__proto__", "x".repeat(96), "\ud800", "digest:1"];
  for (const [index, name] of names.entries()) {
    expect(await ledger.load(name, "GBP", index + 1, `k${index}`, 1000)).toBe(index + 1);
    expect(await ledger.take({ ...taking, account: name, transaction: name })).toBe(index + 1);
  }
  expect(store.durable("account")).toHaveLength(names.length);
});

test("I11: an account holds a bounded number of currencies", async () => {
  const { ledger } = open();
  const codes = ["AAA", "BBB", "CCC", "DDD", "EEE", "FFF", "GGG", "HHH"];
  for (const code of codes) expect(await ledger.load("a", code, 1, code, 10)).toBe(1);
  expect(await ledger.load("a", "III", 1, "i", 10)).toBeUndefined();
  expect(await ledger.load("a", "AAA", 1, "j", 10)).toBe(2);
});
