// Scenario files: what is read, what a recording is, and everything that is refused, by the name of its field.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import type { DoneAction } from "../../bench/bench-action.ts";
import { BOARDS } from "../../boards/registry.ts";
import { readScenario, readScenarioFile } from "../../tools/scenario-file.ts";
import { SCENARIO_SCHEMA } from "../../tools/scenario-schema.ts";
import { scenarioText } from "../../tools/scenario-text.ts";
import { value } from "../sim/story.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sluice-scenario-"));
afterAll(() => rmSync(folder, { recursive: true }));

const GOOD = {
  version: 1,
  about: "A test",
  boards: { charger: { device: "boards/virtual-charger.yaml" } },
  buyers: { anna: {} },
  end: "1 min",
};

function read(more: object) {
  // JSON is YAML.
  return readScenario(JSON.stringify({ ...GOOD, ...more }), { folder: ROOT });
}

/** Where it is refused, and why. */
function refusal(more: object): string {
  const result = read(more);
  return result.ok ? "read" : `${result.fault.at}: ${result.fault.message}`;
}

const step = (words: object): object => ({ steps: [{ at: "1 s", ...words }] });
const expecting = (words: object): object => ({ expect: [words] });

describe("a file", () => {
  test("is read with its times in milliseconds, and defaults filled in", () => {
    const { setup, steps, buyers, endMs } = value(
      read({
        steps: [
          { at: "250 ms", do: "power-off", for: "1.5 s" },
          { after: "2 min", do: "clock-jump", by: "-3 h" },
          { when: { is: "metal", contact: true }, buyer: "anna", do: "buy", service: 1, units: 2 },
          { when: { outlet: "socket-1", flowed: 9 }, within: "1h", do: "press" },
        ],
        end: "0.5 d",
      }),
    );
    expect(setup).toMatchObject({
      seed: 1,
      boards: [{ id: "charger", config: { name: "Virtual charger" } }],
    });
    expect(setup.boards[0]?.board).toBe(BOARDS.find(({ name }) => name === "virtual-charger"));
    expect(buyers).toEqual([{ name: "anna", card: "approve" }]);
    expect(endMs).toBe(43_200_000);
    const board = "charger";
    expect(steps).toEqual([
      {
        when: { is: "at", atMs: 250 },
        what: { is: "board", action: { board, do: "power-off", forMs: 1_500 } },
      },
      {
        when: { is: "after", afterMs: 120_000 },
        what: { is: "board", action: { board, do: "clock-jump", byMs: -10_800_000 } },
      },
      {
        when: { is: "event", event: { is: "metal", contact: true }, withinMs: 60_000, afterMs: 0 },
        what: {
          is: "buyer",
          buyer: "anna",
          does: { do: "buy", board, service: 1, price: 1, units: 2 },
        },
      },
      {
        when: { is: "flowed", board, outlet: "socket-1", pulses: 9, withinMs: 3_600_000 },
        what: { is: "board", action: { board, do: "press" } },
      },
    ]);
  });

  test("may hold its device itself, and takes another seed", () => {
    const device = {
      ...{ version: 1, name: "Mine", board: "virtual-charger" },
      services: [
        {
          ...{ id: 1, name: "A", outlet: "socket-1", meter: "energy", unitsMax: 2 },
          ...{ tokenLifeHours: 1, undelivered: "refund" },
          prices: [{ id: 1, name: "p", amountMinor: 5, currency: "EUR" }],
        },
      ],
    };
    const text = JSON.stringify({ ...GOOD, boards: { mine: { device } } });
    expect(value(readScenario(text, { seed: 9 })).setup).toMatchObject({
      ...{ seed: 9, boards: [{ id: "mine", config: { name: "Mine" } }] },
    });
  });

  test("draws its traffic from the seed: in order of time, faults apart from each other", () => {
    const faults = { powerCuts: 3, loopKills: 3, networkCuts: 3 };
    const traffic = [{ sales: 20, from: "1 h", over: "1 d", services: [1, 2], faults }];
    const drawn = value(read({ traffic, end: "2 d" }));
    expect(value(read({ traffic, end: "2 d" }))).toEqual(drawn);
    expect(value(read({ traffic, end: "2 d", seed: 2 })).steps).not.toEqual(drawn.steps);
    // A network that goes comes back.
    expect(drawn.steps).toHaveLength(20 + 3 + 3 + 2 * 3);
    const times = drawn.steps.map(({ when }) => (when.is === "at" ? when.atMs : -1));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(Math.min(...times)).toBeGreaterThanOrEqual(3_600_000);
    const hurt = drawn.steps.flatMap(({ when, what }) =>
      what.is === "board" && what.action.do !== "network-on" && when.is === "at" ? [when.atMs] : [],
    );
    for (const [i, atMs] of hurt.slice(1).entries()) {
      expect(atMs - (hurt[i] ?? 0)).toBeGreaterThanOrEqual(60_000);
    }
  });

  test("docs/scenario.schema.json is what files are held against (make docs writes it)", async () => {
    const published = `${JSON.stringify(SCENARIO_SCHEMA, undefined, 2)}\n`;
    await expect(published).toMatchFileSnapshot(join(ROOT, "docs", "scenario.schema.json"));
  });
});

