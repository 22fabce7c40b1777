// The PaymentHost contract, first part: what is held, taken, given back and undone, each at most once.

import { describe, expect, test } from "vitest";
import type { HostAnswer, HostDecline } from "../../hal/payment-host.ts";
import type { BookedPayment, HostBench, Using } from "./payment-host-bench.ts";
import { CURRENCY, order, paying } from "./payment-host-payer.ts";

export function why(answer: HostAnswer): HostDecline | string {
  return answer.kind === "declined" ? answer.why : answer.kind;
}

export function referenceOf(answer: HostAnswer): string {
  if (answer.kind !== "approved") throw new Error(`not approved: ${JSON.stringify(answer)}`);
  return answer.reference;
}

/** What the peer has booked in all, and for how many payments that hold or held money. */
export async function booked(
  bench: HostBench,
): Promise<Omit<BookedPayment, "reversed"> & { held: number; payments: number }> {
  const total = { authorisedMinor: 0, capturedMinor: 0, refundedMinor: 0, held: 0, payments: 0 };
  for (const one of (await bench.books()).values()) {
    if (one.authorisedMinor === 0) continue;
    total.payments++;
    total.authorisedMinor += one.authorisedMinor;
    total.capturedMinor += one.capturedMinor;
    total.refundedMinor += one.refundedMinor;
    if (!one.reversed && one.capturedMinor === 0) total.held += one.authorisedMinor;
  }
  return total;
}

const eur = (amountMinor: number) => ({ amountMinor, currency: CURRENCY });
const EVIDENCE = new Uint8Array(64).fill(7);
const ATTEMPT = `${order(1)}/1/authorise`;

async function authorised(bench: HostBench, amountMinor = 1_000): Promise<string> {
  const answer = await bench.settle(
    bench.host.authorise(ATTEMPT, ...paying(bench, { amountMinor })),
  );
  return referenceOf(answer);
}

async function captured(bench: HostBench, amountMinor: number): Promise<string> {
  const reference = await authorised(bench);
  const key = `${order(1)}/1/capture`;
  const answer = await bench.settle(bench.host.capture(key, reference, eur(amountMinor), EVIDENCE));
  expect(answer).toMatchObject({ kind: "approved", amountMinor });
  return reference;
}

export function describeMoney(using: Using): void {
  describe("money", () => {
    describeHolding(using);
    describeTaking(using);
    describeGivingBack(using);
    describeUndoing(using);
  });
}

function describeHolding(using: Using): void {
  test("an approval names amount, card and record, and the peer has booked it", () =>
    using(async (bench) => {
      const answer = await bench.settle(bench.host.authorise(ATTEMPT, ...paying(bench)));
      expect(answer).toMatchObject({ kind: "approved", amountMinor: 1_000 });
      if (answer.kind !== "approved") return;
      // As receipts hold it.
      expect(answer.reference).toMatch(/^[\x21-\x7e]{1,32}$/);
      const { card, record } = answer;
      expect(card?.network).toMatch(/^[a-z]{2,16}$/);
      expect(["insert", "swipe", "tap", "manual"]).toContain(card?.entryMethod);
      expect(card?.token).toMatch(/^[\x21-\x7e]{8,96}$/);
      expect((card?.maskedPan ?? "").replace(/\D/g, "").length).toBeLessThanOrEqual(10);
      expect(card?.maskedPan?.slice(-4)).toBe(bench.cards.approve.slice(-4));
      for (const text of [record?.merchantId, record?.terminalId, record?.merchantName]) {
        expect(text).toMatch(/^[\x20-\x7e]{1,48}$/);
      }
      expect(record?.timeMs).toBeGreaterThan(0);
      expect(record?.authCode).toMatch(/^[0-9A-Za-z]{6}$/);
      const books = await bench.books();
      expect(books.get(answer.reference)).toMatchObject({
        authorisedMinor: 1_000,
        reversed: false,
      });
      expect((await booked(bench)).payments).toBe(1);
    }));

  test("the same card has the same token in another order, and no card number stays on disk", () =>
    using(async (bench) => {
      const tokens = [];
      for (const number of [1, 2]) {
        const attempt = `${order(number)}/1/authorise`;
        const pay = paying(bench, { nonce: number, offer: number });
        const answer = await bench.settle(bench.host.authorise(attempt, ...pay));
        tokens.push(answer.kind === "approved" ? answer.card?.token : undefined);
      }
      expect(tokens[0]).toBeDefined();
      expect(tokens[0]).toBe(tokens[1]);
      const stored = await bench.stored();
      expect(stored).toContain(order(2));
      expect(stored).not.toContain(bench.cards.approve);
    }));

  test("I2: the same attempt again, also at the same time, has the same answer and moves nothing", () =>
    using(async (bench) => {
      const pay = paying(bench);
      const call = (): Promise<HostAnswer> => bench.host.authorise(ATTEMPT, ...pay);
      const [one, two] = await bench.settle(Promise.all([call(), call()]));
      const three = await bench.settle(call());
      expect(one).toMatchObject({ kind: "approved" });
      expect([two, three]).toEqual([one, one]);
      expect(await booked(bench)).toMatchObject({ payments: 1, authorisedMinor: 1_000 });
    }));

  test("less than the payer signed may be held, several times, and never more in all", () =>
    using(async (bench) => {
      const pay = paying(bench);
      const hold = (step: number, amountMinor?: number): Promise<HostAnswer> =>
        bench.settle(bench.host.authorise(`${order(1)}/${step}/authorise`, ...pay, amountMinor));
      expect(await hold(1, 600)).toMatchObject({ kind: "approved", amountMinor: 600 });
      expect(why(await hold(2, 401))).toBe("amount");
      expect(why(await hold(3))).toBe("amount");
      expect(await hold(4, 400)).toMatchObject({ kind: "approved", amountMinor: 400 });
      expect(why(await hold(5, 1))).toBe("amount");
      expect(await booked(bench)).toMatchObject({ payments: 2, authorisedMinor: 1_000 });
      for (const [index, amountMinor] of [0, -1, 1.5, Number.NaN, 2 ** 60].entries()) {
        expect(why(await hold(6 + index, amountMinor))).toBe("amount");
      }
    }));

  test("what was reversed may be held again", () =>
    using(async (bench) => {
      const pay = paying(bench);
      await authorised(bench);
      await bench.settle(bench.host.reverse(`${order(1)}/1/reverse`, ATTEMPT));
      const again = await bench.settle(bench.host.authorise(`${order(1)}/2/authorise`, ...pay));
      expect(again).toMatchObject({ kind: "approved", amountMinor: 1_000 });
      expect((await booked(bench)).held).toBe(1_000);
    }));
}

