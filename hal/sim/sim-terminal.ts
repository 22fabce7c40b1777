// A simulated card terminal that authorises by itself: it speaks the bytes of docs/terminal.md over a serial port,
// asks for a card, decides by the card's name, and keeps a journal of its own. It moves no money.

import { after, type Clock, type Timer } from "../clock.ts";
import type { SerialPort } from "../serial.ts";
import type { Store } from "../store.ts";
import { TerminalBooks, type TerminalFields, type TerminalHold } from "./sim-terminal-books.ts";

/** Cards that a person may hold before it. */
export const TERMINAL_CARDS = {
  "visa-test": { number: "411111******1111", network: "visa", does: "approve" },
  "mastercard-test": { number: "555555******4444", network: "mastercard", does: "approve" },
  "declined-test": { number: "400000******0002", network: "visa", does: "decline" },
  "poor-test": { number: "400000******9995", network: "visa", does: "insufficient" },
  "partial-test": { number: "400000******0507", network: "visa", does: "partial" },
  "slow-test": { number: "400000******0119", network: "visa", does: "slow" },
} as const;
export type TerminalCardName = keyof typeof TERMINAL_CARDS;

export interface SimTerminal {
  /** The cable, anew each time it is plugged in. */
  plug(port: SerialPort): void;
  /** Holds a card before it, and keeps it there until it was used or is taken away. */
  present(card: TerminalCardName): void;
  takeAway(): void;
  /** The red key. */
  pressCancel(): void;
  /** Power off and on again: what was under way took nothing. */
  reboot(): Promise<void>;
  /** What it shows to the payer. */
  screen(): string;
  holds(): Promise<ReadonlyMap<string, TerminalHold>>;
}

export interface SimTerminalOptions {
  store: Store;
  clock: Clock;
}

const STX = 0x02;
const ETX = 0x03;
const ACK = 0x06;
const NAK = 0x15;
const SEPARATOR = "\x1c";
const MESSAGE_MAX = 640;
const ACK_MS = 500;
const TRIES = 3;
const AT_WORK_MS = 3_000;
const DECIDE_MS = 1_500;
const SLOW_MS = 25_000;
const START_MS = 8_000;
const CARD_S_MAX = 60;
const WHOSE = { TI: "SIMT0001", MI: "SIM000000000001", MN: "Simulated merchant" };

/** Rejects when the store cannot be read. */
export async function openSimTerminal(options: SimTerminalOptions): Promise<SimTerminal> {
  const terminal = new Terminal(options);
  await terminal.start();
  return terminal;
}

/** One payment: the terminal has one reader, and serves one payer at a time. */
interface Running {
  attempt: string;
  /** Of the request that is answered in the end: the last one that asked about it. */
  number: string;
  fields: TerminalFields;
  phase: "card" | "deciding";
  timers: Timer[];
  /** Wakes those who want to undo it. */
  ended: Promise<void>;
  end(): void;
}

class Terminal implements SimTerminal {
  readonly #clock: Clock;
  readonly #books: TerminalBooks;
  #port: SerialPort | undefined;
  #card: TerminalCardName | undefined;
  #running: Running | undefined;
  #isOn = false;
  /** Rises with each start: what an earlier life was about to do is not done. */
  #life = 0;
  #starts = 0;
  /** Requests are worked off one by one. */
  #turn: Promise<void> = Promise.resolve();
  #frame: number[] | undefined;
  #out: { bytes: Uint8Array; triesLeft: number; timer?: Timer }[] = [];

  constructor({ store, clock }: SimTerminalOptions) {
    this.#clock = clock;
    this.#books = new TerminalBooks(store);
  }

  async start(): Promise<void> {
    this.#starts = await this.#books.start();
    this.#isOn = true;
  }

