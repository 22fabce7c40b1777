// One sealed session between a device and a flow service: every message arrives once and in order, or the line is
// lost. What is not acknowledged is sent again, the same bytes under the same nonce; what comes again, from before
// or out of turn is dropped.

import { after, type Clock, type Timer } from "../../../hal/clock.ts";
import type { Crypto } from "../../../hal/crypto.ts";
import { assert } from "../../assert.ts";
import {
  COUNT_MAX,
  encodeFlowFrame,
  FLOW_MESSAGE_BYTES_MAX,
  type FlowFrame,
  type FlowSide,
  flowNonce,
} from "../../protocol/flow-frames.ts";
import { perSecond } from "./per-second.ts";

/** A receipt waits so long for a message that it can travel with. */
const RECEIPT_DELAY_MS = 10;
const RESEND_MS_MIN = 250;
const RESEND_MS_MAX = 1_000;
/** Without any progress for so long the other side is gone. */
const GIVE_UP_MS = 3_000;
/** After a word, true or not, that it has forgotten the session. */
const DOUBT_MS = 1_000;
/** Messages that were not acknowledged; more than these are not taken over. */
export const UNRECEIVED_MAX = 32;
/** In front of every message: how many of the other side's had come when it was sealed. */
const TAKEN_BYTES = 4;
/** What each side takes of the other's messages: what is above is dropped, and has to be sent again. */
const MESSAGES_PER_S: Readonly<Record<FlowSide, number>> = { device: 1_000, service: 5_000 };

export interface LinePorts {
  clock: Clock;
  crypto: Crypto;
  publish(payload: Uint8Array): void;
}

export interface LineKeys {
  side: FlowSide;
  shared: Uint8Array;
  random: { device: Uint8Array; service: Uint8Array };
}

export interface LineListener {
  /** The next message of the other side. */
  message(plain: Uint8Array): void;
  /** The other side does not answer any more. Once, and nothing after it. */
  lost(): void;
}

interface Sent {
  count: number;
  payload: Uint8Array;
  atMs: number;
  received: (() => void) | undefined;
}

export class Line {
  readonly #ports: LinePorts;
  readonly #keys: LineKeys;
  readonly #listener: LineListener;
  readonly #sent: Sent[] = [];
  #count = 0;
  #taken = 0;
  #progressMs: number;
  #resendMs = RESEND_MS_MIN;
  #resend: Timer | undefined;
  #receipt: Timer | undefined;
  #doubt: Timer | undefined;
  /** It has just shown that it knows the session: until then no word to the contrary counts. */
  #trustedMs = 0;
  readonly #mayTake: () => boolean;
  #over = false;

  constructor(ports: LinePorts, keys: LineKeys, listener: LineListener) {
    this.#ports = ports;
    this.#keys = keys;
    this.#listener = listener;
    this.#progressMs = ports.clock.monotonicMs();
    this.#mayTake = perSecond(ports.clock, MESSAGES_PER_S[keys.side]);
  }

  /** Messages under way that nobody has acknowledged. */
  get unreceived(): number {
    return this.#sent.length;
  }