function describeTaking(using: Using): void {
  test("a part is captured in one go: the rest is released, and nothing more is taken", () =>
    using(async (bench) => {
      const reference = await captured(bench, 700);
      for (const key of ["2/capture", "1/capture-again"]) {
        const more = bench.host.capture(`${order(1)}/${key}`, reference, eur(300), EVIDENCE);
        expect(why(await bench.settle(more))).toBe("amount");
      }
      const same = bench.host.capture(`${order(1)}/1/capture`, reference, eur(700), EVIDENCE);
      expect(await bench.settle(same)).toMatchObject({ kind: "approved", amountMinor: 700 });
      expect(await booked(bench)).toMatchObject({ capturedMinor: 700, refundedMinor: 0, held: 0 });
    }));

  test("more than is held, another currency, no amount, and a reference of nobody are refused", () =>
    using(async (bench) => {
      const reference = await authorised(bench);
      const tries: readonly (readonly [string, number, string, string])[] = [
        [reference, 1_001, CURRENCY, "amount"],
        [reference, 500, "USD", "amount"],
        [reference, 0, CURRENCY, "amount"],
        [reference, -5, CURRENCY, "amount"],
        [reference, 1.5, CURRENCY, "amount"],
        ["nobody", 500, CURRENCY, "unknown-reference"],
      ];
      for (const [index, [one, amountMinor, currency, expected]] of tries.entries()) {
        const key = `${order(1)}/1/capture-${index}`;
        const call = bench.host.capture(key, one, { amountMinor, currency }, EVIDENCE);
        expect(why(await bench.settle(call))).toBe(expected);
      }
      expect(await booked(bench)).toMatchObject({ capturedMinor: 0, held: 1_000 });
    }));

  test("several captures at once take the money once", () =>
    using(async (bench) => {
      const reference = await authorised(bench);
      const calls = [1, 2, 3].map((step) =>
        bench.host.capture(`${order(1)}/${step}/capture`, reference, eur(600), EVIDENCE),
      );
      const answers = (await bench.settle(Promise.all(calls))).map(why);
      expect(answers.sort()).toEqual(["amount", "amount", "approved"]);
      expect(await booked(bench)).toMatchObject({ capturedMinor: 600 });
    }));
}

