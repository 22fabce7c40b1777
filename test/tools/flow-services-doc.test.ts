// The page for authors of flow services: it is what the code says, it leaves nothing out, and its example works as it
// stands there, in the hands of a type checker and of the built package.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { FLOW_TYPES } from "../../firmware/payment/config/flow-types.ts";
import { DEFAULT_SETTINGS } from "../../firmware/payment/config/settings.ts";
import { FLOW_EVENTS } from "../../firmware/payment/engine/flow-events.ts";
import { STAGES } from "../../firmware/payment/model/stages.ts";
import { DATA_KEYS, REFERENCE_KEYS } from "../../firmware/payment/model/value-sets.ts";
import {
  FLAGS,
  FLOW_ERRORS,
  REJECTIONS,
  SERVICE_ERRORS,
} from "../../firmware/payment/rules/rejection.ts";
import { checkAnswer } from "../../firmware/payment/rules/rules.ts";
import { flowServicesMarkdown } from "../../tools/flow-services-doc.ts";
import { EXAMPLE_FILE, EXAMPLE_SERVICE } from "../../tools/flow-services-example.ts";
import { ASKED, CONTEXT, gbp } from "../firmware/payment/rules/rule-inputs.ts";

const ROOT = join(import.meta.dirname, "../..");
const page = readFileSync(join(ROOT, "docs/flow-services.md"), "utf8");

test("the page is what the code makes", () => {
  expect(page).toBe(flowServicesMarkdown());
});

describe("the page names every", () => {
  const rowOf = (name: string, number: number): string => `| ${number} | \`${name}\` | `;
  test.each(Object.entries({ ...REJECTIONS, ...FLAGS, ...SERVICE_ERRORS, ...FLOW_ERRORS }))(
    "code: %s",
    (name, number) => expect(page).toContain(rowOf(name, number)),
  );
  test.each([
    ["stage", STAGES],
    ["flow type", FLOW_TYPES],
    ["event", FLOW_EVENTS],
    ["data key", DATA_KEYS],
    ["reference key", REFERENCE_KEYS],
    ["setting", DEFAULT_SETTINGS],
  ])("%s", (_, names) => {
    for (const name of Object.keys(names)) expect(page).toContain(`\`${name}\``);
  });
});

describe("the example", () => {
  // In the package's own folder its name stands for itself, as it does where it is installed.
  mkdirSync(join(ROOT, "build"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, "build", "example-"));
  const file = join(folder, EXAMPLE_FILE);
  writeFileSync(file, EXAMPLE_SERVICE);
  afterAll(() => rmSync(folder, { recursive: true }));

  test("stands in the page, and is short", () => {
    expect(page).toContain(EXAMPLE_SERVICE);
    expect(EXAMPLE_SERVICE.split("\n").length).toBeLessThanOrEqual(40);
  });

  test("satisfies the types of the package", { timeout: 60_000 }, () => {
    const options = [
      "--noEmit",
      "--allowJs",
      "--checkJs",
      "--strict",
      "--skipLibCheck",
      "--ignoreConfig",
    ];
    const target = ["--target", "es2023", "--module", "nodenext", "--types", "node"];
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    const check = (): string =>
      execFileSync(process.execPath, [tsc, ...options, ...target, file], {
        cwd: folder,
        encoding: "utf8",
        stdio: "pipe",
      });
    expect(check()).toBe("");
    // A model can do only what its stage may: the checker says so before any engine does.
    writeFileSync(file, EXAMPLE_SERVICE.replace("model.discount(", "model.approveFully("));
    expect(check).toThrow();
    writeFileSync(file, EXAMPLE_SERVICE);
  });

  test("F77: takes 10 % off what a member pays, and nothing off what others pay", () => {
    const request = { ...ASKED, customer: { id: "member-7", tokens: [], details: {} } };
    const answer = answerOf(file, request);
    const { amountsPaid, modifiedBasket, references } = answer as Record<string, unknown>;
    expect(amountsPaid).toEqual(gbp(100));
    expect(modifiedBasket).toMatchObject({ id: "primary", items: [{ amountMinor: -100 }] });
    expect(references).toEqual({ transactionId: { is: "text", value: ASKED.transactionId } });
    const info = { ...CONTEXT.info, id: "member-discount", canAdjustAmounts: false };
    const checked = checkAnswer("PRE_TRANSACTION", request, answer, { ...CONTEXT, info });
    expect(checked.ok).toBe(true);
    expect(answerOf(file, ASKED)).toEqual({});
    expect(answerOf(file, { ...request, baskets: [] })).toEqual({});
  });
});

/** What the service in that file answers, run by the built package in a process of its own. */
function answerOf(file: string, input: object): unknown {
  const program = `
    const { service } = await import(${JSON.stringify(file)});
    const input = JSON.parse(process.argv[1]);
    const call = { id: "c", stage: "PRE_TRANSACTION", flowType: "sale", initiator: "sale", background: false, input };
    service.call(call, {
      acknowledged() {}, audit() {}, event() {},
      respond: (id, output) => console.log(JSON.stringify(output ?? {})),
      failed: (code, message) => { throw new Error(message); },
    });`;
  const flags = ["--input-type=module", "--eval", program, JSON.stringify(input)];
  return JSON.parse(execFileSync(process.execPath, flags, { encoding: "utf8" }));
}
