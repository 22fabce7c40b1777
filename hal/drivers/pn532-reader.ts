// A contactless reader with a PN532 on a serial line. One loop does all that is asked of the chip, one thing after the
// other: brings it up, looks who is in the field, and serves the call that waits.

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
import { NDEF_BYTES_MAX } from "../card-reader.ts";
import { after, type Timer } from "../clock.ts";
import type { OpenSerial } from "../serial.ts";
import { askChallenge, CHALLENGE_BYTES } from "./card-challenge.ts";
import { type EmvPorts, readEmv } from "./emv-read.ts";
import { openPn532Chip, type Pn532Chip, type Target } from "./pn532-chip.ts";
import { openPn532Link } from "./pn532-link.ts";
import { channelTo, isSame, memoryOf, type Standing } from "./pn532-target.ts";
import { keepSerialLine, type SerialLine } from "./serial-line.ts";
import { readType2, writeType2 } from "./type2-tag.ts";
import { readType4, writeType4 } from "./type4-tag.ts";

/** How often the field is looked at: while nobody waits, and while somebody does. */
const IDLE_MS = 250;
const WAITING_MS = 60;
/** A chip that could not be started is tried again after this, and after so many failures its port is opened anew. */
const RESTART_MS = 300;
const FAILURES_MAX = 20;
/** In which a card must have said everything, whatever it asks for. */
const READING_MS_MAX = 15_000;
/** A card at the edge of the field is missed now and then: it is gone when it was missed so often in a row. */
const MISSES_MAX = 2;

type Ended = "absent" | "canceled" | "several" | "lost";

/** What somebody waits for, whatever sort it is. */
interface Call {
  deadlineMs: number;
  /** The card is being spoken to. */
  isWorking: boolean;
  isOver: boolean;
  end(kind: Ended): void;
  work(target: Target, standing: Standing): Promise<void>;
}

/** The reader is ready when its status says so; a call made before is answered `lost`. */
export function openPn532Reader(
  open: OpenSerial,
  ports: EmvPorts,
  setup: CardReaderSetup,
): CardReader {
  return new Pn532Reader(keepSerialLine(open, ports.clock), ports, setup);
}

class Pn532Reader implements CardReader {
  readonly id: string;
  readonly sort = "contactless";
  readonly #line: SerialLine;
  readonly #chip: Pn532Chip;
  readonly #ports: EmvPorts;
  readonly #setup: CardReaderSetup;
  #status: ReaderStatus = { ready: false, message: "it is being started" };
  #onStatus: (status: ReaderStatus) => void = () => {};
  #presence: Presence | undefined;
  #onPresence: (presence: Presence | undefined) => void = () => {};
  #presences = 0;
  /** Who was in the field when it was last looked, and in how many looks since nobody was. */
  #targets: readonly Target[] = [];
  #misses = 0;
  #call: Call | undefined;
  /** The chip knows our settings, as far as we know. */
  #isStarted = false;
  #failures = 0;
  /** How often the line was lost: what was begun before is void. */
  #losses = 0;
  #closed = false;
  #pauseOver: (() => void) | undefined;
  #isWoken = false;

