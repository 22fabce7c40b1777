// Profiles of standing needs: the example, the published schema, and what is refused by the name of its field.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { AUTO_SCHEMA, readAutoProfile } from "../../tools/auto-profile.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sluice-auto-"));
afterAll(() => rmSync(folder, { recursive: true }));

const GOOD = {
  version: 1,
  name: "battery",
  service: { name: "Energy" },
  units: 2,
  everySeconds: 60,
  budget: { amountMinor: 300, currency: "EUR" },
};

function read(profile: object | string) {
  const path = join(folder, "profile.yaml");
  // JSON is YAML.
  writeFileSync(path, typeof profile === "string" ? profile : JSON.stringify(profile));
  return readAutoProfile(path);
}

test("the example is a good profile", () => {
  expect(readAutoProfile(join(ROOT, "docs", "auto-charger.yaml"))).toMatchObject({
    ok: true,
    value: { name: "battery", units: 2, budgetMinor: 300, currency: "EUR", when: { is: "level" } },
  });
});

test("times, levels and limits are read as written", () => {
  const { everySeconds: _, ...rest } = GOOD;
  const until = "2027-01-31T18:00:00+01:00";
  expect(read({ ...GOOD, until, count: 3, priceMinorMax: 50, totalMinorMax: 90 })).toEqual({
    ok: true,
    value: {
      ...{ name: "battery", device: {}, service: { name: "Energy" }, units: 2 },
      ...{ currency: "EUR", budgetMinor: 300, priceMinorMax: 50, totalMinorMax: 90 },
      ...{ when: { is: "every", everyMs: 60_000 }, count: 3 },
      untilMs: Date.UTC(2027, 0, 31, 17),
    },
  });
  expect(read({ ...rest, need: { start: 5, perHour: 1.5, below: 0.25 } })).toMatchObject({
    value: { when: { is: "level", startMilli: 5_000, perHourMilli: 1_500, belowMilli: 250 } },
  });
});

test.each([
  ["budget.amountMinor", { budget: { amountMinor: 0, currency: "EUR" } }],
  ["budget.currency", { budget: { amountMinor: 1, currency: "euro" } }],
  ["units", { units: 1.5 }],
  ["units", { units: -3 }],
  ["name", { name: "../other" }],
  ["service", { service: {} }],
  ["priceMinorMaxx", { priceMinorMaxx: 1 }],
  ["until", { until: "tomorrow" }],
  ["until", { until: "2027-13-41T18:00:00Z" }],
  ["need.perHour", { everySeconds: undefined, need: { start: 1, perHour: 0, below: 1 } }],
  ["count", { count: 0 }],
])("%s is refused by its name", (at, change) => {
  expect(read({ ...GOOD, ...change })).toMatchObject({
    ok: false,
    fault: { kind: "malformed", at },
  });
});

test("it has to say when to buy, one way or the other", () => {
  const both = { ...GOOD, need: { start: 1, perHour: 1, below: 1 } };
  for (const profile of [both, { ...GOOD, everySeconds: undefined }]) {
    expect(read(profile)).toMatchObject({
      ok: false,
      fault: { kind: "malformed", message: expect.stringContaining("everySeconds or by need") },
    });
  }
});

test("no file, no YAML and aliases are refused with the name of the file", () => {
  expect(readAutoProfile(join(folder, "none.yaml"))).toMatchObject({
    ok: false,
    fault: { kind: "not-found", message: expect.stringContaining("none.yaml") },
  });
  expect(read("a: [")).toMatchObject({ ok: false, fault: { kind: "malformed" } });
  expect(read("a: &x 1\nb: *x")).toMatchObject({ ok: false, fault: { kind: "malformed" } });
});

test("docs/auto.schema.json is what the code holds profiles against (make docs writes it)", async () => {
  const published = `${JSON.stringify(AUTO_SCHEMA, undefined, 2)}\n`;
  await expect(published).toMatchFileSnapshot(join(ROOT, "docs", "auto.schema.json"));
});
