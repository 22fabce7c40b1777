// A channel to a card of the bench or of a script, and a reader's ports with a fixed date and fixed chance.

import { fromHex, toHex } from "../../firmware/bytes.ts";
import type { CardReaderSetup, CardReading, CardRequest } from "../../hal/card-reader.ts";
import type { Clock, WallQuality } from "../../hal/clock.ts";
import type { ApduAnswer, CardChannel } from "../../hal/drivers/card-channel.ts";
import { readEmv } from "../../hal/drivers/emv-read.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import type { EmvCounter } from "../../hal/sim/emv-card.ts";
import type { SimCard } from "../../hal/sim/sim-card.ts";
import { testCard } from "../../hal/sim/test-cards.ts";

const CRYPTO = openNodeCrypto();
export const HOST_SECRET = new Uint8Array(32).fill(0x55);
export const OFFER = new Uint8Array(16).fill(7);
/** 1 March 2026, as in the traces. */
const DATE_MS = Date.UTC(2026, 2, 1, 12, 34, 56);

const REQUEST: CardRequest = {
  ...{ amountMinor: 150, currency: "EUR", offer: OFFER, timeoutMs: 30_000 },
};

export const SETUP: CardReaderSetup = {
  ...{ id: "reader", countryCode: 276, tokenKey: new Uint8Array(32).fill(9) },
  hostKey: CRYPTO.boxPublicKey(HOST_SECRET),
};

/** One exchange as sent and as answered, in hexadecimal, the status word at the end of the answer. */
export type Exchanged = readonly [command: string, answer: string];

export interface RecordingChannel extends CardChannel {
  exchanged: Exchanged[];
}

type Spoil = (answer: ApduAnswer, turn: number) => ApduAnswer;

/** `spoil` changes what the driver hears. */
export function simChannel(
  card: SimCard,
  way: "tap" | "insert",
  spoil: Spoil = (answer) => answer,
): RecordingChannel {
  const exchanged: Exchanged[] = [];
  return {
    ...{ way, exchanged },
    transmit: async (command) => {
      const answer = card.apdu?.(command) ?? new Uint8Array();
      exchanged.push([toHex(command), toHex(answer)]);
      return spoil(answerOf(answer), exchanged.length - 1);
    },
  };
}

/** Answers by what a command begins with, in hexadecimal; 6a82 to all else. */
export function scriptedChannel(
  way: "tap" | "insert",
  script: Readonly<Record<string, string>>,
): RecordingChannel {
  const exchanged: Exchanged[] = [];
  return {
    ...{ way, exchanged },
    transmit: async (command) => {
      const sent = toHex(command);
      const key = Object.keys(script).find((start) => sent.startsWith(start));
      const answer = key === undefined ? "6a82" : (script[key] ?? "");
      exchanged.push([sent, answer]);
      return answerOf(fromHex(answer) ?? new Uint8Array());
    },
  };
}

function answerOf(bytes: Uint8Array): ApduAnswer {
  const [high = 0, low = 0] = bytes.subarray(-2);
  return { kind: "answer", data: bytes.slice(0, -2), status: high * 256 + low };
}

export interface Reading {
  request?: Partial<CardRequest>;
  /** The four bytes of chance (9F37) that the card is told. */
  chance?: string;
  quality?: WallQuality;
  wallMs?: number;
}

export function readOn(channel: CardChannel, reading: Reading = {}): Promise<CardReading> {
  const { chance = "1a2b3c4d", quality = "set", wallMs = DATE_MS } = reading;
  const clock: Clock = {
    monotonicMs: () => 0,
    wallMs: () => wallMs,
    wallQuality: () => quality,
    at: () => ({ cancel: () => undefined }),
  };
  const entropy = {
    bytes: (length: number) =>
      length === 4 ? (fromHex(chance) ?? new Uint8Array(4)) : new Uint8Array(length).fill(length),
  };
  const ports = { clock, crypto: CRYPTO, entropy };
  return readEmv(channel, { ...REQUEST, ...reading.request }, ports, SETUP);
}

export function benchCard(name: string, counter?: EmvCounter): SimCard {
  const card = testCard(name, counter);
  if (card === undefined) throw new Error(`no test card ${name}`);
  return card;
}
