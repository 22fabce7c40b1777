// The rules of an order that is paid while it is delivered: the commitment, the proofs, and what may be charged by them.
// Pure.

import { equalBytes, toHex } from "../firmware/bytes.ts";
import { deliveredPulses } from "../firmware/consumer/stream-order.ts";
import type { Breakdown } from "../firmware/token/receipt.ts";
import { shortDigest, thumbprint } from "../firmware/token/signed.ts";
import { countText, coveredPulses, milliUnits } from "../firmware/units.ts";
import type { Crypto } from "../hal/crypto.ts";
import {
  broken,
  type Case,
  type Finding,
  missingSession,
  noted,
  undecided,
} from "./dispute-finding.ts";
import type { DisputeLog, Party } from "./dispute-log.ts";
import type { KeptReceipt, Papers, SignedCommitment } from "./dispute-papers.ts";
import { type ShownProof, trueProofs } from "./dispute-proofs.ts";

type Streamed = NonNullable<Breakdown["streamed"]>;

interface StreamedSession {
  session: number;
  pulses: number;
  runOnPulses: number;
  amountMinor: number;
  streamed: Streamed | undefined;
}

interface Side {
  log: DisputeLog;
  papers: Papers;
}

interface Shown extends ShownProof {
  where: string;
}

/** What is found of the stream, and whether the sums of its receipts can be looked at, and by which commitment. */
interface JudgedStream {
  findings: Finding[];
  commitment?: SignedCommitment;
  canSum: boolean;
}

export function judgeStream(one: Case): JudgedStream {
  const { commitment, findings } = chooseCommitment(one);
  if (commitment === undefined) {
    return { findings, canSum: findings.length === 0 && !one.receipts.some(isPaidByProof) };
  }
  const judged = judgeProofs(one, commitment);
  // Each would be told again, as a sum that is wrong.
  const canSum = !judged.some(({ is, party }) => is === "broken" && party === "device");
  return { findings: [...findings, ...judged], commitment, canSum };
}

/** D3: the payer signs one commitment for an order, and it is for the very offer. */
function chooseCommitment(one: Case): { commitment?: SignedCommitment; findings: Finding[] } {
  const { consumer, device } = one;
  const [mine, theirs] = [consumer.papers.commitment, device.papers.commitment];
  const strange = strangeOf(one);
  if (strange.length > 0) return { findings: strange };
  if (mine === undefined && theirs === undefined) {
    const isMissing = one.receipts.some(isPaidByProof) && !isForged(one);
    const words = "neither log holds the commitment by which the receipts say it was paid";
    return { findings: isMissing ? [undecided("D3", words)] : [] };
  }
  if (mine === undefined) {
    // It may be left out, or made up: only the payment host was told of it by the payer.
    const words = "only the device's log holds a commitment: whose it is, the payment host can say";
    return { findings: isForged(one) ? [] : [undecided("D3", words)] };
  }
  if (theirs === undefined) {
    const words =
      "only the consumer's log holds a commitment: the payment host can say which it was";
    return { findings: isForged(one) ? [] : [undecided("D3", words)] };
  }
  if (!equalBytes(mine.signed, theirs.signed)) {
    if (equalBytes(mine.key, theirs.key)) {
      return { findings: [broken("D3", "consumer", "he signed two commitments for one order")] };
    }
    const keys = [mine, theirs].map(({ key }) => toHex(key.slice(0, 8))).join(" and ");
    const words = `two commitments, by the keys ${keys}: the payment host can say which is the payer's`;
    return { findings: [undecided("D3", words)] };
  }
  const odd = commitmentOdd(mine, consumer, one.crypto);
  if (odd === undefined) return { commitment: mine, findings: [] };
  return { findings: [broken("D3", "consumer", `he signed a commitment ${odd}`)] };
}

/** Then it is told already that a paper is not genuine, and it may be this one. */
function isForged({ consumer, device }: Case): boolean {
  return consumer.papers.forged.length + device.papers.forged.length > 0;
}

function isPaidByProof({ receipt }: KeptReceipt): boolean {
  return receipt.breakdown?.streamed !== undefined;
}

