// Whom a consumer trusts: operators given by hand, and those pinned at first use.

import { describe, expect, test } from "vitest";
import { fingerprint, Trust } from "../../../firmware/consumer/trust.ts";
import { EVERY_SERIAL, signRevocations } from "../../../firmware/token/revocation.ts";
import { thumbprint } from "../../../firmware/token/signed.ts";
import { simStore } from "../../../hal/sim/sim-store.ts";
import { simWorld } from "../../../hal/sim/world.ts";
import { crypto } from "../../support/sale.ts";

const keyOf = (fill: number): Uint8Array => crypto.signer(new Uint8Array(32).fill(fill)).publicKey;
const [ours, theirs] = [keyOf(1), keyOf(2)];
const device = "CwgMb0GsGAI";
const name = "Charger by the gate";
const pin = { device, name, operatorKey: ours };
const changedKey = { ok: false, fault: { kind: "key-changed", at: "operatorKey" } };

async function trusting(...given: Uint8Array[]) {
  const sim = simStore();
  const world = simWorld({ seed: 1 });
  const open = (keys: Uint8Array[]) =>
    Trust.open({ store: sim.store(), crypto, clock: world.clock }, keys);
  const trust = await open(given);
  const again = (...more: Uint8Array[]) => open(more);
  return { trust, again, sim, world };
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

  test("a device that is forgotten is a stranger again, also to the next process", async () => {
    const { trust, again } = await trusting();
    await trust.pin(pin);
    expect(await trust.forget("AAAAAAAAAAA")).toBe(false);
    expect(await trust.forget(device)).toBe(true);
    for (const one of [trust, await again()]) {
      expect(one.pins()).toEqual([]);
      expect(one.check(device, name, theirs)).toMatchObject({ ok: true });
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

describe("lists of what an operator has revoked", () => {
  const list = (number: number, fill = 1, serial = EVERY_SERIAL): Uint8Array => {
    const operator = crypto.signer(new Uint8Array(32).fill(fill));
    return signRevocations({ number, issuedS: 1, revoked: [{ device, serial }] }, operator, crypto);
  };
  const keys = { signKey: ours, boxKey: ours, hostKey: ours };
  const certificate = { ...keys, device, serial: 7, bench: true, expiresS: 4_000_000_000 };
  const revoked = { ok: false, fault: { kind: "revoked" } };

  test("are heeded for that operator's devices alone, also by the next process", async () => {
    const { trust, again } = await trusting(ours, theirs);
    expect(await trust.learn(list(1))).toMatchObject({ ok: true, value: { number: 1 } });
    for (const one of [trust, await again()]) {
      expect(one.notRevoked(certificate, ours)).toMatchObject(revoked);
      expect(one.notRevoked(certificate, theirs)).toMatchObject({ ok: true });
      expect(await one.vouched(certificate, ours)).toMatchObject(revoked);
    }
  });

  test("a higher number takes the place of a lower, never the other way", async () => {
    const { trust } = await trusting(ours);
    await trust.learn(list(2));
    // An old list must not bring back what was taken away.
    expect(await trust.learn(list(1, 1, 0))).toMatchObject({ ok: true, value: { number: 2 } });
    expect(await trust.learn(list(2, 1, 0))).toMatchObject({ ok: true, value: { number: 2 } });
    expect(trust.notRevoked(certificate, ours)).toMatchObject(revoked);
    expect(await trust.learn(list(3, 1, 6))).toMatchObject({ ok: true, value: { number: 3 } });
    expect(trust.notRevoked(certificate, ours)).toMatchObject({ ok: true });
  });

  test("are taken from operators that are given or pinned, and from nobody else", async () => {
    const { trust } = await trusting();
    const unknown = { ok: false, fault: { kind: "untrusted", at: "operatorKey" } };
    expect(await trust.learn(list(1))).toMatchObject(unknown);
    await trust.pin(pin);
    expect(await trust.learn(list(1))).toMatchObject({ ok: true });
    expect(await trust.learn(list(1, 2))).toMatchObject(unknown);
    expect(await trust.learn(Uint8Array.of(0x80))).toMatchObject({ ok: false });
    expect(trust.lists()).toHaveLength(1);
  });

  test("two processes that learn at once end with the later one", async () => {
    const { trust, again } = await trusting(ours);
    const other = await again(ours);
    await Promise.all([trust.learn(list(1)), other.learn(list(3)), trust.learn(list(2))]);
    await trust.refresh();
    expect(trust.lists()).toMatchObject([{ number: 3 }]);
  });

  test("that cannot be read are said to be corrupt, not forgotten", async () => {
    const { trust, sim, again } = await trusting(ours);
    await trust.learn(list(1));
    const [record] = await sim.store().list("revocations");
    const body = (record?.body ?? "").replace(/..(?="})/, "ff");
    await sim.store().commit([{ kind: "revocations", id: record?.id ?? "", body }]);
    await expect(again(ours)).rejects.toMatchObject({ kind: "corrupt" });
  });
});

describe("a certificate's time", () => {
  const keys = { signKey: ours, boxKey: ours, hostKey: ours };
  const certificate = { ...keys, device, serial: 7, bench: true };
  const expiresS = 1_767_225_600 + 3_600;

  test("is judged by a clock that is set, and has not jumped", async () => {
    const { trust, world } = await trusting(ours);
    const judged = async () => (await trust.vouched({ ...certificate, expiresS }, ours)).ok;
    expect(await judged()).toBe(true);
    world.setWall(world.clock.wallMs() + 365 * 24 * 3_600_000);
    expect(await judged()).toBe(true);
    world.setWall(1_767_225_600_000);
    world.advance(3_600_000);
    expect(await judged()).toBe(false);
    world.setWallQuality("unset");
    expect(await judged()).toBe(true);
  });
});
