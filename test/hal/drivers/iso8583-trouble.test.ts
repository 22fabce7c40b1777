// The ISO 8583 host in trouble that lasts: a clock that was never set, a disk that fills up at any commit, outcomes
// that nobody asks for any more, and a peer that floods it.

import { describe, expect, test } from "vitest";
import { after } from "../../../hal/clock.ts";
import type { AttemptRecord, ChargeRecord } from "../../../hal/drivers/iso8583-books.ts";
import { DE } from "../../../hal/drivers/iso8583-fields.ts";
import { TEST_CARDS } from "../../../hal/sim/sim-payment-host.ts";
import { referenceOf, why } from "../../contract/payment-host-money.ts";
import { order, paying } from "../../contract/payment-host-payer.ts";
import { changed, type IsoBench, openIsoBench } from "../../support/iso8583-bench.ts";
import {
  authorise,
  capture,
  KEY,
  refund,
  reverse,
  sent,
  told,
} from "../../support/iso8583-calls.ts";

const DAY_MS = 24 * 3_600_000;
const EUR = (amountMinor: number) => ({ amountMinor, currency: "EUR" });

/** A credential of its own for each number: a nonce here has one byte that counts. */
function payer(bench: IsoBench, number: number, amountMinor = 1_000) {
  const secret = new Uint8Array(32).fill(1 + (number >> 8));
  return paying(bench, { nonce: number & 0xff, secret, amountMinor });
}

async function sell(bench: IsoBench, from: number, to: number): Promise<void> {
  for (let number = from; number <= to; number++) {
    const key = `${order(number)}/1`;
    const held = bench.host.authorise(`${key}/authorise`, ...payer(bench, number));
    const reference = referenceOf(await bench.settle(held));
    const taken = bench.host.capture(`${key}/capture`, reference, EUR(700), new Uint8Array(4));
    await bench.settle(taken);
  }
}

function chargeOf(bench: IsoBench, reference: string): ChargeRecord {
  const { body = "{}" } = bench.disk.durable("iso-charge").find(({ id }) => id === reference) ?? {};
  return JSON.parse(body) as ChargeRecord;
}

describe("what is old goes", () => {
  test("I2: what was paid before the clock was set is not taken for old when it is", async () => {
    const bench = await openIsoBench();
    const now = bench.world.clock.wallMs();
    bench.world.setWall(60_000, "unset");
    await authorise(bench);
    bench.world.setWall(now, "set");
    await sell(bench, 2, 600);
    expect(why(await authorise(bench))).toBe("approved");
    const others = bench.host.authorise(`${order(9_999)}/1/authorise`, ...paying(bench));
    expect(why(await bench.settle(others))).toBe("credential-used");
    const mine = bench.acquirer.books.payments().filter(({ isCaptured }) => !isCaptured);
    expect(mine).toHaveLength(1);
    // It is old a hundred days later all the same.
    bench.world.setWall(now + 101 * DAY_MS, "set");
    await sell(bench, 601, 1_200);
    expect(bench.disk.durable("iso-attempt").map(({ id }) => id)).not.toContain(`${KEY}/authorise`);
    await bench.dispose();
  });

  test("as fast as new ones come: attempts, charges, credentials, tokens and batch items", async () => {
    const bench = await openIsoBench();
    const begun = bench.world.clock.wallMs();
    for (let number = 1; number <= 300; number++) {
      const key = `${order(number)}/1`;
      const token = await bench.settle(
        bench.host.tokenise(`${key}/tokenise`, ...payer(bench, number)),
      );
      expect(why(token)).toBe("approved");
      await sell(bench, number, number);
      const wrong = payer(bench, 5_000 + number, 999);
      const refused = bench.host.authorise(`${key}/authorise/2`, wrong[0], paying(bench)[1]);
      expect(why(await bench.settle(refused))).toBe("credential-mismatch");
    }
    const kinds = ["iso-attempt", "iso-charge", "iso-credential", "iso-token", "iso-item"];
    const counts = () => kinds.map((kind) => bench.disk.durable(kind).length);
    expect(counts()).toEqual([1_200, 300, 300, 300, 300]);
    bench.world.setWall(begun + 101 * DAY_MS);
    await sell(bench, 1_001, 1_600);
    expect(counts()).toEqual([1_200, 600, 600, 0, 600]);
    await bench.dispose();
  });
});

