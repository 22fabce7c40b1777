// What may be done to a bench by hand: each word does what it says to metal and peripherals, and what fits nothing is
// refused by name, whatever it is.

import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { virtualPiCharger } from "../../../boards/virtual-pi-charger.ts";
import { virtualPiPump } from "../../../boards/virtual-pi-pump.ts";
import { virtualPump } from "../../../boards/virtual-pump.ts";
import { virtualWasher } from "../../../boards/virtual-washer.ts";
import type { Board } from "../../../hal/board.ts";
import { openNaclCrypto } from "../../../hal/drivers/nacl-crypto.ts";
import { type Bench, type BenchAnswer, benchAnswer } from "../../../hal/sim/bench-commands.ts";
import { openSimBoard } from "../../../hal/sim/open-board.ts";
import { openSimPeripherals } from "../../../hal/sim/sim-peripherals.ts";
import { simSerial } from "../../../hal/sim/sim-serial.ts";
import { simStore } from "../../../hal/sim/sim-store.ts";
import { simWallet } from "../../../hal/sim/sim-wallet.ts";
import { type SimWorld, simWorld } from "../../../hal/sim/world.ts";

const crypto = openNaclCrypto();

let world: SimWorld;
let plugged: string[];
let files: Map<string, number | undefined>;
let kept: Map<string, string>;

const KEPT = {
  read: (name: string) => kept.get(name),
  write: (name: string, text: string) => void kept.set(name, text),
};

async function benchOf(board: Board): Promise<Bench> {
  const sim = openSimBoard(world, board);
  const peripherals = await openSimPeripherals({
    ...{ world, board, metal: sim.metal, sensors: sim.sensors, clock: world.clock },
    openWire: (serial) => ({
      port: simSerial(world, { baud: 9_600 }).b,
      setPlugged: (isPlugged) => plugged.push(`${serial} ${isPlugged}`),
    }),
    openStore: async () => simStore().store(),
    writeSensor: (id, value) => files.set(id, value),
  });
  return { board, sim, peripherals, wallet: simWallet({ kept: KEPT, crypto }) };
}

beforeEach(() => {
  world = simWorld({ seed: 1 });
  plugged = [];
  files = new Map();
  kept = new Map();
});

function told(bench: Bench, request: unknown): Record<string, unknown> {
  const answer = benchAnswer(bench, request);
  expect(answer).toMatchObject({ ok: true });
  return answer;
}

function refusal(answer: BenchAnswer) {
  return answer.ok ? undefined : [answer.kind, answer.at];
}

test("the list names what is there", async () => {
  const list = told(await benchOf(virtualPiCharger), { do: "list" });
  expect(list).toMatchObject({
    board: "virtual-pi-charger",
    outlets: [
      {
        id: "socket",
        contact: false,
        interlocks: [
          { id: "emergency-stop", raised: false },
          { id: "vehicle", raised: true },
        ],
      },
    ],
    sensors: [{ id: "temperature", unit: "m°C", value: 41_000 }],
    buttons: ["stop", "start"],
    readers: [{ id: "contactless", kind: "pn532", serial: "contactless", holds: [] }],
    terminal: { screen: "welcome" },
    display: ["", "", "", ""],
  });
  const serial = ["contactless", "meters", "display", "printer", "terminal"];
  expect(list["serial"]).toEqual(serial.map((id) => ({ id, plugged: true })));
  const faults = (list["faults"] as { id: string }[]).map(({ id }) => id);
  expect(faults).toContain("silent-bus");
  // There is no machine on this board.
  expect(faults).not.toContain("never-done");
});

test("a card lies at one reader until it is removed, and two at most at one", async () => {
  const bench = await benchOf(virtualPiPump);
  const holds = () =>
    (told(bench, { do: "list" })["readers"] as { holds: string[] }[]).map((one) => one.holds);
  expect(told(bench, { do: "tap", card: "visa-test" })).toMatchObject({ reader: "contactless" });
  expect(told(bench, { do: "insert", card: "visa-chip" })).toMatchObject({ reader: "chip" });
  expect(holds()).toEqual([["visa-chip"], ["visa-test"]]);
  expect(refusal(benchAnswer(bench, { do: "tap", card: "visa-test" }))).toEqual([
    "refused",
    "card",
  ]);
  told(bench, { do: "tap", card: "tag" });
  expect(refusal(benchAnswer(bench, { do: "tap", card: "expired" }))).toEqual(["refused", "card"]);
  expect(told(bench, { do: "remove", reader: "contactless" })).toMatchObject({
    removed: ["visa-test", "tag"],
  });
  expect(holds()).toEqual([["visa-chip"], []]);
  told(bench, { do: "remove" });
  expect(holds()).toEqual([[], []]);
});

test("the terminal takes cards of its own", async () => {
  const bench = await benchOf(virtualPiPump);
  const request = { do: "tap", card: "slow-test", reader: "terminal" };
  expect(told(bench, request)).toMatchObject({ reader: "terminal" });
  expect(refusal(benchAnswer(bench, { ...request, card: "expired" }))).toEqual([
    "not-found",
    "card",
  ]);
});

