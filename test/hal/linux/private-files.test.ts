// Key files and the broker's state file: what is written can be read back by us alone, and nothing odd is
// believed.

import { execFileSync, spawnSync } from "node:child_process";
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readKeyFile, writeKeyFile } from "../../../hal/linux/key-file.ts";
import { openNodeCrypto } from "../../../hal/linux/node-crypto.ts";
import {
  brokerStatePath,
  readBrokerState,
  removeBrokerState,
  writeBrokerState,
} from "../../../hal/linux/state-file.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sluice-files-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const asRoot = process.getuid?.() === 0;

describe("key file", () => {
  const seed = Uint8Array.from({ length: 32 }, (_, i) => i * 7);

  test.each(["ed25519", "x25519"] as const)("gives back the %s key that was written", (kind) => {
    const path = join(directory, "keys", "device.pem");
    writeKeyFile(path, kind, seed);
    expect(readKeyFile(path)).toEqual({ kind, seed });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    expect(readdirSync(dirname(path))).toEqual(["device.pem"]);
  });

  test("is the PKCS8 PEM that other tools write and read", () => {
    const path = join(directory, "a.pem");
    writeKeyFile(path, "ed25519", seed);
    const ours = createPublicKey(createPrivateKey(readFileSync(path))).export({ format: "jwk" });
    const signer = openNodeCrypto().signer(seed);
    expect(ours.x).toBe(Buffer.from(signer.publicKey).toString("base64url"));
    const theirs = generateKeyPairSync("x25519").privateKey;
    const pem = theirs.export({ type: "pkcs8", format: "pem" });
    writeFileSync(join(directory, "b.pem"), pem, { mode: 0o600 });
    const { d } = theirs.export({ format: "jwk" });
    const read = readKeyFile(join(directory, "b.pem"));
    expect(read.kind).toBe("x25519");
    expect(Buffer.from(read.seed).toString("base64url")).toBe(d);
  });

  test("never writes over a key, and leaves nothing behind when it fails", () => {
    const path = join(directory, "a.pem");
    writeKeyFile(path, "ed25519", seed);
    expect(() => writeKeyFile(path, "ed25519", new Uint8Array(32))).toThrow(/a\.pem exists/);
    expect(readKeyFile(path).seed).toEqual(seed);
    expect(readdirSync(directory)).toEqual(["a.pem"]);
  });

  test.each([0o640, 0o604, 0o660, 0o610])(
    "refuses mode %o, naming the file and the fix",
    (mode) => {
      const path = join(directory, "a.pem");
      writeKeyFile(path, "ed25519", seed);
      chmodSync(path, mode);
      expect(() => readKeyFile(path)).toThrow(new RegExp(`${path} is open to others.*chmod 600`));
    },
  );

  test("refuses a key of another user", ({ skip }) => {
    if (!asRoot) skip("only root can give a file away");
    const path = join(directory, "a.pem");
    writeKeyFile(path, "ed25519", seed);
    chownSync(path, 1234, 1234);
    expect(() => readKeyFile(path)).toThrow(/belongs to user 1234: chown it/);
  });

  test("refuses what is no key, without quoting it", () => {
    const rsa = generateKeyPairSync("rsa", { modulusLength: 512 }).privateKey;
    const odd: [string, RegExp][] = [
      ["", /no private key/],
      ["-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n", /no private key/],
      [rsa.export({ type: "pkcs8", format: "pem" }).toString(), /type rsa/],
      ["x".repeat(5000), /larger than/],
    ];
    for (const [content, why] of odd) {
      const path = join(directory, "odd.pem");
      writeFileSync(path, content, { mode: 0o600 });
      expect(() => readKeyFile(path)).toThrow(why);
    }
    expect(() => readKeyFile(join(directory, "none.pem"))).toThrow(/none\.pem does not exist/);
    expect(() => readKeyFile(directory)).toThrow(/no plain file/);
  });

  test("does not wait for the writer of a pipe", () => {
    const path = join(directory, "pipe");
    execFileSync("mkfifo", ["-m", "600", path]);
    expect(() => readKeyFile(path)).toThrow(/no plain file/);
  });
});

