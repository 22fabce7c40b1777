// Breaches of the rules of an order, each planted in one party's log or in what it signs.

import type { Receipt } from "../../firmware/token/receipt.ts";
import { grantPulses } from "../../firmware/units.ts";
import type { Party } from "../../tools/dispute-log.ts";
import {
  chainOf,
  commitmentOf,
  type Draft,
  type logsOf,
  type Plan,
  sessionsOf,
  signAll,
  signedCommitment,
} from "./dispute-pair.ts";

type Logs = ReturnType<typeof logsOf>;

export interface Planted {
  name: string;
  rule: string;
  party: Party;
  /** Before anything is signed. */
  draft?: (draft: Draft, plan: Plan) => void;
  /** After. */
  logs?: (logs: Logs, draft: Draft, plan: Plan) => void;
  /** Another rule of the same party's says so too. */
  also?: readonly string[];
}

function change<K extends Receipt["is"]>(
  { receipts }: Draft,
  is: K,
  with_: (one: Receipt & { is: K }) => Partial<Receipt & { is: K }>,
): void {
  const index = receipts.findLastIndex((one) => one.is === is);
  const one = receipts[index] as Receipt & { is: K };
  receipts[index] = { ...one, ...with_(one) } as Receipt;
}

export function streamedOf(receipt: Receipt) {
  const { streamed } = receipt.breakdown ?? {};
  if (streamed === undefined) throw new Error("the receipt is of a stream");
  return streamed;
}

function flip(bytes: Uint8Array): Uint8Array {
  const flipped = Uint8Array.from(bytes);
  flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
  return flipped;
}

export const FALSE_LINK = new Uint8Array(16).fill(9);

