// The cards of a bench keep what plastic keeps: the counter of a payment card, what was written on a tag.

import { expect, test } from "vitest";
import { openNaclCrypto } from "../../../hal/drivers/nacl-crypto.ts";
import { simWallet } from "../../../hal/sim/sim-wallet.ts";

const crypto = openNaclCrypto();

function openWallet(kept: Map<string, string>) {
  const write = (name: string, text: string): void => void kept.set(name, text);
  return simWallet({ kept: { read: (name) => kept.get(name), write }, crypto });
}

test("each card that it lists is there, by each way that it lists, and is the same each time", () => {
  const wallet = openWallet(new Map());
  for (const { name, ways } of wallet.entries()) {
    const card = wallet.card(name);
    expect(card?.name).toBe(name);
    expect(wallet.card(name)).toBe(card);
    if (ways.includes("tap")) expect(card?.field, name).toBeDefined();
    if (ways.includes("insert")) expect(card?.atr, name).toBeDefined();
  }
  expect(wallet.card("gold")).toBeUndefined();
  expect(wallet.card("constructor")).toBeUndefined();
});

/** Select the application, then ask for the processing options: with them the counter rises. */
function use(kept: Map<string, string>): void {
  const card = openWallet(kept).card("mastercard-chip");
  const bytes = (digits: string) =>
    Uint8Array.from(digits.match(/../g) ?? [], (two) => Number.parseInt(two, 16));
  card?.reset();
  card?.apdu?.(bytes("00a4040007a000000004101000"));
  card?.apdu?.(bytes("80a8000002830000"));
}

test("the counter of a payment card goes on where it was", () => {
  const kept = new Map<string, string>();
  use(kept);
  const first = Number(kept.get("mastercard-chip"));
  use(kept);
  expect(first).toBeGreaterThan(0);
  expect(Number(kept.get("mastercard-chip"))).toBe(first + 1);
});

test("a counter that cannot be read starts anew", () => {
  const kept = new Map([["mastercard-chip", "many"]]);
  use(kept);
  expect(kept.get("mastercard-chip")).toBe("1");
});

test("a tag holds what was written to it", () => {
  const kept = new Map<string, string>();
  const page = Uint8Array.of(1, 2, 3, 4);
  expect(openWallet(kept).card("tag")?.memory?.write(7, page)).toBe(true);
  expect(openWallet(kept).card("tag")?.memory?.read(7)?.subarray(0, 4)).toEqual(page);
  kept.set("tag", "00");
  expect(openWallet(kept).card("tag")?.memory?.read(7)?.subarray(0, 4)).toEqual(new Uint8Array(4));
});
