// What is known of a customer: names from the details, tokens, and what a later service may add.

import { fail, type Result } from "../../result.ts";
import { type Customer, customer, type Token } from "./customer.ts";
import { NO_DATA } from "./data.ts";
import { addData, textOf, textsOf } from "./data-access.ts";
import { checkedCopy } from "./freeze.ts";

/** `malformed` at the field; the id is unique within the application that makes it. */
export function newCustomer(
  id: string,
  parts: Partial<Omit<Customer, "id">> = {},
): Result<Customer> {
  if (id === "") return fail("malformed", "a customer has an id", "customer.id");
  return checkedCopy(customer, { tokens: [], details: NO_DATA, ...parts, id }, "customer");
}

/** The full name, or that made of the details `firstName`, `middleNames` and `surname`; empty without a first name. */
export function fullNameOf({ fullName, details }: Customer): string {
  if (fullName !== undefined) return fullName;
  const firstName = textOf(details, "firstName") ?? "";
  if (firstName === "") return "";
  const middle = textsOf(details, "middleNames") ?? [];
  const surname = textOf(details, "surname") ?? "";
  return [firstName, ...middle, surname].filter((part) => part !== "").join(" ");
}

export function tokenOfSource({ tokens }: Customer, source: string): Token | undefined {
  return tokens.find((token) => token.source === source);
}

/**
 * What a service may make of a customer: all of it where there was none, else only new tokens and new details. Id and
 * name belong to who made them, and details that are there stay as they are.
 */
export function mergeCustomer(before: Customer | undefined, update: Customer): Result<Customer> {
  if (before === undefined) return checkedCopy(customer, update, "customer");
  const details = addData(before.details, update.details);
  if (!details.ok) return details;
  const more = update.tokens.filter(
    (token) => !before.tokens.some(({ value }) => value === token.value),
  );
  const merged = { ...before, tokens: [...before.tokens, ...more], details: details.value };
  return checkedCopy(customer, merged, "customer");
}
