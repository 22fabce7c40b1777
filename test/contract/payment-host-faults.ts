// The PaymentHost contract, third part: requests and answers that are lost, late, doubled or made up.

import { describe, expect, test } from "vitest";
import type { HostAnswer } from "../../hal/payment-host.ts";
import { type HostFault, insist, type Using } from "./payment-host-bench.ts";
import { booked, referenceOf, why } from "./payment-host-money.ts";
import { order, paying } from "./payment-host-payer.ts";

const ATTEMPT = `${order(1)}/1/authorise`;
/** Longer than any peer in these tests is late. */
const LATE_MS = 10_000;

export function describeFaults(using: Using, faults: readonly HostFault[]): void {
  describe.each(faults)("%s", (fault) => {
    test("I2: repeated until it is answered, it is charged once", () =>
      using(async (bench) => {
        const card = await bench.arrange(fault);
        const pay = paying(bench, { card });
        const first = await bench.settle(bench.host.authorise(ATTEMPT, ...pay));
        expect(first.kind).toBe(fault === "answer-twice" ? "approved" : "no-answer");
        await bench.heal();
        const answer = await insist(bench, () => bench.host.authorise(ATTEMPT, ...pay));
        expect(answer).toMatchObject({ kind: "approved", amountMinor: 1_000 });
        expect(await booked(bench)).toMatchObject({ payments: 1, held: 1_000 });
        const reference = referenceOf(answer);
        expect([...(await bench.books()).keys()]).toContain(reference);
      }));

    test("I2: undone instead, nothing is held, and it never comes back", () =>
      using(async (bench) => {
        const card = await bench.arrange(fault);
        const pay = paying(bench, { card });
        await bench.settle(bench.host.authorise(ATTEMPT, ...pay));
        await bench.heal();
        const key = `${order(1)}/1/reverse`;
        const undone = await insist(bench, () => bench.host.reverse(key, ATTEMPT));
        expect(undone).toMatchObject({ kind: "approved" });
        await bench.pause(LATE_MS);
        const again = await insist(bench, () => bench.host.authorise(ATTEMPT, ...pay));
        expect(why(again)).toBe("declined");
        expect(await booked(bench)).toMatchObject({ held: 0, capturedMinor: 0 });
      }));

    test("after a restart the outcome is found out, or it is undone", () =>
      using(async (bench) => {
        const card = await bench.arrange(fault);
        const pay = paying(bench, { card });
        await bench.settle(bench.host.authorise(ATTEMPT, ...pay));
        await bench.heal();
        const host = await bench.restart();
        if (host.canQuery) {
          const told = await insist(bench, () => host.query(ATTEMPT));
          const { payments } = await booked(bench);
          expect(why(told)).toBe(payments === 1 ? "approved" : "unknown-reference");
        }
        const key = `${order(1)}/1/reverse`;
        expect(await insist(bench, () => host.reverse(key, ATTEMPT))).toMatchObject({
          kind: "approved",
        });
        expect(await booked(bench)).toMatchObject({ held: 0, capturedMinor: 0 });
      }));
  });

  if (!faults.includes("answer-late")) return;
  test("what comes late or twice is told, or can be asked", () =>
    using(async (bench) => {
      const heard: [string, HostAnswer][] = [];
      const other: unknown[] = [];
      bench.host.onLateAnswer((...late) => other.push(late));
      bench.host.onLateAnswer((attempt, answer) => heard.push([attempt, answer]));
      const pay = paying(bench, { card: await bench.arrange("answer-late") });
      const first = await bench.settle(bench.host.authorise(ATTEMPT, ...pay));
      expect(first).toMatchObject({ kind: "no-answer" });
      await bench.pause(LATE_MS);
      await bench.heal();
      if (heard.length === 0) heard.push([ATTEMPT, await bench.settle(bench.host.query(ATTEMPT))]);
      expect(heard).toMatchObject([[ATTEMPT, { kind: "approved", amountMinor: 1_000 }]]);
      expect(other).toEqual([]);
    }));
}
