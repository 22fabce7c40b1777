// One sale, told in every message and signed object of the protocol: the examples of docs/PROTOCOL.md, made by
// the real encoders from fixed keys, so that the same code always tells it in the same bytes. These keys and
// the card number are public and good for nothing else.

import { type Card, sealCard } from "../firmware/consumer/credential.ts";
import {
  encodeHint,
  encodeReply,
  encodeRequest,
  envelopeNonce,
} from "../firmware/protocol/envelope.ts";
import { encodeMessage, type Message, type MessageName } from "../firmware/protocol/messages.ts";
import { connectionName } from "../firmware/protocol/topics.ts";
import { signAnnouncement } from "../firmware/token/announcement.ts";
import { deviceName, issueCertificate } from "../firmware/token/certificate.ts";
import { signToken } from "../firmware/token/delivery-token.ts";
import { type Offer, signOffer } from "../firmware/token/offer.ts";
import { FIRST_PREVIOUS, type Receipt, signReceipt } from "../firmware/token/receipt.ts";
import { shortDigest, thumbprint } from "../firmware/token/signed.ts";
import { grantPulses, milliUnits, valueOfPulses } from "../firmware/units.ts";
import type { Crypto, Signer } from "../hal/crypto.ts";

/** 2026-01-01T00:00:00Z */
const START_S = 1_767_225_600;
const YEAR_S = 365 * 24 * 3600;
const EPOCH = 3;
const CARD: Card = { number: "4111111111111111", expiryYear: 29, expiryMonth: 12 };

export interface Keys {
  operator: Signer;
  device: Signer;
  deviceBox: Uint8Array;
  hostBox: Uint8Array;
  consumerBox: Uint8Array;
}

export interface SignedExamples {
  certificate: Uint8Array;
  announcement: Uint8Array;
  offer: Uint8Array;
  token: Uint8Array;
  "session receipt": Uint8Array;
  "settlement receipt": Uint8Array;
}

export interface FrameExamples {
  /** The first of a connection shows the consumer's key; later ones do not. */
  "first request": Uint8Array;
  "later request": Uint8Array;
  reply: Uint8Array;
  hint: Uint8Array;
}

export interface Story {
  keys: Keys;
  device: string;
  connection: string;
  epoch: number;
  nowS: number;
  offer: Offer;
  receipts: readonly Receipt[];
  signed: SignedExamples;
  messages: { [K in MessageName]: Extract<Message, { is: K }> };
  frames: FrameExamples;
}

function makeKeys(crypto: Crypto): Keys {
  const secret = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
  return {
    operator: crypto.signer(secret(1)),
    device: crypto.signer(secret(2)),
    deviceBox: secret(3),
    hostBox: secret(4),
    consumerBox: secret(5),
  };
}

/** The whole story; the same bytes every time. */
export function tellStory(crypto: Crypto): Story {
  const keys = makeKeys(crypto);
  const certificate = issueCertificate(
    {
      signKey: keys.device.publicKey,
      boxKey: crypto.boxPublicKey(keys.deviceBox),
      hostKey: crypto.boxPublicKey(keys.hostBox),
      serial: 1001,
      bench: false,
      expiresS: START_S + 2 * YEAR_S,
    },
    keys.operator,
    crypto,
  );
  const announced = { certificate, minor: 0, epoch: EPOCH, name: "Charger by the gate" };
  const offer = makeOffer(crypto, keys);
  const signedOffer = signOffer(offer, keys.device);
  const { id: order, consumer, service, price, units } = offer;
  const expiresS = START_S + 30 * 24 * 3600;
  const bought = { order, consumer, service, price, units, expiresS };
  const [receipts, signedReceipts] = makeReceipts(crypto, keys, offer, signedOffer);
  const signed: SignedExamples = {
    certificate,
    announcement: signAnnouncement(announced, keys.device),
    offer: signedOffer,
    token: signToken(bought, keys.device),
    "session receipt": signedReceipts[0],
    "settlement receipt": signedReceipts[1],
  };
  const messages = tellMessages(crypto, keys, offer, signed);
  const connection = connectionName(Uint8Array.of(0x53, 0x6c, 0x75, 0x69, 0x63, 0x65));
  return {
    keys,
    device: deviceName(crypto, keys.device.publicKey),
    connection,
    epoch: EPOCH,
    nowS: START_S,
    offer,
    receipts,
    signed,
    messages,
    frames: sealFrames(crypto, keys, connection, messages),
  };
}

function makeOffer(crypto: Crypto, keys: Keys): Offer {
  return {
    id: "0f1e2d3c4b5a6978",
    consumer: thumbprint(crypto, crypto.boxPublicKey(keys.consumerBox)),
    expiresS: START_S + 120,
    service: 1,
    price: 1,
    units: 10,
    unit: "kWh",
    priceMinor: 35,
    currency: "EUR",
    numerator: 1000,
    denominator: 1,
    lines: [{ kind: "units", amountMinor: 350 }],
    totalMinor: 350,
    undelivered: "refund",
  };
}

