// The unit that a board runs: what systemd itself says of its hardening, what of it must not be changed unseen, and the
// pauses between starts of a device that ends again and again.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const DEPLOY = join(import.meta.dirname, "..", "..", "deploy");
const UNIT = join(DEPLOY, "sluice.service");
/** systemd's own measure: 0 is nothing exposed, 10 is root with everything. */
const EXPOSURE_MAX = 2;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-unit-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

function settings(): Map<string, string> {
  const lines = readFileSync(UNIT, "utf8").split("\n");
  return new Map(
    lines.flatMap((line) => {
      const [, name = "", value = ""] = /^([A-Z]\w+)=(.*)$/.exec(line) ?? [];
      return name === "" ? [] : [[name, value] as const];
    }),
  );
}

describe("systemd", () => {
  const { status, stdout = "" } = spawnSync("systemd-analyze", ["--version"], { encoding: "utf8" });
  const version = Number(/^systemd (\d+)/.exec(stdout ?? "")?.[1] ?? 0);
  const missing =
    status !== 0 || version < 250
      ? "systemd-analyze of 250 or later is not here: sudo apt-get install systemd"
      : undefined;
  const analyze = (...args: string[]) => spawnSync("systemd-analyze", args, { encoding: "utf8" });

  test("finds the unit exposed to little", ({ skip }) => {
    if (missing !== undefined) skip(missing);
    const { stdout: table } = analyze("security", "--offline=true", "--no-pager", UNIT);
    const [, score = ""] = /exposure level for sluice\.service: ([\d.]+)/.exec(table) ?? [];
    const open = table
      .split("\n")
      .filter((line) => line.startsWith("✗"))
      .map((line) => line.split(/\s+/)[1]);
    console.log(`systemd-analyze security: ${score}; what stays open: ${open.join(" ")}`);
    expect(Number(score)).toBeGreaterThan(0);
    expect(Number(score)).toBeLessThanOrEqual(EXPOSURE_MAX);
  });

  test("knows every word of it", ({ skip }) => {
    if (missing !== undefined) skip(missing);
    const { stderr } = analyze("verify", "--man=no", UNIT);
    // The programs are on the board, not here.
    const words = stderr.split("\n").filter((line) => line.includes("sluice.service"));
    expect(words.filter((line) => !/is not executable/.test(line))).toEqual([]);
  });
});

test("I7: no end takes the loop and its guard at once, and the outputs are opened after every one", () => {
  const unit = settings();
  expect(unit.get("KillMode")).toBe("control-group");
  // SIGABRT, which is what systemd sends unless told, would end the guard, too.
  expect(unit.get("WatchdogSignal")).toBe("SIGTERM");
  expect(unit.get("OOMPolicy")).toBe("continue");
  expect(readFileSync(UNIT, "utf8")).toMatch(/^ExecStopPost=\S+\/node \S+\/open-outputs\.js \S+$/m);
});

test("it is no root's, nobody else reads what it writes, and no device is free but those of the drop-in", () => {
  const unit = settings();
  expect(unit.get("User")).toBe("sluice");
  expect(unit.get("CapabilityBoundingSet")).toBe("");
  expect(unit.get("DevicePolicy")).toBe("closed");
  expect(unit.has("DeviceAllow")).toBe(false);
  expect(unit.get("StateDirectoryMode")).toBe("0700");
  expect(unit.get("UMask")).toBe("0077");
  expect(readFileSync(join(DEPLOY, "sluice.sysusers"), "utf8")).toMatch(/^u sluice - /m);
});

describe("a device that ends again and again", () => {
  /** Its `sleep` writes down for how long, and does not. */
  const pause = (args: readonly string[], env: Record<string, string> = {}) => {
    const sleep = join(folder, "sleep");
    writeFileSync(sleep, `#!/bin/sh\necho "$1" >>${folder}/slept\n`);
    chmodSync(sleep, 0o755);
    const { status, stderr } = spawnSync(join(DEPLOY, "pause.sh"), args, {
      env: { PATH: `${folder}:${process.env["PATH"]}`, RUNTIME_DIRECTORY: folder, ...env },
      encoding: "utf8",
    });
    return { status, stderr };
  };
  const slept = (): string[] => {
    try {
      return readFileSync(join(folder, "slept"), "utf8").trim().split("\n");
    } catch {
      return [];
    }
  };
  const end = (result: string): void => {
    expect(pause(["ended"], { SERVICE_RESULT: result })).toEqual({ status: 0, stderr: "" });
  };
  const start = (): void => {
    expect(pause([])).toEqual({ status: 0, stderr: "" });
  };

  test("is started at growing distances, up to a minute, and never given up", () => {
    start();
    for (let ends = 0; ends < 9; ends++) {
      end("exit-code");
      start();
    }
    expect(slept()).toEqual(["2", "4", "8", "16", "32", "60", "60", "60"]);
  });

  test("is started at once after a stop in order", () => {
    for (const result of ["signal", "watchdog", "signal", "success"]) end(result);
    start();
    expect(slept()).toEqual([]);
  });

  test("is started at once when it had run well for long before this end", () => {
    for (let ends = 0; ends < 5; ends++) end("signal");
    const uptimeS = Math.floor(Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]));
    writeFileSync(join(folder, "ends"), `5 ${uptimeS - 700}\n`);
    end("signal");
    start();
    expect(slept()).toEqual([]);
  });

  test.each(["", "x y", "-3 1", "99999999999999999999 1", "3", "$(reboot) 1", "1 2 3"])(
    "is started also where the count is spoilt: %j",
    (text) => {
      writeFileSync(join(folder, "ends"), text);
      start();
      end("signal");
      start();
      expect(slept()).toEqual([]);
    },
  );
});
