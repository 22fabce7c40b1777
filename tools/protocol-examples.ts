// One sale, told in every message and signed object of the protocol: the examples of docs/PROTOCOL.md, made by
// the real encoders from fixed keys, so that the same code always tells it in the same bytes. These keys and
// the card number are public and good for nothing else.

import { assert } from "../firmware/assert.ts";
import { type Card, sealCard } from "../firmware/consumer/credential.ts";
import { signCommand } from "../firmware/producer/command.ts";
import {
  encodeHint,
  encodeReply,
  encodeRequest,
  envelopeNonce,
} from "../firmware/protocol/envelope.ts";
import { encodeMessage } from "../firmware/protocol/message-codec.ts";
import type { Message, MessageName } from "../firmware/protocol/messages.ts";
import { encodeProof } from "../firmware/protocol/stream-proof.ts";
import { connectionName } from "../firmware/protocol/topics.ts";
import { signAnnouncement } from "../firmware/token/announcement.ts";
import { deviceName, issueCertificate } from "../firmware/token/certificate.ts";
import { chargeOf } from "../firmware/token/charge.ts";
import { commitmentSigner, signCommitment } from "../firmware/token/commitment.ts";
import { signToken } from "../firmware/token/delivery-token.ts";
import { ChainHash, lastLink } from "../firmware/token/hash-chain.ts";
import { type Offer, signOffer } from "../firmware/token/offer.ts";
import { signPrepaid } from "../firmware/token/prepaid-token.ts";
import { FIRST_PREVIOUS, type Receipt, signReceipt } from "../firmware/token/receipt.ts";
import { EVERY_SERIAL, signRevocations } from "../firmware/token/revocation.ts";
import { shortDigest, thumbprint } from "../firmware/token/signed.ts";
import { grantPulses, milliUnits } from "../firmware/units.ts";
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
  revocations: Uint8Array;
  command: Uint8Array;
  announcement: Uint8Array;
  offer: Uint8Array;
  token: Uint8Array;
  prepaid: Uint8Array;
  "bearer prepaid": Uint8Array;
  commitment: Uint8Array;
  "session receipt": Uint8Array;
  "settlement receipt": Uint8Array;
  "tariff offer": Uint8Array;
  "tariff session receipt": Uint8Array;
}

