// The acquirer simulator by itself: its accounts, rules and books, what it says to messages that are odd, and its
// journal. Messages are made from fields here, as any terminal may make them.

import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { DE } from "../../hal/drivers/iso8583-fields.ts";
import { decodeIso8583, encodeIso8583 } from "../../hal/drivers/iso8583-message.ts";
import { seededRandom } from "../../hal/sim/random.ts";
import { TEST_CARDS } from "../../hal/sim/sim-payment-host.ts";
import { simWorld } from "../../hal/sim/world.ts";
import { type AcquirerOptions, openAcquirer } from "../../tools/acquirer/acquirer.ts";
import { memoryJournal, openJournal, readJournal } from "../../tools/acquirer/journal.ts";
import { settlement, settlementText } from "../../tools/acquirer/report.ts";
import type { Effect, Rule } from "../../tools/acquirer/rules.ts";
import { spoilt } from "../support/iso8583-bytes.ts";

const CARD = "5555555555554444";
const ACCOUNTS = {
  accounts: [
    { name: "Ann", number: CARD, currency: "EUR", balanceMinor: 2_000 },
    { name: "Ben", number: TEST_CARDS.approve, expiry: "3012" },
  ],
  others: "decline" as const,
};

type Fields = Readonly<Record<number, string>>;

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "sluice-acquirer-"));
  folders.push(made);
  return made;
}

function open(options: Partial<AcquirerOptions> = {}) {
  const world = simWorld({ seed: 1 });
  const journal = memoryJournal();
  const heard: string[] = [];
  const acquirer = openAcquirer({
    ...{ clock: world.clock, journal, accounts: ACCOUNTS, rules: [] },
    ...options,
  });
  const connection = acquirer.connect((bytes) => {
    const read = decodeIso8583(bytes);
    if (!read.ok) throw new Error(read.why);
    const { type, fields } = read.message;
    const amount = fields.get(DE.amount);
    heard.push([type, fields.get(DE.responseCode), amount && Number(amount)].join(" ").trim());
  });
  let trace = 0;
  const send = (type: string, fields: Fields): string[] => {
    heard.length = 0;
    trace++;
    const common = {
      3: "0",
      4: "1000",
      7: "0101120000",
      11: String(trace),
      37: `6001120000${trace}`,
    };
    const all = { ...common, 41: "T1", 49: "978", ...fields };
    const entries = Object.entries(all).filter(([, value]) => value !== "");
    connection.receive(
      encodeIso8583(type, new Map(entries.map(([n, value]) => [Number(n), value]))),
    );
    return [...heard];
  };
  const hold = (amount: number, more: Fields = {}) =>
    send("0100", { 2: CARD, 4: String(amount), 14: "3012", ...more });
  const of = (of: number, type = "0100"): string =>
    `${type}${String(of).padStart(6, "0")}0101120000`.padEnd(42, "0");
  return { world, journal, acquirer, connection, heard, send, hold, of };
}

describe("accounts", () => {
  test("hold, take and give back what is on them, and no more", () => {
    const { hold, send, of } = open();
    expect(hold(1_500)).toEqual(["0110 00 1500"]);
    expect(hold(501)).toEqual(["0110 51 501"]);
    expect(send("0220", { 4: "900", 90: of(1) })).toEqual(["0230 00 900"]);
    expect(hold(1_100)).toEqual(["0110 00 1100"]);
    expect(hold(1)).toEqual(["0110 51 1"]);
    expect(send("0200", { 3: "200000", 4: "300", 90: of(1) })).toEqual(["0210 00 300"]);
    expect(send("0400", { 90: of(4) })).toEqual(["0410 00 1000"]);
    expect(send("0200", { 2: CARD, 4: "1400" })).toEqual(["0210 00 1400"]);
    expect(hold(1)).toEqual(["0110 51 1"]);
  });

  test.each<[string, Fields, string]>([
    ["a card of nobody", { 2: "4000000000000002" }, "14"],
    ["another expiry", { 2: TEST_CARDS.approve, 14: "2912" }, "54"],
    ["another currency", { 2: CARD, 49: "840" }, "57"],
    ["no amount", { 2: CARD, 4: "0" }, "13"],
  ])("%s is declined", (_, fields, code) => {
    expect(open().hold(1_000, fields)[0]).toMatch(`0110 ${code}`);
  });

  test("a hold ends with its time, and what was held is free again", async () => {
    const { hold, send, of, world } = open({ holdMs: 60_000 });
    hold(2_000);
    await world.runFor(59_999);
    expect(hold(1)).toEqual(["0110 51 1"]);
    await world.runFor(1);
    expect(send("0220", { 90: of(1) })).toEqual(["0230 25 1000"]);
    expect(hold(2_000)).toEqual(["0110 00 2000"]);
  });
});

