// sluice.txt on a card, as the board reads it at its next start: what it may say, and in which words it is refused. It comes
// from whoever holds the card, so every line is hostile until it was looked at.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const IMAGE = fileURLToPath(new URL("../../deploy/image/", import.meta.url));

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-provision-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

function check(text: string | Buffer): { status: number | null; stdout: string; stderr: string } {
  const file = join(folder, "sluice.txt");
  writeFileSync(file, text);
  return spawnSync(join(IMAGE, "provision.sh"), ["check", file], { encoding: "utf8" });
}

function publicKey(): string {
  const path = join(folder, "key");
  spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "me@desk", "-f", path]);
  return readFileSync(`${path}.pub`, "utf8").trim();
}

test("all that may be said, also as an editor of another system leaves it", () => {
  const key = publicKey();
  const lines = [
    "hostname=charger1",
    `ssh-key=${key}`,
    'wifi-name=My "net" = $(x)',
    "wifi-password=p'a#s s\\word",
    "wifi-country=DE",
  ];
  const plain = check(`# mine\n\n${lines.join("\n")}`);
  expect(plain).toMatchObject({ status: 0, stdout: `${lines.join("\n")}\n`, stderr: "" });
  const windows = check(`\uFEFF${lines.join("\r\n")}\r\n`);
  expect(windows).toMatchObject({ status: 0, stdout: plain.stdout });
  expect(check("")).toMatchObject({ status: 0, stdout: "" });
});

test("the example that is on every card says nothing", () => {
  expect(check(readFileSync(join(IMAGE, "sluice.txt")))).toMatchObject({ status: 0, stdout: "" });
});

describe("a mistake is told with its line, and nothing is taken", () => {
  const WIFI = "wifi-name=n\nwifi-password=12345678\nwifi-country=DE\n";
  const CASES: readonly (readonly [string, string, string])[] = [
    ["an unknown name", "hostname=a\npassword=x", "line 2: there is no setting 'password'"],
    ["no value", "hostname", "line 1: a line is NAME=VALUE"],
    ["twice", "hostname=a\nhostname=b", "line 2: hostname is there twice"],
    ["a name with a dot", "hostname=a.b", "line 1: hostname: a name has up to 63"],
    ["a name that is an option", "hostname=-a", "line 1: hostname"],
    ["a name of 64", `hostname=${"a".repeat(64)}`, "line 1: hostname"],
    ["a private key", "ssh-key=-----BEGIN OPENSSH PRIVATE KEY-----", "it is no public key"],
    ["half a key", "ssh-key=ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA", "was it cut off?"],
    ["a key with a command", `ssh-key=command="sh" ssh-ed25519 AAAA`, "it is no public key"],
    ["a short password", WIFI.replace("12345678", "1234567"), "line 2: wifi-password"],
    ["a long password", WIFI.replace("12345678", "1".repeat(64)), "line 2: wifi-password"],
    ["a long network", WIFI.replace("=n", `=${"n".repeat(33)}`), "line 1: wifi-name"],
    ["a country in words", WIFI.replace("DE", "Germany"), "line 3: wifi-country"],
    ["no country", "wifi-name=n\nwifi-password=12345678", "wifi-country is missing"],
    ["no network", "wifi-country=DE", "wifi-name is missing"],
    ["an escape of a terminal", "hostname=a\u001b[2J", "only plain letters"],
    ["an escape as a name", "\u001b[2J=x", "there is no setting '[2J'"],
    ["too much", "#".repeat(4097), "more than 4096 bytes"],
  ];
  test.each(CASES)("%s", (_, text, told) => {
    const { status, stdout, stderr } = check(text);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toContain(told);
    expect(stderr).toMatch(/^sluice\.txt: [ -~]+\n$/);
  });
});
