// Customers and tokens in answers: whose they are is said by the engine, never by whoever answers.

import type { Card } from "../model/card.ts";
import type { Customer, Token } from "../model/customer.ts";
import { DATA_KEYS_MAX, type Data } from "../model/data.ts";
import type { RuleContext } from "./rules.ts";
import { type Refused, refused } from "./rules-verdict.ts";

const TOKENS_MAX = 8;

/**
 * The token as known before, else made by the service that answers: a service can neither take over another's token nor
 * pass its own off as another's.
 */
export function ownedToken(token: Token, known: readonly Token[], { info }: RuleContext): Token {
  const before = known.find(({ value }) => value === token.value);
  return before ?? { ...token, sourceService: info.id };
}

export function ownedCard(card: Card, known: Token | undefined, context: RuleContext): Card {
  if (card.token === undefined) return card;
  return { ...card, token: ownedToken(card.token, known ? [known] : [], context) };
}

/** The tokens of a bag's first level. */
export function ownedData(data: Data, context: RuleContext): Data {
  const entries = Object.entries(data).map(([key, item]) => {
    if (item.is !== "token") return [key, item] as const;
    return [key, { is: item.is, value: ownedToken(item.value, [], context) }] as const;
  });
  return Object.fromEntries(entries);
}

/**
 * A new customer as given. Of one that is there already, id and name belong to its maker: tokens are added, details are
 * added or replaced, and whatever else is given is ignored.
 */
export function updatedCustomer(
  known: Customer | undefined,
  given: Customer,
  context: RuleContext,
): { ok: true; output: Customer } | Refused {
  const before = known?.tokens ?? [];
  const tokens = given.tokens.map((token) => ownedToken(token, before, context));
  if (known === undefined) return { ok: true, output: { ...given, tokens } };
  const added = tokens.filter(({ value }) => !before.some((one) => one.value === value));
  const details = { ...known.details, ...given.details };
  if (before.length + added.length > TOKENS_MAX) {
    return refused("too-large", `a customer has at most ${TOKENS_MAX} tokens`);
  }
  if (Object.keys(details).length > DATA_KEYS_MAX) {
    return refused("too-large", `a customer has at most ${DATA_KEYS_MAX} details`);
  }
  return { ok: true, output: { ...known, tokens: [...before, ...added], details } };
}
