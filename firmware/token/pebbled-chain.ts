// A payer's way along his hash chain, from its first link to its last, though each is made from the one after it: a few
// links are kept, placed so that the next one is never far (Jakobsson 2002, Fractal Hash Sequence Representation and
// Traversal). The schedule is that of a chain of 2^n links; a shorter one is taken for the end of such a chain.

import type { Crypto } from "../../hal/crypto.ts";
import { assert } from "../assert.ts";
import { CHAIN_UNITS_MAX } from "../protocol/messages.ts";
import { ChainHash, type ChainLink } from "./hash-chain.ts";

/** A kept link. It goes down, two places a step, until it rests at its destination, an odd multiple of 2^level. */
interface Pebble {
  level: number;
  place: number;
  destination: number;
  link: Uint8Array;
}

/** Keeps at most log2 of the units, rounded up, of links; a step costs as many hashes at most, and one more. */
export class PebbledChain {
  readonly #hash: ChainHash;
  readonly #places: number;
  /** Places before the root: nothing is there. */
  readonly #skipped: number;
  #pebbles: Pebble[];
  #at: number;
  #link: Uint8Array;

  /** Costs a hash for every link after `released`, the units that were proved already. */
  constructor(crypto: Crypto, order: string, units: number, last: Uint8Array, released = 0) {
    assert(units >= 1 && units <= CHAIN_UNITS_MAX, "a chain has from 1 link to the most");
    assert(released >= 0 && released <= units, "what was released is of the chain");
    const levels = Math.max(1, Math.ceil(Math.log2(units)));
    this.#hash = new ChainHash(crypto, order);
    this.#places = 2 ** levels;
    this.#skipped = this.#places - units;
    this.#at = released + this.#skipped;
    this.#pebbles = pebblesAt(this.#at, levels);
    let link = last;
    for (let place = this.#places; place > this.#at; place--) {
      for (const pebble of this.#pebbles) if (pebble.place === place) pebble.link = link;
      link = this.#before(place, link);
    }
    this.#link = link;
  }

  /** The link last released; the root before the first. */
  get current(): ChainLink {
    return { units: this.#at - this.#skipped, link: this.#link };
  }

  get pebbles(): number {
    return this.#pebbles.length;
  }

  /** The link of so many units, which are no fewer than before. */
  advance(units: number): ChainLink {
    const to = units + this.#skipped;
    assert(to >= this.#at && to <= this.#places, "a chain is released in rising order");
    while (this.#at < to) this.#step();
    return this.current;
  }

  #step(): void {
    this.#at++;
    for (const pebble of this.#pebbles) {
      if (pebble.place === pebble.destination) continue;
      const halfway = this.#before(pebble.place, pebble.link);
      pebble.link = this.#before(pebble.place - 1, halfway);
      pebble.place -= 2;
    }
    if (this.#at % 2 === 1) {
      this.#link = this.#before(this.#at + 1, this.#linkAt(this.#at + 1));
      return;
    }
    const reached = this.#pebbles.find(({ destination }) => destination === this.#at);
    assert(reached?.place === this.#at, "a pebble rests where the next link is");
    this.#link = reached.link;
    const width = 2 ** reached.level;
    reached.destination = this.#at + 2 * width;
    if (reached.destination > this.#places) {
      this.#pebbles = this.#pebbles.filter((pebble) => pebble !== reached);
      return;
    }
    reached.place = reached.destination + width;
    reached.link = this.#linkAt(reached.place, reached);
  }

  #linkAt(place: number, but?: Pebble): Uint8Array {
    const pebble = this.#pebbles.find((one) => one.place === place && one !== but);
    assert(pebble !== undefined, "a pebble is where the schedule has one");
    return pebble.link;
  }

  #before(place: number, link: Uint8Array): Uint8Array {
    return this.#hash.before(place - this.#skipped, link);
  }
}

/** Where the schedule has its pebbles after so many steps; their links are still to be made. */
function pebblesAt(at: number, levels: number): Pebble[] {
  const pebbles: Pebble[] = [];
  for (let level = 1; level <= levels; level++) {
    const width = 2 ** level;
    // The first odd multiple of the width that lies ahead.
    const destination = width + 2 * width * Math.floor((at + width) / (2 * width));
    if (destination > 2 ** levels) continue;
    const left = destination - 2 * width;
    const place =
      left > 0 ? Math.max(destination, destination + width - 2 * (at - left)) : destination;
    pebbles.push({ level, place, destination, link: new Uint8Array() });
  }
  return pebbles;
}
