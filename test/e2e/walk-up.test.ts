// The walk-up sale of the compiled program: a virtual board with everything on real wire protocols, and no broker that
// could be reached.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { endProcess, type Line, type Program, pause } from "./program.ts";
import { FROM_10_WH, isShown } from "./shown.ts";
import { Site } from "./site.ts";

/** Nobody listens there (RFC 6335: a port of the system's own, unused). */
const NO_BROKER = "mqtt://127.0.0.1:1";
const BOARD = join(import.meta.dirname, "../../boards/virtual-pi-charger.yaml");
const UNTIL_MS = 20_000;

let site: Site;
beforeEach(() => {
  site = new Site();
});
afterEach(() => site.close());

async function launch(): Promise<Program> {
  const file = join(site.folder, "device.yaml");
  writeFileSync(file, readFileSync(BOARD, "utf8").replace(/^benchRate: .*$/m, "benchRate: 1"));
  const args = ["run", "--json", "--device", file, "--data", site.data, "--broker", NO_BROKER];
  const program = site.start(args);
  const ready = await program.until("ready", () => true, UNTIL_MS);
  site.onClose(() => endProcess(Number(ready["loopPid"])));
  return program;
}

async function bench(...words: string[]): Promise<void> {
  const program = site.start(["bench", ...words, "--data", site.data]);
  expect({ ended: await program.ended(), said: program.output }).toMatchObject({ ended: 0 });
}

async function untilShown(words: string | RegExp): Promise<void> {
  const deadlineMs = performance.now() + UNTIL_MS;
  for (;;) {
    const { output } = await site.run(["bench", "display", "--data", site.data]);
    if (isShown(words, output)) return;
    if (performance.now() > deadlineMs) throw new Error(`${words} is not shown:\n${output}`);
    await pause(100);
  }
}

const logged = (program: Program, event: string): Promise<Line> =>
  program.until("log", (line) => line["event"] === event, UNTIL_MS);

test("I1: starts without its broker, sells to a card, stops at the button, and prints the receipt", async () => {
  const program = await launch();
  expect(await logged(program, "broker-unreachable")).toMatchObject({
    message: expect.stringContaining(NO_BROKER),
  });
  await bench("clear", "vehicle");
  await untilShown("Present your card");
  await bench("tap", "visa-test");
  await logged(program, "session-begun");
  await untilShown(FROM_10_WH);
  await bench("press", "stop");
  const settled = await logged(program, "settled");
  const ended = await logged(program, "session-ended");
  expect(ended).toMatchObject({ reason: "customer-button" });
  const capturedMinor = Math.floor((Number(ended["pulses"]) * 45) / 1000);
  expect(settled).toMatchObject({ reason: "customer-button", capturedMinor });
  expect(site.charges()).toMatchObject([{ authorisedMinor: 900, capturedMinor, refundedMinor: 0 }]);
  await untilShown("Charged");
  const { output: paper } = await site.run(["bench", "paper", "--data", site.data]);
  expect(paper).toContain(String(settled["order"]));
  expect(paper).toContain("SLUICE:");
  program.signal("SIGTERM");
  expect(await program.ended()).toBe(0);
}, 90_000);
