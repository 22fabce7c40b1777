// The journal of purchases, which several processes of one identity write at once.

import { describe, expect, test } from "vitest";
import {
  type Purchase,
  Purchases,
  withoutPayer,
  withPayer,
  withStream,
} from "../../../firmware/consumer/purchase.ts";
import { simStore } from "../../../hal/sim/sim-store.ts";
import type { StoreWrite } from "../../../hal/store.ts";

const id = "00".repeat(8);
const quoted: Purchase = {
  id,
  state: "quoted",
  device: "CwgMb0GsGAI",
  name: "Charger by the gate",
  operatorKey: new Uint8Array(32),
  certificate: new Uint8Array([1]),
  offer: new Uint8Array([2]),
  receipts: [],
  sessions: 0,
  bench: true,
};
const receipt = (number: number): Uint8Array => new Uint8Array([number]);

async function journal(first: Purchase = quoted) {
  const sim = simStore();
  const [one, other] = [new Purchases(sim.store()), new Purchases(sim.store())];
  await one.insert(first);
  return { sim, one, other };
}

describe("a purchase", () => {
  test("is put in once, and a second of its id does not take its place", async () => {
    const { one, other } = await journal({ ...quoted, state: "paid", token: receipt(9) });
    expect(await other.insert(quoted)).toBe(false);
    expect(await one.get(id)).toMatchObject({ state: "paid", token: receipt(9) });
  });

  test("that two change at once keeps what both have brought", async () => {
    const { one, other } = await journal();
    const add = (number: number) => (current: Purchase) => ({
      ...current,
      receipts: [...current.receipts, receipt(number)],
    });
    const changed = await Promise.all([one.change(id, add(1)), other.change(id, add(2))]);
    expect(changed.map((now) => now?.receipts.length)).toEqual([1, 2]);
    expect((await one.get(id))?.receipts).toEqual([receipt(1), receipt(2)]);
  });

  test("never goes back a step, nor loses a receipt or the token", async () => {
    const kept = { ...quoted, state: "paid", token: receipt(9), receipts: [receipt(1)] } as const;
    const { one } = await journal(kept);
    const { token: _token, ...tokenless } = kept;
    for (const worse of [
      { ...kept, state: "quoted" as const },
      { ...kept, receipts: [] },
      tokenless,
    ]) {
      await expect(one.change(id, () => worse)).rejects.toThrow(/only ever gains/);
    }
    expect(await one.get(id)).toEqual(kept);
  });

  test("that is paid by the unit remembers how, and takes back nothing that was let go", async () => {
    const byTheUnit = { commitment: receipt(3), step: 4, window: 2 };
    const paying = withPayer(quoted, undefined, byTheUnit);
    expect(paying).toMatchObject({ state: "paying", stream: { ...byTheUnit, released: 0 } });
    const other = { ...byTheUnit, commitment: receipt(4) };
    expect(paying && withPayer(paying, undefined, other)?.stream).toMatchObject(byTheUnit);
    expect(paying && withoutPayer(paying)).toEqual(quoted);
    const paid = { ...quoted, state: "paid", stream: { ...byTheUnit, released: 7 } } as const;
    const next = withStream(paid, { step: 1, window: 0, released: 3 });
    expect(next?.stream).toEqual({ ...byTheUnit, step: 1, window: 0, released: 7 });
    expect(withStream(paid, { step: 4, window: 2, released: 7 })).toBeUndefined();
    expect(withStream(quoted, { step: 4, window: 2, released: 7 })).toBeUndefined();
    const { one } = await journal(paid);
    const less = { ...paid, stream: { ...paid.stream, released: 6 } };
    await expect(one.change(id, () => less)).rejects.toThrow(/only ever gains/);
  });

  test("that is not there, or needs no change, is not written", async () => {
    const { one, sim } = await journal();
    const commits = sim.commits();
    expect(await one.change("11".repeat(8), (current) => current)).toBeUndefined();
    expect(await one.change(id, () => undefined)).toEqual(quoted);
    expect(sim.commits()).toBe(commits);
  });

  test("that somebody else changes all the time is given up, as changed", async () => {
    const { sim, one } = await journal();
    let number = 0;
    const changing = one.change(id, (current) => {
      number += 1;
      const body = JSON.parse(sim.durable("purchase")[0]?.body ?? "");
      sim.corruptBody("purchase", id, JSON.stringify({ ...body, name: `name ${number}` }));
      return { ...current, sessions: number };
    });
    await expect(changing).rejects.toMatchObject({ kind: "changed" });
    expect(number).toBeLessThan(100);
  });
});

describe("a payment that was put off", () => {
  test("by the only payer's device may be made later; that shows", async () => {
    const { one } = await journal();
    expect(await one.change(id, withPayer)).toMatchObject({ state: "paying", payers: 1 });
    expect(await one.change(id, withoutPayer)).toEqual(quoted);
    expect(await one.change(id, withPayer)).toMatchObject({ state: "paying", payers: 1 });
  });

  test("stays under way while another may be paying, in whichever order they are told", async () => {
    const { one, other } = await journal();
    await Promise.all([one.change(id, withPayer), other.change(id, withPayer)]);
    for (const teller of [one, other]) {
      expect(await teller.change(id, withoutPayer)).toMatchObject({ state: "paying", payers: 2 });
    }
  });

  test("stays under way where nobody counted the payers", async () => {
    const { one } = await journal({ ...quoted, state: "paying" });
    expect(await one.change(id, withoutPayer)).toMatchObject({ state: "paying" });
    expect(await one.change(id, withPayer)).toMatchObject({ payers: 2 });
    expect(await one.change(id, withoutPayer)).toMatchObject({ state: "paying" });
    const asserted = one.change(id, (now) => ({ ...now, state: "quoted" }));
    await expect(asserted).rejects.toThrow(/only ever gains/);
  });

  test.each(["failed", "paid", "closed"] as const)("is over when it is %s", async (state) => {
    const { one } = await journal({ ...quoted, state });
    expect(await one.change(id, withPayer)).toMatchObject({ state });
    expect(await one.change(id, withoutPayer)).toMatchObject({ state });
  });
});

test("what is committed beside a purchase happens with it, or neither does", async () => {
  const { sim, one } = await journal();
  const write = (was: string | null): StoreWrite => ({ kind: "beside", id: "x", body: "1", was });
  await one.change(id, withPayer, async () => [write(null)]);
  expect(sim.durable("beside")).toEqual([{ id: "x", body: "1" }]);
  const before = sim.commits();
  expect(await one.change(id, withPayer, async () => undefined)).toMatchObject({ payers: 1 });
  await expect(one.change(id, withPayer, async () => [write(null)])).rejects.toMatchObject({
    kind: "changed",
  });
  expect(sim.commits()).toBe(before);
});
