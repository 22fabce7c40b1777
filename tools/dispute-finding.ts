// What the rules of a dispute find, and what they look at.

import type { Crypto } from "../hal/crypto.ts";
import type { DisputeLog, Party } from "./dispute-log.ts";
import type { KeptReceipt, Papers } from "./dispute-papers.ts";

export type Rule = "D1" | "D2" | "D3" | "D4" | "D5" | "D6" | "D7" | "D8" | "D9" | "D10";

export interface Finding {
  rule: Rule;
  /** `noted`: no rule is about it, or the party took the risk upon itself. */
  is: "broken" | "undecided" | "noted";
  /** Who broke it. */
  party?: Party;
  words: string;
}

export interface Judgement {
  order: string;
  device: string;
  verdict: "kept" | "broken" | "undecided";
  findings: readonly Finding[];
}

/** Both sides of one order, with what of their papers is genuine. */
export interface Case {
  consumer: { log: DisputeLog; papers: Papers };
  device: { log: DisputeLog; papers: Papers };
  /** Of both logs, each once, by number; and one for each number. */
  allReceipts: readonly KeptReceipt[];
  receipts: readonly KeptReceipt[];
  crypto: Crypto;
}

export function broken(rule: Rule, party: Party, words: string): Finding {
  return { rule, is: "broken", party, words };
}

export function undecided(rule: Rule, words: string): Finding {
  return { rule, is: "undecided", words };
}

export function noted(rule: Rule, words: string): Finding {
  return { rule, is: "noted", words };
}

/** A session whose receipt is in neither log, though a later one, or the settlement, is. */
export function missingSession(receipts: readonly KeptReceipt[]): number | undefined {
  let last = 0;
  for (const { receipt } of receipts) {
    const upTo = receipt.is === "session" ? receipt.session - 1 : receipt.sessions;
    if (upTo > last) return last + 1;
    if (receipt.is === "session") last = Math.max(last, receipt.session);
  }
  return undefined;
}