export const PLANTED: readonly Planted[] = [
  {
    name: "the consumer shows a receipt that the device did not sign",
    ...{ rule: "D1", party: "consumer" },
    logs: ({ consumer }) => {
      const [first = new Uint8Array(), ...rest] = consumer.receipts;
      Object.assign(consumer, { receipts: [flip(first), ...rest] });
    },
  },
  {
    name: "the device shows a receipt that it did not sign",
    ...{ rule: "D1", party: "device" },
    logs: ({ device }) => {
      const [first = new Uint8Array(), ...rest] = device.receipts;
      Object.assign(device, { receipts: [flip(first), ...rest] });
    },
  },
  {
    name: "the consumer shows an offer that nobody made",
    ...{ rule: "D1", party: "consumer" },
    logs: ({ consumer }) => Object.assign(consumer, { offer: flip(consumer.offer) }),
  },
  {
    name: "the device shows a commitment that nobody signed",
    ...{ rule: "D1", party: "device" },
    logs: ({ device }) =>
      Object.assign(device, { commitment: flip(device.commitment ?? new Uint8Array(99)) }),
  },
  {
    name: "the device signs two offers under one id",
    ...{ rule: "D2", party: "device" },
    draft: (draft) => {
      draft.deviceOffer = { ...draft.offer, expiresS: draft.offer.expiresS + 1 };
    },
  },
  {
    name: "the consumer commits to another price",
    ...{ rule: "D3", party: "consumer" },
    draft: (draft) => {
      draft.commitment = commitmentOf(draft.offer, { unitMinor: draft.offer.priceMinor - 1 });
    },
  },
  {
    name: "the consumer commits to another device",
    ...{ rule: "D3", party: "consumer" },
    draft: (draft) => {
      draft.commitment = commitmentOf(draft.offer, { device: new Uint8Array(8) });
    },
  },
  {
    name: "the consumer commits to fewer units than the offer has",
    ...{ rule: "D3", party: "consumer" },
    draft: (draft) => {
      draft.commitment = commitmentOf(draft.offer, { units: draft.offer.units - 1 });
    },
  },
  {
    name: "the consumer commits twice",
    ...{ rule: "D3", party: "consumer" },
    logs: ({ consumer }, { offer }) => {
      const again = commitmentOf(offer, { root: FALSE_LINK });
      Object.assign(consumer, { commitment: signedCommitment(again) });
    },
  },
  {
    name: "the consumer's log has a proof that is none",
    ...{ rule: "D4", party: "consumer" },
    logs: ({ consumer }, { offer }) => {
      const proofs = [...(consumer.proofs ?? []), { units: offer.units, link: FALSE_LINK }];
      Object.assign(consumer, { proofs });
    },
  },
  {
    name: "the device's log has a proof that is none",
    ...{ rule: "D4", party: "device" },
    logs: ({ device }, { offer }) => {
      const proofs = [{ units: offer.units, link: FALSE_LINK }, ...(device.proofs ?? [])];
      Object.assign(device, { proofs });
    },
  },
  {
    name: "the device's receipt has a proof that is none",
    ...{ rule: "D4", party: "device" },
    draft: (draft) =>
      change(draft, "session", (one) => {
        const streamed = { ...streamedOf(one), proof: { units: draft.proved, link: FALSE_LINK } };
        return { breakdown: { lines: [], streamed } };
      }),
  },
  {
    name: "the device charges a unit more than it has proof of",
    ...{ rule: "D5", party: "device" },
    draft: (draft) => {
      const before = sessionsOf(draft.receipts).slice(0, -1);
      const charged = before.reduce((sum, { pulses }) => sum + pulses, 0);
      change(draft, "session", () => ({
        pulses: grantPulses(draft.proved, draft.offer) - charged + 1,
      }));
    },
    also: ["D9"],
  },
  {
    name: "the device charges without a proof",
    ...{ rule: "D5", party: "device" },
    draft: (draft) =>
      change(draft, "session", ({ pulses }) => ({
        pulses: Math.max(1, pulses),
        breakdown: { lines: [] },
      })),
    also: ["D9"],
  },
  {
    name: "the device charges another price",
    ...{ rule: "D6", party: "device" },
    draft: (draft) =>
      change(draft, "session", ({ amountMinor }) => ({ amountMinor: amountMinor + 1 })),
  },
  {
    name: "the device's readings are closer together than what it says was delivered",
    ...{ rule: "D6", party: "device" },
    draft: (draft) =>
      change(draft, "session", ({ startReading, pulses, runOnPulses, ...one }) => ({
        endReading:
          startReading +
          pulses +
          runOnPulses -
          streamedOf({ startReading, pulses, runOnPulses, ...one } as Receipt).caughtUpPulses -
          1,
      })),
  },
  {
    name: "the device charges for pulses of before that were paid",
    ...{ rule: "D6", party: "device" },
    draft: (draft) =>
      change(draft, "session", (one) => {
        const streamed = streamedOf(one);
        const open = sessionsOf(draft.receipts)
          .slice(0, -1)
          .map(streamedOf)
          .reduce(
            (sum, { unpaidPulses, caughtUpPulses }) => sum + unpaidPulses - caughtUpPulses,
            0,
          );
        return { breakdown: { lines: [], streamed: { ...streamed, caughtUpPulses: open + 1 } } };
      }),
  },
  {
    name: "the device's settlement is not the sum of its sessions",
    ...{ rule: "D6", party: "device" },
    draft: (draft) =>
      change(draft, "settlement", ({ amountMinor, refundedMinor }) => ({
        amountMinor: amountMinor + 1,
        capturedMinor: amountMinor,
        refundedMinor,
      })),
  },
  {
    name: "the device numbers a receipt twice",
    ...{ rule: "D7", party: "device" },
    logs: ({ device }, draft) => {
      const [first] = draft.receipts;
      if (first === undefined) throw new Error("there is a receipt");
      const [other = new Uint8Array()] = signAll([{ ...first, atS: first.atS + 1 }]);
      Object.assign(device, { receipts: [other, ...device.receipts.slice(1)] });
    },
  },
  {
    name: "the device's receipts do not follow from each other",
    ...{ rule: "D7", party: "device" },
    logs: ({ consumer, device }, draft) => {
      const [first, ...rest] = draft.receipts;
      if (first === undefined) throw new Error("there is a receipt");
      const [other = new Uint8Array()] = signAll([{ ...first, atS: first.atS + 1 }]);
      const later = signAll([first, ...rest]).slice(1);
      Object.assign(device, { receipts: [other, ...later] });
      Object.assign(consumer, { receipts: [] });
    },
  },
  {
    name: "the consumer keeps proofs back",
    ...{ rule: "D8", party: "consumer" },
    draft: (draft, { step, window }) => {
      const { offer } = draft;
      const given = grantPulses(step + window + 1, offer);
      const link = chainOf(offer.id, offer.units)[0] ?? FALSE_LINK;
      const [first] = sessionsOf(draft.receipts);
      if (first === undefined) throw new Error("there is a session");
      const streamed = { proof: { units: 0, link }, unpaidPulses: given, caughtUpPulses: 0 };
      const nothing = { pulses: 0, milliUnits: 0, amountMinor: 0, runOnPulses: given };
      const endReading = first.startReading + given;
      draft.receipts = [{ ...first, ...nothing, endReading, breakdown: { lines: [], streamed } }];
      Object.assign(draft, { released: 0, proved: 0, delivered: given });
    },
  },
  {
    name: "the device's settlement captures more than its last proof is worth",
    ...{ rule: "D9", party: "device" },
    draft: (draft) =>
      change(draft, "settlement", () => {
        const capturedMinor = (draft.proved + 1) * draft.offer.priceMinor;
        return { amountMinor: capturedMinor, capturedMinor };
      }),
  },
  {
    name: "the device says itself that it captured more than it settled",
    ...{ rule: "D9", party: "device" },
    logs: ({ device }, draft) => {
      const settled = draft.receipts.at(-1);
      const captured = settled?.is === "settlement" ? settled.capturedMinor : 0;
      Object.assign(device, { capturedMinor: captured + 1 });
    },
  },
];
