// The Stripe host against answers that are not to be believed, and against power cuts.

import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { bindingOf, order } from "../../contract/payment-host-payer.ts";
import type { StripeBench } from "../../support/stripe-bench.ts";
import {
  AUTHORISE,
  authorise,
  bench,
  CAPTURE,
  closeBenches,
  EVIDENCE,
  eur,
  insist,
  REFUND,
  REVERSE,
  referenceOf,
  sums,
} from "../../support/stripe-calls.ts";

afterEach(closeBenches);

describe("answers that are not believed", () => {
  const odd: [string, RegExp, (body: Record<string, unknown>) => void][] = [
    ["of live money", /\/confirm$/, (body) => Object.assign(body, { livemode: true })],
    ["of another attempt", /\/confirm$/, (body) => Object.assign(body, { metadata: {} })],
    ["of another intent", /payment_intents$/, (body) => Object.assign(body, { metadata: {} })],
    ["of another price", /payment_intents$/, (body) => Object.assign(body, { amount: 9_000 })],
    ["of a higher price", /\/confirm$/, (body) => Object.assign(body, { amount: 9_000 })],
    ["with no amount", /\/confirm$/, (body) => Object.assign(body, { amount_capturable: 0 })],
    ["with half a cent", /\/confirm$/, (body) => Object.assign(body, { amount_capturable: 1.5 })],
    ["with an odd name", /payment_intents$/, (body) => Object.assign(body, { id: "../refunds" })],
    ["that still decide", /\/confirm$/, (body) => Object.assign(body, { status: "processing" })],
    ["of no status", /\/confirm$/, (body) => Object.assign(body, { status: 7 })],
  ];
  test.each(odd)("an authorisation's, %s", async (_, asked, change) => {
    const it = await bench();
    it.mock.fail(asked, { change });
    expect(await authorise(it)).toMatchObject({ kind: "no-answer" });
    expect(await insist(() => authorise(it))).toMatchObject({ kind: "approved" });
    expect(sums(it).held).toBe(1_000);
  });

  test("a capture's of another amount, a refund's of another payment", async () => {
    const it = await bench();
    const reference = referenceOf(await authorise(it));
    it.mock.fail(/\/capture$/, {
      change: (body) => Object.assign(body, { amount_received: 1_000 }),
    });
    const capture = () => it.host.capture(CAPTURE, reference, eur(600), EVIDENCE);
    expect(await capture()).toMatchObject({ kind: "no-answer" });
    expect(await insist(capture)).toMatchObject({ kind: "approved", amountMinor: 600 });
    it.mock.fail(/^POST .*refunds$/, {
      change: (body) => Object.assign(body, { payment_intent: "pi_other" }),
    });
    const refund = () => it.host.refund(REFUND, reference, eur(100));
    expect(await refund()).toMatchObject({ kind: "no-answer" });
    expect(await insist(refund)).toMatchObject({ kind: "approved", amountMinor: 100 });
    expect(sums(it)).toEqual({ held: 0, taken: 600, back: 100 });
  });

  test("whatever a confirmation's fields are, nothing is approved that is not held, and nothing throws", async () => {
    const it = await bench();
    let number = 0;
    const fields = ["id", "status", "amount", "amount_capturable", "currency", "metadata"];
    const more = ["latest_charge", "last_payment_error", "livemode", "error", "amount_received"];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...fields, ...more), fc.jsonValue(), async (name, value) => {
        number += 1;
        const attempt = `${order(number)}/1/authorise`;
        it.mock.fail(/\/confirm$/, { change: (body) => Object.assign(body, { [name]: value }) });
        const token = new TextEncoder().encode("pm_card_visa");
        const credential = { kind: "token", payerKey: new Uint8Array(32), token } as const;
        const binding = bindingOf({ offer: number % 256 });
        const answer = await it.host.authorise(attempt, credential, {
          ...binding,
          offer: Uint8Array.from(binding.offer, (_, i) => (number >> (i % 4)) & 255),
        });
        const heldMinor = [...it.mock.ledger.intents.values()].at(-1)?.amountCapturable ?? 0;
        if (answer.kind === "approved") expect(answer.amountMinor).toBeLessThanOrEqual(heldMinor);
        const named = answer.kind === "approved" ? (answer.record?.merchantId ?? "") : "M1";
        expect(named).toBe("M1");
      }),
      { numRuns: 150 },
    );
  });
});

