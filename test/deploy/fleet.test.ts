// The same for every board of an inventory: what is refused before any board is asked, and what is told of each.

import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { requireBuilt } from "../support/built.ts";
import { type PlayedSsh, playSsh, ROOT } from "./played-ssh.ts";

let ssh: PlayedSsh;

beforeEach(() => {
  requireBuilt("tools/list-inventory.js");
  ssh = playSsh(`
    a*\\ status | pi@a*\\ status) echo "service   active"; echo "state     ready to sell" ;;
    b*\\ status) echo "state     not ready to sell: no broker"; exit 3 ;;
    c*\\ status) echo "ssh: connect to host c1 port 22: Connection refused" >&2; exit 255 ;;
    *\\ probe) echo "has 100 MB left in /opt, and 390 MB are needed: remove something"; exit 4 ;;
  `);
  copyFileSync(join(ROOT, "boards/virtual-charger.yaml"), join(ssh.folder, "charger.yaml"));
});
afterEach(() => rmSync(ssh.folder, { recursive: true }));

function inventory(text: string): string {
  const path = join(ssh.folder, "inventory.yaml");
  writeFileSync(path, text);
  return path;
}

function boards(...hosts: readonly string[]): string {
  const lines = hosts.map((host) => `  - { host: ${host}, device: charger.yaml }`);
  return inventory(`version: 1\nboards:\n${lines.join("\n")}\n`);
}

test("each board has its lines and its row, and one that fails makes the whole fail", () => {
  const { status, stdout } = ssh.run("fleet.sh", ["status", boards("a1", "b1", "c1", "pi@a2")]);
  expect(status).toBe(1);
  const lines = stdout.split("\n");
  expect(lines).toContain("a1     state     ready to sell");
  const rows = lines.slice(lines.indexOf("") + 1);
  expect(rows[0]).toMatch(/^a1 +ok +\d+ s {2}state +ready to sell$/);
  expect(rows[1]).toMatch(/^b1 +FAILED +\d+ s {2}state +not ready to sell: no broker$/);
  expect(rows[2]).toMatch(/^c1 +FAILED +\d+ s {2}status: c1 is there but has no ssh server/);
  expect(rows[3]).toMatch(/^pi@a2 +ok /);
  expect(rows[4]).toBe("status: 2 of 4 boards are well");
});

test("all that are well are exit 0, and more boards than are done at once are all done", () => {
  const many = Array.from({ length: 23 }, (_, i) => `a${i}`);
  const { status, stdout } = ssh.run("fleet.sh", ["status", boards(...many)]);
  expect(status).toBe(0);
  expect(stdout).toContain("status: 23 of 23 boards are well");
}, 60_000);

test("deploying says for each board why not", () => {
  const { status, stdout } = ssh.run("fleet.sh", ["deploy", boards("a1", "a2")]);
  expect(status).toBe(1);
  for (const host of ["a1", "a2"])
    expect(stdout).toContain(`deploy: ${host} has 100 MB left in /opt`);
  expect(stdout).toContain("deploy: 0 of 2 boards are well");
});

describe("an inventory that is not right is refused by its field, and no board is asked", () => {
  const ok = "{ host: a1, device: charger.yaml }";
  test.each([
    ["no version", `boards: [${ok}]`, "is missing", "(version)"],
    ["no board", "version: 1\nboards: []", "boards", ""],
    [
      "a misspelt field",
      "version: 1\nboards: [{ hots: a1, device: charger.yaml }]",
      "boards.0",
      "",
    ],
    [
      "an option for ssh",
      `version: 1\nboards: [${ok}, { host: -oProxyCommand=x, device: charger.yaml }]`,
      "boards.1.host",
      "",
    ],
    ["two words", "version: 1\nboards: [{ host: a b, device: charger.yaml }]", "boards.0.host", ""],
    ["a board twice", `version: 1\nboards: [${ok}, ${ok}]`, "a1 is listed above", "boards.1.host"],
    [
      "a device file that is none",
      "version: 1\nboards: [{ host: a1, device: none.yaml }]",
      "none.yaml: there is none",
      "",
    ],
    ["no YAML", "version: [", "line 1", ""],
  ])("%s", (_, text, words, at) => {
    const { status, stdout, stderr } = ssh.run("fleet.sh", ["deploy", inventory(text)]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/^deploy: /);
    expect(stderr).toContain(words);
    expect(stderr).toContain(at);
  });

  test("a device file whose files are not beside it", () => {
    const path = join(ssh.folder, "charger.yaml");
    const named = "payment:\n  services:\n    - { id: mine, use: ../mine.mjs }\nservices:";
    writeFileSync(path, readFileSync(path, "utf8").replace("\nservices:", `\n${named}`));
    const { status, stderr } = ssh.run("fleet.sh", ["deploy", boards("a1")]);
    expect(status).toBe(1);
    expect(stderr).toContain("it names ../mine.mjs, which lies outside of its folder");
  });

  test("no inventory, and what is not done with one", () => {
    expect(ssh.run("fleet.sh", ["status", join(ssh.folder, "none.yaml")]).status).toBe(1);
    expect(ssh.run("fleet.sh", ["stop", boards("a1")]).status).toBe(2);
  });
});
