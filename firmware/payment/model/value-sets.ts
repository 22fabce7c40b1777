// Words that applications agree upon: payment methods, networks, keys of data and of references, each with what it says.
// All of them are open: an application may use others, which those that do not know them ignore.

/** A word and what it says, for people. */
export type ValueSet = Readonly<Record<string, string>>;

/** Tax is never one of them: it is contained in the base amount. */
export const ADDITIONAL_AMOUNTS = {
  tip: "for who serves",
  cashback: "paid out in cash",
  surcharge: "for the way of paying",
  charityDonation: "passed on to a charity",
} as const satisfies ValueSet;

export const PAYMENT_METHODS = {
  card: "a card of any kind",
  creditCard: "a credit card",
  debitCard: "a debit card",
  chargeCard: "a charge card",
  commercialCard: "a card of a company",
  prepaidCard: "a prepaid card",
  cash: "coins and notes",
  points: "points of a loyalty scheme",
  reward: "a discount or voucher",
  giftCard: "a gift card, or an account that was paid into",
  bankAccount: "a transfer",
  cheque: "a cheque",
  ebt: "electronic benefits",
  invoice: "paid later",
} as const satisfies ValueSet;

/** Methods that are cards: an answer by one of them names network, entry method and token. */
export const CARD_METHODS = [
  "card",
  "creditCard",
  "debitCard",
  "chargeCard",
  "commercialCard",
  "prepaidCard",
] as const;

export const CARD_NETWORKS = {
  mastercard: "Mastercard",
  visa: "Visa",
  amex: "American Express",
  diners: "Diners Club",
  jcb: "JCB",
  unionpay: "UnionPay",
  maestro: "Maestro",
} as const satisfies ValueSet;

export const ENTRY_METHODS = {
  insert: "chip",
  swipe: "magnetic stripe",
  tap: "contactless",
  manual: "typed, or sent by the payer",
} as const satisfies ValueSet;

export const AUTHORISATION_METHODS = {
  pin: "a number that the payer knows",
  signature: "a signature",
  fingerprint: "a fingerprint",
  retinaScan: "an eye",
} as const satisfies ValueSet;

export const ACCOUNT_TYPES = {
  credit: "credit",
  debit: "debit",
  savings: "savings",
  prepaid: "prepaid",
  cheque: "cheque",
} as const satisfies ValueSet;

/** In the data of a card. */
export const CARD_KEYS = {
  network: "text: one of the card networks",
  entryMethod: "text: one of the entry methods",
  authorisationMethod: "text: how the payer proved to be who he is",
  accountType: "text: which account of the card",
  aid: "text: the application on the chip",
  serviceCode: "text: three digits of ISO/IEC 7813",
  languages: "texts: those of the payer, ISO 639-1",
  balance: "amount: what is on it",
  brand: "text: what stands on it",
} as const satisfies ValueSet;

/** Never kept, shown or sent on (I12). */
export const SECRET_KEYS = ["cvv", "track1", "track2", "track3"] as const;

/** In the details of a customer. */
export const CUSTOMER_KEYS = {
  firstName: "text",
  middleNames: "texts",
  surname: "text",
  phone: "text",
  email: "text",
  address: "text",
  postcode: "text",
  city: "text",
  state: "text",
  country: "text",
} as const satisfies ValueSet;

/** In the references of an answer: all that a reversal, a completion or a receipt needs. */
export const REFERENCE_KEYS = {
  merchantId: "text: the acquirer's number of the merchant",
  merchantName: "text: as the acquirer prints it",
  terminalId: "text: the acquirer's number of the terminal",
  deviceId: "text: of the device",
  transactionDateTime: "integer: milliseconds since 1970, UTC; a text of digits is read too",
  transactionNumber: "integer: the terminal's count",
  paymentService: "text: which service took it",
  authCode: "text: of the issuer",
  online: "flag: whether the host was asked",
  batchNumber: "text: the acquirer's batch",
  stan: "text: the trace number",
  acquirerResponseCode: "text: as the host says it",
} as const satisfies ValueSet;

/** In the data of payments and requests. */
export const DATA_KEYS = {
  transaction: "transaction: the one it is about",
  transactionId: "text: of the transaction it is about",
  amounts: "amounts",
  amount: "amount",
  basket: "basket",
  customer: "customer",
  token: "token: of a card, such as tokenisation answers",
  card: "card",
  currency: "text: ISO 4217",
  taxInfo: "tax-info",
  transactionLanguage: "text: ISO 639-1",
  accessibleMode: "flag: the payer needs it",
  orderCode: "text: of the order, for people",
  virtualId: "text: of the device, where it stands for others",
  cashierId: "text: who serves",
  provisionalAmount: "flag: the final amount comes later, by an event",
  postAuthTipAdjust: "flag: a tip may be added after the authorisation",
  deliveryMechanism: "text: how a receipt is handed over, such as printing",
} as const satisfies ValueSet;

/** In the data of a payment: what the payment application is to hold to. */
export const PAYMENT_INPUT_KEYS = {
  merchantId: "text: for which merchant",
  merchantReference: "text: the merchant's own",
  merchantSecondReference: "text: the merchant's own",
  cardEntryMethods: "texts: only these",
  paymentMethods: "texts: only these",
  cardNetworks: "texts: only these",
  accountTypes: "texts: only these",
} as const satisfies ValueSet;

export const MODIFIER_TYPES = {
  tax: "contained tax",
  extra: "adds to the price",
  deduction: "takes from the price",
  discount: "takes from the price, as a favour",
} as const satisfies ValueSet;

export const SPLIT_KEYS = {
  splitTxn: "flag: the transaction is a share of a split",
  numSplits: "integer: how many shares",
  splitType: "text: splitBasketItems or splitAmounts",
} as const satisfies ValueSet;

export const RECEIPT_KEYS = {
  receiptPaymentMethod: "text: how it was paid",
  receiptAmounts: "amounts: what was paid",
  receiptOutcome: "text: approved or declined",
  receiptBasket: "basket: what was bought",
  customerReceipt: "receipt: the customer's",
  merchantReceipt: "receipt: the merchant's",
  receiptObfuscationMethod: "text: how the card number is masked",
  combinedReceiptData: "receipt-parts: lines for the common receipt",
} as const satisfies ValueSet;

/** In the additional information of a service. */
export const SERVICE_INFO_KEYS = {
  merchants: "merchants: for whom it can take money",
  supportsManualEntry: "flag: takes card numbers that are typed",
  printsReceipts: "flag: prints by itself",
  requiresCardToken: "flag: takes part only where a card token is known",
} as const satisfies ValueSet;

export const LOYALTY_KEYS = {
  schemeName: "text",
  rewardsProcessed: "flag: the scheme was asked",
  rewardMessage: "text: for the customer",
  totalPoints: "integer: the balance",
  totalValue: "amount: what the balance is worth",
  earnPoints: "integer: by this payment",
  earnValue: "amount: by this payment",
  redeemPoints: "integer: by this payment",
  redeemValue: "amount: by this payment",
} as const satisfies ValueSet;

/** Parts of the configuration by the names that settings are asked for. */
export const CONFIG_KEYS = {
  flowConfigs: "the flows",
  fpsSettings: "settings of the engine",
  appflowSettings: "settings that flows share",
} as const satisfies ValueSet;

export function isCardMethod(method: string): boolean {
  return CARD_METHODS.some((known) => known === method);
}

export function isSecretKey(key: string): boolean {
  return SECRET_KEYS.some((known) => known === key);
}
