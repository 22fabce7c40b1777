// Commands to a PN532 and its answers, one at a time: frame out, ACK within a moment, answer within the command's time.
// An answer that came broken is asked for again; one that comes before the ACK belongs to an older command and is dropped.

import { after, type Clock, sleep, type Timer } from "../clock.ts";
import { HalError } from "../hal-error.ts";
import { ACK, type ChipFrame, commandFrame, frameParser, NACK } from "./pn532-frame.ts";
import type { SerialLine } from "./serial-line.ts";

export type ChipAnswer =
  /** What follows the answer code. */
  | { kind: "answer"; data: Uint8Array }
  /** Error frame: not a command that it knows, or not with these parameters. */
  | { kind: "refused" }
  /** abort() was called. */
  | { kind: "aborted" }
  /** It does not answer, or not in a way that can be read: who asks must start() anew, since its state is unknown. */
  | { kind: "silent" }
  /** The line is down. */
  | { kind: "down" };

export interface Pn532Link {
  /** `data`: command code and parameters. One at a time. `answerMs` is counted from the ACK. */
  ask(data: Uint8Array, answerMs: number): Promise<ChipAnswer>;
  /** Ends the command under way, in the chip too. */
  abort(): void;
  /** Ends whatever the chip does, lets the line fall silent, and wakes the chip. False where the line is down. */
  rouse(): Promise<boolean>;
}

/** The chip does it within 15; the rest is for adapters and a busy computer. */
const ACK_MS = 120;
/** Bytes of one frame do not come further apart, adapters included. */
const STALL_MS = 60;
/** Something came that can no longer be read, and nothing after it for so long: it was the answer. */
const SPOILT_MS = 150;
const QUIET_MS = 25;
const QUIET_MS_MAX = 400;
/** An oscillator that was stopped needs 2. */
const WAKE_MS = 5;
const REPEATS_MAX = 2;
/** Long enough to cover an oscillator's start even if the 5 ms are lost to buffering. */
const WAKE_UP = Uint8Array.of(0x55, 0x55, ...new Uint8Array(14));

export function openPn532Link(line: SerialLine, clock: Clock): Pn532Link {
  let heard = 0;
  let exchange: Exchange | undefined;
  const parser = frameParser((frame) => exchange?.frame(frame));
  line.onData((bytes) => {
    heard += bytes.length;
    parser.take(bytes);
    exchange?.bytes(parser.half());
  });
  const write = (bytes: Uint8Array): Promise<boolean> => {
    // What has only begun belongs to what was said before.
    parser.clear();
    return written(line, bytes);
  };
  const fallSilent = async (): Promise<void> => {
    const endMs = clock.monotonicMs() + QUIET_MS_MAX;
    for (let before = -1; before !== heard && clock.monotonicMs() < endMs; ) {
      before = heard;
      await sleep(clock, QUIET_MS);
    }
  };
  return {
    ask: async (data, answerMs) => {
      const running = new Exchange(clock, write, data, answerMs);
      exchange = running;
      const answer = await running.answer;
      exchange = undefined;
      if (running.wasRepeated) await fallSilent();
      return answer;
    },
    abort: () => exchange?.abort(),
    rouse: async () => {
      if (!(await write(ACK))) return false;
      await fallSilent();
      if (!(await write(WAKE_UP))) return false;
      await sleep(clock, WAKE_MS);
      return line.isUp();
    },
  };
}

async function written(line: SerialLine, bytes: Uint8Array): Promise<boolean> {
  try {
    await line.write(bytes);
    return true;
  } catch (error) {
    if (error instanceof HalError) return false;
    throw error;
  }
}

