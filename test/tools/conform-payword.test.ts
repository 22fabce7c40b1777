// The operations payword.verify and payword.claim of the conform command: the published vectors, what is no request, and the
// examples of docs/conform.md, answered as they stand there.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openNaclCrypto } from "../../hal/drivers/nacl-crypto.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { conformLine } from "../../tools/conform.ts";
import claims from "../vectors/payword-claims.json" with { type: "json" };
import commitments from "../vectors/payword-commitments.json" with { type: "json" };
import proofs from "../vectors/payword-proofs.json" with { type: "json" };

const crypto = openNodeCrypto();
const DOC = readFileSync(join(import.meta.dirname, "..", "..", "docs", "conform.md"), "utf8");

async function ask(request: unknown, by = crypto): Promise<unknown> {
  return JSON.parse(await conformLine(JSON.stringify(request), by));
}

describe("payword.verify", () => {
  test.each(proofs.vectors)("$name", async ({ request, answer }) => {
    const asked = { op: "payword.verify", ...request };
    expect(await ask(asked)).toEqual(answer);
    expect(await ask(asked, openNaclCrypto())).toEqual(answer);
  });

  test.each(commitments.refused)("a commitment $name", async ({ signed, kind, field }) => {
    const proof = { units: 1, link: "00".repeat(16) };
    const asked = { op: "payword.verify", commitment: signed, proof };
    expect(await ask(asked)).toMatchObject({ ok: false, kind, ...(field && { field }) });
  });

  const [first] = proofs.vectors as [(typeof proofs.vectors)[0]];
  test.each<[string, object]>([
    ["commitment", { commitment: 5 }],
    ["commitment", { commitment: "0" }],
    ["proof", { proof: 5 }],
    ["proof", { proof: null }],
    ["proof.units", { proof: { link: "" } }],
    ["proof.units", { proof: { units: 1.5, link: "" } }],
    ["proof.units", { proof: { units: -1, link: "" } }],
    ["proof.link", { proof: { units: 1 } }],
    ["proof.link", { proof: { units: 1, link: "xx" } }],
    ["from.units", { from: {} }],
    ["from", { from: "root" }],
    ["step", { step: "1" }],
    ["window", { window: -1 }],
  ])("without a %s it is no request: %j", async (field, change) => {
    const asked = { op: "payword.verify", ...first.request, ...change };
    expect(await ask(asked)).toEqual({ ok: false, kind: "bad-input", field });
  });
});

describe("payword.claim", () => {
  test.each(claims.vectors)("$name", async ({ hex, answer }) => {
    expect(await ask({ op: "payword.claim", hex })).toEqual(answer);
  });

  test("without bytes it is no request", async () => {
    const answer = { ok: false, kind: "bad-input", field: "hex" };
    expect(await ask({ op: "payword.claim" })).toEqual(answer);
    expect(await ask({ op: "payword.claim", hex: "0x" })).toEqual(answer);
  });
});

test("I11: no request of any shape throws", async () => {
  const [{ request }] = proofs.vectors as [(typeof proofs.vectors)[0]];
  const hex = fc.uint8Array({ maxLength: 40 }).map((value) => Buffer.from(value).toString("hex"));
  const field = fc.oneof(hex, fc.jsonValue(), fc.constantFrom(request.commitment));
  const link = fc.oneof(fc.record({ units: fc.oneof(fc.nat(), fc.double()), link: hex }), field);
  const asked = fc.record({
    op: fc.constantFrom("payword.verify", "payword.claim"),
    ...{ hex: field, commitment: field, proof: link, from: link, step: field, window: field },
  });
  await fc.assert(
    fc.asyncProperty(asked, async (value) => {
      expect(await ask(value)).toHaveProperty("ok");
    }),
    { numRuns: 500 },
  );
});

test("the examples of the document are answered as they stand there", async () => {
  const examples = [
    ...DOC.matchAll(/^\$ echo '(\{"op":"payword[^']*)' \| npx sluice conform\n(.*)$/gm),
  ];
  expect(examples.length).toBeGreaterThanOrEqual(2);
  for (const [, line = "", answer = ""] of examples) {
    expect(await conformLine(line, crypto)).toBe(answer);
  }
});
