// Every message between the loop and its host survives the way, and nothing else is taken for one.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HalError } from "../../hal/hal-error.ts";
import type { LoopCommand, LoopReport } from "../../hal/loop-host.ts";
import { parseLoopCommand, parseLoopReport } from "../../hal/loop-message.ts";

const COMMANDS: LoopCommand[] = [
  { do: "grant", session: "s1", outlet: "left", meter: "energy", pulses: 10, total: 100 },
  { do: "extend", session: "s1", pulses: 20 },
  { do: "stop", session: "s1", reason: "consumer-end" },
];

const OUTLET = {
  outlet: "left",
  healthy: false,
  fault: "weld",
  session: "s1",
  readings: { energy: 7, time: 0 },
  retained: ["energy"],
  raised: ["door"],
  ailing: { energy: "its register went back from 9 to 7" },
  awaited: true,
  runaway: true,
} as const;

const TANK = {
  sensor: "tank",
  unit: "dL",
  value: -3,
  ageMs: 0,
  staleAfterMs: 10_000,
  quality: "good",
} as const;

const REPORTS: LoopReport[] = [
  { on: "ready", atMs: 0.5, outlets: [], sensors: [] },
  {
    on: "alive",
    atMs: 1,
    outlets: [
      OUTLET,
      { outlet: "right", healthy: true, readings: {}, retained: [], raised: [], ailing: {} },
    ],
    sensors: [
      TANK,
      { ...TANK, sensor: "air", quality: "lost", why: "sensor air: it cannot be read" },
    ],
  },
  { on: "progress", session: "s1", pulses: 3, reading: 10, held: true, atMs: 2 },
  {
    on: "stopped",
    session: "s1",
    reason: "exhausted",
    startReading: 1,
    endReading: 12,
    pulses: 10,
    runOnPulses: 1,
    atMs: 3,
  },
  { on: "button", button: "stop", atMs: 4 },
  { on: "lost", why: "killed" },
];

