// `sluice board check` and the poking of displays and printers against peripherals on pseudo-terminals: through the real
// serial port and the real drivers, as on a board. The lines are told by the test: this kernel has no GPIO.

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { piCharger } from "../../boards/pi-charger.ts";
import { piPump } from "../../boards/pi-pump.ts";
import { BOARDS } from "../../boards/registry.ts";
import type { Board } from "../../hal/board.ts";
import { fitBoard } from "../../hal/fit-board.ts";
import type { LineReport } from "../../hal/linux/gpio-lines.ts";
import { lineUses } from "../../hal/linux/gpio-wiring.ts";
import { openPty } from "../../hal/linux/pty.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import type { SerialPort } from "../../hal/serial.ts";
import { seededRandom } from "../../hal/sim/random.ts";
import { simEscpos } from "../../hal/sim/sim-escpos.ts";
import { simGempc } from "../../hal/sim/sim-gempc.ts";
import { simLcd } from "../../hal/sim/sim-lcd.ts";
import { simModbus } from "../../hal/sim/sim-modbus.ts";
import { SIM_MODBUS_METERS } from "../../hal/sim/sim-modbus-meters.ts";
import { simPn532 } from "../../hal/sim/sim-pn532.ts";
import { checkBoard } from "../../tools/board-check.ts";
import type { Finding } from "../../tools/board-finding.ts";
import { pokePaper } from "../../tools/board-paper.ts";
import type { Output } from "../../tools/command.ts";
import { Program, pause } from "./program.ts";

const clock = openSystemClock();
const SILENT: Output = { json: false, say() {}, emit() {}, progress() {}, fault() {} };

let folder = "";
let closing: (() => unknown)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-board-"));
  closing = [];
});
afterEach(async () => {
  for (const close of closing.toReversed()) await close();
  rmSync(folder, { recursive: true, force: true });
});

/** Our end of a pseudo-terminal that stands where a device would be. */
function wire(name: string): SerialPort {
  const { port } = openPty(join(folder, name));
  closing.push(() => port.close());
  return port;
}

/** The board with its serial ports in the folder of the test, and its temperature there too. */
function fitted(board: Board): Board {
  const names = Object.keys(board.serial ?? {});
  const serial = Object.fromEntries(names.map((name) => [name, join(folder, name)]));
  const sensors = (board.sensors ?? []).map((part) =>
    part.kind === "file" ? { ...part, path: join(folder, part.id) } : part,
  );
  return { ...fitBoard(board, { serial, lines: {} }), sensors };
}

/** A file of the kernel, as another computer has it. */
function kernelFile(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

function raspberryPi5(): void {
  kernelFile("proc/device-tree/compatible", "raspberrypi,5-model-b\0brcm,bcm2712\0");
  kernelFile("proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0");
  kernelFile("dev/watchdog", "");
  kernelFile("sys/class/watchdog/watchdog0/state", "active\n");
  kernelFile("sys/module/pinctrl_rp1/parameters/persist_gpio_outputs", "N\n");
}

const freeLines = (board: Board): readonly LineReport[] =>
  [...lineUses(board)].map(([line, use], offset) => ({
    ...{ line, use, pin: board.lines?.[line]?.pin ?? "", chip: "pinctrl-rp1", offset },
    ...{ driver: use === "edges" ? "gpiochip" : "onoff", consumer: "", direction: "in" },
  }));

async function check(
  board: Board,
  readLines: (board: Board) => readonly LineReport[] = freeLines,
): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  await checkBoard({ board }, { clock, readLines, root: folder }, (one) => found.push(one));
  return found;
}

const isNot = (state: Finding["state"]) => (one: Finding) => one.state !== state;
const rowOf = (found: readonly Finding[], about: string, name: string) =>
  found.find((one) => one.about === about && one.name === name);

function chargerPeripherals(): void {
  const chip = simPn532(clock);
  chip.attach(wire("contactless"));
  closing.push(() => chip.close());
  const meter = SIM_MODBUS_METERS["sdm120"]?.(1, { total: () => 1_234_000, rate: () => 0 });
  simModbus(wire("meters"), {
    ...{ framing: "rtu", units: meter === undefined ? [] : [meter] },
    ...{ clock, random: seededRandom(1, "board") },
  });
  writeFileSync(join(folder, "temperature"), "48312\n");
}

