// One talk with a payment card: the commands that EMV needs, counted and bounded, and every answer kept so that it can be
// wiped at the end. What went wrong is a reading already.

import type { CardFailure, CardReading } from "../card-reader.ts";
import type { CardChannel } from "./card-channel.ts";

/** More than any card needs; one that wants more is leading us round. */
const COMMANDS_MAX = 64;
const ANSWER_BYTES_MAX = 256;

export type EmvTrouble = Exclude<CardReading, { kind: "read" }>;

export type Step<T> = { ok: true; value: T } | { ok: false; trouble: EmvTrouble };

export interface CardAnswer {
  data: Uint8Array;
  status: number;
}

/** Status words (ISO 7816-4, table 6). */
export const SW = {
  done: 0x9000,
  applicationBlocked: 0x6283,
  conditions: 0x6985,
  notAllowed: 0x6986,
  cardBlocked: 0x6a81,
  notFound: 0x6a82,
  noRecord: 0x6a83,
} as const;

export function done<T>(value: T): Step<T> {
  return { ok: true, value };
}

/** `message` is for people, and holds nothing that the card said. */
export function failed(why: CardFailure, message: string): { ok: false; trouble: EmvTrouble } {
  return { ok: false, trouble: { kind: "failed", why, message } };
}

export class CardTalk {
  readonly #channel: CardChannel;
  readonly #heard: Uint8Array[] = [];
  #commands = 0;

  constructor(channel: CardChannel) {
    this.#channel = channel;
  }

  /** `next` asks for the next application whose name begins so. */
  select(name: Uint8Array, next = false): Promise<Step<CardAnswer>> {
    return this.#ask(0x00, 0xa4, 0x04, next ? 0x02 : 0x00, name);
  }

  /** `data` is that of the card's list (PDOL). */
  getProcessingOptions(data: Uint8Array): Promise<Step<CardAnswer>> {
    const isLong = data.length > 0x7f;
    const head = isLong ? [0x83, 0x81, data.length] : [0x83, data.length];
    return this.#ask(0x80, 0xa8, 0x00, 0x00, Uint8Array.of(...head, ...data));
  }

  readRecord(file: number, record: number): Promise<Step<CardAnswer>> {
    return this.#ask(0x00, 0xb2, record, (file << 3) | 0x04);
  }

  /** Asks for a cryptogram to be sent to the issuer (ARQC); `data` is that of the card's list (CDOL1). */
  generateCryptogram(data: Uint8Array): Promise<Step<CardAnswer>> {
    return this.#ask(0x80, 0xae, 0x80, 0x00, data);
  }

  /** Overwrites all that the card said. */
  wipe(): void {
    for (const data of this.#heard) data.fill(0);
  }

  async #ask(
    cla: number,
    ins: number,
    p1: number,
    p2: number,
    data?: Uint8Array,
  ): Promise<Step<CardAnswer>> {
    if (++this.#commands > COMMANDS_MAX) return failed("malformed", "the card wants too much");
    const body = data === undefined || data.length === 0 ? [] : [data.length, ...data];
    const answer = await this.#channel.transmit(Uint8Array.of(cla, ins, p1, p2, ...body, 0));
    switch (answer.kind) {
      case "gone":
        return { ok: false, trouble: { kind: "torn" } };
      case "lost":
        return { ok: false, trouble: { kind: "lost" } };
      case "mute":
        return failed("malformed", "the card does not answer");
      case "answer": {
        const { data: heard, status } = answer;
        this.#heard.push(heard);
        if (heard.length > ANSWER_BYTES_MAX) return failed("malformed", "an answer is too long");
        return done({ data: heard, status });
      }
    }
  }
}