  plug(port: SerialPort): void {
    this.#port = port;
    this.#frame = undefined;
    this.#dropOut();
    port.onData((bytes) => {
      if (port !== this.#port || !this.#isOn) return;
      for (const byte of bytes) this.#byte(byte);
    });
    port.onLost(() => {
      if (port === this.#port) this.#dropOut();
    });
  }

  present(card: TerminalCardName): void {
    this.#card = card;
    this.#see();
  }

  takeAway(): void {
    this.#card = undefined;
  }

  pressCancel(): void {
    const running = this.#running;
    if (running?.phase === "card")
      void this.#finish(running, { ST: "CA", RC: "CN", TX: "cancelled" });
  }

  async reboot(): Promise<void> {
    this.#life += 1;
    this.#isOn = false;
    this.#endRunning();
    this.#frame = undefined;
    this.#dropOut();
    await this.#turn;
    await new Promise<void>((resolve) => after(this.#clock, START_MS, resolve));
    await this.start();
  }

  screen(): string {
    if (!this.#isOn) return "";
    return this.#running === undefined ? "welcome" : words(this.#running);
  }

  holds(): Promise<ReadonlyMap<string, TerminalHold>> {
    return this.#books.holds();
  }

  #byte(byte: number): void {
    const frame = this.#frame;
    if (byte === STX) this.#frame = [];
    else if (frame === undefined) {
      if (byte === ACK) this.#acknowledged();
      else if (byte === NAK) this.#again();
    } else {
      const isText = (byte >= 0x20 && byte <= 0x7e) || byte === 0x1c || byte === ETX;
      if (!isText || frame.length > MESSAGE_MAX + 5) this.#frame = undefined;
      else frame.push(byte);
      // Text, ETX, and four digits of checksum.
      const at = frame.indexOf(ETX);
      if (at >= 0 && frame.length === at + 5) {
        this.#frame = undefined;
        this.#whole(frame, at);
      }
    }
  }

  #whole(frame: readonly number[], at: number): void {
    const text = String.fromCharCode(...frame.slice(0, at));
    const digits = String.fromCharCode(...frame.slice(at + 1));
    if (crc16(frame.slice(0, at + 1)) !== digits) {
      this.#write(Uint8Array.of(NAK));
      return;
    }
    const [head = "", ...rest] = text.split(SEPARATOR);
    const [, number, kind] = /^>([0-9A-F]{4})([A-Z]{2})$/.exec(head) ?? [];
    if (number === undefined || kind === undefined) return;
    this.#write(Uint8Array.of(ACK));
    const fields = Object.fromEntries(rest.map((one) => [one.slice(0, 2), one.slice(2)]));
    const life = this.#life;
    this.#turn = this.#turn.then(async () => {
      if (life === this.#life) await this.#request(number, kind, fields, life);
    });
  }

  async #request(
    number: string,
    kind: string,
    fields: TerminalFields,
    life: number,
  ): Promise<void> {
    const { AK = "" } = fields;
    const reply = (told: TerminalFields): void => {
      if (life === this.#life) this.#reply(number, "RS", { AK, ...told });
    };
    if (kind === "HI") {
      const about = { PV: "1", TS: "1", BT: String(this.#starts) };
      this.#reply(number, "RS", { ...about, ...WHOSE });
      return;
    }
    if (AK === "" || AK.length > 96) return reply({ ST: "DE", RC: "FM" });
    const known = await this.#books.attempt(AK);
    if (life !== this.#life) return;
    if (known?.reply !== undefined) return reply(known.reply);
    const running = this.#running;
    const isRunning = running?.attempt === AK;
    if (isRunning && (kind === "PA" || kind === "LQ")) {
      running.number = number;
      return this.#atWork(running);
    }
    if (kind === "LQ") return reply({ ST: "UN" });
    if (kind === "AB") {
      if (isRunning) this.pressCancel();
      return reply({ ST: "AP", RF: "none", AM: "0" });
    }
    if (kind === "PA") return this.#pay(number, AK, fields, reply);
    if (kind === "RV" && running?.attempt === fields["OA"]) {
      if (running?.phase === "card") this.#endRunning({ ST: "CA", RC: "CN", TX: "cancelled" });
      // What is being decided is decided first.
      else void running?.ended.then(() => this.#later(number, kind, fields, life));
      if (this.#running !== undefined) return;
    }
    reply(await this.#change(kind, AK, fields));
  }

  #later(number: string, kind: string, fields: TerminalFields, life: number): void {
    this.#turn = this.#turn.then(async () => {
      if (life === this.#life) await this.#request(number, kind, fields, life);
    });
  }

  #change(kind: string, name: string, fields: TerminalFields): Promise<TerminalFields> {
    switch (kind) {
      case "BK":
        return this.#books.book(name, fields);
      case "RF":
        return this.#books.refund(name, fields);
      case "RV":
        return this.#books.reverse(name, fields["OA"] ?? "");
      case "ED":
        return this.#books.closeBatch(name);
      default:
        return Promise.resolve({ ST: "DE", RC: "FM" });
    }
  }

  async #pay(
    number: string,
    attempt: string,
    fields: TerminalFields,
    reply: (told: TerminalFields) => void,
  ): Promise<void> {
    if (this.#running !== undefined) return reply({ ST: "BU" });
    const { AM = "", MX = "", CU = "", TO = "30" } = fields;
    const [order = ""] = attempt.split("/");
    const isSane = Number(AM) >= 1 && /^[A-Z]{3}$/.test(CU);
    const usedMinor = await this.#books.usedMinor(order);
    if (!isSane || usedMinor + Number(AM) > Number(MX)) {
      return reply(await this.#books.decide(attempt, "PA", { ST: "AM" }));
    }
    const life = this.#life;
    await this.#books.begin(attempt);
    if (life !== this.#life) return;
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const running: Running = { attempt, number, fields, phase: "card", timers: [], ended, end };
    this.#running = running;
    const waitMs = Math.min(Number(TO), CARD_S_MAX) * 1000;
    running.timers.push(
      after(this.#clock, waitMs, () => {
        if (running.phase !== "card") return;
        void this.#finish(running, { ST: "CA", RC: "TO", TX: "no card came" });
      }),
    );
    this.#atWork(running);
    this.#see();
  }

  /** Says so at once, and every few seconds. */
  #atWork(running: Running): void {
    if (running !== this.#running) return;
    this.#reply(running.number, "WT", { AK: running.attempt, TX: words(running) });
    running.timers[1]?.cancel();
    running.timers[1] = after(this.#clock, AT_WORK_MS, () => this.#atWork(running));
  }

  /** A card is there, and somebody waits for one. */
  #see(): void {
    const running = this.#running;
    const card = this.#card;
    if (running?.phase !== "card" || card === undefined) return;
    running.phase = "deciding";
    this.#card = undefined;
    this.#atWork(running);
    const decideMs = TERMINAL_CARDS[card].does === "slow" ? SLOW_MS : DECIDE_MS;
    running.timers.push(after(this.#clock, decideMs, () => void this.#decide(running, card)));
  }

  #decide(running: Running, card: TerminalCardName): Promise<void> {
    const { number, network, does } = TERMINAL_CARDS[card];
    const { AM = "", CU = "" } = running.fields;
    const minor = does === "partial" ? Math.floor(Number(AM) / 2) : Number(AM);
    const TM = String(this.#clock.wallMs());
    if (does === "decline" || does === "insufficient" || minor === 0) {
      return this.#finish(running, { ST: "DE", RC: does === "decline" ? "05" : "51", TM });
    }
    const name = crc16([...new TextEncoder().encode(running.attempt)]);
    const RF = `T${TM}-${name}`;
    const token = crc16([...new TextEncoder().encode(number)]);
    const seen = { PN: number, EX: "3012", NW: network, EM: "tap", TK: `tok-${card}-${token}` };
    const proof = { AC: `A${name}0`, RC: does === "partial" ? "10" : "00", TM };
    return this.#finish(running, { ST: "AP", RF, AM: String(minor), CU, ...seen, ...proof }, [
      this.#books.held(RF, {
        ...{ attempt: running.attempt, currency: CU, authorisedMinor: minor },
        ...{ capturedMinor: 0, refundedMinor: 0, reversed: false },
      }),
    ]);
  }

  /** On disk before it is said. */
  #finish(
    running: Running,
    told: TerminalFields,
    writes: Parameters<TerminalBooks["decide"]>[3] = [],
  ): Promise<void> {
    const life = this.#life;
    this.#turn = this.#turn.then(async () => {
      if (life !== this.#life || running !== this.#running) return;
      await this.#books.decide(running.attempt, "PA", told, writes);
      if (life === this.#life && running === this.#running) this.#endRunning(told);
    });
    return this.#turn;
  }

  #endRunning(told?: TerminalFields): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    for (const timer of running.timers) timer.cancel();
    if (told !== undefined) this.#reply(running.number, "RS", { AK: running.attempt, ...told });
    running.end();
  }

  #reply(number: string, kind: string, fields: TerminalFields): void {
    const words = Object.entries(fields).map(([name, value]) => name + value);
    const text = [`<${number}${kind}`, ...words].join(SEPARATOR);
    const body = [...new TextEncoder().encode(text), ETX];
    const digits = new TextEncoder().encode(crc16(body));
    this.#out.push({ bytes: Uint8Array.of(STX, ...body, ...digits), triesLeft: TRIES });
    if (this.#out.length === 1) this.#again();
  }

  #again(): void {
    const [first] = this.#out;
    if (first === undefined) return;
    first.timer?.cancel();
    if (first.triesLeft === 0) {
      this.#out.shift();
      this.#again();
      return;
    }
    first.triesLeft -= 1;
    first.timer = after(this.#clock, ACK_MS, () => this.#again());
    this.#write(first.bytes);
  }

  #acknowledged(): void {
    this.#out.shift()?.timer?.cancel();
    this.#again();
  }

  #dropOut(): void {
    for (const { timer } of this.#out) timer?.cancel();
    this.#out = [];
  }

  #write(bytes: Uint8Array): void {
    // A cable that is not plugged in carries nothing.
    this.#port?.write(bytes).catch(() => undefined);
  }
}

function words({ phase, fields }: Running): string {
  return phase === "card" ? `present card: ${fields["AM"]} ${fields["CU"]}` : "please wait";
}

/** Polynomial 0x1021 from 0xffff, in four digits. */
function crc16(bytes: readonly number[]): string {
  let crc = 0xffff;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      const isOut = (crc >> 15) ^ ((byte >> bit) & 1);
      crc = ((crc << 1) ^ (isOut ? 0x1021 : 0)) & 0xffff;
    }
  }
  return crc.toString(16).toUpperCase().padStart(4, "0");
}
