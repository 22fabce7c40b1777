// The ISO 8583 host by its messages: their bytes, what is repeated and reversed, and which answers count.

import { describe, expect, test } from "vitest";
import { DE } from "../../../hal/drivers/iso8583-fields.ts";
import { verdictOf } from "../../../hal/drivers/iso8583-response.ts";
import type { HostAnswer } from "../../../hal/payment-host.ts";
import { seededRandom } from "../../../hal/sim/random.ts";
import { TEST_CARDS } from "../../../hal/sim/sim-payment-host.ts";
import { referenceOf, why } from "../../contract/payment-host-money.ts";
import { changed, openIsoBench } from "../../support/iso8583-bench.ts";
import { bytesOf, spoilt } from "../../support/iso8583-bytes.ts";
import {
  authorise,
  capture,
  KEY,
  refund,
  reverse,
  sent,
  told,
} from "../../support/iso8583-calls.ts";

describe("messages by their bytes", () => {
  const NAME = "Harbour chargers".padEnd(40, " ");
  const ENDS = `TERM0001MERCHANT0000001${NAME}`;
  // The world begins on 1 January 2026, 00:00 UTC: day 001 of a year that ends in 6.
  test("authorisation, completion, refund and reversal, and their answers", async () => {
    const bench = await openIsoBench();
    const reference = referenceOf(await authorise(bench));
    await capture(bench, reference);
    await refund(bench, reference);
    await reverse(bench);
    const original = `0100000001${"0101000000".padEnd(32, "0")}`;
    const [authorisation, completion, credit, reversal] = sent(bench);
    expect(reference).toBe("600100000001");
    // 2 3 4 7 | 11 12 13 14 | 22 | 37 | 41 42 43 | 49
    expect(authorisation).toEqual(
      bytesOf(
        `0100<723c040008e08000>164111111111111111000000000000001000` +
          `0101000000${"000001"}000000${"0101"}${"3012"}${"012"}${reference}${ENDS}978`,
      ),
    );
    const text = (bytes: Uint8Array | undefined): string => String.fromCharCode(...(bytes ?? []));
    expect(completion?.subarray(0, 20)).toEqual(
      bytesOf("0220<b23804000ce08014><0000004000000000>"),
    );
    expect(text(completion)).toContain(`000000000700`);
    expect(text(completion).endsWith(original)).toBe(true);
    expect(text(completion)).toContain("978006000001032");
    expect(credit?.subarray(0, 20)).toEqual(bytesOf("0200<b23804000ce08010><0000004000000000>"));
    expect(text(credit)).toContain("200000000000000200");
    expect(text(credit)).toContain("600100000003");
    expect(text(credit).endsWith(original)).toBe(true);
    expect(reversal?.subarray(0, 20)).toEqual(bytesOf("0400<b23804000ce08010><0000004000000000>"));
    expect(text(reversal)).toContain("000000000000001000");
    expect(text(reversal)).toContain(reference);
    expect(text(reversal).endsWith(original)).toBe(true);
    expect(told(bench)).toEqual([
      ...["0100 000001", "0110 000001 00", "0220 000002", "0230 000002 00"],
      ...["0200 000003", "0210 000003 00", "0400 000004", "0410 000004 00"],
    ]);
    await bench.dispose();
  });

  test("only the authorisation carries the card", async () => {
    const bench = await openIsoBench();
    const reference = referenceOf(await authorise(bench));
    await capture(bench, reference);
    await reverse(bench);
    const holds = bench.line.seen.map(({ bytes }) =>
      String.fromCharCode(...bytes).includes(TEST_CARDS.approve),
    );
    expect(holds).toEqual([true, false, false, false, false, false]);
    await bench.dispose();
  });

  test("a sign of life is asked for, and a line that gives none is broken", async () => {
    const bench = await openIsoBench();
    await bench.world.runFor(61_000);
    expect(told(bench)).toEqual(["0800 000001", "0810 000001 00"]);
    bench.line.toAcquirer = () => [];
    await bench.world.runFor(66_000);
    bench.line.toAcquirer = (bytes) => [{ bytes }];
    await bench.world.runFor(60_000);
    // Each new connection has to show that somebody is there, until one has.
    expect(told(bench).slice(2)).toEqual([
      ...["0800 000002", "0800 000003", "0800 000004", "0810 000004 00"],
      ...["0800 000005", "0810 000005 00"],
    ]);
    expect(bench.line.connections()).toBe(3);
    await bench.dispose();
  });
});

