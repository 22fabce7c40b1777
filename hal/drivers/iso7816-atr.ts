// Answer to reset of a card with contacts (ISO 7816-3): which protocol it speaks, how fast, and how long it may think.

const ATR_BYTES_MAX = 33;
const HISTORICAL_MASK = 0x0f;
/** F = 372, D = 1: what every card speaks after its reset. */
export const FIDI_DEFAULT = 0x11;
const WI_DEFAULT = 10;
const IFSC_DEFAULT = 32;
const BWI_CWI_DEFAULT = 0x4d;
const BWI_MAX = 9;

export interface Atr {
  /** The first protocol that it offers, and the one that we speak. */
  firstProtocol: number;
  protocol: 0 | 1;
  /** The two halves of TA1, as the card would like it. */
  fiDi: number;
  /** TA2 says that protocol and speed are not to be negotiated. */
  isSpecific: boolean;
  guardTime: number;
  /** T=0: waiting integer. */
  waiting: number;
  /** T=1: bytes of a block that it takes, waiting integers, and whether blocks end with a CRC. */
  ifsc: number;
  bwiCwi: number;
  crc: boolean;
  historical: Uint8Array;
}

/** The interface bytes that follow one T0 or TD. */
interface Level {
  /** Protocol that the TD before them names; 0 for those behind T0. */
  protocol: number;
  ta: number | undefined;
  tb: number | undefined;
  tc: number | undefined;
}

/** Undefined where it breaks the rules, or where the card speaks neither T=0 nor T=1. */
export function readAtr(bytes: Uint8Array): Atr | undefined {
  const [ts = 0, t0 = 0] = bytes;
  if (bytes.length < 2 || bytes.length > ATR_BYTES_MAX || (ts !== 0x3b && ts !== 0x3f)) {
    return undefined;
  }
  const walked = walkLevels(bytes, t0);
  if (walked === undefined) return undefined;
  const { levels, next } = walked;
  // Levels behind the first are each named by the TD before them.
  const offered = levels.slice(1).map((level) => level.protocol);
  const historicalEnd = next + (t0 & HISTORICAL_MASK);
  const hasChecksum = offered.some((protocol) => protocol !== 0);
  if (bytes.length !== historicalEnd + (hasChecksum ? 1 : 0)) return undefined;
  if (hasChecksum && bytes.subarray(1).reduce((sum, byte) => sum ^ byte, 0) !== 0) return undefined;
  return describe(levels, offered, bytes.slice(next, historicalEnd));
}

function walkLevels(bytes: Uint8Array, t0: number): { levels: Level[]; next: number } | undefined {
  const levels: Level[] = [];
  let next = 2;
  let flags = t0 >> 4;
  let protocol = 0;
  for (;;) {
    const ta = flags & 1 ? bytes[next++] : undefined;
    const tb = flags & 2 ? bytes[next++] : undefined;
    const tc = flags & 4 ? bytes[next++] : undefined;
    levels.push({ protocol, ta, tb, tc });
    if (next > bytes.length) return undefined;
    if ((flags & 8) === 0) return { levels, next };
    const td = bytes[next++];
    if (td === undefined) return undefined;
    flags = td >> 4;
    protocol = td & 0x0f;
  }
}

function describe(levels: Level[], offered: number[], historical: Uint8Array): Atr | undefined {
  const [first, second] = levels;
  const firstProtocol = offered[0] ?? 0;
  const specific = second?.ta;
  const ours = specific === undefined ? offered.find(isOurs) : specific & 0x0f;
  const protocol = offered.length === 0 ? 0 : ours;
  if (protocol === undefined || !isOurs(protocol)) return undefined;
  // Bytes of T=1 stand behind the second TD and those that follow.
  const t1 = levels.slice(2).find((level) => level.protocol === 1);
  const ifsc = t1?.ta ?? IFSC_DEFAULT;
  const bwiCwi = t1?.tb ?? BWI_CWI_DEFAULT;
  if (protocol === 1 && (ifsc === 0 || ifsc === 0xff || bwiCwi >> 4 > BWI_MAX)) return undefined;
  const isImplicit = specific !== undefined && (specific & 0x10) !== 0;
  return {
    firstProtocol,
    protocol,
    fiDi: isImplicit ? FIDI_DEFAULT : (first?.ta ?? FIDI_DEFAULT),
    isSpecific: specific !== undefined,
    guardTime: first?.tc ?? 0,
    waiting: second?.tc ?? WI_DEFAULT,
    ifsc,
    bwiCwi,
    crc: ((t1?.tc ?? 0) & 1) === 1,
    historical,
  };
}

function isOurs(protocol: number): protocol is 0 | 1 {
  return protocol === 0 || protocol === 1;
}

const CLOCK_RATES = [372, 372, 558, 744, 1116, 1488, 1860, 0, 0, 512, 768, 1024, 1536, 2048, 0, 0];
const BAUD_FACTORS = [0, 1, 2, 4, 8, 16, 32, 64, 12, 20, 0, 0, 0, 0, 0, 0];
/** Of the reader's clock to the card. */
const CARD_CLOCK_HZ = 4_000_000;
const BAUD_MAX = 344_086;

/** Whether the reader can keep up with a card of this speed. */
export function isSpeedPossible(fiDi: number): boolean {
  const rate = CLOCK_RATES[fiDi >> 4] ?? 0;
  const factor = BAUD_FACTORS[fiDi & 0x0f] ?? 0;
  return rate > 0 && factor > 0 && (CARD_CLOCK_HZ * factor) / rate <= BAUD_MAX;
}

/** T=1: how long the card may take before it begins to answer a block. */
export function blockWaitMs(bwiCwi: number): number {
  return (2 ** (bwiCwi >> 4) * 960 * 372 * 1000) / CARD_CLOCK_HZ;
}

/** The request that settles protocol and speed; the card must say the very same. */
export function ppsRequest(protocol: number, fiDi: number): Uint8Array {
  const choice = 0x10 | protocol;
  return Uint8Array.of(0xff, choice, fiDi, 0xff ^ choice ^ fiDi);
}
