// What a card tells besides its number, at a board that runs as it does in the field: a number planted in every place
// where a card, a tag or a terminal may put bytes is afterwards in no output, no file, no message, on no wire but the
// reader's own, on no glass and no paper, and in no report of a crash.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openMqttLink } from "../../hal/linux/mqtt-link.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import { simEscpos } from "../../hal/sim/sim-escpos.ts";
import { simGempc } from "../../hal/sim/sim-gempc.ts";
import { simLcd } from "../../hal/sim/sim-lcd.ts";
import { simPn532 } from "../../hal/sim/sim-pn532.ts";
import { simStore } from "../../hal/sim/sim-store.ts";
import { openSimTerminal } from "../../hal/sim/sim-terminal.ts";
import {
  filesOf,
  foundIn,
  keysOf,
  nameTraces,
  secretTraces,
  traces,
  trackTraces,
} from "../support/card-traces.ts";
import { bench, type OwnWire, takeWire, untilSo } from "./own-wires.ts";
import {
  EXPIRY,
  MASTERCARD_NUMBER,
  PLANTED,
  plantedChip,
  plantedTap,
  refusedTaps,
  SURNAME,
  TOKEN,
  VISA_NUMBER,
} from "./planted-cards.ts";
import { endProcess, type Line, type Program, pause } from "./program.ts";
import { FROM_10_WH, isShown } from "./shown.ts";
import { freePort, Site } from "./site.ts";

const ROOT = join(import.meta.dirname, "../..");
const LIMIT_MS = 150_000;
const LOGGED_MS = 30_000;
const UP_MS = 3_000;
/** What is shown to whom nothing was sold. */
const REFUSALS = /Nothing is charged|no payment card|Hold it still|Token not accepted/;

/** Of a terminal's message: words for people, response code, token, merchant's name. */
const FREE_FIELDS = ["TX", "RC", "TK", "MN"];

let site: Site;
beforeEach(() => {
  site = new Site();
});
afterEach(() => site.close());

interface Running {
  program: Program;
  /** Everything that crossed its broker. */
  crossed: Uint8Array[];
}

async function start(board: string, more = "", env: NodeJS.ProcessEnv = {}): Promise<Running> {
  const port = await freePort();
  await site.startBroker(port);
  const url = `mqtt://127.0.0.1:${port}`;
  const listener = await openMqttLink({ url, clientId: "listener" });
  site.onClose(() => listener.close());
  const crossed: Uint8Array[] = [];
  listener.onMessage(({ topic, payload }) => crossed.push(Buffer.from(topic), payload));
  await listener.subscribe("#");
  const file = join(site.folder, `${board}.yaml`);
  const text = readFileSync(join(ROOT, "boards", `${board}.yaml`), "utf8");
  const paced = text.replace(/benchRate: \d+/, "benchRate: 1");
  writeFileSync(file, paced.replace(/ {2}host: .*\n {2}port: .*/, `  url: ${url}`) + more);
  const words = ["--device", file, "--data", site.data, "--log-level", "debug"];
  const program = site.start(["run", "--json", ...words], env);
  const { loopPid } = await program.until("ready", () => true, LOGGED_MS);
  site.onClose(() => endProcess(Number(loopPid)));
  return { program, crossed };
}

async function wire(serial: string, change?: (bytes: Uint8Array) => Uint8Array): Promise<OwnWire> {
  const own = await takeWire(site.data, serial, change);
  site.onClose(() => own.port.close());
  return own;
}

/** Until the device has found our reader, and takes what comes to it for something new. */
async function untilUp(reader: OwnWire): Promise<void> {
  await untilSo("the reader is asked", () => reader.heard().length > 0);
  await pause(UP_MS);
}

const ofEvent = (name: string) => (line: Line) => line["event"] === name;

