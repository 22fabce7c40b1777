// What a service may not see: cards, and tokens that stand for cards, are taken out of everything that is sent to a
// service which has no right to them. It looks into everything, because bags of additional data hold models that hold
// bags: items of baskets, customers' details and references too.

import { EMPTY_CARD } from "../model/card-mask.ts";

/** The same input of a stage, or response to a flow, without cards. A copy; bytes are shared. */
export function withoutCards<T extends object>(model: T): T {
  return stripped(model) as T;
}

function stripped(value: unknown): unknown {
  if (!isObject(value) || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(stripped);
  const kept: [string, unknown][] = [];
  for (const [name, inner] of Object.entries(value)) {
    if (name === "cardToken" || isCardValue(inner)) continue;
    if (name === "card" && isObject(inner) && !("is" in inner)) kept.push([name, EMPTY_CARD]);
    else if (name === "tokens" && Array.isArray(inner)) kept.push([name, inner.filter(isOfNoCard)]);
    else kept.push([name, stripped(inner)]);
  }
  return Object.fromEntries(kept);
}

/** A typed value of additional data that is a card, or stands for one. */
function isCardValue(value: unknown): boolean {
  if (!isObject(value)) return false;
  if (value["is"] === "token") return !isOfNoCard(value["value"]);
  return value["is"] === "card";
}

const OF_CARDS = ["card", "credential"];

/** A token that does not say what it stands for may stand for a card. */
function isOfNoCard(token: unknown): boolean {
  const source = isObject(token) ? token["source"] : undefined;
  if (typeof source !== "string" || source === "") return false;
  return !OF_CARDS.includes(source.trim().toLowerCase());
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
