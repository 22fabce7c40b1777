// Device files: those that come with the product, what a mistake in one is answered with, and files made to harm.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv } from "ajv";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseDeviceFile, readDeviceFile } from "../../tools/device-file.ts";
import { DEVICE_SCHEMA } from "../../tools/device-schema.ts";

const ROOT = join(import.meta.dirname, "..", "..");

const GOOD = `
version: 1
name: Pump
board: virtual-pump
services:
  - id: 1
    name: Diesel
    outlet: nozzle
    meter: flow
    unitsMax: 100
    tokenLifeHours: 1.5
    undelivered: refund
    prices:
      - { id: 1, name: per litre, amountMinor: 164, currency: EUR }
`;

function fault(text: string) {
  const parsed = parseDeviceFile(text);
  return parsed.ok ? undefined : parsed.fault;
}

describe("a good file", () => {
  const examples = readdirSync(join(ROOT, "boards")).filter((name) => name.endsWith(".yaml"));
  test.each(examples)("boards/%s is read", (name) => {
    const read = readDeviceFile(join(ROOT, "boards", name));
    expect(`${read.ok ? read.value.board : read.fault.message}.yaml`).toBe(name);
  });

  test("is filled in with defaults", () => {
    const parsed = parseDeviceFile(GOOD);
    if (!parsed.ok) throw new Error(parsed.fault.message);
    expect(parsed.value).toMatchObject({
      benchRate: 1,
      keys: "keys",
      policy: { quantumPulses: 100, loss: "seller" },
      broker: { host: "127.0.0.1", port: 1883 },
    });
    expect(parsed.value.services[0]?.tokenLifeS).toBe(5400);
  });

  test("says of a service and its price all that there is to say", () => {
    const full = GOOD.replace(
      "    outlet: nozzle",
      `    type: fuel
    description: B7
    level: { sensor: tank, readingsPerUnit: 10 }
    outlet: nozzle`,
    ).replace(
      ", currency: EUR }",
      `, currency: EUR, taxBasisPoints: 1900, minUnits: 5, maxUnits: 90, stepUnits: 5,
          tiers: [{ fromUnits: 51, amountMinor: 160 }],
          fees: [{ start: true, name: Start, amountMinor: 30 }, { name: Card, amountMinor: 5 }] }`,
    );
    const parsed = parseDeviceFile(full);
    expect(parsed).toMatchObject({ ok: true });
    expect(parsed.ok && parsed.value.services[0]).toMatchObject({
      type: "fuel",
      description: "B7",
      level: { sensor: "tank", readingsPerUnit: { numerator: 10, denominator: 1 }, reserve: 0 },
      prices: [
        {
          taxBasisPoints: 1900,
          minUnits: 5,
          maxUnits: 90,
          stepUnits: 5,
          tiers: [{ fromUnits: 51, amountMinor: 160 }],
          fees: [
            { start: true, name: "Start", amountMinor: 30 },
            { start: false, name: "Card", amountMinor: 5 },
          ],
        },
      ],
    });
    const ratio = "{ numerator: 1, denominator: 3 }";
    const third = parseDeviceFile(full.replace("readingsPerUnit: 10", `readingsPerUnit: ${ratio}`));
    expect(third.ok && third.value.services[0]?.level?.readingsPerUnit).toEqual({
      numerator: 1,
      denominator: 3,
    });
  });

  test("may name the computer's watchdog, and nothing else in its place", () => {
    const named = parseDeviceFile(`${GOOD}watchdog: /dev/watchdog1\n`);
    expect(named.ok && named.value.watchdog).toBe("/dev/watchdog1");
    const plain = parseDeviceFile(GOOD);
    expect(plain.ok && "watchdog" in plain.value).toBe(false);
    for (const path of ["/dev/sda", "/dev/watchdog1 rw", "watchdog", "/dev/../dev/watchdog", "1"]) {
      const refused = parseDeviceFile(`${GOOD}watchdog: ${path}\n`);
      expect(refused).toMatchObject({ ok: false, fault: { at: "watchdog" } });
    }
  });

  test("may name a broker with its login", () => {
    const broker = "broker: { url: 'mqtts://b.example:8883', username: u, password: p }\n";
    const parsed = parseDeviceFile(GOOD + broker);
    expect(parsed.ok && parsed.value.broker).toEqual({
      url: "mqtts://b.example:8883",
      username: "u",
      password: "p",
    });
  });
});

