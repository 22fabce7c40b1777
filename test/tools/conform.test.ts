// The conform command: each operation on the published vectors, each bad line answered, the stream bounded.

import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FRAME_BYTES_MAX } from "../../firmware/protocol/messages.ts";
import { openNaclCrypto } from "../../hal/drivers/nacl-crypto.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { CONFORM_LINE_MAX, conformLine, runConform } from "../../tools/conform.ts";
import kinds from "../vectors/cbor-kinds.json" with { type: "json" };
import coseSign1 from "../vectors/cose-sign1.json" with { type: "json" };
import cwtClaims from "../vectors/cwt-claims.json" with { type: "json" };
import rfc8032 from "../vectors/rfc8032.json" with { type: "json" };
import appendixA from "../vectors/rfc8949-appendix-a.json" with { type: "json" };
import wycheproof from "../vectors/wycheproof-ed25519.json" with { type: "json" };

const crypto = openNodeCrypto();

async function ask(request: unknown): Promise<unknown> {
  return JSON.parse(await conformLine(JSON.stringify(request), crypto));
}

function taken(kind: string | undefined): unknown {
  return kind === undefined ? { ok: true } : { ok: false, kind };
}

describe("cbor.check", () => {
  test.each<{ hex: string; rfc8949?: string; sluice?: string }>([
    ...appendixA.vectors,
    ...kinds.vectors,
  ])("$hex", async ({ hex, rfc8949, sluice }) => {
    expect(await ask({ op: "cbor.check", hex, profile: "rfc8949" })).toEqual(taken(rfc8949));
    expect(await ask({ op: "cbor.check", hex, profile: "sluice" })).toEqual(taken(sluice));
    expect(await ask({ op: "cbor.check", hex })).toEqual(taken(rfc8949));
  });

  test("size is named in both profiles, at their own limits", async () => {
    const hex = (length: number) =>
      `59${length.toString(16).padStart(4, "0")}${"00".repeat(length)}`;
    expect(
      await ask({ op: "cbor.check", profile: "sluice", hex: hex(FRAME_BYTES_MAX - 3) }),
    ).toEqual({
      ok: true,
    });
    expect(
      await ask({ op: "cbor.check", profile: "sluice", hex: hex(FRAME_BYTES_MAX - 2) }),
    ).toEqual(taken("size"));
    expect(await ask({ op: "cbor.check", hex: hex(65533) })).toEqual({ ok: true });
    expect(await ask({ op: "cbor.check", hex: hex(65534) })).toEqual(taken("size"));
  });
});

describe("ed25519.verify", () => {
  test.each(rfc8032.vectors)("RFC 8032 7.1 $name", async ({ publicKey, message, signature }) => {
    const request = { op: "ed25519.verify", publicKey, message, signature };
    expect(await ask(request)).toEqual({ ok: true });
    expect(await ask({ ...request, message: `${message}00` })).toEqual(taken("signature"));
  });

  test("Wycheproof comes out right, on either implementation", async () => {
    for (const implementation of [crypto, openNaclCrypto()]) {
      const wrong = [];
      for (const { key, message, signature, valid } of wycheproof.vectors) {
        const publicKey = wycheproof.publicKeys[key];
        const line = JSON.stringify({ op: "ed25519.verify", publicKey, message, signature });
        const { ok } = JSON.parse(await conformLine(line, implementation));
        if (ok !== valid) wrong.push({ key, message, signature });
      }
      expect(wrong).toEqual([]);
    }
  });
});

describe("sign1.verify", () => {
  test.each(coseSign1.vectors)("$name", async ({ name: _, answer, ...question }) => {
    expect(await ask({ op: "sign1.verify", ...question })).toEqual(answer);
  });

  test("external data that was not signed is refused", async () => {
    const { hex, publicKey } = coseSign1.vectors[0] ?? {};
    const answer = await ask({ op: "sign1.verify", hex, publicKey, externalAad: "00" });
    expect(answer).toEqual(taken("signature"));
  });
});

describe("cwt.claims", () => {
  test.each(cwtClaims.vectors)("$name", async ({ hex, answer }) => {
    expect(await ask({ op: "cwt.claims", hex })).toEqual(answer);
  });
});

