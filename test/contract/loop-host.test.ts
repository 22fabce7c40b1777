// The LoopHost contract in virtual time and over a process; and what only a process can do: be killed,
// talk nonsense, hang, and outlive or survive its parent.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { type LoopProcess, openLoopProcess } from "../../hal/linux/loop-process.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import type { LoopReport } from "../../hal/loop-host.ts";
import { type SimLoopEnd, simLoopHost } from "../../hal/sim/sim-loop-host.ts";
import { simWorld } from "../../hal/sim/world.ts";
import { requireBuilt } from "../support/built.ts";
import { describeLoopHost, type LoopUnderTest } from "./loop-host.ts";

const CHILD = fileURLToPath(new URL("../support/loop-child.mjs", import.meta.url));
const PARENT = fileURLToPath(new URL("../support/loop-parent.mjs", import.meta.url));

describeLoopHost("virtual time", async () => {
  const world = simWorld({ seed: 1 });
  const sim = simLoopHost(world, { delayMs: [0, 1] });
  let opened = false;
  const script = (end: SimLoopEnd): void => {
    end.onCommand((command) => {
      if (command.do !== "grant") return;
      const { session, pulses } = command;
      end.report({ on: "progress", session, pulses, reading: 0, held: false, atMs: world.nowMs() });
    });
    end.onClose(() => {
      opened = true;
    });
    end.report({ on: "ready", atMs: world.nowMs(), outlets: [], sensors: [] });
  };
  script(sim.loop());
  return {
    host: sim.device,
    until: async (done) => {
      if (!(await world.runWhile(() => !done(), 60_000))) throw new Error("it never came");
    },
    kill: () => {
      sim.cut("killed");
      world.after(100, () => script(sim.restart()));
    },
    opened: () => opened,
    dispose: async () => {},
  };
});