describe("messages", () => {
  test("what was done is not done again: a repeat has the same answer, another message none of it", () => {
    const { hold, send, acquirer } = open();
    expect(hold(1_000)).toEqual(["0110 00 1000"]);
    const again = { 2: CARD, 4: "1000", 11: "1", 14: "3012", 37: "60011200001" };
    for (const type of ["0100", "0101"]) expect(send(type, again)).toEqual(["0110 00 1000"]);
    expect(send("0100", { ...again, 4: "900" })).toEqual(["0110 94 900"]);
    expect(send("0100", { ...again, 2: TEST_CARDS.approve })).toEqual(["0110 94 1000"]);
    expect(acquirer.books.payments()).toMatchObject([{ authorisedMinor: 1_000 }]);
  });

  test("a completion is taken once, of what is held, in its currency", () => {
    const { hold, send, of } = open();
    hold(1_000);
    expect(send("0220", { 4: "1001", 90: of(1) })).toEqual(["0230 13 1001"]);
    expect(send("0220", { 49: "840", 90: of(1) })).toEqual(["0230 13 1000"]);
    expect(send("0220", { 90: of(9) })).toEqual(["0230 25 1000"]);
    expect(send("0221", { 4: "700", 90: of(1) })).toEqual(["0230 00 700"]);
    expect(send("0220", { 4: "300", 90: of(1) })).toEqual(["0230 12 300"]);
    expect(send("0200", { 3: "200000", 4: "701", 90: of(1) })).toEqual(["0210 13 701"]);
  });

  test("what was undone before it came never takes effect; a refund that was made stays", () => {
    const { hold, send, of, acquirer } = open();
    expect(send("0420", { 90: of(2) })).toEqual(["0430 00 1000"]);
    expect(hold(1_000)).toEqual(["0110 12 1000"]);
    hold(1_000);
    send("0220", { 90: of(3) });
    send("0200", { 3: "200000", 4: "400", 90: of(3) });
    expect(send("0400", { 90: of(5, "0200") })).toEqual(["0410 12 1000"]);
    expect(send("0400", { 90: of(3) })).toEqual(["0410 00 1000"]);
    expect(send("0401", { 90: of(3) })).toEqual(["0410 00 1000"]);
    expect(acquirer.books.payments()).toMatchObject([
      { capturedMinor: 1_000, refundedMinor: 400, returnedMinor: 600, reversed: true },
    ]);
  });

  test("a sign of life is answered, a missing element named, an unknown type left", () => {
    const { send, acquirer } = open();
    expect(send("0800", { 70: "301" })).toEqual(["0810 00 1000"]);
    for (const missing of [2, 3, 4, 7, 11, 37, 41, 49]) {
      const [answer = ""] = send("0100", { 2: CARD, [missing]: "" });
      expect({ missing, answer }).toMatchObject({ answer: expect.stringMatching(/^0110 30/) });
    }
    expect(send("0220", {})[0]).toMatch("0230 30");
    expect(send("0600", {})).toEqual([]);
    expect(acquirer.malformed()).toBe(1);
    expect(acquirer.books.entryCount()).toBe(0);
  });

  test("I11, I12: 20,000 spoilt messages break nothing, and no card number is told of", () => {
    const told: string[] = [];
    const { connection, acquirer, journal } = open({
      onHappening: (happening) => told.push(JSON.stringify(happening)),
    });
    const fields = {
      2: CARD,
      3: "0",
      4: "1",
      7: "0101120000",
      11: "1",
      37: "6",
      41: "T1",
      49: "978",
    };
    const real = (type: string, more: Fields): Uint8Array =>
      encodeIso8583(
        type,
        new Map(Object.entries({ ...fields, ...more }).map(([n, value]) => [Number(n), value])),
      );
    const original = "0100000001".padEnd(42, "0");
    const reals = [
      real("0100", {}),
      real("0220", { 90: original }),
      real("0400", { 90: original }),
    ];
    const random = seededRandom(3, "acquirer");
    for (let i = 0; i < 20_000; i++) {
      connection.receive(spoilt(reals[i % reals.length] ?? new Uint8Array(), random));
    }
    expect(acquirer.malformed()).toBeGreaterThan(5_000);
    expect(told.length).toBeGreaterThan(1_000);
    const all = told.join() + JSON.stringify(journal.entries);
    expect(all).not.toContain(CARD);
    expect(all).toContain("555555******4444");
  });
});

