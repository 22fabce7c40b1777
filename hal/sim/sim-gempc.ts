// A chip reader of the GemPC Twin family on the bench: true bytes on the other end of a serial port, a slot for one
// card, and what can go wrong with a reader. It puts its messages together by itself.

import { after, type Clock, type Timer } from "../clock.ts";
import type { SerialPort } from "../serial.ts";
import type { SimCard } from "./sim-card.ts";
import {
  type SimContact,
  type SimContactFaults,
  simContact,
  simContactFaults,
} from "./sim-contact.ts";

/** What is wrong with the reader; the numbers count down. */
export interface SimGempcFaults {
  /** It hears nothing and says nothing. */
  isSilent: boolean;
  /** It does not send back what it is sent first, as others of its family do not. */
  isWithoutEcho: boolean;
  /** So many of the next commands are refused as unreadable. */
  naks: number;
  /** So many of the next answers end with a wrong checksum. */
  badChecksums: number;
  /** So many requests for time before each answer of the card, 200 ms apart. */
  timeRequests: number;
  /** The next power-ups fail with this code, such as F7 for the checksum of the answer to reset. */
  powerError: number | undefined;
  card: SimContactFaults;
}

export interface SimGempc {
  /** Plugs it into the other end of this line, instead of the one before: it starts anew. */
  attach(port: SerialPort): void;
  /** Instead of the one that is in. */
  insert(card: SimCard): void;
  remove(): void;
  card(): SimCard | undefined;
  readonly faults: SimGempcFaults;
  /** Bytes of no frame, in between. */
  babble(bytes: Uint8Array): void;
  /** Its supply fails for a moment: it starts anew, with all forgotten. */
  brownOut(): void;
}

const SYNC = 0x03;
const ACK = 0x06;
const HEADER_BYTES = 10;
const DATA_BYTES_MAX = 261;
const GAP_MS = 100;
const ANSWER_MS = 2;
const RESET_MS = 80;
const CARD_MS = 20;
const TIME_REQUEST_MS = 200;
const FIRMWARE = "GemTwin-V2.00-GF01";
const ICC_ACTIVE = 0;
const ICC_INACTIVE = 1;
const ICC_ABSENT = 2;
const FAILED = 0x40;
const ERROR_MUTE = 0xfe;

/** Says nothing until it is attached to a line. */
export function simGempc(clock: Clock): SimGempc {
  return new Twin(clock);
}

class Twin implements SimGempc {
  readonly faults: SimGempcFaults = {
    ...{ isSilent: false, isWithoutEcho: false, naks: 0, badChecksums: 0, timeRequests: 0 },
    ...{ powerError: undefined, card: simContactFaults() },
  };
  #port: SerialPort | undefined;
  readonly #clock: Clock;
  #card: SimCard | undefined;
  #contact: SimContact | undefined;
  #isPowered = false;
  #isSynchronous = false;
  #notices: number[] = [];
  #frame: number[] = [];
  #gap: Timer | undefined;
  /** Counts starts: what was under way before the last one is not answered. */
  #life = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  attach(port: SerialPort): void {
    this.#port = port;
    this.#startAnew();
    port.onData((bytes) => {
      if (this.#port !== port) return;
      for (const byte of bytes) this.#take(byte);
    });
  }

  card(): SimCard | undefined {
    return this.#card;
  }

  insert(card: SimCard): void {
    if (this.#card !== undefined) this.remove();
    this.#card = card;
    this.#contact = simContact(card, this.faults.card);
    this.#notice(0x03);
  }

  remove(): void {
    if (this.#card === undefined) return;
    this.#card.reset();
    this.#card = undefined;
    this.#contact = undefined;
    this.#isPowered = false;
    this.#notice(0x02);
  }

  babble(bytes: Uint8Array): void {
    this.#send(Array.from(bytes));
  }

  brownOut(): void {
    this.#startAnew();
    this.#send(Array.from(FIRMWARE, (character) => character.charCodeAt(0)));
  }

  #startAnew(): void {
    this.#life++;
    this.#card?.reset();
    this.#isPowered = false;
    this.#isSynchronous = false;
    this.#notices = [];
    this.#frame = [];
  }

  #notice(what: number): void {
    if (this.#isSynchronous) this.#notices.push(0x50, what);
    else this.#send([0x50, what]);
  }

  #send(bytes: readonly number[]): void {
    if (this.faults.isSilent || bytes.length === 0) return;
    // Nobody at the other end is no trouble of a reader's.
    this.#port?.write(Uint8Array.from(bytes)).catch(() => {});
  }

