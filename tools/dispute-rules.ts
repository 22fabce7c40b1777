// The rules of an order, judged by the logs of its two parties: who broke which, or that nobody did, or what cannot be
// told from the logs and why. Pure. docs/disputes.md says each rule in words.

import { equalBytes } from "../firmware/bytes.ts";
import { checkReceipts } from "../firmware/consumer/checks.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import type { Commitment } from "../firmware/token/commitment.ts";
import { verifyChain } from "../firmware/token/receipt.ts";
import { countText } from "../firmware/units.ts";
import type { Crypto } from "../hal/crypto.ts";
import {
  broken,
  type Case,
  type Finding,
  type Judgement,
  missingSession,
  noted,
  undecided,
} from "./dispute-finding.ts";
import type { DisputeLog, Party } from "./dispute-log.ts";
import { joinedReceipts, type Papers, verifyPapers } from "./dispute-papers.ts";
import { judgeStream } from "./dispute-stream.ts";

/** Errors: `usage` for two logs that are not the two sides of one order. */
export function judge(
  logs: readonly [DisputeLog, DisputeLog],
  operators: readonly Uint8Array[],
  crypto: Crypto,
): Result<Judgement> {
  const consumer = logs.find(({ role }) => role === "consumer");
  const device = logs.find(({ role }) => role === "device");
  if (consumer === undefined || device === undefined) {
    return fail("usage", `both logs are the ${logs[0].role}'s: give one of each side`);
  }
  const ofConsumer = verifyPapers(consumer, operators, crypto);
  const ofDevice = verifyPapers(device, operators, crypto);
  const unreadable = [...unreadableOf("consumer", ofConsumer), ...unreadableOf("device", ofDevice)];
  if ("unreadable" in ofConsumer || "unreadable" in ofDevice) {
    const known = [ofConsumer, ofDevice].find((one): one is Papers => !("unreadable" in one));
    const { offer, certificate } = known ?? {};
    return ok(judgement(offer?.id ?? "", certificate?.device ?? "", unreadable));
  }
  const { offer, certificate } = ofConsumer;
  if (offer.id !== ofDevice.offer.id) {
    return fail("usage", `the logs are of two orders: ${offer.id} and ${ofDevice.offer.id}`);
  }
  const { device: other } = ofDevice.certificate;
  if (certificate.device !== other) {
    return fail("usage", `the logs are of two devices: ${certificate.device} and ${other}`);
  }
  const allReceipts = joinedReceipts(ofConsumer, ofDevice);
  const one: Case = {
    consumer: { log: consumer, papers: ofConsumer },
    device: { log: device, papers: ofDevice },
    allReceipts,
    receipts: allReceipts.filter(({ receipt }, i) => {
      return receipt.number !== allReceipts[i - 1]?.receipt.number;
    }),
    crypto,
  };
  return ok(judgement(offer.id, certificate.device, findingsOf(one)));
}

function unreadableOf(party: Party, papers: Papers | { unreadable: string }): Finding[] {
  return "unreadable" in papers ? [broken("D1", party, papers.unreadable)] : [];
}

function judgement(order: string, device: string, findings: readonly Finding[]): Judgement {
  const worst = (["broken", "undecided"] as const).find((is) => findings.some((f) => f.is === is));
  return { order, device, verdict: worst ?? "kept", findings };
}

function findingsOf(one: Case): Finding[] {
  const { consumer, device } = one;
  const stream = judgeStream(one);
  return [
    ...consumer.papers.forged.map((words) => broken("D1", "consumer", words)),
    ...device.papers.forged.map((words) => broken("D1", "device", words)),
    ...offersOf(one),
    ...stream.findings,
    ...(stream.canSum ? sumsOf(one, stream.commitment) : []),
    ...chainOf(one),
    ...capturedOf(one),
    ...metersOf(one),
  ];
}

/** D2: a device signs one offer under one id. */
function offersOf({ consumer, device }: Case): Finding[] {
  if (equalBytes(consumer.papers.signedOffer, device.papers.signedOffer)) return [];
  return [broken("D2", "device", "it signed two offers under one id")];
}

/** D6: sessions are charged at the offer's price, their readings hold what they say, and the settlement is their sum. */
function sumsOf({ consumer, receipts, crypto }: Case, commitment?: Commitment): Finding[] {
  const missing = missingSession(receipts);
  if (missing !== undefined) {
    const words = `the receipt of session ${missing} is in neither log, so that sums cannot be checked`;
    return [undecided("D6", words)];
  }
  const read = receipts.map(({ receipt }) => receipt);
  const { offer, signedOffer } = consumer.papers;
  const sums = checkReceipts(read, offer, signedOffer, crypto, "any", commitment);
  return sums.ok ? [] : [broken("D6", "device", `its receipts: ${sums.fault.message}`)];
}

/** D7: all receipts of a device stand in one chain, each number once. */
function chainOf({ allReceipts, device, crypto }: Case): Finding[] {
  const signed = allReceipts.map((one) => one.signed);
  const chain = verifyChain(signed, device.papers.certificate.signKey, crypto);
  return chain.ok ? [] : [broken("D7", "device", `its receipts: ${chain.fault.message}`)];
}

/** D9, of what the settlement says: what was captured is what was settled. */
function capturedOf({ consumer, device, receipts }: Case): Finding[] {
  const settled = receipts.find(({ receipt }) => receipt.is === "settlement")?.receipt;
  if (settled?.is !== "settlement") return [];
  const { capturedMinor } = settled;
  const byDevice = device.log.capturedMinor ?? 0;
  const byConsumer = consumer.log.capturedMinor ?? 0;
  if (byDevice > capturedMinor) {
    const words = `it captured ${byDevice}, and its settlement says ${capturedMinor}`;
    return [broken("D9", "device", words)];
  }
  if (byConsumer <= capturedMinor) return [];
  const words =
    `the consumer says that ${byConsumer} was captured, the settlement says ${capturedMinor}: ` +
    "the payment host's own statement decides";
  return [undecided("D9", words)];
}

/** D10: the consumer's own meter, where there is one, counted what was charged: but for a pulse a session, and a hundredth. */
function metersOf({ consumer, receipts }: Case): Finding[] {
  const own = (consumer.log.counts ?? []).filter((one) => one.own === true);
  const sessions = receipts.flatMap(({ receipt }) => (receipt.is === "session" ? receipt : []));
  if (own.length === 0 || missingSession(receipts) !== undefined) return [];
  const counted = own.reduce((most, { pulses }) => Math.max(most, pulses), 0);
  const charged = sessions.reduce((sum, { pulses }) => sum + pulses, 0);
  const read = sessions.reduce((sum, { startReading, endReading }) => {
    return sum + Math.max(0, endReading - startReading);
  }, 0);
  const tolerance = sessions.length + Math.ceil(read / 100);
  if (charged - counted > tolerance) {
    const words =
      `the device charged ${countText(charged, "pulse")} by its meter, and the consumer's counted ${counted}: ` +
      "which of the two is wrong is not in the logs";
    return [undecided("D10", words)];
  }
  const words = `the device's meter counted ${countText(read, "pulse")}, the consumer's ${counted}`;
  return counted - read > tolerance ? [noted("D10", words)] : [];
}
