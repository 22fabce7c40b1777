// Keys in the field: certificates renewed and taken back, and an operator's key under a passphrase.

import { execFileSync } from "node:child_process";
import { EventEmitter } from "node:events";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { verifyRevocations } from "../../firmware/token/revocation.ts";
import { isUnderPassphrase, readKeyFile } from "../../hal/linux/key-file.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { readOrMakeKeys } from "../../tools/bench-keys.ts";
import { provision } from "../../tools/commands/provision.ts";
import { trust } from "../../tools/commands/trust.ts";
import { readOperatorSigner } from "../../tools/operator-key.ts";
import { readPassphrase, type Terminal } from "../../tools/passphrase.ts";
import { type Provisioned, readProvisioned } from "../../tools/provisioning.ts";
import { HeardCommands, type Values } from "../support/heard-command.ts";

const crypto = openNodeCrypto();
const PASSPHRASE = "correct horse battery";
let folder = "";
let data = "";
let operator = "";
let heard = new HeardCommands();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-field-"));
  data = join(folder, "pump");
  operator = join(folder, "operator.pem");
  heard = new HeardCommands();
});
afterEach(() => {
  delete process.env["SLUICE_PASSPHRASE"];
  rmSync(folder, { recursive: true, force: true });
});

function called(values: Values, command = provision): Promise<number> {
  return heard.call(command, values);
}

function device(): Provisioned {
  const read = readProvisioned(join(data, "keys"), crypto);
  if (!read.ok) throw new Error(read.fault.message);
  return read.value;
}

const last = (): string => heard.last;

describe("renewing", () => {
  test("gives the same keys a later certificate of the next serial, and needs none of them", async () => {
    expect(await called({ data, operator, days: "10", serial: "7" })).toBe(0);
    const before = device().claims;
    // On the operator's machine there is the certificate only.
    for (const name of ["device-sign.pem", "device-box.pem", "host-box.pem"])
      rmSync(join(data, "keys", name));
    expect(await called({ data, operator, renew: true, days: "400" })).toBe(0);
    const after = device().claims;
    expect(after).toEqual({ ...before, serial: 8, expiresS: after.expiresS });
    expect(after.expiresS).toBeGreaterThan(before.expiresS);
    expect(readdirSync(join(data, "keys")).sort()).toEqual(["certificate.cbor", "operator.pub"]);
  });

  test.each<[string, Values, string]>([
    ["an expiry that is not later", { days: "10" }, "out-of-range"],
    ["a serial that is not higher", { days: "40", serial: "7" }, "out-of-range"],
    ["another operator", { days: "40", operator: "OTHER" }, "key-changed"],
    ["an operator's key that is not there", { days: "40", operator: "NONE" }, "bad-key-file"],
  ])("refuses %s, and leaves the certificate as it was", async (_, values, fault) => {
    await called({ data, operator, days: "20", serial: "7" });
    await called({ data: join(folder, "second"), operator: join(folder, "OTHER") });
    const before = readFileSync(join(data, "keys", "certificate.cbor"));
    const named =
      typeof values["operator"] === "string" ? join(folder, values["operator"]) : operator;
    expect(await called({ data, renew: true, ...values, operator: named })).toBe(1);
    expect(last()).toContain(`${fault}: `);
    expect(readFileSync(join(data, "keys", "certificate.cbor"))).toEqual(before);
    expect(existsSync(join(folder, "NONE"))).toBe(false);
  });

  test("a device is reminded of it in time, and told when it is late; it starts all the same", async () => {
    await called({ data, operator, days: "31" });
    expect(readOrMakeKeys(join(data, "keys"), heard.out).ok).toBe(true);
    expect(heard.facts.filter(({ type }) => type === "warning")).toEqual([]);
    await called({ data: join(folder, "b"), operator, days: "29" });
    readOrMakeKeys(join(folder, "b", "keys"), heard.out);
    expect(last()).toMatch(/WARNING: the certificate expires on \d{4}-\d\d-\d\d\. Renew it with/);
  });
});

