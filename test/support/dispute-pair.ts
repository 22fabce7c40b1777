// Two logs of one streamed order, as an honest device and an honest payer keep them over a network that loses proofs:
// made pulse by pulse by the rules of both sides, so that a test can plant a breach in one of them.

import { unitsDue } from "../../firmware/consumer/stream-payer.ts";
import { chargedPulses, limitPulses } from "../../firmware/producer/stream-seller.ts";
import { chargeOf, settlementCharge, withDetails } from "../../firmware/token/charge.ts";
import {
  type Commitment,
  commitmentSigner,
  signCommitment,
} from "../../firmware/token/commitment.ts";
import { ChainHash, lastLink } from "../../firmware/token/hash-chain.ts";
import { type Offer, signOffer } from "../../firmware/token/offer.ts";
import {
  FIRST_PREVIOUS,
  type Receipt,
  type SessionReceipt,
  type SettlementReceipt,
  signReceipt,
} from "../../firmware/token/receipt.ts";
import { shortDigest, thumbprint } from "../../firmware/token/signed.ts";
import { milliUnits } from "../../firmware/units.ts";
import { type DisputeLog, LOG_TYPE } from "../../tools/dispute-log.ts";
import { crypto, story } from "./sale.ts";

export interface SessionPlan {
  /** It ends when so many pulses were delivered in it, or nothing moves any more. */
  pulses: number;
  runOn: number;
  /** Proofs that do not arrive, by when they were sent. */
  lost: readonly boolean[];
  /** The proof after its end, too. */
  lostLast: boolean;
}

export interface Plan {
  units: number;
  ratio: { numerator: number; denominator: number };
  step: number;
  window: number;
  sessions: readonly SessionPlan[];
  /** The order was settled. */
  settled: boolean;
  /** The consumer counts for himself. */
  ownMeter: boolean;
  /** Receipts, from the last one, that never reached the consumer; so many units, by which his record lags. */
  unheard: number;
  lag: number;
}

/** What is signed only at the end, so that a test can change it first. */
export interface Draft {
  offer: Offer;
  /** As the device has it; another offer of the same id there is a breach. */
  deviceOffer: Offer;
  commitment: Commitment;
  receipts: Receipt[];
  released: number;
  proved: number;
  delivered: number;
}

const SECRET = new Uint8Array(32).fill(7);
const PRICE_MINOR = 30;

export function offerOf({ units, ratio }: Plan): Offer {
  const { tariff: _, ...plain } = story.offer;
  const totalMinor = units * PRICE_MINOR;
  const lines = [{ kind: "units" as const, amountMinor: totalMinor }];
  return { ...plain, ...ratio, units, priceMinor: PRICE_MINOR, totalMinor, lines };
}

/** Links 0 to the last one of an order. */
export function chainOf(order: string, units: number): Uint8Array[] {
  const hash = new ChainHash(crypto, order);
  const links = [lastLink(crypto, SECRET, order)];
  for (let i = units; i > 0; i--) links.push(hash.before(i, links.at(-1) ?? new Uint8Array(16)));
  return links.reverse();
}

export function commitmentOf(offer: Offer, change: Partial<Commitment> = {}): Commitment {
  return {
    order: offer.id,
    expiresS: offer.expiresS + 86_400,
    device: thumbprint(crypto, story.keys.device.publicKey),
    offer: shortDigest(crypto, signOffer(offer, story.keys.device)),
    root: chainOf(offer.id, offer.units)[0] ?? new Uint8Array(16),
    units: offer.units,
    unitMinor: offer.priceMinor,
    currency: offer.currency,
    ...change,
  };
}

export function signedCommitment(commitment: Commitment, secret = SECRET): Uint8Array {
  return signCommitment(commitment, commitmentSigner(crypto, secret));
}

