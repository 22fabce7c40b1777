// Commands and answers on the line to a GemPC Twin, one at a time. The reader's echo of our own frame is dropped, a
// late answer is told by its sequence number, and whether a command may be sent again is the caller's to say.

import { type Clock, sleep, type Timer } from "../clock.ts";
import { HalError } from "../hal-error.ts";
import { type CcidAnswer, type CcidCommand, decodeCcid, encodeCcid } from "./ccid-message.ts";
import { type TwinEvent, TwinParser, twinFrame } from "./gempc-frame.ts";
import type { SerialLine } from "./serial-line.ts";

export type TwinAnswer =
  | { kind: "answer"; answer: CcidAnswer }
  /** The reader could not read it: it was not carried out. */
  | { kind: "refused" }
  /** No whole answer came: it may have been carried out. */
  | { kind: "unclear" }
  /** The line is down. */
  | { kind: "lost" };

export interface TwinAsking {
  /** Silence of the reader is waited for this long; each request for time begins it anew. */
  answerMs: number;
  /** How often it may be sent: 1 for what must not be carried out twice. */
  tries: number;
}

export interface TwinLinkListener {
  state(up: boolean): void;
  /** The reader says that a card came or went, by itself. */
  notice(): void;
}

/** No command takes longer, however often the reader asks for time. */
const COMMAND_MS_MAX = 30_000;
/** A frame whose bytes cease for this long is cut. */
const GAP_MS = 100;
/** The line counts as quiet after this; a line that never is, is used all the same. */
const QUIET_MS = 60;
const QUIET_WAIT_MS_MAX = 600;
const ANSWER_TYPE_MIN = 0x80;

interface Pending {
  command: CcidCommand;
  sequence: number;
  message: Uint8Array;
  answerMs: number;
  deadlineMs: number;
  latestMs: number;
  timer: Timer | undefined;
  done: (answer: TwinAnswer) => void;
}

export class TwinLink {
  readonly #line: SerialLine;
  readonly #clock: Clock;
  readonly #parser: TwinParser;
  readonly #listener: TwinLinkListener;
  #sequence = 0;
  #pending: Pending | undefined;
  #lastByteMs = Number.NEGATIVE_INFINITY;
  #gap: Timer | undefined;
  #isRemovalNoticed = false;

  /** Takes the line's listeners over. */
  constructor(line: SerialLine, clock: Clock, listener: TwinLinkListener) {
    this.#line = line;
    this.#clock = clock;
    this.#listener = listener;
    this.#parser = new TwinParser((event) => this.#heard(event));
    line.onData((bytes) => {
      this.#lastByteMs = clock.monotonicMs();
      this.#parser.take(bytes);
      this.#watchGap();
    });
    line.onState((up) => {
      if (!up) this.#finish({ kind: "lost" });
      listener.state(up);
    });
  }

  /** Whether a card was taken away since the last call, by the reader's own word. */
  takeRemovalNotice(): boolean {
    const isNoticed = this.#isRemovalNoticed;
    this.#isRemovalNoticed = false;
    return isNoticed;
  }

  /** Ends what is asked as lost. The line is the owner's to close. */
  close(): void {
    this.#finish({ kind: "lost" });
  }

  async ask(command: CcidCommand, asking: TwinAsking): Promise<TwinAnswer> {
    for (let left = asking.tries - 1; ; left--) {
      const answer = await this.#once(command, asking.answerMs);
      if (answer.kind === "answer" || answer.kind === "lost") return answer;
      await this.#quiet();
      if (left <= 0) return answer;
    }
  }

  #once(command: CcidCommand, answerMs: number): Promise<TwinAnswer> {
    if (!this.#line.isUp()) return Promise.resolve({ kind: "lost" });
    this.#parser.cut();
    const sequence = this.#sequence;
    this.#sequence = (sequence + 1) & 0xff;
    const message = encodeCcid(command, sequence);
    const nowMs = this.#clock.monotonicMs();
    return new Promise((resolve) => {
      this.#pending = {
        ...{ command, sequence, message, answerMs },
        ...{ deadlineMs: nowMs + answerMs, latestMs: nowMs + COMMAND_MS_MAX },
        ...{ timer: undefined, done: resolve },
      };
      this.#watchSilence(this.#pending);
      this.#line.write(twinFrame(message)).catch((error: unknown) => {
        if (!(error instanceof HalError)) throw error;
        this.#finish({ kind: "lost" });
      });
    });
  }

  #finish(answer: TwinAnswer): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    pending.timer?.cancel();
    pending.message.fill(0);
    pending.done(answer);
  }

  #watchSilence(pending: Pending): void {
    pending.timer = this.#clock.at(pending.deadlineMs, () => {
      if (this.#pending !== pending) return;
      if (this.#clock.monotonicMs() < pending.deadlineMs) this.#watchSilence(pending);
      else this.#finish({ kind: "unclear" });
    });
  }

  #extend(pending: Pending, times: number): void {
    const deadlineMs = this.#clock.monotonicMs() + pending.answerMs * times;
    pending.deadlineMs = Math.min(pending.latestMs, Math.max(pending.deadlineMs, deadlineMs));
  }

  #watchGap(): void {
    if (this.#gap !== undefined || !this.#parser.isHalf()) return;
    this.#gap = this.#clock.at(this.#lastByteMs + GAP_MS, () => {
      this.#gap = undefined;
      if (this.#clock.monotonicMs() - this.#lastByteMs >= GAP_MS) this.#parser.cut();
      this.#watchGap();
    });
  }

  #heard(event: TwinEvent): void {
    const pending = this.#pending;
    switch (event.kind) {
      case "removed":
        this.#isRemovalNoticed = true;
        this.#listener.notice();
        return;
      case "inserted":
        this.#listener.notice();
        return;
      case "time":
        if (pending !== undefined) this.#extend(pending, 1);
        return;
      case "nak":
        this.#finish({ kind: "refused" });
        return;
      case "broken":
        // A garbled echo says nothing of the answer, which is still to come.
        if ((event.type ?? 0) >= ANSWER_TYPE_MIN) this.#finish({ kind: "unclear" });
        return;
      case "message":
        if (pending !== undefined) this.#answered(pending, event.bytes);
    }
  }

  /** An echo of our frame, an answer to an earlier command, or this one's. */
  #answered(pending: Pending, message: Uint8Array): void {
    if ((message[0] ?? 0) < ANSWER_TYPE_MIN) {
      // An echo that differs tells that the reader was given something else to do.
      if (!isSame(message, pending.message)) this.#finish({ kind: "unclear" });
      return;
    }
    const answer = decodeCcid(message, pending.command, pending.sequence);
    message.fill(0);
    if (answer === undefined) return;
    if (answer.outcome === "later") this.#extend(pending, Math.max(1, answer.error));
    else this.#finish({ kind: "answer", answer });
  }

  /** Lets what is still on its way pass by. */
  async #quiet(): Promise<void> {
    const latestMs = this.#clock.monotonicMs() + QUIET_WAIT_MS_MAX;
    do await sleep(this.#clock, QUIET_MS);
    while (
      this.#clock.monotonicMs() - this.#lastByteMs < QUIET_MS &&
      this.#clock.monotonicMs() < latestMs
    );
  }
}

function isSame(some: Uint8Array, others: Uint8Array): boolean {
  return some.length === others.length && some.every((byte, i) => byte === others[i]);
}
