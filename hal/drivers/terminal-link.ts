// The line to a card terminal: each message is acknowledged or put again, each request waits for its reply as long as
// the terminal says that it is at work, and a terminal that is silent is not believed to be there.

import { after, type Clock, type Timer } from "../clock.ts";
import { HalError } from "../hal-error.ts";
import type { OpenSerial } from "../serial.ts";
import { keepSerialLine, type SerialLine } from "./serial-line.ts";
import { ACK, encodeFrame, type Heard, NAK, TerminalFrames } from "./terminal-frame.ts";
import {
  decodeReply,
  encodeRequest,
  type ReplyFields,
  type RequestKind,
  type TerminalReply,
} from "./terminal-message.ts";

/** A message that is not acknowledged by then is put again, so often. */
const ACK_MS = 500;
const TRIES = 3;
/** Of silence: a terminal at work says so every 3 s. */
const SILENCE_MS = 10_000;
/** In all, whatever the terminal says. */
const REPLY_MS_MAX = 110_000;
const KEEP_ALIVE_MS = 10_000;
/** After one that was not answered: the next may be. */
const HELLO_AGAIN_MS = 1_000;
/** So many unanswered in a row, and the port is opened anew. */
const UNANSWERED_MAX = 3;
const NUMBERS = 0x10000;

export interface TerminalLinkOptions {
  open: OpenSerial;
  clock: Clock;
  /** A reply that nobody waits for any more. */
  late(fields: ReplyFields): void;
  /** What the terminal says of itself; a sentence where it is not to be used. */
  greeted(fields: ReplyFields): string | undefined;
  /** The customer's words, such as "present card". */
  progress(fields: ReplyFields): void;
}

interface Waiting {
  resolve(fields: ReplyFields | undefined): void;
  silence: Timer;
  limit: Timer;
}

interface Sending {
  bytes: Uint8Array;
  triesLeft: number;
  timer?: Timer;
  failed(): void;
}

export class TerminalLink {
  readonly #options: TerminalLinkOptions;
  readonly #line: SerialLine;
  readonly #waiting = new Map<number, Waiting>();
  /** Messages that were not acknowledged yet: the first is on its way. */
  readonly #queue: Sending[] = [];
  #frames = new TerminalFrames();
  #number = 0;
  #trouble: string | undefined = "the terminal has not answered yet";
  #unanswered = 0;
  #hello: Timer | undefined;
  #closed = false;

  constructor(options: TerminalLinkOptions) {
    this.#options = options;
    this.#line = keepSerialLine(options.open, options.clock);
    this.#line.onData((bytes) => {
      for (const heard of this.#frames.take(bytes)) this.#heard(heard);
    });
    this.#line.onState((up) => (up ? this.#up() : this.#down()));
  }

  /** Why it cannot be asked now; undefined where it can. */
  trouble(): string | undefined {
    const down = this.#line.trouble();
    return down === undefined ? this.#trouble : `the terminal's line is down: ${down}`;
  }

  /** The reply; undefined where none came. */
  ask(
    kind: RequestKind,
    fields: Readonly<Record<string, string>>,
  ): Promise<ReplyFields | undefined> {
    if (this.#closed || !this.#line.isUp()) return Promise.resolve(undefined);
    const number = this.#number;
    this.#number = (number + 1) % NUMBERS;
    return new Promise((resolve) => {
      const { clock } = this.#options;
      const end = (): void => this.#end(number, undefined);
      this.#waiting.set(number, {
        resolve,
        silence: after(clock, SILENCE_MS, end),
        limit: after(clock, REPLY_MS_MAX, end),
      });
      const bytes = encodeFrame(encodeRequest(number, kind, fields));
      this.#queue.push({ bytes, triesLeft: TRIES, failed: end });
      if (this.#queue.length === 1) this.#send();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#down();
    await this.#line.close();
  }

  #up(): void {
    this.#frames = new TerminalFrames();
    this.#unanswered = 0;
    this.#greet();
  }

  #down(): void {
    this.#hello?.cancel();
    for (const { timer } of this.#queue.splice(0)) timer?.cancel();
    for (const number of [...this.#waiting.keys()]) this.#end(number, undefined);
    this.#trouble = "the terminal has not answered yet";
  }

  /** Also keeps the line alive, and finds out that the terminal is gone where the line does not say so. */
  #greet(): void {
    void this.ask("HI", { PV: "1" }).then((fields) => {
      if (this.#closed || !this.#line.isUp()) return;
      this.#unanswered = fields === undefined ? this.#unanswered + 1 : 0;
      this.#trouble =
        fields === undefined ? "the terminal does not answer" : this.#options.greeted(fields);
      if (this.#unanswered >= UNANSWERED_MAX) {
        this.#line.reopen();
        return;
      }
      const delayMs = fields === undefined ? HELLO_AGAIN_MS : KEEP_ALIVE_MS;
      this.#hello = after(this.#options.clock, delayMs, () => this.#greet());
    });
  }

  #send(): void {
    const [first] = this.#queue;
    if (first === undefined) return;
    if (first.triesLeft === 0) {
      this.#queue.shift();
      first.failed();
      this.#send();
      return;
    }
    first.triesLeft -= 1;
    first.timer = after(this.#options.clock, ACK_MS, () => this.#send());
    this.#write(first.bytes);
  }

  #heard(heard: Heard): void {
    if (heard.kind === "spoilt") this.#write(Uint8Array.of(NAK));
    else if (heard.kind === "message") {
      const reply = decodeReply(heard.message);
      if (reply === undefined) return;
      this.#write(Uint8Array.of(ACK));
      this.#replied(reply);
    } else {
      const first = heard.kind === "ack" ? this.#queue.shift() : this.#queue[0];
      first?.timer?.cancel();
      this.#send();
    }
  }

  #replied({ number, kind, fields }: TerminalReply): void {
    const waiting = this.#waiting.get(number);
    if (kind === "RS") {
      if (waiting === undefined) this.#options.late(fields);
      else this.#end(number, fields);
      return;
    }
    if (waiting === undefined) return;
    waiting.silence.cancel();
    waiting.silence = after(this.#options.clock, SILENCE_MS, () => this.#end(number, undefined));
    this.#options.progress(fields);
  }

  #end(number: number, fields: ReplyFields | undefined): void {
    const waiting = this.#waiting.get(number);
    if (waiting === undefined) return;
    this.#waiting.delete(number);
    waiting.silence.cancel();
    waiting.limit.cancel();
    waiting.resolve(fields);
  }

  #write(bytes: Uint8Array): void {
    this.#line.write(bytes).catch((error: unknown) => {
      // The line says itself that it is down.
      if (!(error instanceof HalError)) throw error;
    });
  }
}
