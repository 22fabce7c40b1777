// The virtual twins of the product boards with all their peripherals on the wire: the compiled device, our drivers in
// two processes, and simulators at the other end of pseudo-terminals; people are `sluice bench`. And single
// peripherals, for programs of others.

import { execFile, spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readBenchWords, requestBench } from "../../tools/bench-words.ts";
import { endProcess, type Line, type Program, pause } from "./program.ts";
import { FROM_10_WH, isShown } from "./shown.ts";
import { Site } from "./site.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const LIMIT_MS = 60_000;
const LOOK_MS = 50;

let site: Site;
beforeEach(() => {
  site = new Site();
});
afterEach(() => site.close());

/** The device file that comes with the board, on a port of its own, with something else said. */
async function start(board: string, more = ""): Promise<Program> {
  const file = join(site.folder, `${board}.yaml`);
  const text = readFileSync(join(ROOT, "boards", `${board}.yaml`), "utf8");
  // A meter's reading grows old in the world's time, and tests share their computer.
  const paced = text.replace(/benchRate: \d+/, "benchRate: 1");
  writeFileSync(file, paced.replace("port: 1883", "port: 0") + more);
  const device = site.start(["run", "--json", "--device", file, "--data", site.data]);
  const { loopPid } = await device.until("ready");
  site.onClose(() => endProcess(Number(loopPid)));
  return device;
}

/** As the command does, without a process for each word. */
async function bench(...words: string[]): Promise<Line> {
  const request = readBenchWords(words, {});
  const told = request.ok ? await requestBench(site.data, request.value) : request;
  if (!told.ok) throw new Error(told.fault.message);
  return told.value;
}

async function command(...words: string[]): Promise<Line> {
  const program = await site.run(["bench", "--json", ...words]);
  const [line] = program.lines;
  if (line === undefined) throw new Error(program.output);
  return line;
}

/** Asks the bench again and again until it is so. */
async function untilBench(words: readonly string[], isSo: (line: Line) => boolean): Promise<Line> {
  const deadlineMs = performance.now() + 20_000;
  for (;;) {
    const line = await bench(...words);
    if (isSo(line)) return line;
    if (performance.now() > deadlineMs) throw new Error(JSON.stringify(line));
    await pause(LOOK_MS);
  }
}

const shows = (words: string | RegExp) => (line: Line) =>
  isShown(words, Array.isArray(line["rows"]) ? line["rows"].join("|") : "");

function ofEvent(name: string): (line: Line) => boolean {
  return (line) => line["event"] === name;
}

test("charger: a card is tapped, energy is metered over Modbus, the button ends it, and paper says what was paid", {
  timeout: LIMIT_MS,
}, async () => {
  const device = await start("virtual-pi-charger");
  await untilBench(["display"], shows("Connect the vehicle"));
  expect(await bench("clear", "vehicle")).toMatchObject({ outlets: ["socket"] });
  await untilBench(["display"], shows("Present your card"));
  expect(await command("tap", "visa-test")).toMatchObject({ reader: "contactless" });
  await device.until("log", ofEvent("session-begun"), 20_000);
  await untilBench(["display"], shows(FROM_10_WH));
  await bench("press", "stop");
  const ended = await device.until("log", ofEvent("session-ended"));
  expect(ended).toMatchObject({ reason: "customer-button", unit: "kWh" });
  const settled = await device.until("log", ofEvent("settled"));
  expect(Number(settled["capturedMinor"])).toBe(Math.floor((Number(ended["pulses"]) * 45) / 1000));
  // What the meter on the bus counted is what flowed.
  const { outlets } = await bench();
  expect(outlets).toMatchObject([{ id: "socket", contact: false }]);
  const [socket] = outlets as { meters: { energy: { physical: number } } }[];
  expect(socket?.meters.energy.physical).toBe(ended["pulses"]);
  const { papers } = await untilBench(["paper"], ({ papers }) => (papers as unknown[]).length > 0);
  const [paper] = papers as { lines: string[]; codes: string[] }[];
  expect(paper?.lines.join("|")).toContain("Stopped by button");
  expect(paper?.codes).toHaveLength(1);

  // The same card again, in the device's next life: its counter goes on.
  await bench("remove");
  device.signal("SIGTERM");
  expect(await device.ended()).toBe(0);
  const next = await start("virtual-pi-charger");
  await bench("clear", "vehicle");
  await untilBench(["display"], shows("Present your card"));
  await bench("tap", "visa-test");
  await next.until("log", ofEvent("session-begun"), 20_000);
  await bench("unplug", "meters");
  // Nobody pays for what no meter counted.
  expect(await next.until("log", ofEvent("session-ended"), 20_000)).toMatchObject({
    reason: "meter-lost",
  });
  await next.until("log", ofEvent("settled"));
});