/** One command, from its first byte to the answer. */
class Exchange {
  readonly answer: Promise<ChipAnswer>;
  /** The chip may have heard it twice: another ACK and another answer may come, and must not meet the next command. */
  wasRepeated = false;
  readonly #clock: Clock;
  readonly #write: (bytes: Uint8Array) => Promise<boolean>;
  readonly #command: Uint8Array;
  readonly #answerMs: number;
  readonly #code: number;
  #settle: ((answer: ChipAnswer) => void) | undefined;
  #state: "ack" | "answer" | "over" = "ack";
  #heardAny = false;
  #isSpoilt = false;
  #repeats = 0;
  #timer: Timer | undefined;
  #stall: Timer | undefined;

  constructor(
    clock: Clock,
    write: (bytes: Uint8Array) => Promise<boolean>,
    command: Uint8Array,
    answerMs: number,
  ) {
    this.#clock = clock;
    this.#write = write;
    this.#command = commandFrame(command);
    this.#answerMs = answerMs;
    this.#code = ((command[0] ?? 0) + 1) & 0xff;
    this.answer = new Promise((resolve) => {
      this.#settle = resolve;
    });
    void this.#send();
  }

  frame(frame: ChipFrame): void {
    if (this.#state === "over") return;
    if (this.#state === "ack") {
      if (frame.kind === "ack") this.#acknowledged();
      else if (frame.kind === "nack") this.#again();
      return;
    }
    if (frame.kind === "error") this.#end({ kind: "refused" });
    else if (frame.kind === "bad" && frame.code === this.#code) this.#askAgain();
    else if (frame.kind === "bad") this.#isSpoilt = true;
    else if (frame.kind === "answer" && frame.data[0] === this.#code) {
      this.#end({ kind: "answer", data: frame.data.slice(1) });
      frame.data.fill(0);
    }
  }

  /** Told after each piece that came, with what has begun and has not ended. */
  bytes(half: { code?: number } | undefined): void {
    this.#heardAny = true;
    this.#stall?.cancel();
    if (this.#state !== "answer") return;
    if (half?.code === this.#code) {
      this.#stall = after(this.#clock, STALL_MS, () => this.#askAgain());
    } else if (half !== undefined || this.#isSpoilt) {
      this.#stall = after(this.#clock, SPOILT_MS, () => this.#end({ kind: "silent" }));
    }
  }

  abort(): void {
    if (this.#state === "over") return;
    void this.#write(ACK);
    this.#end({ kind: "aborted" });
  }

  async #send(): Promise<void> {
    this.#heardAny = false;
    const sent = await this.#write(this.#command);
    if (this.#state === "over") return;
    if (!sent) this.#end({ kind: "down" });
    else if (this.#state === "ack") this.#arm(ACK_MS, () => this.#unacknowledged());
  }

  #acknowledged(): void {
    this.#state = "answer";
    this.#arm(this.#answerMs, () => this.#end({ kind: "silent" }));
  }

  /** A frame that reached the chip broken is met with silence. Anything else may be an ACK that was lost on us. */
  #unacknowledged(): void {
    if (this.#heardAny) this.#end({ kind: "silent" });
    else this.#again();
  }

  #again(): void {
    if (this.#repeats++ >= REPEATS_MAX) {
      this.#end({ kind: "silent" });
      return;
    }
    this.wasRepeated = true;
    void this.#send();
  }

  /**
   * The chip keeps its last answer and gives it again: nothing is done twice. Only when what broke was this very answer:
   * a chip that is still at work would give the one before.
   */
  #askAgain(): void {
    this.#stall?.cancel();
    this.#isSpoilt = false;
    if (this.#repeats++ >= REPEATS_MAX) {
      this.#end({ kind: "silent" });
      return;
    }
    this.#arm(ACK_MS, () => this.#askAgain());
    void this.#write(NACK).then((sent) => {
      if (!sent) this.#end({ kind: "down" });
    });
  }

  #arm(delayMs: number, wake: () => void): void {
    this.#timer?.cancel();
    this.#timer = after(this.#clock, delayMs, wake);
  }

  #end(answer: ChipAnswer): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#timer?.cancel();
    this.#stall?.cancel();
    this.#command.fill(0);
    this.#settle?.(answer);
  }
}