/** What the car took before its driver ended it: 6.25 of 10 kWh. */
const DELIVERED_PULSES = 6250;

function makeReceipts(
  crypto: Crypto,
  keys: Keys,
  offer: Offer,
  signedOffer: Uint8Array,
): [readonly Receipt[], readonly [Uint8Array, Uint8Array]] {
  const amountMinor = valueOfPulses(DELIVERED_PULSES, offer.priceMinor, offer.units, offer);
  const common = {
    order: offer.id,
    offer: shortDigest(crypto, signedOffer),
    payment: "sim-0001",
    clock: "synchronised" as const,
    pulses: DELIVERED_PULSES,
    milliUnits: milliUnits(DELIVERED_PULSES, offer),
    amountMinor,
    reason: "consumer-end" as const,
  };
  const session: Receipt = {
    is: "session",
    ...common,
    atS: START_S + 1100,
    number: 1,
    previous: FIRST_PREVIOUS,
    session: 1,
    startReading: 48_211,
    endReading: 48_211 + DELIVERED_PULSES + 1,
    runOnPulses: 1,
  };
  const signedSession = signReceipt(session, keys.device);
  const settlement: Receipt = {
    is: "settlement",
    ...common,
    atS: START_S + 1101,
    number: 2,
    previous: shortDigest(crypto, signedSession),
    sessions: 1,
    capturedMinor: offer.totalMinor,
    refundedMinor: offer.totalMinor - amountMinor,
    forfeitedMinor: 0,
    owedMinor: 0,
  };
  return [
    [session, settlement],
    [signedSession, signReceipt(settlement, keys.device)],
  ];
}

function tellMessages(
  crypto: Crypto,
  keys: Keys,
  offer: Offer,
  signed: SignedExamples,
): Story["messages"] {
  const { id: order, service, price, units, unit, priceMinor, currency } = offer;
  const hostKey = crypto.boxPublicKey(keys.hostBox);
  const entropy = { bytes: (length: number) => new Uint8Array(length).fill(6) };
  const digest = shortDigest(crypto, signed.offer);
  const ports = { crypto, entropy };
  const card = sealCard(CARD, offer, digest, hostKey, keys.consumerBox, ports);
  if (!card.ok) throw new Error(card.fault.message);
  const grant = grantPulses(units, offer);
  return {
    "get-services": { is: "get-services" },
    services: {
      is: "services",
      services: [
        { service: 1, name: "Socket 1, energy", free: true },
        { service: 2, name: "Socket 2, energy", free: false },
      ],
    },
    "get-identity": { is: "get-identity" },
    identity: { is: "identity", operatorKey: keys.operator.publicKey },
    "get-prices": { is: "get-prices", service },
    prices: {
      is: "prices",
      prices: [{ price, name: "per kWh", unit, amountMinor: priceMinor, currency }],
    },
    select: { is: "select", service, price, units },
    offer: { is: "offer", offer: signed.offer },
    pay: { is: "pay", offer: order, nonce: card.value.nonce, credential: card.value.box },
    paid: { is: "paid", token: signed.token },
    begin: { is: "begin", order, session: 1 },
    begun: { is: "begun", pulses: grant, startReading: 48_211 },
    end: { is: "end", order, session: 1 },
    ending: { is: "ending", running: true },
    metering: { is: "metering", session: 1, pulses: 1730 },
    receipts: {
      is: "receipts",
      receipts: [signed["session receipt"], signed["settlement receipt"]],
    },
    acknowledge: { is: "acknowledge", order, receipt: 2 },
    "get-order": { is: "get-order", order },
    order: {
      is: "order",
      state: "paid",
      sessions: 0,
      running: true,
      pulses: 0,
      grantPulses: grant,
      token: signed.token,
    },
    fault: { is: "fault", code: 302, message: "from 1 to 50 can be bought", at: "units" },
  };
}

/** Request 1 asks for the services and is answered; request 3 follows on the same connection. */
function sealFrames(
  crypto: Crypto,
  keys: Keys,
  connection: string,
  messages: Story["messages"],
): FrameExamples {
  const consumerKey = crypto.boxPublicKey(keys.consumerBox);
  const shared = crypto.boxShared(consumerKey, keys.deviceBox);
  if (shared === undefined) throw new Error("these keys are not of small order");
  const seal = (direction: "request" | "reply", message: Message, id: number, n: number) =>
    crypto.seal(encodeMessage(message), envelopeNonce(direction, connection, EPOCH, id, n), shared);
  const first = seal("request", messages["get-services"], 1, 0);
  return {
    "first request": encodeRequest({ id: 1, box: first, consumerKey }),
    reply: encodeReply({ id: 1, n: 1, box: seal("reply", messages.services, 1, 1) }),
    "later request": encodeRequest({ id: 3, box: seal("request", messages.select, 3, 0) }),
    hint: encodeHint({ id: 3, epoch: EPOCH + 1 }),
  };
}