test("charger: a terminal takes the money, asked by the button", {
  timeout: LIMIT_MS,
}, async () => {
  const payment = "\npayment: { host: { kind: terminal, serial: terminal, test: true } }\n";
  const device = await start("virtual-pi-charger", payment);
  await bench("clear", "vehicle");
  await untilBench(["display"], shows("Press the button"));
  await bench("press", "start");
  await untilBench([], ({ terminal }) =>
    String((terminal as Line)["screen"]).startsWith("present"),
  );
  await command("tap", "mastercard-test", "--reader", "terminal");
  await device.until("log", ofEvent("session-begun"), 20_000);
  await bench("raise", "emergency-stop");
  expect(await device.until("log", ofEvent("session-ended"))).toMatchObject({
    reason: "emergency-stop",
  });
  await device.until("log", ofEvent("settled"), 20_000);
});

test("pump: a chip card in the slot, and the nozzle back in its holder ends it", {
  timeout: LIMIT_MS,
}, async () => {
  const device = await start("virtual-pi-pump");
  await untilBench([], ({ readers }) => (readers as unknown[]).length === 2);
  await bench("clear", "nozzle");
  await device.until("log", ofEvent("outlet-well"));
  expect(await bench("insert", "mastercard-chip")).toMatchObject({ reader: "chip" });
  await device.until("log", ofEvent("session-begun"), 20_000);
  const level = (line: Line): number => (line["sensors"] as { value: number }[])[0]?.value ?? 0;
  await untilBench([], (line) => level(line) < 19_995);
  await bench("raise", "nozzle");
  const ended = await device.until("log", ofEvent("session-ended"));
  expect(Number(ended["pulses"])).toBeGreaterThan(0);
  await device.until("log", ofEvent("settled"));
  // The gauge is a file, as on the board.
  await pause(1_500);
  expect(Number(readFileSync(join(site.data, "bench", "tank"), "utf8"))).toBe(level(await bench()));
  // Its display is the terminal, where there are JSON lines only.
  expect(device.output.split("\n").filter((line) => !/^(\{.*\})?$/.test(line))).toEqual([]);
});

test("words that fit nothing, and a bench that does not run", { timeout: LIMIT_MS }, async () => {
  const nobody = site.start(["bench", "tap", "visa-test", "--json"]);
  expect(await nobody.ended()).toBe(1);
  expect(nobody.lines).toMatchObject([{ type: "fault", kind: "not-found" }]);
  await start("virtual-pi-charger");
  const choice = site.start(["bench", "press", "--json"]);
  expect(await choice.ended()).toBe(2);
  expect(choice.lines).toMatchObject([{ type: "fault", kind: "usage", at: "button" }]);
  const none = site.start(["bench", "tap", "gold", "--json", "--data", site.data]);
  expect(await none.ended()).toBe(1);
  expect(none.lines).toMatchObject([{ type: "fault", kind: "not-found", at: "card" }]);
});

const run = promisify(execFile);
const missing = (tool: string, argument: string): boolean =>
  spawnSync(tool, [argument]).error !== undefined;

test("sluice peripheral pn532: nfc-list finds the card, as the help says", {
  timeout: LIMIT_MS,
}, async ({ skip }) => {
  if (missing("nfc-list", "-h")) skip("nfc-list is not installed: apt-get install libnfc-bin");
  const link = join(site.folder, "reader");
  const words = ["peripheral", "pn532", "--link", link, "--card", "visa-test", "--json"];
  const program = site.start(words);
  expect(await program.until("ready")).toMatchObject({ path: link });
  const env = { ...process.env, LIBNFC_DEVICE: `pn532_uart:${link}:115200` };
  const { stdout } = await run("nfc-list", ["-t", "1"], { env });
  expect(stdout).toMatch(/ATS: 78 {2}80 {2}70 {2}02/);
  program.signal("SIGINT");
  expect(await program.ended()).toBe(0);
  expect(existsSync(link)).toBe(false);
});

test("sluice peripheral sdm120: mbpoll reads it, and lines typed change it", {
  timeout: LIMIT_MS,
}, async ({ skip }) => {
  if (missing("mbpoll", "-V")) skip("mbpoll is not installed: apt-get install mbpoll");
  const link = join(site.folder, "meter");
  const entry = join(ROOT, "build", "tools", "sluice.js");
  const child = spawn(process.execPath, [entry, "peripheral", "sdm120", "--link", link], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => {
    said += String(chunk);
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  const until = async (text: string): Promise<void> => {
    for (const endMs = performance.now() + 15_000; !said.includes(text); await pause(20)) {
      if (performance.now() > endMs) throw new Error(`no "${text}" in:\n${said}`);
    }
  };
  const watts = async (): Promise<string> => {
    const line = "-m rtu -b 9600 -P none -a 1 -0 -1 -t 3:float -B -r 12".split(" ");
    const { stdout } = await run("mbpoll", [...line, link], { timeout: 15_000 });
    return /^\[12\]:\s+(\S+)/m.exec(stdout)?.[1] ?? stdout;
  };
  try {
    await until("Ctrl-C ends");
    expect(await watts()).toBe("2300");
    child.stdin.write("rate 100\n");
    await until("it measures 100 now");
    expect(await watts()).toBe("100");
    child.stdin.write("unplug\n");
    await until("its cable is pulled");
    expect(existsSync(link)).toBe(false);
    child.stdin.write("plug\n");
    await until("it is at");
    expect(await watts()).toBe("100");
  } finally {
    child.kill("SIGINT");
    await ended;
  }
  expect(existsSync(link)).toBe(false);
});
