// Keys that are made on the board, and the operator's word on them from where its key is: what travels between the two, and
// what is refused on the way.

import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { encodeCbor } from "../../firmware/protocol/cbor.ts";
import { base64url, fromBase64url } from "../../firmware/protocol/topics.ts";
import { signKeyRequest } from "../../firmware/token/key-request.ts";
import { readKeyFile } from "../../hal/linux/key-file.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { readOrMakeKeys } from "../../tools/bench-keys.ts";
import { provision } from "../../tools/commands/provision.ts";
import { readProvisioned } from "../../tools/provisioning.ts";
import { HeardCommands, type Values } from "../support/heard-command.ts";

const crypto = openNodeCrypto();
let folder = "";
let board = "";
let operator = "";
let heard = new HeardCommands();
let lines = 0;

function called(values: Values): Promise<number> {
  return heard.call(provision, values);
}

const last = (): string => heard.last;

/** A line as it travels: written where the other side reads it. */
function carried(name: string, line: string): string {
  lines += 1;
  const path = join(folder, `${name}-${lines}`);
  writeFileSync(path, line);
  return path;
}

async function request(data = board): Promise<string> {
  expect(await called({ request: true, data })).toBe(0);
  return carried("request", last());
}

async function answered(values: Record<string, string> = {}): Promise<string> {
  expect(await called({ certify: await request(), operator, ...values })).toBe(0);
  return carried("answer", last());
}

beforeEach(async () => {
  heard = new HeardCommands();
  folder = mkdtempSync(join(tmpdir(), "sluice-certify-"));
  board = join(folder, "board");
  operator = join(folder, "operator.pem");
  // The operator has a key already, of another device.
  expect(await called({ data: join(folder, "first"), operator })).toBe(0);
});
afterEach(() => rmSync(folder, { recursive: true }));

test("a board makes its keys, asks, and takes the operator's word; no private key travels", async () => {
  const answer = await answered({ days: "20" });
  const keys = join(board, "keys");
  const names = readdirSync(folder).filter((name) => /^(request|answer)-/.test(name));
  const asked = names.map((name) => readFileSync(join(folder, name), "utf8")).join("\n");
  for (const name of ["device-sign.pem", "device-box.pem", "host-box.pem"]) {
    expect(statSync(join(keys, name)).mode & 0o777).toBe(0o600);
    const seed = readKeyFile(join(keys, name)).seed;
    const travelled = asked.split(/[:\n]/).map((word) => Buffer.from(word, "base64url"));
    expect(travelled.some((bytes) => bytes.includes(Buffer.from(seed)))).toBe(false);
  }
  expect(readOrMakeKeys(keys, heard.out).ok).toBe(false);
  expect(await called({ certificate: answer, data: board })).toBe(0);
  const read = readProvisioned(keys, crypto);
  expect(read.ok && read.value.claims).toMatchObject({
    bench: false,
    signKey: crypto.signer(readKeyFile(join(keys, "device-sign.pem")).seed).publicKey,
    boxKey: crypto.boxPublicKey(readKeyFile(join(keys, "device-box.pem")).seed),
  });
  expect(readOrMakeKeys(keys, heard.out).ok).toBe(true);
  expect(readdirSync(keys)).not.toContain("operator.pem");
});

test("asking again changes no key, and a later answer takes the place of the one before", async () => {
  const first = await answered({ serial: "7" });
  expect(await called({ certificate: first, data: board })).toBe(0);
  const later = await answered({ serial: "8", days: "400" });
  expect(await called({ certificate: later, data: board })).toBe(0);
  const read = readProvisioned(join(board, "keys"), crypto);
  expect(read.ok && read.value.claims.serial).toBe(8);
  const same = await answered({ serial: "8", days: "800" });
  expect(await called({ certificate: same, data: board })).toBe(1);
  expect(last()).toContain("out-of-range: ");
  expect(await called({ certificate: first, data: board })).toBe(1);
  expect(last()).toContain("out-of-range: ");
});

