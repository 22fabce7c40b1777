// Words of `sluice bench` into requests, and what the bench answers into lines and faults.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type BenchControl, openBenchControl } from "../../hal/linux/bench-control.ts";
import { benchText, readBenchWords, requestBench } from "../../tools/bench-words.ts";

function read(line: string, values: Record<string, string> = {}) {
  const request = readBenchWords(line === "" ? [] : line.split(" "), values);
  return request.ok ? request.value : request.fault.message;
}

test.each([
  ["", { do: "list" }],
  ["tap visa-test", { do: "tap", card: "visa-test" }],
  ["break weld socket-1", { do: "break", fault: "weld", target: "socket-1" }],
  ["sensor tank -40", { do: "sensor", sensor: "tank", value: -40 }],
  ["remove", { do: "remove" }],
])("%s", (line, request) => {
  expect(read(line)).toEqual(request);
});

test("options name reader and outlet", () => {
  const request = read("tap visa-test", { reader: "contactless", outlet: "socket", data: "x" });
  expect(request).toEqual({
    do: "tap",
    card: "visa-test",
    reader: "contactless",
    outlet: "socket",
  });
});

test.each([
  ["brek weld", /there is no bench brek: did you mean break\?; there is tap, /],
  ["ru", /there is no bench ru: did you mean run\?/],
  ["constructor", /there is no bench constructor/],
  ["press stop now", /too many words: sluice bench press BUTTON/],
  ["sensor tank full", /the value of a sensor is a whole number/],
])("%s is refused in words", (line, words) => {
  expect(read(line)).toMatch(words);
});

let folder = "";
let control: BenchControl | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-words-"));
});
afterEach(() => {
  control?.close();
  rmSync(folder, { recursive: true, force: true });
});

test.each([
  [{ ok: false, kind: "malformed", at: "reader", message: "say which" }, "usage", "reader"],
  [{ ok: false, kind: "not-found", at: "card", message: "there is none" }, "not-found", "card"],
  [{ ok: false, kind: "refused", message: "two are there" }, "refused", undefined],
  [null, "refused", undefined],
  [17, "refused", undefined],
])("an answer %j is a fault", async (answer, kind, at) => {
  control = await openBenchControl(join(folder, "bench"), async () => answer);
  const told = await requestBench(folder, { do: "list" });
  expect(told).toMatchObject({ ok: false, fault: { kind, ...(at && { at }) } });
});

test("what the bench told, in lines", async () => {
  control = await openBenchControl(join(folder, "bench"), async (asked) => ({
    ok: true,
    ...(asked as object),
  }));
  const told = await requestBench(folder, { serial: "meters" });
  expect(told).toEqual({ ok: true, value: { serial: "meters" } });
  expect(benchText({ do: "unplug" }, { serial: "meters" })).toEqual(["meters is unplugged"]);
  expect(benchText({ do: "plug" }, { serial: "meters" })).toEqual(["meters is plugged in"]);
  expect(benchText({ do: "display" }, { rows: ["Energy", "0.45 EUR"] })).toEqual([
    "+------------------+",
    "| Energy           |",
    "| 0.45 EUR         |",
    "+------------------+",
  ]);
  const papers = [
    { lines: ["one"], codes: ["CODE"] },
    { lines: ["two"], codes: [] },
  ];
  const lines = benchText({ do: "paper" }, { papers });
  expect(lines).toEqual(["one", "[QR code] CODE", "- - - - - - - -", "two"]);
  expect(benchText({ do: "paper" }, { papers: [] })).toEqual(["nothing was printed"]);
});
