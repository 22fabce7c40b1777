// Proofs of payment for orders that are paid while they are delivered. They come unsealed, many a second, and without
// an answer: each is judged by its own bytes, costs no disk, and is kept in memory until the order is next written.

import type { Clock } from "../../hal/clock.ts";
import type { Crypto } from "../../hal/crypto.ts";
import { decodeProof, type Proof } from "../protocol/stream-proof.ts";
import { fail, ok, type Result } from "../result.ts";
import type { Order } from "./order.ts";
import { type Proved, type StreamTerms, sellerStream, withStream } from "./order-stream.ts";
import { judgeFirstProof, judgeProof } from "./stream-seller.ts";

/** Links that lead nowhere and are looked into all the same, for each order: their hashes are our time. */
const WRONG_PER_S = 10;
const WRONG_AT_ONCE = 20;
/** A proof that is no further ahead is looked into however many were wrong: it costs no more than its frame does. */
const CHEAP_UNITS = 64;

export interface StreamProofsPorts {
  clock: Clock;
  crypto: Crypto;
  order(id: string): Order | undefined;
  /** There is proof of more units of it. */
  proved(order: Order): void;
}

interface Payer {
  /** The one on which its consumer was heard last. */
  connection: string;
  wrongLeft: number;
  refilledMs: number;
}

export class StreamProofs {
  readonly #ports: StreamProofsPorts;
  /** By order, and only while its session runs. */
  readonly #payers = new Map<string, Payer>();
  /** Proved or chosen, and not yet on disk, by order. */
  readonly #latest = new Map<string, Partial<Proved & StreamTerms>>();
  #dropped = 0;

  constructor(ports: StreamProofsPorts) {
    this.#ports = ports;
  }

  /** Frames that were no use: of nobody, malformed, late or wrong. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The running order, which is its caller's, is paid over this connection from now on. */
  hear({ id, stream, running }: Order, connection: string): void {
    if (stream === undefined || running === undefined) return;
    const { wrongLeft = WRONG_AT_ONCE, refilledMs = 0 } = this.#payers.get(id) ?? {};
    this.#payers.set(id, { connection, wrongLeft, refilledMs });
  }

  /** The order with what is proved by now: what is written next to disk. */
  current(one: Order): Order {
    const latest = one.stream && this.#latest.get(one.id);
    return latest === undefined ? one : withStream(one, latest);
  }

  /** Its session is over, and on disk. */
  forget({ id }: Order): void {
    this.#payers.delete(id);
    this.#latest.delete(id);
  }

  /** A frame, from anybody. */
  take(connection: string, payload: Uint8Array): void {
    const proof = decodeProof(payload);
    // Several outlets may serve one payer at once: a proof fits one chain only.
    const isGood =
      proof.ok &&
      [...this.#payers].some(([id, payer]) => {
        return payer.connection === connection && this.#try(id, payer, proof.value);
      });
    if (!isGood) this.#dropped += 1;
  }

  /** The order with a proof that came sealed, with the terms of its session. Error: `commitment-invalid`. */
  shown(one: Order, proof: Proof): Result<Order> {
    const before = this.current(one);
    const seller = sellerStream(before);
    if (seller === undefined) return fail("not-streamed", "it was paid before", "proof");
    const verdict = judgeFirstProof(this.#ports.crypto, seller, proof.units, proof.link);
    if (verdict === "old") return ok(before);
    if (verdict !== "good") {
      return fail("commitment-invalid", "its link is none of the chain", "proof");
    }
    const proved = { proved: proof.units, link: proof.link };
    if (one.running !== undefined) this.#keep(before, proved);
    return ok(withStream(before, proved));
  }

  /**
   * A session that runs is asked for again with other terms: it goes by the larger of each, because what was delivered or let
   * go by those before is still on its way.
   */
  choose(one: Order, { step, window }: StreamTerms): Order {
    const before = this.current(one);
    const { stream } = before;
    if (stream === undefined || (step <= stream.step && window <= stream.window)) return before;
    const terms = { step: Math.max(step, stream.step), window: Math.max(window, stream.window) };
    this.#keep(before, terms);
    return this.current(one);
  }

  #try(id: string, payer: Payer, { units, link }: Proof): boolean {
    const { crypto, order } = this.#ports;
    const one = order(id);
    const before = one && this.current(one);
    const seller = before && sellerStream(before);
    if (before === undefined || seller === undefined) return false;
    // Where many were wrong, only the very next proof is looked into, unless its step is a long one.
    const isNext = units - seller.proved <= Math.min(seller.step, CHEAP_UNITS);
    if (!isNext && !this.#mayCost(payer)) return false;
    const verdict = judgeProof(crypto, seller, units, link);
    if (verdict === "wrong") payer.wrongLeft = Math.max(0, payer.wrongLeft - 1);
    if (verdict === "good") this.#keep(before, { proved: units, link });
    return verdict === "good";
  }

  #keep(one: Order, change: Partial<Proved & StreamTerms>): void {
    this.#latest.set(one.id, { ...this.#latest.get(one.id), ...change });
    this.#ports.proved(withStream(one, change));
  }

  #mayCost(payer: Payer): boolean {
    const nowMs = this.#ports.clock.monotonicMs();
    const refill = ((nowMs - payer.refilledMs) * WRONG_PER_S) / 1000;
    payer.wrongLeft = Math.min(WRONG_AT_ONCE, payer.wrongLeft + refill);
    payer.refilledMs = nowMs;
    return payer.wrongLeft >= 1;
  }
}
