// The contract of the Store port, run on every implementation.

import { describe, expect, test } from "vitest";
import type { Store } from "../../hal/store.ts";

export interface StoreUnderTest {
  store: Store;
  /** Closes what is open and opens the same content again. */
  reopen(): Promise<Store>;
  /** Gives the disk back. */
  dispose(): Promise<void>;
}

async function refusal(promise: Promise<unknown>): Promise<unknown> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return (error as { kind?: unknown } | undefined)?.kind;
}

export function describeStore(name: string, open: () => Promise<StoreUnderTest>): void {
  const check = (behaviour: string, body: (under: StoreUnderTest) => Promise<void>): void => {
    test(behaviour, async () => {
      const under = await open();
      try {
        await body(under);
      } finally {
        await under.dispose();
      }
    });
  };

  describe(`Store on ${name}`, () => {
    check("gives back what was committed, and undefined for what was not", async ({ store }) => {
      await store.commit([{ kind: "order", id: "a", body: '{"units":1}' }]);
      expect(await store.get("order", "a")).toBe('{"units":1}');
      expect(await store.get("order", "b")).toBeUndefined();
      expect(await store.get("session", "a")).toBeUndefined();
    });

    check(
      "replaces and removes records in one commit, the last write counting",
      async ({ store }) => {
        await store.commit([
          { kind: "order", id: "a", body: "1" },
          { kind: "order", id: "b", body: "2" },
        ]);
        await store.commit([
          { kind: "order", id: "a", body: "3" },
          { kind: "order", id: "b", body: null },
          { kind: "order", id: "a", body: "4" },
          { kind: "order", id: "never-there", body: null },
        ]);
        expect(await store.list("order")).toEqual([{ id: "a", body: "4" }]);
      },
    );

    check("lists one kind by id, in the order of UTF-8", async ({ store }) => {
      const ids = ["b", "a10", "a", "é", "\u{1F600}", "\uFF5E", "A"];
      await store.commit(ids.map((id) => ({ kind: "order", id, body: id })));
      await store.commit([{ kind: "other", id: "z", body: "z" }]);
      const listed = (await store.list("order")).map(({ id }) => id);
      expect(listed).toEqual(["A", "a", "a10", "b", "é", "\uFF5E", "\u{1F600}"]);
      expect(await store.list("nothing")).toEqual([]);
    });

    check("keeps everything over a reopening", async ({ store, reopen }) => {
      await store.commit([{ kind: "order", id: "a", body: "kept \u0000 é \u{1F600}" }]);
      const again = await reopen();
      expect(await again.get("order", "a")).toBe("kept \u0000 é \u{1F600}");
    });

    check("keeps the order of commits that were handed over together", async ({ store }) => {
      const commits: Promise<void>[] = [];
      for (let i = 0; i < 200; i++) {
        commits.push(store.commit([{ kind: "count", id: "a", body: String(i) }]));
      }
      expect(await store.get("count", "a")).toBe("199");
      await Promise.all(commits);
    });

    check("does not see what the caller changes afterwards", async ({ store }) => {
      const write = { kind: "order", id: "a", body: "before" };
      const done = store.commit([write]);
      write.body = "after";
      await done;
      expect(await store.get("order", "a")).toBe("before");
    });

    check("writes over what was read only while it is still there", async ({ store }) => {
      await store.commit([{ kind: "order", id: "a", body: "1", was: null }]);
      await store.commit([{ kind: "order", id: "a", body: "2", was: "1" }]);
      for (const was of ["1", null]) {
        const late = store.commit([
          { kind: "order", id: "b", body: "beside it" },
          { kind: "order", id: "a", body: "3", was },
        ]);
        expect(await refusal(late)).toBe("changed");
      }
      expect(await refusal(store.commit([{ kind: "order", id: "c", body: "1", was: "0" }]))).toBe(
        "changed",
      );
      expect(await store.list("order")).toEqual([{ id: "a", body: "2" }]);
      await store.commit([{ kind: "order", id: "a", body: null, was: "2" }]);
      expect(await store.list("order")).toEqual([]);
    });

    check("lets one of several win that change the same record at once", async ({ store }) => {
      await store.commit([{ kind: "order", id: "a", body: "start" }]);
      const commits = ["1", "2", "3"].map((body) =>
        refusal(store.commit([{ kind: "order", id: "a", body, was: "start" }])),
      );
      const other = store.commit([{ kind: "order", id: "b", body: "unharmed" }]);
      expect(await Promise.all(commits)).toEqual([undefined, "changed", "changed"]);
      await other;
      expect(await store.list("order")).toEqual([
        { id: "a", body: "1" },
        { id: "b", body: "unharmed" },
      ]);
    });

    check("takes an empty commit", async ({ store }) => {
      await store.commit([]);
      expect(await store.list("order")).toEqual([]);
    });

    check("refuses a kind or an id out of bounds, and then writes nothing", async ({ store }) => {
      const good = { kind: "order", id: "good", body: "1" };
      for (const bad of [
        { kind: "Order", id: "a", body: "1" },
        { kind: "o".repeat(33), id: "a", body: "1" },
        { kind: "order", id: "", body: "1" },
        { kind: "order", id: "a".repeat(129), body: "1" },
        { kind: "order", id: "line\nend", body: "1" },
        { kind: "order", id: "\ud800", body: "1" },
      ]) {
        await expect(store.commit([good, bad])).rejects.toThrow(/cannot be/);
      }
      expect(await store.list("order")).toEqual([]);
    });

    check("finishes commits under way when closed, and cancels later calls", async (under) => {
      const { store } = under;
      const last = store.commit([{ kind: "order", id: "a", body: "1" }]);
      await store.close();
      await store.close();
      await last;
      expect(await refusal(store.get("order", "a"))).toBe("canceled");
      expect(await refusal(store.list("order"))).toBe("canceled");
      expect(await refusal(store.commit([{ kind: "order", id: "b", body: "1" }]))).toBe("canceled");
      const again = await under.reopen();
      expect(await again.list("order")).toEqual([{ id: "a", body: "1" }]);
    });
  });
}
