// A machine that lacks what the tests need and cannot install it: it is said by name, and make goes on.

import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const USER = 1000;

/** The only folder in which a program is looked for. */
let programs: string;
beforeEach(() => {
  programs = mkdtempSync(join(tmpdir(), "sluice-programs-"));
  for (const name of readdirSync("/usr/bin")) {
    // Never the real one: nothing is to be installed by a test.
    if (name !== "apt-get") symlinkSync(join("/usr/bin", name), join(programs, name));
  }
  if (!existsSync(join(programs, "node"))) symlinkSync(process.execPath, join(programs, "node"));
});
afterEach(() => rmSync(programs, { recursive: true, force: true }));

function program(name: string, script: string): void {
  const path = join(programs, name);
  rmSync(path, { force: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

/** In the place of somebody with that user id, where those programs are not there. */
function run(userId: number, missing: readonly string[], ...words: readonly string[]) {
  program("id", `echo ${userId}`);
  for (const name of missing) rmSync(join(programs, name), { force: true });
  // Without the settings of a make that runs these tests.
  const { MAKEFLAGS: _, MAKELEVEL: __, ...env } = process.env;
  const [command = "", ...args] = words;
  const { status, stdout, stderr } = spawnSync(command, args, {
    ...{ cwd: ROOT, encoding: "utf8" },
    env: { ...env, PATH: programs },
  });
  return { status, said: `${stdout}${stderr}` };
}

const PACKAGES = [join("/usr/bin", "make"), "-s", "packages"];

test("make packages tells somebody who is not root what to install, and goes on", () => {
  const { status, said } = run(USER, ["mbpoll", "nfc-list"], ...PACKAGES);
  expect(said).toMatch(/need: sudo apt-get install.* mbpoll\b.* {3}\(skipped without\)/);
  expect(said).toMatch(/ libnfc-bin\b/);
  expect(status).toBe(0);
});

test("make packages goes on where root finds no apt-get, or one that fails", () => {
  const none = run(0, ["mbpoll"], ...PACKAGES);
  expect(none).toMatchObject({ status: 0, said: expect.stringContaining("(skipped without)") });
  program("apt-get", "exit 100");
  const fails = run(0, [], ...PACKAGES);
  const words = /mbpoll.* could not be installed; tests that need it will be skipped/;
  expect(fails).toMatchObject({ status: 0, said: expect.stringMatching(words) });
});

test("make test-kernel is skipped with its reason where there is no QEMU", () => {
  const script = join(ROOT, "test/kernel/run.sh");
  const skipped = (why: string) =>
    new RegExp(`test-kernel: SKIPPED: .*(${why}|Debian on amd64 is needed)`);
  const user = run(USER, ["qemu-system-x86_64"], script);
  expect(user.said).toMatch(skipped("missing:.* qemu-system-x86.*sudo apt-get install"));
  expect(user.status).toBe(0);
  program("apt-get", "exit 100");
  const root = run(0, [], script);
  expect(root.said).toMatch(skipped("could not be installed:.* qemu-system-x86"));
  expect(root.status).toBe(0);
});