describe("an outcome that is not known", () => {
  test("is repeated with the same trace number and the same fields, and says that it is a repeat", async () => {
    const bench = await openIsoBench();
    bench.line.toTerminal = () => [];
    const first = await authorise(bench);
    const second = await authorise(bench);
    bench.line.toTerminal = (bytes) => [{ bytes }];
    const third = await authorise(bench);
    expect([first.kind, second.kind, why(third)]).toEqual(["no-answer", "no-answer", "approved"]);
    const [one, two, three] = sent(bench).filter((bytes) => bytes[1] === 0x31);
    expect([one?.[3], two?.[3], three?.[3]]).toEqual([0x30, 0x31, 0x31]);
    expect(two?.slice(4)).toEqual(one?.slice(4));
    expect(three).toEqual(two);
    // Once more on the connection that was made because the line was silent.
    expect(bench.host.counts().repeated).toBe(3);
    await bench.dispose();
  });

  test("is repeated by itself when the line comes up again", async () => {
    const bench = await openIsoBench();
    bench.line.toTerminal = () => {
      bench.line.toTerminal = (bytes) => [{ bytes }];
      bench.line.breakOnce();
      return [];
    };
    expect(await authorise(bench)).toMatchObject({ kind: "approved" });
    expect(told(bench)).toEqual([
      ...["0100 000001", "0110 000001 00", "0101 000001", "0800 000002", "0110 000001 00"],
      "0810 000002 00",
    ]);
    await bench.dispose();
  });

  const steps = ["authorise", "capture", "refund", "reverse"] as const;
  const troubles = ["request lost", "answer lost", "answer late", "answer twice"] as const;
  const cases = steps.flatMap((step) => troubles.map((trouble) => [step, trouble] as const));
  test.each(cases)("I2: %s, %s: it happens once", async (step, trouble) => {
    const bench = await openIsoBench();
    const reference = step === "authorise" ? "" : referenceOf(await authorise(bench));
    if (step === "refund") await capture(bench, reference);
    const call = (): Promise<HostAnswer> => {
      if (step === "authorise") return authorise(bench);
      if (step === "capture") return capture(bench, reference);
      return step === "refund" ? refund(bench, reference) : reverse(bench);
    };
    const late: [string, HostAnswer][] = [];
    bench.host.onLateAnswer((attempt, answer) => late.push([attempt, answer]));
    if (trouble === "request lost") bench.line.toAcquirer = () => [];
    if (trouble === "answer lost") bench.line.toTerminal = () => [];
    if (trouble === "answer late") bench.line.toTerminal = (bytes) => [{ bytes, delayMs: 7_000 }];
    if (trouble === "answer twice") {
      bench.line.toTerminal = (bytes) => [{ bytes }, { bytes, delayMs: 100 }];
    }
    const first = await call();
    expect(why(first)).toBe(trouble === "answer twice" ? "approved" : "no-answer");
    bench.line.toAcquirer = (bytes) => [{ bytes }];
    bench.line.toTerminal = (bytes) => [{ bytes }];
    await bench.world.runFor(2_500);
    const last = await call();
    expect(why(last)).toBe("approved");
    expect(await call()).toEqual(last);
    const isTold = trouble === "answer late" || trouble === "answer twice";
    expect(late.slice(0, 1)).toEqual(isTold ? [[`${KEY}/${step}`, last]] : []);
    const [payment] = bench.acquirer.books.payments();
    expect(payment).toMatchObject({
      authorisedMinor: 1_000,
      capturedMinor: step === "capture" || step === "refund" ? 700 : 0,
      refundedMinor: step === "refund" ? 200 : 0,
      reversed: step === "reverse",
    });
    expect(bench.acquirer.books.payments()).toHaveLength(1);
    await bench.dispose();
  });

  test.each([
    ["also when nobody asks", false],
    ["also after a restart", true],
  ])("a reversal that nobody acknowledged is sent until it is, %s", async (_, isRestarted) => {
    const bench = await openIsoBench();
    await authorise(bench);
    bench.line.cut();
    expect((await reverse(bench)).kind).toBe("no-answer");
    await bench.world.runFor(600_000);
    if (isRestarted) await bench.restart();
    await bench.world.runFor(60_000);
    expect(bench.acquirer.books.payments()).toMatchObject([{ reversed: false }]);
    bench.line.restore();
    await bench.world.runFor(400_000);
    expect(bench.acquirer.books.payments()).toMatchObject([{ reversed: true }]);
    const answers = told(bench).filter((one) => one.startsWith("041"));
    expect(answers).toEqual(["0410 000002 00"]);
    expect(why(await reverse(bench))).toBe("approved");
    await bench.dispose();
  });

  test("a late approval of what was reversed is not told, and holds nothing", async () => {
    const bench = await openIsoBench();
    const late: unknown[] = [];
    bench.host.onLateAnswer((...answer) => late.push(answer));
    bench.line.toTerminal = (bytes) => [{ bytes, delayMs: 7_000 }];
    expect((await authorise(bench)).kind).toBe("no-answer");
    bench.line.toTerminal = (bytes) => [{ bytes }];
    expect(why(await reverse(bench))).toBe("approved");
    await bench.world.runFor(20_000);
    expect(late).toEqual([]);
    expect(bench.host.counts().duplicate).toBe(1);
    expect(why(await authorise(bench))).toBe("declined");
    await bench.dispose();
  });

  test("a refund whose answer was lost cannot be undone; one whose request was lost never happens", async () => {
    for (const way of ["toAcquirer", "toTerminal"] as const) {
      const bench = await openIsoBench();
      const reference = referenceOf(await authorise(bench));
      await capture(bench, reference);
      bench.line[way] = () => [];
      expect((await refund(bench, reference)).kind).toBe("no-answer");
      bench.line[way] = (bytes) => [{ bytes }];
      const undone = await bench.settle(bench.host.reverse(`${KEY}/undo`, `${KEY}/refund`));
      const isLost = way === "toAcquirer";
      expect(why(undone)).toBe(isLost ? "approved" : "declined");
      expect(why(await refund(bench, reference))).toBe(isLost ? "declined" : "approved");
      const [payment] = bench.acquirer.books.payments();
      expect(payment?.refundedMinor).toBe(isLost ? 0 : 200);
      await bench.dispose();
    }
  });
});

