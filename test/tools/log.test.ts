// Logs: levels, lines for people and for machines, and what must never be in one, whatever it is wrapped in.

import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { cleanFields, LOG_LEVELS, openLog, plainText } from "../../firmware/log.ts";
import type { Output } from "../../tools/command.ts";
import { openOutput } from "../../tools/output.ts";
import { readLogLevel, saleLog } from "../../tools/sale-log.ts";

function recorded() {
  const lines: string[] = [];
  const facts: Readonly<Record<string, unknown>>[] = [];
  const out: Output = {
    json: false,
    say: (line) => lines.push(line),
    emit: (fact) => facts.push(fact),
    progress: () => undefined,
    fault: () => undefined,
  };
  return { out, lines, facts };
}

/** Valid by its check digit. */
const card = fc.stringMatching(/^[2-6]\d{10,17}$/).map((digits) => {
  for (let check = 0; check < 10; check++) {
    const all = `${digits}${check}`;
    let sum = 0;
    for (let i = 0; i < all.length; i++) {
      const digit = Number(all[all.length - 1 - i]);
      sum += i % 2 === 0 ? digit : digit * 2 - (digit > 4 ? 9 : 0);
    }
    if (sum % 10 === 0) return all;
  }
  throw new Error("one of ten digits checks");
});
/** Words that people and peers put around it. */
const words = fc.oneof(
  fc.constantFrom("", "card ", "12 ", "\u001b[31m", "paid with:", "x=", "-", "(", "é"),
  fc.stringMatching(/^[a-zäß ,:;()]{0,20}$/),
);

describe("levels", () => {
  test("what is below the level is left out", () => {
    for (const [i, least] of LOG_LEVELS.entries()) {
      const heard: string[] = [];
      const log = openLog(least, (level) => heard.push(level));
      for (const level of LOG_LEVELS) log(level, "event");
      expect(heard).toEqual(LOG_LEVELS.slice(i));
    }
  });

  test("the option names a level, --quiet leaves warnings, anything else is refused by name", () => {
    expect(readLogLevel({})).toEqual({ ok: true, value: "info" });
    expect(readLogLevel({ quiet: true })).toEqual({ ok: true, value: "warn" });
    expect(readLogLevel({ quiet: true, "log-level": "debug" })).toEqual({
      ok: true,
      value: "debug",
    });
    expect(readLogLevel({ "log-level": "all" })).toMatchObject({
      ok: false,
      fault: { kind: "usage", at: "--log-level" },
    });
  });

  test("a line for people says what is wrong, one for machines has time, level and event", () => {
    const { out, lines, facts } = recorded();
    const log = saleLog(out, "info");
    log("info", "paid", {
      order: "00112233aabbccdd",
      units: 2,
      unit: "kWh",
      amountMinor: 90,
      currency: "EUR",
    });
    log("error", "loop-lost", { why: "killed" });
    log("warn", "new-thing", { outlet: "socket-1" });
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d {2}001122 {2}paid {6}2 kWh for 0\.90 EUR$/);
    expect(lines[1]).toContain("ERROR: outputs   killed");
    expect(lines[2]).toContain("WARNING: new-thing outlet=socket-1");
    expect(facts[0]).toMatchObject({ type: "log", level: "info", event: "paid", units: 2 });
    expect(facts[0]?.["time"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });
});

describe("I12: what must never be in a log", () => {
  test("a card number, alone, grouped, or as a track, whatever stands around it", () => {
    const by = fc.constantFrom(
      "",
      " ",
      "-",
      ".",
      "/",
      "_",
      "\n",
      "\t",
      "\u00a0",
      "\u200b",
      "\u2028",
    );
    fc.assert(
      fc.property(words, card, by, words, (before, pan, between, behind) => {
        const shown = pan.replace(/(....)(?=.)/g, `$1${between}`);
        const after = behind.replace(/^\d/, "x");
        expect(plainText(`${before}${shown}${after}`).replace(/\D/g, "")).not.toContain(pan);
        expect(cleanFields({ why: pan })).toEqual({ why: "[hidden]" });
        const track = plainText(`;${pan}=30121010000012345?`);
        expect(track).not.toContain(pan);
        expect(track).not.toContain("0000012345");
      }),
      { numRuns: 2_000 },
    );
    expect(cleanFields({ number: 4111111111111111 })).toEqual({ number: "[hidden]" });
  });

  test("keys and tokens as hexadecimal, base64 and PEM, in words or under a name that says so", () => {
    const secret = fc.uint8Array({ minLength: 32, maxLength: 120 }).map((a) => Buffer.from(a));
    const forms = ["hex", "base64", "base64url"] as const;
    fc.assert(
      fc.property(words, secret, fc.constantFrom(...forms), (before, bytes, form) => {
        // All alike says nothing; a key never is.
        fc.pre(new Set(bytes).size > 20);
        const text = bytes.toString(form);
        // One in 64 looks like a path; most of those are known by a long part, see below.
        fc.pre(!text.startsWith("/"));
        expect(plainText(`${before} ${text} end`)).not.toContain(text.slice(0, 31));
      }),
      { numRuns: 1_000 },
    );
    const slashed = "/3Pq0vN2mWb7LkXtR9sYcUe4Zf1GhJd/8oAiTnK6Q5w=";
    expect(plainText(slashed)).toBe("[hidden]");
    const pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\n";
    expect(plainText(`read ${pem} twice`)).not.toContain("MC4CAQ");
    expect(plainText("-----BEGIN PRIVATE KEY-----\nMC4CAQ")).not.toContain("MC4CAQ");
    for (const name of ["key", "boxKey", "token", "credential", "passphrase", "password", "pan"]) {
      expect(cleanFields({ [name]: "hunter2" })).toEqual({ [name]: "[hidden]" });
    }
  });

  test("the password in an address, whatever it is made of", () => {
    const password = fc.stringMatching(/^[A-Za-z0-9!$&'()*+,;=:.~%@_/-]{1,30}$/);
    fc.assert(
      fc.property(password, (word) => {
        const shown = plainText(`cannot reach mqtts://user:${word}§${word}@host:8883 now`);
        expect(shown).toBe("cannot reach mqtts://[hidden]@host:8883 now");
      }),
    );
  });

  test("nothing of a peer's text steers a terminal, breaks a line or fills a disk", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 2_000 }), (text) => {
        const shown = plainText(text);
        expect(shown.length).toBeLessThanOrEqual(256);
        expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      }),
      { numRuns: 2_000 },
    );
  });

  test("ids, counts, times, paths and addresses stay as they are", () => {
    const fields = {
      order: "4111111111111111",
      device: "a-B_c1D2e3F",
      atMs: 1_795_323_676_936,
      amountMinor: 250,
      running: true,
      outlet: "socket-1",
      message: "/srv/Pat/sluice/virtual-charger-2/device.db: disk I/O error (SQLITE_IOERR)",
      folder: "/tmp/sluice-provisioning-Xy12Zt/operator/device.db",
      broker: "mqtt://127.0.0.1:1883",
      version: "2026-11-22T05:03:00.123Z",
    };
    expect(cleanFields(fields)).toEqual(fields);
  });

  test("a fault that a command tells is cleaned of them too", () => {
    const told: string[] = [];
    const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      told.push(String(text));
      return true;
    });
    openOutput(true).fault({ kind: "internal", message: "no 4111111111111111 at mqtt://u:pw@h" });
    write.mockRestore();
    expect(told).toEqual([
      `${JSON.stringify({ type: "fault", kind: "internal", message: "no [hidden] at mqtt://[hidden]@h" })}\n`,
    ]);
  });
});
