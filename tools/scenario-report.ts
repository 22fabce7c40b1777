// `sluice bench run`: scenarios in virtual time, one after the other: a timeline, each expectation met or broken, and how much
// faster than the world it went.

import { type Bench, type BenchSetup, openBench } from "../bench/bench.ts";
import { runScenario, type ScenarioReport, type TimelineLine } from "../bench/scenario-run.ts";
import type { Finding } from "../bench/scenario-sights.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import { countText } from "../firmware/units.ts";
import type { ExitCode, Output } from "./command.ts";
import { readScenarioFile } from "./scenario-file.ts";

/** With several files only what was expected is told, and sums. */
export interface ScenarioRuns {
  files: readonly string[];
  seed?: number;
}

interface Sums {
  worldMs: number;
  realMs: number;
  /** Of one core: what a computer that is busy elsewhere would take alone. */
  coreMs: number;
  met: number;
  broken: number;
}

/** Exit code: 1 when an expectation was broken, or a file cannot be read. */
export async function runScenarios({ files, seed }: ScenarioRuns, out: Output): Promise<ExitCode> {
  const sums: Sums = { worldMs: 0, realMs: 0, coreMs: 0, met: 0, broken: 0 };
  const failed: string[] = [];
  for (const file of files) {
    const done = await runOne(file, seed, files.length === 1, out);
    if (!done.ok) {
      out.fault(done.fault);
      failed.push(file);
      continue;
    }
    if (done.value.broken > 0) failed.push(file);
    for (const name of Object.keys(sums) as (keyof Sums)[]) sums[name] += done.value[name];
  }
  if (files.length > 1) {
    out.emit({
      type: "scenarios",
      files: files.length,
      failed,
      ...sums,
      timesReal: timesReal(sums),
    });
    const which = failed.length === 0 ? "" : `, ${failed.length} failed (${failed.join(", ")})`;
    out.say(`${files.length} scenarios${which}: ${sumWords(sums)}`);
  }
  return failed.length === 0 ? 0 : 1;
}

async function runOne(
  file: string,
  seed: number | undefined,
  isAlone: boolean,
  out: Output,
): Promise<Result<ScenarioReport & Sums>> {
  const scenario = readScenarioFile(file, seed);
  if (!scenario.ok) return scenario;
  const { about, endMs, setup } = scenario.value;
  out.emit({ type: "scenario", file, about, seed: setup.seed });
  out.say(isAlone ? `${file}: ${about} (seed ${setup.seed})` : `${file}: ${about}`);
  const startedMs = performance.now();
  const startedCore = process.cpuUsage();
  const bench = await openedBench(file, setup);
  if (!bench.ok) return bench;
  const listener = {
    line: ({ atMs, who, text }: TimelineLine) => {
      if (!isAlone) return;
      out.emit({ type: "timeline", atMs, who, text });
      out.say(`${clockText(atMs)}  ${who.padEnd(10)}  ${text}`);
    },
    finding: (finding: Finding) => {
      out.emit({ type: "expectation", file, ...finding });
      const { what, met, seen, atMs } = finding;
      if (met) out.say(`${clockText(atMs)}  met         ${what}`);
      else out.say(`${clockText(atMs)}  BROKEN      ${what}; seen: ${seen}`);
    },
    progress: (nowMs: number) => out.progress(`${clockText(nowMs)} of ${clockText(endMs)}`),
  };
  const report = await runScenario(scenario.value, listener, bench.value);
  const { user, system } = process.cpuUsage(startedCore);
  const realMs = performance.now() - startedMs;
  const sums = { ...report, realMs, coreMs: (user + system) / 1_000 };
  out.emit({ type: "report", file, ...sums, timesReal: timesReal(sums) });
  out.say(`frames ${report.frames}`);
  out.say(sumWords(sums));
  return ok(sums);
}

/** Error: `malformed` for boards that fit their schema and not each other's parts. */
async function openedBench(file: string, setup: BenchSetup): Promise<Result<Bench>> {
  try {
    return ok(await openBench(setup));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return fail("malformed", `scenario ${file}: ${error.message}`, "boards");
  }
}

function timesReal({ worldMs, realMs }: Pick<Sums, "worldMs" | "realMs">): number {
  return Math.round(worldMs / Math.max(1, realMs));
}

function sumWords(sums: Sums): string {
  const { met, broken, worldMs, realMs, coreMs } = sums;
  const all = countText(met + broken, "expectation");
  const expected = broken === 0 ? `${all} met` : `${broken} of ${all} BROKEN`;
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  const took = `${seconds(realMs)}, ${seconds(coreMs)} of a core`;
  const times = timesReal(sums).toLocaleString("en");
  return `${expected}; ${clockText(worldMs)} of the world in ${took}: ${times} times real time`;
}

/** "3d 04:05:06.789" since the world began. */
function clockText(atMs: number): string {
  const ms = Math.floor(atMs);
  const two = (value: number): string => String(Math.floor(value)).padStart(2, "0");
  const days = Math.floor(ms / 86_400_000);
  const [h, min, s] = [two((ms / 3_600_000) % 24), two((ms / 60_000) % 60), two((ms / 1_000) % 60)];
  const rest = `${h}:${min}:${s}.${String(ms % 1_000).padStart(3, "0")}`;
  return days === 0 ? rest : `${days}d ${rest}`;
}