/** The order as both sides live it. */
export function honest(plan: Plan): Draft {
  const { units, ratio, step, window } = plan;
  const offer = offerOf(plan);
  const links = chainOf(offer.id, units);
  const so = { released: 0, proved: 0, delivered: 0, charged: 0, reading: 500 };
  const seller = () => {
    const link = links[so.proved] ?? new Uint8Array(16);
    return { order: offer.id, units, ratio, step, window, proved: so.proved, link };
  };
  const receipts: Receipt[] = [];
  const release = (isEnded: boolean, isLost: boolean): void => {
    const payer = { units, ratio, step, window, released: so.released };
    so.released = unitsDue(payer, so.delivered, isEnded);
    if (!isLost) so.proved = so.released;
  };
  for (const [index, session] of plan.sessions.entries()) {
    const before = { ...so };
    for (let i = 0; so.delivered - before.delivered < session.pulses; i++) {
      release(false, session.lost[i % Math.max(1, session.lost.length)] === true);
      if (so.delivered >= limitPulses(seller())) break;
      so.delivered += 1;
    }
    release(true, session.lostLast);
    so.charged = chargedPulses(seller(), so.delivered);
    const unpaidBefore = before.delivered - before.charged;
    const pulses = so.charged - before.charged;
    const caughtUpPulses = Math.min(pulses, unpaidBefore);
    const unpaidPulses = so.delivered - before.delivered + caughtUpPulses - pulses;
    const moved = so.delivered - before.delivered + session.runOn;
    const charge = chargeOf(offer, before.charged, pulses);
    receipts.push({
      ...headOf(offer),
      is: "session",
      session: index + 1,
      startReading: so.reading,
      endReading: so.reading + moved,
      pulses,
      runOnPulses: session.runOn + unpaidPulses,
      milliUnits: milliUnits(pulses, ratio),
      ...withDetails(charge, {
        streamed: {
          proof: { units: so.proved, link: seller().link },
          unpaidPulses,
          caughtUpPulses,
        },
      }),
      reason: "consumer-end",
    });
    so.reading += moved + 3;
  }
  if (plan.settled) receipts.push(settlement(offer, so.charged, plan.sessions.length));
  const { released, proved, delivered } = so;
  const commitment = commitmentOf(offer);
  return { offer, deviceOffer: offer, commitment, receipts, released, proved, delivered };
}

function headOf(offer: Offer) {
  const common = { order: offer.id, atS: 1_800_000_000, payment: "sim-1" };
  const chain = { number: 0, previous: FIRST_PREVIOUS, clock: "set" as const };
  return { ...common, ...chain, offer: shortDigest(crypto, signOffer(offer, story.keys.device)) };
}

function settlement(offer: Offer, pulses: number, sessions: number): SettlementReceipt {
  const charge = settlementCharge(offer, pulses);
  return {
    ...headOf(offer),
    is: "settlement",
    sessions,
    pulses,
    milliUnits: milliUnits(pulses, offer),
    ...charge,
    capturedMinor: charge.amountMinor,
    refundedMinor: 0,
    forfeitedMinor: 0,
    owedMinor: 0,
    reason: "consumer-end",
  };
}

/** Signed in one chain, numbered from 1. */
export function signAll(receipts: readonly Receipt[]): Uint8Array[] {
  let previous: Uint8Array = FIRST_PREVIOUS;
  return receipts.map((receipt, index) => {
    const signed = signReceipt({ ...receipt, number: index + 1, previous }, story.keys.device);
    previous = shortDigest(crypto, signed);
    return signed;
  });
}

/** Both logs, as each side writes its own. */
export function logsOf(plan: Plan, draft: Draft): { consumer: DisputeLog; device: DisputeLog } {
  const { offer, deviceOffer, commitment, delivered } = draft;
  const links = chainOf(offer.id, offer.units);
  const receipts = signAll(draft.receipts);
  const released = Math.max(0, draft.released - Math.min(plan.lag, plan.step + plan.window));
  const common = {
    type: LOG_TYPE,
    operatorKey: story.keys.operator.publicKey,
    certificate: story.signed.certificate,
    commitment: signedCommitment(commitment),
    step: plan.step,
    window: plan.window,
  };
  const proofOf = (units: number) => ({ units, link: links[units] ?? new Uint8Array(16) });
  return {
    consumer: {
      ...common,
      role: "consumer",
      offer: signOffer(offer, story.keys.device),
      proofs: [proofOf(released)],
      counts: [{ pulses: delivered, ...(plan.ownMeter && { own: true }) }],
      receipts: receipts.slice(0, receipts.length - plan.unheard),
    },
    device: {
      ...common,
      role: "device",
      offer: signOffer(deviceOffer, story.keys.device),
      proofs: [proofOf(draft.proved)],
      receipts,
    },
  };
}

export function sessionsOf(receipts: readonly Receipt[]): SessionReceipt[] {
  return receipts.filter((one): one is SessionReceipt => one.is === "session");
}
