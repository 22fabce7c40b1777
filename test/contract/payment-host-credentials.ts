// The PaymentHost contract, second part: whose money, for what, and what the host says no to.

import { beforeEach, describe, expect, test } from "vitest";
import type { HostAnswer, HostBinding, HostCredential } from "../../hal/payment-host.ts";
import type { HostBench, Using } from "./payment-host-bench.ts";
import { booked, referenceOf, why } from "./payment-host-money.ts";
import { bindingOf, credentialOf, order, PAYER_SECRET, paying } from "./payment-host-payer.ts";

type TokenCredential = Extract<HostCredential, { kind: "token" }>;

const ATTEMPT = `${order(1)}/1/authorise`;

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
}

function pay(bench: HostBench, credential: HostCredential, binding: HostBinding, key = ATTEMPT) {
  return bench.settle(bench.host.authorise(key, credential, binding));
}

export function describeCredentials(using: Using, kind: "sealed" | "present"): void {
  describe("credentials", () => {
    describe("made beforehand", () => {
      beforeEach(({ skip }) => skip(kind === "present", "the host reads the card itself"));
      describeSealed(using);
      describeTokens(using);
    });
    if (kind === "present") describeRefused(using);
    describeDeclines(using);
    describeQuestions(using);
  });
}

function describeRefused(using: Using): void {
  test("a credential that was made beforehand is refused, and no card is asked for", () =>
    using(async (bench) => {
      const payerKey = bench.crypto.boxPublicKey(PAYER_SECRET);
      const part = new Uint8Array(24);
      const made: HostCredential[] = [
        { kind: "sealed", payerKey, nonce: part, box: part },
        { kind: "token", payerKey, token: part },
      ];
      for (const credential of made) {
        expect(why(await pay(bench, credential, bindingOf()))).toBe("credential-invalid");
        const asked = bench.host.tokenise(ATTEMPT, credential, bindingOf());
        expect(why(await bench.settle(asked))).toBe("credential-invalid");
      }
      expect((await booked(bench)).payments).toBe(0);
    }));
}

function describeSealed(using: Using): void {
  test("bound to another offer, amount or currency: refused, and the true one is good afterwards", () =>
    using(async (bench) => {
      const credential = credentialOf(bench);
      const others = [{ offer: 2 }, { amountMinor: 999 }, { amountMinor: 1_001 }];
      for (const [index, sealing] of [...others, { currency: "USD" }].entries()) {
        const key = `${order(1)}/${index + 2}/authorise`;
        const answer = await pay(bench, credential, bindingOf(sealing), key);
        expect(why(answer)).toBe("credential-mismatch");
      }
      expect(await pay(bench, credential, bindingOf())).toMatchObject({ kind: "approved" });
    }));

  test("spent for one order, it is worth nothing to another", () =>
    using(async (bench) => {
      const [credential, binding] = paying(bench);
      const part = bench.host.authorise(ATTEMPT, credential, binding, 100);
      expect(await bench.settle(part)).toMatchObject({ kind: "approved" });
      const other = await pay(bench, credential, binding, `${order(2)}/1/authorise`);
      expect(why(other)).toBe("credential-used");
      expect(await booked(bench)).toMatchObject({ payments: 1, authorisedMinor: 100 });
    }));

  test("I2: spent for two orders at once, it pays one of them", () =>
    using(async (bench) => {
      const [credential, binding] = paying(bench);
      const calls = [1, 2, 3].map((number) =>
        bench.host.authorise(`${order(number)}/1/authorise`, credential, binding),
      );
      const answers = (await bench.settle(Promise.all(calls))).map(why);
      expect(answers.sort()).toEqual(["approved", "credential-used", "credential-used"]);
      expect(await booked(bench)).toMatchObject({ payments: 1, held: 1_000 });
    }));

  test("a box that was touched, is of another payer or holds no card is refused", () =>
    using(async (bench) => {
      const good = credentialOf(bench);
      if (good.kind !== "sealed") return;
      const touched = { ...good, box: good.box.map((byte, i) => (i === 20 ? byte ^ 1 : byte)) };
      const other = credentialOf(bench, { secret: new Uint8Array(32).fill(9) });
      if (other.kind !== "sealed") return;
      const stolen = { ...good, payerKey: other.payerKey };
      const short = { ...good, box: good.box.subarray(0, 30) };
      const empty = { ...good, box: new Uint8Array() };
      const luhn = credentialOf(bench, { card: "4111111111111112" });
      const words = credentialOf(bench, { card: "4000000000 00010" });
      const bad = [touched, stolen, short, empty, luhn, words];
      for (const [index, credential] of bad.entries()) {
        const key = `${order(1)}/${index + 1}/authorise`;
        expect(why(await pay(bench, credential, bindingOf(), key))).toBe("credential-invalid");
      }
      expect((await booked(bench)).payments).toBe(0);
    }));
}

