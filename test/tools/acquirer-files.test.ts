// Files of accounts and rules, as people write them.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { readAccounts } from "../../tools/acquirer/accounts.ts";
import { readRules } from "../../tools/acquirer/rules.ts";

const CARD = "5555555555554444";
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "sluice-acquirer-"));
  folders.push(made);
  return made;
}

describe("files", () => {
  const file = (text: string): string => {
    const path = join(folder(), "file.yaml");
    writeFileSync(path, text);
    return path;
  };

  test("accounts and rules are read from YAML or JSON", () => {
    const accounts = readAccounts(
      file(`version: 1\nothers: approve\naccounts:\n  - { name: Ann, number: "${CARD}" }\n`),
    );
    expect(accounts).toEqual({
      ok: true,
      value: { accounts: [{ name: "Ann", number: CARD }], others: "approve" },
    });
    const rule = { on: "authorise", fromMinor: 10, effect: "decline", code: "61" };
    expect(readRules(file(JSON.stringify({ version: 1, rules: [rule] })))).toEqual({
      ok: true,
      value: [rule],
    });
  });

  test.each<[string, unknown, string]>([
    ["accounts", { version: 2, accounts: [] }, "version"],
    ["accounts", { version: 1 }, "accounts"],
    ["accounts", { version: 1, accounts: [3] }, "accounts"],
    ["accounts", { version: 1, others: "maybe", accounts: [] }, "others"],
    ["accounts", { version: 1, accounts: [{ name: "", number: CARD }] }, "accounts.0.name"],
    [
      "accounts",
      { version: 1, accounts: [{ name: "A", number: 5555555555554444 }] },
      "accounts.0.number",
    ],
    [
      "accounts",
      { version: 1, accounts: [{ name: "A", number: CARD, balanceMinor: 1 }] },
      "accounts.0.currency",
    ],
    [
      "accounts",
      { version: 1, accounts: [{ name: "A", number: CARD, currency: "eur" }] },
      "accounts.0.currency",
    ],
    [
      "accounts",
      { version: 1, accounts: [{ name: "A", number: CARD, expiry: "12/30" }] },
      "accounts.0.expiry",
    ],
    [
      "accounts",
      { version: 1, accounts: [{ name: "A", number: CARD, pin: "1" }] },
      "accounts.0.pin",
    ],
    [
      "accounts",
      {
        version: 1,
        accounts: [
          { name: "A", number: CARD },
          { name: "B", number: CARD },
        ],
      },
      "accounts.1.number",
    ],
    ["rules", { version: 1, rules: [{}] }, "rules.0.effect"],
    ["rules", { version: 1, rules: [{ effect: "explode" }] }, "rules.0.effect"],
    ["rules", { version: 1, rules: [{ effect: "decline", code: "00" }] }, "rules.0.code"],
    ["rules", { version: 1, rules: [{ effect: "partial", percent: 100 }] }, "rules.0.percent"],
    ["rules", { version: 1, rules: [{ effect: "late", delay: 1 }] }, "rules.0.delay"],
    ["rules", { version: 1, rules: [{ effect: "lost", nth: 0 }] }, "rules.0.nth"],
  ])(
    "%s that are wrong are refused at the field, and no card number is said: %o",
    (what, content, at) => {
      const path = file(JSON.stringify(content));
      const read = what === "accounts" ? readAccounts(path) : readRules(path);
      expect(read).toMatchObject({ ok: false, fault: { kind: "malformed", at } });
      expect(JSON.stringify(read)).not.toContain(CARD);
    },
  );
});
