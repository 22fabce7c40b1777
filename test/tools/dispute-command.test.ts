// sluice dispute as a command: what it reads, what it says, and its exit codes; and that docs/disputes.md has its rules.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { toHex } from "../../firmware/bytes.ts";
import { type Output, parseCommand } from "../../tools/command.ts";
import { dispute } from "../../tools/commands/dispute.ts";
import { type DisputeLog, logText } from "../../tools/dispute-log.ts";
import { honest, logsOf, type Plan } from "../support/dispute-pair.ts";
import { story } from "../support/sale.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-dispute-"));
afterAll(() => rmSync(folder, { recursive: true }));

const PLAN: Plan = {
  units: 10,
  ratio: { numerator: 10, denominator: 1 },
  ...{ step: 1, window: 1, settled: true, ownMeter: true, unheard: 0, lag: 0 },
  sessions: [{ pulses: 45, runOn: 1, lost: [], lostLast: false }],
};
const OPERATOR = toHex(story.keys.operator.publicKey);

let files = 0;
function fileOf(content: string): string {
  files += 1;
  const path = join(folder, `log-${files}.json`);
  writeFileSync(path, content);
  return path;
}

function logFiles(change: (logs: { consumer: DisputeLog; device: DisputeLog }) => void = () => {}) {
  const logs = logsOf(PLAN, honest(PLAN));
  change(logs);
  return [fileOf(logText(logs.consumer)), fileOf(logText(logs.device))];
}

async function run(...args: string[]) {
  const facts: unknown[] = [];
  const said: string[] = [];
  const faults: unknown[] = [];
  const out: Output = {
    json: false,
    say: (line) => said.push(line),
    emit: (fact) => facts.push(fact),
    progress: () => undefined,
    fault: (fault) => faults.push(fault),
  };
  const code = await dispute.run({ ...parseCommand(dispute, args), out });
  return { code, facts, said, faults };
}

describe("sluice dispute", () => {
  test("says that nobody broke a rule, whichever log comes first, and exits with 0", async () => {
    const [consumer = "", device = ""] = logFiles();
    for (const order of [
      [consumer, device],
      [device, consumer],
    ]) {
      const { code, facts, said } = await run(...order, "--operator", OPERATOR);
      expect(code).toBe(0);
      expect(facts).toEqual([
        expect.objectContaining({ step: "judged", verdict: "kept", trusted: true }),
      ]);
      expect(said).toEqual([
        expect.stringMatching(/^order \w{16} of device .*: nobody broke a rule$/),
      ]);
    }
  });

  test("names who broke what, and exits with 1", async () => {
    const given = logFiles(({ device }) => Object.assign(device, { capturedMinor: 10_000 }));
    const { code, facts, said } = await run(...given, "--operator", OPERATOR);
    expect(code).toBe(1);
    expect(facts).toMatchObject([
      { step: "finding", rule: "D9", is: "broken", party: "device" },
      { step: "finding", rule: "D9", is: "broken", party: "device" },
      { step: "judged", verdict: "broken" },
    ]);
    expect(said[0]).toMatch(/^D9 broken by the device: /);
  });

  test("says what cannot be decided and who could, and exits with 0", async () => {
    const given = logFiles(({ consumer }) => Object.assign(consumer, { capturedMinor: 10_000 }));
    const { code, facts, said } = await run(...given, "--operator", OPERATOR);
    expect(code).toBe(0);
    expect(facts.at(-1)).toMatchObject({ verdict: "undecided" });
    expect(said[0]).toMatch(/^D9 cannot be decided: .*payment host's own statement/);
  });

  test("warns where no operator was given, and believes no other one", async () => {
    const given = logFiles();
    const { code, said } = await run(...given);
    expect(code).toBe(0);
    expect(said.at(-1)).toMatch(/WARNING/);
    const other = await run(...given, "--operator", "11".repeat(32));
    expect(other.code).toBe(1);
    expect(other.said[0]).toMatch(/^D1 broken by the consumer: its certificate/);
  });

  test.each<[string, (good: string[]) => string[]]>([
    ["one log", ([one = ""]) => [one]],
    ["the same log twice", ([one = ""]) => [one, one]],
    ["no file", ([one = ""]) => [one, join(folder, "none.json")]],
    ["a file of something else", ([one = ""]) => [one, fileOf("[]")]],
  ])("is called wrongly with %s: exit code 2", async (_, args) => {
    const { code, faults, facts } = await run(...args(logFiles()));
    expect(code).toBe(2);
    expect(faults).toMatchObject([{ kind: "usage" }]);
    expect(facts).toEqual([]);
  });
});

test("every rule stands in docs/disputes.md, and no other", () => {
  const text = readFileSync(new URL("../../docs/disputes.md", import.meta.url), "utf8");
  const rows = [...text.matchAll(/^\| (D\d+) \| /gm)].map(([, rule]) => rule);
  expect(rows).toEqual(["D1", "D2", "D3", "D4", "D5", "D6", "D7", "D8", "D9", "D10"]);
});
