// What the check of one proof of a streamed payment costs: judged as it comes in, one link ahead of the one before.

import { judgeProof, type SellerStream, withProof } from "../../firmware/producer/stream-seller.ts";
import { CHAIN_UNITS_MAX } from "../../firmware/protocol/messages.ts";
import { ChainHash, lastLink } from "../../firmware/token/hash-chain.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { type Summary, summarise } from "./sample.ts";

const ORDER = "00112233445566aa";
const WARM_UP = 5_000;

/** Microseconds of each check. At most as many samples as a chain has links, less those to warm up. */
export function measurePreimage(samples: number): Summary {
  const crypto = openNodeCrypto();
  const units = Math.min(samples + WARM_UP, CHAIN_UNITS_MAX);
  const hash = new ChainHash(crypto, ORDER);
  const links = [lastLink(crypto, new Uint8Array(32).fill(7), ORDER)];
  for (let unit = units; unit > 0; unit--) {
    links.push(hash.before(unit, links.at(-1) ?? new Uint8Array()));
  }
  links.reverse();
  const [root = new Uint8Array()] = links;
  const ratio = { numerator: 100, denominator: 1 };
  let stream: SellerStream = {
    ...{ order: ORDER, units, ratio, step: 1, window: 1, proved: 0, link: root },
  };
  const spentUs: number[] = [];
  for (let unit = 1; unit <= units; unit++) {
    const link = links[unit] ?? root;
    const startMs = performance.now();
    const verdict = judgeProof(crypto, stream, unit, link);
    const endMs = performance.now();
    if (verdict !== "good") throw new Error(`a proof of our own making is ${verdict}`);
    if (unit > WARM_UP) spentUs.push((endMs - startMs) * 1000);
    stream = withProof(stream, unit, link);
  }
  return summarise(spentUs);
}
