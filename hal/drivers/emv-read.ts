// Reads one payment card over a channel of APDUs: by field (tap) or by contacts (insert). Not a certified kernel: it asks
// for a cryptogram to be sent to the issuer and for nothing else, and what it read leaves masked or sealed (I12).

import type { CardReaderSetup, CardReading, CardRequest } from "../card-reader.ts";
import type { Clock } from "../clock.ts";
import type { Crypto } from "../crypto.ts";
import type { Entropy } from "../entropy.ts";
import { calendar } from "./calendar.ts";
import type { CardChannel } from "./card-channel.ts";
import { type ReadApplication, readApplication } from "./emv-application.ts";
import { cardNumber, describeReaderCard, sealReaderCard } from "./emv-seal.ts";
import { findApplications } from "./emv-select.ts";
import { CardTalk, done, failed, type Step } from "./emv-talk.ts";
import { TAG, terminalData } from "./emv-terminal.ts";

/** What a sealed card can be bound to. */
const AMOUNT_MAX = 0xffff_ffff;

export interface EmvPorts {
  clock: Clock;
  crypto: Crypto;
  entropy: Entropy;
}

/**
 * Takes the card that is on the channel. Whatever the card says ends in a reading; the number of commands is bounded,
 * their time is the channel's affair. The answers of the channel are overwritten at the end.
 */
export async function readEmv(
  channel: CardChannel,
  request: CardRequest,
  ports: EmvPorts,
  setup: CardReaderSetup,
): Promise<CardReading> {
  const { amountMinor } = request;
  const isPayable = Number.isInteger(amountMinor) && amountMinor > 0 && amountMinor <= AMOUNT_MAX;
  const terminal = isPayable ? terminalData(request, ports, setup) : undefined;
  if (terminal === undefined) {
    return failed("no-application", "cards cannot be asked for this amount or currency").trouble;
  }
  const talk = new CardTalk(channel);
  try {
    const read = await readFirst(talk, channel.way, terminal, ports.clock);
    if (!read.ok) return read.trouble;
    if (read.value.cryptogramType === "AAC") {
      return failed("declined", "the card declined").trouble;
    }
    return leave(channel.way, read.value, request, ports, setup);
  } finally {
    talk.wipe();
  }
}

/** The first application that takes the purchase. */
async function readFirst(
  talk: CardTalk,
  way: "tap" | "insert",
  terminal: ReadonlyMap<number, Uint8Array>,
  clock: Clock,
): Promise<Step<ReadApplication>> {
  const found = await findApplications(talk, way);
  if (!found.ok) return found;
  let blocked = false;
  const isExpired = (data: ReadonlyMap<number, Uint8Array>): boolean => hasExpired(data, clock);
  for (const candidate of found.value) {
    const read = await readApplication(talk, way, candidate, terminal, isExpired);
    if (!read.ok) return read;
    if (typeof read.value !== "string") return done(read.value);
    blocked ||= read.value === "blocked";
  }
  return blocked
    ? failed("blocked", "the card's application is blocked")
    : failed("no-application", "no application of the card takes the purchase");
}

/** By the card's own date, which is the last on which it is good; not asked where our own is not known. */
function hasExpired(data: ReadonlyMap<number, Uint8Array>, clock: Clock): boolean {
  if (clock.wallQuality() === "unset") return false;
  const { year, month, day } = calendar(clock.wallMs());
  const today = `${String(year % 100).padStart(2, "0")}${month}${day}`;
  const date = data.get(TAG.expiry);
  if (date?.length === 3) return hex(date) < today;
  const number = cardNumber(data);
  if (number === undefined) return false;
  const expiry = String.fromCharCode(...number.expiry);
  number.digits.fill(0);
  number.expiry.fill(0);
  return expiry < today.slice(0, 4);
}

function leave(
  way: "tap" | "insert",
  read: ReadApplication,
  request: CardRequest,
  ports: EmvPorts,
  setup: CardReaderSetup,
): CardReading {
  const number = cardNumber(read.data);
  if (number === undefined)
    return failed("malformed", "the card has no number that is one").trouble;
  try {
    const card = describeReaderCard(way, read, number, ports.crypto, setup.tokenKey);
    if (card === undefined) return failed("malformed", "the card's data are no EMV data").trouble;
    const credential = sealReaderCard(way, read, number, request, ports, setup);
    return { kind: "read", card, credential };
  } finally {
    number.digits.fill(0);
    number.expiry.fill(0);
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
