// What happened, for whoever runs the device. The composition root gives the sink; nothing here writes anywhere.
// Fields hold ids, counts and reasons. What must never be in a log is taken out here, in this one place, as a
// second line: a card number, a track, a key, a credential, a token, a passphrase, the password in an address.

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFields = Readonly<Record<string, string | number | boolean>>;
export type Log = (level: LogLevel, event: string, fields?: LogFields) => void;

/** Longer texts are cut: some of them come from peers. */
const TEXT_CHARACTERS_MAX = 256;
const HIDDEN = "[hidden]";

/** Fields whose value is never shown, by a word in their name; public keys have thumbprints to be named by. */
const SECRET_NAME =
  /(^|[a-z])(card|pan|track\d?|key|token|credential|passphrase|password|secret|nonce|seed|cvv|cvc)$/i;
/** Ids of ours, which may by chance be all digits. */
const ID_NAME = /^(?:order|device|consumer|operator)$/;
const ID = /^(?:[0-9a-f]{16}|[\w-]{11})$/;
/** Counts of time, long enough to be taken for a card number. */
const TIME_NAME = /(Ms|S)$/;

/** Events below the level are left out; the rest goes on without what must not be in a log. */
export function openLog(
  levelMin: LogLevel,
  write: (level: LogLevel, event: string, fields: LogFields) => void,
): Log {
  return (level, event, fields = {}) => {
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(levelMin)) return;
    write(level, plainText(event), cleanFields(fields));
  };
}

export function cleanFields(fields: LogFields): LogFields {
  const clean = Object.entries(fields).map(([name, value]) => [name, cleanField(name, value)]);
  return Object.fromEntries(clean) as LogFields;
}

function cleanField(name: string, value: string | number | boolean): string | number | boolean {
  if (typeof value === "boolean") return value;
  if (SECRET_NAME.test(name)) return HIDDEN;
  if (typeof value === "string") {
    return ID_NAME.test(name) && ID.test(value) ? value : plainText(value);
  }
  return TIME_NAME.test(name) || !isCardNumber(String(value)) ? value : HIDDEN;
}

/** One line of bounded length that cannot steer a terminal, without secrets. */
export function plainText(text: string): string {
  // Cut before it is searched, so that a long text costs little; a secret at the cut may lose its end with it.
  const start = text.slice(0, 4 * TEXT_CHARACTERS_MAX);
  // One line first: what is left out between its parts must not hide a secret from us.
  const line = hideSecrets(start.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Z}]/gu, " "));
  if (line.length <= TEXT_CHARACTERS_MAX && start.length === text.length) return line;
  return `${line.slice(0, TEXT_CHARACTERS_MAX - 1).replace(/\p{Cs}$/u, "")}…`;
}

/** The text without what looks like a secret. */
export function hideSecrets(text: string): string {
  return text
    .replace(/-----BEGIN[\s\S]*?(?:-----END[^-]*-----|$)/g, HIDDEN)
    .replace(/(\w:\/\/)\S*@/g, `$1${HIDDEN}@`)
    .replace(/(?<![\w+/])[\da-f]{24,}/gi, HIDDEN)
    .replace(/[\w+/-]{32,}={0,2}/g, (run) => (isMixed(run) ? HIDDEN : run))
    .replace(/\d[\d -]{10,}\d(?:[=D^][^\s?]*\??)?/g, hideCards)
    .replace(/\d{4}([._/])(?:\d{4}\1){1,3}\d{1,7}/g, hideCards);
}

/**
 * Text of a key or a token has capitals and small letters in one, nearly always digits too. Base64 has slashes or
 * hyphens, never both, so both together are a path, of which each part is looked at by itself; what only begins
 * with a slash is taken for one too, unless a part of it is too long and too mixed for a name.
 */
function isMixed(run: string): boolean {
  const isSurelyPath = /\//.test(run) && /[-_]/.test(run);
  const isPath = isSurelyPath || run.startsWith("/");
  return (isPath ? run.split("/") : [run]).some(
    (piece) =>
      piece.length >= (isPath && !isSurelyPath ? 20 : 32) &&
      /[A-Z]/.test(piece) &&
      /[a-z]/.test(piece) &&
      (piece.length >= 40 || /\d/.test(piece)),
  );
}

/** Groups of digits as people write a card: any groups that follow each other may be one. */
function hideCards(run: string): string {
  const groups = run.split(/[^\d]+/).filter((group) => group !== "");
  for (let from = 0; from < groups.length; from++) {
    let digits = "";
    for (const group of groups.slice(from)) {
      digits += group;
      if (digits.length > 19 && digits === group) return HIDDEN;
      if (isCardNumber(digits)) return HIDDEN;
    }
  }
  return run;
}

/** 12 to 19 digits of which the last is the check digit (ISO/IEC 7812-1, Luhn). */
function isCardNumber(digits: string): boolean {
  if (!/^\d{12,19}$/.test(digits)) return false;
  let sum = 0;
  for (const [i, digit] of [...digits].reverse().entries()) {
    const doubled = Number(digit) * (i % 2 === 0 ? 1 : 2);
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