describe("an outcome that nobody asks for any more", () => {
  test("of a capture ends with the reversal of what it was to take", async () => {
    const bench = await openIsoBench();
    const reference = referenceOf(await authorise(bench));
    bench.line.toTerminal = () => [];
    await capture(bench, reference);
    await bench.heal();
    expect(why(await reverse(bench))).toBe("approved");
    expect(bench.disk.durable("iso-open")).toEqual([]);
    expect(why(await capture(bench, reference))).toBe("declined");
    expect(await bench.settle(bench.host.closeBatch("batch/1"))).toMatchObject({ inBalance: true });
    await bench.dispose();
  });

  test("of a reversal ends by itself, also when the disk was full or could not be read", async () => {
    for (const trouble of ["full", "unreadable"] as const) {
      const bench = await openIsoBench();
      await authorise(bench);
      bench.line.toTerminal = (bytes) => {
        bench.disk.setFull(trouble === "full");
        return trouble === "full" ? [{ bytes }] : [];
      };
      await reverse(bench).catch(() => undefined);
      if (trouble === "unreadable") bench.disk.setUnreadable("iso-attempt");
      await bench.world.runFor(20_000);
      bench.disk.setUnreadable(undefined);
      bench.disk.setFull(false);
      await bench.heal();
      await bench.world.runFor(400_000);
      expect(bench.disk.durable("iso-open")).toEqual([]);
      expect(bench.acquirer.books.payments()).toMatchObject([{ reversed: true }]);
      await bench.dispose();
    }
  });

  test("I1: of a reversal that is refused stays open: what is held is not called undone", async () => {
    const bench = await openIsoBench();
    await authorise(bench);
    bench.line.toTerminal = (bytes) => [
      { bytes: changed(bytes, (fields) => fields.set(DE.responseCode, "58")) },
    ];
    expect(why(await reverse(bench))).toBe("no-answer");
    await bench.world.runFor(60_000);
    expect(bench.disk.durable("iso-open")).toHaveLength(1);
    await bench.heal();
    expect(why(await reverse(bench))).toBe("approved");
    await bench.dispose();
  });

  test("I1: a refund that was declined late and undone besides makes room once", async () => {
    const bench = await openIsoBench({
      acquirer: { rules: [{ on: "refund", nth: 2, effect: "decline", code: "61" }] },
    });
    const reference = referenceOf(await authorise(bench));
    await capture(bench, reference);
    await refund(bench, reference, 300);
    let late: Uint8Array | undefined;
    bench.line.toTerminal = (bytes) => {
      late = bytes.slice();
      return [];
    };
    const second = bench.host.refund(`${KEY}/refund-2`, reference, EUR(250));
    expect(why(await bench.settle(second))).toBe("no-answer");
    bench.line.toTerminal = (bytes) => {
      const answer = bytes.slice();
      return [{ bytes: answer, delayMs: 1_000 }];
    };
    const undone = bench.host.reverse(`${KEY}/reverse-2`, `${KEY}/refund-2`);
    await bench.world.runFor(100);
    bench.line.inject(late ?? new Uint8Array());
    expect(why(await bench.settle(undone))).toBe("approved");
    expect(chargeOf(bench, reference).refundedMinor).toBe(300);
    await bench.dispose();
  });
});

describe("a disk that is full at one commit", () => {
  test("I1 I2: of one payment's every step: the same again ends as without it", async () => {
    let commits = 0;
    for (let commit = 1; ; commit++) {
      const bench = await openIsoBench();
      let seen = 0;
      const fill = (phase: "before" | "after"): void => {
        if (phase === "after" && ++seen === commit - 1) bench.disk.setFull(true);
      };
      let isUndone = false;
      const story = async (): Promise<void> => {
        const reference = isUndone ? "" : referenceOf(await authorise(bench));
        for (const step of isUndone ? [] : [capture, refund]) {
          if (why(await step(bench, reference)) !== "approved") throw new Error("no answer");
        }
        isUndone = true;
        if (why(await reverse(bench)) !== "approved") throw new Error("no answer");
      };
      bench.onCommit = fill;
      if (commit === 1) bench.disk.setFull(true);
      let isOver = true;
      await story().catch(() => {
        isOver = false;
      });
      bench.onCommit = undefined;
      bench.disk.setFull(false);
      if (!isOver) await story();
      await bench.world.runFor(20_000);
      expect(bench.acquirer.books.payments()).toMatchObject([
        { capturedMinor: 700, refundedMinor: 200, returnedMinor: 500, reversed: true },
      ]);
      expect(bench.disk.durable("iso-open")).toEqual([]);
      expect(await bench.settle(bench.host.closeBatch("batch/1"))).toMatchObject({
        inBalance: true,
      });
      await bench.dispose();
      if (isOver) break;
      commits++;
    }
    expect(commits).toBe(8);
  });
});

