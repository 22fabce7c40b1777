// What goes to the board with a device file: the files that it names, each from beside it, and none from anywhere else.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { carriedFiles } from "../../tools/carried-files.ts";

const CHARGER = readFileSync(
  fileURLToPath(new URL("../../boards/virtual-charger.yaml", import.meta.url)),
  "utf8",
);
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-carried-"));
  mkdirSync(join(folder, "site/tls"), { recursive: true });
  for (const name of ["ca.pem", "site/mine.mjs", "site/gift.cbor", "site/tls/ca.pem", "site/key"]) {
    writeFileSync(join(folder, name), "x");
  }
});
afterEach(() => rmSync(folder, { recursive: true }));

function device(payment: string, broker = "  host: 127.0.0.1\n  port: 1883"): string {
  const path = join(folder, "site/charger.yaml");
  const text = CHARGER.replace("\nservices:", `\npayment:\n${payment}\nservices:`);
  writeFileSync(path, text.replace("  host: 127.0.0.1\n  port: 1883", broker));
  return path;
}

function carried(...given: Parameters<typeof device>): readonly string[] | string {
  const files = carriedFiles(device(...given));
  return files.ok ? files.value : `${files.fault.kind}: ${files.fault.message}`;
}

const one = (use: string): string => `  services:\n    - { id: mine, use: ${use} }`;

test("every kind of file that a device file may name, once each", () => {
  const payment = [
    "  host: { kind: stripe, apiKeyFile: key, merchant: { merchantId: M, terminalId: T, merchantName: N } }",
    "  services:",
    "    - { id: mine, use: ./mine.mjs }",
    "    - { id: again, use: mine.mjs }",
    "    - { id: gift, use: remote, grant: gift.cbor }",
    "    - { id: points, use: points, options: { currency: EUR } }",
  ].join("\n");
  const broker =
    "  url: mqtts://broker.example:8883\n  ca: tls/ca.pem\n  key: /etc/sluice/broker.key\n  cert: /etc/sluice/broker.pem";
  expect(carried(payment, broker)).toEqual(["gift.cbor", "key", "mine.mjs", "tls/ca.pem"]);
});

test("a device file without any", () => {
  expect(carried("  host: { kind: simulated }")).toEqual([]);
});

test.each([
  ["../ca.mjs", "lies outside of its folder"],
  ["tls/../../x.mjs", "lies outside of its folder"],
  ["none.mjs", "not-found: "],
  ["folder.mjs", "is no plain file"],
  ["link.mjs", "lies outside of its folder"],
  ["large.mjs", "too-large: "],
  ['"a\\tb.mjs"', "odd characters"],
  ['"-rf.mjs"', "odd characters"],
])("%s is refused", (use, words) => {
  mkdirSync(join(folder, "site/folder.mjs"));
  symlinkSync("/etc/hostname", join(folder, "site/link.mjs"));
  writeFileSync(join(folder, "site/large.mjs"), Buffer.alloc(1024 * 1024 + 1));
  expect(carried(one(use))).toContain(words);
});

test("a device file that is not right is refused as everywhere", () => {
  expect(carried(one("./mine.mjs, options: {}"))).toContain("malformed: device file ");
});

/** The site has that one module, and those files. */
function module(text: string, files: Readonly<Record<string, string>> = {}, name = "mine.mjs") {
  for (const [path, content] of Object.entries({ ...files, [name]: text })) {
    mkdirSync(dirname(join(folder, "site", path)), { recursive: true });
    writeFileSync(join(folder, "site", path), content);
  }
  return carried(one(`./${name}`));
}

test("what a module imports, and what that imports in turn, once each and round in circles", () => {
  const text = `
    import { a } from "./lib/a.mjs";
    import prices from "./prices.json" with { type: "json" };
    export * from './lib/b.mjs';
    const late = await import(\`./late%20one.mjs?v=1#x\`);
    import { definePaymentFlowService } from "sluice/flow-service";
    import { readFileSync } from "node:fs"; import "path";
    import "/opt/site/rest.mjs"; import "data:text/javascript,1";
    // import "./comment.mjs"
    const words = 'import "./string.mjs"'; const pattern = /import("x")/; await import(words);
  `;
  const files = {
    "lib/a.mjs": 'import "../mine.mjs"; export { b } from "./b.mjs"; export const a = 1;',
    "lib/b.mjs": 'import "./a.mjs"; export const b = 2;',
    "late one.mjs": "export {};",
    "prices.json": "{}",
  };
  expect(module(text, files)).toEqual(
    ["late one.mjs", "lib/a.mjs", "lib/b.mjs", "mine.mjs", "prices.json"].sort(),
  );
});