describe("a mistake is named with its path", () => {
  const edit = (from: string | RegExp, to: string): string => {
    const edited = GOOD.replace(from, to);
    if (edited === GOOD) throw new Error(`${String(from)} is not in the file`);
    return edited;
  };
  const price = "services.0.prices.0";
  test.each<[string, string, string | undefined]>([
    ["an amount that is no integer", edit("164", "1.64"), `${price}.amountMinor`],
    ["an amount as text", edit("164", "'164'"), `${price}.amountMinor`],
    ["a price for nothing", edit("164", "0"), `${price}.amountMinor`],
    ["an amount beyond the protocol", edit("164", "10000000000"), `${price}.amountMinor`],
    ["infinity", edit("164", ".inf"), `${price}.amountMinor`],
    ["no number", edit("1.5", ".nan"), "services.0.tokenLifeHours"],
    ["a currency in small letters", edit("EUR", "eur"), `${price}.currency`],
    ["tax as a fraction", edit("EUR", "EUR, taxBasisPoints: 0.19"), `${price}.taxBasisPoints`],
    [
      "tiers that fall",
      edit("EUR", "EUR, tiers: [{fromUnits: 9, amountMinor: 1}, {fromUnits: 8, amountMinor: 1}]"),
      `${price}.tiers.1.fromUnits`,
    ],
    [
      "two start fees",
      edit("EUR", `EUR, fees: [${"{start: true, name: a, amountMinor: 1},".repeat(2)}]`),
      `${price}.fees`,
    ],
    ["a price at which nothing can be bought", edit("EUR", "EUR, minUnits: 101"), price],
    [
      "a sensor that the board has not",
      edit("    outlet", "    level: {sensor: tonk, readingsPerUnit: 1}\n    outlet"),
      "services.0.level.sensor",
    ],
    [
      "half a reading per unit",
      edit("    outlet", "    level: {sensor: tank, readingsPerUnit: 0.5}\n    outlet"),
      "services.0.level.readingsPerUnit",
    ],
    ["a type of two words", edit("    outlet", "    type: a b\n    outlet"), "services.0.type"],
    ["a key that is missing", edit("    meter: flow\n", ""), "services.0.meter"],
    ["a board that there is not", edit("virtual-pump", "virtual-plum"), "board"],
    ["an outlet that the board has not", edit("nozzle", "socket-1"), "services.0.outlet"],
    ["a meter that the outlet has not", edit("flow", "energy"), "services.0.meter"],
    ["another version", edit("version: 1", "version: 2"), "version"],
    ["a name of 33 bytes in 17 letters", edit("Pump", `a${"é".repeat(16)}`), "name"],
    ["a name that steers a terminal", edit("Pump", '"\\e[2J"'), "name"],
    ["a service name with a control character", edit("Diesel", '"a\\u0007"'), "services.0.name"],
    ["keys outside of the data folder", `${GOOD}keys: ../elsewhere\n`, "keys"],
    ["a login without a broker", `${GOOD}broker: { username: u }\n`, "broker.username"],
    [
      "a port for somebody else's broker",
      `${GOOD}broker: { url: 'mqtt://b', port: 1 }\n`,
      "broker.port",
    ],
    [
      "a broker address with a login in it",
      `${GOOD}broker: { url: 'mqtt://u:p@b' }\n`,
      "broker.url",
    ],
    ["the prototype as a key", `${GOOD}__proto__: { keys: x }\n`, "__proto__"],
    ["a service that is a number", GOOD.replace(/ {2}- id.*/s, "  - 7\n"), "services.0"],
    ["an empty file", "", undefined],
    ["a list", "- 1\n", undefined],
  ])("%s", (_, text, at) => {
    expect(fault(text)?.at).toBe(at);
    expect(fault(text)).toBeDefined();
  });

  test("two services of one number", () => {
    const services = GOOD.slice(GOOD.indexOf("  - id"));
    expect(fault(GOOD + services)).toMatchObject({ kind: "exists", at: "services.1.id" });
  });

  test("an unknown key is refused, and the one that was meant is named when it is near", () => {
    expect(fault(edit("tokenLifeHours", "tokenLifeHuors"))).toMatchObject({
      at: expect.stringMatching(/^services\.0/),
    });
    expect(fault(`${GOOD}brokr: {}\n`)?.message).toContain("did you mean broker?");
    expect(fault(`${GOOD}broker: { prot: 1 }\n`)).toMatchObject({
      at: "broker.prot",
      message: expect.stringContaining("did you mean port?"),
    });
    expect(fault(`${GOOD}colour: red\n`)?.message).not.toContain("did you mean");
  });
});

