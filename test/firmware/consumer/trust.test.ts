// Whom a consumer trusts: operators given by hand, and those pinned at first use.

import { describe, expect, test } from "vitest";
import { fingerprint, Trust } from "../../../firmware/consumer/trust.ts";
import { thumbprint } from "../../../firmware/token/signed.ts";
import { simStore } from "../../../hal/sim/sim-store.ts";
import { crypto } from "../../support/sale.ts";

const keyOf = (fill: number): Uint8Array => crypto.signer(new Uint8Array(32).fill(fill)).publicKey;
const [ours, theirs] = [keyOf(1), keyOf(2)];
const device = "CwgMb0GsGAI";
const name = "Charger by the gate";
const pin = { device, name, operatorKey: ours };
const changedKey = { ok: false, fault: { kind: "key-changed", at: "operatorKey" } };

async function trusting(...given: Uint8Array[]) {
  const sim = simStore();
  const trust = await Trust.open(sim.store(), crypto, given);
  const again = (...more: Uint8Array[]) => Trust.open(sim.store(), crypto, more);
  return { trust, again, sim };
}

describe("without any key", () => {
  test("nobody is trusted, and nobody is refused for having another", async () => {
    const { trust } = await trusting();
    expect(trust.operator(thumbprint(crypto, ours))).toBeUndefined();
    expect(trust.strict).toBe(false);
    expect(trust.pinned(device)).toBe(false);
    expect(trust.check(device, name, ours)).toMatchObject({ ok: true });
  });
});

describe("pinned at first use", () => {
  test("an operator is trusted, also by the next process", async () => {
    const { trust, again } = await trusting();
    await trust.pin(pin);
    for (const one of [trust, await again()]) {
      expect(one.operator(thumbprint(crypto, ours))).toEqual(ours);
      expect(one.operator(thumbprint(crypto, theirs))).toBeUndefined();
      expect(one.pinned(device)).toBe(true);
      expect(one.strict).toBe(false);
      expect(one.check(device, name, ours)).toMatchObject({ ok: true });
    }
  });

  test("a device is refused under another operator, and so is another device of its name", async () => {
    const { trust, again } = await trusting();
    await trust.pin(pin);
    for (const one of [trust, await again()]) {
      expect(one.check(device, name, theirs)).toMatchObject(changedKey);
      expect(one.check(device, "renamed", theirs)).toMatchObject(changedKey);
      expect(one.check("AAAAAAAAAAA", name, theirs)).toMatchObject(changedKey);
      expect(one.check("AAAAAAAAAAA", "another", theirs)).toMatchObject({ ok: true });
      expect(one.check("AAAAAAAAAAA", name, ours)).toMatchObject({ ok: true });
    }
  });

  test("a changed key is taken from the hand of whoever names it, and from nobody else", async () => {
    const { trust, again } = await trusting();
    await trust.pin(pin);
    const told = await again(theirs);
    expect(told.check(device, name, theirs)).toMatchObject({ ok: true });
    expect(told.check(device, name, keyOf(3))).toMatchObject(changedKey);
  });

  test("the refusal shows the fingerprint that was known", async () => {
    const { trust } = await trusting();
    await trust.pin(pin);
    const result = trust.check(device, name, theirs);
    expect(result.ok || result.fault.message).toContain(fingerprint(ours, crypto));
    expect(fingerprint(ours, crypto)).toMatch(/^[0-9a-f]{4}(-[0-9a-f]{4}){3}$/);
    expect(fingerprint(ours, crypto)).not.toBe(fingerprint(theirs, crypto));
  });
});

describe("with operators given by hand", () => {
  test("they are trusted, and nothing is to be pinned by itself", async () => {
    const { trust } = await trusting(ours, theirs);
    expect(trust.strict).toBe(true);
    expect(trust.operator(thumbprint(crypto, ours))).toEqual(ours);
    expect(trust.operator(thumbprint(crypto, theirs))).toEqual(theirs);
    expect(trust.operator(thumbprint(crypto, keyOf(3)))).toBeUndefined();
    expect(trust.operator(new Uint8Array(0))).toBeUndefined();
  });
});

test("pins that cannot be read are said to be corrupt, not forgotten", async () => {
  const { sim, again } = await trusting();
  const body = JSON.stringify({ device, name, operatorKey: "00" });
  await sim.store().commit([{ kind: "pin", id: device, body }]);
  await expect(again()).rejects.toMatchObject({ kind: "corrupt" });
});