describe("broker state file", () => {
  const state = { url: "mqtt://127.0.0.1:1883", pid: process.pid, deviceId: "0011aabb" };
  const home = () => ({ HOME: directory });

  test("lives in the run-time directory, else under the home directory", () => {
    expect(brokerStatePath({ XDG_RUNTIME_DIR: "/run/user/7", HOME: "/h" })).toBe(
      "/run/user/7/sluice/broker.json",
    );
    expect(brokerStatePath({ HOME: "/h" })).toBe("/h/.local/state/sluice/broker.json");
    expect(brokerStatePath({ XDG_RUNTIME_DIR: "relative", HOME: "/h" })).toBe(
      "/h/.local/state/sluice/broker.json",
    );
  });

  test("gives back what a living process wrote, from a file for us alone", () => {
    expect(readBrokerState(home())).toBeUndefined();
    writeBrokerState({ ...state, url: "mqtt://127.0.0.1:9" }, home());
    writeBrokerState(state, home());
    expect(readBrokerState(home())).toEqual(state);
    writeBrokerState({ ...state, keys: "/var/lib/pump/keys" }, home());
    expect(readBrokerState(home())).toEqual({ ...state, keys: "/var/lib/pump/keys" });
    const path = brokerStatePath(home());
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(dirname(path))).toEqual(["broker.json"]);
  });

  test("does not count when its process has ended, or its number was given to another", () => {
    const { pid } = spawnSync("true");
    writeBrokerState({ ...state, pid }, home());
    expect(readBrokerState(home())).toBeUndefined();
    writeBrokerState(state, home());
    const path = brokerStatePath(home());
    const other = { ...JSON.parse(readFileSync(path, "utf8")), startedAt: "1" };
    writeFileSync(path, JSON.stringify(other));
    expect(readBrokerState(home())).toBeUndefined();
  });

  test("is removed by the process that it names, and by no other", () => {
    writeBrokerState(state, home());
    removeBrokerState(state.pid + 1, home());
    expect(readBrokerState(home())).toEqual(state);
    removeBrokerState(state.pid, home());
    expect(existsSync(brokerStatePath(home()))).toBe(false);
    expect(() => removeBrokerState(state.pid, home())).not.toThrow();
  });

  test("I12: is not written with a user, a password or a path, nor are they told", () => {
    for (const url of ["mqtt://me:s3cret@h:1", "mqtt://me@h", "mqtt://h:1883/", "http://h"]) {
      const write = () => writeBrokerState({ ...state, url }, home());
      expect(write).toThrow(/mqtt:\/\/HOST:PORT/);
      expect(write).not.toThrow(/s3cret/);
      expect(existsSync(brokerStatePath(home()))).toBe(false);
    }
  });

  test("says why it cannot be written, and is not missed when it is removed", () => {
    const file = join(directory, "file");
    writeFileSync(file, "");
    const unusable = { XDG_RUNTIME_DIR: file };
    expect(() => writeBrokerState(state, unusable)).toThrow(/broker\.json cannot be written \(E/);
    expect(() => removeBrokerState(state.pid, unusable)).not.toThrow();
  });

  test("refuses odd content, naming the field", () => {
    writeBrokerState(state, home());
    const path = brokerStatePath(home());
    const good = JSON.parse(readFileSync(path, "utf8"));
    const odd: [unknown, RegExp][] = [
      [{ ...good, version: 2 }, /version/],
      [{ ...good, url: "http://elsewhere" }, /url/],
      [{ ...good, url: "mqtt://user@elsewhere" }, /url/],
      [{ ...good, pid: -1 }, /pid/],
      [{ ...good, deviceId: "\u001b[2J" }, /deviceId/],
      [{ ...good, startedAt: 7 }, /startedAt/],
      [{ ...good, keys: "relative" }, /keys/],
      [{ ...good, keys: "/a\u001b[2J" }, /keys/],
      [null, /version/],
      [[], /version/],
    ];
    for (const [content, why] of odd) {
      writeFileSync(path, JSON.stringify(content));
      expect(() => readBrokerState(home())).toThrow(why);
    }
    writeFileSync(path, "{");
    expect(() => readBrokerState(home())).toThrow(/no JSON: remove it/);
    writeFileSync(path, JSON.stringify(good));
    chmodSync(path, 0o666);
    expect(() => readBrokerState(home())).toThrow(/open to others/);
  });
});
