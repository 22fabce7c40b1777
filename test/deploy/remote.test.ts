// `make deploy`, `make status` and `make stop` before anything is carried: what they say when the way to the board, or the
// board, is not as it must be. ssh is played: it fails in the words of the real one, or runs here what was to run there,
// among programs that answer as a board's would.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { requireBuilt } from "../support/built.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CHARGER = join(ROOT, "boards/virtual-charger.yaml");
const HOST = "pi@charger1";

let folder: string;
let bin: string;

beforeEach(() => {
  requireBuilt("tools/device-file.js");
  folder = mkdtempSync(join(tmpdir(), "sluice-deploy-"));
  bin = join(folder, "bin");
  mkdirSync(bin);
});

afterEach(() => rmSync(folder, { recursive: true }));

function program(name: string, script: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, name), 0o755);
}

function remote(...args: readonly string[]): { status: number | null; stderr: string } {
  const env = { ...process.env, PATH: `${bin}:${process.env["PATH"]}` };
  const { status, stderr } = spawnSync(join(ROOT, "deploy/remote.sh"), args, {
    encoding: "utf8",
    env,
    timeout: 25_000,
  });
  return { status, stderr };
}

describe("ssh that fails is told in plain words", () => {
  const ways = [
    [
      "ssh: Could not resolve hostname charger1: Name or service not known",
      "no host is called charger1",
    ],
    ["ssh: connect to host charger1 port 22: Connection refused", "has no ssh server"],
    ["ssh: connect to host charger1 port 22: Connection timed out", "does not answer"],
    ["ssh: connect to host charger1 port 22: No route to host", "does not answer"],
    ["pi@charger1: Permission denied (publickey,password).", "ssh-copy-id pi@charger1"],
    ["Host key verification failed.", "the key of pi@charger1 is not the one known here"],
    ["kex_exchange_identification: read: gone", "kex_exchange_identification: read: gone"],
  ] as const;
  test.each(ways)("%s", (words, told) => {
    program("ssh", `echo '${words}' >&2; exit 255`);
    for (const args of [
      ["deploy", HOST, CHARGER],
      ["status", HOST],
      ["stop", HOST],
    ]) {
      const { status, stderr } = remote(...args);
      expect(status).toBe(1);
      expect(stderr).toContain(told);
      expect(stderr.trim().split("\n")).toHaveLength(1);
    }
  });

  test("no ssh at all", () => {
    // Only what the script itself needs before it looks.
    const env = { ...process.env, PATH: bin };
    for (const name of ["bash", "dirname", "readlink"]) {
      program(name, `exec ${spawnSync("which", [name], { encoding: "utf8" }).stdout.trim()} "$@"`);
    }
    const script = join(ROOT, "deploy/remote.sh");
    const { status, stderr } = spawnSync("/bin/bash", [script, "status", HOST], {
      encoding: "utf8",
      env,
    });
    expect({ status, stderr: stderr.trim() }).toEqual({
      status: 1,
      stderr: "status: there is no ssh here: sudo apt-get install openssh-client",
    });
  });
});

describe("a board on which nothing can run is refused before anything is carried", () => {
  /** Of a board as it should be, up to where this machine may be otherwise. */
  const BOARD = {
    id: "echo 0",
    uname: "echo aarch64",
    getconf: "echo 64",
    df: "printf 'head\\n/dev/x 9000000 1 9000000 1%% /\\n'",
  };
  const cases = [
    [{ uname: "echo armv7l" }, "is a 32-bit system (armv7l)"],
    [{ getconf: "echo 32" }, "runs a 32-bit system on a 64-bit processor"],
    [{ uname: "echo riscv64" }, "processor that we do not build for: riscv64"],
    [{ df: "printf 'head\\n/dev/x 9 1 102400 1%% /\\n'" }, "has 100 MB left in /opt"],
  ] as const;
  test.each(cases)("%o", (otherwise, told) => {
    for (const [name, script] of Object.entries({ ...BOARD, ...otherwise })) program(name, script);
    // The command is the last word; closing the shared connection is not for us.
    program(
      "ssh",
      `case "$*" in *"-O exit"*) exit ;; esac\nfor last; do :; done\nexec sh -c "$last"`,
    );
    const { status, stderr } = remote("deploy", HOST, CHARGER);
    expect({ status, stderr }).toMatchObject({ status: 1 });
    expect(stderr).toContain(`deploy: ${HOST}`);
    expect(stderr).toContain(told);
  });

  test("sudo that wants a password", () => {
    program("id", "echo 1000");
    program("sudo", "exit 1");
    program(
      "ssh",
      `case "$*" in *"-O exit"*) exit ;; esac\nfor last; do :; done\nexec sh -c "$last"`,
    );
    const { status, stderr } = remote("stop", HOST);
    expect(status).toBe(1);
    expect(stderr).toContain("sudo wants a password: make stop HOST=root@charger1");
  });
});

describe("what is wrong here is said before the board is asked", () => {
  beforeEach(() => program("ssh", `case "$*" in *"-O exit"*) ;; *) echo root ;; esac`));

  test("no host, and one that ssh would take for an option", () => {
    expect(remote("status", "")).toMatchObject({ status: 2 });
    expect(remote("status", "-oProxyCommand=x")).toMatchObject({ status: 2 });
    expect(remote("stop", "a b").stderr).toContain("no name of a host");
  });

  test("a device file that is none", () => {
    const file = join(folder, "device.yaml");
    writeFileSync(file, readFileSync(CHARGER, "utf8").replace("unitsMax: 100", "unitsMax: -1"));
    const { status, stderr } = remote("deploy", HOST, file);
    expect(status).toBe(1);
    expect(stderr).toContain(`device file ${file}`);
    expect(remote("deploy", HOST, join(folder, "none.yaml")).stderr).toContain("there is none");
    expect(remote("deploy", HOST).stderr).toContain("which device?");
  });
});
