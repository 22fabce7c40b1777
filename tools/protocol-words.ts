// What the fields of messages and signed objects mean, in words, for docs/PROTOCOL.md. A field without words,
// or words without a field, do not compile (messages) or are refused when the document is made (signed objects).

import type { MessageName, MessageOf } from "../firmware/protocol/messages.ts";

export type MessageWords = {
  [K in MessageName]: {
    /** What is to be known beyond its one sentence. */
    more?: string;
    fields: Record<Exclude<keyof MessageOf<K>, "is">, string>;
  };
};

export const MESSAGE_WORDS: MessageWords = {
  "get-services": { fields: {} },
  services: {
    fields: {
      services:
        "Each with its number, its name for people, and whether its outlet is free and able to deliver now",
      details:
        "Of the services that have any: the sort of service, a description, how many units a level leaves to sell, that it was added or changed while running, and, where it can be paid while it is delivered, how many units are delivered ahead of proof at most",
    },
  },
  "get-identity": {
    more: "For a consumer that has no operator's key yet. It compares the answer with the certificate, shows its fingerprint, and pins it where it may.",
    fields: {},
  },
  identity: {
    fields: {
      operatorKey: "Ed25519",
      description: "The device in a sentence",
      revocations: "The latest signed list of revoked devices that this device has, below",
    },
  },
  "get-prices": { fields: { service: "Number of the service" } },
  prices: {
    fields: {
      prices: "Each with its number, its name for people, and the amount for one unit",
      details:
        "Of the prices that have any: tax contained in every amount, the range and step of units, tiers for further units, fees charged once with the first delivered pulse, and that it was set while running",
    },
  },
  select: {
    more: "Refused with `not-ready` while the outlet cannot deliver: an offer states that it could when it was made.",
    fields: {
      service: "Number of the service",
      price: "Number of the price",
      units: "How many units, from 1",
    },
  },
  offer: { fields: { offer: "A signed offer, below" } },
  pay: {
    more: "Business key: the offer's id, which becomes the order's. Sent again, from whatever connection of the same consumer, it asks what became of the payment and never pays twice. The device passes the credential on unread. `payment-pending` means: not decided yet, send the same again.",
    fields: {
      offer: "Id of the offer",
      nonce: "Single use; part of the nonce of the credential's box",
      credential:
        "The sealed card, below, or a token of the payment host; empty where the payer has an account with the operator",
      tokenised: "True: `credential` is the payment host's token",
      method: "The payment method that the payer chooses; any when absent",
      maximumMinor:
        "What the credentials are bound to where that is more than the total: so much may be taken with extras that the payer confirms",
      further: "More credentials, tried in turn when the one before does not cover all",
      commitment:
        "The payer's commitment to a hash chain, below: he pays while he is served, and the credentials are bound to the commitment's digest in the place of the offer's",
    },
  },
  paid: { fields: { token: "The signed delivery token, below" } },
  "payment-event": {
    fields: {
      order: "Id of the order that is being paid",
      type: "What sort of event it is; one that is not known is passed over",
      text: "What it says, for people",
      confirmation:
        "A question to the payer: the answer names its id; accepting an `extra` is answered by `approve` and adds it to what is paid",
    },
  },
  confirm: {
    more: "Never answered for the payer: without an answer in time nothing is added.",
    fields: {
      order: "Id of the order",
      confirmation: "Id of the question",
      values: "The values that the payer chose",
    },
  },
  confirmed: { fields: {} },
  begin: {
    more: "Business key: order and session number. A prepaid token needs no offer and no payment: shown here it makes its order, whose id it holds, when the delivery begins. The number is one more than that of the last session; the same number again gets the same answer and delivers nothing more. `busy` leaves the token good.",
    fields: {
      order: "Id of the order",
      session: "Number of the session within the order, from 1",
      units: "At most so many of those that remain; all of them when absent",
      token:
        "The delivery token, where the device shall judge it by its bytes; or a prepaid token, which brings its own order",
      step: "Of an order with a commitment: proofs come for multiples of so many units; 1 when absent",
      window: "Of such an order: units that are delivered ahead of proof; none when absent",
      proof: "The last proof that the payer let go: units, and the link that pays for them",
    },
  },
  begun: {
    fields: {
      pulses: "What the session may deliver: its grant",
      startReading: "Reading of the meter when the session began",
    },
  },
  end: {
    more: "Business key: order and session number, so that a repeated one never ends a later session. With `close` it settles an idle order, as its offer says of what was not delivered; without, an idle order stays as it is.",
    fields: {
      order: "Id of the order",
      session: "Number of the session to end, or that ended last",
      close: "Settle the order when no session runs",
    },
  },
  ending: { fields: { running: "A session was running and is being stopped" } },
  metering: {
    more: "Sent at most once a second to the connection that last asked about the order. Cumulative, so a lost or late one does no harm: the largest number counts.",
    fields: {
      session: "Number of the session",
      pulses: "Delivered in this session so far",
      held: "Delivery waits, switch open, for its next reservation to reach the disk, or for a proof",
      proved: "Of an order with a commitment: units of which the device has proof",
      ended:
        "Of such an order: the session is over, and the device waits up to two seconds for proof of the unit that was begun",
    },
  },
  receipts: {
    more: "Sent to the connection that last asked about the order, again and again with growing pauses (2 s to 60 s), until they are acknowledged.",
    fields: { receipts: "Signed receipts, below, oldest first" },
  },
  acknowledge: {
    more: "Business key: the receipt's number. Sent when the receipts are verified and kept.",
    fields: {
      order: "Id of the order",
      receipt: "Number of the last receipt that is kept; those before it are, too",
    },
  },
  "get-order": {
    more: "Also makes this the connection that metering and receipts of the order are sent to: how a consumer that was away takes up a sale again.",
    fields: { order: "Id of the order" },
  },
  order: {
    fields: {
      state: "Where the order stands",
      sessions: "Sessions that have ended",
      running: "One of them is running",
      pulses: "Delivered and charged over all ended sessions",
      grantPulses: "All pulses of the order",
      token: "The delivery token, once it is paid",
      proved: "Of an order with a commitment: units of which the device has proof",
    },
  },
  fault: {
    more: "May answer any request. Codes are at the end of this document; one that is not known is `unknown`.",
    fields: {
      code: "Which kind of trouble",
      message: "Words for people, never parsed",
      at: "Path of the field at fault",
      supply: "With `units-out-of-range`: the nearest that can be supplied, and its total",
      session:
        "With `session-unknown`: the number of the order's next session, where one can begin",
    },
  },
  "get-readings": { fields: {} },
  readings: { fields: { readings: "Sensor, unit, value, age and quality of each" } },
  "get-operation": {
    more: "Any consumer may ask: the number alone allows nothing.",
    fields: {},
  },
  operation: { fields: { number: "One more than that of the last command carried out" } },
  operate: {
    more: "Business key: the number inside. The number before it, with the same bytes, gets the same answer again; every other number is refused with `operation-number`. A question (status, services, audit) holds the next number too and does not use it up.",
    fields: { command: "A signed command, below" },
  },
  operated: {
    fields: { number: "Of the command", answer: "JSON, where the command asks for something" },
  },
};

