// The bench's chip reader driven by software that knows nothing of us: Debian's pcscd with its driver for the GemPC
// Twin, and opensc-tool on top of it.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openPty, type Pty } from "../../hal/linux/pty.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import type { SimCard } from "../../hal/sim/sim-card.ts";
import { type SimGempc, simGempc } from "../../hal/sim/sim-gempc.ts";
import { testCard } from "../../hal/sim/test-cards.ts";
import { type Pcscd, pcscdMissing, startPcscd } from "../support/pcscd.ts";

const missing = pcscdMissing();
const PATIENCE_MS = 20_000;
const SELECT_PSE = "00A404000E315041592E5359532E4444463031";

let folder: string;
let pty: Pty;
let twin: SimGempc;
let daemon: Pcscd | undefined;

beforeEach(({ skip }) => {
  if (missing !== undefined) skip(missing);
  folder = mkdtempSync(join(tmpdir(), "sluice-twin-"));
  pty = openPty(join(folder, "reader"));
  twin = simGempc(openSystemClock());
  twin.attach(pty.port);
});

afterEach(async () => {
  await daemon?.stop();
  daemon = undefined;
  await pty?.port.close();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

function card(name: string): SimCard {
  const found = testCard(name);
  if (found === undefined) throw new Error(`no test card ${name}`);
  return found;
}

/** What the tool says, asked until that is in it. */
async function until(pattern: RegExp, ...args: string[]): Promise<string> {
  const endMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const said = await daemon?.tool(...args);
    if (said !== undefined && pattern.test(said)) return said;
    if (performance.now() > endMs) throw new Error(`${args.join(" ")}: ${said}\n${daemon?.said()}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

test.each([
  { name: "mastercard-chip", atr: "3b:e0:00:00:81:31:20:43:33" },
  { name: "mastercard-chip-t0", atr: "3b:65:00:00:20:63:cb:68:00" },
])("a third-party driver sees $name and speaks to it", { timeout: 60_000 }, async (row) => {
  twin.insert(card(row.name));
  daemon = await startPcscd(pty.path());
  const listed = await until(/Bench Twin/, "--list-readers");
  expect(listed).toMatch(/Yes\s+Bench Twin 00 00/);
  expect((await daemon.tool("--atr")).trim()).toContain(row.atr);
  // Without an expected length, as it is on T=0; over T=1 it means the same.
  const answer = await daemon.tool("--card-driver", "default", "--send-apdu", `${SELECT_PSE}00`);
  expect(answer).toContain("SW1=0x90, SW2=0x00");
  expect(answer).toContain("6F 1A 84 0E 31 50 41 59 2E 53 59 53 2E 44 44 46");
  expect(answer).toContain("30 31 A5 08 88 01 01 5F 2D 02 65 6E");
});

test("it sees the card go and come", { timeout: 60_000 }, async () => {
  daemon = await startPcscd(pty.path());
  await until(/No\s+Bench Twin/, "--list-readers");
  twin.insert(card("mastercard-chip"));
  await until(/Yes\s+Bench Twin/, "--list-readers");
  expect(await daemon.tool("--atr")).toContain("3b:e0:00:00:81:31:20:43:33");
  twin.remove();
  await until(/No\s+Bench Twin/, "--list-readers");
  twin.insert(card("mastercard-chip-t0"));
  await until(/Yes\s+Bench Twin/, "--list-readers");
  expect(await daemon.tool("--atr")).toContain("3b:65:00:00:20:63:cb:68:00");
});
