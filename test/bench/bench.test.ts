// A bench in virtual time: sales at a board with every peripheral on its cable, all that may be done to it, and that the same
// deeds are the same bytes.

import { describe, expect, test } from "vitest";
import { type Bench, openBench } from "../../bench/bench.ts";
import type { BenchEvent, BoardState } from "../../bench/bench-state.ts";
import { watchFrames } from "../../bench/scenario-frames.ts";
import { crypto } from "../../bench/site.ts";
import { fromHex } from "../../firmware/bytes.ts";
import { verifyReceipt } from "../../firmware/token/receipt.ts";
import { readBoards } from "../../tools/bench-page/page-boards.ts";
import { CARD, value } from "../sim/story.ts";

interface Opened {
  bench: Bench;
  events: BenchEvent[];
  frames: () => string;
  pass(ms: number): Promise<void>;
  until(isSo: () => boolean): Promise<void>;
  board(): BoardState;
  of<K extends BenchEvent["is"]>(is: K): Extract<BenchEvent, { is: K }>[];
}

async function opened(name: string, seed = 1, pulsesPerSecond?: number): Promise<Opened> {
  const [setup] = value(readBoards([`boards/${name}.yaml`]));
  if (setup === undefined) throw new Error("no board");
  const boards = [{ ...setup, ...(pulsesPerSecond !== undefined && { pulsesPerSecond }) }];
  const bench = await openBench({ seed, boards });
  const events: BenchEvent[] = [];
  bench.onEvent((event) => events.push(event));
  const pass = async (ms: number): Promise<void> => {
    await bench.world.runFor(ms);
    for (const { bugs } of bench.sites.values()) if (bugs.length > 0) throw bugs[0];
  };
  const board = (): BoardState => {
    const [first] = bench.state().boards;
    if (first === undefined) throw new Error("no board");
    return first;
  };
  return {
    ...{ bench, events, frames: watchFrames(bench), pass, board },
    until: async (isSo) => {
      for (let ms = 0; !isSo(); ms += 50) {
        if (ms > 120_000) throw new Error(`it does not come: ${JSON.stringify(board())}`);
        await pass(50);
      }
    },
    of: <K extends BenchEvent["is"]>(is: K) =>
      events.filter((event): event is Extract<BenchEvent, { is: K }> => event.is === is),
  };
}

function done(bench: Bench, action: object): void {
  expect(bench.act(action)).toMatchObject({ ok: true });
}

/** A card is tapped, and the stop is pressed when so many pulses have flowed. */
async function walkUp(at: Opened, pulses: number): Promise<void> {
  done(at.bench, { do: "clear", interlock: "vehicle" });
  await at.until(() => at.board().ready);
  done(at.bench, { do: "tap", card: "visa-test" });
  await at.until(() => (at.board().outlets[0]?.session?.delivered ?? 0) >= pulses);
  done(at.bench, { do: "press", button: "stop" });
  await at.until(() => at.of("paper").length > 0);
}

describe("a sale to whoever stands there", () => {
  test("goes by tap, contactor, Modbus meter, display and printer, and every step of it is told", async () => {
    const at = await opened("virtual-pi-charger", 1, 10);
    expect(at.board()).toMatchObject({ ready: false, connected: true, powered: true });
    await walkUp(at, 100);
    const [outlet] = at.board().outlets;
    expect(outlet).toMatchObject({ coil: false, contact: false, unit: "kWh", pulsesPerUnit: 1000 });
    const [order] = at.board().orders;
    const pulses = order?.deliveredPulses ?? 0;
    expect(pulses).toBeGreaterThanOrEqual(100);
    // By the bus the meter is read a few times a second.
    expect((outlet?.flowed ?? 0) - pulses).toBeLessThanOrEqual(10);
    expect(order).toMatchObject({ state: "closed", service: 1, paidPulses: 20_000, receipts: 2 });
    const capturedMinor = Math.floor((pulses * 45) / 1000);
    expect(at.board().money).toEqual([
      { currency: "EUR", heldMinor: 0, capturedMinor, refundedMinor: 0 },
    ]);
    expect(at.board().readers).toMatchObject([{ kind: "tap", holds: ["visa-test"] }]);
    expect(at.board().display?.join(" ")).toContain("Stopped by button");
    expect(at.of("paper")[0]?.lines.join("\n")).toContain("Stopped by button");
    expect(at.of("metal").map(({ coil, contact }) => [coil, contact])).toEqual([
      ...[
        [true, false],
        [true, true],
      ],
      ...[
        [false, true],
        [false, false],
      ],
    ]);
    expect(at.of("session")).toMatchObject([
      { what: "begin", outlet: "socket", order: order?.order },
      { what: "end", outlet: "socket", pulses, reason: "customer-button" },
    ]);
    const stages = at.of("stage").filter(({ outcome }) => outcome === "accepted");
    expect(stages.map(({ stage }) => stage).slice(0, 2)).toEqual([
      ...["PAYMENT_CARD_READING", "TRANSACTION_PROCESSING"],
    ]);
    const site = at.bench.sites.get(at.board().id);
    for (const { signed, words } of at.of("receipt")) {
      const key = site?.signKey ?? new Uint8Array();
      value(verifyReceipt(fromHex(signed) ?? new Uint8Array(), key, crypto));
      expect(words.join(", ")).toContain("customer-button");
    }
  });

  test("goes by a chip card at the terminal display of a pump", async () => {
    const at = await opened("virtual-pi-pump");
    const [reader] = at.board().readers.filter(({ kind }) => kind === "insert");
    done(at.bench, { do: "clear", interlock: "nozzle" });
    await at.pass(3_000);
    expect(at.board().display?.length).toBeGreaterThan(0);
    done(at.bench, { do: "insert", card: "visa-chip", reader: reader?.id });
    await at.until(() => at.of("order").some(({ order }) => order.state === "paid"));
    expect(at.board().readers).toContainEqual({ ...reader, holds: ["visa-chip"] });
  });
});

