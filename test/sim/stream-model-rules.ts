// What the model of a streamed order is set up with, and the decisions of the product that it explores: each may be
// replaced, to plant a mistake.

import { type PayerStream, unitsDue } from "../../firmware/consumer/stream-payer.ts";
import {
  judgeFirstProof,
  judgeProof,
  limitPulses,
  type ProofVerdict,
  type SellerStream,
} from "../../firmware/producer/stream-seller.ts";
import { ChainHash } from "../../firmware/token/hash-chain.ts";
import type { Ratio } from "../../firmware/units.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";

const crypto = openNodeCrypto();

/** What a payer chooses at begin. */
export interface Choice {
  step: number;
  window: number;
}

export interface Setting {
  units: number;
  ratio: Ratio;
  /** The payer takes any of them at each begin. */
  choices: readonly Choice[];
  /** Pulses that are reserved at once. */
  quantum: number;
  /** Deaths are not counted: each but a dead payer's costs a session. */
  sessionsMax: number;
  /** After a death the meter's register says what flowed, or it is forgotten at the cost of that side. */
  register: "kept" | "seller" | "payer";
  /** Messages that are under way at once, each way; or whatever was ever sent may come, at any time and again. */
  channel: number | "all";
  /** Where that is all: what the payer still knows of what he let go, and sends of his own accord. */
  recalls: "all" | "nothing";
}

/** What may be replaced to plant a mistake. */
export interface Rules {
  limit(stream: SellerStream, unpaidBefore: number): number;
  judge(stream: SellerStream, units: number): ProofVerdict;
  /** Of the proof that comes with begin; the stream is as it is chosen there. */
  judgeFirst(stream: SellerStream, units: number, before: Choice): ProofVerdict;
  due(stream: PayerStream, pulses: number, isEnded: boolean, provedTold: number): number;
  /** The last proof goes to disk with the reservation that rests on it. */
  keepsProof: boolean;
  /** A session that runs goes by the terms of whoever joins it. */
  adoptsChoice: boolean;
  /** The reservation is on disk before the loop has it. */
  reservesFirst: boolean;
  /** It looks at what earlier sessions left unpaid. */
  usesUnpaid: boolean;
}

/** The product's own code, without its cost: the chain is hashed once. */
export function productRules(setting: Setting): Rules {
  const links = chainOf(setting.units);
  const judged = (by: typeof judgeProof) => {
    const verdicts = new Map<number, ProofVerdict>();
    return (stream: SellerStream, units: number): ProofVerdict => {
      const { proved, step, window } = stream;
      const place = ((proved * 32 + units) * 2048 + step) * 2048 + window;
      const known = verdicts.get(place);
      if (known !== undefined) return known;
      const link = links[proved] as Uint8Array;
      const verdict = by(crypto, { ...stream, link }, units, links[units] as Uint8Array);
      verdicts.set(place, verdict);
      return verdict;
    };
  };
  return {
    limit: (stream) => limitPulses(stream),
    judge: judged(judgeProof),
    judgeFirst: judged(judgeFirstProof),
    due: unitsDue,
    keepsProof: true,
    adoptsChoice: true,
    reservesFirst: true,
    usesUnpaid: false,
  };
}

export const ORDER = "00112233445566aa";

function chainOf(units: number): readonly Uint8Array[] {
  const hash = new ChainHash(crypto, ORDER);
  const links: Uint8Array[] = [];
  let link = new Uint8Array(16).fill(7);
  for (let at = units; at > 0; at--) {
    links[at] = link;
    link = new Uint8Array(hash.before(at, link));
  }
  links[0] = link;
  return links;
}