describe("answers", () => {
  test.each([
    ["00", "approved", "approved"],
    ["11", "approved", "approved"],
    ["05", "declined", "declined"],
    ["51", "declined", "declined"],
    ["14", "credential-invalid", "declined"],
    ["13", "amount", "declined"],
    ["25", "unknown-reference", "approved"],
    ["91", "declined", "undecided"],
    ["96", "undecided", "undecided"],
    ["68", "undecided", "undecided"],
    ["Z9", "declined", "declined"],
    ["", "declined", "declined"],
  ])("code %s is for an authorisation %s, for a reversal %s", (code, authorised, reversed) => {
    const said = (action: "authorise" | "reverse"): string => {
      const verdict = verdictOf(action, code);
      return verdict.kind === "declined" && action === "authorise" ? verdict.why : verdict.kind;
    };
    expect([said("authorise"), said("reverse")]).toEqual([authorised, reversed]);
  });

  test("a decline says what the acquirer said, in words too", async () => {
    const bench = await openIsoBench();
    expect(await authorise(bench, KEY, TEST_CARDS.insufficient)).toEqual({
      kind: "declined",
      why: "declined",
      responseCode: "51",
      message: "not sufficient funds",
    });
    await bench.dispose();
  });

  test.each<[string, (fields: Map<number, string>) => void, string]>([
    ["another trace number", (fields) => fields.set(DE.trace, "000099"), "unmatched"],
    ["another reference", (fields) => fields.set(DE.reference, "600100000099"), "unmatched"],
    ["another terminal", (fields) => fields.set(DE.terminal, "TERM0002"), "unmatched"],
    ["more than was asked", (fields) => fields.set(DE.amount, "1001"), "undecided"],
    ["a part without an amount", (fields) => fields.set(DE.responseCode, "10"), "undecided"],
    ["another currency", (fields) => fields.set(DE.currency, "840"), "undecided"],
  ])("%s is dropped and counted, and the true one still counts", async (_, change, count) => {
    const bench = await openIsoBench();
    bench.line.toTerminal = (bytes) => [{ bytes: changed(bytes, change) }];
    expect((await authorise(bench)).kind).toBe("no-answer");
    expect(bench.host.counts()).toMatchObject({ [count]: 1 });
    bench.line.toTerminal = (bytes) => [{ bytes }];
    expect(why(await authorise(bench))).toBe("approved");
    await bench.dispose();
  });

  test("less than was asked is what was approved, whatever the code", async () => {
    const bench = await openIsoBench();
    const less = (fields: Map<number, string>) => fields.set(DE.amount, "999");
    bench.line.toTerminal = (bytes) => [{ bytes: changed(bytes, less) }];
    expect(await authorise(bench)).toMatchObject({ kind: "approved", amountMinor: 999 });
    await bench.dispose();
  });

  test("a part may be named beside the original amount alone", async () => {
    const bench = await openIsoBench();
    bench.line.toTerminal = (bytes) => [
      {
        bytes: changed(bytes, (fields) => {
          fields.delete(DE.amount);
          fields.set(DE.responseCode, "10");
          fields.set(DE.additionalAmounts, "0057978D0000000010000041978D000000000600");
        }),
      },
    ];
    expect(await authorise(bench)).toMatchObject({ kind: "approved", amountMinor: 600 });
    await bench.dispose();
  });

  test("I11: 20,000 spoilt answers change nothing, and the line goes on", async () => {
    const bench = await openIsoBench();
    const reference = referenceOf(await authorise(bench));
    const answers = sent(bench, "down");
    const random = seededRandom(4, "answers");
    const before = await bench.stored();
    for (let i = 0; i < 20_000; i++) {
      const real = answers[0] ?? new Uint8Array();
      bench.line.inject(spoilt(real, random));
      if (i % 500 === 0) await bench.world.runFor(1);
    }
    await bench.world.runFor(2_000);
    expect(await bench.stored()).toBe(before);
    const { malformed, unmatched } = bench.host.counts();
    expect(malformed).toBeGreaterThan(5_000);
    expect(unmatched).toBeGreaterThan(100);
    expect(why(await capture(bench, reference))).toBe("approved");
    await bench.dispose();
  });
});
