// The conform command: each operation on the published vectors, each bad line answered, the stream bounded.

import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
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

function ask(request: unknown): unknown {
  return JSON.parse(conformLine(JSON.stringify(request), crypto));
}

function taken(kind: string | undefined): unknown {
  return kind === undefined ? { ok: true } : { ok: false, kind };
}

describe("cbor.check", () => {
  test.each<{ hex: string; rfc8949?: string; sluice?: string }>([
    ...appendixA.vectors,
    ...kinds.vectors,
  ])("$hex", ({ hex, rfc8949, sluice }) => {
    expect(ask({ op: "cbor.check", hex, profile: "rfc8949" })).toEqual(taken(rfc8949));
    expect(ask({ op: "cbor.check", hex, profile: "sluice" })).toEqual(taken(sluice));
    expect(ask({ op: "cbor.check", hex })).toEqual(taken(rfc8949));
  });

  test("size is named in both profiles, at their own limits", () => {
    const hex = (length: number) =>
      `59${length.toString(16).padStart(4, "0")}${"00".repeat(length)}`;
    expect(ask({ op: "cbor.check", profile: "sluice", hex: hex(2045) })).toEqual({ ok: true });
    expect(ask({ op: "cbor.check", profile: "sluice", hex: hex(2046) })).toEqual(taken("size"));
    expect(ask({ op: "cbor.check", hex: hex(65533) })).toEqual({ ok: true });
    expect(ask({ op: "cbor.check", hex: hex(65534) })).toEqual(taken("size"));
  });
});

describe("ed25519.verify", () => {
  test.each(rfc8032.vectors)("RFC 8032 7.1 $name", ({ publicKey, message, signature }) => {
    const request = { op: "ed25519.verify", publicKey, message, signature };
    expect(ask(request)).toEqual({ ok: true });
    expect(ask({ ...request, message: `${message}00` })).toEqual(taken("signature"));
  });

  test("Wycheproof comes out right, on either implementation", () => {
    for (const implementation of [crypto, openNaclCrypto()]) {
      const wrong = wycheproof.vectors.filter(({ key, message, signature, valid }) => {
        const publicKey = wycheproof.publicKeys[key];
        const line = JSON.stringify({ op: "ed25519.verify", publicKey, message, signature });
        return JSON.parse(conformLine(line, implementation)).ok !== valid;
      });
      expect(wrong).toEqual([]);
    }
  });
});

describe("sign1.verify", () => {
  test.each(coseSign1.vectors)("$name", ({ name: _, answer, ...question }) => {
    expect(ask({ op: "sign1.verify", ...question })).toEqual(answer);
  });

  test("external data that was not signed is refused", () => {
    const { hex, publicKey } = coseSign1.vectors[0] ?? {};
    const answer = ask({ op: "sign1.verify", hex, publicKey, externalAad: "00" });
    expect(answer).toEqual(taken("signature"));
  });
});

describe("cwt.claims", () => {
  test.each(cwtClaims.vectors)("$name", ({ hex, answer }) => {
    expect(ask({ op: "cwt.claims", hex })).toEqual(answer);
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
  ])("%.60s", (line, answer) => {
    expect(JSON.parse(conformLine(line, crypto))).toEqual(answer);
  });

  test("I11: no request of any shape throws", () => {
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
    fc.assert(
      fc.property(request, (value) => {
        expect(ask(value)).toHaveProperty("ok");
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