describe("amounts", () => {
  type Plain = { base: number; currency: string; additional: Record<string, number> };
  const pounds = (base: number, additional: Record<string, number> = {}): Plain => {
    return { base, currency: "GBP", additional };
  };
  const amountsOf = (call: string, ...args: readonly unknown[]): Promise<unknown> =>
    ask({ op: "amounts", call, args });

  test.each<[string, readonly unknown[], Plain | number]>([
    [
      "add",
      [pounds(1000, { a: 150, b: 300 }), pounds(350, { a: 250, c: 120 })],
      pounds(1350, { a: 400, b: 300, c: 120 }),
    ],
    ["add", [{ base: 1, currency: "GBP" }, pounds(2)], pounds(3)],
    [
      "subtract",
      [pounds(1000, { a: 450, b: 300 }), pounds(350, { a: 250, c: 120 }), true],
      pounds(650, { a: 200, b: 300 }),
    ],
    ["subtract", [pounds(1000, { a: 450 }), pounds(500, { a: 450 })], pounds(500)],
    ["subtract", [pounds(1000, { a: 450 }), pounds(500, { a: 450 }), true], pounds(500, { a: 0 })],
    ["fraction", [pounds(100_000_001), "tip", "0.15"], pounds(100_000_001, { tip: 15_000_000 })],
    ["fraction", [pounds(16_777_217), "tip", 1.0], pounds(16_777_217, { tip: 16_777_217 })],
    ["fraction", [pounds(100), "tip", 0.29], pounds(100, { tip: 29 })],
    ["fraction", [pounds(999, { tip: 5 }), "tip", "1e-1"], pounds(999, { tip: 99 })],
    [
      "fraction",
      [pounds(9_007_199_254_740_991), "tip", 0],
      pounds(9_007_199_254_740_991, { tip: 0 }),
    ],
    ["total", [pounds(1000, { a: 1500, b: 2000 })], 4500],
    ["totalExcluding", [pounds(1000, { a: 1500, b: 2000, c: 3000 }), ["a", "b"]], 4000],
    ["totalExcluding", [pounds(1000, { a: 1500, b: 2000, c: 3000 }), "a", "b"], 4000],
    ["totalExcluding", [pounds(1000, { a: 1500 })], 2500],
    [
      "convert",
      [pounds(100, { cashback: 25 }), "USD", 0.5],
      { ...pounds(50, { cashback: 12 }), currency: "USD" },
    ],
    ["convert", [pounds(3), "JPY", "0.333333333333333333333"], { ...pounds(0), currency: "JPY" }],
    [
      "partialAuthorisation",
      [pounds(1000, { tip: 200, charity: 100 }), 1150],
      pounds(1000, { tip: 100, charity: 50 }),
    ],
    ["partialAuthorisation", [pounds(1000, { tip: 200 }), 900], pounds(900, { tip: 0 })],
  ])("%s %j", async (call, args, result) => {
    expect(await amountsOf(call, ...args)).toEqual({ ok: true, result });
  });

  test.each<[string, readonly unknown[], string, string]>([
    ["add", [pounds(1), { ...pounds(1), currency: "USD" }], "out-of-range", "currency"],
    ["add", [pounds(2 ** 53 - 1), pounds(1)], "out-of-range", "base"],
    ["add", [pounds(-1), pounds(1)], "out-of-range", "args.0.base"],
    ["add", [pounds(1), pounds(1, { a: 0.5 })], "out-of-range", "args.1.additional.a"],
    ["add", [pounds(1), pounds(1, { "": 1 })], "malformed", "args.1.additional."],
    ["total", [{ ...pounds(0), currency: "" }], "malformed", "args.0.currency"],
    ["total", [{ ...pounds(1), currency: "XXX" }], "out-of-range", "args.0.currency"],
    ["fraction", [pounds(1), "tip", "1.5"], "out-of-range", "fraction"],
    ["fraction", [pounds(1), "tip", -0.5], "out-of-range", "fraction"],
    ["fraction", [pounds(1), "", 0.5], "malformed", "additional."],
    ["convert", [pounds(1), "USD", 0], "out-of-range", "rate"],
    ["convert", [pounds(1), "USD", "-1"], "out-of-range", "rate"],
    ["convert", [pounds(1), "usd", 1], "malformed", "currency"],
    ["partialAuthorisation", [pounds(5), 6], "out-of-range", "authorised"],
    ["constructor", [], "bad-input", "call"],
    ["add", [pounds(1)], "bad-input", "args.1"],
    ["add", [pounds(1), []], "bad-input", "args.1"],
    ["total", [{ currency: "GBP" }], "bad-input", "args.0.base"],
    ["total", [{ base: "1", currency: "GBP" }], "bad-input", "args.0.base"],
    ["total", [{ base: 1 }], "bad-input", "args.0.currency"],
    ["total", [{ base: 1, currency: "GBP", additional: [] }], "bad-input", "args.0.additional"],
    ["total", [pounds(1, { a: "1" as unknown as number })], "bad-input", "args.0.additional.a"],
    ["totalExcluding", [pounds(1), 5], "bad-input", "args.1"],
    ["subtract", [pounds(1), pounds(1), 1], "bad-input", "args.2"],
    ["fraction", [pounds(1), 5, 0.5], "bad-input", "args.1"],
    ["fraction", [pounds(1), "tip", "half"], "bad-input", "args.2"],
    ["fraction", [pounds(1), "tip", null], "bad-input", "args.2"],
    ["convert", [pounds(1), "USD", "1e9999"], "bad-input", "args.2"],
    ["partialAuthorisation", [pounds(5), "5"], "bad-input", "args.1"],
  ])("%s %j is %s at %s", async (call, args, kind, field) => {
    expect(await amountsOf(call, ...args)).toEqual({ ok: false, kind, field });
  });

  test("I11: a call without a list of arguments, and names that objects keep for themselves", async () => {
    expect(await ask({ op: "amounts", call: "total" })).toEqual({
      ok: false,
      kind: "bad-input",
      field: "args",
    });
    const hostile =
      '{"op":"amounts","call":"total","args":[{"base":1,"currency":"GBP","additional":{"__proto__":5}}]}';
    expect(JSON.parse(await conformLine(hostile, crypto))).toEqual({
      ok: false,
      kind: "malformed",
      field: "args.0.additional.__proto__",
    });
    expect(
      await amountsOf("total", pounds(1, { constructor: 5 } as Record<string, number>)),
    ).toEqual({
      ok: true,
      result: 6,
    });
  });

  test("I11: no arguments of any shape throw", async () => {
    const call = fc.constantFrom(
      "add",
      "subtract",
      "fraction",
      "total",
      "totalExcluding",
      "convert",
      "partialAuthorisation",
    );
    const some = fc.record({
      base: fc.oneof(fc.nat(), fc.double()),
      currency: fc.constantFrom("GBP", "XXX", ""),
      additional: fc.dictionary(fc.string({ maxLength: 3 }), fc.oneof(fc.nat(), fc.double())),
    });
    const arg = fc.oneof(some, some, fc.double(), fc.string({ maxLength: 4 }), fc.jsonValue());
    await fc.assert(
      fc.asyncProperty(call, fc.array(arg, { maxLength: 4 }), async (name, args) => {
        expect(await amountsOf(name, ...args)).toHaveProperty("ok");
      }),
      { numRuns: 500 },
    );
  });
});

