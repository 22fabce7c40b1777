// One Modbus line or connection with everything that is read over it, one request at a time. Whoever is due and was
// served longest ago comes next, and after one that failed one that does not: silent devices starve nobody.

import { after, type Clock, type Timer } from "../clock.ts";
import { HalError } from "../hal-error.ts";
import {
  exceptionWords,
  findRtuAnswer,
  type ModbusAnswer,
  type ModbusRead,
  REGISTERS_MAX,
  rtuRequest,
  takeTcpAnswer,
  tcpRequest,
} from "./modbus-frame.ts";
import type { SerialLine } from "./serial-line.ts";

export type ModbusOutcome =
  /** `atMs`: the registers were true then or later. */
  | { kind: "registers"; bytes: Uint8Array; atMs: number }
  /** No answer: `silent`. Bytes that are none: `garbled`. An exception, in words: `refused`. The line is gone: `down`. */
  | { kind: "silent" | "garbled" | "refused" | "down"; message: string };

export interface ModbusBus {
  /**
   * Reads at once and then every `pollMs`, and tells each outcome; one that fails is first tried twice more, then ever
   * more rarely. Throws HalError `refused` for a read that cannot be asked.
   */
  poll(read: ModbusRead, pollMs: number, tell: (outcome: ModbusOutcome) => void): Timer;
  /** Closes the line. Idempotent. */
  close(): Promise<void>;
}

export type ModbusFraming = "rtu" | "tcp";

/** From the end of the request to the end of the answer. */
const RESPONSE_MS = 500;
/** Nothing is sent until the line has been quiet for this long: other devices on it need the pause. */
const GAP_MS = 30;
/** A line that never gets quiet is spoken on after this long all the same. */
const QUIET_LIMIT_MS = 2_000;
/** A line that takes no request for this long hangs and is opened anew. */
const SEND_MS_MAX = 2_000;
/** Later than this no answer is expected any more. */
const LATE_MS_MAX = 4_000;
/** A connection on which nobody answers for so long is made anew. */
const DEAD_MS = 5_000;
const RETRIES = 2;
const BACK_OFF_MS_MAX = 5_000;
/** Kept of what came; no answer is longer than 260. */
const BYTES_MAX = 512;

/**
 * Takes the line over. An answer over RTU does not say what it answers, and one may come late: after a failure nothing is
 * sent until the line has been quiet for as long as an answer may take. Should a late one be met all the same, its
 * length tells which quantity of the device it is, because no two are asked for with the same, and it is dated by the
 * oldest request that it may be for.
 */
export function openModbusBus(line: SerialLine, clock: Clock, framing: ModbusFraming): ModbusBus {
  return new Bus(line, clock, framing);
}

interface Poller {
  /** As it is asked: may be longer than what was wanted. */
  read: ModbusRead;
  wantedBytes: number;
  pollMs: number;
  tell: (outcome: ModbusOutcome) => void;
  dueMs: number;
  servedMs: number;
  /** When it was asked what may still be answered, oldest first. */
  asked: number[];
  /** The last request that was not answered in time. */
  lostMs: number;
  /** In a row. */
  failures: number;
}

/** A request that is out. */
interface Turn {
  poller: Poller;
  atMs: number;
  transaction: number;
  frame: Uint8Array;
  received: Uint8Array;
  timer: Timer;
}

class Bus implements ModbusBus {
  readonly #line: SerialLine;
  readonly #clock: Clock;
  readonly #framing: ModbusFraming;
  readonly #pollers = new Set<Poller>();
  #turn: Turn | undefined;
  #next: Timer | undefined;
  #heardMs = 0;
  /** The last turn. */
  #hasFailed = false;
  #transaction = 0;
  /** Nothing is sent before; moves on with every byte that nobody waits for, up to the limit. */
  #quietAtMs = 0;
  #quietMs = GAP_MS;
  #quietLimitMs = 0;
  #closed = false;