describe("what is refused, by the name of its field", () => {
  test.each<[string, object]>([
    ["colour: is no key here", { colour: 1 }],
    ["seed: must be >= 0", { seed: -1 }],
    ["end: must be written such as 250 ms", { end: "soon" }],
    ["end: a world lasts", { end: "0 ms" }],
    ["end: a world lasts", { end: "367 d" }],
    ["boards: must NOT have fewer than 1", { boards: {} }],
    ["boards.charger.device: device file", { boards: { charger: { device: "none.yaml" } } }],
    [
      "boards.charger.device: its board exists",
      { boards: { charger: { device: "boards/pi-charger.yaml" } } },
    ],
    ["boards.charger.device: is a file's name", { boards: { charger: { device: 7 } } }],
    ["boards.charger.device.name: is missing", { boards: { charger: { device: { version: 1 } } } }],
    ["buyers.anna.card: must be one of", { buyers: { anna: { card: "gold" } } }],
    ["steps.0: say when", { steps: [{ do: "press" }] }],
    ["steps.0.at: is of no use beside", { steps: [{ at: "1 s", after: "1 s", do: "press" }] }],
    [
      "steps.0.at: must be written such as 250 ms, 12.5 s",
      { steps: [{ at: "1 week", do: "press" }] },
    ],
    ["steps.0.at: must be written such as 250 ms", { steps: [{ at: 3, do: "press" }] }],
    ["steps.0.by: must be written such as 3 h, -3 h", step({ do: "clock-jump", by: 3 })],
    ["steps.0.at: is after the end", { steps: [{ at: "2 min", do: "press" }] }],
    [
      "steps.1.at: is before the step",
      {
        steps: [
          { at: "9 s", do: "press" },
          { at: "8 s", do: "press" },
        ],
      },
    ],
    ["steps.0.within: is of no use", step({ within: "1 s", do: "press" })],
    ["steps.0.when.is: say which event", { steps: [{ when: { order: 1 }, do: "press" }] }],
    ["steps.0.when.is: say which event", { steps: [{ when: { is: {} }, do: "press" }] }],
    ["steps.0.when.is: say which event", { steps: [{ when: { is: "metl" }, do: "press" }] }],
    [
      "steps.0.when.outlet: there is no such outlet",
      { steps: [{ when: { outlet: "sokcet-1", flowed: 1 }, do: "press" }] },
    ],
    ["steps.0.when: is written", { steps: [{ when: { flowed: 1 }, do: "press" }] }],
    [
      "steps.0.when.pulses: is no word",
      { steps: [{ when: { flowed: 1, pulses: 1 }, do: "press" }] },
    ],
    ["steps.0.do: say what is done", step({})],
    ["steps.0.do: must be one of tap", step({ do: "tapp" })],
    ["steps.0.card: is missing", step({ do: "tap" })],
    ["steps.0.card: is of no use to press", step({ do: "press", card: "visa-test" })],
    ["steps.0.cart: is no key here: did you mean card", step({ do: "tap", cart: "visa-test" })],
    ["steps.0.board: there is no such board", step({ board: "chargr", do: "press" })],
    ["steps.0.buyer: there is no such buyer", step({ buyer: "bob", do: "pay" })],
    ["steps.0.card: there is no such card", step({ buyer: "anna", do: "pay", card: "visa-test" })],
    ["steps.0.board: is of no use to pay", step({ buyer: "anna", do: "pay", board: "charger" })],
    ["steps.0.units: is missing: buy needs it", step({ buyer: "anna", do: "buy", service: 1 })],
    [
      "steps.0.do: is of no use to a step that",
      step({ do: "press", expect: [{ order: 1, state: "paid" }] }),
    ],
    ["steps.0.expect.0: say of what", step({ expect: [{ state: "paid" }] })],
    ["expect.0: say of what", expecting({ board: "charger" })],
    [
      "expect.0.outlet: is of no use beside order",
      expecting({ order: 1, outlet: "x", state: "paid" }),
    ],
    ["expect.0: say what to expect", expecting({ order: 1 })],
    ["expect.0.stat: order has no such field", expecting({ order: 1, stat: "paid" })],
    ["expect.0.state: must be a value", expecting({ order: 1, state: { is: "paid" } })],
    ["expect.0.pulses: must be a value", expecting({ order: 1, pulses: { least: "1" } })],
    [
      "expect.0.board: is of no use beside buyer",
      expecting({ buyer: "anna", board: "charger", sales: 1 }),
    ],
    ["expect.0.buyer: there is no such buyer", expecting({ buyer: "bob", sales: 1 })],
    ["expect.0.display: there is no such board", expecting({ display: "x", text: "y" })],
    ["expect.0.frames: must match", expecting({ frames: "00" })],
    // What no run could ever break, as there is no such thing.
    ["expect.0.orders: there is no such state", expecting({ orders: "closd", count: 0 })],
    ["expect.0.money: there is no such currency", expecting({ money: "USD", capturedMinor: 0 })],
    ["expect.0.outlet: there is no such outlet", expecting({ outlet: "sokcet", coil: false })],
    ["expect.0.why: must be a value", expecting({ device: "charger", why: { has: "" } })],
    [
      "expect.0.event.is: say which event it is: power, hand",
      expecting({ event: { is: "metl" }, count: 0 }),
    ],
    [
      "expect.0.event.coli: metal has no such field",
      expecting({ event: { is: "metal", coli: true }, count: 0 }),
    ],
    [
      "expect.0.event.coil: must be true or false",
      expecting({ event: { is: "metal", coil: "true" }, count: 0 }),
    ],
    [
      "expect.0.event.reason: must be one of",
      expecting({ event: { is: "session", reason: "wled" }, count: 0 }),
    ],
    [
      "expect.0.event.outlet: there is no such outlet",
      expecting({ event: { is: "metal", outlet: "sokcet" }, count: 0 }),
    ],
    [
      "expect.0.event.board: there is no such board",
      expecting({ event: { is: "metal", board: "chargr" }, count: 0 }),
    ],
  ])("%s", (words, more) => {
    expect(refusal(more)).toContain(words);
  });

  test.each<[string, object]>([
    ["traffic.0.services.0: charger has no service 77", { services: [77] }],
    ["traffic.0.over: goes on after the end", { over: "3 h" }],
    ["traffic.0.units.least: is more than most", { units: { least: 2, most: 1 } }],
    ["traffic.0.faults: are more than", { sales: 1, faults: { powerCuts: 100 } }],
    ["traffic.0.board: there is no such board", { board: "x" }],
  ])("%s", (words, more) => {
    const traffic = { sales: 3, from: "1 min", over: "30 min", services: [1], ...more };
    expect(refusal({ traffic: [traffic], end: "2 h" })).toContain(words);
  });

  test("a buyer who is called as a customer of traffic is: two would be seen as one", () => {
    const traffic = [{ sales: 1, from: "1 s", over: "1 s", services: [1], customers: 2 }];
    expect(refusal({ traffic, buyers: { "customer-1-2": {} } })).toContain(
      "buyers.customer-1-2: is what a customer",
    );
    expect(refusal({ traffic, buyers: { "customer-1-3": {} } })).toBe("read");
  });

  test("steps without a time beside traffic; a board that is not named where there are two", () => {
    const traffic = [{ sales: 1, from: "1 s", over: "1 s", services: [1] }];
    expect(refusal({ traffic, steps: [{ after: "1 s", do: "press" }] })).toBe(
      "steps.0: beside traffic every step says at",
    );
    const boards = { ...GOOD.boards, other: GOOD.boards.charger };
    expect(refusal({ boards, ...step({ do: "press" }) })).toBe(
      "steps.0.board: say which board: charger, other",
    );
  });

  test("I11: one that comes from a page names no file, neither a device nor a module", () => {
    const from = (device: unknown) =>
      readScenario(JSON.stringify({ ...GOOD, boards: { charger: { device } } }));
    expect(from("/etc/passwd")).toMatchObject({
      fault: { at: "boards.charger.device", message: expect.stringContaining("names a file") },
    });
    const services = [{ id: "mine", use: "/tmp/mine.mjs" }];
    const own = value(read({})).setup.boards[0];
    const text = scenarioText({
      setup: { seed: 1, boards: own === undefined ? [] : [own] },
      ...{ done: [], endMs: 1_000 },
    });
    expect(readScenario(text).ok).toBe(true);
    const spoilt = text.replace('"services":[]', `"services":${JSON.stringify(services)}`);
    expect(spoilt).not.toBe(text);
    expect(readScenario(spoilt)).toMatchObject({
      fault: { at: "boards.charger.device.payment.services.0" },
    });
  });

  test("I11: what is no file, no YAML, too large or nested without end, by the file's name", () => {
    const path = join(folder, "bad.yaml");
    const say = (text: string): string => {
      writeFileSync(path, text);
      const result = readScenarioFile(path);
      return result.ok ? "read" : `${result.fault.kind}: ${result.fault.message}`;
    };
    expect(say("a: [1")).toMatch(/^malformed: scenario .*bad\.yaml: line 1/);
    expect(say("[".repeat(5_000))).toContain("nested too deep");
    expect(say("a: &x 1\nb: *x")).toContain("aliases");
    expect(say(" ".repeat(1024 * 1024 + 1))).toMatch(/^too-large/);
    expect(readScenarioFile(join(folder, "none.yaml"))).toMatchObject({
      fault: { kind: "not-found", message: expect.stringContaining("none.yaml: there is none") },
    });
    expect(readScenario("x".repeat(1024 * 1024 + 1))).toMatchObject({
      fault: { kind: "too-large" },
    });
  });

  test("I11: whatever stands there, it is read or refused, never thrown", () => {
    const word = fc.constantFrom(
      ...["at", "after", "when", "within", "do", "buyer", "board", "expect", "order", "event"],
      ...["is", "flowed", "outlet", "units", "service", "for", "frames", "state", "__proto__"],
    );
    const leaf = fc.oneof(
      fc.constantFrom<unknown>(
        "1 s",
        "tap",
        "buy",
        "anna",
        "charger",
        "metal",
        1,
        -1,
        0.5,
        true,
        null,
      ),
      fc.string({ maxLength: 8 }),
    );
    const inner = fc.dictionary(word, fc.oneof(leaf, fc.array(leaf, { maxLength: 2 })), {
      maxKeys: 5,
    });
    const entry = fc.dictionary(word, fc.oneof(leaf, inner, fc.array(inner, { maxLength: 2 })), {
      maxKeys: 6,
    });
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 3 }),
        fc.array(entry, { maxLength: 3 }),
        (steps, expect_) => {
          const result = read({ steps, expect: expect_ });
          expect(result.ok || result.fault.kind !== "internal").toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("a recording", () => {
  const DEVICES = BOARDS.filter(({ virtual, name }) => virtual && !/instant|crowd/.test(name));

  test.each(DEVICES.map(({ name }) => name))("of %s is the same setup again", (name) => {
    const boards = { one: { device: `boards/${name}.yaml`, pulsesPerSecond: 3 } };
    const { setup } = value(read({ boards, buyers: {}, network: { lossPerMille: 3 } }));
    const text = scenarioText({ setup, done: [], endMs: 1_500.25 });
    const again = value(readScenario(text));
    expect(again.setup).toEqual(setup);
    expect(again).toMatchObject({ endMs: 1_500.25, mayLeaveOpen: true, expect: [], steps: [] });
  });

  test("does every action at its time, to the last bit of it, and says what frames to expect", () => {
    const { setup } = value(read({}));
    const board = "charger";
    const done: DoneAction[] = [
      { atMs: 0, action: { board, do: "power-off", forMs: 250 } },
      { atMs: 1_000.1 + 0.2, action: { board, do: "clock-jump", byMs: -7_000 } },
      { atMs: 1_001, action: { board, do: "break", fault: "weld", target: "socket-1" } },
      {
        atMs: 1_002,
        action: { board, do: "frame", from: "x", topic: "s1/q/a/b", payload: "00ff" },
      },
      { atMs: 1_002, action: { board, do: "broker-dies", forMs: 60_000 } },
    ];
    const frames = "ab".repeat(32);
    const again = value(readScenario(scenarioText({ setup, done, endMs: 2_000, frames })));
    expect(again.steps).toEqual(
      done.map(({ atMs, action }) => ({
        when: { is: "at", atMs },
        what: { is: "board", action },
      })),
    );
    expect(again.expect).toEqual([{ of: { is: "frames" }, wants: { digest: frames } }]);
  });
});
