// Which links that somebody shows are of a chain, found with as few hashes as may be: whoever shows the highest one that
// is true has paid for all below it.

import { equalBytes } from "../firmware/bytes.ts";
import { ChainHash } from "../firmware/token/hash-chain.ts";
import type { Crypto } from "../hal/crypto.ts";

export interface ShownProof {
  units: number;
  link: Uint8Array;
}

/** So many false ones on top are looked into; then the true ones below are lost to whoever showed those. */
const TRIES_MAX = 4;

/** Those of one party's proofs that are of the chain. `unitsMax`: its length, and the most hashes for each false one. */
export function trueProofs<T extends ShownProof>(
  crypto: Crypto,
  order: string,
  root: Uint8Array,
  unitsMax: number,
  shown: readonly T[],
): ReadonlySet<T> {
  const hash = new ChainHash(crypto, order);
  const falling = shown.filter(({ units }) => units <= unitsMax).sort((a, b) => b.units - a.units);
  for (const [from, top] of falling.slice(0, TRIES_MAX).entries()) {
    const alike = new Set<T>();
    let next = from;
    let link = top.link;
    for (let units = top.units; ; units--) {
      for (let one = falling[next]; one?.units === units; one = falling[++next]) {
        if (equalBytes(one.link, link)) alike.add(one);
      }
      if (units === 0) break;
      link = hash.before(units, link);
    }
    if (equalBytes(link, root)) return alike;
  }
  return new Set();
}