/** All that nobody but a card's driver, and what is sealed, may hold. */
const SEARCHED = [
  ...[PLANTED, VISA_NUMBER, MASTERCARD_NUMBER].flatMap((number) => [
    traces(number),
    trackTraces(number, EXPIRY),
  ]),
  nameTraces(SURNAME),
  secretTraces(TOKEN.subarray(-64)),
];

/** Searches everything that is left of the device, and what is given besides: place and form of each secret. */
function found(places: ReadonlyMap<string, Uint8Array>, programs: readonly Program[]): string[] {
  const all = new Map([...filesOf(site.folder), ...places]);
  for (const program of programs) all.set(`output of ${program.pid}`, Buffer.from(program.output));
  expect([...all.keys()].filter((name) => name.endsWith("device.db"))).toHaveLength(1);
  for (const [name, bytes] of keysOf(site.folder)) {
    for (const [place, within] of all) {
      if (place !== name) expect(foundIn(within, bytes), `${name} in ${place}`).toEqual([]);
    }
  }
  return SEARCHED.flatMap((forms) =>
    [...all].flatMap(([name, bytes]) => foundIn(bytes, forms).map((form) => `${name}: ${form}`)),
  );
}

/** Polynomial 0x1021 from 0xffff, in four digits. */
function checksum(bytes: Uint8Array): string {
  let crc = 0xffff;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      const isOut = (crc >> 15) ^ ((byte >> bit) & 1);
      crc = ((crc << 1) ^ (isOut ? 0x1021 : 0)) & 0xffff;
    }
  }
  return crc.toString(16).toUpperCase().padStart(4, "0");
}

test("the search finds a number in every form, wherever it lies", () => {
  for (const [form, trace] of traces(PLANTED)) {
    writeFileSync(
      join(site.folder, "planted"),
      Buffer.concat([Buffer.alloc(5), trace, Buffer.alloc(5)]),
    );
    const [bytes = new Uint8Array()] = filesOf(site.folder).values();
    expect(foundIn(bytes, PLANTED), form).toContain(form);
    expect(foundIn(bytes, VISA_NUMBER)).toEqual([]);
  }
  for (const forms of SEARCHED) {
    for (const [form, trace] of forms) {
      const within = Buffer.concat([Buffer.alloc(5), trace, Buffer.alloc(5)]);
      expect(foundIn(within, forms), form).toContain(form);
    }
  }
  const half = Buffer.from(`a${PLANTED}b`, "hex");
  expect(foundIn(half, PLANTED)).toContain("packed at half a byte");
});