describe("revoking", () => {
  const list = () => {
    const signed = readFileSync(join(folder, "operator.revocations.cbor"));
    const { publicKey } = crypto.signer(readKeyFile(operator).seed);
    const read = verifyRevocations(signed, publicKey, crypto);
    if (!read.ok) throw new Error(read.fault.message);
    return read.value;
  };

  test("adds to the list beside the operator's key, and takes nothing out", async () => {
    await called({ data, operator });
    const { device: id } = device().claims;
    expect(await called({ operator, revoke: [`${id}:5`] })).toBe(0);
    expect(list()).toMatchObject({ number: 1, revoked: [{ device: id, serial: 5 }] });
    expect(await called({ operator, revoke: ["AAAAAAAAAAA", `${id}:4`] })).toBe(0);
    const [first, second] = list().revoked;
    expect([first, second]).toEqual([
      { device: id, serial: 5 },
      { device: "AAAAAAAAAAA", serial: 0xffff_ffff },
    ]);
    // What says nothing new makes no new list.
    expect(await called({ operator, revoke: ["AAAAAAAAAAA:3"] })).toBe(0);
    expect(list().number).toBe(2);
    expect(existsSync(join(data, "keys", "revocations.cbor"))).toBe(false);
  });

  test("is done by one process at a time: none of two is lost", async () => {
    await called({ data, operator });
    const { device: made } = device().claims;
    const path = join(folder, "operator.revocations.cbor");
    writeFileSync(`${path}.lock`, "");
    expect(await called({ revoke: [made], operator })).toBe(1);
    expect(heard.said.at(-1)).toMatch(/exists: .*remove .*\.lock/);
    expect(existsSync(path)).toBe(false);
    rmSync(`${path}.lock`);
    expect(await called({ revoke: [made], operator })).toBe(0);
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  test("hands the list to a device that is named, and to one that is made or renewed later", async () => {
    await called({ data, operator, days: "5" });
    await called({ operator, revoke: ["AAAAAAAAAAA"], data });
    expect(device().revocations).toBeDefined();
    await called({ operator, revoke: ["BAAAAAAAAAA"] });
    expect(list().number).toBe(2);
    await called({ data, operator, renew: true });
    const kept = readFileSync(join(folder, "operator.revocations.cbor"));
    expect(Buffer.from(device().revocations ?? [])).toEqual(kept);
  });

  test.each([
    ["no device id", ["pump"]],
    ["a serial that is none", ["AAAAAAAAAAA:x"]],
    ["a serial beyond 32 bits", ["AAAAAAAAAAA:4294967296"]],
    ["more than one serial", ["AAAAAAAAAAA:1:2"]],
  ])("refuses %s with exit code 2, and writes no list", async (_, revoked) => {
    await called({ data, operator });
    expect(await called({ operator, revoke: revoked })).toBe(2);
    expect(existsSync(join(folder, "operator.revocations.cbor"))).toBe(false);
  });

  test("refuses to go on with a list that was touched, or that holds too many", async () => {
    await called({ data, operator });
    const many = Array.from({ length: 91 }, (_, i) =>
      Buffer.from([i, 0, 0, 0, 0, 0, 0, 0]).toString("base64url"),
    );
    expect(await called({ operator, revoke: many })).toBe(1);
    expect(last()).toMatch(/^too-many: /);
    await called({ operator, revoke: many.slice(0, 3) });
    const path = join(folder, "operator.revocations.cbor");
    const bytes = readFileSync(path);
    bytes[30] = (bytes[30] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    expect(await called({ operator, revoke: many.slice(3, 4) })).toBe(1);
    expect(last()).toContain(path);
  });

  test("a buyer takes the list up, and only a later one in its place", async () => {
    await called({ data, operator });
    await called({ operator, revoke: ["AAAAAAAAAAA"] });
    const path = join(folder, "operator.revocations.cbor");
    const old = join(folder, "old.cbor");
    copyFileSync(path, old);
    await called({ operator, revoke: ["BAAAAAAAAAA"] });
    const identity = join(folder, "identity");
    expect(await called({ identity, revocations: path }, trust)).toBe(1);
    expect(last()).toMatch(/^untrusted: .*--operator/);
    const key = join(data, "keys", "operator.pub");
    expect(await called({ identity, revocations: path, operator: [key] }, trust)).toBe(0);
    // Known from the first time on.
    expect(await called({ identity, revocations: old, operator: [key] }, trust)).toBe(0);
    expect(heard.facts).toMatchObject([{ type: "revocations", number: 2, revoked: [{}, {}] }]);
    expect(await called({ identity, revocations: join(folder, "none") }, trust)).toBe(1);
    expect(last()).toMatch(/^not-found: /);
  });
});

describe("an operator's key under a passphrase", () => {
  const made = async (): Promise<void> => {
    process.env["SLUICE_PASSPHRASE"] = PASSPHRASE;
    expect(await called({ data, operator, passphrase: true, days: "5" })).toBe(0);
  };

  test("is never on disk without it, opens with it, and openssl reads it too", async () => {
    await made();
    expect(heard.said.join("\n")).not.toContain(PASSPHRASE);
    expect(isUnderPassphrase(operator)).toBe(true);
    const { seed } = readKeyFile(operator, PASSPHRASE);
    const text = execFileSync(
      "openssl",
      ["pkey", "-in", operator, "-passin", `pass:${PASSPHRASE}`, "-noout", "-text"],
      { encoding: "utf8" },
    );
    expect(text.replace(/[\s:]/g, "")).toContain(Buffer.from(seed).toString("hex"));
    expect(readFileSync(operator, "latin1")).not.toContain(Buffer.from(seed).toString("base64"));
    expect(await called({ data, operator, renew: true })).toBe(0);
    expect(heard.said.join("\n")).not.toContain(PASSPHRASE);
  });

  test.each<[string, string | undefined, RegExp]>([
    ["a wrong one", "wrong horse battery", /does not open with this passphrase/],
    ["none, and nobody to ask", undefined, /set SLUICE_PASSPHRASE, or name a file/],
  ])("with %s is refused plainly", async (_, given, words) => {
    await made();
    delete process.env["SLUICE_PASSPHRASE"];
    if (given !== undefined) process.env["SLUICE_PASSPHRASE"] = given;
    const before = device().claims;
    expect(await called({ data, operator, renew: true })).not.toBe(0);
    expect(last()).toMatch(words);
    expect(last()).not.toContain("horse");
    expect(device().claims).toEqual(before);
  });

  test("is asked for from a file of its owner alone", async () => {
    const file = join(folder, "passphrase");
    writeFileSync(file, `${PASSPHRASE}\nsecond line\n`, { mode: 0o600 });
    expect(await called({ data, operator, "passphrase-file": file, days: "5" })).toBe(0);
    const signer = await readOperatorSigner(operator, heard.out, file);
    expect(signer.ok && signer.value.publicKey).toEqual(device().operatorKey);
    chmodSync(file, 0o644);
    expect(await readOperatorSigner(operator, heard.out, file)).toMatchObject({
      ok: false,
      fault: { kind: "bad-key-file", message: expect.stringContaining("chmod 600") },
    });
  });

  test("is not asked for where the key has none, and not put over one that has none", async () => {
    await called({ data, operator, days: "5" });
    expect((await readOperatorSigner(operator, heard.out)).ok).toBe(true);
    expect(await called({ data: join(folder, "b"), operator, passphrase: true })).toBe(2);
    expect(last()).toContain("openssl pkcs8 -topk8 -scrypt");
    const missing = await readOperatorSigner(join(folder, "none.pem"), heard.out);
    expect(missing).toMatchObject({ ok: false, fault: { kind: "bad-key-file" } });
  });
});

describe("asked for on a terminal", () => {
  /** A terminal at which somebody types; what it shows is kept. */
  function typing(...chunks: string[]): { terminal: Terminal; shown: string[]; raw: boolean[] } {
    const keyboard = new EventEmitter();
    const shown: string[] = [];
    const raw: boolean[] = [];
    const input = Object.assign(keyboard, {
      setRawMode: (on: boolean) => {
        raw.push(on);
        return input;
      },
      resume: () => {
        queueMicrotask(() => keyboard.emit("data", Buffer.from(chunks.shift() ?? "\u0003")));
        return input;
      },
      pause: () => input,
    });
    const write = (text: string): void => void shown.push(text);
    return { terminal: { input: input as unknown as Terminal["input"], write }, shown, raw };
  }
  const key = { of: "the key", fresh: false };

  test("it is not shown, and can be corrected", async () => {
    const { terminal, shown, raw } = typing("secrX\u007fet words\r");
    expect(await readPassphrase({ ...key, terminal })).toEqual({ ok: true, value: "secret words" });
    expect(shown.join("")).toBe("Passphrase of the key: \n");
    expect(raw).toEqual([true, false]);
  });

  test("twice for a new key, and both must be the same", async () => {
    const fresh = { of: "the key", fresh: true };
    const same = typing("long enough\r", "long enough\r");
    expect(await readPassphrase({ ...fresh, ...same })).toMatchObject({ ok: true });
    const other = typing("long enough\r", "long enougH\r");
    expect(await readPassphrase({ ...fresh, ...other })).toMatchObject({ ok: false });
    const short = typing("short\r", "short\r");
    expect(await readPassphrase({ ...fresh, ...short })).toMatchObject({ ok: false });
  });

  test("Ctrl-C breaks it off, and the terminal is as it was", async () => {
    const { terminal, raw } = typing("half\u0003");
    expect(await readPassphrase({ ...key, terminal })).toMatchObject({
      ok: false,
      fault: { kind: "usage" },
    });
    expect(raw).toEqual([true, false]);
  });
});