  #take(byte: number): void {
    if (this.faults.isSilent) return;
    this.#gap?.cancel();
    const frame = this.#frame;
    frame.push(byte);
    if (frame[0] !== SYNC || (frame.length > 1 && frame[1] !== ACK)) {
      this.#frame = byte === SYNC ? [SYNC] : [];
      return;
    }
    this.#gap = after(this.#clock, GAP_MS, () => {
      this.#frame = [];
    });
    if (frame.length < 2 + HEADER_BYTES) return;
    const [low = 0, high = 0, third = 0, fourth = 0] = frame.slice(3, 7);
    const dataBytes = low + 256 * high;
    if (third !== 0 || fourth !== 0 || dataBytes > DATA_BYTES_MAX) {
      this.#refuse();
      return;
    }
    if (frame.length < 2 + HEADER_BYTES + dataBytes + 1) return;
    const isWrong = frame.reduce((sum, each) => sum ^ each, 0) !== 0;
    if (isWrong || this.faults.naks > 0) {
      if (!isWrong) this.faults.naks--;
      this.#refuse();
      return;
    }
    this.#frame = [];
    this.#gap.cancel();
    if (!this.faults.isWithoutEcho) this.#send(frame);
    this.#carryOut(frame.slice(2, -1));
  }

  #refuse(): void {
    this.#frame = [];
    this.#send([SYNC, 0x15, 0x16]);
  }

  /** The answer is worked out when it is due: by then the card may be gone. */
  #carryOut(command: number[]): void {
    const [type = 0] = command;
    const life = this.#life;
    const isTransfer = type === 0x6f;
    const requests = isTransfer ? this.faults.timeRequests : 0;
    let delayMs = isTransfer ? CARD_MS : type === 0x62 ? RESET_MS : ANSWER_MS;
    for (let i = 0; i < requests; i++) {
      delayMs += TIME_REQUEST_MS;
      after(this.#clock, delayMs, () => {
        if (life === this.#life) this.#send([0x80 + (i % 0x80)]);
      });
    }
    after(this.#clock, delayMs + (requests > 0 ? TIME_REQUEST_MS : 0), () => {
      if (life !== this.#life) return;
      const answer = this.#answer(type, command);
      const frame = [SYNC, ACK, ...answer];
      const checksum = frame.reduce((sum, byte) => sum ^ byte, 0);
      const isBad = this.faults.badChecksums > 0;
      if (isBad) this.faults.badChecksums--;
      this.#send([...this.#notices.splice(0), ...frame, isBad ? checksum ^ 0x55 : checksum]);
    });
  }

  #answer(type: number, command: number[]): number[] {
    const data = command.slice(HEADER_BYTES);
    const [first = 0] = data;
    const answer = (
      kind: number,
      body: ArrayLike<number> = [],
      more: { error?: number; extra?: number } = {},
    ): number[] => {
      const bytes = Array.from(body);
      const icc =
        this.#card === undefined ? ICC_ABSENT : this.#isPowered ? ICC_ACTIVE : ICC_INACTIVE;
      const status = icc | (more.error === undefined ? 0 : FAILED);
      const length = [bytes.length & 0xff, bytes.length >> 8, 0, 0];
      const tail = [command[5] ?? 0, command[6] ?? 0, status, more.error ?? 0, more.extra ?? 0];
      return [kind, ...length, ...tail, ...bytes];
    };
    switch (type) {
      case 0x65:
        return answer(0x81);
      case 0x62:
        return this.#powerOn(answer);
      case 0x63:
        this.#isPowered = false;
        this.#card?.reset();
        return answer(0x81, [], { extra: 1 });
      case 0x61:
        return answer(0x82, data, { extra: command[7] ?? 0 });
      case 0x6f:
        return this.#transfer(answer, Uint8Array.from(data));
      case 0x6b:
        if (first === 0x02)
          return answer(
            0x83,
            Array.from(FIRMWARE, (c) => c.charCodeAt(0)),
          );
        if (first === 0x01) {
          this.#isSynchronous = data[1] === 1 && data[2] === 1;
          return answer(0x83);
        }
        return answer(0x83, [], { error: 0x0a });
      default:
        return answer(0x81, [], { error: 0x00 });
    }
  }

  #powerOn(answer: Answer): number[] {
    this.#isPowered = false;
    const { powerError } = this.faults;
    const atr = this.#contact?.reset();
    if (powerError !== undefined) return answer(0x80, [], { error: powerError });
    if (atr === undefined) return answer(0x80, [], { error: ERROR_MUTE });
    this.#isPowered = true;
    return answer(0x80, atr);
  }

  #transfer(answer: Answer, bytes: Uint8Array): number[] {
    const said = this.#isPowered ? this.#contact?.receive(bytes) : undefined;
    if (said !== undefined) return answer(0x80, said);
    // A card that says nothing is given no power any more.
    this.#isPowered = false;
    return answer(0x80, [], { error: ERROR_MUTE });
  }
}

type Answer = (
  kind: number,
  body?: ArrayLike<number>,
  more?: { error?: number; extra?: number },
) => number[];
