// A scenario of a board whose card terminal takes the money: what is expected of it and what is always expected are held against
// the terminal's books, as the payment host has none.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { openBench } from "../../bench/bench.ts";
import { runScenario } from "../../bench/scenario-run.ts";
import type { Finding } from "../../bench/scenario-sights.ts";
import { readScenario } from "../../tools/scenario-file.ts";
import { value } from "../sim/story.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FLOWED = { outlet: "socket", flowed: 1_000 };

/** A kilowatt-hour of a hold for twenty; the terminal took so many cents more than it was told. */
async function sold(moreMinor = 0): Promise<readonly Finding[]> {
  const device = parse(readFileSync(join(ROOT, "boards", "virtual-pi-charger.yaml"), "utf8"));
  const host = { kind: "terminal", serial: "terminal", test: true };
  const text = JSON.stringify({
    ...{ version: 1, about: "A terminal takes the money", end: "20 min" },
    boards: { charger: { device: { ...device, payment: { ...device.payment, host } } } },
    steps: [
      { at: "3 s", do: "clear", interlock: "vehicle" },
      { at: "5 s", do: "press", button: "start" },
      { at: "8 s", do: "tap", card: "visa-test", reader: "terminal" },
      { when: FLOWED, within: "10 min", expect: [{ order: 1, heldMinor: 900 }] },
      { after: "0 s", do: "press", button: "stop" },
    ],
    expect: [
      { order: 1, state: "closed", capturedMinor: 45, heldMinor: 0 },
      { money: "EUR", capturedMinor: 45, heldMinor: 0, refundedMinor: 0 },
    ],
  });
  const scenario = value(readScenario(text, { folder: ROOT }));
  const bench = await openBench(scenario.setup);
  const honest = bench.witnesses.bind(bench);
  bench.witnesses = (board) => {
    const charges = async () => {
      const booked = [...(await honest(board).host.charges())];
      return new Map(
        booked.map(([id, one]) => {
          const capturedMinor = one.capturedMinor && one.capturedMinor + moreMinor;
          return [id, { ...one, capturedMinor }] as const;
        }),
      );
    };
    return { ...honest(board), host: { charges } };
  };
  const findings: Finding[] = [];
  const listener = { line: () => undefined, progress: () => undefined };
  await runScenario(
    scenario,
    { ...listener, finding: (one: Finding) => findings.push(one) },
    bench,
  );
  return findings;
}

test("I1 I4: what the terminal holds and takes is what is seen, to the minor unit", async () => {
  const findings = await sold();
  expect(findings.filter(({ met }) => !met)).toEqual([]);
  expect(findings.map(({ what }) => what)).toContain("charger, money in EUR: capturedMinor is 45");
});

test("I1: a terminal that takes a cent more is always told of", async () => {
  const wrong = (await sold(1)).filter(({ met }) => !met);
  expect(wrong.map(({ seen }) => seen)).toEqual([
    ...["46", "46"],
    expect.stringContaining("I1: 46 captured, not 45"),
  ]);
});