describe("rules", () => {
  const withRule = (rule: Rule, seconds = 0) => {
    const bench = open({ rules: [rule] });
    return { ...bench, wait: () => bench.world.runFor(1_000 * seconds) };
  };

  test.each<[Effect, Partial<Rule>, string[], string[], number]>([
    ["decline", { code: "61" }, ["0110 61 1000"], [], 0],
    ["partial", { percent: 30 }, ["0110 10 300"], [], 1],
    ["no-answer", {}, [], [], 1],
    ["lost", {}, [], [], 0],
    ["late", { delayMs: 9_000 }, [], ["0110 00 1000"], 1],
    ["twice", { delayMs: 9_000 }, ["0110 00 1000"], ["0110 00 1000"], 1],
    ["busy", {}, ["0110 96 1000"], [], 0],
  ])("%s: %o", async (effect, more, atOnce, later, payments) => {
    const { hold, heard, world, acquirer } = open({ rules: [{ effect, ...more }] });
    expect(hold(1_000)).toEqual(atOnce);
    heard.length = 0;
    await world.runFor(10_000);
    expect(heard).toEqual(later);
    expect(acquirer.books.payments()).toHaveLength(payments);
    const again = hold(1_000, { 11: "1", 37: "60011200001" });
    const isSame = effect === "decline" || effect === "partial";
    expect(again).toEqual(isSame ? atOnce : ["0110 00 1000"]);
  });

  test.each<[string, Omit<Rule, "effect">, string[]]>([
    ["on a type", { on: "capture" }, ["00", "05", "13"]],
    ["by card", { card: CARD }, ["05", "25", "25"]],
    ["by its last digits", { card: "4444" }, ["05", "25", "25"]],
    ["by another card", { card: "1111" }, ["00", "00", "00"]],
    ["by amount", { fromMinor: 200, toMinor: 700 }, ["00", "05", "05"]],
    ["by currency", { currency: "USD" }, ["00", "00", "00"]],
    ["the second that fits", { nth: 2 }, ["00", "05", "13"]],
  ])("fit %s", (_, rule, codes) => {
    const { hold, send, of } = withRule({ ...rule, effect: "decline" });
    const answers = [
      ...hold(1_000),
      ...send("0220", { 4: "700", 90: of(1) }),
      ...send("0200", { 3: "200000", 4: "200", 90: of(1) }),
    ];
    const said = answers.map((answer) => answer.split(" ")[1]);
    // A refund of what was not taken is an amount too many: 13.
    expect(said).toEqual(codes);
  });
});
describe("the journal", () => {
  test("holds all that was decided: an acquirer started on it has the same books", () => {
    const path = join(folder(), "journal.jsonl");
    const first = open({ journal: openJournal(path) });
    first.hold(1_000);
    first.send("0220", { 4: "700", 62: "aa", 90: first.of(1) });
    first.send("0400", { 90: first.of(9) });
    const second = open({ journal: openJournal(path) });
    expect(second.acquirer.books.payments()).toEqual(first.acquirer.books.payments());
    expect(second.send("0221", { 4: "700", 11: "2", 37: "60011200002", 90: second.of(1) })).toEqual(
      ["0230 00 700"],
    );
    expect(second.hold(1, { 11: "9" })).toEqual(["0110 12 1"]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, "utf8")).not.toContain(CARD);
  });

  test("a last line that was cut off goes; another that is none is refused by its number", () => {
    const path = join(folder(), "journal.jsonl");
    open({ journal: openJournal(path) }).hold(1_000);
    appendFileSync(path, `{"atMs":17,"key":"${"x".repeat(2_000)}`);
    expect(readJournal(path)).toHaveLength(1);
    const again = open({ journal: openJournal(path) });
    again.send("0220", { 90: again.of(1) });
    expect(readJournal(path)).toHaveLength(2);
    expect(readFileSync(path, "utf8")).not.toContain("xxx");
    appendFileSync(path, '{"atMs":17}\n');
    expect(() => openJournal(path)).toThrow(/line 3 is no entry/);
    expect(() => readJournal(join(path, "none"))).toThrow(/cannot be read/);
  });

  test("what cannot be written did not happen, and is not answered", () => {
    const journal = memoryJournal();
    const full = { ...journal, append: () => expect.fail("full") };
    const { hold, acquirer } = open({ journal: full });
    expect(hold(1_000)).toEqual([]);
    expect(acquirer.books.payments()).toEqual([]);
  });
});

