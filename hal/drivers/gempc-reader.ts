// A chip card reader of the GemPC Twin family on a serial line: looked at all the time, started anew when it does not
// answer, and asked for one card at a time.

import type {
  CardReader,
  CardReaderSetup,
  CardReading,
  CardRequest,
  ChallengeReading,
  Presence,
  ReaderStatus,
  TagReading,
  TagWriting,
} from "../card-reader.ts";
import { after, type Clock, type Timer } from "../clock.ts";
import type { OpenSerial } from "../serial.ts";
import { askChallenge } from "./card-challenge.ts";
import type { CardChannel } from "./card-channel.ts";
import { CCID } from "./ccid-message.ts";
import { type EmvPorts, readEmv } from "./emv-read.ts";
import { TwinLink } from "./gempc-link.ts";
import { visitCard } from "./gempc-visit.ts";
import { keepSerialLine, type SerialLine } from "./serial-line.ts";

/** How often the slot is looked at: while nobody waits for a card, and while somebody does. */
const POLL_MS = 400;
const POLL_WAITED_MS = 150;
const STATUS_MS = 1_000;
const STATUS_TRIES = 2;
const START_MS = 2_000;
const RESTART_MS = 1_000;
/** Starts that fail before the port itself is opened anew. */
const STARTS_MAX = 4;
const NAME_CHARACTERS_MAX = 40;
/** In which a card must have said everything, however much time it asks for. */
const READING_MS_MAX = 60_000;

/** Opens the line at once and keeps it open; see hal/card-reader.ts. */
export function openGempcReader(
  open: OpenSerial,
  ports: EmvPorts,
  setup: CardReaderSetup,
): CardReader {
  return new GempcReader(keepSerialLine(open, ports.clock), ports, setup);
}

/** How every call may end, whatever it asked for. */
type Ending = { kind: "absent" | "canceled" | "torn" | "lost" };

/** One call under way: what it does with a card, and how it is answered. */
interface Job {
  deadlineMs: number;
  isOver: boolean;
  /** The card is being spoken to. */
  isWorking: boolean;
  work(): Promise<void>;
  end(ending: Ending): void;
}

class GempcReader implements CardReader {
  readonly id: string;
  readonly sort = "chip";
  readonly #ports: EmvPorts;
  readonly #clock: Clock;
  readonly #setup: CardReaderSetup;
  readonly #line: SerialLine;
  readonly #link: TwinLink;
  #status: ReaderStatus = { ready: false, message: "the chip reader is being opened" };
  #presence: Presence | undefined;
  #cards = 0;
  #job: Job | undefined;
  /** Somebody still speaks to the card, whoever waited for it. */
  #isVisiting = false;
  #isClosed = false;
  /** It was found to be gone, and has not answered since. */
  #isAway = false;
  #wake: () => void = () => {};
  #onStatus: (status: ReaderStatus) => void = () => {};
  #onPresence: (presence: Presence | undefined) => void = () => {};

  constructor(line: SerialLine, ports: EmvPorts, setup: CardReaderSetup) {
    this.id = setup.id;
    this.#ports = ports;
    this.#clock = ports.clock;
    this.#setup = setup;
    this.#line = line;
    const wake = (): void => this.#wake();
    this.#link = new TwinLink(line, ports.clock, { state: wake, notice: wake });
    void this.#run();
  }

  status(): ReaderStatus {
    return this.#status;
  }

  onStatus(listener: (status: ReaderStatus) => void): void {
    this.#onStatus = listener;
  }

  presence(): Presence | undefined {
    return this.#presence;
  }

  onPresence(listener: (presence: Presence | undefined) => void): void {
    this.#onPresence = listener;
  }

  readCard(request: CardRequest): Promise<CardReading> {
    return this.#call<CardReading>(
      request.timeoutMs,
      (channel) => readEmv(channel, request, this.#ports, this.#setup),
      (message) => ({ kind: "failed", why: "malformed", message }),
    );
  }

  /** A chip card has no NDEF message. */
  readTag(timeoutMs: number): Promise<TagReading> {
    return this.#call<TagReading>(timeoutMs, undefined, () => ({ kind: "empty" }));
  }

  writeTag(_message: Uint8Array, timeoutMs: number): Promise<TagWriting> {
    return this.#call<TagWriting>(timeoutMs, undefined, () => ({ kind: "read-only" }));
  }