/** D1: the payer signs for all of his orders with one key, and whoever sold to him has such papers of others. */
function strangeOf({ consumer, device, crypto }: Case): Finding[] {
  const [mine, theirs] = [consumer.papers.commitment, device.papers.commitment];
  if (mine !== undefined && theirs !== undefined && equalBytes(mine.signed, theirs.signed))
    return [];
  return [consumer, device].flatMap((side) => {
    const { commitment } = side.papers;
    const odd = commitment && commitmentOdd(commitment, side, crypto);
    return odd === undefined ? [] : broken("D1", side.log.role, `its commitment is ${odd}`);
  });
}

function commitmentOdd(
  commitment: SignedCommitment,
  { log, papers }: Side,
  crypto: Crypto,
): string | undefined {
  const { offer, signedOffer, certificate } = papers;
  if (commitment.order !== offer.id) return "for another order";
  // As the device made it, or as it came to the payer.
  const offers = [signedOffer, log.offer].map((signed) => shortDigest(crypto, signed));
  if (!offers.some((digest) => equalBytes(commitment.offer, digest))) {
    return "for another offer of that order";
  }
  if (!equalBytes(commitment.device, thumbprint(crypto, certificate.signKey))) {
    return "for another device";
  }
  if (commitment.units !== offer.units)
    return `for ${countText(commitment.units, "unit")}, not ${offer.units}`;
  if (commitment.unitMinor !== offer.priceMinor || commitment.currency !== offer.currency) {
    return "at another price than the offer's";
  }
  return undefined;
}

function judgeProofs(one: Case, commitment: SignedCommitment): Finding[] {
  const { consumer, device, receipts } = one;
  const sessions = receipts.flatMap(({ receipt }): StreamedSession[] =>
    receipt.is === "session" ? [{ ...receipt, streamed: receipt.breakdown?.streamed }] : [],
  );
  const byConsumer = judgeShown(one, commitment, "consumer", linesOf(consumer.log.proofs));
  const byDevice = judgeShown(one, commitment, "device", [
    ...linesOf(device.log.proofs),
    ...sessions.flatMap(({ session, streamed }) =>
      streamed === undefined ? [] : [{ ...streamed.proof, where: `receipt of session ${session}` }],
    ),
  ]);
  const released = byConsumer.units;
  const proved = byDevice.units;
  return [
    ...byConsumer.findings,
    ...byDevice.findings,
    ...(byDevice.findings.length > 0 ? [] : chargedOf(one, sessions)),
    ...carriedOf(one, sessions),
    ...claimedOf(one, proved, commitment),
    ...withheldOf(one, Math.max(released, proved)),
    ...riskOf(one, released, proved),
  ];
}

function linesOf(proofs: readonly ShownProof[] = []): Shown[] {
  return proofs.map(({ units, link }) => ({ units, link, where: "log" }));
}

/** D4: what is shown as a proof is a link of the chain. */
function judgeShown(
  { crypto }: Case,
  { order, root, units: unitsMax }: SignedCommitment,
  party: Party,
  shown: readonly Shown[],
): { units: number; findings: Finding[] } {
  const good = trueProofs(crypto, order, root, unitsMax, shown);
  const units = [...good].reduce((most, one) => Math.max(most, one.units), 0);
  const bad = shown.find((one) => !good.has(one));
  if (bad === undefined) return { units, findings: [] };
  const words = `the proof of ${countText(bad.units, "unit")} in its ${bad.where} is no link of the chain`;
  return { units, findings: [broken("D4", party, words)] };
}

/** D5: no more is charged than the proof on the receipt pays for. */
function chargedOf({ consumer, receipts }: Case, sessions: readonly StreamedSession[]): Finding[] {
  const { offer } = consumer.papers;
  const isWhole = missingSession(receipts) === undefined;
  let charged = 0;
  for (const { session, pulses, streamed } of sessions) {
    charged += pulses;
    if (pulses === 0) continue;
    if (streamed === undefined) {
      return [broken("D5", "device", `its receipt of session ${session} charges without a proof`)];
    }
    const most = coveredPulses(streamed.proof.units, offer.units, offer);
    if (charged <= most) continue;
    const count = countText(charged, "pulse");
    const sum = isWhole ? count : `at least ${count}`;
    const words = `by session ${session} it charged ${sum}, and its proof pays for ${most}`;
    return [broken("D5", "device", words)];
  }
  return [];
}

