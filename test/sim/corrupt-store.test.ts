// What a failing memory card may give back: a device does not start on books that it cannot read whole, names the
// record, and writes nothing; the same for a consumer's journal.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Site } from "../../bench/site.ts";
import { HalError } from "../../hal/hal-error.ts";
import { openSqliteStore } from "../../hal/linux/sqlite-store.ts";
import { seededRandom } from "../../hal/sim/random.ts";
import type { SimStore } from "../../hal/sim/sim-store.ts";
import { simStore } from "../../hal/sim/sim-store.ts";
import { mutatedJson } from "../support/mutations.ts";
import { deal, paid, story, value, wait } from "./story.ts";

/** A device that has sold, one order still paid, and its power off. */
async function soldAndOff(): Promise<Site> {
  return story(async (met) => {
    value(await met.dealer.begin(await paid(met), undefined, () => undefined));
    await paid(met, 2);
    await wait(met.site, 3_000);
    met.site.cut();
  });
}

function disk(store: SimStore): string {
  return JSON.stringify(["device", "order", "receipt"].map((kind) => store.durable(kind)));
}

/** Starts the device on its books as they are: what it says of them, undefined when it starts. */
async function startTrouble(site: Site): Promise<HalError | undefined> {
  // It reads in virtual time, which goes on only while the world is run.
  void site.powerOn();
  await site.world.runFor(1_000);
  const [trouble] = site.bugs.splice(0);
  site.cut();
  if (trouble === undefined) return undefined;
  if (trouble instanceof HalError) return trouble;
  throw trouble;
}

/** Broken in a way that every record must notice. */
const BROKEN: readonly [string, (body: string) => string][] = [
  ["cut short", (body) => body.slice(0, body.length / 2)],
  ["empty", () => ""],
  ["garbage", () => "\u0000\u00ff%$\u0000"],
  ["not an object", () => "[1,2,3]"],
  ["null", () => "null"],
  ["a foreign record", () => '{"name":"somebody else\'s","version":7}'],
  ["a number too large", (body) => body.replace(/:\d+/, ":1e300")],
];

describe("the device's books", () => {
  for (const record of ["device", "order"]) {
    test.each(BROKEN)(
      `a ${record} record that is %s: not started, named, nothing written`,
      async (_, spoil) => {
        const site = await soldAndOff();
        const [one] = site.store.durable(record);
        if (one === undefined) throw new Error(`no ${record}`);
        site.store.corruptBody(record, one.id, spoil(one.body));
        const before = disk(site.store);
        const trouble = await startTrouble(site);
        expect(trouble?.kind).toBe("corrupt");
        expect(trouble?.message).toContain(`${record} ${one.id}`);
        expect(disk(site.store)).toBe(before);
        expect(site.board.metal.outlet("socket-1").contact).toBe(false);
        site.store.corruptBody(record, one.id, one.body);
        expect(await startTrouble(site)).toBeUndefined();
      },
    );
  }

  test("a receipt that is still to be told: the same; a read error of any kind: the same", async () => {
    const site = await story(async (met) => {
      value(await met.dealer.begin(await paid(met, 2), 1, () => undefined));
      met.site.cut();
    });
    const [receipt] = site.store.durable("receipt");
    if (receipt === undefined) throw new Error("no receipt");
    site.store.corruptBody("receipt", receipt.id, receipt.body.slice(0, 20));
    const trouble = await startTrouble(site);
    expect([trouble?.kind, trouble?.message]).toEqual([
      "corrupt",
      expect.stringContaining(`receipt ${receipt.id}`),
    ]);
    site.store.corruptBody("receipt", receipt.id, receipt.body);
    for (const kind of ["device", "order", "receipt"]) {
      site.store.setUnreadable(kind);
      expect((await startTrouble(site))?.kind).toBe("corrupt");
    }
    site.store.setUnreadable(undefined);
    expect(await startTrouble(site)).toBeUndefined();
  });

  test("spoilt by chance, 300 times: it starts, or refuses and writes nothing; never a bug of ours", async () => {
    const site = await soldAndOff();
    const random = seededRandom(4, "books");
    const all = ["device", "order", "receipt"].flatMap((kind) =>
      site.store.durable(kind).map((one) => ({ kind, ...one })),
    );
    let refused = 0;
    for (let i = 0; i < 300; i++) {
      const one = all[random.below(all.length)];
      if (one === undefined) throw new Error("no records");
      site.store.corruptBody(one.kind, one.id, mutatedJson(one.body, random));
      const before = disk(site.store);
      const trouble = await startTrouble(site);
      if (trouble !== undefined) {
        refused += 1;
        expect(trouble.kind).toBe("corrupt");
        expect(disk(site.store)).toBe(before);
      }
      for (const { kind, id, body } of all) site.store.corruptBody(kind, id, body);
    }
    expect(refused).toBeGreaterThan(50);
  }, 60_000);
});

describe("a consumer's journal", () => {
  test.each(BROKEN)(
    "a purchase that is %s: corrupt, named, and nothing written",
    async (_, spoil) => {
      const store = simStore();
      await story(async (met) => {
        const consumer = await met.site.consumer("b", store);
        const again = { ...met, consumer, dealer: await deal(met.site, consumer) };
        const { id, ...purchase } = await paid(again);
        const [kept] = store.durable("purchase");
        store.corruptBody("purchase", id, spoil(kept?.body ?? ""));
        const before = JSON.stringify(store.durable("purchase"));
        const trouble = await again.dealer
          .begin({ id, ...purchase }, undefined, () => undefined)
          .then(
            () => undefined,
            (error: unknown) => error,
          );
        expect(trouble).toBeInstanceOf(HalError);
        expect(String(trouble)).toContain(`purchase ${id}`);
        expect(JSON.stringify(store.durable("purchase"))).toBe(before);
      });
    },
  );
});

describe("the file itself", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-corrupt-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function filled(name: string): Promise<string> {
    const path = join(folder, name);
    const store = await openSqliteStore(path);
    for (let i = 0; i < 40; i++) {
      await store.commit([{ kind: "order", id: `o${i}`, body: "x".repeat(900) }]);
    }
    await store.close();
    return path;
  }

  /** Opens and reads all: the trouble, or undefined. */
  async function readTrouble(path: string): Promise<HalError | undefined> {
    try {
      const store = await openSqliteStore(path);
      try {
        await store.list("order");
        return undefined;
      } finally {
        await store.close();
      }
    } catch (error) {
      if (error instanceof HalError) return error;
      throw error;
    }
  }

  test.each<[string, (bytes: Uint8Array) => Uint8Array]>([
    ["whose head is garbage", (bytes) => bytes.map((byte, i) => (i < 100 ? 0x55 : byte))],
    ["that is text", () => new TextEncoder().encode("these are no orders\n".repeat(50))],
    ["whose pages are garbage", (bytes) => bytes.map((byte, i) => (i < 4096 ? byte : 0xa5))],
    ["that was cut short", (bytes) => bytes.slice(0, 8192)],
  ])("a file %s: corrupt, and it names the file", async (name, spoil) => {
    const path = await filled(`${name.replaceAll(" ", "-")}.db`);
    writeFileSync(path, spoil(readFileSync(path)));
    const trouble = await readTrouble(path);
    expect(trouble?.kind).toBe("corrupt");
    expect(trouble?.message).toContain(path);
  });

  test("a whole file is read", async () => {
    expect(await readTrouble(await filled("whole.db"))).toBeUndefined();
  });
});
