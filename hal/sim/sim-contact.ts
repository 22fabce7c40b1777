// A card of the bench in a slot with contacts: its answer to reset, the choice of protocol and speed, and the card's
// side of T=0. Which protocol it speaks is read off its answer to reset.

import type { SimCard } from "./sim-card.ts";
import { SimT1 } from "./sim-contact-t1.ts";

/** What is wrong with the card; the numbers count down. */
export interface SimContactFaults {
  /** It says nothing any more. */
  isMute: boolean;
  /** Says this instead of its answer to reset. */
  atr: Uint8Array | undefined;
  /** T=1: how many of the next blocks carry a wrong checksum. */
  badBlocks: { left: number };
  /** T=1: how often it asks for more time before each answer. */
  timeRequests: number;
}

export interface SimContact {
  /** Power and reset: what it answers, undefined where nothing. */
  reset(): Uint8Array | undefined;
  /** One block, one command of T=0, or a request for another speed. Undefined where it says nothing. */
  receive(bytes: Uint8Array): Uint8Array | undefined;
}

export function simContactFaults(): SimContactFaults {
  return { isMute: false, atr: undefined, badBlocks: { left: 0 }, timeRequests: 0 };
}

export function simContact(card: SimCard, faults: SimContactFaults): SimContact {
  const traits = traitsOf(card.atr ?? new Uint8Array(0));
  const apdu = (command: Uint8Array): Uint8Array =>
    card.apdu?.(command) ?? Uint8Array.of(0x6d, 0x00);
  let t0 = simT0(apdu);
  let t1: SimT1 | undefined;
  let isFresh = false;
  return {
    reset: () => {
      card.reset();
      isFresh = true;
      t0 = simT0(apdu);
      t1 = undefined;
      if (traits.protocol === 1) {
        const { ifsc, crc } = traits;
        const timeRequests = (): number => faults.timeRequests;
        t1 = new SimT1({ ifsc, crc, apdu, badBlocks: faults.badBlocks, timeRequests });
      }
      return faults.isMute ? undefined : (faults.atr ?? card.atr);
    },
    receive: (bytes) => {
      if (faults.isMute) return undefined;
      // A request for protocol and speed is answered with itself, and comes before all else.
      if (isFresh && bytes[0] === 0xff) return bytes.slice();
      isFresh = false;
      return t1 === undefined ? t0(bytes) : t1.receive(bytes);
    },
  };
}

interface Traits {
  protocol: number;
  ifsc: number;
  crc: boolean;
}

function traitsOf(atr: Uint8Array): Traits {
  const traits: Traits = { protocol: 0, ifsc: 32, crc: false };
  let flags = (atr[1] ?? 0) >> 4;
  let at = 2;
  for (let level = 1, named = 0; ; level++) {
    const isBlockLevel = level > 2 && named === 1;
    if (flags & 1) {
      if (isBlockLevel) traits.ifsc = atr[at] ?? 32;
      at++;
    }
    if (flags & 2) at++;
    if (flags & 4) {
      if (isBlockLevel) traits.crc = ((atr[at] ?? 0) & 1) === 1;
      at++;
    }
    if ((flags & 8) === 0) return traits;
    const next = atr[at++] ?? 0;
    named = next & 15;
    if (level === 1) traits.protocol = named;
    flags = next >> 4;
  }
}

const STATUS_MORE = 0x61;
const STATUS_LENGTH = 0x6c;

/** The card's side of T=0: what it has to say to a command with data waits until it is fetched. */
function simT0(apdu: (command: Uint8Array) => Uint8Array): (bytes: Uint8Array) => Uint8Array {
  let waiting: Uint8Array | undefined;
  const fetch = (length: number): Uint8Array => {
    if (waiting === undefined) return Uint8Array.of(0x69, 0x85);
    const dataBytes = waiting.length - 2;
    if (length > dataBytes) return Uint8Array.of(STATUS_LENGTH, dataBytes & 0xff);
    const handed = waiting.slice(0, length);
    const isLast = length === dataBytes;
    const rest = waiting.slice(length);
    waiting = isLast ? undefined : rest;
    const status = isLast ? rest : Uint8Array.of(STATUS_MORE, (rest.length - 2) & 0xff);
    return Uint8Array.of(...handed, ...status);
  };
  return (bytes) => {
    const [, instruction = 0, , , third = 0] = bytes;
    if (bytes.length < 5) return Uint8Array.of(0x67, 0x00);
    if (instruction === 0xc0) return fetch(third || 256);
    if (bytes.length > 5) {
      // One byte more is an expected length, which has no place in T=0.
      if (bytes.length < 5 + third) return Uint8Array.of(0x67, 0x00);
      const answer = apdu(Uint8Array.of(...bytes.slice(0, 5 + third), 0));
      waiting = answer.length > 2 ? answer : undefined;
      if (waiting === undefined) return answer;
      return Uint8Array.of(STATUS_MORE, (answer.length - 2) & 0xff);
    }
    const answer = apdu(bytes);
    const dataBytes = answer.length - 2;
    if (dataBytes === 0 || dataBytes === (third || 256)) return answer;
    return Uint8Array.of(STATUS_LENGTH, dataBytes & 0xff);
  };
}