describe("loop messages", () => {
  test("survive the way as JSON", () => {
    for (const command of COMMANDS) {
      expect(parseLoopCommand(JSON.parse(JSON.stringify(command)))).toEqual(command);
    }
    for (const report of REPORTS) {
      expect(parseLoopReport(JSON.parse(JSON.stringify(report)))).toEqual(report);
    }
  });

  test("are refused when a field is missing, of another type, or not known", () => {
    const cases: [(value: unknown) => unknown, object][] = [
      ...COMMANDS.map(
        (message) => [parseLoopCommand, message] as [typeof parseLoopCommand, object],
      ),
      ...REPORTS.map((message) => [parseLoopReport, message] as [typeof parseLoopReport, object]),
    ];
    for (const [parse, message] of cases) {
      for (const field of Object.keys(message)) {
        for (const wrong of [undefined, null, {}, "", -1, 1.5, "9".repeat(600)]) {
          if (field === "atMs" && typeof wrong === "number") continue;
          if (field === "why" && wrong === "") continue;
          expect(() => parse({ ...message, [field]: wrong }), `${field}: ${wrong}`).toThrow(
            HalError,
          );
        }
      }
      expect(() => parse({ ...message, extra: 1 })).toThrow(/extra is not a field/);
    }
  });

  test("name the field that is wrong", () => {
    const grant = COMMANDS[0];
    expect(() => parseLoopCommand({ ...grant, total: 9 })).toThrow(
      "pulses must not be above total",
    );
    expect(() => parseLoopCommand({ ...grant, meter: 7 })).toThrow(/meter must be a text/);
    const ready = { on: "ready", atMs: 0, outlets: [], sensors: [] };
    const outlets = [{ ...OUTLET, readings: { energy: "7" } }];
    expect(() => parseLoopReport({ ...ready, outlets })).toThrow(/energy must be an integer/);
    const outlet = (change: object): void => {
      parseLoopReport({ ...ready, outlets: [{ ...OUTLET, ...change }] });
    };
    expect(() => outlet({ raised: ["door", 7] })).toThrow(/1 must be a text/);
    expect(() => outlet({ raised: Array(17).fill("x") })).toThrow(/raised must be a list/);
    expect(() => outlet({ ailing: { energy: "x".repeat(201) } })).toThrow(/energy must be a text/);
    const meters = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`m${i}`, ""]));
    expect(() => outlet({ ailing: meters })).toThrow(/ailing must name at most 16/);
    expect(() => outlet({ awaited: false })).toThrow(/awaited must be true, or left out/);
    const wrong = (change: object): void => {
      parseLoopReport({ ...ready, sensors: [{ ...TANK, ...change }] });
    };
    expect(() => wrong({ value: 1.5 })).toThrow(/value must be an integer within/);
    expect(() => wrong({ value: 1_000_000_001 })).toThrow(/value must be an integer within/);
    expect(() => wrong({ ageMs: -1 })).toThrow(/ageMs must be an integer/);
    expect(() => wrong({ quality: "fine" })).toThrow(/quality must be good/);
    expect(() => wrong({ unit: "decilitres" })).toThrow(/unit must be a text/);
    const many = Array.from({ length: 17 }, () => TANK);
    expect(() => parseLoopReport({ ...ready, sensors: many })).toThrow(/sensors must be a list/);
  });

  test("may say how an outlet runs on and which reading stopped it, within bounds", () => {
    const runOn = { delayMs: 71.25, spreadMs: 0, stops: 3 };
    const cause = { of: "door", value: -7, unit: "value" };
    const grant = { ...COMMANDS[0], runOn };
    const stopped = { ...REPORTS[3], runOn, cause };
    expect(parseLoopCommand(JSON.parse(JSON.stringify(grant)))).toEqual(grant);
    expect(parseLoopReport(JSON.parse(JSON.stringify(stopped)))).toEqual(stopped);
    const learnt = (change: object): void => {
      const wrong = { ...runOn, ...change };
      expect(() => parseLoopReport({ ...stopped, runOn: wrong })).toThrow(HalError);
      parseLoopCommand({ ...grant, runOn: wrong });
    };
    for (const delayMs of [-1, 2000.1, Number.NaN, "7", null]) {
      expect(() => learnt({ delayMs })).toThrow(/delayMs must be 0 to 2000/);
    }
    expect(() => learnt({ spreadMs: 2001 })).toThrow(/spreadMs must be/);
    expect(() => learnt({ stops: 0 })).toThrow(/stops must be 1 or more/);
    expect(() => learnt({ stops: 1.5 })).toThrow(/stops must be an integer/);
    expect(() => learnt({ more: 1 })).toThrow(/more is not a field of runOn/);
    expect(() => parseLoopCommand({ ...grant, cause })).toThrow(/cause is not a field/);
    const read = (change: object): void => {
      parseLoopReport({ ...stopped, cause: { ...cause, ...change } });
    };
    for (const wrong of [4_000_000_001, -4_000_000_001, 1.5, "7"]) {
      expect(() => read({ value: wrong })).toThrow(/value must be an integer within/);
    }
    expect(() => read({ of: "x".repeat(33) })).toThrow(/of must be a text of at most 32/);
    expect(() => read({ of: "" })).toThrow(/of must not be empty/);
    expect(() => read({ unit: "litres" })).toThrow(/unit must be one of/);
    expect(() => read({ more: 1 })).toThrow(/more is not a field of cause/);
  });

  test("I11: anything at all is either refused with a HalError or a message", () => {
    const anything = fc.oneof(
      fc.anything(),
      fc.record({ do: fc.constantFrom("grant", "extend", "stop"), session: fc.anything() }),
      fc.record({ on: fc.constantFrom("ready", "alive"), atMs: fc.nat(), outlets: fc.anything() }),
    );
    fc.assert(
      fc.property(anything, (value) => {
        for (const parse of [parseLoopCommand, parseLoopReport]) {
          try {
            expect(parse(value)).toBeTypeOf("object");
          } catch (error) {
            expect(error).toBeInstanceOf(HalError);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
