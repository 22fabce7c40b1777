// The import layers of biome.json, tried one direction at a time: each row plants one import in a file of a
// copy of the tree's skeleton, and the lint must refuse exactly the forbidden ones. Relies on biome alone.

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..");

/** [folder or file that imports, what it imports]. A folder gets a file of its own for each row. */
type Row = readonly [from: string, specifier: string];

const FIRMWARE_LAYERS = ["protocol", "token", "payment", "metering", "producer", "consumer"];

/** What each part of the firmware may import of the other parts; all else is forbidden. */
const FIRMWARE_MAY: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  token: ["protocol"],
  payment: ["token", "protocol"],
  metering: ["token", "protocol"],
  producer: ["payment", "metering", "token", "protocol"],
  consumer: ["payment", "metering", "token", "protocol"],
};

const OUTSIDE_FIRMWARE = [
  "hal/drivers/x.ts",
  "hal/linux/x.ts",
  "hal/sim/x.ts",
  "boards/x.ts",
  "tools/x.ts",
  "test/support/x.ts",
  "firmware/main.ts",
  "firmware/loop-main.ts",
  "firmware/payment-main.ts",
  "firmware/desk-main.ts",
];

const ROOTS = ["main", "loop-main", "payment-main", "desk-main"].map(
  (name) => `firmware/${name}.ts`,
);

function insideFirmware(may: boolean): Row[] {
  const rows: Row[] = [];
  for (const from of FIRMWARE_LAYERS) {
    for (const to of FIRMWARE_LAYERS) {
      if (from === to || (FIRMWARE_MAY[from] ?? []).includes(to) !== may) continue;
      rows.push(
        [`firmware/${from}/`, `../${to}/x.ts`],
        [`firmware/${from}/deep/`, `../../${to}/x.ts`],
      );
    }
  }
  return rows;
}

const FORBIDDEN: readonly Row[] = [
  ...["node:fs", "mqtt", "./drivers/x.ts", "./linux/x.ts", "./sim/x.ts"].map(
    (to): Row => ["hal/", to],
  ),
  ...["../firmware/result.ts", "../boards/x.ts", "../tools/x.ts"].map((to): Row => ["hal/", to]),
  ...["node:fs", "mqtt", "better-sqlite3", "../linux/x.ts", "../sim/x.ts"].map(
    (to): Row => ["hal/drivers/", to],
  ),
  ...["../sim/x.ts"].map((to): Row => ["hal/linux/", to]),
  ...["node:fs", "mqtt", "tweetnacl", "../linux/x.ts", "../drivers/x.ts"].map(
    (to): Row => ["hal/sim/", to],
  ),
  ...["hal/drivers/", "hal/linux/", "hal/sim/"].flatMap((from) =>
    ["firmware/result.ts", "boards/x.ts", "tools/x.ts", "test/support/x.ts"].map(
      (to): Row => [from, `../../${to}`],
    ),
  ),
  ...["node:fs", "yaml", "../hal/clock.ts", "../hal/sim/x.ts", "../firmware/result.ts"].map(
    (to): Row => ["boards/", to],
  ),
  ...["../tools/x.ts", "../test/support/x.ts"].map((to): Row => ["boards/", to]),
  ...["firmware/", "firmware/runtime.ts"].flatMap((from) =>
    ["node:fs", "mqtt", ...OUTSIDE_FIRMWARE.map((to) => `../${to}`)].map((to): Row => [from, to]),
  ),
  ...[...FIRMWARE_LAYERS.map((to) => `./${to}/x.ts`), "./runtime.ts"].map(
    (to): Row => ["firmware/", to],
  ),
  ...FIRMWARE_LAYERS.flatMap((from) =>
    ["node:fs", "mqtt", "../runtime.ts", ...OUTSIDE_FIRMWARE.map((to) => `../../${to}`)].map(
      (to): Row => [`firmware/${from}/`, to],
    ),
  ),
  ...insideFirmware(false),
  ...ROOTS.flatMap((from): Row[] => [
    [from, "../tools/x.ts"],
    [from, "../test/support/x.ts"],
  ]),
  ...["../tools/x.ts", "../test/support/x.ts"].map((to): Row => ["bench/", to]),
  ["tools/", "../test/support/x.ts"],
  ...[
    "node:fs",
    "../hal/linux/x.ts",
    "../boards/x.ts",
    "../tools/x.ts",
    "../test/support/x.ts",
  ].map((to): Row => ["page/", to]),
  ...["payment", "metering", "producer"].map((to): Row => ["page/", `../firmware/${to}/x.ts`]),
  ...["../firmware/runtime.ts", ...ROOTS.map((root) => `../${root}`)].map(
    (to): Row => ["page/", to],
  ),
];