describe("what may be done to it", () => {
  test("the power goes, and comes back by itself: the session is closed and nothing is charged twice", async () => {
    const at = await opened("virtual-pi-charger", 2, 10);
    done(at.bench, { do: "clear", interlock: "vehicle" });
    await at.until(() => at.board().ready);
    done(at.bench, { do: "tap", card: "visa-test" });
    await at.until(() => (at.board().outlets[0]?.session?.delivered ?? 0) >= 50);
    done(at.bench, { do: "power-off", forMs: 5_000 });
    expect(at.board()).toMatchObject({ powered: false, ready: false, connected: false });
    expect(at.bench.act({ do: "power-off" })).toMatchObject({ ok: false, kind: "refused" });
    await at.pass(4_900);
    expect(at.board()).toMatchObject({ powered: false, outlets: [{ contact: false }] });
    await at.until(() => at.board().orders[0]?.state === "closed");
    expect(at.of("power").map(({ on }) => on)).toEqual([false, true]);
    expect(at.of("session").at(-1)).toMatchObject({ what: "end", reason: "power-loss" });
    const pulses = at.board().orders[0]?.deliveredPulses ?? 0;
    expect(at.board().money[0]?.capturedMinor).toBe(Math.floor((pulses * 45) / 1000));
    expect((at.board().outlets[0]?.flowed ?? 0) - pulses).toBeLessThanOrEqual(10);
    await at.until(() => at.board().ready);
  });

  test("the network goes and stays away over a power cut; the broker dies and forgets; both come back", async () => {
    const at = await opened("virtual-charger");
    const { bench } = at;
    const announced = () => bench.broker.retained(`s1/a/${at.board().device}`)?.length ?? 0;
    done(bench, { do: "network-off" });
    expect(bench.act({ do: "network-off" })).toMatchObject({ ok: false, at: "do" });
    expect(announced()).toBe(0);
    done(bench, { do: "power-off" });
    await at.pass(1_000);
    done(bench, { do: "power-on" });
    await at.pass(5_000);
    expect(at.board()).toMatchObject({ powered: true, connected: false });
    expect(announced()).toBe(0);
    done(bench, { do: "network-on" });
    await at.until(() => at.board().ready && announced() > 0);
    done(bench, { do: "broker-dies", forMs: 2_000 });
    expect(announced()).toBe(0);
    expect(bench.act({ do: "broker-dies", forMs: 1 })).toMatchObject({ ok: false });
    await at.pass(1_900);
    expect(at.board()).toMatchObject({ ready: false });
    await at.until(() => at.board().ready && announced() > 0);
  });

  test("the loop is killed and comes back, the clock jumps, faults are shown where they are", async () => {
    const at = await opened("virtual-charger");
    const { bench } = at;
    const before = bench.state().wallMs;
    done(bench, { do: "clock-jump", byMs: 3_600_000 });
    expect(bench.state().wallMs - before).toBe(3_600_000);
    done(bench, { do: "kill-loop" });
    await at.until(() => !at.board().ready);
    await at.until(() => at.board().ready);
    const target = at.board().outlets[0]?.id;
    done(bench, { do: "break", fault: "leak", target });
    expect(at.board().faults).toContainEqual(expect.objectContaining({ id: "leak", on: [target] }));
    await at.until(() => at.board().reasons.some((words) => words.includes("leak")));
    done(bench, { do: "mend", fault: "leak", target });
    expect(at.board().faults).toContainEqual(expect.objectContaining({ id: "leak", on: [] }));
  });

  test("a cable is pulled and plugged in again", async () => {
    const at = await opened("virtual-pi-charger");
    done(at.bench, { do: "clear", interlock: "vehicle" });
    await at.until(() => at.board().ready);
    done(at.bench, { do: "unplug", serial: "meters" });
    await at.until(() => at.board().reasons.some((words) => words.includes("meter-lost")));
    expect(at.board().serial).toContainEqual({ id: "meters", plugged: false });
    done(at.bench, { do: "plug", serial: "meters" });
    await at.until(() => at.board().ready);
  });

  test.each([
    [null, undefined],
    ["tap", undefined],
    [[], undefined],
    [{}, "do"],
    [{ do: "explode" }, "do"],
    [{ do: "constructor" }, "do"],
    [{ do: "tap", board: "other" }, "board"],
    [{ do: "tap", card: "visa-test", evil: 1 }, "evil"],
    [{ do: "tap", card: { toString: 1 } }, "card"],
    [{ do: "tap", card: "x".repeat(65) }, "card"],
    [{ do: "tap", card: "visa-chip" }, "card"],
    [{ do: "press", button: "self-destruct" }, "button"],
    [{ do: "sensor", sensor: "temperature", value: 1.5 }, "value"],
    [{ do: "power-off", forMs: 0 }, "forMs"],
    [{ do: "power-off", forMs: 1e12 }, "forMs"],
    [{ do: "power-on" }, "do"],
    [{ do: "clock-jump" }, "byMs"],
    [{ do: "clock-jump", byMs: Number.NaN }, "byMs"],
    [{ do: "broker-dies" }, "forMs"],
    [{ do: "frame", from: "x", topic: "evil/#", payload: "00" }, "topic"],
    [{ do: "frame", from: "x", topic: "s1/r/AAAAAAAA", payload: "0" }, "payload"],
    [{ do: "frame", from: "x", topic: "s1/r/AAAAAAAA", payload: "00".repeat(8193) }, "payload"],
    [{ do: "frame", from: "x/y", topic: "s1/r/AAAAAAAA", payload: "00" }, "from"],
    [{ do: "frame", from: "x", topic: "s1/r/AAAAAAAA" }, "payload"],
  ])("I11: %j is refused by name, and not kept", async (action, at) => {
    const { bench } = await opened("virtual-pi-charger");
    const refusal = bench.act(action);
    expect(refusal).toMatchObject({ ok: false, message: expect.any(String) });
    expect("at" in refusal ? refusal.at : undefined).toBe(at);
    expect(bench.done()).toEqual([]);
  });

  test("a clock is not set beyond what clocks show; a question is no deed", async () => {
    const { bench } = await opened("virtual-charger");
    const byMs = -366 * 86_400_000;
    const answers = Array.from({ length: 30 }, () => bench.act({ do: "clock-jump", byMs }));
    expect(answers.at(-1)).toMatchObject({ ok: false, kind: "refused", at: "byMs" });
    const deeds = bench.done().length;
    done(bench, { do: "list" });
    expect(bench.done()).toHaveLength(deeds);
  });
});

