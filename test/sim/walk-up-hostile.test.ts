// What somebody may try at a board, by chance or on purpose: cards that are left, a stop in the wrong moment, a tag held
// to a device that is being closed. Whole devices in virtual time, real drivers, simulated peripherals at the wire.

import { describe, expect, test } from "vitest";
import { mint, orderOf, tagWith, WITH_BEARERS } from "./token-stand.ts";
import {
  AT_BOARD,
  allIsRight,
  card,
  charges,
  flowed,
  orders,
  type Stand,
  stand,
  UNIT_MS,
} from "./walk-up-stand.ts";

/** Longer than anybody needs to press a button. */
const STORE_MS = 300;

describe("a card that was left in the slot", () => {
  test("I2: pays once, and for nobody who comes after", async () => {
    const at = await stand();
    const { desk, pass, until } = at;
    const left = card("visa-chip");
    desk.twin.insert(left);
    await pass(UNIT_MS + 12_000);
    expect(orders(at)).toMatchObject([{ state: "closed" }]);
    desk.chip.present(card("visa-test"));
    await until(() => desk.page().startsWith("present your card"));
    desk.chip.remove();
    await pass(15_000);
    expect([flowed(at), await charges(at)]).toMatchObject([1000, [{ capturedMinor: 45 }]]);
    // Presented anew it is somebody's wish.
    desk.twin.remove();
    await pass(1_000);
    desk.twin.insert(left);
    await pass(UNIT_MS + 12_000);
    expect(await charges(at)).toHaveLength(2);
    await allIsRight(at);
  });

  test("I2: nor where it was put there for nothing, while the outlet was in use", async () => {
    const at = await stand();
    const { desk, pass, until } = at;
    desk.chip.present(card("visa-test"));
    await pass(10_000);
    desk.twin.insert(card("mastercard-chip"));
    await pass(UNIT_MS + 30_000);
    desk.chip.remove();
    await pass(1_000);
    desk.chip.present(card("mastercard-test"));
    await until(() => desk.page().startsWith("present your card"));
    desk.chip.remove();
    await pass(15_000);
    expect([flowed(at), await charges(at)]).toMatchObject([1000, [{ capturedMinor: 45 }]]);
  });
});

type Held = (at: Stand) => Parameters<Stand["desk"]["chip"]["present"]>[0];

const slow = () => stand({ services: [WITH_BEARERS], storeLatencyMs: STORE_MS });

/** When the order of what is held to the reader now would be on disk. */
async function durableAfterMs(held: Held): Promise<number> {
  const at = await slow();
  const startMs = at.site.world.nowMs();
  at.desk.chip.present(held(at));
  await at.until(() => orders(at).length > 0);
  return at.site.world.nowMs() - startMs;
}

/** Somebody who presses stop just before. */
async function stoppedWhileWritten(held: Held): Promise<Stand> {
  const afterMs = await durableAfterMs(held);
  const at = await slow();
  at.desk.chip.present(held(at));
  await at.pass(afterMs - STORE_MS / 2);
  expect(orders(at)).toEqual([]);
  at.site.board.controls.press("stop");
  await at.pass(UNIT_MS);
  expect(orders(at)).toHaveLength(1);
  return at;
}

describe("I7: the stop button is not lost", () => {
  test("while the order is being written", async () => {
    const at = await stoppedWhileWritten(() => card("visa-test"));
    expect(flowed(at)).toBe(0);
    for (const { capturedMinor, reversed } of await charges(at)) {
      expect([capturedMinor, reversed]).toEqual([0, true]);
    }
    await allIsRight(at);
  });

  test("while the first session of a token is being written", async () => {
    const at = await stoppedWhileWritten(({ site }) => tagWith(mint(site)));
    expect(orderOf(orders(at))).toMatchObject({ state: "paid", sessions: 1 });
    expect(flowed(at)).toBeLessThanOrEqual(10);
  });

  test("where the loop hears of it before it hears of the session", async () => {
    const at = await slow();
    at.desk.chip.present(card("visa-test"));
    await at.until(() => orders(at)[0]?.state === "paid");
    at.site.blockDevice(900);
    await at.until(() => orders(at)[0]?.running !== undefined);
    await at.pass(100);
    at.site.board.controls.press("stop");
    await at.pass(UNIT_MS);
    expect(orders(at)).toMatchObject([
      { state: "closed", settlement: { reason: "customer-button" } },
    ]);
    expect(flowed(at)).toBeLessThanOrEqual(10);
    await allIsRight(at);
  });
});

test("I4: what was shown when the card came is what is sold, though the choice ends meanwhile", async () => {
  const second = { ...AT_BOARD, id: 2, name: "Second", outlet: "socket-2" };
  const chosen = async (pressedMs: number, tappedMs: number) => {
    const at = await stand({ services: [AT_BOARD, second] });
    const startMs = at.site.world.nowMs();
    await at.pass(pressedMs);
    at.site.board.controls.press("second");
    await at.pass(tappedMs - pressedMs);
    const shown = at.desk.page().split(" | ")[1];
    at.desk.chip.present(card("visa-test"));
    await at.until(() => orders(at).length > 0);
    const took = at.site.world.nowMs() - startMs - tappedMs;
    return { shown, sold: orders(at)[0]?.terms.service, took };
  };
  const tappedMs = 30_500;
  const { took } = await chosen(10_000, tappedMs);
  for (let earlierMs = 0; earlierMs <= 120; earlierMs += 20) {
    // The half minute ends just before the order is made.
    const { shown, sold } = await chosen(tappedMs + took - 30_000 - earlierMs, tappedMs);
    expect([shown, sold, earlierMs]).toEqual(["Second", 2, earlierMs]);
  }
});

test("I7: a tag that is read while the device is being closed begins nothing", async () => {
  const at = await stand({ services: [WITH_BEARERS] });
  const { desk, site, pass } = at;
  const tag = tagWith(mint(site));
  let closing: Promise<unknown> | undefined;
  const { memory } = tag;
  desk.chip.present({
    ...tag,
    memory: {
      ...memory,
      read: (page) => {
        if (page >= 4) closing ??= site.producer?.close();
        return memory.read(page);
      },
    },
  });
  await pass(5_000);
  await closing;
  expect(closing).toBeDefined();
  await pass(5_000);
  expect(orders(at)).toEqual([]);
  expect(flowed(at)).toBe(0);
});
