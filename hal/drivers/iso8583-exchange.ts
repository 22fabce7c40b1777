// Questions and answers over one line: at most sixteen under way, told apart by trace number; what has no answer
// when the line comes up again is sent again with the same fields; the line is asked for a sign of life.

import { after, type Clock, every, type Timer } from "../clock.ts";
import { DE } from "./iso8583-fields.ts";
import type { Iso8583Line } from "./iso8583-line.ts";
import { decodeIso8583, encodeIso8583, type Iso8583Message } from "./iso8583-message.ts";

const UNDER_WAY_MAX = 16;
/** Nonsense on the line until it is broken. */
const NONSENSE_MAX = 8;
const ECHO_TEST = "301";
/** A question may be open for so long before a sign of life is asked for. */
const SILENT_MS = 3_000;
/** A line that is down, or gives no sign of life, is trouble after so long: breaks are mended at once. */
const GONE_MS = 3_000;
/** Place of the digit that says of a message type whether it is a repeat. */
const REPEAT_DIGIT = 3;

export interface Question {
  /** Of the request, not marked as a repeat. */
  type: string;
  trace: number;
  reference: string;
  /** It may have been sent before. */
  isRepeat: boolean;
  /** Overwritten when the question is over, because it may hold a card number. */
  bytes: Uint8Array;
}

export interface ExchangeCounts {
  /** Messages that were none. */
  malformed: number;
  /** Answers to nothing that was asked. */
  unmatched: number;
  /** Answers that decide nothing: the other end was busy, or says what cannot be. */
  undecided: number;
  /** Answers that came again. */
  duplicate: number;
  /** Answers after the time for them. */
  late: number;
  /** Questions sent again. */
  repeated: number;
}

export interface ExchangeOptions {
  line: Iso8583Line;
  clock: Clock;
  terminalId: string;
  answerMs: number;
  echoMs: number;
  /** Whether a repeat says so in its type, such as 0101. */
  marksRepeats: boolean;
  /** An answer that nobody waits for. */
  stray: (message: Iso8583Message) => void;
  nextTrace: () => number;
  /** Elements 7, 12 and 13 of now. */
  timeFields: () => readonly (readonly [number, string])[];
}

interface OpenQuestion extends Question {
  resolve: (message: Iso8583Message | undefined) => void;
  timer: Timer;
  isOnLine: boolean;
}

/** The type of the answer: a request (0) has a response (1), an advice (2) has one too (3). */
function answerType(type: string): string {
  return `${type.slice(0, 2)}${Number(type[2]) + 1}0`;
}

