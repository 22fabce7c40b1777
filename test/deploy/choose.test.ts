// Which release a board starts: deploy/choose.sh on folders as they are after each thing that may happen, and after a power cut
// in the middle of it.

import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

const CHOOSE = fileURLToPath(new URL("../../deploy/choose.sh", import.meta.url));
let home: string;
let next: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "sluice-choose-"));
  next = join(home, "next");
  for (const name of ["old", "new"]) release(name);
  link("current", "old");
  link("confirmed", "old");
});
afterEach(() => rmSync(home, { recursive: true }));

function release(name: string): void {
  const folder = join(home, "releases", name);
  for (const each of ["node/bin", "config"]) mkdirSync(join(folder, each), { recursive: true });
  writeFileSync(join(folder, "node/bin/node"), "", { mode: 0o755 });
  writeFileSync(join(folder, "config/device.yaml"), "");
  writeFileSync(join(folder, "sluice.service"), "[Service]\n");
}

function link(name: string, to: string): void {
  rmSync(join(home, name), { force: true });
  symlinkSync(`releases/${to}`, join(home, name));
}

/** One start of the service: the release that it would be. */
function start(): string {
  const { status, stderr } = spawnSync("sh", [CHOOSE, home, next], { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return readlinkSync(join(home, "current")).replace("releases/", "");
}

test("what is confirmed is started, again and again", () => {
  expect([start(), start()]).toEqual(["old", "old"]);
});

test("a release that was switched to has one try", () => {
  writeFileSync(next, "new\n");
  expect(start()).toBe("new");
  expect(existsSync(next)).toBe(false);
  expect([start(), start()]).toEqual(["old", "old"]);
});

test("one that was confirmed in time stays", () => {
  writeFileSync(next, "new\n");
  expect(start()).toBe("new");
  link("confirmed", "new");
  expect([start(), start()]).toEqual(["new", "new"]);
});

test("a power cut between the rename and the mark of the try costs nothing: it still has its one", () => {
  link("current", "new");
  expect([start(), start()]).toEqual(["new", "old"]);
});

test("a link that was being made when the power went is in nobody's way", () => {
  symlinkSync("releases/half", join(home, "current.new"));
  writeFileSync(next, "new\n");
  expect([start(), start()]).toEqual(["new", "old"]);
});

test.each(["node/bin/node", "config/device.yaml", "sluice.service"])(
  "one without %s is never started",
  (missing) => {
    rmSync(join(home, "releases/new", missing));
    writeFileSync(next, "new\n");
    expect(start()).toBe("old");
    link("current", "new");
    expect(start()).toBe("old");
  },
);

test("a release that is gone, or was never there, is not waited for", () => {
  link("current", "gone");
  expect(start()).toBe("old");
  rmSync(join(home, "current"));
  expect(start()).toBe("old");
  writeFileSync(next, "gone\n");
  expect(start()).toBe("old");
});

test("the first one has nothing to go back to: it goes on trying", () => {
  for (const name of ["current", "confirmed"]) link(name, "new");
  writeFileSync(next, "new\n");
  expect([start(), start(), start()]).toEqual(["new", "new", "new"]);
});