async function until(done: () => boolean): Promise<void> {
  const limitMs = performance.now() + 10_000;
  while (!done()) {
    if (performance.now() > limitMs) throw new Error("it never came");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Gone, or a zombie that nobody has collected. */
function ended(pid: number): boolean {
  try {
    return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return true;
  }
}

interface ProcessUnderTest extends LoopUnderTest {
  host: LoopProcess;
  lines: string[];
}

function openProcess(silentMsMax?: number): ProcessUnderTest {
  requireBuilt("hal/linux/loop-channel.js");
  const directory = mkdtempSync(join(tmpdir(), "sluice-loop-"));
  const openedFile = join(directory, "opened");
  const lines: string[] = [];
  const host = openLoopProcess({
    entry: CHILD,
    args: [openedFile],
    clock: openSystemClock(),
    onLine: (line) => lines.push(line),
    ...(silentMsMax === undefined ? {} : { silentMsMax }),
  });
  return {
    host,
    lines,
    until,
    kill: () => process.kill(host.pid() ?? 0, "SIGKILL"),
    opened: () => existsSync(openedFile),
    dispose: async () => {
      await host.close();
      rmSync(directory, { recursive: true });
    },
  };
}

describeLoopHost("a process", async () => openProcess());

describe("a loop in a process of its own", () => {
  const scripted = (
    behaviour: string,
    body: (under: ProcessUnderTest, reports: LoopReport[]) => Promise<void>,
    silentMsMax?: number,
  ): void => {
    test(behaviour, async () => {
      const under = openProcess(silentMsMax);
      const reports: LoopReport[] = [];
      under.host.onReport((report) => reports.push(report));
      try {
        await until(() => reports.length > 0);
        await body(under, reports);
      } finally {
        await under.dispose();
      }
    });
  };
  const extend = (session: string) => ({ do: "extend", session, pulses: 1 }) as const;

  scripted("I11: lines that are no reports are refused and counted", async ({ host }, reports) => {
    host.send(extend("garbage"));
    await until(() => reports.length > 1);
    expect(reports.map(({ on }) => on)).toEqual(["ready", "progress"]);
    expect(host.refused()).toBe(5);
  });

  scripted("I11: the child refuses what is no command", async ({ host }, reports) => {
    host.send({ do: "extend", session: "s", pulses: -1 });
    host.send({ do: "extend", session: "s", pulses: 0.5 });
    host.send(extend("refused"));
    await until(() => reports.length > 1);
    expect(reports[1]).toMatchObject({ session: "refused", pulses: 2 });
  });

  scripted("says why a loop that crashed is lost, and starts another", async (under, reports) => {
    const { host, lines } = under;
    const pid = host.pid();
    host.send(extend("crash"));
    await until(() => reports.length > 2);
    expect(reports[1]).toEqual({ on: "lost", why: "the metering loop ended: exit code 1" });
    expect(reports[2]).toMatchObject({ on: "ready" });
    expect(host.pid()).not.toBe(pid);
    expect(lines.join("\n")).toContain("crashed on purpose");
  });

  scripted("passes on line by line what the loop says for people", async ({ host, lines }) => {
    host.send(extend("chatter"));
    await until(() => lines.length > 1);
    expect(lines.sort()).toEqual(["said on standard error", "said on standard output"]);
  });

  scripted(
    "I7: a loop that hangs is killed and started again",
    async ({ host }, reports) => {
      host.send(extend("stuck"));
      await until(() => reports.length > 2);
      expect(reports[1]).toEqual({ on: "lost", why: "the metering loop ended: SIGKILL" });
      expect(reports[2]?.on).toBe("ready");
    },
    700,
  );

  scripted(
    "a loop that is heard is left alone, however often this process is held up itself",
    async ({ host }, reports) => {
      const pid = host.pid();
      const blocked = new Int32Array(new SharedArrayBuffer(4));
      host.send(extend("beating"));
      await until(() => reports.length > 2);
      for (let i = 0; i < 40; i++) {
        Atomics.wait(blocked, 0, 0, 40);
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
      expect(reports.some(({ on }) => on === "lost")).toBe(false);
      expect(host.pid()).toBe(pid);
    },
    300,
  );

  scripted("closing kills a loop that does not end by itself", async ({ host }) => {
    const pid = host.pid() ?? 0;
    host.send(extend("stuck"));
    await host.close();
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  });

  test("an entry that cannot run is reported lost, again and again", async () => {
    const args: string[] = [];
    const lines: string[] = [];
    const onLine = (line: string): void => void lines.push(line);
    const host = openLoopProcess({ entry: "/nowhere.js", args, clock: openSystemClock(), onLine });
    const reports: LoopReport[] = [];
    host.onReport((report) => reports.push(report));
    await until(() => reports.length > 1);
    await host.close();
    expect(reports.map(({ on }) => on)).toEqual(["lost", "lost"]);
    expect(lines.join("\n")).toContain("Cannot find module");
  });

  test("a loop that is slow to start is waited for ten times as long as one that falls silent", async () => {
    requireBuilt("hal/linux/loop-channel.js");
    const directory = mkdtempSync(join(tmpdir(), "sluice-loop-"));
    const entry = join(directory, "slow.mjs");
    const report = JSON.stringify({ on: "ready", atMs: 0, outlets: [], sensors: [] });
    const say = `require("node:fs").writeSync(3, ${JSON.stringify(`${report}\n`)})`;
    writeFileSync(
      entry,
      `import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
setTimeout(() => { ${say}; setInterval(() => {}, 1000); }, 600);`,
    );
    const startMs = performance.now();
    const host = openLoopProcess({ entry, args: [], clock: openSystemClock(), silentMsMax: 300 });
    const reports: LoopReport[] = [];
    host.onReport((one) => reports.push(one));
    await until(() => reports.length === 2);
    expect(reports.map(({ on }) => on)).toEqual(["ready", "lost"]);
    // It was noticed by its silence after the report, not at the end of the time for starting.
    expect(performance.now() - startMs).toBeLessThan(3_000);
    await host.close();
    rmSync(directory, { recursive: true });
  });

  test("I7: kill -9 of the parent opens the outputs, and the loop ends", async () => {
    requireBuilt("hal/linux/loop-process.js");
    const directory = mkdtempSync(join(tmpdir(), "sluice-loop-"));
    const openedFile = join(directory, "opened");
    const parent = spawn(process.execPath, [PARENT, CHILD, openedFile], { stdio: "pipe" });
    let said = "";
    parent.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    await until(() => said.includes("\n"));
    const pid = Number(said);
    expect(existsSync(openedFile)).toBe(false);
    const killedAtMs = performance.now();
    parent.kill("SIGKILL");
    await until(() => existsSync(openedFile));
    expect(performance.now() - killedAtMs).toBeLessThan(1_000);
    await until(() => ended(pid));
    rmSync(directory, { recursive: true });
  });
});