function describeTokens(using: Using): void {
  const tokenise = async (bench: HostBench): Promise<TokenCredential> => {
    const [credential, binding] = paying(bench);
    const key = `${order(1)}/1/tokenise`;
    const answer = await bench.settle(bench.host.tokenise(key, credential, binding));
    expect(await bench.settle(bench.host.tokenise(key, credential, binding))).toEqual(answer);
    const token = fromHex(referenceOf(answer));
    return { kind: "token", payerKey: bench.crypto.boxPublicKey(PAYER_SECRET), token };
  };

  test("a token pays what the credential would have paid, and no more in all", () =>
    using(async (bench) => {
      const token = await tokenise(bench);
      const [credential, binding] = paying(bench);
      const part = (key: string, by: HostCredential, amountMinor: number): Promise<HostAnswer> =>
        bench.settle(bench.host.authorise(`${order(1)}/${key}`, by, binding, amountMinor));
      expect(await part("1/authorise", token, 600)).toMatchObject({ amountMinor: 600 });
      expect(why(await part("2/authorise", credential, 401))).toBe("amount");
      expect(await part("3/authorise", credential, 400)).toMatchObject({ amountMinor: 400 });
      expect(await booked(bench)).toMatchObject({ authorisedMinor: 1_000 });
    }));

  test("it is bound as the credential was: other offers, amounts, payers and orders are refused", () =>
    using(async (bench) => {
      const token = await tokenise(bench);
      for (const [index, sealing] of [{ offer: 2 }, { amountMinor: 2_000 }].entries()) {
        const answer = await pay(bench, token, bindingOf(sealing), `${order(1)}/${index + 2}/a`);
        expect(why(answer)).toBe("credential-mismatch");
      }
      const payerKey = bench.crypto.boxPublicKey(new Uint8Array(32).fill(9));
      const stolen = await pay(bench, { ...token, payerKey }, bindingOf(), `${order(1)}/4/a`);
      expect(why(stolen)).toBe("credential-invalid");
      const other = await pay(bench, token, bindingOf(), `${order(2)}/1/authorise`);
      expect(why(other)).toBe("credential-used");
      expect(await pay(bench, token, bindingOf())).toMatchObject({ kind: "approved" });
    }));

  test.each([[[]], [[1, 2, 3]], [new Array(64).fill(0x41)], [new Array(300).fill(0xff)]])(
    "bytes that are no token are refused",
    (bytes) =>
      using(async (bench) => {
        const payerKey = bench.crypto.boxPublicKey(PAYER_SECRET);
        const token = Uint8Array.from(bytes);
        const answer = await pay(bench, { kind: "token", payerKey, token }, bindingOf());
        expect(why(answer)).toBe("credential-invalid");
      }),
  );
}

