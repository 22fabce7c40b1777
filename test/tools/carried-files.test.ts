// What goes to the board with a device file: the files that it names, each from beside it, and none from anywhere else.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