const LEGAL: readonly Row[] = [
  ["hal/", "./clock.ts"],
  ...["./x.ts", "../clock.ts", "tweetnacl"].map((to): Row => ["hal/drivers/", to]),
  ...["./x.ts", "../clock.ts", "../drivers/x.ts", "node:fs", "mqtt"].map(
    (to): Row => ["hal/linux/", to],
  ),
  ...["./x.ts", "../clock.ts"].map((to): Row => ["hal/sim/", to]),
  ...["./x.ts", "./computers/x.ts", "../hal/board.ts", "../hal/computer.ts"].map(
    (to): Row => ["boards/", to],
  ),
  ...["./result.ts", "../hal/clock.ts"].map((to): Row => ["firmware/", to]),
  ...["./result.ts", "../hal/clock.ts", ...FIRMWARE_LAYERS.map((to) => `./${to}/x.ts`)].map(
    (to): Row => ["firmware/runtime.ts", to],
  ),
  ...FIRMWARE_LAYERS.flatMap((from) =>
    ["./x.ts", "../result.ts", "../../hal/clock.ts"].map((to): Row => [`firmware/${from}/`, to]),
  ),
  ["firmware/protocol/", "cbor-x"],
  ...insideFirmware(true),
  ...["../bench/x.ts", "../hal/clock.ts", "../firmware/consumer/x.ts"].map(
    (to): Row => ["page/", to],
  ),
  ...ROOTS.flatMap((from) =>
    ["node:fs", "./runtime.ts", "../hal/linux/x.ts", "../hal/sim/x.ts", "../boards/x.ts"].map(
      (to): Row => [from, to],
    ),
  ),
  ...["./x.ts", "../firmware/x.ts", "../hal/sim/x.ts", "../hal/linux/x.ts", "../boards/x.ts"].map(
    (to): Row => ["bench/", to],
  ),
  ...[
    "node:fs",
    "mqtt",
    "../bench/x.ts",
    "../firmware/main.ts",
    "../hal/sim/x.ts",
    "../boards/x.ts",
  ].map((to): Row => ["tools/", to]),
  ...["../tools/x.ts", "../hal/sim/x.ts", "./support/x.ts"].map((to): Row => ["test/", to]),
];

/** Globals that portable code must not see, and what uses each. */
const GLOBALS: Readonly<Record<string, string>> = {
  Date: "Date.now()",
  performance: "performance.now()",
  setTimeout: "setTimeout(() => {}, 1)",
  setInterval: "setInterval(() => {}, 1)",
  setImmediate: "setImmediate(() => {})",
  crypto: "crypto.randomUUID()",
  process: "process.pid",
  console: "console.log(1)",
  Buffer: "Buffer.alloc(1)",
  fetch: 'fetch("x")',
  globalThis: "globalThis.x",
};

const PORTABLE = [
  "bench/",
  "hal/",
  "hal/drivers/",
  "hal/sim/",
  "boards/",
  "firmware/",
  "firmware/token/",
];

interface Diagnostic {
  category: string;
  location: { path: string };
}

let tree = "";
let planted = 0;
/** Paths that a rule refused, by rule. */
const refused = new Map<string, Set<string>>();
/** Where each row was planted. */
const files = new Map<string, string>();

/** Writes one file into the copy. A fixed name, such as firmware/main.ts, goes into the first round that lacks it. */
function plant(where: string, what: string, text: string): void {
  planted += 1;
  const path = where.endsWith("/") ? `${where}plant-${planted}.ts` : where;
  const taken = new Set(files.values());
  let round = 0;
  while (taken.has(`${round}/${path}`)) round += 1;
  const file = join(tree, String(round), path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `// planted\n${text}\n`);
  files.set(`${where} <- ${what}`, `${round}/${path}`);
}

