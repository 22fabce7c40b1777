// `sluice board` on lines of a real kernel: what check says of them, and that a line which a person drives by hand is open
// in the end, also when the program that drives it is killed.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { genericLinux } from "../../boards/computers/generic-linux.ts";
import { genericPump } from "../../boards/generic-pump.ts";
import type { Board, LineWiring } from "../../hal/board.ts";
import { FLAG_OUTPUT, requestLine } from "../../hal/linux/gpio-chip.ts";
import { reportLines } from "../../hal/linux/gpio-lines.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import type { Finding } from "../../tools/board-finding.ts";
import { checkLines } from "../../tools/board-lines.ts";
import { metalGround, pokeLine, watchLine } from "../../tools/board-poke.ts";
import { type GpioSim, openGpioSim } from "./gpio-sim-bench.ts";
import { endGuards, guestMissing, msUntilLow, pause } from "./guest.ts";

const VALVE = 0;
const FLOW = 2;
const LIMIT_MS = 60_000;
const DRIVERS: readonly [string, Partial<LineWiring>][] = [
  ["onoff", {}],
  ["gpiochip", { bias: "pull-down" }],
];
/** A program that pokes the valve of the board that it is given, for ever. */
const POKE = `
  const { metalGround, pokeLine } = await import(${built("tools/board-poke.js")});
  const { openSystemClock } = await import(${built("hal/linux/system-clock.js")});
  const out = { json: true, say() {}, progress() {}, fault() {}, emit: (fact) => console.log(JSON.stringify(fact)) };
  const ground = metalGround(openSystemClock(), out, new Promise(() => {}));
  await pokeLine(JSON.parse(process.argv[1]), "valve", "on", ground);`;
const missing = guestMissing();

let sim: GpioSim;
let facts: Readonly<Record<string, unknown>>[] = [];
let end: () => void;

beforeEach(({ skip }) => {
  if (missing !== undefined) skip(missing);
  sim = openGpioSim();
  facts = [];
});

afterEach(async () => {
  if (missing !== undefined) return;
  await endGuards();
  sim.close();
});

function pump(wiring: Partial<LineWiring> = {}): Board {
  const valve = { ...wiring, pin: `${sim.label}/${VALVE}` };
  return { ...genericPump, lines: { valve, flow: { pin: `${sim.label}/${FLOW}` } } };
}

/** The lines of this machine; `end` is Ctrl-C. */
function ground() {
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const emit = (fact: Readonly<Record<string, unknown>>): void => void facts.push(fact);
  const out = { json: true, say() {}, progress() {}, fault() {}, emit };
  return metalGround(openSystemClock(), out, ended);
}

test.each(DRIVERS)(
  "I7: %s: what was poked is open in the end",
  async (_driver, wiring) => {
    const poked = pokeLine(pump(wiring), "valve", "on", ground());
    await expect.poll(() => sim.level(VALVE), { timeout: LIMIT_MS }).toBe(true);
    sim.pull(VALVE, false);
    end();
    expect(await poked).toMatchObject({ ok: true });
    expect(sim.level(VALVE)).toBe(false);
    expect(facts.map(({ level }) => level)).toEqual(["on", "off"]);
  },
  120_000,
);

test("I7: kill -9 of what pokes: the guard opens it", async () => {
  const args = ["--input-type=module", "--eval", POKE, JSON.stringify(pump({ bias: "pull-down" }))];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [said] = (await once(child.stdout, "data")) as [Buffer];
    expect(JSON.parse(String(said))).toMatchObject({ line: "valve", level: "on" });
    sim.pull(VALVE, true);
    child.kill("SIGKILL");
    expect(msUntilLow(sim, VALVE)).toBeLessThan(1_000);
  } finally {
    child.kill("SIGKILL");
  }
}, 120_000);

test("check says pin, chip, driver and holder of each line", () => {
  const path = `/dev/${sim.path.split("/").at(-1)}`;
  const fd = requestLine({ path, offset: VALVE, flags: FLAG_OUTPUT, consumer: "somebody" });
  const found: Finding[] = [];
  checkLines(pump(), genericLinux, reportLines, (one) => found.push(one));
  closeSync(fd);
  const [valve, flow] = found;
  const pin = `${sim.label}/${VALVE}`;
  expect(valve).toMatchObject({ name: "valve", state: "missing" });
  expect(valve?.message).toBe(`output, pin ${pin}, ${pin}, onoff, held by somebody`);
  expect(valve?.details).toMatchObject({ chip: sim.label, offset: VALVE, consumer: "somebody" });
  expect(flow).toMatchObject({ name: "flow", state: "good", details: { driver: "gpiochip" } });
});

test("watch counts the pulses of a line", async () => {
  const watching = watchLine(pump(), "flow", ground());
  for (let n = 0; n < 3; n++) {
    sim.pull(FLOW, true);
    await pause(50);
    sim.pull(FLOW, false);
    await pause(50);
  }
  await expect.poll(() => facts.at(-1)?.["edges"], { timeout: LIMIT_MS }).toBe(3);
  end();
  expect(await watching).toMatchObject({ ok: true });
}, 120_000);

function built(path: string): string {
  return JSON.stringify(new URL(`../../build/${path}`, import.meta.url).href);
}
