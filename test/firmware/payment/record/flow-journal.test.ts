// Tenders on disk.

import { beforeEach, describe, expect, test } from "vitest";
import "../../../../firmware/payment/model/data-value.ts";
import {
  openTenderJournal,
  type Tender,
  type TenderJournal,
} from "../../../../firmware/payment/record/flow-journal.ts";
import { type SimStore, simStore } from "../../../../hal/sim/sim-store.ts";

let disk: SimStore;
let journal: TenderJournal;
beforeEach(() => {
  disk = simStore();
  journal = openTenderJournal(disk.store());
});

function tender(flow: string, n: number, more: Partial<Tender> = {}): Tender {
  return {
    flow,
    transaction: `${flow}/1`,
    n,
    service: "points",
    method: "points",
    amounts: { currency: "GBP", base: 500, additional: { tip: 10 } },
    references: { authCode: { is: "text", value: "A1" } },
    state: "taken",
    atMs: 1_767_225_600_000,
    ...more,
  };
}

describe("tenders", () => {
  test("I1: are durable when saved, and come back whole after a cut", async () => {
    await journal.save(tender("a", 1));
    await journal.save(tender("b", 1, { state: "owed" }));
    journal = openTenderJournal(disk.reopen());
    expect(await journal.list()).toEqual([tender("a", 1), tender("b", 1, { state: "owed" })]);
    expect(await journal.list("b")).toEqual([tender("b", 1, { state: "owed" })]);
    expect(await journal.list("c")).toEqual([]);
  });

  test("the same flow and number again is a change, in order of the numbers", async () => {
    for (const n of [10, 2, 1]) await journal.save(tender("a", n));
    await journal.save(tender("a", 2, { state: "undone" }));
    expect((await journal.list("a")).map(({ n, state }) => [n, state])).toEqual([
      [1, "taken"],
      [2, "undone"],
      [10, "taken"],
    ]);
  });

  test("those of a flow go together, in one commit, and no other's", async () => {
    for (const flow of ["a", "a1"]) for (const n of [1, 2]) await journal.save(tender(flow, n));
    const before = disk.commits();
    await journal.remove("a");
    expect(disk.commits() - before).toBe(1);
    expect((await journal.list()).map(({ flow }) => flow)).toEqual(["a1", "a1"]);
    await journal.remove("a");
    expect(disk.commits() - before).toBe(1);
  });

  test("a flow's id may be any text", async () => {
    const odd = ["ä/€", "a b", "\ud800", "x".repeat(48), "€".repeat(16), ""];
    for (const flow of odd) await journal.save(tender(flow, 1, { transaction: "t" }));
    expect((await journal.list()).length).toBe(odd.length);
    for (const flow of odd) await journal.remove(flow);
    expect(await journal.list()).toEqual([]);
  });

  test("a damaged record is not passed over: somebody's money stands in it", async () => {
    await journal.save(tender("a", 1));
    disk.corruptBody("tender", "a/0001", "{}");
    await expect(journal.list()).rejects.toMatchObject({ kind: "corrupt" });
  });
});
