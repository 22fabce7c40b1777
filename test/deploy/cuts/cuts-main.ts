// What the test of power cuts asks of a log of block writes. Exit 1, with the reason, where the log or the disk is not
// what it should be; 2 when called wrongly.
//   cuts-main.js count LOG                      how many entries there are at this moment
//   cuts-main.js flushes LOG FROM TO            in front of which entries power may be cut, one a line
//   cuts-main.js plan LOG FROM TO COUNT TORN AT...  COUNT of these, half of them around the entries AT; one a line with "flushed",
//                                               and TORN of them again with "torn": a part of what came next is there as well
//   cuts-main.js apply LOG DISK FROM TO         does to the disk what these entries did
//   cuts-main.js tear LOG DISK FROM SEED        does to it a part of what was written from there to the next flush

import { fstatSync, openSync } from "node:fs";
import { seededRandom } from "../../../hal/sim/random.ts";
import { chooseCuts, flushBoundaries, nearest, nextFlush } from "./cut-points.ts";
import { type ApplyResult, applyEntries, type Disk, tearEntries } from "./disk-state.ts";
import {
  countEntries,
  type LogResult,
  type LogTrouble,
  readWriteLog,
  type WriteLog,
} from "./write-log.ts";

const WORDS: Readonly<Record<LogTrouble, string>> = {
  "no-log": "this is no log of block writes",
  version: "the log is not of version 1",
  "sector-size": "sectors are of 512 or 4096 bytes",
  "too-long": "more entries than any upgrade makes",
  torn: "the log ends before what it counts",
  flags: "a flag that nobody has defined",
};

/** How many words follow the log. */
const USAGE: Readonly<Record<string, readonly [min: number, max: number]>> = {
  count: [0, 0],
  flushes: [2, 2],
  plan: [5, 8],
  apply: [3, 3],
  tear: [3, 3],
};

function run([verb = "", path = "", ...rest]: readonly string[]): void {
  const [min, max] = USAGE[verb] ?? [1, 0];
  if (rest.length < min || rest.length > max)
    refuse(`${Object.keys(USAGE).join(", ")}? The head of this file says how`, 2);
  const file = openSync(path, "r");
  if (verb === "count") print([taken(path, countEntries(file))]);
  else if (verb === "flushes" || verb === "plan")
    choose(taken(path, readWriteLog(file)), rest.map(wholeNumber));
  else change(taken(path, readWriteLog(file)), file, verb === "tear", rest);
}

function taken<T>(path: string, result: LogResult<T>): T {
  if (!result.ok) refuse(`${path}: ${WORDS[result.trouble]} (${result.at})`, 1);
  return result.value;
}

function choose(log: WriteLog, [from = 0, to = 0, count, torn = 0, ...switches]: number[]): void {
  const boundaries = flushBoundaries(log, from, to);
  if (count === undefined) {
    print(boundaries);
    return;
  }
  if (boundaries.length < count) refuse(`there are only ${boundaries.length} flushes`, 1);
  const tornAt = nearest(boundaries, switches, torn);
  const cuts = chooseCuts(boundaries, switches, count);
  print(cuts.flatMap((at) => [`${at} flushed`, ...(tornAt.includes(at) ? [`${at} torn`] : [])]));
}

function change(log: WriteLog, logFile: number, torn: boolean, rest: readonly string[]): void {
  const [from, second] = rest.slice(1).map(wholeNumber) as [number, number];
  const file = openSync(rest[0] ?? "", "r+");
  const disk: Disk = { file, bytes: fstatSync(file).size };
  const done: ApplyResult = torn
    ? tearEntries(log, logFile, disk, from, nextFlush(log, from), seededRandom(second, "torn"))
    : applyEntries(log, logFile, disk, from, second);
  if (!done.ok) refuse(`${rest[0]}: cannot hold what was written (${done.at})`, 1);
  print([done.written]);
}

function print(lines: readonly (string | number)[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(""));
}

function wholeNumber(text: string): number {
  if (!/^\d{1,10}$/.test(text)) refuse(`'${text}' is no whole number`, 2);
  return Number(text);
}

function refuse(words: string, code: 1 | 2): never {
  process.stderr.write(`cuts: ${words}\n`);
  process.exit(code);
}

run(process.argv.slice(2));