test("interlocks, buttons and faults reach the metal", async () => {
  const bench = await benchOf(virtualPiCharger);
  const { pins, metal } = bench.sim;
  told(bench, { do: "clear", interlock: "vehicle" });
  expect(pins.level("vehicle-connected")).toBe(true);
  told(bench, { do: "raise", interlock: "emergency-stop", outlet: "socket" });
  expect(pins.level("emergency-stop")).toBe(false);
  told(bench, { do: "press", button: "stop" });
  expect(pins.level("stop-button")).toBe(true);
  told(bench, { do: "break", fault: "leak" });
  world.advance(2_000);
  expect(metal.register("socket", "energy")).toBeGreaterThan(5);
  told(bench, { do: "mend", fault: "leak" });
  const then = metal.register("socket", "energy");
  world.advance(2_000);
  expect(metal.register("socket", "energy")).toBe(then);
  const washer = await benchOf(virtualWasher);
  const outlet = virtualWasher.outlets[0]?.id;
  expect(told(washer, { do: "break", fault: "never-done", target: outlet })).toMatchObject({
    target: outlet,
  });
});

test("a sensor's file shows what the sensor is told to, and is gone while it cannot be read", async () => {
  const bench = await benchOf(virtualPiCharger);
  expect(files.get("temperature")).toBe(41_000);
  told(bench, { do: "sensor", sensor: "temperature", value: 90_000 });
  world.advance(1_000);
  expect(files.get("temperature")).toBe(90_000);
  told(bench, { do: "break", fault: "lost-sensor" });
  world.advance(1_000);
  expect(files.get("temperature")).toBeUndefined();
  told(bench, { do: "mend", fault: "lost-sensor" });
  world.advance(1_000);
  expect(files.get("temperature")).toBe(90_000);
});

test("a cable is pulled once, and plugged in once", async () => {
  const bench = await benchOf(virtualPiCharger);
  for (const verb of ["unplug", "unplug", "plug", "plug"]) {
    told(bench, { do: verb, serial: "meters" });
  }
  expect(plugged).toEqual(["meters false", "meters true"]);
});

describe("what fits nothing is refused by name", () => {
  test.each<[unknown, unknown]>([
    [undefined, ["malformed", undefined]],
    [[], ["malformed", undefined]],
    [{ do: "toString" }, ["malformed", "do"]],
    [{ do: "tap", card: "gold" }, ["not-found", "card"]],
    [{ do: "tap", card: "visa-chip" }, ["not-found", "card"]],
    [{ do: "tap", card: { name: "visa-test" } }, ["malformed", "card"]],
    [{ do: "insert", card: "visa-chip" }, ["not-found", "reader"]],
    [{ do: "press" }, ["malformed", "button"]],
    [{ do: "raise", interlock: "overheated" }, ["not-found", "interlock"]],
    [{ do: "raise", interlock: "vehicle", outlet: "socket-9" }, ["not-found", "outlet"]],
    [{ do: "break", fault: "constructor" }, ["not-found", "fault"]],
    [{ do: "break", fault: "weld", target: "moon" }, ["not-found", "target"]],
    [{ do: "unplug", serial: "../../etc" }, ["malformed", "serial"]],
    [{ do: "sensor", value: 1.5 }, ["malformed", "value"]],
    [{ do: "sensor", value: 1e12 }, ["malformed", "value"]],
  ])("%j", async (request, why) => {
    expect(refusal(benchAnswer(await benchOf(virtualPiCharger), request))).toEqual(why);
  });

  test("also where nothing hangs on a serial port", () => {
    const bench: Bench = { board: virtualPump, sim: openSimBoard(world, virtualPump) };
    for (const verb of ["tap", "insert", "unplug", "press", "display", "paper"]) {
      expect(benchAnswer(bench, { do: verb }).ok, verb).toBe(false);
    }
    expect(told(bench, { do: "remove" })).toMatchObject({ removed: [] });
    expect(told(bench, { do: "list" })).toMatchObject({ readers: [], cards: [], serial: [] });
  });

  test("whatever is asked: an answer, and never an exception", async () => {
    const bench = await benchOf(virtualPiPump);
    const verbs = [
      "tap",
      "insert",
      "remove",
      "press",
      "raise",
      "break",
      "unplug",
      "sensor",
      "list",
    ];
    const word = fc.oneof(fc.string(), fc.jsonValue(), fc.constantFrom("stop", "weld", "tag"));
    const request = fc.record(
      {
        do: fc.oneof(fc.constantFrom(...verbs), fc.string()),
        ...{ card: word, reader: word, button: word, interlock: word, outlet: word },
        ...{ fault: word, target: word, serial: word, sensor: word, value: word },
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(request, fc.jsonValue()), (asked) => {
        expect(typeof benchAnswer(bench, asked).ok).toBe("boolean");
      }),
      { numRuns: 500 },
    );
  });
});
