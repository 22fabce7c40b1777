// The Stripe adapter where its peer or the network fails in ways of Stripe's own: late confirmations, keys that only
// repeat a failure, keys that were forgotten, power cuts between disk and network. Real library, real TCP.

import { afterEach, describe, expect, test } from "vitest";
import { openNodeCrypto } from "../../../hal/linux/node-crypto.ts";
import { bindingOf, credentialOf, order } from "../../contract/payment-host-payer.ts";
import {
  AUTHORISE,
  authorise,
  bench,
  CAPTURE,
  CARD,
  closeBenches,
  EVIDENCE,
  eur,
  insist,
  payWith,
  QUICK,
  REFUND,
  REVERSE,
  referenceOf,
  sums,
} from "../../support/stripe-calls.ts";

afterEach(closeBenches);

describe("what travels", () => {
  test("the intent names attempt, order and offer; the capture its evidence; no card number travels", async () => {
    const it = await bench();
    const reference = referenceOf(await authorise(it));
    await it.host.capture(CAPTURE, reference, eur(600), EVIDENCE);
    const body = it.mock.ledger.list().body as { data: { id: string; metadata: unknown }[] };
    const offer = "01".repeat(16);
    const metadata = { attempt: AUTHORISE, order: order(1), offer, capture: CAPTURE };
    expect(body.data).toMatchObject([
      { id: reference, metadata: { ...metadata, evidence: "cafe" } },
    ]);
    const traffic = it.mock.received.join(" ");
    expect(traffic).toContain("pm_card_visa");
    expect(traffic).not.toContain(CARD);
  });

  test("evidence that is too long for Stripe is kept as its digest", async () => {
    const it = await bench();
    const reference = referenceOf(await authorise(it));
    await it.host.capture(CAPTURE, reference, eur(600), new Uint8Array(241));
    const [intent] = it.mock.ledger.intents.values();
    expect(intent?.metadata["evidence"]).toMatch(/^sha512:[0-9a-f]{128}$/);
  });

  test("a payment method that the payer made at Stripe pays as it is", async () => {
    const it = await bench();
    const answer = await payWith(it, "pm_card_mastercard");
    expect(answer).toMatchObject({
      card: { network: "mastercard", maskedPan: "************4444", expiry: "3012" },
      record: { merchantId: "M1", terminalId: "T1", authCode: "A1B2C3" },
    });
    expect(it.stored()).not.toContain("pm_card");
  });

  test.each([
    ["pm_card_threeDSecure2Required", "declined", "authentication_required"],
    ["pm_nobodys", "credential-invalid", "resource_missing"],
  ])("%s is refused: nobody is there to prove who he is", async (method, why, responseCode) => {
    const it = await bench();
    expect(await payWith(it, method)).toMatchObject({ kind: "declined", why, responseCode });
    expect(sums(it).held).toBe(0);
  });

  test("I12: a number that is no documented test card is refused before anything is sent", async () => {
    const it = await bench();
    const answer = await authorise(it, undefined, "4929000000006");
    expect(answer).toMatchObject({ kind: "declined", why: "credential-invalid" });
    expect(it.mock.asked).toEqual([]);
  });

  test("what our own books do not allow is not even sent", async () => {
    const it = await bench();
    const reference = referenceOf(await authorise(it));
    const odd = [1_001, 0, -1, 1.5, Number.NaN];
    for (const [index, amountMinor] of odd.entries()) {
      await it.host.capture(`${CAPTURE}/${index}`, reference, eur(amountMinor), EVIDENCE);
    }
    await it.host.refund(REFUND, reference, eur(1));
    await it.host.capture(CAPTURE, reference, eur(600), EVIDENCE);
    await it.host.capture(`${CAPTURE}/again`, reference, eur(100), EVIDENCE);
    await it.host.refund(`${REFUND}/1`, reference, eur(400));
    await it.host.refund(`${REFUND}/2`, reference, eur(201));
    const sent = it.mock.asked.slice(2).map((asked) => asked.replace(/^.*\//, ""));
    expect(sent).toEqual(["capture", "refunds"]);
  });

  test("naming the capture undoes the payment too, and what was signed may be held anew", async () => {
    const it = await bench();
    const reference = referenceOf(await authorise(it));
    await it.host.capture(CAPTURE, reference, eur(600), EVIDENCE);
    expect(await it.host.reverse(REVERSE, CAPTURE)).toMatchObject({ kind: "approved" });
    expect(sums(it)).toEqual({ held: 0, taken: 600, back: 600 });
    const crypto = openNodeCrypto();
    const cards = { approve: CARD, decline: CARD };
    const credential = credentialOf({ host: it.host, crypto, cards } as never);
    const anew = it.host.authorise(`${order(1)}/2/authorise`, credential, bindingOf());
    expect(await anew).toMatchObject({ kind: "approved", amountMinor: 1_000 });
  });

  test("I1: a capture whose answer was lost is no capture any more after the reversal", async () => {
    const it = await bench();
    const reference = referenceOf(await authorise(it));
    it.mock.fail(/\/capture$/, "reset");
    const capture = () => it.host.capture(CAPTURE, reference, eur(600), EVIDENCE);
    expect(await capture()).toMatchObject({ kind: "no-answer" });
    expect(await it.host.reverse(REVERSE, AUTHORISE)).toMatchObject({ kind: "approved" });
    expect(sums(it)).toEqual({ held: 0, taken: 600, back: 600 });
    expect(await it.host.query(CAPTURE)).toMatchObject({ kind: "declined" });
    expect(await capture()).toMatchObject({ kind: "declined" });
    it.reopen();
    expect(await capture()).toMatchObject({ kind: "declined" });
  });

  test.each(["ISK", "UGX", "MGA", "KWD"])(
    "I1: %s, whose minor unit is another one at Stripe, is refused before anything is sent",
    async (currency) => {
      const it = await bench();
      const crypto = openNodeCrypto();
      const cards = { approve: CARD, decline: CARD };
      const credential = credentialOf({ host: it.host, crypto, cards } as never, { currency });
      expect(await it.host.authorise(AUTHORISE, credential, bindingOf({ currency }))).toEqual({
        ...{ kind: "declined", why: "amount", responseCode: "currency-not-supported" },
      });
      expect(it.mock.asked).toEqual([]);
    },
  );

  test("an amount below Stripe's smallest is declined as such", async () => {
    const it = await bench();
    expect(await authorise(it, 10)).toMatchObject({
      ...{ kind: "declined", why: "amount", responseCode: "amount_too_small" },
    });
  });

  test("what is held in part is approved in part", async () => {
    const it = await bench();
    it.mock.ledger.approvedPercent = 40;
    const answer = await authorise(it);
    expect(answer).toMatchObject({ kind: "approved", amountMinor: 400 });
    const more = await it.host.capture(CAPTURE, referenceOf(answer), eur(401), EVIDENCE);
    expect(more).toMatchObject({ kind: "declined", why: "amount" });
    expect(sums(it)).toEqual({ held: 400, taken: 0, back: 0 });
  });
});

describe("late and broken", () => {
  test("I2: a confirmation that arrives after the reversal holds nothing", async () => {
    const it = await bench(100);
    it.mock.fail(/\/confirm$/, "stall");
    expect(await authorise(it)).toMatchObject({ kind: "no-answer" });
    expect(await insist(() => it.host.reverse(REVERSE, AUTHORISE))).toMatchObject({
      kind: "approved",
    });
    it.mock.release();
    expect(sums(it)).toEqual({ held: 0, taken: 0, back: 0 });
    expect(await it.host.query(AUTHORISE)).toMatchObject({ kind: "declined", why: "declined" });
  });

  test("a connection that breaks is not tried again behind our back", async () => {
    const it = await bench();
    it.mock.fail(/\/confirm$/, "reset");
    expect(await authorise(it)).toEqual({ kind: "no-answer", message: "connection: ECONNRESET" });
    expect(it.mock.asked.filter((asked) => asked.endsWith("/confirm"))).toHaveLength(1);
  });

  test("an answer that is too large is not held", async () => {
    const it = await bench();
    it.mock.fail(/\/confirm$/, "huge");
    const message = "connection: answer too large";
    expect(await authorise(it)).toEqual({ kind: "no-answer", message });
  });

  test("an answer that comes byte by byte ends at the deadline", async () => {
    const it = await bench(100);
    it.mock.fail(/\/confirm$/, "slow-drip");
    expect(await authorise(it)).toEqual({ kind: "no-answer", message: "connection: no answer" });
  });

  test.each(QUICK)("making an intent that ends in %s is repeated", async (fault) => {
    const it = await bench();
    it.mock.fail(/payment_intents$/, fault);
    expect(await authorise(it)).toMatchObject({ kind: "no-answer" });
    expect(await insist(() => authorise(it))).toMatchObject({ kind: "approved" });
    expect(sums(it).held).toBe(1_000);
  });

  test.each(QUICK)("a capture that ends in %s takes the money once", async (fault) => {
    const it = await bench();
    const reference = referenceOf(await authorise(it));
    it.mock.fail(/\/capture$/, fault);
    const call = () => it.host.capture(CAPTURE, reference, eur(600), EVIDENCE);
    expect(await call()).toMatchObject({ kind: "no-answer" });
    it.mock.forgetKeys();
    expect(await insist(call)).toMatchObject({ kind: "approved", amountMinor: 600 });
    expect(await it.host.query(CAPTURE)).toMatchObject({ kind: "approved", amountMinor: 600 });
    expect(sums(it)).toEqual({ held: 0, taken: 600, back: 0 });
  });

  test("I2: what an unanswered capture took is not taken for another one's", async () => {
    const it = await bench();
    const reference = referenceOf(await authorise(it));
    it.mock.fail(/\/capture$/, "reset");
    const call = (key: string) => it.host.capture(key, reference, eur(600), EVIDENCE);
    expect(await call(CAPTURE)).toMatchObject({ kind: "no-answer" });
    expect(await call(`${order(1)}/2/capture`)).toMatchObject({ kind: "declined", why: "amount" });
    expect(await call(CAPTURE)).toMatchObject({ kind: "approved", amountMinor: 600 });
    expect(sums(it)).toEqual({ held: 0, taken: 600, back: 0 });
  });

  test.each(QUICK)("a refund that ends in %s gives back once, a day later too", async (fault) => {
    const it = await bench();
    const reference = referenceOf(await authorise(it));
    await it.host.capture(CAPTURE, reference, eur(600), EVIDENCE);
    it.mock.fail(/^POST .*refunds$/, fault);
    const call = () => it.host.refund(REFUND, reference, eur(250));
    expect(await call()).toMatchObject({ kind: "no-answer" });
    it.mock.forgetKeys();
    it.reopen();
    expect(await insist(call)).toMatchObject({ kind: "approved", amountMinor: 250 });
    expect(sums(it)).toEqual({ held: 0, taken: 600, back: 250 });
  });

  test.each(QUICK)(
    "a reversal that ends in %s is repeated until nothing is left",
    async (fault) => {
      for (const isTaken of [false, true]) {
        const it = await bench();
        const reference = referenceOf(await authorise(it));
        if (isTaken) await it.host.capture(CAPTURE, reference, eur(600), EVIDENCE);
        it.mock.fail(isTaken ? /^POST .*refunds$/ : /\/cancel$/, fault);
        const call = () => it.host.reverse(REVERSE, AUTHORISE);
        expect(await call()).toMatchObject({ kind: "no-answer" });
        // Until it is undone nobody says what became of it, and nothing is sent for it.
        const undoing = { kind: "no-answer", message: "it is being undone" };
        expect(await authorise(it)).toEqual(undoing);
        expect(await it.host.query(AUTHORISE)).toEqual(undoing);
        it.mock.forgetKeys();
        it.reopen();
        expect(await insist(call)).toMatchObject({ kind: "approved" });
        const back = isTaken ? 600 : 0;
        expect(sums(it)).toEqual({ held: 0, taken: back, back });
      }
    },
  );
});