test("a late answer ends with its connection, and keeps nothing going", async () => {
  const rules: Rule[] = [{ effect: "late", delayMs: 600_000 }];
  const { world, hold, connection, heard } = open({ rules });
  hold(1_000);
  connection.close();
  expect(await world.step()).toBe(false);
  expect(heard).toEqual([]);
});

describe("a batch", () => {
  const totals = (...[credits, debits, creditsMinor, debitsMinor]: number[]): Fields => {
    const net = (debitsMinor ?? 0) - (creditsMinor ?? 0);
    const minors = { 86: String(creditsMinor), 88: String(debitsMinor), 89: "0" };
    const counts = { 74: String(credits), 76: String(debits), 77: "0" };
    const sums = { ...counts, ...minors, 97: `D${String(net).padStart(16, "0")}` };
    return { 3: "", 4: "", 60: "000007", ...sums };
  };

  test("is in balance when every count and sum is the acquirer's own, of that terminal and number", () => {
    const { hold, send, of, journal, acquirer, world } = open();
    hold(1_000);
    send("0220", { 4: "700", 60: "000007", 90: of(1) });
    send("0200", { 3: "200000", 4: "200", 60: "000007", 90: of(1) });
    send("0200", { 2: CARD, 4: "100", 60: "000008" });
    send("0200", { 2: CARD, 4: "100", 41: "T2", 60: "000007" });
    const code = (fields: Fields): boolean | undefined => {
      expect(send("0500", fields)).toEqual(["0510 00"]);
      return journal.entries.at(-1)?.closed?.inBalance;
    };
    expect(code(totals(1, 1, 200, 700))).toBe(true);
    for (const wrong of [
      ...[totals(0, 1, 200, 700), totals(1, 2, 200, 700), totals(1, 1, 201, 701)],
      ...[
        { ...totals(1, 1, 200, 700), 60: "000008" },
        { ...totals(1, 1, 200, 700), 77: "1" },
      ],
      ...[
        { ...totals(1, 1, 200, 700), 49: "840" },
        { ...totals(1, 1, 200, 700), 41: "T2" },
      ],
      { ...totals(1, 1, 200, 700), 97: "C0000000000000500" },
    ]) {
      expect(code(wrong)).toBe(false);
    }
    const report = settlement(acquirer.books, world.clock.wallMs());
    expect(report.batches).toHaveLength(9);
    expect(settlementText(report).slice(-9, -7)).toEqual([
      "  batch 000007  T1  captures 1  refunds 1  returns 0  net 5.00 EUR  in balance",
      "  batch 000007  T1  captures 1  refunds 1  returns 0  net 5.00 EUR  out of balance",
    ]);
  });

  test("without a number or a sum it is named as such", () => {
    const { send } = open();
    expect(send("0500", { ...totals(0, 0, 0, 0), 60: "" })).toEqual(["0510 30"]);
    expect(send("0500", { ...totals(0, 0, 0, 0), 97: "" })).toEqual(["0510 30"]);
  });
});

test("the report has a line for each payment and one for each currency", () => {
  const { hold, send, of, acquirer, world } = open();
  hold(1_000);
  send("0220", { 4: "700", 90: of(1) });
  send("0200", { 3: "200000", 4: "200", 90: of(1) });
  send("0100", { 2: TEST_CARDS.approve, 14: "3012", 49: "392", 4: "650" });
  const report = settlement(acquirer.books, world.clock.wallMs());
  expect(report.sums).toMatchObject([
    { currency: "EUR", payments: 1, capturedMinor: 700, refundedMinor: 200, netMinor: 500 },
    { currency: "JPY", payments: 1, heldMinor: 650, netMinor: 0 },
  ]);
  expect(settlementText(report)).toEqual([
    "  2026-01-01T00:00:00Z  60011200001  T1  555555******4444  captured 7.00 EUR  refunded 2.00 EUR  net 5.00 EUR",
    "  2026-01-01T00:00:00Z  60011200004  T1  411111******1111  held 650 JPY  net 0 JPY",
    "     1 payments  captured 7.00 EUR  refunded 2.00 EUR  net 5.00 EUR",
    "     1 payments  held 650 JPY  net 0 JPY",
  ]);
});