function lint(round: string): void {
  copyFileSync(join(ROOT, "biome.json"), join(tree, round, "biome.json"));
  const command = join(ROOT, "node_modules/.bin/biome");
  const run = spawnSync(command, ["lint", "--reporter=json", "--max-diagnostics=none", "."], {
    cwd: join(tree, round),
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  const { diagnostics } = JSON.parse(run.stdout) as { diagnostics: Diagnostic[] };
  for (const { category, location } of diagnostics) {
    const paths = refused.get(category) ?? new Set();
    refused.set(category, paths.add(`${round}/${location.path}`));
  }
}

function isRefused(where: string, what: string, rule: string): boolean {
  const path = files.get(`${where} <- ${what}`);
  if (path === undefined) throw new Error(`${where} <- ${what} was not planted`);
  return refused.get(rule)?.has(path) ?? false;
}

function whereOf(rows: readonly Row[]): string[] {
  return [...new Set(rows.map(([from]) => from))];
}

beforeAll(() => {
  tree = mkdtempSync(join(tmpdir(), "sluice-layers-"));
  for (const [from, to] of [...FORBIDDEN, ...LEGAL]) {
    plant(from, to, `import { x } from "${to}";\nexport const y = x;`);
  }
  for (const folder of PORTABLE) {
    for (const [name, use] of Object.entries(GLOBALS))
      plant(folder, name, `export const y = ${use};`);
  }
  plant("firmware/main.ts", "process", "export const y = process.pid;");
  plant("firmware/token/", "export node:fs", 'export { x } from "node:fs";');
  plant("firmware/token/", "dynamic node:fs", 'export const y = await import("node:fs");');
  plant("firmware/token/", "type node:fs", 'import type { x } from "node:fs";\nexport type Y = x;');
  plant("firmware/token/", "unprefixed fs", 'import { x } from "fs";\nexport const y = x;');
  plant("hal/linux/", "default", "export default 1;");
  plant("hal/linux/", "barrel", 'export * from "./x.ts";');
  for (const round of readdirSync(tree)) lint(round);
});

afterAll(() => rmSync(tree, { recursive: true, force: true }));

const IMPORTS = "lint/style/noRestrictedImports";

describe("an import in a forbidden direction is refused", () => {
  test.each(whereOf(FORBIDDEN))("from %s", (where) => {
    const missed = FORBIDDEN.filter(
      ([from, to]) => from === where && !isRefused(from, to, IMPORTS),
    );
    expect(missed).toEqual([]);
  });
  test.each(["export node:fs", "dynamic node:fs", "type node:fs"])("as %s", (what) => {
    expect(isRefused("firmware/token/", what, IMPORTS)).toBe(true);
  });
  test("without the node: prefix", () => {
    const rule = "lint/style/useNodejsImportProtocol";
    expect(isRefused("firmware/token/", "unprefixed fs", rule)).toBe(true);
  });
});

describe("an import in a legal direction passes", () => {
  test.each(whereOf(LEGAL))("from %s", (where) => {
    const refusals = LEGAL.filter(([from, to]) => from === where && isRefused(from, to, IMPORTS));
    expect(refusals).toEqual([]);
  });
});

describe("portable code sees no global of an operating system", () => {
  const rule = "lint/style/noRestrictedGlobals";
  test.each(Object.keys(GLOBALS))("%s", (name) => {
    for (const folder of PORTABLE) {
      expect(isRefused(folder, name, rule), folder).toBe(true);
    }
  });
  test("a composition root may use process", () => {
    expect(isRefused("firmware/main.ts", "process", rule)).toBe(false);
  });
});

test("default exports and barrels are refused", () => {
  expect(isRefused("hal/linux/", "default", "lint/style/noDefaultExport")).toBe(true);
  expect(isRefused("hal/linux/", "barrel", "lint/performance/noBarrelFile")).toBe(true);
});
