// A PN532 contactless reader on a serial line (HSU), for whoever speaks its protocol: our driver, libnfc, anything.
// It is the chip only as seen from its line: power states, ACK and NACK, answers in time, and the faults that a bench wants.

import { after, type Clock, type Timer } from "../clock.ts";
import { HalError } from "../hal-error.ts";
import type { SerialPort } from "../serial.ts";
import type { SimCard } from "./sim-card.ts";
import { type Reaction, SimPn532Commands } from "./sim-pn532-commands.ts";
import {
  answerFrame,
  CHIP_ACK,
  CHIP_ERROR,
  CHIP_NACK,
  type HostFrame,
  hostBytes,
} from "./sim-pn532-frame.ts";

/** What goes wrong with one command. */
export type SimPn532Fault =
  | "no-ack" // it did not hear
  | "nack"
  | "no-answer" // it does what it was told, and does not say so
  | "error-frame"
  | "bad-sum"
  | "bad-length"
  | "cut" // half of the answer
  | "stray" // zeros before the answer
  | "brown-out";

export interface SimPn532 {
  /** Plugged in at this port: with the cable comes power. */
  attach(port: SerialPort): void;
  /** Into the field; two at most. Throws RangeError for a card that has no radio, and for a third one. */
  present(card: SimCard): void;
  /** Out of the field: this one, or all. */
  remove(card?: SimCard): void;
  cards(): readonly SimCard[];
  /** For so many commands from the next on. */
  fail(fault: SimPn532Fault, commands?: number): void;
  /** Says nothing at all, as long as that. */
  setSilent(silent: boolean): void;
  /** Bytes of no frame, in between. */
  babble(bytes: Uint8Array): void;
  /** Power fails for a moment: it forgets all, and waits to be woken. */
  brownOut(): void;
  close(): void;
}

const ACK_MS = 1;
const FIELD_CARDS_MAX = 2;
const WAKING_BYTE = 0x55;
const SAM_CONFIGURATION = 0x14;
const GET_FIRMWARE_VERSION = 0x02;

export function simPn532(clock: Clock): SimPn532 {
  return new Pn532(clock);
}

class Pn532 implements SimPn532 {
  readonly #clock: Clock;
  readonly #commands: SimPn532Commands;
  #port: SerialPort | undefined;
  /** Just powered: takes SAMConfiguration first. Down: asleep by command. */
  #power: "low" | "down" | "up" = "low";
  #isAwake = false;
  #pending: Timer | undefined;
  #lastAnswer: readonly number[] = [];
  #faults: SimPn532Fault[] = [];
  #isSilent = false;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#commands = new SimPn532Commands(() => {
      this.#power = "down";
      this.#isAwake = false;
    });
  }

  attach(port: SerialPort): void {
    this.#port = port;
    this.brownOut();
    const bytes = hostBytes(
      (frame) => this.#hear(frame),
      (byte) => {
        if (byte === WAKING_BYTE) this.#isAwake = true;
      },
    );
    port.onData((some) => {
      if (this.#closed || this.#port !== port) return;
      for (const byte of some) bytes.take(byte);
    });
  }

  present(card: SimCard): void {
    if (card.field === undefined) throw new RangeError(`${card.name} has no radio`);
    const cards = this.cards();
    if (cards.includes(card)) return;
    if (cards.length >= FIELD_CARDS_MAX) throw new RangeError("there are two cards already");
    this.#commands.field.enter(card);
  }

  remove(card?: SimCard): void {
    for (const one of card === undefined ? this.cards() : [card]) this.#commands.field.leave(one);
  }

  cards(): readonly SimCard[] {
    return this.#commands.field.cards();
  }

  fail(fault: SimPn532Fault, commands = 1): void {
    for (let i = 0; i < commands; i++) this.#faults.push(fault);
  }

  setSilent(silent: boolean): void {
    this.#isSilent = silent;
    this.#drop();
  }

  babble(bytes: Uint8Array): void {
    this.#write([...bytes]);
  }

  brownOut(): void {
    this.#drop();
    this.#commands.reset();
    this.#power = "low";
    this.#isAwake = false;
    this.#lastAnswer = [];
  }

  close(): void {
    this.#closed = true;
    this.#drop();
    this.#port = undefined;
  }

  #hear(frame: HostFrame): void {
    if (this.#isSilent) return;
    if (frame.kind === "ack") this.#drop();
    else if (frame.kind === "nack") this.#write(this.#lastAnswer);
    else this.#command(frame.data);
  }

  #command(data: readonly number[]): void {
    // A new command puts an end to the one before.
    this.#drop();
    const [code] = data;
    if (this.#power !== "up" && !this.#isAwake) return;
    const isFirst = code === SAM_CONFIGURATION || code === GET_FIRMWARE_VERSION;
    if (this.#power === "low" && !isFirst) return;
    const fault = this.#faults.shift();
    if (fault === "no-ack") return;
    if (fault === "brown-out") {
      this.brownOut();
      return;
    }
    if (fault === "nack") {
      this.#write(CHIP_NACK);
      return;
    }
    if (this.#power === "down" || code === SAM_CONFIGURATION) this.#power = "up";
    this.#later(ACK_MS, () => {
      this.#write(CHIP_ACK);
      this.#react((code ?? 0) + 1, this.#commands.run(data), fault);
    });
  }

  #react(code: number, reaction: Reaction, fault: SimPn532Fault | undefined): void {
    if (reaction.kind === "error" || fault === "error-frame") {
      this.#later(ACK_MS, () => this.#answer(CHIP_ERROR, undefined));
    } else if (reaction.kind === "search") {
      const { look, everyMs } = reaction;
      const lookAgain = (): void => {
        const found = look();
        if (found === undefined) this.#later(everyMs, lookAgain);
        else this.#answer(answerFrame([code, ...found]), fault);
      };
      this.#later(ACK_MS, lookAgain);
    } else {
      this.#later(reaction.delayMs, () => {
        this.#answer(answerFrame([code, ...reaction.data()]), fault);
        reaction.afterwards?.();
      });
    }
  }

  #answer(frame: readonly number[], fault: SimPn532Fault | undefined): void {
    this.#lastAnswer = frame;
    if (fault !== "no-answer") this.#write(spoilt(frame, fault));
  }

  #later(delayMs: number, run: () => void): void {
    this.#pending = after(this.#clock, delayMs, run);
  }

  #drop(): void {
    this.#pending?.cancel();
    this.#pending = undefined;
  }

  #write(bytes: readonly number[]): void {
    if (this.#isSilent || bytes.length === 0) return;
    // A cable that is not there takes nothing.
    this.#port?.write(Uint8Array.from(bytes)).catch((error: unknown) => {
      if (!(error instanceof HalError)) throw error;
    });
  }
}

function spoilt(frame: readonly number[], fault: SimPn532Fault | undefined): readonly number[] {
  const flipped = (at: number): number[] => frame.map((byte, i) => (i === at ? byte ^ 0xff : byte));
  if (fault === "bad-sum") return flipped(frame.length - 2);
  if (fault === "bad-length") return flipped(4);
  if (fault === "cut") return frame.slice(0, Math.ceil(frame.length / 2) + 2);
  if (fault === "stray") return [...new Array<number>(7).fill(0), ...frame];
  return frame;
}
