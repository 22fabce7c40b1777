// Both sides of an order write their logs with the compiled program, and a third one judges them.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Line } from "./program.ts";
import { type Device, Site } from "./site.ts";

const site = new Site();
let device: Device;
beforeAll(async () => {
  device = await site.startDevice({ windowUnitsMax: 2 });
});
afterAll(() => site.close());

async function command(args: readonly string[], exitCode = 0): Promise<readonly Line[]> {
  const program = await site.run([...args, "--json"]);
  expect(await program.ended(), program.output).toBe(exitCode);
  return program.lines;
}

test("an order that was streamed: nobody is named, and who changes his log is", {
  timeout: 60_000,
}, async () => {
  const [mine, theirs] = [join(site.folder, "mine.json"), join(site.folder, "theirs.json")];
  await command(["buy", "--units", "2", "--stream"]);
  const told = await command(["status", "last", "--log", mine]);
  expect(told.find(({ step }) => step === "log")).toMatchObject({ role: "consumer", receipts: 2 });
  await command(["history", "last", "--log", theirs]);
  const judging = ["dispute", mine, theirs, "--operator", device.operatorKey];
  expect((await command(judging)).at(-1)).toMatchObject({ step: "judged", verdict: "kept" });

  const log = JSON.parse(readFileSync(theirs, "utf8")) as { capturedMinor: number };
  writeFileSync(theirs, JSON.stringify({ ...log, capturedMinor: log.capturedMinor + 1 }));
  const findings = (await command(judging, 1)).filter(({ step }) => step === "finding");
  expect(new Set(findings.map(({ party, rule }) => `${String(party)} ${String(rule)}`))).toEqual(
    new Set(["device D9"]),
  );
});

test("a log is of one order: without its name it is called wrongly", {
  timeout: 30_000,
}, async () => {
  for (const name of ["status", "history"]) {
    const [fault] = (await command([name, "--log", join(site.folder, "x.json")], 2)).slice(-1);
    expect(fault).toMatchObject({ kind: "usage", at: "--log" });
  }
});