describe("where the operator's key is", () => {
  test("a request is answered only for keys that sign it", async () => {
    const own = crypto.signer(new Uint8Array(32).fill(1));
    const other = crypto.signer(new Uint8Array(32).fill(2));
    const box = crypto.boxPublicKey(new Uint8Array(32).fill(3));
    const liar = { publicKey: other.publicKey, sign: (message: Uint8Array) => own.sign(message) };
    for (const [device, code] of [
      [own, 0],
      [liar, 1],
    ] as const) {
      const line = `sluice-request:${base64url(signKeyRequest(box, box, device))}`;
      expect(await called({ certify: carried("request", line), operator })).toBe(code);
    }
    expect(last()).toContain("signature: the request is not good");
  });

  test.each([
    ["nothing", ""],
    ["another line", "sluice-certificate:AAAA"],
    ["no base64", "sluice-request:!!!!"],
    ["bytes that are none of ours", `sluice-request:${base64url(new Uint8Array(200).fill(7))}`],
  ])("%s is refused", async (_, line) => {
    expect(await called({ certify: carried("request", line), operator })).toBe(1);
    expect([heard.faults.at(-1)?.at, last()]).toEqual([
      "--certify",
      expect.stringMatching(/^malformed: /),
    ]);
  });

  test("more than a line is refused", async () => {
    const line = `sluice-request:${"A".repeat(20_000)}`;
    expect(await called({ certify: carried("request", line), operator })).toBe(1);
    expect(last()).toMatch(/^too-large: /);
  });

  test("every byte of a request that is changed is found", async () => {
    const line = readFileSync(await request(), "utf8");
    const signed = fromBase64url(line.slice("sluice-request:".length)) ?? new Uint8Array();
    for (let at = 0; at < signed.length; at += 5) {
      const changed = signed.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      const path = carried("changed", `sluice-request:${base64url(changed)}`);
      expect([at, await called({ certify: path, operator })]).toEqual([at, 1]);
    }
  });

  test("a device of which the operator took its word back gets none", async () => {
    const asked = await request();
    expect(await called({ certify: asked, operator, out: join(folder, "answer") })).toBe(0);
    const device = /^certified (\S+):/.exec(last())?.[1] ?? "";
    expect(await called({ revoke: [device], operator })).toBe(0);
    expect(await called({ certify: asked, operator })).toBe(1);
    expect(last()).toBe(`revoked: this operator has revoked the device ${device}`);
  });

  test("no operator's key is made by the way", async () => {
    const none = join(folder, "none.pem");
    expect(await called({ certify: await request(), operator: none })).toBe(1);
    expect(existsSync(none)).toBe(false);
  });
});

describe("on the board", () => {
  test("an answer for other keys, or by another operator, changes nothing", async () => {
    expect(await called({ certificate: await answered(), data: board })).toBe(0);
    const before = readFileSync(join(board, "keys", "certificate.cbor"));
    const elsewhere = await request(join(folder, "second"));
    expect(await called({ certify: elsewhere, operator, serial: "4000000000" })).toBe(0);
    expect(await called({ certificate: carried("answer", last()), data: board })).toBe(1);
    expect(last()).toContain("key-changed: the certificate is for the keys of ");
    const another = join(folder, "another.pem");
    await called({ data: join(folder, "third"), operator: another });
    const stranger = await answered({ operator: another, serial: "4000000000" });
    expect(await called({ certificate: stranger, data: board })).toBe(1);
    expect(last()).toContain("key-changed: the device is of another operator");
    expect(readFileSync(join(board, "keys", "certificate.cbor"))).toEqual(before);
  });

  test.each([
    ["nothing", ""],
    ["a request", "sluice-request:AAAA"],
    ["another map", `sluice-certificate:${base64url(encodeCbor(new Map([[1, 2]])))}`],
    ["no CBOR", `sluice-certificate:${base64url(new Uint8Array(64).fill(0xff))}`],
  ])("%s is no answer", async (_, line) => {
    await request();
    expect(await called({ certificate: carried("answer", line), data: board })).toBe(1);
    expect([heard.faults.at(-1)?.at, last()]).toEqual([
      "--certificate",
      expect.stringMatching(/^malformed: /),
    ]);
    expect(existsSync(join(board, "keys", "certificate.cbor"))).toBe(false);
  });

  test("a bench's keys ask for nothing", async () => {
    expect(await called({ data: board, bench: true })).toBe(0);
    expect(await called({ request: true, data: board })).toBe(1);
    expect(last()).toContain("exists: ");
  });

  test("the newer of two lists of revoked devices stays", async () => {
    await called({ revoke: ["AAAAAAAAAAA"], operator });
    const older = await answered({ serial: "12", days: "400" });
    await called({ revoke: ["BAAAAAAAAAA"], operator });
    const newer = await answered({ serial: "11" });
    expect(await called({ certificate: newer, data: board })).toBe(0);
    const list = readFileSync(join(board, "keys", "revocations.cbor"));
    expect(await called({ certificate: older, data: board })).toBe(0);
    expect(readFileSync(join(board, "keys", "revocations.cbor"))).toEqual(list);
  });
});

test.each([
  [{ request: true }, "name the data folder"],
  [{ request: true, data: "x", renew: true }, "is of no use with --request"],
  [{ certify: "x", certificate: "y", data: "z" }, "is of no use with --certify"],
  [{ data: "x", operator: "y", out: "z" }, "is of no use with --data"],
  [{ certify: "x" }, "name the operator's key"],
])("called wrongly: %o", async (values, words) => {
  expect(await called(values)).toBe(2);
  expect(last()).toContain(words);
});
