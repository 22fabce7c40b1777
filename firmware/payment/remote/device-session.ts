// The device's end of its session with one flow service: says hello until it is welcomed, then holds the line. When
// the line is lost it begins anew, under fresh random bytes.

import { after, type Clock, type Timer } from "../../../hal/clock.ts";
import type { Crypto } from "../../../hal/crypto.ts";
import type { Entropy } from "../../../hal/entropy.ts";
import { equalBytes, toHex } from "../../bytes.ts";
import {
  decodeFlowFrame,
  encodeFlowFrame,
  FLOW_VERSION,
  type FlowFrame,
  flowNonce,
  RANDOM_BYTES,
} from "../../protocol/flow-frames.ts";
import type { Fault } from "../../result.ts";
import { Line } from "./line.ts";

export const INSTANCE_BYTES = 8;
/** Often while somebody waits for it, then less and less. */
const HELLO_MS_MIN = 300;
const HELLOS_OFTEN = 5;
const HELLO_MS_MAX = 5_000;

export interface SessionPorts {
  clock: Clock;
  crypto: Crypto;
  entropy: Entropy;
  publish(payload: Uint8Array): void;
}

export interface SessionListener {
  /** A session has begun. `instance` is another one when the service has been started again. */
  opened(instance: string): void;
  message(plain: Uint8Array): void;
  /** The service has to be asked whether it knows the session. */
  doubted(): void;
  /** What was under way is lost. */
  lost(): void;
  /** A frame that did not open, or was none of ours. */
  dropped(fault: Fault): void;
}

export class DeviceSession {
  readonly #ports: SessionPorts;
  readonly #certificate: Uint8Array;
  readonly #shared: Uint8Array;
  readonly #listener: SessionListener;
  #random: Uint8Array = new Uint8Array(0);
  #hellos = 0;
  #hello: Timer | undefined;
  #line: Line | undefined;
  #over = false;

  /** `shared` is the key that both sides share. */
  constructor(
    ports: SessionPorts,
    certificate: Uint8Array,
    shared: Uint8Array,
    listener: SessionListener,
  ) {
    this.#ports = ports;
    this.#certificate = certificate;
    this.#shared = shared;
    this.#listener = listener;
  }

  /** Undefined while there is none. */
  get line(): Line | undefined {
    return this.#line;
  }

  /** Begins, or says hello again at once because somebody needs it. */
  begin(): void {
    if (this.#over || this.#line !== undefined) return;
    if (this.#random.length === 0) this.#random = this.#ports.entropy.bytes(RANDOM_BYTES);
    this.#hellos = 0;
    this.#sayHello();
  }

  take(payload: Uint8Array): void {
    if (this.#over) return;
    const frame = decodeFlowFrame(payload);
    if (!frame.ok) {
      this.#listener.dropped(frame.fault);
      return;
    }
    if (!this.#took(frame.value)) {
      this.#listener.dropped({ kind: "unsealed", message: "it was not sealed for this session" });
    }
  }

  close(): void {
    this.#over = true;
    this.#hello?.cancel();
    this.#line?.close();
    this.#line = undefined;
  }

  #took(frame: FlowFrame): boolean {
    switch (frame.is) {
      case "welcome":
        return this.#welcomed(frame);
      case "data":
      case "receipt":
        return this.#line?.take(frame) ?? false;
      case "lost":
        if (this.#line?.doubt()) this.#listener.doubted();
        return true;
      case "hello":
        return false;
    }
  }

  #sayHello(): void {
    this.#hello?.cancel();
    const { crypto, clock } = this.#ports;
    const deviceRandom = this.#random;
    const nonce = flowNonce("hello", "device", { device: deviceRandom }, 0);
    const box = crypto.seal(Uint8Array.of(FLOW_VERSION), nonce, this.#shared);
    const certificate = this.#certificate;
    this.#ports.publish(encodeFlowFrame({ is: "hello", deviceRandom, certificate, box }));
    const pauses = Math.max(0, this.#hellos - HELLOS_OFTEN);
    const pauseMs = Math.min(HELLO_MS_MAX, HELLO_MS_MIN * 2 ** Math.min(pauses, 8));
    this.#hellos += 1;
    this.#hello = after(clock, pauseMs, () => this.#sayHello());
  }

  #welcomed(frame: Extract<FlowFrame, { is: "welcome" }>): boolean {
    const { deviceRandom, serviceRandom, box } = frame;
    if (!equalBytes(deviceRandom, this.#random)) return false;
    // It comes again when ours was lost on the way: the first one counts.
    if (this.#line !== undefined) return true;
    const random = { device: deviceRandom, service: serviceRandom };
    const plain = this.#ports.crypto.open(
      box,
      flowNonce("welcome", "service", random, 0),
      this.#shared,
    );
    if (plain?.length !== 1 + INSTANCE_BYTES || plain[0] !== FLOW_VERSION) return false;
    this.#hello?.cancel();
    const keys = { side: "device" as const, shared: this.#shared, random };
    this.#line = new Line(this.#ports, keys, {
      message: (message) => this.#listener.message(message),
      lost: () => this.#lost(),
    });
    this.#listener.opened(toHex(plain.subarray(1)));
    return true;
  }

  #lost(): void {
    this.#line = undefined;
    this.#random = new Uint8Array(0);
    this.begin();
    this.#listener.lost();
  }
}