function describeGivingBack(using: Using): void {
  test("parts are given back until nothing is left, each attempt once", () =>
    using(async (bench) => {
      const reference = await captured(bench, 900);
      const back = (step: number, amountMinor: number): Promise<HostAnswer> =>
        bench.settle(bench.host.refund(`${order(1)}/${step}/refund`, reference, eur(amountMinor)));
      expect(await back(1, 400)).toMatchObject({ kind: "approved", amountMinor: 400 });
      expect(await back(1, 400)).toMatchObject({ kind: "approved", amountMinor: 400 });
      expect(why(await back(2, 501))).toBe("amount");
      expect(await back(3, 500)).toMatchObject({ kind: "approved", amountMinor: 500 });
      expect(why(await back(4, 1))).toBe("amount");
      expect(await booked(bench)).toMatchObject({ capturedMinor: 900, refundedMinor: 900 });
    }));

  test("refunds at once never give back more than was taken", () =>
    using(async (bench) => {
      const reference = await captured(bench, 900);
      const calls = [1, 2, 3].map((step) =>
        bench.host.refund(`${order(1)}/${step}/refund`, reference, eur(400)),
      );
      const answers = (await bench.settle(Promise.all(calls))).map(why);
      expect(answers.sort()).toEqual(["amount", "approved", "approved"]);
      expect(await booked(bench)).toMatchObject({ refundedMinor: 800 });
    }));

  test("nothing is given back of what was not taken, or of nobody's", () =>
    using(async (bench) => {
      const reference = await authorised(bench);
      const early = bench.host.refund(`${order(1)}/1/refund`, reference, eur(1));
      expect(why(await bench.settle(early))).toBe("amount");
      const nobody = bench.host.refund(`${order(1)}/2/refund`, "nobody", eur(1));
      expect(why(await bench.settle(nobody))).toBe("unknown-reference");
      const odd = { amountMinor: 1, currency: "USD" };
      const foreign = bench.host.refund(`${order(1)}/3/refund`, reference, odd);
      expect(why(await bench.settle(foreign))).toBe("amount");
      expect(await booked(bench)).toMatchObject({ refundedMinor: 0, held: 1_000 });
    }));

  test("a closed batch holds what was taken and given back since the one before", () =>
    using(async (bench) => {
      const close = bench.host.closeBatch?.bind(bench.host);
      const reference = await captured(bench, 900);
      await bench.settle(bench.host.refund(`${order(1)}/1/refund`, reference, eur(200)));
      if (close === undefined) {
        // This host has no batches: its peer settles by itself.
        expect(bench.host.closeBatch).toBeUndefined();
        return;
      }
      const first = await bench.settle(close("batch/1"));
      const sums = { captures: 1, capturedMinor: 900, refunds: 1, refundedMinor: 200 };
      expect(first).toMatchObject({ kind: "closed", ...sums });
      expect(await bench.settle(close("batch/1"))).toEqual(first);
      const none = { captures: 0, capturedMinor: 0, refunds: 0, refundedMinor: 0 };
      expect(await bench.settle(close("batch/2"))).toMatchObject({ kind: "closed", ...none });
    }));
}

function describeUndoing(using: Using): void {
  const undo = (bench: HostBench, key = "reverse", target = ATTEMPT): Promise<HostAnswer> =>
    bench.settle(bench.host.reverse(`${order(1)}/1/${key}`, target));

  test("what was held is released, once and for all", () =>
    using(async (bench) => {
      const reference = await authorised(bench);
      expect(await undo(bench)).toMatchObject({ kind: "approved" });
      expect(await undo(bench)).toMatchObject({ kind: "approved" });
      expect(await undo(bench, "reverse-again")).toMatchObject({ kind: "approved" });
      const capture = bench.host.capture(`${order(1)}/1/capture`, reference, eur(500), EVIDENCE);
      expect(why(await bench.settle(capture))).toBe("amount");
      const again = bench.host.authorise(ATTEMPT, ...paying(bench));
      expect(why(await bench.settle(again))).toBe("declined");
      expect(await booked(bench)).toMatchObject({ capturedMinor: 0, held: 0, payments: 1 });
    }));

  test("what was taken goes back, less what was given back before", () =>
    using(async (bench) => {
      const reference = await captured(bench, 900);
      await bench.settle(bench.host.refund(`${order(1)}/1/refund`, reference, eur(200)));
      expect(await undo(bench)).toMatchObject({ kind: "approved" });
      expect(await undo(bench, "reverse-again")).toMatchObject({ kind: "approved" });
      expect(await booked(bench)).toMatchObject({ capturedMinor: 900, refundedMinor: 900 });
      const more = bench.host.refund(`${order(1)}/2/refund`, reference, eur(1));
      expect(why(await bench.settle(more))).toBe("amount");
    }));

  test("I2: what never arrived never will", () =>
    using(async (bench) => {
      expect(await undo(bench)).toMatchObject({ kind: "approved" });
      const late = bench.host.authorise(ATTEMPT, ...paying(bench));
      expect(why(await bench.settle(late))).toBe("declined");
      expect((await booked(bench)).payments).toBe(0);
    }));

  test("a refund that was made cannot be undone; one that never arrived never will", () =>
    using(async (bench) => {
      const reference = await captured(bench, 900);
      const [made, never] = [`${order(1)}/1/refund`, `${order(1)}/2/refund`];
      await bench.settle(bench.host.refund(made, reference, eur(200)));
      expect(why(await undo(bench, "reverse", made))).toBe("declined");
      expect(await undo(bench, "reverse-2", never)).toMatchObject({ kind: "approved" });
      const late = await bench.settle(bench.host.refund(never, reference, eur(100)));
      expect(why(late)).toBe("declined");
      expect(await booked(bench)).toMatchObject({ capturedMinor: 900, refundedMinor: 200 });
    }));
}