/** By the path of names from the claims down. */
export const SIGNED_WORDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  certificate: {
    expires: "Not to be trusted from then on; seconds since 1970",
    device: "",
    "device.signKey": "Ed25519 key of the device; its thumbprint is the device's id",
    "device.boxKey": "X25519 key of the device, for the envelope",
    "device.hostKey": "X25519 key of the payment host, for credentials",
    "device.serial": "The operator's own number for it",
    "device.bench": "True: for a bench, good only with a simulated payment host",
  },
  revocations: {
    issuedAt: "Seconds since 1970",
    list: "",
    "list.operator": "Thumbprint of the operator's key",
    "list.number":
      "One more for each list: the highest counts, and holds all that those before it held",
    "list.revoked":
      "Devices by their thumbprints, each with a serial: its certificates up to that one are taken back; 4294967295 is all of them",
  },
  announcement: {
    device: "",
    "device.certificate": "The signed certificate, as bytes",
    "device.minor": "Minor version of the protocol",
    "device.epoch": "One more at each start of the device, or oftener: it only rises",
    "device.name": "For people",
    detail: "",
    "detail.types": "What sorts of service it sells; left out where none has a type",
  },
  offer: {
    expires: "Not to be paid from then on; seconds since 1970",
    id: "Becomes the order's id",
    consumer: "",
    "consumer.keyId": "Thumbprint of the consumer's X25519 key",
    terms: "",
    "terms.service": "Number of the service",
    "terms.price": "Number of the price",
    "terms.units": "Units offered",
    "terms.unit": "What a unit is",
    "terms.priceMinor": "For one unit, in the minor unit of the currency",
    "terms.currency": "ISO 4217",
    "terms.numerator": "Pulses per unit, a fraction:",
    "terms.denominator": "numerator / denominator",
    "terms.lines":
      "What the total is made of: the units first, then the fees, each charged once, with the first delivered pulse; they add up to it. Kind `tax` is not used: every amount contains its tax",
    "terms.totalMinor": "What is paid",
    "terms.undelivered": "What becomes of units that are paid and not delivered",
    tariff: "What the price is more than an amount per unit; absent where it is no more",
    "tariff.taxBasisPoints": "Tax that every amount contains, in hundredths of a percent",
    "tariff.tiers":
      "In rising order: the unit of that number and all after it cost so much each; those before, the amount of the tier before, or `priceMinor`",
    "tariff.feeNames": "One for each line that is no units, in their order",
  },
  token: {
    expires: "No session begins from then on; seconds since 1970",
    order: "Id of the order",
    consumer: "",
    "consumer.keyId": "Thumbprint of the consumer's X25519 key",
    bought: "",
    "bought.service": "Number of the service",
    "bought.price": "Number of the price",
    "bought.units": "Units paid",
  },
  prepaid: {
    expires: "No session begins from then on; seconds since 1970",
    order: "Id of the order that it brings",
    consumer: "Whose it is; left out by a bearer token, and by no other",
    "consumer.keyId": "Thumbprint of the consumer's X25519 key",
    prepaid: "",
    "prepaid.device": "Thumbprint of the signing key of the one device on which it is good",
    "prepaid.service": "Number of the service",
    "prepaid.units": "Units paid, 1 at least",
    "prepaid.bearer": "True: it is for whoever shows it first, and then for whoever shows it next",
  },
  commitment: {
    expires: "It is good until then; seconds since 1970",
    order: "Id of the order",
    commits: "",
    "commits.key": "The Ed25519 key that signs it, the payer's own",
    "commits.device": "Thumbprint of the device's signing key",
    "commits.offer": "Digest of the signed offer",
    "commits.root": "Link 0 of the chain",
    "commits.units": "Links of the chain, units of the order",
    "commits.unitMinor": "What each is worth, in the minor unit of the currency",
    "commits.currency": "ISO 4217",
  },
  receipt: {
    issuedAt: "Seconds since 1970, as good as `clock` says",
    order: "Id of the order",
    body: "",
    "body.sort": "Which of the two it is",
    "body.number": "In the chain of the device, from 1, without gaps",
    "body.previous": "Digest of the signed receipt before it; zeros in the first",
    "body.offer": "Digest of the signed offer, and so its lines, price and pulses per unit",
    "body.payment":
      "The payment host's reference; of what was paid in several parts the device's own, of the transaction",
    "body.clock": "How good the device's clock was",
    "body.session": "Number of the session within the order",
    "body.startReading": "Of the meter, before",
    "body.endReading": "Of the meter, after",
    "body.pulses": "Delivered and charged: of the session, or of the whole order",
    "body.runOnPulses": "Ran on after the switch was told to open: given, not charged",
    "body.milliUnits": "Delivered thousandths of a unit, rounded down",
    "body.amountMinor":
      "Value of what was delivered; on a settlement with the extras that the payer accepted",
    "body.reason": "Why it stopped",
    "body.sessions": "How many there were",
    "body.capturedMinor":
      "Taken from the payer; less than the rest adds up to only where what was held was lost to the seller",
    "body.refundedMinor": "Given back",
    "body.forfeitedMinor": "Kept although not delivered, as the offer said",
    "body.owedMinor": "To be given back and not yet so",
    breakdown:
      "What the amount is made of; there when the offer has a tariff, the settlement has extras, a prepaid token or proofs paid for it, or a reading stopped it",
    "breakdown.taxMinor":
      "Contained in the amount: amount x rate / (1 + rate), half a minor unit rounded up",
    "breakdown.lines":
      "Units and fees that are charged here, as in the offer, and on a settlement the extras; they add up to the amount, and none is 0",
    "breakdown.extraNames": "Of the lines that are extras, in their order",
    "breakdown.prepaid":
      "Such a prepaid token paid for it, whose digest stands in the place of the offer's; every amount is 0, and the payment's reference is `prepaid`",
    "breakdown.streamed": "Of a session that was paid while it was delivered",
    "breakdown.streamed.proof": "The payer's last proof by then",
    "breakdown.streamed.proof.units": "All units of the order up to this one are paid",
    "breakdown.streamed.proof.link": "Link of the order's chain",
    "breakdown.streamed.unpaidPulses":
      "Delivered without a proof: given, and counted in `runOnPulses`",
    "breakdown.streamed.caughtUpPulses":
      "Given by earlier sessions and proved since: charged here, and counted in `pulses`",
    "breakdown.cause": "The reading for which it stopped, where one did it",
    "breakdown.cause.of": "Id of the outlet, meter, interlock or sensor that said so",
    "breakdown.cause.value": "What it read",
    "breakdown.cause.unit": "What the reading counts",
  },
  command: {
    issuedAt: "When it was signed, by the operator's clock; seconds since 1970",
    device: "Id of the device that it is for (registered claim `aud`)",
    action: "",
    "action.sort": "Which of them it is",
    "action.number": "One more than that of the last command",
    "action.service": "The service, or its number",
    "action.policy":
      "Of unpaid offers and paid units: honoured until they expire, or refused and refunded",
    "action.price": "The price, or its number",
    "action.durationMs": "0 is until it is stopped",
    "action.outlet": "Id of the outlet whose delivery is ended",
    "action.from":
      "Where the page of the answer begins; for `audit` 0 is the last command; of what is answered in parts, how many characters are there already",
    "action.config": "JSON of a flow, as an entry of payment.flows in a device file",
    "action.flow":
      "Name of a flow, or the id of one that runs or has ended; empty is any, or no place",
    "action.grant": "As the operator signed it for a flow service",
    "action.stage": "Where the service takes part",
    "action.after": "The service that it comes after; empty is the last",
    "action.attached": "Id of a flow service",
    "action.how": "How the flow is steered",
    "action.order": "Id of an order",
    "action.amountMinor": "To be given back; 0 is all that is left",
    "action.type": "Flow type; empty is any",
    "action.data": "JSON of the request's typed data; empty is none",
    "action.target": "The only service that is asked; empty is whoever can answer",
    "action.sinceS": "Ended then or later; 0 is any time",
    "action.untilS": "Ended then or before; 0 is any time",
    "action.most": "At most so many",
    "action.service.id": "Number",
    "action.service.name": "For people",
    "action.service.type": "What sort of service it is",
    "action.service.description": "For people",
    "action.service.level": "What limits how much can be sold",
    "action.service.level.sensor": "Id of the sensor",
    "action.service.level.readingsPerUnit": "",
    "action.service.level.readingsPerUnit.numerator": "Readings per unit, a fraction:",
    "action.service.level.readingsPerUnit.denominator": "numerator / denominator",
    "action.service.level.reserve": "This much of the reading is never sold",
    "action.service.outlet": "Id of the outlet",
    "action.service.meter": "Id of the outlet's meter whose units are sold",
    "action.service.prices": "Each as below",
    "action.service.unitsMax": "At most so many units in one offer",
    "action.service.undelivered": "What becomes of units that are paid and not delivered",
    "action.service.tokenLifeS": "How long paid units can be taken, in seconds",
    "action.service.payment": "How it is paid; before delivery where nothing is said",
    "action.service.payment.way":
      "In full before delivery; held before, and captured after by what was delivered; or from an account",
    "action.service.payment.flow": "Name of the flow that pays it",
    "action.service.walkUp": "Sold at the board too, to whoever presents a card there",
    "action.service.walkUp.price": "Number of the price",
    "action.service.walkUp.units": "So many units are held for",
    "action.service.bearer":
      "Prepaid bearer tokens are good for it; none are where nothing is said",
    "action.service.bearer.valueMinorMax":
      "All units of one, at the dearest of the prices, are worth no more",
    "action.service.stream": "It may be paid while it is delivered; not where nothing is said",
    "action.service.stream.windowUnitsMax": "At most so many units are delivered ahead of proof",
    "action.price.id": "Number",
    "action.price.name": "For people",
    "action.price.amountMinor": "For one unit, in the minor unit of the currency",
    "action.price.currency": "ISO 4217",
    "action.price.taxBasisPoints": "Tax that every amount contains, in hundredths of a percent",
    "action.price.minUnits": "At least so many in one offer",
    "action.price.maxUnits": "At most so many",
    "action.price.stepUnits": "Only multiples of it",
    "action.price.tiers": "In rising order: from that unit on, so much each",
    "action.price.fees": "Each charged once, with the first delivered pulse",
  },
};
