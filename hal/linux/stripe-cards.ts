// Stripe's documented test cards, by number: the only numbers that are taken from a sealed card. Real numbers must
// not pass through us; whoever has a real card makes a payment method at Stripe and pays with that.

const TEST_METHODS: Readonly<Record<string, string>> = {
  // Visa's own test number, which buyers of ours use where none is given.
  "4111111111111111": "pm_card_visa",
  "4242424242424242": "pm_card_visa",
  "4000056655665556": "pm_card_visa_debit",
  "5555555555554444": "pm_card_mastercard",
  "378282246310005": "pm_card_amex",
  "6011111111111117": "pm_card_discover",
  "4000000000000002": "pm_card_visa_chargeDeclined",
  "4000000000009995": "pm_card_visa_chargeDeclinedInsufficientFunds",
  "4000000000009987": "pm_card_visa_chargeDeclinedLostCard",
  "4000000000009979": "pm_card_visa_chargeDeclinedStolenCard",
  "4000000000000069": "pm_card_chargeDeclinedExpiredCard",
  "4000000000000119": "pm_card_chargeDeclinedProcessingError",
};

/** A payment method as Stripe names it. */
const METHOD = /^pm_[A-Za-z0-9_]{1,60}$/;

export function testMethodOf(number: string): string | undefined {
  return Object.hasOwn(TEST_METHODS, number) ? TEST_METHODS[number] : undefined;
}

/** The payment method that a token's bytes spell; undefined for anything else. */
export function methodOfToken(token: Uint8Array): string | undefined {
  if (token.length > 63) return undefined;
  const text = String.fromCharCode(...token);
  return METHOD.test(text) ? text : undefined;
}
