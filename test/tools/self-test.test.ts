// What a board is asked before it changes to a release: as a program, since that is how the board runs it.

import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { carriedFiles } from "../../tools/carried-files.ts";
import { requireBuilt } from "../support/built.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
let folder: string;

beforeEach(() => {
  requireBuilt("tools/self-test.js");
  folder = mkdtempSync(join(tmpdir(), "sluice-self-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function tested(board: string, change: (text: string) => string = (text) => text) {
  const device = join(folder, "device.yaml");
  writeFileSync(device, change(readFileSync(join(ROOT, "boards", `${board}.yaml`), "utf8")));
  const args = [join(ROOT, "build/tools/self-test.js"), device, join(folder, "data")];
  const { status, stderr } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    timeout: 30_000,
  });
  return { status, stderr };
}

const withService = (text: string): string =>
  text.replace(
    "\nservices:",
    "\npayment: { services: [{ id: mine, use: ./mine.mjs }] }\nservices:",
  );

test("a board that was never started, and one that has keys and books", () => {
  expect(tested("virtual-charger")).toEqual({ status: 0, stderr: "" });
  const run = ["sluice.js", "provision", "--bench", "--data", join(folder, "data")];
  spawnSync(process.execPath, [join(ROOT, "build/tools", run[0] ?? ""), ...run.slice(1)]);
  expect(tested("virtual-charger")).toEqual({ status: 0, stderr: "" });
});

test("a device file for another computer", () => {
  const { status, stderr } = tested("pi-pump");
  expect(status).toBe(1);
  expect(stderr).toMatch(/^self-test: .*board pi-pump fits on/m);
});

test("a flow service that does not load, and one that does", () => {
  expect(tested("virtual-charger", withService)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("flow service mine"),
  });
  writeFileSync(join(folder, "mine.mjs"), 'import "./rest.mjs"; export const service = {};');
  expect(tested("virtual-charger", withService).stderr).toContain("cannot be loaded");
  const methods = "info() {}, call() {}, refused() {}, onInfoChanged() {}";
  writeFileSync(
    join(folder, "mine.mjs"),
    `export const service = { id: "mine", stages: [], ${methods} };`,
  );
  expect(tested("virtual-charger", withService)).toEqual({ status: 0, stderr: "" });
});

test("a module of several files loads where nothing is but what is carried", () => {
  const site = join(folder, "site");
  mkdirSync(join(site, "lib"), { recursive: true });
  writeFileSync(
    join(site, "mine.mjs"),
    'export { service } from "./lib/service.mjs"; await import("./lib/late.mjs");',
  );
  writeFileSync(
    join(site, "lib/service.mjs"),
    `import { createRequire } from "node:module";
     import { definePaymentFlowService } from "sluice/flow-service";
     const require = createRequire(import.meta.url);
     const { id } = require("../names.json");
     if (typeof definePaymentFlowService !== "function") throw new Error("another sluice");
     export const service = { id, stages: [], info() {}, call() {}, refused() {}, onInfoChanged() {} };`,
  );
  writeFileSync(join(site, "lib/late.mjs"), "");
  writeFileSync(join(site, "names.json"), '{ "id": "mine" }');
  const charger = readFileSync(join(ROOT, "boards/virtual-charger.yaml"), "utf8");
  writeFileSync(join(site, "charger.yaml"), withService(charger));
  const files = carriedFiles(join(site, "charger.yaml"));
  for (const file of files.ok ? files.value : []) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(site, file), join(folder, file));
  }
  rmSync(site, { recursive: true });
  // As on a board: deploy/on-target.sh.
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(ROOT, join(folder, "node_modules/sluice"));
  expect(tested("virtual-charger", withService)).toEqual({ status: 0, stderr: "" });
});

test("keys that others may read, and books that are none", () => {
  const data = join(folder, "data");
  const sluice = join(ROOT, "build/tools/sluice.js");
  spawnSync(process.execPath, [sluice, "provision", "--bench", "--data", data]);
  spawnSync("chmod", ["644", join(data, "keys/device-sign.pem")]);
  expect(tested("virtual-charger")).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("is open to others"),
  });
  spawnSync("chmod", ["600", join(data, "keys/device-sign.pem")]);
  mkdirSync(data, { recursive: true });
  writeFileSync(
    join(data, "device.db"),
    "no database at all, but long enough to be taken for one".repeat(40),
  );
  expect(tested("virtual-charger")).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("device.db"),
  });
});

test("keys and books where it cannot look are told, in one line", () => {
  // To root, which may look into every folder, only what is no folder is closed.
  writeFileSync(join(folder, "data"), "");
  expect(tested("virtual-charger")).toEqual({
    status: 1,
    stderr: expect.stringMatching(/^self-test: .*certificate\.cbor cannot be used .*ENOTDIR.*\n$/),
  });
});

test("books of a newer schema are refused before a start, and no books are touched", () => {
  const data = join(folder, "data");
  mkdirSync(data);
  const books = (name: string, version: number): void => {
    const db = new Database(join(data, name));
    db.pragma("journal_mode = WAL");
    db.exec("create table meta (version integer not null)");
    db.prepare("insert into meta values (?)").run(version);
    db.close();
  };
  const all = (): string[] =>
    readdirSync(data).map((name) => `${name} ${readFileSync(join(data, name)).toString("hex")}`);
  books("device.db", 1);
  books("deferred.db", 1);
  const readable = all();
  expect(tested("virtual-charger")).toEqual({ status: 0, stderr: "" });
  expect(all()).toEqual(readable);
  books("payment-host.db", 2);
  const before = all();
  expect(tested("virtual-charger")).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^self-test: .*payment-host\.db was written by a newer.*install/),
  });
  expect(all()).toEqual(before);
});

test("a device file that is not right, and none", () => {
  expect(
    tested("virtual-charger", (text) => text.replace("unitsMax: 100", "unitsMax: -1")).stderr,
  ).toContain("self-test: device file");
  const { status } = spawnSync(process.execPath, [join(ROOT, "build/tools/self-test.js")]);
  expect(status).toBe(2);
});
