// A serial port that is kept open: opened anew, ever more rarely, for as long as it is gone, because readers and
// adapters get unplugged and plugged in again. Whoever speaks over it learns when it is up, and starts afresh.

import { after, type Clock, type Timer } from "../clock.ts";
import { HalError } from "../hal-error.ts";
import type { OpenSerial, SerialPort } from "../serial.ts";

export interface SerialLine {
  isUp(): boolean;
  /** Why it is down, in a sentence; undefined while it is up. */
  trouble(): string | undefined;
  /** Rejects with HalError `disconnected` while it is down, `canceled` after close(). */
  write(bytes: Uint8Array): Promise<void>;
  /** One listener; the last one set counts. Bytes that come while there is none are dropped. */
  onData(listener: (bytes: Uint8Array) => void): void;
  /** Called at each change, never synchronously. One listener, set at once after keepSerialLine(); the last one set counts. */
  onState(listener: (up: boolean) => void): void;
  /** Gives the port up and opens it anew: for a device that is there and cannot be brought to its senses. */
  reopen(): void;
  /** Idempotent. */
  close(): Promise<void>;
}

const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;
/** A port that stays up for less was not really back: the next attempt waits longer. */
const STEADY_MS = 1_000;

/** Opens at once, and again after each loss. Never throws: a port that is not there is a line that is down. */
export function keepSerialLine(open: OpenSerial, clock: Clock): SerialLine {
  return new KeptLine(open, clock);
}

class KeptLine implements SerialLine {
  readonly #open: OpenSerial;
  readonly #clock: Clock;
  #port: SerialPort | undefined;
  #upSinceMs = 0;
  #trouble = "it is being opened";
  #retryMs = RETRY_MS_MIN;
  #timer: Timer | undefined;
  #closed = false;
  /** A port must be given up before it is opened anew: it may be locked. */
  #releasing: Promise<void> = Promise.resolve();
  #onData: (bytes: Uint8Array) => void = () => {};
  #onState: (up: boolean) => void = () => {};

  constructor(open: OpenSerial, clock: Clock) {
    this.#open = open;
    this.#clock = clock;
    void this.#start();
  }

  isUp(): boolean {
    return this.#port !== undefined;
  }

  trouble(): string | undefined {
    return this.#port === undefined ? this.#trouble : undefined;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const port = this.#port;
    if (this.#closed) throw new HalError("canceled", "the line was closed");
    if (port === undefined) throw new HalError("disconnected", this.#trouble);
    try {
      await port.write(bytes);
    } catch (error) {
      if (!(error instanceof HalError)) throw error;
      if (this.#closed) throw new HalError("canceled", "the line was closed", error);
      this.#lose(port, error.message);
      throw new HalError("disconnected", error.message, error);
    }
  }

  onData(listener: (bytes: Uint8Array) => void): void {
    this.#onData = listener;
  }

  onState(listener: (up: boolean) => void): void {
    this.#onState = listener;
  }

  reopen(): void {
    if (this.#port !== undefined) this.#lose(this.#port, "it is being opened anew");
  }

  async close(): Promise<void> {
    const port = this.#port;
    this.#closed = true;
    this.#trouble = "it was closed";
    this.#port = undefined;
    this.#timer?.cancel();
    if (port !== undefined) this.#releasing = port.close();
    await this.#releasing;
  }

  async #start(): Promise<void> {
    await this.#releasing;
    if (this.#closed) return;
    let port: SerialPort;
    try {
      port = await this.#open();
    } catch (error) {
      if (!(error instanceof HalError)) throw error;
      this.#trouble = error.message;
      this.#retry();
      return;
    }
    if (this.#closed) {
      await port.close();
      return;
    }
    this.#port = port;
    this.#upSinceMs = this.#clock.monotonicMs();
    port.onLost(() => this.#lose(port, "it was unplugged"));
    this.#onState(true);
    port.onData((bytes) => {
      if (this.#port === port) this.#onData(bytes);
    });
  }

  /** Once for each port. */
  #lose(port: SerialPort, trouble: string): void {
    if (this.#port !== port) return;
    this.#port = undefined;
    this.#trouble = trouble;
    this.#releasing = port.close();
    if (this.#clock.monotonicMs() - this.#upSinceMs >= STEADY_MS) this.#retryMs = RETRY_MS_MIN;
    this.#retry();
    const told = this.#onState;
    queueMicrotask(() => told(false));
  }

  #retry(): void {
    if (this.#closed) return;
    this.#timer = after(this.#clock, this.#retryMs, () => void this.#start());
    this.#retryMs = Math.min(RETRY_MS_MAX, this.#retryMs * 2);
  }
}