test("I12: contactless: what a card plants is nowhere after its sale, nor after those that are refused", {
  timeout: LIMIT_MS,
}, async () => {
  const { program, crossed } = await start("virtual-pi-charger");
  const [reader, display, printer] = [
    await wire("contactless"),
    await wire("display"),
    await wire("printer"),
  ];
  const chip = simPn532(openSystemClock());
  site.onClose(async () => chip.close());
  chip.attach(reader.port);
  const lcd = simLcd(display.port, { columns: 20, rows: 4 });
  const paper = simEscpos(printer.port);
  const shown: string[] = [];
  const page = (): string => {
    const rows = lcd.rows().join("|");
    if (shown.at(-1) !== rows) shown.push(rows);
    return rows;
  };
  const shows = (words: string | RegExp) => () => isShown(words, page());
  await untilUp(reader);
  const told: Line[] = [];
  told.push(await bench(site.data, "clear", "vehicle"));
  for (const [what, card] of refusedTaps()) {
    await untilSo(`an invitation before ${what}`, shows("Present your card"));
    chip.present(card);
    await untilSo(`an answer to ${what}`, () => REFUSALS.test(page()));
    chip.remove();
  }
  await untilSo("an invitation", shows("Present your card"));
  chip.present(plantedTap());
  await program.until("log", ofEvent("session-begun"), LOGGED_MS);
  await untilSo("progress", shows(FROM_10_WH));
  told.push(await bench(site.data), await bench(site.data, "press", "stop"));
  await program.until("log", ofEvent("settled"), LOGGED_MS);
  await untilSo("what was charged", shows("Charged"));
  await untilSo("a receipt", () => paper.papers().length > 0);
  told.push(await bench(site.data));
  const asked = await site.run(["history", "last", "--json"]);
  expect(await asked.ended()).toBe(0);
  const places = new Map<string, Uint8Array>([
    ["broker", Buffer.concat(crossed)],
    ["display's wire", display.heard()],
    ["printer's wire", printer.heard()],
    ["display", Buffer.from(shown.join("\n"))],
    ["paper", Buffer.from(JSON.stringify(paper.papers()))],
    ["control socket", Buffer.from(JSON.stringify(told))],
  ]);
  // Also while it runs, with what the journal has not yet been moved into its file.
  expect(found(places, [program, asked])).toEqual([]);
  program.signal("SIGTERM");
  expect(await program.ended()).toBe(0);
  expect(found(places, [program, asked])).toEqual([]);
  expect(crossed.length).toBeGreaterThan(0);
  expect(foundIn(reader.said(), PLANTED)).toEqual(expect.arrayContaining(["packed", "digits"]));
  expect(foundIn(reader.said(), trackTraces(VISA_NUMBER, EXPIRY))).toContain("track 2");
  expect(foundIn(reader.said(), nameTraces(SURNAME))).toContain("raw");
  expect(program.output).toContain("token-refused");
});

test("I12: chip: what a card plants is nowhere after its sale", { timeout: LIMIT_MS }, async () => {
  const { program, crossed } = await start("virtual-pi-pump");
  const reader = await wire("chip");
  const slot = simGempc(openSystemClock());
  slot.attach(reader.port);
  await bench(site.data, "clear", "nozzle");
  await program.until("log", ofEvent("outlet-well"), LOGGED_MS);
  await untilUp(reader);
  slot.insert(plantedChip());
  await program.until("log", ofEvent("session-begun"), LOGGED_MS);
  await bench(site.data, "press", "stop");
  await program.until("log", ofEvent("settled"), LOGGED_MS);
  const places = new Map([["broker", Buffer.concat(crossed)]]);
  program.signal("SIGTERM");
  expect(await program.ended()).toBe(0);
  expect(found(places, [program])).toEqual([]);
  // And would be found there.
  writeFileSync(join(site.data, "left"), Buffer.from(`00${PLANTED}00`, "hex"));
  expect(found(places, [program])).toEqual([expect.stringMatching(/left: packed$/)]);
  expect(foundIn(reader.said(), PLANTED)).toContain("packed");
  expect(foundIn(reader.said(), trackTraces(MASTERCARD_NUMBER, EXPIRY))).toContain("track 2");
  expect(foundIn(reader.said(), nameTraces(SURNAME))).toContain("raw");
});

/** The terminal's words with the number in the place of those that may be free: a checksum of its own makes them whole. */
function plantingTerminal(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes).toString("latin1");
  const end = text.indexOf("\x03");
  if (!text.startsWith("\x02") || end < 0) return bytes;
  const words = text.slice(1, end).split("\x1c");
  const planted = words.map((word) => {
    const name = word.slice(0, 2);
    return FREE_FIELDS.includes(name) ? `${name}${PLANTED}` : word;
  });
  const body = Buffer.from(`${planted.join("\x1c")}\x03`, "latin1");
  return Buffer.concat([Buffer.from([2]), body, Buffer.from(checksum(body))]);
}

