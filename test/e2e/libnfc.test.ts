// libnfc's own tools read our simulated PN532 on a pseudo-terminal, as they would read one on a serial port. They judge every
// byte of a frame for themselves.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openPty, type Pty } from "../../hal/linux/pty.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import type { SimCard } from "../../hal/sim/sim-card.ts";
import { type SimPn532, simPn532 } from "../../hal/sim/sim-pn532.ts";
import { ntag213, type4Tag } from "../../hal/sim/sim-tag.ts";
import { testCard } from "../../hal/sim/test-cards.ts";
import { pause } from "./program.ts";

const LIMIT_MS = 20_000;

const missing = ["nfc-list", "nfc-poll"].some((tool) => spawnSync(tool, ["-h"]).error !== undefined)
  ? "libnfc's tools are not installed: apt-get install libnfc-bin libnfc-examples"
  : undefined;

let folder = "";
let pty: Pty | undefined;
let chip: SimPn532;
let children: ChildProcess[] = [];
beforeEach(({ skip }) => {
  if (missing !== undefined) skip(missing);
  folder = mkdtempSync(join(tmpdir(), "sluice-libnfc-"));
  pty = openPty(join(folder, "reader"));
  chip = simPn532(openSystemClock());
  chip.attach(pty.port);
  children = [];
});
afterEach(async () => {
  for (const child of children) if (child.exitCode === null) child.kill("SIGKILL");
  chip?.close();
  await pty?.port.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Tool {
  child: ChildProcess;
  output(): string;
  /** Waits until it has said so. */
  says(text: string): Promise<void>;
  ended: Promise<number | null>;
}

function start(tool: string, args: readonly string[] = []): Tool {
  const device = `pn532_uart:${pty?.path() ?? ""}:115200`;
  const env = { ...process.env, LIBNFC_DEVICE: device, LIBNFC_DEFAULT_DEVICE: device };
  const child = spawn("stdbuf", ["-oL", tool, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  let output = "";
  const heard: (() => void)[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      output += String(chunk);
      for (const one of heard) one();
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const says = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error(`no "${text}" in:\n${output}`)), LIMIT_MS);
      const look = (): void => {
        if (!output.includes(text)) return;
        clearTimeout(limit);
        resolve();
      };
      heard.push(look);
      look();
    });
  return { child, output: () => output, says, ended };
}

async function run(tool: string, args: readonly string[] = []): Promise<string> {
  const started = start(tool, args);
  expect(await started.ended).toBe(0);
  return started.output();
}

const TAG = ntag213("tag", { message: Uint8Array.of(0xd0, 0x00, 0x00) });
const VISA = testCard("visa-test") as SimCard;
const FILE_TAG = type4Tag("type 4");

test("nfc-list finds the reader, and nobody in its field", async () => {
  const output = await run("nfc-list");
  expect(output).toMatch(/^NFC device: .* opened$/m);
  expect(output).not.toMatch(/UID/);
});

test("nfc-list tells a tag of memory", async () => {
  chip.present(TAG);
  const output = await run("nfc-list");
  expect(output).toMatch(/ATQA \(SENS_RES\): 00 {2}44/);
  expect(output).toMatch(/UID \(NFCID1\): 04 {2}a1 {2}b2 {2}c3 {2}d4 {2}e5 {2}f6/);
  expect(output).toMatch(/SAK \(SEL_RES\): 00/);
});

test("nfc-list -t 1 tells a payment card with what it says of itself, and one that keeps a file", async () => {
  chip.present(VISA);
  const card = await run("nfc-list", ["-t", "1"]);
  expect(card).toMatch(/UID \(NFCID3\): 08/);
  expect(card).toMatch(/SAK \(SEL_RES\): 20/);
  expect(card).toMatch(/ATS: 78 {2}80 {2}70 {2}02/);
  chip.remove(VISA);
  chip.present(FILE_TAG);
  expect(await run("nfc-list", ["-t", "1"])).toMatch(/UID \(NFCID1\): 04 {2}a1 {2}b2 {2}c3/);
});

test.each([
  ["a tag of memory", TAG, "00  44"],
  ["a payment card", VISA, "00  04"],
])("nfc-poll sees %s come, and sees it go", async (_, card, sensRes) => {
  const poll = start("nfc-poll");
  await poll.says("NFC device will poll during");
  chip.present(card);
  await poll.says(`ATQA (SENS_RES): ${sensRes}`);
  await poll.says("Waiting for card removing");
  chip.remove(card);
  expect(await poll.ended).toBe(0);
  expect(poll.output()).toContain("done.");
});

test("nfc-poll that is interrupted aborts the search, and the reader serves the next one", async () => {
  const poll = start("nfc-poll");
  await poll.says("NFC device will poll during");
  // It says so before it does so.
  await pause(500);
  poll.child.kill("SIGINT");
  await poll.says("Operation Aborted");
  await poll.ended;
  chip.present(TAG);
  expect(await run("nfc-list")).toContain("04  a1  b2  c3  d4  e5  f6");
});
