// Takes out of a record what must not be on disk: security codes, tracks, whole card numbers, tokens that pay.
// Works on the record form (JSON), so that nothing of a model is forgotten.

import type { Json } from "../../protocol/schema.ts";

type JsonObject = Readonly<Record<string, Json>>;

/** Values under these names are left out, whatever they are. */
const SECRET_KEY =
  /^(?:card)?(?:cvv2?|cvc2?|cvn2?|csc|securitycode|pan|pin|pinblock|number|primaryaccountnumber|(?:emv)?track[123]?(?:data)?)$/;
/** Of a payment and a customer: they stand for money that somebody could take. A card's own token is of no use for it. */
const SECRET_FIELD = new Set(["cardToken"]);
const HIDDEN = "hidden";
/** A shorter id may stand in the middle of a card number by chance, or by somebody's choice. */
const OWN_CHARACTERS_MIN = 12;

/** `own` is the id of the flow itself: by chance it may look like a card number. */
export function scrub(value: Json, own: string): Json {
  if (typeof value === "string") {
    const parts = own.length < OWN_CHARACTERS_MIN ? [value] : value.split(own);
    return parts.map(hideCardNumbers).join(own);
  }
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item: Json) => scrub(item, own));
  const kept = Object.entries(value as JsonObject).filter(([key, item]) => !isSecret(key, item));
  // Customers' tokens may be of cards that pay.
  return Object.fromEntries(
    kept.map(([key, item]) => [
      key,
      key === "tokens" && Array.isArray(item) ? [] : scrub(item, own),
    ]),
  );
}

function isSecret(key: string, item: Json): boolean {
  const spelled = key.replace(/[^a-z\d]/gi, "").toLowerCase();
  if (SECRET_KEY.test(spelled) || SECRET_FIELD.has(key)) return true;
  if (typeof item !== "object" || item === null || Array.isArray(item)) return false;
  const { is, value } = item as JsonObject;
  if (typeof is !== "string" || value === undefined) return false;
  if (is === "token" || /token$/i.test(key)) return true;
  if (is === "integer") return isCardNumber(String(value));
  // A word in their place would be no bytes, and the record could not be read again.
  if (is === "bytes") return typeof value !== "string" || hideCardNumbers(value) !== value;
  return (
    is === "integers" && Array.isArray(value) && value.some((one) => isCardNumber(String(one)))
  );
}

/** Groups of digits as people write them: any that follow each other may be a card number, which becomes one word. */
function hideCardNumbers(text: string): string {
  return text.replace(/\d(?:[\s.,_/-]{0,2}\d){11,}/g, hideInRun);
}

function hideInRun(run: string): string {
  // Groups stand at even places, what is between them at odd ones.
  const parts = run.split(/(\D+)/);
  let kept = "";
  for (let at = 0; at < parts.length; at += 2) {
    const length = cardLength(parts, at);
    kept += (length > 0 ? HIDDEN : parts[at]) + (parts[at + Math.max(length, 1)] ?? "");
    at += Math.max(0, length - 1);
  }
  return kept;
}

/** How many parts from this one on are a card number: 0 where none is. */
function cardLength(parts: readonly string[], from: number): number {
  let digits = "";
  for (let to = from; to < parts.length && digits.length < 19; to += 2) {
    digits += parts[to];
    if (isCardNumber(digits)) return to + 1 - from;
  }
  return 0;
}

/** 12 to 19 digits, of a scheme's first digit, with the check digit of ISO/IEC 7812-1 (Luhn). */
function isCardNumber(digits: string): boolean {
  if (!/^[2-6]\d{11,18}$/.test(digits)) return false;
  let sum = 0;
  for (const [i, digit] of [...digits].reverse().entries()) {
    const doubled = Number(digit) * (i % 2 === 0 ? 1 : 2);
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