  constructor(line: SerialLine, clock: Clock, framing: ModbusFraming) {
    this.#line = line;
    this.#clock = clock;
    this.#framing = framing;
    line.onData((bytes) => this.#take(bytes));
    line.onState((up) => (up ? this.#comeUp() : this.#goDown()));
    if (line.isUp()) this.#comeUp();
  }

  poll(read: ModbusRead, pollMs: number, tell: (outcome: ModbusOutcome) => void): Timer {
    checkRead(read, this.#framing);
    const nowMs = this.#clock.monotonicMs();
    const poller: Poller = {
      ...{ read: this.#distinct(read), wantedBytes: 2 * read.count, pollMs, tell },
      ...{ dueMs: nowMs, servedMs: -1, asked: [], lostMs: Number.NEGATIVE_INFINITY, failures: 0 },
    };
    this.#pollers.add(poller);
    this.#schedule();
    return { cancel: () => this.#pollers.delete(poller) };
  }

  /** Reads on beyond what is wanted until no other answer of the unit has that length. */
  #distinct(read: ModbusRead): ModbusRead {
    if (this.#framing === "tcp") return read;
    const others = [...this.#pollers].map((poller) => poller.read);
    for (let count = read.count; count <= REGISTERS_MAX; count += read.count) {
      const isTaken = others.some(
        (other) =>
          other.unit === read.unit &&
          other.function === read.function &&
          other.register !== read.register &&
          other.count === count,
      );
      if (!isTaken) return { ...read, count };
    }
    throw new HalError("refused", `too many quantities are read of the device ${read.unit}`);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#next?.cancel();
    this.#turn?.timer.cancel();
    this.#turn = undefined;
    this.#pollers.clear();
    await this.#line.close();
  }

  #comeUp(): void {
    this.#beQuiet(RESPONSE_MS);
    this.#heardMs = this.#clock.monotonicMs();
    for (const poller of this.#pollers) poller.dueMs = this.#clock.monotonicMs();
    this.#schedule();
  }

  #goDown(): void {
    const message = `the line is down: ${this.#line.trouble() ?? "it was unplugged"}`;
    // It may be answered when the line is up again.
    if (this.#turn !== undefined) this.#turn.poller.lostMs = this.#turn.atMs;
    this.#turn?.timer.cancel();
    this.#turn = undefined;
    for (const poller of [...this.#pollers]) {
      poller.failures = 0;
      poller.tell({ kind: "down", message });
    }
  }

  #schedule(): void {
    this.#next?.cancel();
    if (this.#closed || this.#turn !== undefined || !this.#line.isUp()) return;
    let wakeMs = Number.POSITIVE_INFINITY;
    for (const { dueMs } of this.#pollers) wakeMs = Math.min(wakeMs, dueMs);
    if (wakeMs === Number.POSITIVE_INFINITY) return;
    this.#next = this.#clock.at(Math.max(wakeMs, this.#quietAtMs), () => this.#serve());
  }

  #serve(): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#closed || this.#turn !== undefined || !this.#line.isUp()) return;
    const due = [...this.#pollers].filter(({ dueMs }) => dueMs <= nowMs);
    const good = due.filter(({ failures }) => failures === 0);
    // After one that failed nobody waits for another that may.
    const choice = this.#hasFailed && good.length > 0 ? good : due;
    const servedMs = Math.min(...choice.map((poller) => poller.servedMs));
    const chosen = choice.find((poller) => poller.servedMs === servedMs);
    if (chosen === undefined || nowMs < this.#quietAtMs) this.#schedule();
    else this.#ask(chosen, nowMs);
  }

  #ask(poller: Poller, atMs: number): void {
    this.#transaction = (this.#transaction + 1) & 0xffff;
    poller.servedMs = atMs;
    const isLost = (askedMs: number): boolean => atMs - askedMs > LATE_MS_MAX;
    poller.asked = poller.asked.filter((askedMs) => !isLost(poller.lostMs) && !isLost(askedMs));
    poller.asked.push(atMs);
    const transaction = this.#transaction;
    const frame =
      this.#framing === "rtu" ? rtuRequest(poller.read) : tcpRequest(poller.read, transaction);
    const turn: Turn = {
      poller,
      atMs,
      transaction,
      frame,
      received: new Uint8Array(),
      timer: after(this.#clock, SEND_MS_MAX, () => this.#line.reopen()),
    };
    this.#turn = turn;
    const sent = (): void => {
      if (this.#turn !== turn) return;
      turn.timer.cancel();
      turn.timer = after(this.#clock, RESPONSE_MS, () => this.#timeOut(turn));
    };
    // A line that is lost says so by its state.
    this.#line.write(frame).then(sent, (error: unknown) => {
      if (!(error instanceof HalError)) throw error;
    });
  }

  #take(bytes: Uint8Array): void {
    const turn = this.#turn;
    this.#heardMs = this.#clock.monotonicMs();
    if (turn === undefined) {
      const quietAtMs = this.#clock.monotonicMs() + this.#quietMs;
      this.#quietAtMs = Math.min(this.#quietLimitMs, quietAtMs);
      return;
    }
    turn.received = joined(turn.received, bytes);
    const { read } = turn.poller;
    if (this.#framing === "rtu") {
      const answer = findRtuAnswer(read, turn.received);
      if (answer !== undefined) this.#answer(turn, answer);
      return;
    }
    const taken = takeTcpAnswer(read, turn.transaction, turn.received);
    if (taken.kind === "answer") this.#answer(turn, taken.answer);
    else if (taken.kind === "more") turn.received = taken.rest.slice();
    else {
      this.#fail(turn, { kind: "garbled", message: "what it sends is no Modbus" });
      this.#line.reopen();
    }
  }

  #answer(turn: Turn, answer: ModbusAnswer): void {
    const { poller } = turn;
    const askedMs = poller.asked.shift() ?? turn.atMs;
    if (answer.kind === "exception") {
      this.#fail(turn, { kind: "refused", message: exceptionWords(answer.code) });
      return;
    }
    this.#hasFailed = false;
    if (this.#framing === "rtu" && poller.failures > RETRIES) {
      // It is back, with the answer to who knows which request: it is asked again when no more of them come.
      poller.failures = 1;
      this.#end(turn, RESPONSE_MS);
      return;
    }
    const nowMs = this.#clock.monotonicMs();
    const lateMs = Math.max(0, nowMs - poller.dueMs);
    poller.dueMs += poller.pollMs * (1 + Math.floor(lateMs / poller.pollMs));
    poller.failures = 0;
    const bytes = answer.bytes.subarray(0, poller.wantedBytes);
    const atMs = this.#framing === "rtu" ? askedMs : turn.atMs;
    this.#end(turn, GAP_MS);
    if (this.#pollers.has(poller)) poller.tell({ kind: "registers", bytes, atMs });
  }

  #timeOut(turn: Turn): void {
    turn.poller.lostMs = turn.atMs;
    const isSilent = turn.received.length === 0 || isSame(turn.received, turn.frame);
    this.#fail(
      turn,
      isSilent
        ? { kind: "silent", message: "it does not answer" }
        : { kind: "garbled", message: "what it sends is no answer" },
    );
    if (this.#framing === "rtu") return;
    // Half an answer, or a peer that forgot the connection: it is of no use any more.
    const heardMs = this.#clock.monotonicMs() - this.#heardMs;
    if (!isSilent || heardMs >= DEAD_MS) this.#line.reopen();
  }

  #fail(turn: Turn, outcome: ModbusOutcome): void {
    const { poller } = turn;
    this.#hasFailed = true;
    poller.failures++;
    const isLast = poller.failures > RETRIES;
    const backOffMs = Math.max(
      poller.pollMs,
      Math.min(BACK_OFF_MS_MAX, poller.pollMs * 2 ** Math.min(16, poller.failures - RETRIES)),
    );
    poller.dueMs = this.#clock.monotonicMs() + (isLast ? backOffMs : 0);
    this.#end(turn, RESPONSE_MS);
    if (isLast && this.#pollers.has(poller)) poller.tell(outcome);
  }

  #end(turn: Turn, quietMs: number): void {
    turn.timer.cancel();
    this.#turn = undefined;
    this.#beQuiet(quietMs);
    this.#schedule();
  }

  /** Answers over TCP say what they answer: nothing has to be waited for. */
  #beQuiet(quietMs: number): void {
    const nowMs = this.#clock.monotonicMs();
    this.#quietMs = this.#framing === "rtu" ? quietMs : 0;
    this.#quietAtMs = nowMs + this.#quietMs;
    this.#quietLimitMs = nowMs + QUIET_LIMIT_MS;
  }
}

function checkRead({ unit, register, count }: ModbusRead, framing: ModbusFraming): void {
  const isUnit = Number.isInteger(unit) && unit >= 0 && unit <= 255;
  if (!isUnit || (framing === "rtu" && (unit < 1 || unit > 247))) {
    throw new HalError("refused", `Modbus address ${unit}: on a serial line 1 to 247`);
  }
  const isWithin = register >= 0 && count >= 1 && register + count <= 65_536;
  if (!isWithin || count > REGISTERS_MAX || !Number.isInteger(register + count)) {
    throw new HalError(
      "refused",
      `Modbus registers ${register} and ${count} from it: no such read`,
    );
  }
}

/** The last of it: no answer is longer. */
function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all.subarray(-BYTES_MAX);
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
