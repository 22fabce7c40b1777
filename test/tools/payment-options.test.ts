// How a purchase is paid, as options of pay and buy.

import { describe, expect, test } from "vitest";
import type { Output } from "../../tools/command.ts";
import { parseCommand } from "../../tools/command.ts";
import { pay } from "../../tools/commands/pay.ts";
import { payOptionsOf, readPayment } from "../../tools/payment-options.ts";
import { story } from "../support/sale.ts";

const read = (...args: string[]) => readPayment(parseCommand(pay, ["last", ...args]).values);
const usage = (at: string) => ({ ok: false, fault: { kind: "usage", at } });

function output(json: boolean) {
  const facts: object[] = [];
  const lines: string[] = [];
  const out: Output = {
    json,
    say: (line) => lines.push(line),
    emit: (fact) => facts.push(fact),
    progress: (line) => lines.push(line),
    fault: () => undefined,
  };
  return { out, facts, lines };
}

describe("a payment", () => {
  test("is by the approving test card when nothing is said", () => {
    expect(read()).toMatchObject({ value: { cards: [{ expiryMonth: 12 }], extrasMinor: 0 } });
  });

  test("is by several cards in their order, of which the ends are shown", () => {
    const chosen = read("--card", "decline", "--card", "approve", "--expiry", "3106");
    expect(chosen).toMatchObject({
      value: { cards: [{ expiryYear: 31 }, { expiryYear: 31, expiryMonth: 6 }] },
    });
    expect(chosen.ok && chosen.value.shown).toMatch(/ending 0002.*then.*ending 1111/);
  });

  test("is from an account, without any card", () => {
    expect(read("--account")).toMatchObject({ value: { cards: [], shown: "your account" } });
    expect(read("--account", "--card", "approve")).toMatchObject(usage("--account"));
  });

  test("refuses what makes no sense, at the option", () => {
    expect(read("--card", "12")).toMatchObject(usage("--card"));
    expect(read("--method", "x".repeat(25))).toMatchObject(usage("--method"));
    expect(read("--extras-up-to", "0")).toMatchObject(usage("--extras-up-to"));
    expect(read("--accept-extras")).toMatchObject(usage("--accept-extras"));
  });
});

describe("I4: an extra", () => {
  const question = {
    id: "q",
    type: "extra",
    title: "Round up\u001b[2J?",
    extra: { name: "charityDonation", amountMinor: 15 },
  };
  const ask = async (json: boolean, ...args: string[]) => {
    const chosen = read(...args);
    if (!chosen.ok) throw new Error(chosen.fault.message);
    const told = output(json);
    const options = payOptionsOf(chosen.value, story.offer, told.out);
    return { ...told, options, values: await options.onQuestion?.(question) };
  };

  test("is not accepted where nobody can be asked", async () => {
    expect(await ask(true, "--extras-up-to", "20")).toMatchObject({ values: [] });
    expect(await ask(false, "--extras-up-to", "20")).toMatchObject({ values: [] });
  });

  test("is accepted unasked when that is what was said, and named with its amount", async () => {
    const { values, options, facts, lines } = await ask(
      true,
      ...["--extras-up-to", "20", "--accept-extras", "--method", "card"],
    );
    expect(values).toEqual(["approve"]);
    expect(options).toMatchObject({ maximumMinor: story.offer.totalMinor + 20, method: "card" });
    expect(facts).toMatchObject([
      { step: "question", extra: question.extra },
      { step: "answer", values: ["approve"] },
    ]);
    expect(lines.join()).toContain("(charityDonation 0.15 EUR on top)");
    expect(lines.join()).not.toContain("\u001b");
  });

  test("leaves no room when nothing was said of extras", async () => {
    const { options } = await ask(true);
    expect(options.maximumMinor).toBeUndefined();
  });
});