test("a module that begins with a byte order mark, as some editors write it", () => {
  const text = '\uFEFFimport "./a.mjs"; import "./b.mjs"';
  const files = { "a.mjs": "", "b.mjs": "" };
  expect(module(text, files)).toEqual(["a.mjs", "b.mjs", "mine.mjs"]);
});

test("what CommonJS requires, by the names that it leaves out", () => {
  const text = `
    const fs = require("node:fs"), path = require ("path"), sdk = require("sluice/flow-service");
    require("./a"); require('./b.cjs'); require("./folder"); require("./prices");
    other.require("./property"); my_require("./other"); require(path); // require("./comment")
    "require('./string')"; return;
  `;
  const files = {
    ...{ "a.js": "require('./lib/c.cjs')", "b.cjs": "", "lib/c.cjs": "" },
    ...{ "folder/index.js": "", "prices.json": "{}" },
  };
  const all = ["a.js", "b.cjs", "folder/index.js", "lib/c.cjs", "mine.cjs", "prices.json"];
  expect(module(text, files, "mine.cjs")).toEqual(all);
  const made = 'import { createRequire } from "module"; createRequire(import.meta.url);';
  expect(module(`${made} const j = require("./prices.json");`, files)).toEqual([
    "mine.mjs",
    "prices.json",
  ]);
});

test.each([
  ['import "./none.mjs"', "not-found: ", "its module mine.mjs imports ./none.mjs, which is not"],
  ['import "./lib"', "malformed: ", "imports ./lib, which does not end in .mjs, .cjs, .js or"],
  ['import "./types.ts"', "malformed: ", "imports ./types.ts, which does not end in"],
  ['import "../ca.mjs"', "malformed: ", "imports ../ca.mjs, which lies outside of its folder"],
  ['import "./link.mjs"', "malformed: ", "imports ./link.mjs, which lies outside of its folder"],
  ['import "./large.mjs"', "too-large: ", "imports ./large.mjs, which is larger than 1048576"],
  ['import "./a%2fb.mjs"', "malformed: ", "imports ./a%2fb.mjs, which is no path of a file"],
  ['import "./a%0ab.mjs"', "malformed: ", "which has a name of odd characters"],
  ['import "left-pad"', "malformed: ", "imports left-pad, which is a package, and the board"],
  ['await import("@a/b")', "malformed: ", "imports @a/b, which is a package"],
  ['import "#inner"', "malformed: ", "bundle it into one file with the module"],
  ['import "sluice-extra"', "malformed: ", "imports sluice-extra, which is a package"],
  ['import "https://example.org/x.mjs"', "malformed: ", "which is a package"],
  ['require("left-pad")', "malformed: ", "requires left-pad, which is a package"],
  ['require("./none")', "malformed: ", "requires ./none, which does not end in"],
  ["x = `${", "malformed: ", "its module mine.mjs, line 1: is no JavaScript"],
  ['import "./device.json"; import "./odd.mjs"', "malformed: ", "its module odd.mjs imports yaml"],
  [`x = ${"[".repeat(100_000)}`, "malformed: ", "is no JavaScript"],
])("a module with %j is refused", (text, kind, words) => {
  mkdirSync(join(folder, "site/lib"));
  symlinkSync("/etc/hostname", join(folder, "site/link.mjs"));
  const large = " ".repeat(1024 * 1024 + 1);
  const files = { "large.mjs": large, "device.json": "{}", "odd.mjs": 'import "yaml"' };
  const refused = module(text, files);
  expect(refused).toContain(kind);
  expect(refused).toContain(words);
});

test("a module that is linked to another within the folder imports from where it will lie", () => {
  mkdirSync(join(folder, "site/lib"));
  writeFileSync(join(folder, "site/lib/mine.mjs"), 'import "./a.mjs"');
  symlinkSync("lib/mine.mjs", join(folder, "site/other.mjs"));
  writeFileSync(join(folder, "site/lib/a.mjs"), "");
  expect(carried(one("./other.mjs"))).toContain("not-found: ");
  writeFileSync(join(folder, "site/a.mjs"), "");
  expect(carried(one("./other.mjs"))).toEqual(["a.mjs", "other.mjs"]);
});

test("200 files are carried, and not one more", () => {
  const chain = (length: number): Record<string, string> =>
    Object.fromEntries(
      Array.from({ length }, (_, i) => [`m${i}.mjs`, i === 0 ? "" : `import "./m${i - 1}.mjs"`]),
    );
  expect(module('import "./m198.mjs"', chain(199))).toHaveLength(200);
  expect(module('import "./m199.mjs"', chain(200))).toContain("more than 200 files");
});

test("a module of an absolute path is the board's affair, and so is what it imports", () => {
  writeFileSync(join(folder, "own.mjs"), 'import "left-pad"; import "./none.mjs"');
  expect(carried(one(join(folder, "own.mjs")))).toEqual([]);
});
