// `sluice conform`: anybody's test vectors through our core. One JSON object per line in, one per line out,
// in order; a bad line is answered like any other. The shapes are described in docs/conform.md.

import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fromHex, toHex } from "../firmware/bytes.ts";
import { checkCbor, RFC8949_BYTES_MAX } from "../firmware/protocol/cbor-check.ts";
import { FRAME_BYTES_MAX } from "../firmware/protocol/messages.ts";
import { readForeignClaims } from "../firmware/token/foreign-claims.ts";
import { verifyForeignSign1 } from "../firmware/token/foreign-sign1.ts";
import type { Crypto } from "../hal/crypto.ts";
import { amountsOperation } from "./conform-amounts.ts";
import { type Answer, BadField } from "./conform-answer.ts";
import { type FlowRunRequest, flowOperation } from "./conform-flow.ts";
import { type PaywordRequest, paywordClaim, paywordVerify } from "./conform-payword.ts";

/** Enough for the largest item that any operation takes, in hexadecimal, with room for the rest. */
export const CONFORM_LINE_MAX = 512 * 1024;

/** The answer to one line, without a line feed. Never rejects. */
export async function conformLine(line: string, crypto: Crypto): Promise<string> {
  return JSON.stringify(await answer(line, crypto));
}

/**
 * Answers every line until the input ends; empty lines are passed over. Resolves when all was handed to the
 * output, which stays open; rejects when either stream fails.
 */
export async function runConform(input: Readable, output: Writable, crypto: Crypto): Promise<void> {
  input.setEncoding("utf8");
  await pipeline(input, (chunks) => answers(chunks, crypto), output, { end: false });
}

async function* answers(chunks: AsyncIterable<string>, crypto: Crypto): AsyncGenerator<string> {
  for await (const line of boundedLines(chunks)) {
    if (line === "") continue;
    const answer = line === undefined ? JSON.stringify(LINE_TOO_LONG) : conformLine(line, crypto);
    yield `${await answer}\n`;
  }
}

/** As parsed: nothing of it has been checked. */
interface Request extends FlowRunRequest, PaywordRequest {
  readonly op?: unknown;
  readonly hex?: unknown;
  readonly profile?: unknown;
  readonly publicKey?: unknown;
  readonly message?: unknown;
  readonly signature?: unknown;
  readonly externalAad?: unknown;
  readonly call?: unknown;
  readonly args?: unknown;
}

type Operation = (request: Request, crypto: Crypto) => Answer | Promise<Answer>;

const LINE_TOO_LONG: Answer = { ok: false, kind: "line-too-long" };

const OPERATIONS = new Map<unknown, Operation>([
  ["cbor.check", checkOperation],
  ["ed25519.verify", ed25519Operation],
  ["sign1.verify", sign1Operation],
  ["cwt.claims", claimsOperation],
  ["amounts", amountsOperation],
  ["flow.run", flowOperation],
  ["payword.verify", paywordVerify],
  ["payword.claim", paywordClaim],
]);

async function answer(line: string, crypto: Crypto): Promise<Answer> {
  if (line.length > CONFORM_LINE_MAX) return LINE_TOO_LONG;
  const request = parse(line);
  if (request === undefined) return { ok: false, kind: "bad-json" };
  const operation = OPERATIONS.get(request.op);
  if (operation === undefined) return { ok: false, kind: "unsupported-op" };
  try {
    return await operation(request, crypto);
  } catch (error) {
    if (error instanceof BadField) return { ok: false, kind: "bad-input", field: error.field };
    throw error;
  }
}

function parse(line: string): Request | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Request) : undefined;
  } catch {
    return undefined;
  }
}

function hexField(request: Request, field: keyof Request): Uint8Array {
  const value = request[field];
  const bytes = typeof value === "string" ? fromHex(value) : undefined;
  if (bytes === undefined) throw new BadField(field);
  return bytes;
}

function checkOperation(request: Request): Answer {
  const bytes = hexField(request, "hex");
  const profile = request.profile ?? "rfc8949";
  if (profile !== "rfc8949" && profile !== "sluice") throw new BadField("profile");
  const bytesMax = profile === "sluice" ? FRAME_BYTES_MAX : RFC8949_BYTES_MAX;
  const kind = checkCbor(bytes, { profile, bytesMax });
  return kind === undefined ? { ok: true } : { ok: false, kind };
}

function ed25519Operation(request: Request, crypto: Crypto): Answer {
  const publicKey = hexField(request, "publicKey");
  const message = hexField(request, "message");
  const signature = hexField(request, "signature");
  const isGood = crypto.verify(publicKey, message, signature);
  return isGood ? { ok: true } : { ok: false, kind: "signature" };
}

function sign1Operation(request: Request, crypto: Crypto): Answer {
  const externalAad =
    request.externalAad === undefined ? new Uint8Array() : hexField(request, "externalAad");
  const sign1 = hexField(request, "hex");
  const publicKey = hexField(request, "publicKey");
  if (sign1.length > RFC8949_BYTES_MAX) return { ok: false, kind: "size" };
  const verified = verifyForeignSign1(crypto, { sign1, publicKey, externalAad });
  if (!verified.ok) return verified;
  const payload = toHex(verified.payload);
  return { ok: true, payload, ...(verified.keyId && { kid: toHex(verified.keyId) }) };
}

function claimsOperation(request: Request): Answer {
  const bytes = hexField(request, "hex");
  if (bytes.length > RFC8949_BYTES_MAX) return { ok: false, kind: "size" };
  const read = readForeignClaims(bytes);
  if (read.ok || read.kind !== "bad-claim") return read;
  return { ok: false, kind: read.kind, field: read.claim };
}

/** Lines without their ends; undefined for one that is too long, of which no more is kept than the bound. */
async function* boundedLines(chunks: AsyncIterable<string>): AsyncGenerator<string | undefined> {
  let line = "";
  let tooLong = false;
  for await (const chunk of chunks) {
    const parts = chunk.split("\n");
    for (const [i, part] of parts.entries()) {
      if (i > 0) {
        yield tooLong ? undefined : line.trim();
        line = "";
        tooLong = false;
      }
      tooLong ||= line.length + part.length > CONFORM_LINE_MAX;
      line = tooLong ? "" : line + part;
    }
  }
  if (tooLong || line !== "") yield tooLong ? undefined : line.trim();
}