  constructor(line: SerialLine, ports: EmvPorts, setup: CardReaderSetup) {
    this.id = setup.id;
    this.#line = line;
    this.#ports = ports;
    this.#setup = setup;
    line.onState((up) => this.#lineChanged(up));
    this.#chip = openPn532Chip(openPn532Link(line, ports.clock), ports.entropy);
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
    return this.#ask<CardReading>(request.timeoutMs, async (target, standing) => {
      if (target.sort !== "card") {
        return { kind: "failed", why: "no-application", message: "it is no payment card" };
      }
      const channel = channelTo(this.#chip, target, standing);
      return readEmv(channel, request, this.#ports, this.#setup);
    });
  }

  readTag(timeoutMs: number): Promise<TagReading> {
    return this.#ask<TagReading>(timeoutMs, async (target, standing) => {
      if (target.sort === "unknown") return { kind: "empty" };
      return target.sort === "card"
        ? readType4(channelTo(this.#chip, target, standing))
        : readType2(memoryOf(this.#chip, target, standing));
    });
  }

  writeTag(message: Uint8Array, timeoutMs: number): Promise<TagWriting> {
    if (message.length === 0) throw new RangeError("a message of no bytes");
    return this.#ask<TagWriting>(timeoutMs, async (target, standing) => {
      if (message.length > NDEF_BYTES_MAX) return { kind: "full", bytesMax: NDEF_BYTES_MAX };
      if (target.sort === "unknown") return { kind: "malformed" };
      return target.sort === "card"
        ? writeType4(channelTo(this.#chip, target, standing), message)
        : writeType2(memoryOf(this.#chip, target, standing), message);
    });
  }

  challenge(challenge: Uint8Array, timeoutMs: number): Promise<ChallengeReading> {
    if (challenge.length !== CHALLENGE_BYTES) throw new RangeError("a challenge of another length");
    return this.#ask<ChallengeReading>(timeoutMs, async (target, standing) =>
      target.sort === "card"
        ? askChallenge(channelTo(this.#chip, target, standing), challenge)
        : { kind: "unable" },
    );
  }

  cancel(): void {
    const call = this.#call;
    if (call === undefined) return;
    call.end("canceled");
    if (call.isWorking) this.#chip.abort();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.cancel();
    this.#chip.abort();
    this.#wake();
    await this.#line.close();
  }

  /** What `work` answers counts unless the call has ended before. */
  #ask<Answer extends { kind: string }>(
    timeoutMs: number,
    work: (target: Target, standing: Standing) => Promise<Answer | { kind: Ended }>,
  ): Promise<Answer | { kind: Ended }> {
    if (this.#closed || this.#call !== undefined) return Promise.resolve({ kind: "canceled" });
    if (!this.#status.ready) return Promise.resolve({ kind: "lost" });
    return new Promise((resolve) => {
      const settle = (answer: Answer | { kind: Ended }): void => {
        if (call.isOver) return;
        call.isOver = true;
        if (this.#call === call) this.#call = undefined;
        this.#wake();
        resolve(answer);
      };
      const call: Call = {
        deadlineMs: this.#ports.clock.monotonicMs() + timeoutMs,
        isWorking: false,
        isOver: false,
        end: (kind) => settle({ kind }),
        work: async (target, standing) => settle(await work(target, standing)),
      };
      this.#call = call;
      this.#wake();
    });
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      if (!(await this.#start())) {
        await this.#pause(RESTART_MS);
        continue;
      }
      const call = this.#call;
      if (call === undefined) await this.#look();
      else await this.#serve(call);
      if (this.#isStarted) await this.#pause(this.#call === undefined ? IDLE_MS : WAITING_MS);
    }
  }

  async #start(): Promise<boolean> {
    if (this.#isStarted) return true;
    const down = this.#line.trouble();
    if (down !== undefined) {
      this.#gone(down);
      return false;
    }
    const before = this.#losses;
    const trouble = await this.#chip.start();
    if (this.#closed || before !== this.#losses) return false;
    if (trouble === undefined) {
      this.#isStarted = true;
      this.#failures = 0;
      this.#say({ ready: true, message: "contactless reader with a PN532" });
      return true;
    }
    // Once may be chance, and nobody need hear of it.
    if (++this.#failures > 1) this.#gone(trouble);
    if (this.#failures % FAILURES_MAX === 0) this.#line.reopen();
    return false;
  }

  #lineChanged(up: boolean): void {
    if (this.#closed) return;
    if (!up) {
      this.#losses++;
      this.#gone(this.#line.trouble() ?? "its line is down");
      this.#chip.abort();
    }
    this.#wake();
  }

  #gone(message: string): void {
    this.#isStarted = false;
    this.#say({ ready: false, message });
    this.#see([]);
    this.#call?.end("lost");
  }

  #say(status: ReaderStatus): void {
    const { ready, message } = this.#status;
    this.#status = status;
    if (ready !== status.ready || message !== status.message) this.#onStatus(status);
  }

  /** Who is in the field, while nobody asks. A card that is spoken to is only asked whether it is there. */
  async #look(): Promise<void> {
    const [only, other] = this.#targets;
    if (only !== undefined && other === undefined && only.sort !== "unknown") {
      const isThere = await this.#chip.isThere(only);
      if (isThere === "lost") this.#isStarted = false;
      if (isThere !== false) return;
    }
    const targets = await this.#chip.list();
    if (targets === "lost") this.#isStarted = false;
    else this.#observe(targets);
  }

  async #serve(call: Call): Promise<void> {
    const targets = await this.#chip.list();
    if (targets === "lost") this.#isStarted = false;
    else this.#observe(targets);
    const [only, other] = targets === "lost" ? [] : targets;
    if (call.isOver) return;
    if (other !== undefined) {
      call.end("several");
    } else if (only !== undefined) {
      await this.#work(call, only);
    } else if (this.#ports.clock.monotonicMs() >= call.deadlineMs) {
      call.end("absent");
    }
  }

  async #work(call: Call, target: Target): Promise<void> {
    const endMs = this.#ports.clock.monotonicMs() + READING_MS_MAX;
    call.isWorking = true;
    await call.work(target, {
      isOver: () => call.isOver || this.#ports.clock.monotonicMs() > endMs,
      chipLost: () => {
        this.#isStarted = false;
      },
    });
    call.isWorking = false;
  }

  #observe(targets: readonly Target[]): void {
    if (targets.length === 0 && ++this.#misses < MISSES_MAX) return;
    this.#see(targets);
  }

  #see(targets: readonly Target[]): void {
    const before = this.#targets;
    this.#targets = targets;
    this.#misses = 0;
    const [only, other] = targets;
    if (only === undefined) {
      if (this.#presence === undefined) return;
      this.#presence = undefined;
    } else {
      const sort = other === undefined ? only.sort : "several";
      if (this.#presence?.sort === sort && isSameCompany(before, targets)) return;
      this.#presence = { number: ++this.#presences, sort };
    }
    this.#onPresence(this.#presence);
  }

  /** Until then, or until there is something to do. */
  async #pause(delayMs: number): Promise<void> {
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      if (this.#isWoken) {
        resolve();
        return;
      }
      this.#pauseOver = resolve;
      timer = after(this.#ports.clock, delayMs, resolve);
    });
    timer?.cancel();
    this.#pauseOver = undefined;
    this.#isWoken = false;
  }

  #wake(): void {
    this.#isWoken = true;
    this.#pauseOver?.();
  }
}

function isSameCompany(before: readonly Target[], now: readonly Target[]): boolean {
  return (
    before.length === now.length && now.every((one) => before.some((other) => isSame(one, other)))
  );
}
