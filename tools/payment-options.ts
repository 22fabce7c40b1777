// How a purchase is paid, as options: one card or several, an account, a method, and what may come on top. What an
// application asks while it is paid is asked on the terminal; where nobody is there, nothing is accepted unasked.

import { createInterface } from "node:readline/promises";
import type { Card } from "../firmware/consumer/credential.ts";
import type { PaymentQuestion, PayOptions } from "../firmware/consumer/payment-questions.ts";
import { plainText } from "../firmware/log.ts";
import { formatMinor } from "../firmware/money.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import type { Offer } from "../firmware/token/offer.ts";
import { CARD_HELP, readCard } from "./card-option.ts";
import type { Command, Output } from "./command.ts";
import { integerOption, type OptionValues, textOption, textsOption } from "./option-value.ts";

export const PAYMENT_OPTIONS: Command["options"] = {
  card: { type: "string", multiple: true },
  expiry: { type: "string" },
  account: { type: "boolean" },
  method: { type: "string" },
  "extras-up-to": { type: "string" },
  "accept-extras": { type: "boolean" },
};

export const PAYMENT_HELP = `${CARD_HELP}
  --card again       another card pays what the one before it did not (at most 3)
  --account          without a card: from your account with the operator
  --method NAME      the method of what is left to pay, such as card; discounts and accounts of
                     the operator take their part before it
  --extras-up-to N   allow a tip, a round-up and the like of so much in all, in minor units: each
                     is asked for on the terminal, and none is accepted where nobody answers
  --accept-extras    accept them unasked, up to that`;

const EXTRAS_MINOR_MAX = 100_000_000;
const METHOD_CHARACTERS_MAX = 24;
/** The device waits no longer for an answer. */
const ANSWER_MS = 60_000;

export interface ChosenPayment {
  /** None for an account. */
  cards: readonly Card[];
  /** Safe to print. */
  shown: string;
  method: string | undefined;
  extrasMinor: number;
  acceptsExtras: boolean;
}

/** Error: `usage`, which never quotes a card's number. */
export function readPayment(values: OptionValues): Result<ChosenPayment> {
  const given = textsOption(values, "card");
  const isAccount = values["account"] === true;
  if (isAccount && given.length > 0) {
    return fail("usage", "--account pays without a card", "--account");
  }
  const chosen = isAccount ? [] : given.length === 0 ? [undefined] : given;
  const cards: Card[] = [];
  const shown: string[] = [];
  for (const card of chosen) {
    const read = readCard(
      card === undefined ? { ...values, card: undefined } : { ...values, card },
    );
    if (!read.ok) return read;
    cards.push(read.value.card);
    shown.push(read.value.shown);
  }
  const method = textOption(values, "method");
  if (method !== undefined && (method === "" || method.length > METHOD_CHARACTERS_MAX)) {
    return fail("usage", `a method has 1 to ${METHOD_CHARACTERS_MAX} characters`, "--method");
  }
  const extras = integerOption(values, "extras-up-to", { min: 1, max: EXTRAS_MINOR_MAX });
  if (!extras.ok) return extras;
  const acceptsExtras = values["accept-extras"] === true;
  if (acceptsExtras && extras.value === undefined) {
    return fail("usage", "--accept-extras needs --extras-up-to N", "--accept-extras");
  }
  return ok({
    cards,
    shown: isAccount ? "your account" : shown.join(", then "),
    method,
    extrasMinor: extras.value ?? 0,
    acceptsExtras,
  });
}

/** As the consumer's role wants them; what is said and asked meanwhile goes to the output. */
export function payOptionsOf(chosen: ChosenPayment, offer: Offer, out: Output): PayOptions {
  const { cards, method, extrasMinor, acceptsExtras } = chosen;
  const { currency, id: order, totalMinor } = offer;
  return {
    further: cards.slice(1),
    ...(method !== undefined && { method }),
    ...(extrasMinor > 0 && { maximumMinor: totalMinor + extrasMinor }),
    onMessage: (type, text) => {
      out.emit({ step: "payment-event", order, type, text: plainText(text) });
      out.say(plainText(text));
    },
    onQuestion: async (question) => {
      const { extra } = question;
      const told = questionText(question, currency);
      out.emit({ step: "question", order, text: told, ...(extra !== undefined && { extra }) });
      const values = acceptsExtras && extra ? ["approve"] : await answerOf(question, told, out);
      out.emit({ step: "answer", order, values });
      if (extra !== undefined)
        out.say(`${told} ${values.length > 0 ? "accepted" : "not accepted"}`);
      return values;
    },
  };
}

/** What the device says, which may be anything, beside what it comes to, which is ours to say. */
function questionText({ title, description, extra }: PaymentQuestion, currency: string): string {
  const said = [title, description].filter((text) => text !== undefined).map(plainText);
  const sum = extra && `${plainText(extra.name)} ${formatMinor(extra.amountMinor, currency)}`;
  return [...said, ...(sum === undefined ? [] : [`(${sum} on top)`])].join(" ");
}

async function answerOf(
  { options = [], extra }: PaymentQuestion,
  told: string,
  out: Output,
): Promise<readonly string[]> {
  const { stdin, stdout } = process;
  if (out.json || stdin.isTTY !== true || stdout.isTTY !== true) return [];
  const lines = createInterface({ input: stdin, output: stdout });
  const signal = AbortSignal.timeout(ANSWER_MS);
  try {
    if (extra !== undefined || options.length === 0) {
      const said = await lines.question(`${told} [y/N] `, { signal });
      return /^y(es)?$/i.test(said.trim()) ? ["approve"] : [];
    }
    for (const [index, { label }] of options.entries())
      out.say(`  ${index + 1}  ${plainText(label)}`);
    const picked = options[Number(await lines.question(`${told} which? `, { signal })) - 1];
    return picked === undefined ? [] : [picked.value];
  } catch (error) {
    if (signal.aborted) return [];
    throw error;
  } finally {
    lines.close();
  }
}
