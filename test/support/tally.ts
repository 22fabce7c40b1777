// Vitest reporter: after a run, one line for each skipped test with its reason, then the count of all, alone on its line:
// `make ci` adds those up. A skipped test that says nothing of why is still named, so that none can vanish.

import type { Reporter, TestCase, TestModule } from "vitest/node";

function skipLine(test: TestCase): string {
  const result = test.result();
  const reason = result.state === "skipped" ? result.note : undefined;
  return `skipped: ${test.module.relativeModuleId} > ${test.fullName} (${reason ?? "no reason given"})`;
}

export class Tally implements Reporter {
  readonly #startedMs = performance.now();

  onTestRunEnd(modules: readonly TestModule[]): void {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    const skips: string[] = [];
    const unloaded = modules.filter((module) => module.errors().length > 0).length;
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        count[test.result().state] += 1;
        if (test.result().state === "skipped") skips.push(skipLine(test));
      }
    }
    for (const line of skips.sort()) console.log(line);
    const seconds = ((performance.now() - this.#startedMs) / 1000).toFixed(1);
    const unfinished =
      (count.pending > 0 ? `, ${count.pending} unfinished` : "") +
      (unloaded > 0 ? `, ${unloaded} files did not load` : "");
    console.log(`${modules.length} files in ${seconds} s${unfinished}`);
    console.log(`tests: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  }
}
