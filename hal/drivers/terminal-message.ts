// Messages between board and card terminal (docs/terminal.md): who speaks, the number of the request, its kind, and
// fields of two letters each. What does not fit its field's form is no message.

import { passesLuhn } from "../sealed-card.ts";
import { FIELD_SEPARATOR } from "./terminal-frame.ts";

/** Of the board; the terminal answers each with WT, any number of times, and then RS. */
export type RequestKind = "HI" | "PA" | "BK" | "RF" | "RV" | "LQ" | "AB" | "ED";
export type ReplyKind = "WT" | "RS";

const KINDS: readonly string[] = ["WT", "RS"];

/** The fields of replies, each with its form. */
const FORMS = {
  AK: /^[\x21-\x7e]{1,96}$/, // attempt
  ST: /^(AP|DE|CA|AM|UN|BU)$/, // approved, declined, cancelled, amount, unknown, busy
  RF: /^[\x21-\x7e]{1,32}$/, // reference of the hold
  AM: /^\d{1,12}$/, // amount in minor units
  CU: /^[A-Z]{3}$/,
  PN: /^[\d*]{8,24}$/, // masked number
  EX: /^\d\d(0[1-9]|1[0-2])$/, // YYMM
  NW: /^[a-z]{2,16}$/, // network
  EM: /^(insert|swipe|tap|manual)$/,
  TK: /^[\x21-\x7e]{8,64}$/, // token of the card
  AC: /^[0-9A-Za-z]{6}$/, // authorisation code
  RC: /^[\x21-\x7e]{2,16}$/, // response code
  TM: /^\d{10,15}$/, // ms since 1970
  TX: /^[\x20-\x7e]{0,64}$/, // for people
  TI: /^[\x20-\x7e]{1,8}$/, // terminal id
  MI: /^[\x20-\x7e]{1,15}$/, // merchant id
  MN: /^[\x20-\x7e]{1,40}$/, // merchant name
  PV: /^\d{1,3}$/, // version of the protocol
  TS: /^[01]$/, // moves no real money
  BT: /^\d{1,9}$/, // starts of the terminal so far
  BN: /^\d{1,9}$/, // batch
  CN: /^\d{1,9}$/, // captures, and their sum
  CS: /^\d{1,12}$/,
  GN: /^\d{1,9}$/, // refunds, and their sum
  GS: /^\d{1,12}$/,
} as const;
export type ReplyField = keyof typeof FORMS;
export type ReplyFields = Partial<Record<ReplyField, string>>;

export interface TerminalReply {
  /** Of the request. */
  number: number;
  kind: ReplyKind;
  fields: ReplyFields;
}

/** At most ten digits of a card's number may be seen (I12). */
const CLEAR_DIGITS_MAX = 10;
/** Fields in which a terminal may say what it likes. */
const FREE_FIELDS = ["TX", "RF", "TK", "RC", "MN"] as const;

export function encodeRequest(
  number: number,
  kind: RequestKind,
  fields: Readonly<Record<string, string>>,
): string {
  const head = `>${number.toString(16).toUpperCase().padStart(4, "0")}${kind}`;
  return [head, ...Object.entries(fields).map(([name, value]) => name + value)].join(
    FIELD_SEPARATOR,
  );
}

/** Undefined for what is no reply: our own words that come back as an echo, or what nobody may say. */
export function decodeReply(message: string): TerminalReply | undefined {
  const [head = "", ...rest] = message.split(FIELD_SEPARATOR);
  const [, digits = "", kind = ""] = /^<([0-9A-F]{4})([A-Z]{2})$/.exec(head) ?? [];
  if (!KINDS.includes(kind)) return undefined;
  const fields: ReplyFields = {};
  for (const one of rest) {
    const name = one.slice(0, 2);
    const value = one.slice(2);
    // One that a later version has, and we do not, is skipped.
    if (!Object.hasOwn(FORMS, name)) continue;
    const field = name as ReplyField;
    if (!FORMS[field].test(value) || field in fields) return undefined;
    fields[field] = value;
  }
  if ((fields.PN?.replace(/\D/g, "").length ?? 0) > CLEAR_DIGITS_MAX) return undefined;
  if (FREE_FIELDS.some((field) => holdsCardNumber(fields[field] ?? ""))) return undefined;
  return { number: Number.parseInt(digits, 16), kind: kind as ReplyKind, fields };
}

/** 13 to 19 digits, as people group them, with a right check digit. */
function holdsCardNumber(text: string): boolean {
  return (text.match(/\d(?:[ -]?\d)*/g) ?? []).some((run) => {
    const digits = new TextEncoder().encode(run.replace(/\D/g, ""));
    const [first = 0] = digits;
    const isOne = first >= 0x32 && first <= 0x36 && digits.length >= 13 && digits.length <= 19;
    return isOne && passesLuhn(digits);
  });
}
