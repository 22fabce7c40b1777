// A payer by the unit and a seller of few words, joined by a network that loses, doubles and delays what goes either way,
// in virtual time. The seller keeps to the rules unless a test makes it lie.

import { chainOf } from "../../firmware/consumer/stream-order.ts";
import { unitsAhead } from "../../firmware/consumer/stream-payer.ts";
import {
  type StreamedProgress,
  type StreamedSession,
  Streaming,
} from "../../firmware/consumer/streaming.ts";
import { judgeProof, limitPulses, withProof } from "../../firmware/producer/stream-seller.ts";
import type { ChainLink } from "../../firmware/token/hash-chain.ts";
import { grantPulses, milliUnits, type Ratio } from "../../firmware/units.ts";
import { every } from "../../hal/clock.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { simWorld } from "../../hal/sim/world.ts";

export const crypto = openNodeCrypto();
export const ORDER = "0011223344556677";
const SECRET = new Uint8Array(32).fill(7);

export interface StreamBenchOptions {
  seed?: number;
  units?: number;
  ratio?: Ratio;
  step?: number;
  window?: number;
  /** Pulses each tenth of a second, while the seller may deliver. */
  pulsesPerTick?: number;
  lossPerMille?: number;
  doublePerMille?: number;
  delayMs?: readonly [number, number];
  session?: Partial<StreamedSession>;
  /** What the seller says in the place of the truth. */
  says?: (truth: StreamedProgress) => StreamedProgress;
}

export class StreamBench {
  readonly world;
  readonly options: StreamBenchOptions;
  readonly streaming: Streaming;
  readonly chain: (units: number) => Uint8Array;
  /** As the payer lets go of them, and as they are handed to the network. */
  readonly released: ChainLink[] = [];
  readonly sent: ChainLink[] = [];
  isUp = true;
  seller;
  delivered = 0;
  /** The worst that was seen, in units. */
  aheadMost = 0;
  creditMost = 0;
  #steps = 0;
  #saidMs = Number.NEGATIVE_INFINITY;

  constructor(options: StreamBenchOptions = {}) {
    const { seed = 1, units = 10, ratio = { numerator: 10, denominator: 1 } } = options;
    const { step = 1, window = 1 } = options;
    this.options = options;
    this.world = simWorld({ seed });
    const payer = { crypto, boxSecret: SECRET };
    const offer = { id: ORDER, units, signedOffer: new Uint8Array() };
    this.chain = (count) => chainOf(offer, count, payer).current.link;
    const root = this.chain(0);
    this.seller = { order: ORDER, units, ratio, step, window, proved: 0, link: root };
    const released = options.session?.stream?.released ?? 0;
    this.streaming = new Streaming(
      {
        clock: this.world.clock,
        send: (proof) => this.#send(proof),
        isConnected: () => this.isUp,
        released: (proof) => this.released.push(proof),
      },
      {
        session: 1,
        stream: { units, ratio, step, window, released },
        chain: chainOf(offer, released, payer),
        beforePulses: 0,
        mostPulses: grantPulses(units, ratio),
        ...options.session,
      },
    );
  }

  /** Begins, delivers and is paid until the order is all delivered, or the time is over. */
  async run(limitMs: number): Promise<boolean> {
    const { last } = this.streaming;
    if (last !== undefined) this.#take(last);
    this.say();
    const total = grantPulses(this.seller.units, this.seller.ratio);
    const ticks = every(this.world.clock, 100, () => this.#tick(total));
    const isDone = (): boolean =>
      this.delivered >= total && this.seller.proved >= this.seller.units;
    await this.world.runWhile(() => !isDone(), limitMs);
    ticks.cancel();
    return isDone();
  }

  /** As the seller says it, over the network. */
  say(progress: Partial<StreamedProgress> = {}): void {
    const limit = limitPulses(this.seller);
    const truth = { session: 1, pulses: this.delivered, held: this.delivered >= limit };
    const said = { ...truth, proved: this.seller.proved, ...progress };
    this.#pass(() => this.streaming.onProgress(this.options.says?.(said) ?? said));
  }

  #tick(total: number): void {
    const limit = Math.min(limitPulses(this.seller), total);
    this.delivered = Math.min(limit, this.delivered + (this.options.pulsesPerTick ?? 5));
    this.#look();
    const { step, ratio } = this.seller;
    const steps = Math.floor(milliUnits(this.delivered, ratio) / (1000 * step));
    const isNew = steps !== this.#steps;
    this.#steps = steps;
    if (!isNew && this.world.nowMs() - this.#saidMs < 1_000) return;
    this.#saidMs = this.world.nowMs();
    this.say();
  }

  #look(): void {
    const { proved, ratio, units } = this.seller;
    const wholeUnits = Math.floor(milliUnits(this.delivered, ratio) / 1000);
    const paid = this.released.at(-1)?.units ?? 0;
    this.aheadMost = Math.max(this.aheadMost, paid - wholeUnits);
    const inUnits = Math.min(proved, units);
    const credit = this.delivered - grantPulses(inUnits, ratio);
    const whole = Math.floor(milliUnits(Math.max(0, credit), ratio) / 1000);
    this.creditMost = Math.max(this.creditMost, whole);
  }

  get aheadAllowed(): number {
    return unitsAhead(this.seller);
  }

  #send(proof: ChainLink): void {
    this.sent.push(proof);
    this.#look();
    if (this.isUp) this.#pass(() => this.#take(proof));
  }

  #take({ units, link }: ChainLink): void {
    if (judgeProof(crypto, this.seller, units, link) !== "good") return;
    this.seller = withProof(this.seller, units, link);
  }

  #pass(arrive: () => void): void {
    const { lossPerMille = 0, doublePerMille = 0, delayMs = [1, 3] } = this.options;
    const { random } = this.world;
    const times = random.below(1000) < doublePerMille ? 2 : 1;
    for (let time = 0; time < times; time++) {
      if (random.below(1000) < lossPerMille) continue;
      this.world.after(delayMs[0] + random.below(delayMs[1] - delayMs[0] + 1), arrive);
    }
  }
}
