// Provisioning: what it leaves in the keys folder, that it writes nothing over, and what it refuses.

import {
  mkdirSync,
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
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { openSystemEntropy } from "../../hal/linux/system-entropy.ts";
import { readOrMakeKeys } from "../../tools/bench-keys.ts";
import { provision as provisionCommand } from "../../tools/commands/provision.ts";
import { provision, readProvisioned } from "../../tools/provisioning.ts";
import { HeardCommands, type Values } from "../support/heard-command.ts";

const crypto = openNodeCrypto();
let data = "";
let folder = "";
let operatorPath = "";

beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), "sluice-provisioning-"));
  folder = join(data, "device", "keys");
  operatorPath = join(data, "operator.pem");
});
afterEach(() => rmSync(data, { recursive: true, force: true }));

function make(options: Partial<Parameters<typeof provision>[0]> = {}) {
  const expiresS = 2_000_000_000;
  const entropy = openSystemEntropy();
  const fixed = { folder, operatorPath, serial: 7, expiresS, bench: false, crypto, entropy };
  return provision({ ...fixed, ...options });
}

function contents(): Map<string, string> {
  return new Map(
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "latin1")]),
  );
}

describe("an empty folder", () => {
  test("gets keys that only their owner reads, and a certificate of the operator", () => {
    const made = make();
    if (!made.ok) throw new Error(made.fault.message);
    expect(readdirSync(folder).sort()).toEqual([
      "certificate.cbor",
      "device-box.pem",
      "device-sign.pem",
      "host-box.pem",
      "operator.pub",
    ]);
    const modes = [operatorPath, ...readdirSync(folder).map((name) => join(folder, name))]
      .filter((path) => path.endsWith(".pem"))
      .map((path) => statSync(path).mode & 0o777);
    expect(modes).toEqual([0o600, 0o600, 0o600, 0o600]);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(made.value.claims).toMatchObject({ serial: 7, bench: false, expiresS: 2_000_000_000 });
    expect(readProvisioned(folder, crypto)).toMatchObject({
      ok: true,
      value: { operatorFingerprint: expect.stringMatching(/^([0-9a-f]{4}-){3}[0-9a-f]{4}$/) },
    });
  });

  test("of run gets bench keys, once", () => {
    const first = readOrMakeKeys(folder, new HeardCommands().out);
    const second = readOrMakeKeys(folder, new HeardCommands().out);
    expect(first).toMatchObject({ ok: true, value: { claims: { bench: true } } });
    expect(second.ok && first.ok && second.value.claims).toEqual(first.ok && first.value.claims);
  });
});

describe("nothing is written over", () => {
  test("a second certificate is refused and says what to do", () => {
    make();
    const before = contents();
    const again = make({ serial: 8 });
    expect(again).toMatchObject({ ok: false, fault: { kind: "exists" } });
    expect(again.ok ? "" : again.fault.message).toContain("--renew");
    expect(contents()).toEqual(before);
  });

  test("a new certificate is for the keys that are there", () => {
    const first = make();
    rmSync(join(folder, "certificate.cbor"));
    const second = make({ serial: 8 });
    expect(first.ok && second.ok && second.value.claims).toMatchObject({
      serial: 8,
      device: first.ok && first.value.claims.device,
    });
  });

  test("another operator is refused while the first one's key is there", () => {
    make();
    rmSync(join(folder, "certificate.cbor"));
    const other = make({ operatorPath: join(data, "other.pem") });
    expect(other).toMatchObject({ ok: false, fault: { kind: "key-changed" } });
  });

  test("one operator vouches for many devices", () => {
    const first = make();
    const second = make({ folder: join(data, "second") });
    expect(first.ok && second.ok && second.value.operatorFingerprint).toBe(
      first.ok && first.value.operatorFingerprint,
    );
    expect(first.ok && second.ok && second.value.claims.device).not.toBe(
      first.ok && first.value.claims.device,
    );
  });
});

describe("refused", () => {
  test("an operator key that others can read", () => {
    make();
    const loose = join(data, "loose.pem");
    writeFileSync(loose, readFileSync(operatorPath), { mode: 0o644 });
    const other = join(data, "other");
    expect(() => make({ folder: other, operatorPath: loose })).toThrow(/chmod 600/);
  });

  test("a key of the wrong kind", () => {
    make();
    const swapped = join(folder, "device-box.pem");
    const other = join(data, "other");
    expect(() => make({ folder: other, operatorPath: swapped })).toThrow(/x25519, not ed25519/);
  });

  test.each<[string, string | Uint8Array]>([
    ["operator.pub", "00".repeat(32)],
    ["operator.pub", "no key"],
    ["operator.pub", ""],
    ["certificate.cbor", Uint8Array.of(0xff)],
    ["certificate.cbor", ""],
  ])("%s that was touched", (name, content) => {
    make();
    writeFileSync(join(folder, name), content);
    expect(readProvisioned(folder, crypto).ok).toBe(false);
  });

  test("every certificate with one bit changed, save the hint of which key to try", () => {
    const made = make();
    const path = join(folder, "certificate.cbor");
    const good = readFileSync(path);
    const accepted = [...good.keys()].flatMap((i) => {
      const bad = Buffer.from(good);
      bad[i] = (bad[i] ?? 0) ^ 1;
      writeFileSync(path, bad);
      const read = readProvisioned(folder, crypto);
      return read.ok ? [{ i, claims: read.value.claims }] : [];
    });
    // The unprotected header is no claim (RFC 9052, 3): without its hint the given key is tried.
    expect(accepted).toEqual([{ i: 6, claims: made.ok && made.value.claims }]);
  });

  test("a certificate that is far too large", () => {
    make();
    writeFileSync(join(folder, "certificate.cbor"), new Uint8Array(10_000));
    expect(() => readProvisioned(folder, crypto)).toThrow(/none of ours/);
  });

  test("bench keys in the place of a certificate that was lost", () => {
    make();
    rmSync(join(folder, "certificate.cbor"));
    expect(readOrMakeKeys(folder, new HeardCommands().out)).toMatchObject({ ok: false });
    expect(readdirSync(folder)).not.toContain("certificate.cbor");
  });
});

describe("the command", () => {
  const heard = new HeardCommands();
  const called = (values: Values): Promise<number> => heard.call(provisionCommand, values);

  test.each<[string, Record<string, string | boolean>]>([
    ["no data folder", { bench: true }],
    ["neither operator nor bench", { data: "DATA" }],
    ["an operator's key on the device", { data: "DATA", operator: "DATA/keys/operator.pem" }],
    ["an operator's key that is a folder", { data: "DATA", operator: "DATA-x/" }],
    ["no days", { data: "DATA", bench: true, days: "0" }],
    ["days that are no number", { data: "DATA", bench: true, days: "1e3" }],
    ["a serial beyond 32 bits", { data: "DATA", bench: true, serial: "4294967296" }],
  ])("refuses %s with exit code 2", async (_, values) => {
    mkdirSync(join(data, "device"), { recursive: true });
    const device = join(data, "device");
    const placed = Object.entries(values).map(([name, value]) => [
      name,
      typeof value === "string" ? value.replace("DATA", device) : value,
    ]);
    const code = await called(Object.fromEntries(placed));
    expect([code, heard.faults.length]).toEqual([2, 1]);
    expect(readdirSync(device)).toEqual([]);
  });

  test("provisions a bench, and the second time is exit code 1", async () => {
    const values = { data: join(data, "device"), bench: true };
    expect(await called(values)).toBe(0);
    expect(await called(values)).toBe(1);
    expect(readdirSync(folder)).toContain("operator.pem");
  });
});
