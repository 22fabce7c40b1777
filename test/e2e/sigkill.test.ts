// kill -9 at random instants of a program that sells on the real SQLite store and a real register file; after each
// death the next life must find whole books. Which instants is drawn by a seed: SEED=N npx vitest run ...

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { type Random, seededRandom } from "../../hal/sim/random.ts";
import { requireBuilt } from "../support/built.ts";

const PROGRAM = "test/sim/killed-sales.js";
const KILLS = 200;
/** Programs that sell and die side by side, each on a disk of its own; a new one after so many deaths. */
const LANES = 2;
const KILLS_A_DISK = 20;
const SEED = Number(process.env["SEED"] ?? 1);
/** Killed in the sale after so many, so that a slow machine kills at the same places as a fast one. */
const SALES_MAX = 2;
/** A sale takes some 50 ms. */
const SALE_MS_MAX = 60;
/** Reading the books, making good, checking: some 20 ms. */
const RECOVERY_MS_MAX = 30;
/** Longer than any life takes under any load: one that hangs is no death of ours. */
const LIFE_MS_MAX = 60_000;

/** When to kill: so long after the line `after` came for the `times`th time. */
interface Death {
  after: Line["is"];
  times: number;
  delayMs: number;
}

interface Line {
  is: "open" | "started" | "checked" | "sold";
  wrong?: string[];
  epoch?: number;
  register?: number;
}

/** What one program said before it died. */
interface Life {
  lines: readonly Line[];
  errors: string;
  how: "killed" | "ended" | "hung";
}

/** Starts a life, and kills it; or lets it make good what is there and end. */
function live(folder: string, life: number, death?: Death): Promise<Life> {
  const entry = fileURLToPath(new URL(`../../build/${PROGRAM}`, import.meta.url));
  const args = [entry, folder, String(life), ...(death === undefined ? ["once"] : [])];
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  const kill = (): boolean => child.kill("SIGKILL");
  let isHung = false;
  const tooLong = setTimeout(() => {
    isHung = kill();
  }, LIFE_MS_MAX);
  let left = death?.times ?? 0;
  let partial = "";
  let errors = "";
  const lines: Line[] = [];
  child.stderr?.on("data", (chunk: Buffer) => {
    errors += String(chunk);
  });
  child.stdout?.on("data", (chunk: Buffer) => {
    const whole = (partial + String(chunk)).split("\n");
    partial = whole.pop() ?? "";
    for (const text of whole) {
      const line = JSON.parse(text) as Line;
      lines.push(line);
      if (line.is !== death?.after) continue;
      left -= 1;
      if (left === 0) setTimeout(kill, death.delayMs);
    }
  });
  return new Promise((resolve) => {
    child.once("close", (_, signal) => {
      clearTimeout(tooLong);
      const killed = signal === "SIGKILL" ? "killed" : "ended";
      resolve({ lines, errors, how: isHung ? "hung" : killed });
    });
  });
}

function integrity(folder: string): unknown {
  const db = new Database(join(folder, "sluice.db"));
  try {
    return db.pragma("integrity_check", { simple: true });
  } finally {
    db.close();
  }
}

interface Lane {
  kills: number;
  checked: number;
  sold: number;
  epochs: number[];
  register: number;
}

function note(lane: Lane, { lines, errors }: Life, again: string): void {
  expect([errors, again]).toEqual(["", again]);
  for (const { is, wrong, epoch, register } of lines) {
    if (is === "sold") lane.sold += 1;
    if (epoch !== undefined) lane.epochs.push(epoch);
    if (is !== "checked") continue;
    expect([wrong, again]).toEqual([[], again]);
    lane.checked += 1;
    lane.register = register ?? 0;
  }
}

function draw(random: Random, life: number): Death {
  if (life > 1 && random.below(4) === 0) {
    return { after: "open", times: 1, delayMs: random.below(RECOVERY_MS_MAX) };
  }
  const sales = random.below(SALES_MAX + 1);
  const after = sales === 0 ? "checked" : "sold";
  return { after, times: Math.max(1, sales), delayMs: random.below(SALE_MS_MAX) };
}

/** So many lives, one after another on the same disk; every fourth is killed while it makes good the one before. */
async function killAgainAndAgain(number: number, kills: number, random: Random): Promise<Lane> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-sigkill-"));
  const lane: Lane = { kills: 0, checked: 0, sold: 0, epochs: [], register: 0 };
  try {
    for (let life = 1; life <= kills; life++) {
      const again = `SEED=${SEED}, lane ${number}, life ${life}`;
      const ended = await live(folder, life, draw(random, life));
      note(lane, ended, again);
      expect([ended.how, again]).toEqual(["killed", again]);
      lane.kills += 1;
      expect([integrity(folder), again]).toEqual(["ok", again]);
    }
    const last = await live(folder, kills + 1);
    note(lane, last, `SEED=${SEED}, lane ${number}, last life`);
    expect(last.lines.at(-1)?.is).toBe("checked");
    return lane;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function killOnDisks(number: number, disks: number, random: Random): Promise<Lane[]> {
  const lanes: Lane[] = [];
  for (let disk = 0; disk < disks; disk++) {
    lanes.push(await killAgainAndAgain(number, KILLS_A_DISK, random));
  }
  return lanes;
}

test(`I1 I3 I10: ${KILLS} kills at random instants on the real store lose and double nothing`, async () => {
  requireBuilt(PROGRAM);
  const disks = await Promise.all(
    Array.from({ length: LANES }, (_, n) =>
      killOnDisks(n, KILLS / LANES / KILLS_A_DISK, seededRandom(SEED, `kills ${n}`)),
    ),
  );
  const lanes = disks.flat();
  const kills = lanes.reduce((sum, lane) => sum + lane.kills, 0);
  const checked = lanes.reduce((sum, lane) => sum + lane.checked, 0);
  const sold = lanes.reduce((sum, lane) => sum + lane.sold, 0);
  console.log(`SIGKILL: ${kills} kills, books checked ${checked} times, ${sold} sales between`);
  expect(kills).toBe(KILLS);
  expect(checked).toBeGreaterThan(KILLS / 2);
  expect(sold).toBeGreaterThan(KILLS / 2);
  for (const { epochs, register } of lanes) {
    expect(epochs).toEqual([...new Set(epochs)].sort((a, b) => a - b));
    // 2 units of 60 pulses for each sale that was finished, and more for those that were not.
    expect(register).toBeGreaterThan(60 * (KILLS_A_DISK / 2));
  }
}, 600_000);
