// Money: the tax within an amount, and amounts as people read them. They are integers in the currency's minor unit
// everywhere; how many digits that is comes from ISO 4217 and is used only to print.

/** ISO 4217 minor unit digits where they are not two. */
const DIGITS: Readonly<Record<string, number>> = {
  BHD: 3,
  BIF: 0,
  CLF: 4,
  CLP: 0,
  DJF: 0,
  GNF: 0,
  IQD: 3,
  ISK: 0,
  JOD: 3,
  JPY: 0,
  KMF: 0,
  KRW: 0,
  KWD: 3,
  LYD: 3,
  OMR: 3,
  PYG: 0,
  RWF: 0,
  TND: 3,
  UGX: 0,
  UYI: 0,
  UYW: 4,
  VND: 0,
  VUV: 0,
  XAF: 0,
  XOF: 0,
  XPF: 0,
};

/** Digits of the currency's minor unit. */
export function minorDigits(currency: string): number {
  return DIGITS[currency] ?? 2;
}

/** "12.50 EUR", "650 JPY". */
export function formatMinor(amountMinor: number, currency: string): string {
  const digits = minorDigits(currency);
  if (digits === 0) return `${amountMinor} ${currency}`;
  const text = String(Math.abs(amountMinor)).padStart(digits + 1, "0");
  const sign = amountMinor < 0 ? "-" : "";
  return `${sign}${text.slice(0, -digits)}.${text.slice(-digits)} ${currency}`;
}

const BASIS_POINTS = 10_000;

/** The tax that an amount contains, at a rate in hundredths of a percent; half a minor unit is rounded up. */
export function containedTax(amountMinor: number, basisPoints: number): number {
  const of = BASIS_POINTS + basisPoints;
  return Math.floor((2 * amountMinor * basisPoints + of) / (2 * of));
}
