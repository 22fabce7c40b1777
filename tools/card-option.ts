// The payer's card as an option. Its number goes to the credential and nowhere else: what is shown is the end.

import type { Card } from "../firmware/consumer/credential.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import { TEST_CARDS, type TestBehaviour } from "../hal/sim/sim-payment-host.ts";
import type { Command } from "./command.ts";
import { didYouMean } from "./did-you-mean.ts";
import { type OptionValues, textOption } from "./option-value.ts";

export const CARD_OPTIONS: Command["options"] = {
  card: { type: "string" },
  expiry: { type: "string" },
};

/** Of the test cards, in a line of the help. */
const NAMES_IN_LINE = 5;

export const CARD_HELP = `  --card NUMBER      the card to pay with (default: a test card of the simulated host, which
                     approves), or a test card by name:
${testCards()}
  --expiry YYMM      when the card expires (default: 3012)`;

const EXPIRY = "3012";

function testCards(): string {
  const names = Object.keys(TEST_CARDS);
  const lines: string[] = [];
  for (let at = 0; at < names.length; at += NAMES_IN_LINE) {
    lines.push(`${" ".repeat(21)}${names.slice(at, at + NAMES_IN_LINE).join(", ")}`);
  }
  return lines.join(",\n");
}

export interface ChosenCard {
  card: Card;
  /** Safe to print. */
  shown: string;
}

/** Digits are never quoted: they may be most of a number. */
function noCardText(given: string): string {
  if (!/^[a-z-]{1,32}$/i.test(given))
    return "a card number has 12 to 19 digits, or is a test card's name";
  const names = Object.keys(TEST_CARDS);
  return `there is no test card ${given}${didYouMean(given, names)}; there is ${names.join(", ")}`;
}

/** Error: `usage`, which never quotes the number. */
export function readCard(values: OptionValues): Result<ChosenCard> {
  const given = textOption(values, "card") ?? "approve";
  const isTest = Object.hasOwn(TEST_CARDS, given);
  const number = isTest ? TEST_CARDS[given as TestBehaviour] : given.replace(/[ -]/g, "");
  if (!/^\d{12,19}$/.test(number)) {
    return fail("usage", noCardText(given), "--card");
  }
  const [, year, month] = /^(\d\d)(\d\d)$/.exec(textOption(values, "expiry") ?? EXPIRY) ?? [];
  const expiryMonth = Number(month);
  if (!(expiryMonth >= 1 && expiryMonth <= 12)) {
    return fail("usage", "an expiry is written YYMM, such as 3012", "--expiry");
  }
  const ending = `card ending ${number.slice(-4)}`;
  const shown = isTest ? `the simulated host's test ${ending} ("${given}"): no real money` : ending;
  return ok({ card: { number, expiryYear: Number(year), expiryMonth }, shown });
}
