// Sessions that are paid while they go on: what the payer chooses at their beginning, how long they wait for a proof
// when they may go no further, and the moment that is left for the last one when they are over.

import { after, type Clock, every, type Timer } from "../../hal/clock.ts";
import type { Crypto } from "../../hal/crypto.ts";
import type { MessageOf } from "../protocol/messages.ts";
import { fail, ok, type Result } from "../result.ts";
import type { Order } from "./order.ts";
import {
  type StreamTerms,
  sessionLimit,
  stepsDelivered,
  unprovedPulses,
  withStream,
} from "./order-stream.ts";
import type { SessionFacts } from "./session-end.ts";
import { StreamProofs } from "./stream-proofs.ts";

/** At the end of what is paid the switch stays open for so long, then the session ends. */
const PROOF_LATE_MS = 10_000;
/** A session that is over is settled this late at the most, for the last proof to come. */
const CLOSING_PROOF_MS = 2_000;
const CLOSING_TELL_MS = 500;

/** How a payer asks for a session to be paid while it goes on. */
export type StreamRequest = Pick<MessageOf<"begin">, "step" | "window" | "proof">;

/** What the payer is told with the count. */
export interface StreamNews {
  /** Units of which there is proof. */
  proved: number;
  /** A proof is due, so that it does not wait until the next round. */
  isDue: boolean;
  /** The session is over but for the last proof. */
  ended?: true;
}

export interface StreamsPorts {
  clock: Clock;
  crypto: Crypto;
  order(id: string): Order | undefined;
  /** Units that a service delivers ahead of proof at the most; undefined for one that is not sold any more. */
  windowMax(service: number): number | undefined;
  /** There is proof of more units of a running order. */
  proved(order: Order): void;
  /** It has waited at the end of what is paid for as long as it may. */
  late(order: Order): void;
  /** Of a session that is over. */
  tell(order: Order, pulses: number, news: StreamNews): void;
  /** Its session is over, and its last proof came or is waited for no longer. */
  over(order: Order, facts: SessionFacts): void;
}

interface Closing {
  facts: SessionFacts;
  timers: readonly Timer[];
  /** Told to be over, which it is once: the order's next session may run before that is on disk. */
  isOver: boolean;
}

export class Streams {
  readonly #ports: StreamsPorts;
  readonly proofs: StreamProofs;
  /** By order. */
  readonly #waiting = new Map<string, Timer>();
  readonly #closing = new Map<string, Closing>();
  readonly #steps = new Map<string, number>();

  constructor(ports: StreamsPorts) {
    this.#ports = ports;
    const { clock, crypto, order } = ports;
    this.proofs = new StreamProofs({ clock, crypto, order, proved: (one) => this.#onProof(one) });
  }

  /**
   * The idle order as its next session begins it, or the running one with what came with its request. Errors:
   * `not-streamed`, `out-of-range`, `commitment-invalid`.
   */
  asked(one: Order, { step, window, proof }: StreamRequest): Result<Order> {
    const { stream, running } = one;
    if (stream === undefined) {
      const isPlain = step === undefined && window === undefined && proof === undefined;
      return isPlain ? ok(one) : fail("not-streamed", "the order was paid before", "step");
    }
    // Who joins a running session says what he will pay by; else it goes on as it began.
    const isSame = running !== undefined && step === undefined && window === undefined;
    const terms = isSame ? ok(stream) : this.#terms(one, step, window);
    if (!terms.ok) return terms;
    const shown = proof === undefined ? ok(one) : this.proofs.shown(one, proof);
    if (!shown.ok) return shown;
    if (running !== undefined) return ok(isSame ? one : this.proofs.choose(one, terms.value));
    return ok(withStream(shown.value, terms.value));
  }

  #terms(one: Order, step = 1, window = 0): Result<StreamTerms> {
    if (step === 0) return fail("out-of-range", "must be one unit at least", "step");
    const max = this.#ports.windowMax(one.terms.service) ?? one.stream?.window ?? 0;
    if (window <= max) return ok({ step, window });
    return fail("out-of-range", `at most ${max} units are delivered ahead of proof`, "window");
  }

  /** So much of the session is delivered: what the payer is to be told, where he pays by it. */
  onDelivered(one: Order, pulses: number): StreamNews | undefined {
    const now = this.proofs.current(one);
    if (now.stream === undefined) return undefined;
    const isAtLimit = pulses >= sessionLimit(now);
    const isOut = pulses >= (now.running?.total ?? 0);
    if (isAtLimit && !isOut) this.#wait(one);
    const steps = stepsDelivered(now, pulses);
    const isStep = steps > (this.#steps.get(one.id) ?? 0);
    this.#steps.set(one.id, steps);
    return { proved: now.stream.proved, isDue: isAtLimit || isStep };
  }

  isClosing({ id }: Order): boolean {
    return this.#closing.has(id);
  }

  /** The session is over and the switch open. True where it waits for the last proof: then `over` follows. */
  awaitsLast(one: Order, facts: SessionFacts): boolean {
    this.#stopWaiting(one.id);
    if (this.#closing.has(one.id)) return true;
    if (this.#unproved(one, facts) === 0) return false;
    const { clock, tell } = this.#ports;
    const say = (): void => {
      const { proved = 0 } = this.proofs.current(one).stream ?? {};
      tell(one, this.#within(one, facts), { proved, isDue: true, ended: true });
    };
    const timers = [
      every(clock, CLOSING_TELL_MS, say),
      after(clock, CLOSING_PROOF_MS, () => this.#end(one.id)),
    ];
    this.#closing.set(one.id, { facts, timers, isOver: false });
    say();
    return true;
  }

  /** Its session is over, and on disk. */
  forget(one: Order): void {
    this.proofs.forget(one);
    this.#stopWaiting(one.id);
    this.#steps.delete(one.id);
    this.#closing.delete(one.id);
  }

  #onProof(one: Order): void {
    this.#stopWaiting(one.id);
    const closing = this.#closing.get(one.id);
    if (closing === undefined) this.#ports.proved(one);
    else if (this.#unproved(one, closing.facts) === 0) this.#end(one.id);
  }

  #within({ running }: Order, { pulses }: SessionFacts): number {
    return Math.min(pulses, running?.reserved ?? 0);
  }

  #unproved(one: Order, facts: SessionFacts): number {
    return unprovedPulses(this.proofs.current(one), this.#within(one, facts));
  }

  #wait(one: Order): void {
    if (this.#waiting.has(one.id)) return;
    const timer = after(this.#ports.clock, PROOF_LATE_MS, () => this.#ports.late(one));
    this.#waiting.set(one.id, timer);
  }

  #stopWaiting(id: string): void {
    this.#waiting.get(id)?.cancel();
    this.#waiting.delete(id);
  }

  #end(id: string): void {
    const closing = this.#closing.get(id);
    const one = this.#ports.order(id);
    if (closing === undefined || closing.isOver) return;
    closing.isOver = true;
    for (const timer of closing.timers) timer.cancel();
    if (one !== undefined) this.#ports.over(one, closing.facts);
  }
}
