// Vitest reporter: after a run, one line for each skipped test with its reason, for each that passed only when tried again,
// and for each that failed, so that the end of a log says it all; then the count, alone on its line: `make ci` adds those up.
// A skipped test that says nothing of why is still named, so that none can vanish.

import type { Reporter, TestCase, TestModule } from "vitest/node";

function closingLine(test: TestCase): string | undefined {
  const result = test.result();
  const name = `${test.module.relativeModuleId} > ${test.fullName}`;
  const why = result.errors?.[0]?.message.split("\n", 1)[0]?.slice(0, 200) ?? "no reason given";
  if (result.state === "skipped") return `skipped: ${name} (${result.note ?? "no reason given"})`;
  if (result.state === "failed") return `failed: ${name} (${why})`;
  return test.diagnostic()?.flaky ? `passed when tried again: ${name} (${why})` : undefined;
}

export class Tally implements Reporter {
  readonly #startedMs = performance.now();

  onTestRunEnd(modules: readonly TestModule[]): void {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    const lines: string[] = [];
    const unloaded = modules.filter((module) => module.errors().length > 0).length;
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        count[test.result().state] += 1;
        const line = closingLine(test);
        if (line !== undefined) lines.push(line);
      }
    }
    for (const line of lines.sort().reverse()) console.log(line);
    const seconds = ((performance.now() - this.#startedMs) / 1000).toFixed(1);
    const unfinished =
      (count.pending > 0 ? `, ${count.pending} unfinished` : "") +
      (unloaded > 0 ? `, ${unloaded} files did not load` : "");
    console.log(`${modules.length} files in ${seconds} s${unfinished}`);
    console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  }
}