describe("a file made to harm is refused at once", () => {
  const bomb = Array.from({ length: 9 }, (_, i) =>
    i === 0 ? "a0: &a0 [x, x]" : `a${i}: &a${i} [*a${i - 1}, *a${i - 1}]`,
  ).join("\n");
  test.each<[string, string]>([
    ["aliases", bomb],
    ["one alias", `${GOOD.replace("name: Pump", "name: &n Pump")}keys: *n\n`],
    ["a merge key", `${GOOD}policy: { <<: { loss: payer } }\n`],
    ["a tag", `${GOOD}keys: !!binary a2V5cw==\n`],
    ["a tag of somebody's own", `${GOOD}keys: !run keys\n`],
    ["a key twice", `${GOOD}name: Other\n`],
    ["two documents", `${GOOD}---\nversion: 1\n`],
    ["YAML 1.1", `%YAML 1.1\n---\n${GOOD}policy: { <<: { loss: payer } }\n`],
    ["lists in lists", `keys: ${"[".repeat(30_000)}`],
    ["maps in maps", `keys: ${"{a: ".repeat(12_000)}`],
    ["dashes", "- ".repeat(30_000)],
    ["question marks", "? ".repeat(30_000)],
  ])("%s", (_, text) => {
    const startedMs = performance.now();
    expect(fault(text)).toBeDefined();
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  });

  // Where the stack ends within a regular expression, the process ends with it and nothing can be caught: depth
  // is measured before the parser, which calls itself for each level, sees the text.
  test.each<[string, string]>([
    ["lists in lists", `keys: ${"[".repeat(33)}`],
    ["closed lists in lists", `keys: ${"[".repeat(33)}${"]".repeat(33)}`],
    ["maps in maps", `keys: ${"{a: ".repeat(33)}`],
    ["dashes", "- ".repeat(200)],
    ["question marks", "? ".repeat(200)],
    ["steps", Array.from({ length: 300 }, (_, i) => `${" ".repeat(i)}a:\n`).join("")],
    ["dashes after a text over two lines", `"a\n${" ".repeat(200)}": ${"- ".repeat(200)}`],
  ])("%s are refused before they are parsed", (_, text) => {
    expect(fault(text)).toMatchObject({ kind: "malformed", message: "is nested too deep" });
  });

  test("brackets in a text, and long texts, are no depth", () => {
    const long = `${GOOD}# ${"[".repeat(100)}\n`.replace("Diesel", `"${"[{- ".repeat(8)}"`);
    expect(fault(long)).toBeUndefined();
    expect(fault(`${GOOD}keys: ${"a-".repeat(300)}\n`)?.message).not.toContain("deep");
  });

  test("any text is answered, never with an exception", () => {
    const word = fc.constantFrom(..."&*!|>%@[]{}:-? \n#'\"", "a: ", "- ", "services: ", "<<: ");
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(word).map((all) => all.join("")),
    );
    fc.assert(
      fc.property(text, (made) => {
        expect(parseDeviceFile(made).ok).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});

describe("the file itself", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-device-file-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("is named in every message", () => {
    const path = join(folder, "bad.yaml");
    writeFileSync(path, "version: 1\n");
    const read = readDeviceFile(path);
    expect(read.ok ? "" : read.fault.message).toContain(path);
  });

  test.each<[string, string, Uint8Array | string]>([
    ["too-large", "large.yaml", `${GOOD}${"# ".repeat(33_000)}`],
    ["malformed", "bytes.yaml", Uint8Array.of(0xff, 0xfe, 0x00)],
  ])("%s", (kind, name, content) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    expect(readDeviceFile(path)).toMatchObject({ ok: false, fault: { kind } });
  });

  test.each(["nothing.yaml", "."])("not-found: %s", (name) => {
    const read = readDeviceFile(join(folder, name));
    expect(read).toMatchObject({ ok: false, fault: { kind: "not-found" } });
  });
});

test("the schema is one by the rules of draft 7", () => {
  expect(new Ajv({ strict: true }).validateSchema(DEVICE_SCHEMA)).toBe(true);
});

test("docs/device.schema.json is what the code holds files against (make docs writes it)", async () => {
  const published = `${JSON.stringify(DEVICE_SCHEMA, null, 2)}\n`;
  await expect(published).toMatchFileSnapshot(join(ROOT, "docs", "device.schema.json"));
});

describe("lines", () => {
  const pump = GOOD.replace("virtual-pump", "generic-pump");

  test("of a real board are wired in the file", () => {
    const parsed = parseDeviceFile(
      `${pump}lines: { valve: { pin: gpiochip0/17 }, flow: { pin: FLOW, activeLow: true, bias: pull-up, debounceMs: 1 } }`,
    );
    expect(parsed.ok && parsed.value.lines).toEqual({
      valve: { pin: "gpiochip0/17" },
      flow: { pin: "FLOW", activeLow: true, bias: "pull-up", debounceMs: 1 },
    });
  });

  test.each([
    ["lines: { pump: { pin: '1' } }", "not-found", "lines.pump"],
    ["lines: { valve: { pin: 17 } }", "malformed", "lines.valve.pin"],
    ["lines: { valve: {} }", "malformed", "lines.valve.pin"],
    ["lines: { valve: { pin: a, bias: up } }", "malformed", "lines.valve.bias"],
    ["lines: { valve: { pin: a, debounceMs: 0 } }", "malformed", "lines.valve.debounceMs"],
  ])("%s is refused", (text, kind, at) => {
    expect(fault(`${pump}${text}`)).toMatchObject({ kind, at });
  });

  test("of a virtual board are of no use", () => {
    expect(fault(`${GOOD}lines: { valve-coil: { pin: a } }`)).toMatchObject({
      at: "lines",
      message: expect.stringContaining("virtual"),
    });
  });
});
