// Pays for a delivery while it goes on, one session of one order: hears what is delivered, lets go of the proof that is
// due for it, and sends that again as long as the device shows that it does not have it. Every message may be lost,
// doubled or late. The payer may be a small device: nothing here but clock, chain and link.

import { type Clock, every, type Timer } from "../../hal/clock.ts";
import type { ChainLink } from "../token/hash-chain.ts";
import type { Ratio } from "../units.ts";
import { ownPulses, type PayerStream, unitsDue, unitsOwned } from "./stream-payer.ts";

/** While the device waits for proof it is sent again so often; else less and less often. */
const RESEND_MS = 1_000;
const RESEND_MS_MAX = 8_000;
/** What was sent later than that ago is still on its way. */
const ON_ITS_WAY_MS = 400;

export interface StreamingPorts {
  clock: Clock;
  /** Hands it over to the network, once. */
  send(proof: ChainLink): void;
  isConnected(): boolean;
  /** Of every proof, when it is let go. */
  released(proof: ChainLink): void;
}

export interface StreamedSession {
  session: number;
  stream: PayerStream;
  /** Its links in rising order only; it stands at what was released before. */
  chain: { advance(units: number): ChainLink };
  /** Delivered by earlier sessions of the order, paid or not. */
  beforePulses: number;
  /** What this session may deliver: whatever the device says beyond that is not paid for. */
  mostPulses: number;
  /**
   * Units of the order, over all its sessions, that the payer's own meter has counted, fractions included. Nothing is
   * paid beyond it; nor at all while it says undefined, because it does not know.
   */
  ownUnits?: (() => number | undefined) | undefined;
}

/** What the device says of the session. */
export interface StreamedProgress {
  session: number;
  pulses: number;
  held: boolean;
  /** Units of which the device has proof. */
  proved?: number | undefined;
  /** The session is over, and the device waits a moment for the last proof. */
  ended?: boolean | undefined;
}

export class Streaming {
  readonly #ports: StreamingPorts;
  readonly #session: StreamedSession;
  readonly #ratio: Ratio;
  #stream: PayerStream;
  #last: ChainLink | undefined;
  #pulses = 0;
  #proved = 0;
  #held = false;
  #ended = false;
  #sentMs = Number.NEGATIVE_INFINITY;
  #pauseMs = RESEND_MS;
  #connected = true;
  #closed = false;
  #timer: Timer | undefined;

  constructor(ports: StreamingPorts, session: StreamedSession) {
    this.#ports = ports;
    this.#session = session;
    this.#stream = session.stream;
    this.#ratio = session.stream.ratio;
    const { released: units } = session.stream;
    if (units > 0) this.#last = session.chain.advance(units);
    this.#release();
  }

  /** The last proof that was let go: it goes with the request to begin. */
  get last(): ChainLink | undefined {
    return this.#last;
  }

  /** The session has begun: from now on proofs are sent again by themselves. */
  #start(): void {
    this.#connected = this.#ports.isConnected();
    this.#sentMs = this.#ports.clock.monotonicMs();
    this.#timer = every(this.#ports.clock, RESEND_MS, () => this.#look());
  }

  /** Late and repeated ones do no harm: counts only rise. The first may overtake the answer to begin. */
  onProgress({ session, pulses, held, proved = 0, ended = false }: StreamedProgress): void {
    if (session !== this.#session.session || this.#closed) return;
    if (this.#timer === undefined) this.#start();
    this.#pulses = Math.max(this.#pulses, pulses);
    this.#proved = Math.max(this.#proved, proved);
    this.#held = held;
    this.#ended ||= ended;
    if (this.#release()) this.#send();
    else if (held && this.#isMissing() && this.#sinceSentMs() >= ON_ITS_WAY_MS) this.#send();
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  /** By what was delivered of the order, as far as we believe it. */
  #due(): number {
    const { beforePulses, mostPulses, ownUnits } = this.#session;
    const told = beforePulses + Math.min(this.#pulses, mostPulses);
    if (ownUnits === undefined) return unitsDue(this.#stream, told, this.#ended);
    const own = ownUnits() ?? 0;
    const pulses = Math.min(told, ownPulses(own, this.#ratio));
    const due = unitsDue(this.#stream, pulses, this.#ended);
    return Math.max(
      this.#stream.released,
      Math.min(due, unitsOwned(this.#stream, own, this.#ended)),
    );
  }

  /** Whether there is a new proof. */
  #release(): boolean {
    const units = this.#due();
    if (units === this.#stream.released) return false;
    this.#stream = { ...this.#stream, released: units };
    this.#last = this.#session.chain.advance(units);
    this.#pauseMs = RESEND_MS;
    this.#ports.released(this.#last);
    return true;
  }

  #isMissing(): boolean {
    return this.#proved < this.#stream.released;
  }

  #sinceSentMs(): number {
    return this.#ports.clock.monotonicMs() - this.#sentMs;
  }

  #send(): void {
    if (this.#last === undefined) return;
    this.#sentMs = this.#ports.clock.monotonicMs();
    this.#ports.send(this.#last);
  }

  /** The payer's own meter may have moved, the network come back, or the last proof be lost. */
  #look(): void {
    const isBack = !this.#connected && this.#ports.isConnected();
    this.#connected = this.#ports.isConnected();
    const isNew = this.#release();
    if (!isNew && !this.#isMissing()) return;
    if (isNew || isBack || this.#held) this.#pauseMs = RESEND_MS;
    const pauseMs = this.#held ? ON_ITS_WAY_MS : this.#pauseMs;
    if (!isNew && !isBack && this.#sinceSentMs() < pauseMs) return;
    if (!isNew && !this.#held) this.#pauseMs = Math.min(2 * this.#pauseMs, RESEND_MS_MAX);
    this.#send();
  }
}
