// `make bench`: measures what the design sets budgets for, prints each figure beside its budget with samples
// and machine, and writes build/bench.json. Everything runs on this machine, over loopback; the device, its
// loop, the broker and the buyer are processes of their own, and nothing of them stays behind.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { crowdPart } from "./bench/crowd-part.ts";
import { figureFile, figureTable } from "./bench/figure.ts";
import { cutoffPart, overrunPart, pulsesPart } from "./bench/loop-part.ts";
import { type Machine, machineAtEnd, machineAtStart } from "./bench/machine.ts";
import { monthPart } from "./bench/month-part.ts";
import type { Counts, Findings, Part } from "./bench/part.ts";
import { portablePart } from "./bench/portable-part.ts";
import { salePart } from "./bench/sale-part.ts";
import { makeSite } from "./bench/site.ts";
import { stagePart } from "./bench/stage-part.ts";
import { startPart } from "./bench/start-part.ts";
import { streamPart } from "./bench/stream-part.ts";
import { tokenPart } from "./bench/token-part.ts";

const FILE = fileURLToPath(new URL("../bench.json", import.meta.url));

const PARTS: readonly Part[] = [
  startPart,
  tokenPart,
  stagePart,
  salePart,
  crowdPart,
  streamPart,
  cutoffPart,
  pulsesPart,
  overrunPart,
  monthPart,
  portablePart,
];

const FULL: Counts = {
  sales: 1000,
  warmUp: 50,
  countedSales: 20,
  keptSales: 100,
  ownBrokerSales: 100,
  soakSales: 10_000,
  crowdSales: 500,
  starts: 7,
  tokens: 2000,
  usedTokens: 1_000_000,
  proofs: 20_000,
  stageCalls: 2000,
  cuts: 100_000,
  pulseSeconds: 60,
  stops: 12_000,
  days: 30,
};
const QUICK: Counts = {
  sales: 50,
  warmUp: 10,
  countedSales: 3,
  keptSales: 10,
  ownBrokerSales: 10,
  soakSales: 200,
  crowdSales: 100,
  starts: 3,
  tokens: 300,
  usedTokens: 100_000,
  proofs: 2_000,
  stageCalls: 200,
  cuts: 4_000,
  pulseSeconds: 6,
  stops: 1_000,
  days: 1,
};

function tell(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}

function report(findings: readonly Findings[], machine: Machine): void {
  const all = findings.flatMap(({ figures }) => figures);
  const load = `load ${machine.loadAtStart.join(" ")} before, ${machine.loadAtEnd.join(" ")} after`;
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryMiB} MiB`,
    `Node ${machine.node}, ${machine.os}, ${load}`,
    ...(all.length > 0 ? ["", figureTable(all)] : []),
    ...findings.flatMap(({ tables }) => tables).flatMap((text) => ["", text]),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

/** Parts that were not measured this time keep the figures of the last. */
function write(findings: readonly Findings[], machine: Machine, isWhole: boolean): void {
  const before = isWhole || !existsSync(FILE) ? {} : JSON.parse(readFileSync(FILE, "utf8"));
  const { numbers, samples } = figureFile(findings.flatMap(({ figures }) => figures));
  const more = Object.assign({}, ...findings.map((one) => one.more ?? {}));
  const file = {
    ...{ ...before, ...numbers, ...more },
    samples: { ...before.samples, ...samples },
    machine,
  };
  writeFileSync(FILE, `${JSON.stringify(file, undefined, 2)}\n`);
  tell(`written: ${FILE}`);
}

interface Wanted {
  counts: Counts;
  parts: readonly Part[];
}

function readWanted(): Wanted {
  const names = PARTS.map(({ name }) => name).join(", ");
  const options = {
    quick: { type: "boolean" },
    sales: { type: "string" },
    only: { type: "string", multiple: true },
  } as const;
  const { quick, sales, only } = parseArgs({ options }).values;
  const wanted = only?.flatMap((one) => one.split(","));
  const stranger = wanted?.find((one) => !PARTS.some(({ name }) => name === one));
  if (stranger !== undefined)
    throw new RangeError(`--only: no part ${stranger}, there are ${names}`);
  const parts = PARTS.filter(({ name }) => wanted?.includes(name) !== false);
  const counts = quick === true ? QUICK : FULL;
  if (sales === undefined) return { counts, parts };
  const count = Number(sales);
  if (!Number.isSafeInteger(count) || count < 1 || count > 100_000) {
    throw new RangeError("--sales: a number from 1 to 100000");
  }
  return { counts: { ...counts, sales: count, soakSales: count }, parts };
}

async function main({ counts, parts }: Wanted): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const start = machineAtStart();
  const site = makeSite(folder);
  const findings: Findings[] = [];
  for (const part of parts) findings.push(await part.measure(counts, site, tell));
  const machine = machineAtEnd(start);
  report(findings, machine);
  write(findings, machine, parts.length === PARTS.length);
}

await main(readWanted());
