// sluice limit: reads and sets what an identity may spend, and refuses what is no limit; and what a payment says
// that came to nothing.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { FaultKind } from "../../firmware/fault.ts";
import type { Fault } from "../../firmware/result.ts";
import { type Output, parseCommand } from "../../tools/command.ts";
import { limit } from "../../tools/commands/limit.ts";
import { withNextStep } from "../../tools/commands/pay.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-limit-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function run(...args: string[]) {
  const facts: unknown[] = [];
  const faults: Fault[] = [];
  const out: Output = {
    json: true,
    say: () => undefined,
    emit: (fact) => facts.push(fact),
    progress: () => undefined,
    fault: (fault) => faults.push(fault),
  };
  const code = await limit.run({ ...parseCommand(limit, [...args, "--identity", folder]), out });
  return { code, facts, faults };
}

test("a limit is set, kept, counted anew when it is set again, and taken away", async () => {
  expect(await run()).toMatchObject({ code: 0, facts: [] });
  const used = { currency: "EUR", spentMinor: 0, openMinor: 0 };
  const first = { ...used, limitMinor: 2_500, leftMinor: 2_500 };
  expect((await run("--max", "2500", "--currency", "EUR")).facts).toMatchObject([first]);
  expect((await run()).facts).toMatchObject([first]);
  const two = await run("--max", "100", "--currency", "JPY");
  expect(two.facts).toMatchObject([first, { currency: "JPY", limitMinor: 100 }]);
  expect(await run("--off")).toMatchObject({ code: 0, facts: [] });
});

test.each([
  [["--max", "1"], "--max"],
  [["--currency", "EUR"], "--max"],
  [["--max", "1", "--currency", "eur"], "--currency"],
  [["--off", "--max", "1", "--currency", "EUR"], "--off"],
  [["--max=-1", "--currency", "EUR"], "--max"],
])("%j is called wrongly", async (args, at) => {
  expect(await run(...args)).toMatchObject({ code: 2, faults: [{ kind: "usage", at }] });
  expect((await run()).facts).toEqual([]);
});

test("a payment that may be made later, or may have been made, says what to type", () => {
  const told = (kind: FaultKind): string => withNextStep({ kind, message: "no" }, "0011").message;
  expect(told("not-ready")).toMatch(/^no; no money moved: sluice pay 0011 /);
  expect(told("timed-out")).toMatch(/^no; .*sluice status 0011 /);
  expect(told("over-limit")).toMatch(/sluice limit/);
  expect(told("declined")).toBe("no");
});
