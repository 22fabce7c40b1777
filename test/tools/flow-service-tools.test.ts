// `sluice enrol`, and what `sluice serve` reads: which service a module exports, what it is granted, and when a folder
// is refused.

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Fault } from "../../firmware/result.ts";
import { verifyFlowGrant } from "../../firmware/token/flow-grant.ts";
import { writeKeyFile } from "../../hal/linux/key-file.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { openSystemEntropy } from "../../hal/linux/system-entropy.ts";
import type { Output } from "../../tools/command.ts";
import { enrol } from "../../tools/commands/enrol.ts";
import { serve } from "../../tools/commands/serve.ts";
import { readEnrolled } from "../../tools/flow-service-folder.ts";
import { loadFlowService } from "../../tools/flow-service-module.ts";

const SDK = new URL("../../firmware/payment/sdk/define-service.ts", import.meta.url).href;
const crypto = openNodeCrypto();
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-enrol-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const path = (name: string): string => join(folder, name);

function module(name: string, exports: string): string {
  const define = `import { definePaymentFlowService as define } from ${JSON.stringify(SDK)};
const pays = { canPayAmounts: true, paymentMethods: ["giftCard"] };
const make = (id, more) => define({
  info: { id, vendor: "Test", displayName: id, ...more },
  stages: { PRE_TRANSACTION() {}, GENERIC(model) { model.succeed(); } },
});\n`;
  writeFileSync(path(name), `${define}${exports}\n`);
  return path(name);
}

function operator(name = "operator.pem"): string {
  writeKeyFile(path(name), "ed25519", openSystemEntropy().bytes(32));
  return path(name);
}

async function run(command: typeof enrol, positionals: string[], values: Record<string, unknown>) {
  const facts: Record<string, unknown>[] = [];
  const said: string[] = [];
  const faults: Fault[] = [];
  const out: Output = {
    json: false,
    say: (line) => said.push(line),
    emit: (fact) => facts.push(fact),
    progress: () => undefined,
    fault: (fault) => faults.push(fault),
  };
  const code = await command.run({ values: values as never, positionals, out });
  return { code, facts, said, faults };
}

test("a service is granted what it says it needs, and no card data unless that is asked for", async () => {
  const file = module("gift.mjs", `export const service = make("gift", pays);`);
  const values = { "operator-key": operator(), out: path("gift") };
  const { code, facts, said } = await run(enrol, [file], values);
  expect(code).toBe(0);
  expect(facts).toMatchObject([
    {
      ...{ type: "enrolled", id: "gift", role: "value-added", pay: true, adjust: false },
      ...{ stages: ["PRE_TRANSACTION", "GENERIC"], methods: ["giftCard"], card: false },
    },
  ]);
  expect(said.at(-1)).toContain("sluice attach");
  expect(statSync(path("gift/box.pem")).mode & 0o777).toBe(0o600);
  const first = readEnrolled(path("gift"), crypto);
  if (!first.ok) throw new Error(first.fault.message);
  const signed = new Uint8Array(readFileSync(path("gift/grant.cbor")));
  expect(verifyFlowGrant(signed, first.value.operatorKey, crypto).ok).toBe(true);

  const more = { ...values, card: true, stages: "GENERIC", device: "AAAAAAAAAAA", days: "1" };
  const again = await run(enrol, [file], { ...more, adjust: true });
  expect(again.facts).toMatchObject([
    { stages: ["GENERIC"], card: true, adjust: true, device: "AAAAAAAAAAA" },
  ]);
  const second = readEnrolled(path("gift"), crypto);
  if (!second.ok) throw new Error(second.fault.message);
  expect(second.value.boxSecret).toEqual(first.value.boxSecret);
  expect(second.value.grant.serial).toBeGreaterThan(first.value.grant.serial);
  expect(second.value.grant.expiresS).toBeLessThan(first.value.grant.expiresS);
});

test("what cannot be meant is refused, and nothing is written", async () => {
  const key = operator();
  const gift = module("gift.mjs", `export const service = make("gift", {});`);
  const none = module("none.mjs", "export const nothing = 1;");
  const two = module("two.mjs", `export const a = make("a", {}), b = make("b", {});`);
  const bad = module("bad.mjs", `export const service = make("bad", { vendor: "" });`);
  const broken = module("broken.mjs", "throw new Error('no');");
  const out = path("out");
  for (const [positionals, more, kind, at] of [
    [[], {}, "usage", "MODULE"],
    [[path("missing.mjs")], {}, "not-found", "MODULE"],
    [[none], {}, "usage", "MODULE"],
    [[two], {}, "usage", "MODULE"],
    [[broken], {}, "environment", "MODULE"],
    [[bad], {}, "malformed", undefined],
    [[gift], { device: "x" }, "usage", "--device"],
    [[gift], { stages: "GENERIK" }, "usage", "--stages"],
    [[gift], { days: "0" }, "usage", "--days"],
    [[gift], { "operator-key": path("none.pem") }, "bad-key-file", undefined],
  ] as const) {
    const values = { "operator-key": key, out, ...more };
    const { code, faults } = await run(enrol, [...positionals], values);
    expect([positionals, code, faults]).toMatchObject([
      positionals,
      kind === "usage" ? 2 : 1,
      [{ kind, ...(at === undefined ? {} : { at }) }],
    ]);
  }
  expect(statSync(out, { throwIfNoEntry: false })).toBeUndefined();
});

test("a folder stays with its service and its operator", async () => {
  const values = { "operator-key": operator(), out: path("gift") };
  const gift = module("gift.mjs", `export const service = make("gift", {});`);
  const other = module("other.mjs", `export const service = make("other", {});`);
  expect((await run(enrol, [gift], values)).code).toBe(0);
  expect((await run(enrol, [other], values)).faults).toMatchObject([{ kind: "exists" }]);
  const stranger = { ...values, "operator-key": operator("stranger.pem") };
  expect((await run(enrol, [gift], stranger)).faults).toMatchObject([{ kind: "key-changed" }]);

  const broker = "mqtt://127.0.0.1:9";
  const served = await run(serve, [other], { keys: path("gift"), broker });
  expect(served.faults).toMatchObject([{ kind: "key-changed", at: "--keys" }]);
  rmSync(path("gift/box.pem"));
  writeKeyFile(path("gift/box.pem"), "x25519", openSystemEntropy().bytes(32));
  const swapped = await run(serve, [gift], { keys: path("gift"), broker });
  expect(swapped.faults).toMatchObject([{ kind: "key-changed" }]);
});

test("the only flow service of a module needs no name", async () => {
  const loaded = await loadFlowService(module("one.mjs", `export const mine = make("one", {});`));
  expect(loaded.ok && loaded.value.id).toBe("one");
});