test("I12: terminal: a number in what it says is nowhere after its sale", {
  timeout: LIMIT_MS,
}, async () => {
  const payment = "\npayment: { host: { kind: terminal, serial: terminal, test: true } }\n";
  const { program, crossed } = await start("virtual-pi-charger", payment);
  let isPlanting = false;
  const line = await wire("terminal", (bytes) => (isPlanting ? plantingTerminal(bytes) : bytes));
  const [display, printer] = [await wire("display"), await wire("printer")];
  const lcd = simLcd(display.port, { columns: 20, rows: 4 });
  const paper = simEscpos(printer.port);
  const clock = openSystemClock();
  const terminal = await openSimTerminal({ store: simStore().store(), clock });
  terminal.plug(line.port);
  await untilUp(line);
  await bench(site.data, "clear", "vehicle");
  await untilSo("an invitation", () => lcd.rows().join("|").includes("Press the button"));
  await bench(site.data, "press", "start");
  await untilSo("a request", () => terminal.screen().startsWith("present"));
  // An answer with a number in it is not believed: it is asked for once more.
  isPlanting = true;
  terminal.present("mastercard-test");
  const isPlanted = () => foundIn(line.said(), PLANTED).includes("digits");
  await untilSo("a number in an answer", isPlanted);
  isPlanting = false;
  await program.until("log", ofEvent("session-begun"), LOGGED_MS);
  await untilSo("progress", () => isShown(FROM_10_WH, lcd.rows().join("|")));
  await bench(site.data, "press", "stop");
  await program.until("log", ofEvent("settled"), LOGGED_MS);
  await untilSo("a receipt", () => paper.papers().length > 0);
  const asked = await site.run(["history", "last", "--json"]);
  expect(await asked.ended()).toBe(0);
  program.signal("SIGTERM");
  expect(await program.ended()).toBe(0);
  const places = new Map([
    ["broker", Buffer.concat(crossed)],
    ["display's wire", display.heard()],
    ["printer's wire", printer.heard()],
    ["paper", Buffer.from(JSON.stringify(paper.papers()))],
  ]);
  expect(found(places, [program, asked])).toEqual([]);
  expect(foundIn(line.said(), PLANTED)).toContain("digits");
});

test("I12: a crash while a card is read leaves nothing of it", { timeout: LIMIT_MS }, async () => {
  // In the place of a bug: the reader's code throws as soon as it has a number in its hands, and quotes it.
  const breakage = join(site.folder, "breakage.mjs");
  writeFileSync(
    breakage,
    [
      "const { set } = Map.prototype;",
      "Map.prototype.set = function (key, value) {",
      "  if (key === 0x5a && value instanceof Uint8Array) {",
      '    process.report.writeReport("at-the-number.json");',
      '    throw new Error("broken on purpose at " + Buffer.from(value).toString("hex"));',
      "  }",
      "  return set.call(this, key, value);",
      "};",
    ].join("\n"),
  );
  const reports = `--report-directory=${site.folder} --report-uncaught-exception --report-on-fatalerror`;
  const env = { NODE_OPTIONS: `--import=${breakage} ${reports}` };
  const { program, crossed } = await start("virtual-pi-charger", "", env);
  const reader = await wire("contactless");
  const chip = simPn532(openSystemClock());
  site.onClose(async () => chip.close());
  chip.attach(reader.port);
  await bench(site.data, "clear", "vehicle");
  await untilSo("an invitation", async () => {
    const { rows } = await bench(site.data, "display");
    return JSON.stringify(rows).includes("Present your card");
  });
  await untilUp(reader);
  chip.present(plantedTap());
  expect(await program.ended(LOGGED_MS)).not.toBe(0);
  expect(program.output).toContain("broken on purpose");
  const reported = [...filesOf(site.folder).keys()].filter((name) => name.endsWith(".json"));
  expect(reported.some((name) => name.endsWith("at-the-number.json"))).toBe(true);
  expect(found(new Map([["broker", Buffer.concat(crossed)]]), [program])).toEqual([]);
  // Memory itself is never written down: the kernel is told so by the unit.
  expect(readFileSync(join(ROOT, "deploy/sluice.service"), "utf8")).toMatch(/^LimitCORE=0$/m);
});