describe("whether it can be asked at this moment", () => {
  test("the last two requests failed to connect: out of reach; one answer, and it is there again", async () => {
    const it = await bench();
    const reference = referenceOf(await authorise(it));
    await it.mock.down();
    const ask = () => it.host.capture(CAPTURE, reference, eur(600), EVIDENCE);
    expect((await ask()).kind).toBe("no-answer");
    expect(it.host.trouble?.()).toBeUndefined();
    expect((await ask()).kind).toBe("no-answer");
    expect(it.host.trouble?.()).toBe("the payment host cannot be reached");
    await it.mock.up();
    await ask();
    expect(it.host.trouble?.()).toBeUndefined();
  });

  test("it is reached and silent: it does not answer; an answer that is no good is one all the same", async () => {
    const it = await bench();
    for (let n = 0; n < 2; n++) {
      it.mock.fail(/payment_intents$/, "lose-request");
      expect((await authorise(it)).kind).toBe("no-answer");
    }
    expect(it.host.trouble?.()).toBe("the payment host does not answer");
    it.mock.fail(/payment_intents$/, "server-error");
    expect((await authorise(it)).kind).toBe("no-answer");
    expect(it.host.trouble?.()).toBeUndefined();
  });
});

describe("power cuts", () => {
  /** Cuts the power at the commit of that number; the promise that waits for it never settles. */
  async function cutAt(cut: number, phase: "before" | "after"): Promise<StripeBench | undefined> {
    let commits = 0;
    let dark = (): void => undefined;
    const darkness = new Promise<"dark">((resolve) => {
      dark = () => resolve("dark");
    });
    const it: StripeBench = await bench(250, (at) => {
      if (at === "before") commits += 1;
      if (commits !== cut || at !== phase) return;
      it.disk.crash();
      dark();
    });
    const sale = async (): Promise<"sold"> => {
      const reference = referenceOf(await authorise(it));
      await it.host.capture(CAPTURE, reference, eur(600), EVIDENCE);
      await it.host.refund(REFUND, reference, eur(100));
      return "sold";
    };
    const end = await Promise.race([sale(), darkness]);
    if (end === "sold") return undefined;
    commits = Number.NaN;
    it.reopen();
    return it;
  }

  test("I2 I6: at every commit, before and after: found out and finished, or undone", async () => {
    let cuts = 0;
    for (let cut = 1; cut < 20; cut++) {
      let sold = false;
      for (const phase of ["before", "after"] as const) {
        for (const isUndone of [false, true]) {
          const it = await cutAt(cut, phase);
          sold ||= it === undefined;
          if (it === undefined) continue;
          cuts += 1;
          const told = await it.host.query(AUTHORISE);
          if (isUndone || told.kind !== "approved") {
            expect(await insist(() => it.host.reverse(REVERSE, AUTHORISE))).toMatchObject({
              kind: "approved",
            });
            const { held, taken, back } = sums(it);
            expect([held, taken - back]).toEqual([0, 0]);
            continue;
          }
          const { reference } = told;
          await insist(() => it.host.capture(CAPTURE, reference, eur(600), EVIDENCE));
          await insist(() => it.host.refund(REFUND, reference, eur(100)));
          expect(sums(it)).toEqual({ held: 0, taken: 600, back: 100 });
        }
      }
      if (sold) break;
    }
    // Two commits to authorise, two to capture, two to refund; each cut before and after, each ended in two ways.
    expect(cuts).toBe(24);
  });
});