/** D6, of pulses that were given and proved later: none is charged twice, and none that was never given. */
function carriedOf({ receipts }: Case, sessions: readonly StreamedSession[]): Finding[] {
  if (missingSession(receipts) !== undefined) return [];
  let unpaid = 0;
  for (const { session, pulses, runOnPulses, streamed } of sessions) {
    const { unpaidPulses = 0, caughtUpPulses = 0 } = streamed ?? {};
    const at = `its receipt of session ${session} says that`;
    if (caughtUpPulses > unpaid) {
      const words = `${at} it caught up ${countText(caughtUpPulses, "pulse")}, of ${unpaid} unpaid`;
      return [broken("D6", "device", words)];
    }
    if (caughtUpPulses > pulses || unpaidPulses > runOnPulses) {
      return [broken("D6", "device", `${at} a part of its pulses is more than the whole`)];
    }
    unpaid += unpaidPulses - caughtUpPulses;
  }
  return [];
}

/** D9: no more is captured than the last proof is worth. */
function claimedOf(
  { device, receipts }: Case,
  proved: number,
  { unitMinor }: SignedCommitment,
): Finding[] {
  const settled = receipts.flatMap(({ receipt }) =>
    receipt.is === "settlement" ? receipt.capturedMinor : [],
  );
  const captured = Math.max(0, ...settled, device.log.capturedMinor ?? 0);
  const worth = proved * unitMinor;
  if (captured <= worth) return [];
  const words = `${captured} was captured, and the last proof it shows is worth ${worth}`;
  return [broken("D9", "device", words)];
}

/** D8: the payer proves what his own log says was delivered, but for one step and the window. */
function withheldOf({ consumer, device, receipts }: Case, released: number): Finding[] {
  const { counts = [], step = 1, window = 0 } = consumer.log;
  const most = (of: NonNullable<DisputeLog["counts"]>): number =>
    of.reduce((pulses, count) => Math.max(pulses, count.pulses), 0);
  const own = counts.filter((count) => count.own === true);
  const told = counts.filter((count) => count.own !== true);
  const signed = deliveredPulses(receipts.map(({ receipt }) => receipt));
  const said = Math.max(most(told), most(device.log.counts ?? []), signed);
  // Who counts for himself need not believe the device, and pays for nothing that it does not claim.
  const pulses = own.length > 0 ? Math.min(most(own), said) : most(told);
  const { offer } = consumer.papers;
  const delivered = Math.min(offer.units, Math.floor(milliUnits(pulses, offer) / 1000));
  if (delivered - released <= step + window) return [];
  const words =
    `his log tells of ${countText(delivered, "unit")} delivered, and proves ${released}: ` +
    `with a step of ${step} and a window of ${window} that is too few`;
  return [broken("D8", "consumer", words)];
}

/** What either side chose to risk breaks no rule. */
function riskOf({ consumer, device, receipts }: Case, released: number, proved: number): Finding[] {
  const findings: Finding[] = [];
  const unpaid = receipts.reduce((sum, { receipt }) => {
    const { unpaidPulses = 0, caughtUpPulses = 0 } = receipt.breakdown?.streamed ?? {};
    return sum + unpaidPulses - caughtUpPulses;
  }, 0);
  if (unpaid > 0)
    findings.push(noted("D5", `${countText(unpaid, "pulse")} given ahead of proof stayed unpaid`));
  if (proved > released) {
    const words = `the device holds a proof of ${countText(proved, "unit")}, the consumer's log of ${released}: he gave it all the same`;
    findings.push(noted("D4", words));
  }
  const [mine, theirs] = [consumer.log, device.log].map(({ step, window }) => `${step}, ${window}`);
  if (mine !== theirs) {
    findings.push(
      noted("D8", `step and window are ${mine} to the consumer, ${theirs} to the device`),
    );
  }
  return findings;
}
