// What a response code of ISO 8583 (element 39) says about money: taken, refused and why, or not decided yet.

import type { HostDecline } from "../payment-host.ts";

const APPROVED_IN_PART = "10";

const APPROVED: ReadonlySet<string> = new Set(["00", "08", APPROVED_IN_PART, "11", "85"]);

/** The other end could not work on it now: the same message is sent again. */
const UNDECIDED: ReadonlySet<string> = new Set(["09", "19", "68", "90", "91", "95", "96"]);

/** Reversals that found nothing to undo have done what was wanted. */
const NOTHING_TO_UNDO: ReadonlySet<string> = new Set(["21", "25"]);

/** For an authorisation these are a no, and the payer may try another card. */
const NOT_TAKEN: ReadonlySet<string> = new Set(["19", "91"]);

const DECLINES: Readonly<Record<string, readonly [HostDecline, string]>> = {
  "01": ["declined", "refer to card issuer"],
  "03": ["declined", "invalid merchant"],
  "04": ["declined", "card must be kept"],
  "05": ["declined", "do not honour"],
  "12": ["declined", "invalid transaction"],
  "13": ["amount", "invalid amount"],
  "14": ["credential-invalid", "invalid card number"],
  "15": ["credential-invalid", "no such issuer"],
  "19": ["declined", "try again"],
  "25": ["unknown-reference", "the original was not found"],
  "30": ["declined", "format error"],
  "41": ["declined", "lost card"],
  "43": ["declined", "stolen card"],
  "51": ["declined", "not sufficient funds"],
  "54": ["declined", "expired card"],
  "57": ["declined", "not permitted to this card"],
  "58": ["declined", "not permitted to this terminal"],
  "61": ["declined", "exceeds the amount limit"],
  "62": ["declined", "restricted card"],
  "65": ["declined", "exceeds the frequency limit"],
  "82": ["declined", "the card's cryptogram is wrong"],
  "91": ["declined", "issuer does not answer"],
  "94": ["declined", "duplicate transmission"],
};

export type Verdict =
  | { kind: "approved"; inPart: boolean }
  | { kind: "declined"; why: HostDecline; message: string }
  | { kind: "undecided" };

export type Iso8583Action = "authorise" | "capture" | "refund" | "reverse" | "close";

/** What the two characters mean for what was asked. */
export function verdictOf(action: Iso8583Action, code: string): Verdict {
  if (APPROVED.has(code)) return { kind: "approved", inPart: code === APPROVED_IN_PART };
  if (action === "reverse" && NOTHING_TO_UNDO.has(code)) return { kind: "approved", inPart: false };
  // What moves money that is held, or gives it back, must arrive in the end.
  const isOpen = action === "authorise" ? !NOT_TAKEN.has(code) : true;
  if (UNDECIDED.has(code) && isOpen) return { kind: "undecided" };
  const [why, message] = DECLINES[code] ?? ["declined", "declined"];
  return { kind: "declined", why, message };
}