describe("board check", () => {
  test("a charger with all that it is made of", { timeout: 30_000 }, async () => {
    raspberryPi5();
    chargerPeripherals();
    for (const name of ["display", "printer", "terminal"]) wire(name);
    const found = await check(fitted(piCharger));
    expect(found.filter(isNot("good")).map(({ about }) => about)).toEqual(["display", "printer"]);
    expect(found.filter(({ about }) => about === "line")).toHaveLength(lineUses(piCharger).size);
    expect(rowOf(found, "computer", "Raspberry Pi 5")?.message).toBe(
      "Raspberry Pi 5 Model B Rev 1.0",
    );
    expect(rowOf(found, "reader", "contactless")?.message).toContain("PN532");
    expect(rowOf(found, "meter", "energy")?.message).toContain("importWh 1234000");
    expect(rowOf(found, "sensor", "temperature")?.message).toBe("48312 m°C");
    expect(rowOf(found, "watchdog", "/dev/watchdog")?.message).toContain("running");
    expect(rowOf(found, "crash", "pinctrl_rp1")?.message).toContain("becomes an input");
  });

  test("the pump's chip reader is asked as well", { timeout: 30_000 }, async () => {
    raspberryPi5();
    const twin = simGempc(clock);
    twin.attach(wire("chip"));
    const chip = simPn532(clock);
    chip.attach(wire("contactless"));
    closing.push(() => chip.close());
    writeFileSync(join(folder, "tank"), "20000\n");
    const found = await check(fitted(piPump));
    expect(found.filter(({ state }) => state === "missing")).toEqual([]);
    expect(rowOf(found, "reader", "chip")?.message).toContain("chip reader");
    expect(rowOf(found, "serial", "terminal")).toMatchObject({ state: "warning" });
  });

  test("what is there and does not answer is missing, and so is what is not there", {
    timeout: 60_000,
  }, async () => {
    raspberryPi5();
    for (const name of ["contactless", "meters"]) wire(name);
    writeFileSync(join(folder, "temperature"), "200000\n");
    const found = await check(fitted(piCharger));
    const missing = found.filter(({ state }) => state === "missing");
    expect(missing.map(({ about, name }) => `${about} ${name}`)).toEqual([
      ...["serial display", "serial printer", "reader contactless", "display lcd"],
      ...["printer escpos", "meter energy", "sensor temperature"],
    ]);
    expect(rowOf(found, "sensor", "temperature")?.message).toContain("above 125000");
    expect(rowOf(found, "serial", "display")?.message).toContain("no such port");
    expect(rowOf(found, "display", "lcd")?.message).toContain("display is not to be had");
  });

  test("a port that another program has open, or has for itself, is said with its name", {
    timeout: 60_000,
  }, async () => {
    raspberryPi5();
    chargerPeripherals();
    for (const name of ["display", "printer"]) wire(name);
    const other = hold("display", "cat -");
    hold("printer", "sh -c", "flock -x 0; sleep 60");
    await pause(300);
    const found = await check(fitted(piCharger));
    expect(rowOf(found, "serial", "display")).toMatchObject({ state: "warning" });
    expect(rowOf(found, "serial", "display")?.message).toContain(`process ${other.pid} (cat`);
    expect(rowOf(found, "serial", "printer")).toMatchObject({ state: "missing" });
    expect(rowOf(found, "serial", "printer")?.message).toMatch(/in use by process \d+ \(/);
  });

  test("a line that somebody holds, and a computer that it does not fit on", async () => {
    const held = (board: Board) =>
      freeLines(board).map((one) =>
        one.line === "contactor"
          ? { ...one, consumer: "gpioset", problem: "held by gpioset" }
          : { ...one, consumer: "sluice 77" },
      );
    kernelFile("proc/device-tree/compatible", "ti,am335x-bone-black\0");
    const board: Board = { ...piCharger, serial: {}, readers: [], outlets: contactorOnly() };
    const { display: _d, printer: _p, sensors: _s, ...bare } = board;
    const found = await check(bare, held);
    expect(rowOf(found, "line", "contactor")).toMatchObject({ state: "missing" });
    expect(rowOf(found, "line", "contactor")?.message).toBe(
      "output, pin 11, pinctrl-rp1/0, onoff, held by gpioset",
    );
    expect(rowOf(found, "line", "stop-button")).toMatchObject({ state: "good" });
    expect(rowOf(found, "computer", "BeagleBone Black")?.message).toContain("fits on");
  });

  test.each([
    [{ pin: "7" }, "warning", "CLOSED before any program runs, by a pull-up"],
    [{ pin: "7", resistor: "pull-down" }, "good", "free"],
    [{ pin: "11", resistor: "pull-up" }, "warning", "CLOSED"],
  ] as const)("an output that was moved by hand: %o", async (contactor, state, words) => {
    raspberryPi5();
    const board: Board = { ...piCharger, serial: {}, readers: [], outlets: contactorOnly() };
    const { display: _d, printer: _p, sensors: _s, ...bare } = board;
    const found = await check(fitBoard(bare, { serial: {}, lines: { contactor } }));
    expect(rowOf(found, "line", "contactor")).toMatchObject({ state });
    expect(rowOf(found, "line", "contactor")?.message).toContain(words);
  });

  test.each([
    ["Y", "warning", "keeps its level"],
    ["N", "good", "becomes an input"],
  ])("persist_gpio_outputs %s", async (value, state, words) => {
    raspberryPi5();
    kernelFile("sys/module/pinctrl_rp1/parameters/persist_gpio_outputs", `${value}\n`);
    kernelFile("sys/class/watchdog/watchdog0/state", "inactive\n");
    const found = await check({ name: "bare", title: "Bare", outlets: [] });
    const crash = rowOf(found, "crash", "pinctrl_rp1");
    expect(crash?.state).toBe(state);
    expect(crash?.message).toContain(words);
    expect(rowOf(found, "watchdog", "/dev/watchdog")).toMatchObject({ state: "warning" });
  });

  test("a port of another computer's header is not taken for this one's", async () => {
    raspberryPi5();
    const serial = { contactless: { path: "/dev/serial0", settings: { baud: 115_200 } } };
    const found = await check({ name: "bare", title: "Bare", outlets: [], serial });
    expect(rowOf(found, "serial", "contactless")).toMatchObject({ state: "warning" });
    expect(rowOf(found, "serial", "contactless")?.message).toContain("contactless: /dev/ttyAMA0");
  });
});

describe("on a pseudo-terminal", () => {
  test("poke display show stands on the glass", async () => {
    const lcd = simLcd(wire("display"), { columns: 20, rows: 4 });
    const done = await pokePaper(fitted(piCharger), "display", "show", { clock, out: SILENT });
    expect(done.ok).toBe(true);
    expect(lcd.rows()).toEqual(["pi-charger", "It shows.", "0123456789", "SLUICE"]);
    expect(lcd.refused()).toBe(0);
  });

  test("poke printer print comes out on paper, with its code", async () => {
    const printer = simEscpos(wire("printer"));
    const done = await pokePaper(fitted(piCharger), "printer", "print", { clock, out: SILENT });
    expect(done.ok).toBe(true);
    const [paper] = printer.papers();
    expect(paper?.lines[1]).toBe("left                       right");
    expect(paper?.codes).toEqual(["SLUICE"]);
    expect(printer.refused()).toBe(0);
  });

  test("what is not there is said at once", async () => {
    const poked = pokePaper(fitted(piCharger), "printer", "print", { clock, out: SILENT });
    await expect(poked).rejects.toThrow("no such port");
    const wrong = await pokePaper(piCharger, "printer", "on", { clock, out: SILENT });
    expect(wrong).toMatchObject({ ok: false, fault: { kind: "usage" } });
    const none = await pokePaper(piPump, "printer", "print", { clock, out: SILENT });
    expect(none).toMatchObject({ ok: false, fault: { kind: "not-found" } });
  });
});

describe("the command", () => {
  const sluice = async (...args: string[]) => {
    const program = new Program(["board", ...args, "--json"], process.env);
    closing.push(() => program.kill());
    const code = await program.ended();
    return { code, lines: program.lines };
  };

  test("list names every board, and the computer", async () => {
    const { code, lines } = await sluice("list");
    expect(code).toBe(0);
    const named = lines.filter(({ step }) => step === "board").map((one) => one["board"]);
    expect(named).toEqual(BOARDS.map(({ name }) => name));
    expect(lines.at(-1)).toMatchObject({ step: "computer" });
  });

  test("check of a virtual board: all is there; of one that is not: 1, and what no reader here is", async () => {
    expect(await sluice("check", "--board", "virtual-pump")).toMatchObject({ code: 0 });
    const { code, lines } = await sluice("check", "--board", "pi-charger");
    expect(code).toBe(1);
    const note = lines.find(({ step }) => step === "note");
    expect(note).toMatchObject({ certified: false });
    expect(note?.["message"]).toContain("not a certified payment kernel");
    expect(lines.at(-1)).toMatchObject({ step: "checked", missing: expect.any(Number) });
  });

  test.each([
    [["check"], 2, "usage"],
    [["check", "--board", "pi-charger", "--device", "x.yaml"], 2, "usage"],
    [["check", "--board", "pi-chargr"], 1, "not-found"],
    [["poke", "contactor", "--board", "pi-charger"], 2, "usage"],
    [["poke", "contactor", "on", "--seconds", "0", "--board", "pi-charger"], 2, "usage"],
  ])("%s: %d, %s", async (args, code, kind) => {
    const ended = await sluice(...args);
    expect(ended.code).toBe(code);
    expect(ended.lines.at(-1)).toMatchObject({ type: "fault", kind });
  });

  test("poke and watch keep off the lines while the loop of a device runs on them", async () => {
    const code = "setTimeout(() => {}, 60_000); console.log('up')";
    const args = ["-e", code, "--", "/opt/loop-main.js", "pi-pump", "1"];
    const loop = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
    closing.push(() => loop.kill("SIGKILL"));
    await new Promise((resolve) => loop.stdout?.once("data", resolve));
    const said = `process ${loop.pid}`;
    for (const words of [
      ["poke", "contactor", "on"],
      ["watch", "stop-button"],
    ]) {
      const ended = await sluice(...words, "--board", "pi-charger");
      expect(ended.code).toBe(1);
      expect(ended.lines.at(-1)?.["message"]).toContain(said);
    }
  });
});

/** A program that has the port as its standard input. */
function hold(name: string, command: string, ...more: readonly string[]): ChildProcess {
  const fd = openSync(join(folder, name), "r+");
  const [program = "", ...args] = command.split(" ");
  const child = spawn(program, [...args, ...more], { stdio: [fd, "ignore", "ignore"] });
  closeSync(fd);
  closing.push(() => child.kill("SIGKILL"));
  return child;
}

function contactorOnly(): Board["outlets"] {
  return piCharger.outlets.map((outlet) => ({ ...outlet, meters: [], interlocks: [] }));
}
