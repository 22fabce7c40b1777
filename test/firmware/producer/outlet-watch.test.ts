// What the loop said last of the outlets: whether they can deliver, in words, and each change of it once in the log.

import { expect, test } from "vitest";
import { piCharger } from "../../../boards/pi-charger.ts";
import { openOutletWatch } from "../../../firmware/producer/outlet-watch.ts";
import type { LoopReport, OutletReport, SensorReport } from "../../../hal/loop-host.ts";

const WELL: OutletReport = {
  ...{ outlet: "left", healthy: true, readings: { energy: 7 } },
  ...{ retained: [], raised: [], ailing: {} },
};
const RUN_ON = { delayMs: 71.2345, spreadMs: 3.04, stops: 12 };
const TANK: SensorReport = {
  ...{ sensor: "tank", unit: "dL", value: 1, ageMs: 0, staleAfterMs: 9 },
  quality: "good",
};

function open() {
  const lines: string[] = [];
  const watch = openOutletWatch(
    (level, event, fields = {}) => lines.push([level, event, ...Object.values(fields)].join(" ")),
    (outlet) => (outlet === "left" ? RUN_ON : undefined),
    piCharger.outlets.map((part) => ({
      ...part,
      id: "left",
      interlocks: [{ kind: "input", id: "plug", sort: "vehicle", line: "plugged" }],
    })),
  );
  const say = (change: Partial<OutletReport>, sensor: Partial<SensorReport> = {}): void => {
    const outlets = [{ ...WELL, ...change }];
    watch.onReports({ on: "alive", atMs: 0, outlets, sensors: [{ ...TANK, ...sensor }] });
  };
  return { watch, lines, say };
}

test("an outlet that nobody spoke of, or whose loop is gone, is not ready", () => {
  const { watch, say } = open();
  const down = { ok: false, fault: { kind: "not-ready", message: "the metering loop is not up" } };
  expect(watch.ready("left")).toMatchObject(down);
  say({});
  expect(watch.ready("left").ok).toBe(true);
  expect(watch.ready("right")).toMatchObject(down);
  watch.onLost();
  expect(watch.ready("left")).toMatchObject(down);
  expect(watch.health()).toEqual([]);
});

test("one that cannot deliver says why, and which interlocks are raised", () => {
  const { watch, say } = open();
  say({ healthy: false, fault: "weld" });
  expect(watch.ready("left")).toMatchObject({
    fault: { message: "the outlet cannot deliver: weld" },
  });
  const raised = ["a", "b", "c", "d"];
  const ailing = { energy: "silent: no answer" };
  say({ healthy: false, fault: "interlock", raised, ailing });
  expect(watch.ready("left")).toMatchObject({
    fault: { message: "the outlet cannot deliver: interlock (a, b, c)" },
  });
  expect(watch.health()).toEqual([
    {
      ...{ outlet: "left", ready: false, why: "interlock", raised, ailing },
      runOn: { delayMs: 71.2, spreadMs: 3, stops: 12 },
    },
  ]);
});

test("a reading between two reports counts, and only of an outlet that is known", () => {
  const { watch, say } = open();
  watch.onReading("left", "energy", 9);
  expect(watch.report("left")).toBeUndefined();
  say({});
  watch.onReading("left", "energy", 9);
  expect(watch.report("left")?.readings).toEqual({ energy: 9 });
});

test("each change is in the log once, and nothing of a loop that has only just started", () => {
  const { watch, lines, say } = open();
  const ready: LoopReport = {
    ...{ on: "ready", atMs: 0, sensors: [{ ...TANK, quality: "lost" }] },
    outlets: [{ ...WELL, healthy: false, fault: "meter-lost" }],
  };
  watch.onReports(ready);
  say({});
  expect(lines).toEqual([]);
  const ailing = { energy: "late: it has answered rarely" };
  for (let i = 0; i < 3; i++) say({ ailing });
  say({ healthy: false, fault: "interlock", raised: ["door"], ailing });
  say({ healthy: false, fault: "interlock" }, { quality: "lost", why: "sensor tank: it is gone" });
  say({}, { quality: "stale" });
  say({});
  expect(lines).toEqual([
    "warn outlet-trouble left none energy: late: it has answered rarely",
    "warn outlet-trouble left interlock raised: door; energy: late: it has answered rarely",
    "warn sensor-trouble tank lost sensor tank: it is gone",
    "info outlet-well left",
    "warn sensor-trouble tank stale ",
    "info sensor-well tank",
  ]);
});

test("a meter whose first answer may still come is no trouble, and keeps the outlet from selling", () => {
  const { watch, lines, say } = open();
  const ailing = { energy: "waiting: it has not answered yet" };
  say({ healthy: false, fault: "meter-lost", ailing, awaited: true });
  expect(watch.ready("left").ok).toBe(false);
  expect(watch.health()).toMatchObject([{ ready: false, why: "meter-lost", ailing }]);
  expect(lines).toEqual([]);
  say({});
  say({ healthy: false, fault: "meter-lost", ailing: { energy: "silent: no answer" } });
  expect(lines).toEqual([
    "info outlet-well left",
    "warn outlet-trouble left meter-lost energy: silent: no answer",
  ]);
});

test("what a customer does first is no trouble, unless something else is", () => {
  const { watch, lines, say } = open();
  const unplugged = { healthy: false, fault: "interlock", raised: ["plug"] } as const;
  for (let i = 0; i < 3; i++) say(unplugged);
  expect(watch.awaits("left")).toBe("vehicle");
  expect(watch.ready("left")).toMatchObject({
    fault: { message: "the outlet cannot deliver: interlock (plug): connect the vehicle first" },
  });
  say({ healthy: false, fault: "interlock" });
  say({});
  say({ ...unplugged, ailing: { energy: "late: it has answered rarely" } });
  expect(lines).toEqual([
    "info outlet-awaits left vehicle",
    "info outlet-well left",
    "warn outlet-trouble left interlock raised: plug; energy: late: it has answered rarely",
  ]);
});
