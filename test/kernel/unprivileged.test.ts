// A device as its service runs it, on a real kernel: nobody in particular, with the group of its GPIO chip and of the
// watchdog alone. It sells; the kernel's own software watchdog is armed when it is ready, disarmed by a stop in
// order, left running by a death, and disarmed by who opens the outputs after it.

import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { lineInfo } from "../../hal/linux/gpio-chip.ts";
import { openWatchdog } from "../../hal/linux/watchdog.ts";
import { Program } from "../e2e/program.ts";
import { freePort, receiptsOf } from "../e2e/site.ts";
import { requireBuilt } from "../support/built.ts";
import { type GpioSim, locateOn, openGpioSim } from "./gpio-sim-bench.ts";
import { endGuards, guestMissing, type Pulses, startPulses } from "./guest.ts";

const PATH = "/dev/watchdog";
const OPEN_OUTPUTS = "tools/open-outputs.js";
const VALVE = 0;
const FLOW = 2;
const PULSES_PER_UNIT = 450;
const LIMIT_MS = 100_000;
/** The groups of a board are its udev rule's (deploy/sluice.rules). */
const USER = 65_534;
const GROUP = 64_999;
const AS_USER = ["setpriv", `--reuid=${USER}`, `--regid=${USER}`, `--groups=${GROUP}`];
const ENTRY = fileURLToPath(new URL("../../build/tools/sluice.js", import.meta.url));

const missing = guestMissing() ?? lacking();

function lacking(): string | undefined {
  if (!existsSync(PATH)) return "this kernel has no software watchdog";
  const [command = "", ...words] = [...AS_USER, "test", "-r", ENTRY];
  const { status } = spawnSync(command, words);
  return status === 0 ? undefined : "only root may read this tree";
}

function shown(what: string): string {
  return readFileSync(`/sys/class/watchdog/watchdog0/${what}`, "utf8").trim();
}

let sim: GpioSim;
let folder: string;
let file: string;
let programs: Program[];
let meter: Pulses | undefined;

function begin([verb = "", ...words]: readonly string[]): Program {
  const own = { HOME: folder, XDG_RUNTIME_DIR: folder, XDG_STATE_HOME: folder };
  const env = { PATH: process.env["PATH"], ...own };
  const program = new Program([verb, "--json", ...words], env, AS_USER);
  programs.push(program);
  return program;
}

async function start(): Promise<Program> {
  const price = "{ id: 1, name: per litre, amountMinor: 2, currency: EUR }";
  const lines = [
    ...["version: 1", "name: Pump", "board: generic-pump", `watchdog: ${PATH}`],
    `lines: { valve: { pin: ${sim.label}/${VALVE} }, flow: { pin: ${sim.label}/${FLOW} } }`,
    `broker: { host: 127.0.0.1, port: ${await freePort()} }`,
    "services:",
    "  - { id: 1, name: Water, outlet: nozzle, meter: flow, unitsMax: 100, tokenLifeHours: 1,",
    `      undelivered: refund, prices: [${price}] }`,
    "",
  ];
  writeFileSync(file, lines.join("\n"));
  const program = begin(["run", "--device", file, "--data", join(folder, "data")]);
  await program.until("ready", () => true, LIMIT_MS);
  await program.until("log", ({ event }) => event === "watchdog-armed", LIMIT_MS);
  return program;
}

function testWatchdog(): void {
  beforeAll(() => {
    requireBuilt(OPEN_OUTPUTS);
    sim = openGpioSim();
    const { chip } = locateOn(sim)(String(VALVE));
    for (const path of [chip.path, PATH]) {
      chownSync(path, 0, GROUP);
      chmodSync(path, 0o660);
    }
  });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-watchdog-"));
    chownSync(folder, USER, USER);
    file = join(folder, "device.yaml");
    programs = [];
  });

  afterEach(async () => {
    for (const program of programs) await program.kill();
    await meter?.stop();
    meter = undefined;
    await endGuards();
    rmSync(folder, { recursive: true, force: true });
  }, LIMIT_MS);

  afterAll(() => sim.close());

  test("it waits as long as it was told, runs while it is open, and stops when it is closed in order", async () => {
    expect(shown("state")).toBe("inactive");
    const watchdog = openWatchdog(PATH);
    expect([watchdog.timeoutMs, watchdog.staysArmed]).toEqual([40_000, false]);
    expect([shown("state"), shown("timeout")]).toEqual(["active", "40"]);
    expect(() => openWatchdog(PATH)).toThrow(/somebody else feeds it/);
    watchdog.feed();
    await watchdog.close();
    expect(shown("state")).toBe("inactive");
  });

  test(
    "a device that is not root arms it, says which outputs only programs hold open, sells, and disarms it in the end",
    async () => {
      const device = await start();
      expect(shown("state")).toBe("active");
      expect(device.of("warning")).toMatchObject([
        { message: expect.stringContaining(`outputs open: valve (pin ${sim.label}/${VALVE})`) },
      ]);
      // sysfs is root's: the line has an owner, which the kernel names.
      const { chip, offset } = locateOn(sim)(String(VALVE));
      expect(lineInfo(chip.path, offset).consumer).toMatch(/^sluice \d+$/);
      meter = startPulses(sim, { rate: 150, lines: [FLOW], whileHigh: VALVE });
      const broker = String(device.of("ready")[0]?.["broker"]);
      const buyer = begin([
        "buy",
        "--broker",
        broker,
        "--identity",
        join(folder, "payer"),
        "--units",
        "1",
      ]);
      expect(await buyer.ended(LIMIT_MS), `${buyer.output}\n${device.output}`).toBe(0);
      expect(receiptsOf(buyer)[0]).toMatchObject({ reason: "exhausted", pulses: PULSES_PER_UNIT });
      device.signal("SIGTERM");
      expect(await device.ended(LIMIT_MS)).toBe(0);
      expect(shown("state")).toBe("inactive");
    },
    2 * LIMIT_MS,
  );

  test(
    "I7: one that died leaves it running, until its outputs were opened",
    async () => {
      const device = await start();
      await device.kill();
      expect(shown("state")).toBe("active");
      const program = fileURLToPath(new URL(`../../build/${OPEN_OUTPUTS}`, import.meta.url));
      await vi.waitFor(
        () => {
          const [command = "", ...words] = [...AS_USER, process.execPath, program, file];
          const { status, stderr } = spawnSync(command, words, { encoding: "utf8" });
          expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
        },
        { timeout: LIMIT_MS, interval: 500 },
      );
      expect(shown("state")).toBe("inactive");
      expect(sim.level(VALVE)).toBe(false);
    },
    2 * LIMIT_MS,
  );
}

if (missing === undefined) describe("the kernel's watchdog", testWatchdog);
else test("the kernel's watchdog", ({ skip }) => skip(missing));
