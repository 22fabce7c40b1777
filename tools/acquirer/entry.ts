// One line of the acquirer's journal: a message that was decided, with all that it changed. The books are nothing
// but these lines, one after another.

import type { BatchSums } from "../../hal/drivers/iso8583-batch.ts";
import { ACTIONS, type AcquirerAction } from "./rules.ts";

export interface Entry {
  atMs: number;
  action: AcquirerAction;
  /** Terminal, date, trace number and type: the same for a repeat. */
  key: string;
  /** What a repeat must have in common with it. */
  same: string;
  /** Of the payment that it begins or changes; of the message that it undoes. */
  target: string;
  reference: string;
  terminal: string;
  merchant: string;
  /** Of the card: never its number. */
  account?: string;
  card?: string;
  currency: string;
  askedMinor: number;
  /** What was held, taken or given back. */
  movedMinor: number;
  /** Two characters. */
  code: string;
  authCode?: string;
  /** Of a card at a reader: its counter and its cryptogram, and what its issuer says to it. Hexadecimal. */
  counter?: string;
  cryptogram?: string;
  issuerAnswer?: string;
  /** Of the completion, by the terminal. */
  evidence?: string;
  /** Until when a hold is one. */
  heldUntilMs?: number;
  /** Number of the terminal's batch that it counts in, or closes. */
  batch?: string;
  /** Of a closed batch: what the acquirer has, and whether the terminal has the same. */
  closed?: { sums: BatchSums; inBalance: boolean };
}

const TEXTS = ["key", "same", "target", "reference", "terminal", "merchant", "currency", "code"];
const NUMBERS = ["atMs", "askedMinor", "movedMinor"];

/** Undefined for what is no entry. */
export function readEntry(line: string): Entry | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const fields = value as Record<string, unknown>;
  const isEntry =
    (ACTIONS as readonly unknown[]).includes(fields["action"]) &&
    TEXTS.every((name) => typeof fields[name] === "string") &&
    NUMBERS.every((name) => Number.isSafeInteger(fields[name]));
  return isEntry ? (value as Entry) : undefined;
}
