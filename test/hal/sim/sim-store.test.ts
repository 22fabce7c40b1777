// What the simulated store promises beyond the port: power cuts at every commit, and faults on demand.

import { describe, expect, test } from "vitest";
import { simStore } from "../../../hal/sim/sim-store.ts";
import { simWorld } from "../../../hal/sim/world.ts";

const one = [{ kind: "order", id: "a", body: "1" }];
const two = [{ kind: "order", id: "b", body: "2" }];

/** Whether a promise has settled, after everything that could run has run. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  const mark = (): void => {
    done = true;
  };
  promise.then(mark, mark);
  await new Promise((resolve) => setImmediate(resolve));
  return done;
}

describe("simulated store", () => {
  test.each([
    ["before", []],
    ["after", [{ id: "b", body: "2" }]],
  ] as const)(
    "I10: a cut %s a commit tells nobody, and the disk says what happened",
    async (at, kept) => {
      let commits = 0;
      const sim = simStore({
        onCommit: (phase) => {
          if (phase === "before") commits++;
          if (phase === at && commits === 2) sim.crash();
        },
      });
      const store = sim.store();
      await store.commit(one);
      const pending = [store.commit(two), store.get("order", "a"), store.close()];
      for (const promise of pending) expect(await settled(promise)).toBe(false);
      const later = [store.commit(one), store.list("order"), store.get("order", "a")];
      for (const promise of later) expect(await settled(promise)).toBe(false);
      expect(await sim.reopen().list("order")).toEqual([{ id: "a", body: "1" }, ...kept]);
      expect(sim.commits()).toBe(1 + kept.length);
    },
  );

  test("takes its time by the clock, and a cut in that time undoes the commit", async () => {
    const world = simWorld({ seed: 1 });
    const sim = simStore({ clock: world.clock, latencyMs: 200 });
    let doneAtMs = 0;
    const first = sim.store().commit(one);
    void first.then(() => {
      doneAtMs = world.nowMs();
    });
    await world.runFor(199);
    expect([doneAtMs, sim.durable("order").length]).toEqual([0, 0]);
    await world.runFor(1);
    expect([doneAtMs, sim.durable("order").length]).toEqual([200, 1]);
    const lost = sim.store().commit(two);
    await world.runFor(100);
    const again = sim.reopen();
    await world.runFor(10_000);
    expect(await settled(lost)).toBe(false);
    const listing = again.list("order");
    await world.runFor(200);
    expect(await listing).toEqual([{ id: "a", body: "1" }]);
  });

  test("is full on demand, and writes nothing then", async () => {
    const sim = simStore();
    sim.setFull(true);
    await expect(sim.store().commit(one)).rejects.toMatchObject({ name: "HalError", kind: "full" });
    sim.setFull(false);
    await sim.store().commit(two);
    expect(sim.durable("order")).toEqual([{ id: "b", body: "2" }]);
  });

  test("cannot be read on demand, or gives back other text than was written", async () => {
    const sim = simStore();
    await sim.store().commit(one);
    sim.setUnreadable("order");
    await expect(sim.store().get("order", "a")).rejects.toMatchObject({ kind: "corrupt" });
    await expect(sim.store().list("order")).rejects.toMatchObject({ kind: "corrupt" });
    expect(await sim.store().list("session")).toEqual([]);
    sim.setUnreadable(undefined);
    sim.corruptBody("order", "a", '{"uni');
    expect(await sim.store().get("order", "a")).toBe('{"uni');
  });
});
