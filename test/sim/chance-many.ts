// Tens of thousands of flows by chance, some of them twice: how many there were, how they ended, and what was wrong.

import { type ChanceRun, runSeeds } from "./chance-flow.ts";

const SEEDS = 40_000;
const AT_ONCE = 1_000;
/** One seed of so many is run again, and must write the same log. */
const AGAIN = 10;
/** Told of; one is enough to look for the rest. */
const WRONG_MAX = 10;

export interface ManyFlows {
  flows: number;
  wrong: readonly string[];
  /** One line for people. */
  told: string;
}

export async function manyFlows(
  half: 0 | 1,
  count = Number(process.env["N"] ?? SEEDS),
): Promise<ManyFlows> {
  const wrong: string[] = [];
  const ends = new Map<string, number>();
  const codes = new Set<number>();
  let flows = 0;
  const startedMs = performance.now();
  for (let from = 0; from < count; from += AT_ONCE) {
    const seeds = Array.from({ length: AT_ONCE }, (_, index) => 2 * (from + index) + half);
    const runs = await runSeeds(seeds);
    const again = await runSeeds(seeds.filter((_, index) => index % AGAIN === 0));
    for (const run of runs) {
      flows += run.flows.length;
      for (const end of endsOf(run)) ends.set(end, (ends.get(end) ?? 0) + 1);
      for (const audit of run.audits.values()) {
        for (const { code } of audit) if (code !== undefined) codes.add(code);
      }
      wrong.push(...run.wrong.map((text) => say(run, text)));
    }
    for (const [index, second] of again.entries()) {
      const first = runs[index * AGAIN];
      flows += second.flows.length;
      if (first && bytesOf(first) !== bytesOf(second)) wrong.push(say(second, "I15: another log"));
    }
    if (wrong.length > WRONG_MAX) break;
  }
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  const told = [...ends].sort().map(([end, number]) => `${end} ${number}`);
  return {
    flows,
    wrong: wrong.slice(0, WRONG_MAX),
    told: `flows by chance: ${flows} in ${seconds} s (${told.join(", ")}), codes met: ${codes.size}`,
  };
}

function endsOf({ flows }: ChanceRun): readonly string[] {
  return flows.map(({ response, answer, refused }) => {
    if (refused !== undefined) return "not started";
    if (answer !== undefined) return answer.success ? "answered" : "unanswered";
    return response?.outcome ?? "never ended";
  });
}

function bytesOf({ audits }: ChanceRun): string {
  return JSON.stringify([...audits]);
}

function say({ seed }: ChanceRun, text: string): string {
  return `${text} (node build/test/sim/chance-flow.js ${seed})`;
}