  challenge(challenge: Uint8Array, timeoutMs: number): Promise<ChallengeReading> {
    return this.#call<ChallengeReading>(
      timeoutMs,
      (channel) => askChallenge(channel, challenge),
      () => ({ kind: "unable" }),
    );
  }

  cancel(): void {
    this.#job?.end({ kind: "canceled" });
    this.#wake();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.cancel();
    const closed = this.#line.close();
    this.#link.close();
    this.#wake();
    await closed;
  }

  /** Without `read` it is enough that a card is there: `otherwise` answers then, as it does for one that cannot be spoken to. */
  #call<T>(
    timeoutMs: number,
    read: ((channel: CardChannel) => Promise<T>) | undefined,
    otherwise: (message: string) => T,
  ): Promise<T | Ending> {
    if (this.#job !== undefined || this.#isClosed) return Promise.resolve({ kind: "canceled" });
    if (this.#isAway) return Promise.resolve({ kind: "lost" });
    return new Promise((resolve, reject) => {
      const over = (): boolean => {
        if (job.isOver) return false;
        job.isOver = true;
        timer.cancel();
        if (this.#job === job) this.#job = undefined;
        return true;
      };
      const settle = (result: T | Ending): void => {
        if (over()) resolve(result);
      };
      // A mistake of ours is the caller's to hear of; the reader goes on.
      const fail = (error: unknown): void => {
        if (over()) reject(error);
      };
      const job: Job = {
        deadlineMs: this.#clock.monotonicMs() + timeoutMs,
        ...{ isOver: false, isWorking: false },
        work: () => this.#work(job, read, otherwise).then(settle, fail),
        end: settle,
      };
      const timer = after(this.#clock, timeoutMs, () => {
        if (this.#isVisiting && !job.isWorking) settle({ kind: "absent" });
      });
      this.#job = job;
      this.#wake();
    });
  }

  async #work<T>(
    job: Job,
    read: ((channel: CardChannel) => Promise<T>) | undefined,
    otherwise: (message: string) => T,
  ): Promise<T | Ending> {
    if (read === undefined) return otherwise("");
    const card = this.#presence?.number;
    const limit = after(this.#clock, READING_MS_MAX, () => job.end({ kind: "torn" }));
    const visit = await visitCard(this.#link, () => job.isOver, read).finally(() => limit.cancel());
    if (visit.kind === "read") return visit.result;
    // A mute card may be no card any more, or a reader that does not answer; and a card that went is no presence.
    if (!(await this.#look())) return { kind: "lost" };
    if (visit.kind === "torn" || visit.kind === "lost") return { kind: visit.kind };
    if (this.#presence?.number !== card) return { kind: "torn" };
    return visit.kind === "mute" ? visit.result : otherwise(visit.message);
  }

  async #run(): Promise<void> {
    let starts = 0;
    // A port that is being opened is not gone yet.
    if (!this.#line.isUp()) await this.#pause(POLL_MS);
    while (!this.#isClosed) {
      if (!this.#line.isUp()) {
        this.#away(`the chip reader is not there: ${this.#line.trouble() ?? "no line"}`);
        await this.#pause(POLL_MS);
        continue;
      }
      const name = await this.#start();
      if (name !== undefined) {
        starts = 0;
        this.#isAway = false;
        this.#setStatus({ ready: true, message: `chip reader ${name}`.trim() });
        await this.#serve();
        continue;
      }
      this.#away("the chip reader does not answer: look at its cable and its power");
      if (++starts % STARTS_MAX === 0) this.#line.reopen();
      await this.#pause(RESTART_MS);
    }
  }

  /** Its name where it answers. Then it is told to speak of cards only when it is asked something. */
  async #start(): Promise<string | undefined> {
    const asking = { answerMs: START_MS, tries: 2 };
    const named = await this.#link.ask({ type: CCID.escape, data: Uint8Array.of(0x02) }, asking);
    if (named.kind !== "answer") return undefined;
    // A reader that knows no such mode is looked at often enough without.
    const mode = { type: CCID.escape, data: Uint8Array.of(0x01, 0x01, 0x01) };
    const set = await this.#link.ask(mode, asking);
    if (set.kind !== "answer") return undefined;
    return printable(named.answer.data);
  }

  /** Returns when the reader does not answer any more, or was closed. */
  async #serve(): Promise<void> {
    while (!this.#isClosed && this.#line.isUp()) {
      const looked = await this.#look();
      if (!looked) return;
      const job = this.#job;
      if (job !== undefined && this.#presence !== undefined) {
        job.isWorking = true;
        this.#isVisiting = true;
        await job.work();
        this.#isVisiting = false;
        continue;
      }
      const nowMs = this.#clock.monotonicMs();
      if (job !== undefined && nowMs >= job.deadlineMs) job.end({ kind: "absent" });
      const waitMs = job === undefined ? POLL_MS : Math.min(POLL_WAITED_MS, job.deadlineMs - nowMs);
      await this.#pause(Math.max(1, waitMs));
    }
  }

  /** Sees whether there is a card, and whether it is another than before. */
  async #look(): Promise<boolean> {
    const asking = { answerMs: STATUS_MS, tries: STATUS_TRIES };
    const told = await this.#link.ask({ type: CCID.slotStatus }, asking);
    if (told.kind !== "answer") return false;
    const wasTaken = this.#link.takeRemovalNotice();
    const isThere = told.answer.icc !== "absent";
    if (this.#presence !== undefined && (!isThere || wasTaken)) this.#setPresence(undefined);
    if (this.#presence === undefined && isThere) {
      this.#cards++;
      this.#setPresence({ number: this.#cards, sort: "card" });
    }
    return true;
  }

  /** The reader cannot be used. */
  #away(message: string): void {
    this.#isAway = true;
    this.#setStatus({ ready: false, message });
    if (this.#presence !== undefined) this.#setPresence(undefined);
    this.#job?.end({ kind: "lost" });
  }

  #setStatus(status: ReaderStatus): void {
    const { ready, message } = this.#status;
    if (this.#isClosed || (ready === status.ready && message === status.message)) return;
    this.#status = status;
    this.#onStatus(status);
  }

  #setPresence(presence: Presence | undefined): void {
    if (this.#isClosed) return;
    this.#presence = presence;
    this.#onPresence(presence);
  }

  /** Ends early when there is something to be done. */
  #pause(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      let timer: Timer | undefined;
      const end = (): void => {
        timer?.cancel();
        this.#wake = () => {};
        resolve();
      };
      timer = this.#clock.at(this.#clock.monotonicMs() + waitMs, end);
      this.#wake = end;
    });
  }
}

function printable(bytes: Uint8Array): string {
  const seen = bytes.subarray(0, NAME_CHARACTERS_MAX).filter((byte) => byte > 0x20 && byte < 0x7f);
  return String.fromCharCode(...seen);
}