export interface FrameExamples {
  /** The first of a connection shows the consumer's key; later ones do not. */
  "first request": Uint8Array;
  "later request": Uint8Array;
  reply: Uint8Array;
  hint: Uint8Array;
  proof: Uint8Array;
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
  const tariffed = withTariff(offer);
  const signedTariffed = signOffer(tariffed, keys.device);
  const { id: order, consumer, service, price, units } = offer;
  const expiresS = START_S + 30 * 24 * 3600;
  const bought = { order, consumer, service, price, units, expiresS };
  const device = deviceName(crypto, keys.device.publicKey);
  const paidFor = { order: "5f3c9a1be27d4801", device, service, units, expiresS };
  const [receipts, signedReceipts] = makeReceipts(crypto, keys, offer, signedOffer);
  const revoked = [
    { device: "AAECAwQFBgc", serial: EVERY_SERIAL },
    { device: "CAkKCwwNDg8", serial: 1000 },
  ];
  const taken = { number: 2, issuedS: START_S, revoked };
  const signed: SignedExamples = {
    certificate,
    revocations: signRevocations(taken, keys.operator, crypto),
    announcement: signAnnouncement(announced, keys.device),
    command: makeCommand(crypto, keys),
    offer: signedOffer,
    token: signToken(bought, keys.device),
    prepaid: signPrepaid({ ...paidFor, consumer }, keys.operator),
    "bearer prepaid": signPrepaid(paidFor, keys.operator),
    commitment: makeCommitment(crypto, keys, offer, signedOffer),
    "session receipt": signedReceipts[0],
    "settlement receipt": signedReceipts[1],
    "tariff offer": signedTariffed,
    "tariff session receipt": makeReceipts(crypto, keys, tariffed, signedTariffed)[1][0],
  };
  const messages = tellMessages(crypto, keys, offer, signed);
  const connection = connectionName(Uint8Array.of(0x53, 0x6c, 0x75, 0x69, 0x63, 0x65));
  return {
    keys,
    device,
    connection,
    epoch: EPOCH,
    nowS: START_S,
    offer,
    receipts,
    signed,
    messages,
    frames: {
      ...sealFrames(crypto, keys, connection, messages),
      proof: encodeProof({ units: 3, link: linkOf(crypto, keys, offer, 3) }),
    },
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

/** The link of the order's chain that pays for so many units. */
function linkOf(crypto: Crypto, { consumerBox }: Keys, offer: Offer, units: number): Uint8Array {
  const hash = new ChainHash(crypto, offer.id);
  let link = lastLink(crypto, consumerBox, offer.id);
  for (let at = offer.units; at > units; at--) link = hash.before(at, link);
  return link.slice();
}

function makeCommitment(
  crypto: Crypto,
  keys: Keys,
  offer: Offer,
  signedOffer: Uint8Array,
): Uint8Array {
  const { id: order, units, priceMinor: unitMinor, currency } = offer;
  const commitment = {
    ...{ order, units, unitMinor, currency },
    expiresS: START_S + YEAR_S,
    device: thumbprint(crypto, keys.device.publicKey),
    offer: shortDigest(crypto, signedOffer),
    root: linkOf(crypto, keys, offer, 0),
  };
  return signCommitment(commitment, commitmentSigner(crypto, keys.consumerBox));
}

function makeCommand(crypto: Crypto, keys: Keys): Uint8Array {
  const price = { id: 2, name: "Night rate", amountMinor: 28, currency: "EUR" };
  const action = { do: "price-set" as const, service: 1, price };
  const device = deviceName(crypto, keys.device.publicKey);
  const signed = signCommand({ device, number: 7, atS: START_S, action }, keys.operator);
  assert(signed.ok, "a short command fits");
  return signed.value;
}

/** The same at a price that says more: 19 % of tax, cheaper from the 6th unit on, a start fee. */
function withTariff(offer: Offer): Offer {
  const tiers = [{ fromUnits: 6, amountMinor: 30 }];
  return {
    ...offer,
    tariff: { taxBasisPoints: 1900, tiers, feeNames: ["Start"] },
    lines: [
      { kind: "units", amountMinor: 325 },
      { kind: "start", amountMinor: 50 },
    ],
    totalMinor: 375,
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
  const charge = chargeOf(offer, 0, DELIVERED_PULSES);
  const common = {
    order: offer.id,
    offer: shortDigest(crypto, signedOffer),
    payment: "sim-0001",
    clock: "synchronised" as const,
    pulses: DELIVERED_PULSES,
    milliUnits: milliUnits(DELIVERED_PULSES, offer),
    ...charge,
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
    refundedMinor: offer.totalMinor - charge.amountMinor,
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
    "payment-event": {
      is: "payment-event",
      order,
      type: "confirmationRequest",
      confirmation: {
        id: "1",
        type: "extra",
        title: "Round up for the lifeboats?",
        extra: { name: "charityDonation", amountMinor: 50 },
      },
    },
    confirm: { is: "confirm", order, confirmation: "1", values: ["approve"] },
    confirmed: { is: "confirmed" },
    ...tellDelivery(order, grant, signed),
    ...tellOthers(priceMinor, currency, signed),
  };
}

function tellDelivery(order: string, grant: number, signed: SignedExamples) {
  return {
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
  } satisfies Partial<Story["messages"]>;
}

/** What does not belong to every sale: a refusal, the readings, the operator's commands. */
function tellOthers(priceMinor: number, currency: string, signed: SignedExamples) {
  return {
    fault: {
      is: "fault",
      code: 302,
      message: "from 1 to 50 can be bought",
      at: "units",
      supply: { units: 50, totalMinor: 50 * priceMinor, currency },
    },
    "get-readings": { is: "get-readings" },
    readings: {
      is: "readings",
      readings: [{ sensor: "tank", unit: "dL", value: 8214, ageMs: 400, quality: "good" }],
    },
    "get-operation": { is: "get-operation" },
    operation: { is: "operation", number: 7 },
    operate: { is: "operate", command: signed.command },
    operated: { is: "operated", number: 7 },
  } satisfies Partial<Story["messages"]>;
}

/** Request 1 asks for the services and is answered; request 3 follows on the same connection. */
function sealFrames(
  crypto: Crypto,
  keys: Keys,
  connection: string,
  messages: Story["messages"],
): Omit<FrameExamples, "proof"> {
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