function describeDeclines(using: Using): void {
  test("a declined card is declined for good, with the code that the host gives", () =>
    using(async (bench) => {
      for (const [index, card] of [bench.cards.decline, bench.cards.insufficient].entries()) {
        if (card === undefined) continue;
        const sealing = { card, nonce: index + 1 };
        const key = `${order(index + 1)}/1/authorise`;
        const answer = await pay(bench, ...paying(bench, sealing), key);
        expect(answer).toMatchObject({ kind: "declined", why: "declined" });
        expect(answer.kind === "declined" ? answer.responseCode : "").toMatch(
          /^[\x21-\x7e]{2,40}$/,
        );
        expect(await pay(bench, ...paying(bench, sealing), key)).toEqual(answer);
      }
      expect(await booked(bench)).toMatchObject({ payments: 0, held: 0 });
    }));

  test("a declined card leaves room for another within the same order", () =>
    using(async (bench) => {
      const first = await pay(bench, ...paying(bench, { card: bench.cards.decline }));
      expect(why(first)).toBe("declined");
      const second = await pay(bench, ...paying(bench, { nonce: 2 }), `${order(1)}/1/authorise/2`);
      expect(second).toMatchObject({ kind: "approved", amountMinor: 1_000 });
    }));

  test("a part of what was asked may be approved: the peer holds that, and no more is taken", () =>
    using(async (bench) => {
      const { partial } = bench.cards;
      if (partial === undefined) {
        // This host approves all or nothing.
        expect(partial).toBeUndefined();
        return;
      }
      const answer = await pay(bench, ...paying(bench, { card: partial }));
      expect(answer).toMatchObject({ kind: "approved" });
      const amountMinor = answer.kind === "approved" ? answer.amountMinor : 0;
      expect(amountMinor).toBeGreaterThan(0);
      expect(amountMinor).toBeLessThan(1_000);
      const reference = referenceOf(answer);
      expect((await booked(bench)).held).toBe(amountMinor);
      const capture = (step: number, more: number): Promise<HostAnswer> => {
        const amount = { amountMinor: amountMinor + more, currency: "EUR" };
        const key = `${order(1)}/${step}/capture`;
        return bench.settle(bench.host.capture(key, reference, amount, new Uint8Array(4)));
      };
      expect(why(await capture(1, 1))).toBe("amount");
      expect(await capture(2, 0)).toMatchObject({ kind: "approved", amountMinor });
      expect(await booked(bench)).toMatchObject({ capturedMinor: amountMinor });
    }));
}

function describeQuestions(using: Using): void {
  test("an outcome can be asked for, or the host says that it cannot be asked", () =>
    using(async (bench) => {
      const { host } = bench;
      const ask = (attempt: string): Promise<HostAnswer> => bench.settle(host.query(attempt));
      const approved = await pay(bench, ...paying(bench));
      const declined = await pay(
        bench,
        ...paying(bench, { card: bench.cards.decline, nonce: 2 }),
        `${order(2)}/1/authorise`,
      );
      const reference = referenceOf(approved);
      const amount = { amountMinor: 600, currency: "EUR" };
      const key = `${order(1)}/1/capture`;
      const captured = await bench.settle(host.capture(key, reference, amount, new Uint8Array(4)));
      const answers = [ATTEMPT, `${order(2)}/1/authorise`, key, `${order(3)}/1/authorise`].map(ask);
      const told = await Promise.all(answers);
      const never = { kind: "declined", why: "unknown-reference" };
      if (host.canQuery) expect(told).toEqual([approved, declined, captured, never]);
      else expect(told.map(why)).toEqual(new Array(4).fill("no-answer"));
    }));

  test("after a restart the same attempts have the same answers, and the money can be moved on", () =>
    using(async (bench) => {
      const sealing = paying(bench);
      const approved = await pay(bench, ...sealing);
      const declined = await pay(
        bench,
        ...paying(bench, { card: bench.cards.decline, nonce: 2 }),
        `${order(2)}/1/authorise`,
      );
      const host = await bench.restart();
      expect(await bench.settle(host.authorise(ATTEMPT, ...sealing))).toEqual(approved);
      const again = paying(bench, { card: bench.cards.decline, nonce: 2 });
      const second = await bench.settle(host.authorise(`${order(2)}/1/authorise`, ...again));
      expect(second).toEqual(declined);
      if (sealing[0].kind !== "present") {
        const other = await bench.settle(host.authorise(`${order(4)}/1/authorise`, ...sealing));
        expect(why(other)).toBe("credential-used");
      }
      const amount = { amountMinor: 1_000, currency: "EUR" };
      const key = `${order(1)}/1/capture`;
      const reference = referenceOf(approved);
      const captured = await bench.settle(host.capture(key, reference, amount, new Uint8Array(4)));
      expect(captured).toMatchObject({ kind: "approved", amountMinor: 1_000 });
      expect(await booked(bench)).toMatchObject({ payments: 1, capturedMinor: 1_000 });
    }));
}