describe("a peer that floods", () => {
  test("I11: answers of known payments, over and over, are read a few at a time", async () => {
    const bench = await openIsoBench();
    await authorise(bench);
    const answer = sent(bench, "down")[0] ?? new Uint8Array();
    for (let i = 0; i < 20_000; i++) bench.line.inject(answer.slice());
    await bench.world.runFor(1_000);
    expect(bench.host.counts().duplicate).toBeLessThan(200);
    expect(why(await authorise(bench, `${order(2)}/1`))).toBe("approved");
    await bench.dispose();
  });

  test("a line that comes and goes asks nobody twice, and ends when it is closed", async () => {
    const bench = await openIsoBench();
    bench.line.toTerminal = () => [];
    const paying = authorise(bench);
    for (let i = 0; i < 40; i++) {
      after(bench.world.clock, 100 * i, () => bench.line.breakOnce());
    }
    await paying;
    await bench.heal();
    expect(why(await authorise(bench))).toBe("approved");
    expect(bench.acquirer.books.payments()).toHaveLength(1);
    const payments = told(bench).filter((one) => !one.startsWith("08"));
    expect(new Set(payments.map((one) => one.slice(5, 11))).size).toBe(1);
    bench.host.close();
    const before = bench.line.seen.length;
    await bench.world.runFor(1_000);
    // No timer is left.
    expect(await bench.world.step()).toBe(false);
    expect(bench.line.seen).toHaveLength(before);
  });
});

describe("whether the acquirer can be asked at this moment", () => {
  const DOWN = "the payment host cannot be reached";
  const MUTE = "the payment host does not answer";

  test("a line that is down is trouble after 3 s, until it has answered again", async () => {
    const bench = await openIsoBench();
    const { world, line } = bench;
    await world.runFor(10_000);
    expect(bench.host.trouble?.()).toBeUndefined();
    line.cut();
    await world.runFor(2_900);
    expect(bench.host.trouble?.()).toBeUndefined();
    await world.runFor(200);
    expect(bench.host.trouble?.()).toBe(DOWN);
    line.restore();
    await world.runFor(1_000);
    expect(bench.host.trouble?.()).toBeUndefined();
    await bench.dispose();
  });

  test("a break that is mended at once is none, also with a question under way", async () => {
    const bench = await openIsoBench();
    await bench.world.runFor(10_000);
    for (let n = 0; n < 40; n++) {
      if (n % 8 === 4) bench.line.breakOnce();
      if (n === 12) void bench.host.authorise(`${KEY}/authorise`, ...paying(bench));
      await bench.world.runFor(250);
      expect(bench.host.trouble?.()).toBeUndefined();
    }
    await bench.dispose();
  });

  test("a line that is up and silent: within 6 s of the question, and no question does without a sign of life", async () => {
    const bench = await openIsoBench();
    const { world, line } = bench;
    await world.runFor(10_000);
    line.toTerminal = () => [];
    await world.runFor(30_000);
    expect(bench.host.trouble?.()).toBeUndefined();
    void bench.host.authorise(`${KEY}/authorise`, ...paying(bench));
    await world.runFor(5_900);
    expect(bench.host.trouble?.()).toBeUndefined();
    await world.runFor(200);
    expect(bench.host.trouble?.()).toBe(MUTE);
    // A new connection alone proves nothing.
    line.breakOnce();
    await world.runFor(3_000);
    expect(bench.host.trouble?.()).toBe(MUTE);
    await bench.heal();
    await world.runFor(30_000);
    expect(bench.host.trouble?.()).toBeUndefined();
    await bench.dispose();
  });

  test("an acquirer that takes its time is none, as long as it is there", async () => {
    const bench = await openIsoBench();
    const { world, line } = bench;
    await world.runFor(10_000);
    line.toTerminal = (bytes) => (bytes[1] === 0x38 ? [{ bytes }] : []);
    void bench.host.authorise(`${KEY}/authorise`, ...paying(bench));
    for (let n = 0; n < 40; n++) {
      await world.runFor(500);
      expect(bench.host.trouble?.()).toBeUndefined();
    }
    await bench.dispose();
  });
});

test("two devices under one terminal name, same trace number: each pays for itself", async () => {
  const bench = await openIsoBench();
  await authorise(bench);
  const heard: Uint8Array[] = [];
  const other = bench.acquirer.connect((bytes) => heard.push(bytes));
  const [mine = new Uint8Array()] = sent(bench);
  other.receive(
    changed(mine, (fields) =>
      fields.set(DE.pan, TEST_CARDS.approve).set(DE.transmitted, "0101000007"),
    ),
  );
  expect(bench.acquirer.books.payments()).toHaveLength(2);
  expect(heard).toHaveLength(1);
  // The other's reversal is not ours.
  const undo = { 90: "0100000001".concat("0101000007".padEnd(32, "0")) };
  await reverse(bench);
  const [, reversal = new Uint8Array()] = sent(bench);
  other.receive(
    changed(reversal, (fields) =>
      fields.set(DE.original, undo[90]).set(DE.transmitted, "0101000008"),
    ),
  );
  expect(bench.acquirer.books.payments()).toMatchObject([{ reversed: true }, { reversed: true }]);
  const records = bench.disk.durable("iso-attempt").map(({ body }) => JSON.parse(body));
  expect((records as AttemptRecord[]).every(({ state }) => state !== "sent")).toBe(true);
  await bench.dispose();
});
