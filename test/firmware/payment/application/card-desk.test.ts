// Several card readers as one: which of them decides, and that none is left waiting.

import { expect, test } from "vitest";
import {
  type DeskReading,
  joinedCardDesk,
  presentCardDesk,
} from "../../../../firmware/payment/application/card-desk.ts";
import type { CardReader, CardReading } from "../../../../hal/card-reader.ts";
import { simWorld } from "../../../../hal/sim/world.ts";
import { cardRead, playedReader } from "./played-reader.ts";

const REQUEST = {
  amountMinor: 500,
  currency: "EUR",
  offer: new Uint8Array(16),
  timeoutMs: 45_000,
};

function opened() {
  const world = simWorld({ seed: 1 });
  const [left, right] = [playedReader("left"), playedReader("right")];
  const lying = new Map<CardReader, number>();
  const desk = joinedCardDesk({ readers: [left, right], left: lying }, world.clock);
  const read = desk.read(REQUEST);
  let ended: DeskReading | undefined;
  void read.ended.then((reading) => {
    ended = reading;
  });
  return {
    world,
    left,
    right,
    lying,
    desk,
    read,
    ended: () => ended,
    settle: () => world.runFor(1),
  };
}

test("the first card that is read counts, and the other reader is free again before the next", async () => {
  const { left, right, desk, ended, settle } = opened();
  expect([left.isAsked(), right.isAsked()]).toEqual([true, true]);
  expect(await desk.read(REQUEST).ended).toEqual({ kind: "busy" });
  left.answer(cardRead("first"));
  await settle();
  expect(ended()).toMatchObject({ kind: "read", card: { token: "first" } });
  expect(right.isAsked()).toBe(false);
  void desk.read(REQUEST);
  expect([left.calls(), right.calls()]).toEqual([2, 2]);
});

test("cards at both readers: the one that is read first is charged, the second is forgotten", async () => {
  const { left, right, ended, settle } = opened();
  right.cancel = () => right.answer(cardRead("second"));
  left.answer(cardRead("first"));
  await settle();
  expect(ended()).toMatchObject({ kind: "read", card: { token: "first" } });
});

test.each<CardReading>([
  { kind: "torn" },
  { kind: "several" },
  { kind: "failed", why: "expired", message: "the card has expired" },
])("$kind at one reader decides, and the other is cancelled", async (reading) => {
  const { left, right, ended, settle } = opened();
  left.answer(reading);
  await settle();
  expect(ended()).toEqual(reading);
  expect(right.isAsked()).toBe(false);
});

test("a reader that is gone leaves it to the other, and is asked again when it is back", async () => {
  const { world, left, right, ended, settle } = opened();
  left.answer({ kind: "lost" });
  await settle();
  expect(ended()).toBeUndefined();
  await world.runFor(1_500);
  expect(left.calls()).toBe(2);
  left.answer(cardRead("back again"));
  await settle();
  expect(ended()).toMatchObject({ kind: "read", card: { token: "back again" } });
  expect(right.isAsked()).toBe(false);
});

test("both gone: it is lost at once; none fitted: the same", async () => {
  const { world, left, right, ended, settle } = opened();
  left.answer({ kind: "lost" });
  right.answer({ kind: "lost" });
  await settle();
  expect(ended()).toEqual({ kind: "lost" });
  expect(
    await joinedCardDesk({ readers: [], left: new Map() }, world.clock).read(REQUEST).ended,
  ).toEqual({ kind: "lost" });
});

test("one gone and no card at the other in time: no card came", async () => {
  const { left, right, ended, settle } = opened();
  left.answer({ kind: "lost" });
  right.answer({ kind: "absent" });
  await settle();
  expect(ended()).toEqual({ kind: "absent" });
});

test("cancelled: every reader is given back first; a driver that throws is as good as gone", async () => {
  const { left, right, read, ended, settle } = opened();
  right.cancel = () => undefined;
  read.cancel();
  await settle();
  expect([left.isAsked(), ended()]).toEqual([false, undefined]);
  right.answer({ kind: "canceled" });
  await settle();
  expect(ended()).toEqual({ kind: "canceled" });
  const broken = playedReader("broken");
  broken.readCard = () => Promise.reject(new Error("bug"));
  const { clock } = simWorld({ seed: 2 });
  expect(
    await joinedCardDesk({ readers: [broken], left: new Map() }, clock).read(REQUEST).ended,
  ).toEqual({ kind: "lost" });
});

test("a card that was left is passed over until it is presented anew", async () => {
  const { world, left, right, lying, desk, read, settle } = opened();
  read.cancel();
  await settle();
  let number = 1;
  left.presence = () => ({ number, sort: "card" });
  lying.set(left, 1);
  const waiting = desk.read(REQUEST);
  await world.runFor(20_000);
  expect([left.calls(), right.isAsked()]).toEqual([1, true]);
  right.answer({ kind: "absent" });
  await world.runFor(1_000);
  number = 2;
  await world.runFor(1_000);
  expect(left.calls()).toBe(2);
  left.answer(cardRead("second"));
  expect(await waiting.ended).toMatchObject({ kind: "read", card: { token: "second" } });
  lying.set(left, 2);
  let ended: DeskReading | undefined;
  void desk.read(REQUEST).ended.then((reading) => {
    ended = reading;
  });
  right.answer({ kind: "absent" });
  await world.runFor(44_000);
  expect(ended).toBeUndefined();
  await world.runFor(2_000);
  expect([left.calls(), ended]).toEqual([2, { kind: "absent" }]);
});

test("where the host has a reader of its own, nothing is read beforehand", async () => {
  expect(await presentCardDesk().read(REQUEST).ended).toEqual({ kind: "present" });
});