describe("bad lines", () => {
  test.each([
    ["", { ok: false, kind: "bad-json" }],
    ["{", { ok: false, kind: "bad-json" }],
    ["[]", { ok: false, kind: "bad-json" }],
    ["null", { ok: false, kind: "bad-json" }],
    ["[".repeat(100_000), { ok: false, kind: "bad-json" }],
    ["{}", { ok: false, kind: "unsupported-op" }],
    ['{"op":"constructor"}', { ok: false, kind: "unsupported-op" }],
    ['{"op":7}', { ok: false, kind: "unsupported-op" }],
    ['{"op":"cbor.check"}', { ok: false, kind: "bad-input", field: "hex" }],
    ['{"op":"cbor.check","hex":"0"}', { ok: false, kind: "bad-input", field: "hex" }],
    ['{"op":"cbor.check","hex":"zz"}', { ok: false, kind: "bad-input", field: "hex" }],
    ['{"op":"cbor.check","hex":7}', { ok: false, kind: "bad-input", field: "hex" }],
    [
      '{"op":"cbor.check","hex":"00","profile":"x"}',
      { ok: false, kind: "bad-input", field: "profile" },
    ],
    [
      '{"op":"ed25519.verify","publicKey":"00","message":""}',
      { ok: false, kind: "bad-input", field: "signature" },
    ],
    [
      '{"op":"sign1.verify","hex":"80","publicKey":"00","externalAad":1}',
      { ok: false, kind: "bad-input", field: "externalAad" },
    ],
    [" ".repeat(CONFORM_LINE_MAX + 1), { ok: false, kind: "line-too-long" }],
  ])("%.60s", async (line, answer) => {
    expect(JSON.parse(await conformLine(line, crypto))).toEqual(answer);
  });

  test("I11: no request of any shape throws", async () => {
    const op = fc.constantFrom("cbor.check", "ed25519.verify", "sign1.verify", "cwt.claims", "x");
    const hex = fc.uint8Array({ maxLength: 40 }).map((value) => Buffer.from(value).toString("hex"));
    const field = fc.oneof({ weight: 4, arbitrary: hex }, fc.jsonValue());
    const request = fc.record({
      op,
      hex: field,
      publicKey: field,
      message: field,
      signature: field,
    });
    await fc.assert(
      fc.asyncProperty(request, async (value) => {
        expect(await ask(value)).toHaveProperty("ok");
      }),
      { numRuns: 500 },
    );
  });
});

describe("the stream", () => {
  async function run(chunks: readonly string[]): Promise<unknown[]> {
    const output = new PassThrough();
    const all = text(output);
    await runConform(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), output, crypto);
    output.end();
    return (await all)
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  }

  test("lines are answered in order, however they are split, the last one without its end too", async () => {
    const answers = await run([
      '{"op":"cbor.check","hex":"00"}\r\n\n{"op":"cbor.check",',
      '"hex":"18"}\nnonsense\n{"op":"x"}\n',
      '{"op":"cbor.check","hex":"0000"}',
    ]);
    expect(answers).toEqual([
      { ok: true },
      taken("truncated"),
      taken("bad-json"),
      taken("unsupported-op"),
      taken("trailing"),
    ]);
  });

  test("a line that is too long is answered once, and the next one as ever", async () => {
    const piece = "a".repeat(100_000);
    const answers = await run([...new Array(50).fill(piece), '\n{"op":"cbor.check","hex":"00"}\n']);
    expect(answers).toEqual([taken("line-too-long"), { ok: true }]);
  });

  test("a reader that lags is waited for", async () => {
    const lines = new Array(5000).fill('{"op":"cbor.check","hex":"00"}\n').join("");
    expect(await run([lines])).toHaveLength(5000);
  });
});