  /** False: too many are under way, and nothing was sent. `received` is called when the other side has it. */
  send(message: Uint8Array, received?: () => void): boolean {
    assert(message.length <= FLOW_MESSAGE_BYTES_MAX, "a message is measured before it is sent");
    if (this.#over || this.#sent.length >= UNRECEIVED_MAX || this.#count >= COUNT_MAX) return false;
    this.#count += 1;
    const plain = new Uint8Array(TAKEN_BYTES + message.length);
    new DataView(plain.buffer).setUint32(0, this.#taken);
    plain.set(message, TAKEN_BYTES);
    const box = this.#seal("data", this.#count, plain);
    const payload = encodeFlowFrame({ is: "data", count: this.#count, box });
    const atMs = this.#ports.clock.monotonicMs();
    if (this.#sent.length === 0) this.#progressMs = atMs;
    this.#sent.push({ count: this.#count, payload, atMs, received });
    this.#receiptTold();
    this.#ports.publish(payload);
    this.#resend ??= this.#later(RESEND_MS_MIN, () => this.#again());
    return true;
  }

  /** True when it was made by the other side for this session; what is new in it was passed on. */
  take(frame: Extract<FlowFrame, { is: "data" | "receipt" }>): boolean {
    if (this.#over) return false;
    const { is, count, box } = frame;
    const { side, shared, random } = this.#keys;
    const other = side === "device" ? "service" : "device";
    const plain = this.#ports.crypto.open(box, flowNonce(is, other, random, count), shared);
    if (plain === undefined) return false;
    if (is === "receipt") this.#received(count);
    else if (plain.length < TAKEN_BYTES) return false;
    else if (count <= this.#taken) this.#owesReceipt();
    else if (count === this.#taken + 1 && this.#mayTake()) {
      this.#taken = count;
      this.#owesReceipt();
      this.#received(new DataView(plain.buffer, plain.byteOffset).getUint32(0));
      this.#listener.message(plain.subarray(TAKEN_BYTES));
    }
    return true;
  }

  /** The other side says that it has had so many of our messages. */
  #received(count: number): void {
    if (this.#over || count > this.#count) return;
    let first = this.#sent[0];
    if (first === undefined || first.count > count) return;
    if (this.#doubt !== undefined) {
      this.#doubt.cancel();
      this.#doubt = undefined;
      this.#trustedMs = this.#ports.clock.monotonicMs() + DOUBT_MS;
    }
    this.#resendMs = RESEND_MS_MIN;
    this.#progressMs = this.#ports.clock.monotonicMs();
    const done: Sent[] = [];
    while (first !== undefined && first.count <= count) {
      this.#sent.shift();
      done.push(first);
      first = this.#sent[0];
    }
    if (this.#sent.length === 0) {
      this.#resend?.cancel();
      this.#resend = undefined;
    }
    for (const { received } of done) received?.();
  }

  /** Somebody says that the other side has forgotten this session. True: it has to show soon that it has not. */
  doubt(): boolean {
    const nowMs = this.#ports.clock.monotonicMs();
    if (this.#over || this.#doubt !== undefined || nowMs < this.#trustedMs) return false;
    this.#doubt = this.#later(DOUBT_MS, () => this.#lose());
    return true;
  }

  /** Nothing is said or heard any more. */
  close(): void {
    this.#over = true;
    for (const timer of [this.#resend, this.#receipt, this.#doubt]) timer?.cancel();
    this.#sent.length = 0;
  }

  #again(): void {
    this.#resend = undefined;
    if (this.#sent.length === 0) return;
    const nowMs = this.#ports.clock.monotonicMs();
    if (nowMs - this.#progressMs >= GIVE_UP_MS) {
      this.#lose();
      return;
    }
    for (const { payload, atMs } of this.#sent) {
      if (nowMs - atMs >= RESEND_MS_MIN) this.#ports.publish(payload);
    }
    this.#resendMs = Math.min(RESEND_MS_MAX, 2 * this.#resendMs);
    this.#resend = this.#later(this.#resendMs, () => this.#again());
  }

  #lose(): void {
    if (this.#over) return;
    this.close();
    this.#listener.lost();
  }

  /** One for all that comes meanwhile, also for what anybody repeats. */
  #owesReceipt(): void {
    this.#receipt ??= this.#later(RECEIPT_DELAY_MS, () => this.#tellReceipt());
  }

  #tellReceipt(): void {
    this.#receiptTold();
    if (this.#taken === 0) return;
    const box = this.#seal("receipt", this.#taken, new Uint8Array(0));
    this.#ports.publish(encodeFlowFrame({ is: "receipt", count: this.#taken, box }));
  }

  /** Whatever is sent now says what was received. */
  #receiptTold(): void {
    this.#receipt?.cancel();
    this.#receipt = undefined;
  }

  #seal(purpose: "data" | "receipt", count: number, plain: Uint8Array): Uint8Array {
    const { side, shared, random } = this.#keys;
    return this.#ports.crypto.seal(plain, flowNonce(purpose, side, random, count), shared);
  }

  #later(delayMs: number, run: () => void): Timer {
    return after(this.#ports.clock, delayMs, () => {
      if (!this.#over) run();
    });
  }
}