export class Iso8583Exchange {
  readonly counts: ExchangeCounts = {
    malformed: 0,
    unmatched: 0,
    undecided: 0,
    duplicate: 0,
    late: 0,
    repeated: 0,
  };
  readonly #options: ExchangeOptions;
  readonly #open = new Map<number, OpenQuestion>();
  #isUp = false;
  /** Since when nothing shows that the acquirer is there, by the monotonic clock. */
  #goneMs: number | undefined;
  #probe: Timer | undefined;
  readonly #echoes: Timer;
  #echo: { trace: number; timer: Timer } | undefined;
  #nonsense = 0;
  #closed = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    const { line, clock, echoMs } = options;
    this.#goneMs = clock.monotonicMs();
    line.listen({
      up: () => this.#lineUp(),
      down: () => this.#lineDown(),
      message: (bytes) => this.#hear(bytes),
    });
    this.#echoes = every(clock, echoMs, () => this.#askForLife());
  }

  /** Why nothing that is asked now would be answered; undefined where it may be, or nobody knows yet. */
  trouble(): string | undefined {
    const { clock } = this.#options;
    if (this.#goneMs === undefined || clock.monotonicMs() < this.#goneMs + GONE_MS)
      return undefined;
    return this.#isUp ? "the payment host does not answer" : "the payment host cannot be reached";
  }

  /** Undefined when there was no answer in time. Never rejects. */
  ask(question: Question): Promise<Iso8583Message | undefined> {
    const { clock, answerMs } = this.#options;
    return new Promise((resolve) => {
      const timer = after(clock, answerMs, () => this.#finish(open, undefined));
      const open: OpenQuestion = { ...question, resolve, timer, isOnLine: false };
      this.#open.set(question.trace, open);
      if (this.#closed) this.#finish(open, undefined);
      else this.#pump();
    });
  }

  /** Nobody waits for it any more. */
  cancel(trace: number): void {
    const open = this.#open.get(trace);
    if (open !== undefined) this.#finish(open, undefined);
  }

  close(): void {
    this.#closed = true;
    this.#echoes.cancel();
    this.#probe?.cancel();
    this.#echo?.timer.cancel();
    for (const open of [...this.#open.values()]) this.#finish(open, undefined);
    this.#options.line.close();
  }

  #finish(open: OpenQuestion, message: Iso8583Message | undefined): void {
    if (this.#open.get(open.trace) !== open) return;
    this.#open.delete(open.trace);
    open.timer.cancel();
    open.bytes.fill(0);
    open.resolve(message);
    this.#pump();
  }

  #lineUp(): void {
    this.#isUp = true;
    this.#nonsense = 0;
    const isAwaited = this.#echo !== undefined || this.#isAwaited();
    this.#echo?.timer.cancel();
    this.#echo = undefined;
    for (const open of this.#open.values()) open.isOnLine = false;
    this.#pump();
    // One that breaks whenever it is asked, or was away for long, is not believed before it has answered.
    if (isAwaited || this.trouble() !== undefined) this.#askForLife();
    else this.#goneMs = undefined;
  }

  #lineDown(): void {
    this.#isUp = false;
    this.#goneMs ??= this.#options.clock.monotonicMs();
    this.#probe?.cancel();
    this.#probe = undefined;
  }

  #isAwaited(): boolean {
    return [...this.#open.values()].some(({ isOnLine }) => isOnLine);
  }

  /** That the other end is silent is found out long before the question is given up. */
  #probeSoon(): void {
    this.#probe ??= after(this.#options.clock, SILENT_MS, () => {
      this.#probe = undefined;
      if (this.#isAwaited()) this.#askForLife();
    });
  }

  /** In the order of asking, as many as may be under way. */
  #pump(): void {
    if (this.#closed) return;
    let room = UNDER_WAY_MAX;
    for (const open of this.#open.values()) {
      if (room-- === 0) return;
      if (open.isOnLine) continue;
      if (open.isRepeat && this.#options.marksRepeats) open.bytes[REPEAT_DIGIT] = 0x31;
      if (!this.#options.line.send(open.bytes)) return;
      if (open.isRepeat) this.counts.repeated++;
      open.isOnLine = true;
      open.isRepeat = true;
      this.#probeSoon();
    }
  }

  #hear(bytes: Uint8Array): void {
    const read = decodeIso8583(bytes, [DE.pan, DE.expiry, DE.chip]);
    bytes.fill(0);
    if (!read.ok) {
      this.counts.malformed++;
      if (++this.#nonsense >= NONSENSE_MAX) this.#options.line.reset();
      return;
    }
    this.#goneMs = undefined;
    this.#probe?.cancel();
    this.#probe = undefined;
    const { message } = read;
    const trace = Number(message.fields.get(DE.trace) ?? 0);
    if (message.type === "0810" && trace === this.#echo?.trace) {
      this.#echo.timer.cancel();
      this.#echo = undefined;
      return;
    }
    const open = this.#open.get(trace);
    if (open !== undefined && isAnswer(message, open, this.#options.terminalId)) {
      this.#finish(open, message);
    } else {
      this.#options.stray(message);
    }
  }

  #askForLife(): void {
    const { line, clock, answerMs, nextTrace, timeFields } = this.#options;
    if (this.#echo !== undefined) return;
    const trace = nextTrace();
    const bytes = encodeIso8583(
      "0800",
      new Map([...timeFields(), [DE.trace, String(trace)], [DE.networkCode, ECHO_TEST]]),
    );
    if (!line.send(bytes)) return;
    this.#goneMs ??= clock.monotonicMs();
    const timer = after(clock, answerMs, () => {
      this.#echo = undefined;
      line.reset();
    });
    this.#echo = { trace, timer };
  }
}

/** Type, trace and reference must be those of the question, and the terminal where it is named. */
export function isAnswer(
  { type, fields }: Iso8583Message,
  asked: { type: string; trace: number; reference: string },
  terminalId: string,
): boolean {
  return (
    type === answerType(asked.type) &&
    Number(fields.get(DE.trace) ?? 0) === asked.trace &&
    fields.get(DE.reference) === asked.reference &&
    (fields.get(DE.terminal) ?? terminalId) === terminalId
  );
}