describe("the same seed and the same deeds", () => {
  /** Walk-up with a broken network in between, and a buyer of the world beside it. */
  async function run(seed: number, deeds?: Bench["done"]): Promise<[Opened, string]> {
    const at = await opened("virtual-pi-charger", seed, 10);
    const { bench } = at;
    if (deeds === undefined) {
      await walkUp(at, 40);
      done(bench, { do: "remove" });
      done(bench, { do: "network-off" });
      await at.pass(3_000);
      done(bench, { do: "network-on" });
    } else {
      for (const { atMs, action } of deeds()) {
        await bench.world.runUntil(atMs);
        done(bench, action);
      }
    }
    await bench.world.runUntil(120_000);
    const words = JSON.stringify([at.events, bench.state()]);
    return [at, `${at.frames()} ${words}`];
  }

  test("I15: are the same frames, events and picture; another seed is not", async () => {
    const [first, bytes] = await run(7);
    const [, again] = await run(7, () => first.bench.done());
    expect(again).toBe(bytes);
    const [, other] = await run(8, () => first.bench.done());
    expect(other).not.toBe(bytes);
  });
});

test("frames between a buyer of the world and a board are open to the bench, and to nobody else", async () => {
  const at = await opened("virtual-charger");
  const { bench } = at;
  await at.until(() => at.board().ready);
  let isSold = false;
  const buy = async (): Promise<void> => {
    const consumer = await bench.consumer("anna");
    const [found] = value(await consumer.discover({ timeoutMs: 5_000, enough: () => true }));
    if (found === undefined) throw new Error("no device");
    const dealer = value(await consumer.init(found));
    const { purchase } = value(await dealer.select({ service: 1, price: 1, units: 1 }));
    value(await dealer.pay(purchase, CARD));
    isSold = true;
  };
  const buying = buy();
  await bench.world.runWhile(() => !isSold, 60_000);
  await buying;
  const kinds = at.of("frame").map(({ kind }) => kind);
  expect(kinds).toEqual(expect.arrayContaining(["select", "offer", "pay", "paid"]));
  const pay = at.of("frame").find(({ kind }) => kind === "pay");
  expect(pay?.opened).toMatch(/"is":"pay","offer":"[0-9a-f]{16}"/);
  expect(pay?.payload).not.toContain(Buffer.from(CARD.number).toString("hex"));
  expect(JSON.stringify(at.events)).not.toContain(CARD.number);
});
