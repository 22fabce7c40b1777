// Modbus devices of the bench: they answer on a serial port's other end as meters do, RTU or TCP, with bytes that they
// put together by themselves, and can be told to misbehave.

import { after, type Clock, type Timer } from "../clock.ts";
import type { SerialPort } from "../serial.ts";
import type { Random } from "./random.ts";

/** Consecutive registers whose words are worked out when they are asked for, all at one moment. */
export interface SimRegisters {
  register: number;
  words(): readonly number[];
}

export interface SimModbusUnit {
  address: number;
  /** Function 4. */
  input: readonly SimRegisters[];
  /** Function 3. */
  holding: readonly SimRegisters[];
}

export type SimModbusFault =
  | { kind: "silent" }
  /** One bit of the answer is turned round: anywhere over RTU; over TCP, which guards its content, in the header. */
  | { kind: "flipped" }
  | { kind: "exception"; code: number }
  /** The answer of another device. */
  | { kind: "wrong-address" }
  /** The last bytes of the answer are missing. */
  | { kind: "cut" }
  /** The answer before comes again with this one, in one piece. */
  | { kind: "joined" }
  /** What was asked comes back first, as on a line whose receiver hears its own sender. */
  | { kind: "echo" }
  /** The answer comes this much later. */
  | { kind: "late"; lateMs: number }
  | { kind: "garbage" };

export interface SimModbus {
  /** Of every answer from now on. */
  setFault(fault: SimModbusFault | undefined): void;
  /** Requests that were understood. */
  requests(): number;
}

export interface SimModbusSetup {
  framing: "rtu" | "tcp";
  units: readonly SimModbusUnit[];
  clock: Clock;
  random: Random;
}

/** From the end of a request to the start of the answer. */
const ANSWER_MS = 20;
/** A pause this long ends whatever was being received. */
const PAUSE_MS = 10;
const RECEIVED_MAX = 512;
const REGISTERS_MAX = 125;

/** Answers on `port` until that is closed by whoever opened it. */
export function simModbus(port: SerialPort, setup: SimModbusSetup): SimModbus {
  const { framing, units, clock, random } = setup;
  let fault: SimModbusFault | undefined;
  let requests = 0;
  let received: number[] = [];
  let before: number[] = [];
  let pause: Timer | undefined;
  const send = (bytes: readonly number[]): void => {
    // A pulled cable is no trouble of the device.
    port.write(Uint8Array.from(bytes)).catch(() => {});
  };
  const answer = (request: Request): void => {
    const unit = units.find(({ address }) => address === request.unit);
    if (unit === undefined) return;
    requests++;
    const isExcepted = fault?.kind === "exception";
    const code = fault?.kind === "exception" ? fault.code : 0;
    const pdu = isExcepted ? [request.pdu[0] ?? 0, code] : answerPdu(unit, request.pdu);
    if (isExcepted) pdu[0] = (pdu[0] ?? 0) | 0x80;
    const sender = fault?.kind === "wrong-address" ? (request.unit % 247) + 1 : request.unit;
    const good = frame(framing, sender, pdu, request.transaction);
    const bytes = spoiled(good, before, request.bytes, fault, framing, random);
    before = good;
    if (bytes.length === 0) return;
    const lateMs = fault?.kind === "late" ? fault.lateMs : 0;
    after(clock, ANSWER_MS + lateMs, () => send(bytes));
  };
  port.onData((bytes) => {
    pause?.cancel();
    received.push(...bytes);
    for (;;) {
      const request = framing === "rtu" ? takeRtu(received) : takeTcp(received);
      if (request === undefined) break;
      received = received.slice(request.bytes.length);
      answer(request);
    }
    if (received.length > RECEIVED_MAX) received = [];
    if (framing === "tcp" || received.length === 0) return;
    pause = after(clock, PAUSE_MS, () => {
      const whole = wholeRtu(received);
      received = [];
      if (whole !== undefined) answer(whole);
    });
  });
  return {
    setFault: (next) => {
      fault = next;
    },
    requests: () => requests,
  };
}

interface Request {
  unit: number;
  pdu: readonly number[];
  /** Over TCP. */
  transaction: readonly number[];
  /** As received. */
  bytes: readonly number[];
}

/** A request to read registers is 8 bytes long; others are known by the pause after them. */
function takeRtu(received: readonly number[]): Request | undefined {
  const isRead = received[1] === 3 || received[1] === 4;
  return isRead && received.length >= 8 ? wholeRtu(received.slice(0, 8)) : undefined;
}

function wholeRtu(bytes: readonly number[]): Request | undefined {
  const body = bytes.slice(0, -2);
  if (body.length < 2 || !crcOf(body).every((byte, i) => byte === bytes[body.length + i])) {
    return undefined;
  }
  return { unit: body[0] ?? 0, pdu: body.slice(1), transaction: [], bytes };
}

function takeTcp(received: readonly number[]): Request | undefined {
  const length = (received[4] ?? 0) * 256 + (received[5] ?? 0);
  const bytes = received.slice(0, 6 + length);
  if (received.length < 8 || bytes.length < 6 + length) return undefined;
  return { unit: bytes[6] ?? 0, pdu: bytes.slice(7), transaction: bytes.slice(0, 2), bytes };
}

function answerPdu(unit: SimModbusUnit, pdu: readonly number[]): number[] {
  const [code = 0, registerHigh = 0, registerLow = 0, countHigh = 0, countLow = 0] = pdu;
  const exception = (reason: number): number[] => [code | 0x80, reason];
  if (code !== 3 && code !== 4) return exception(1);
  const register = registerHigh * 256 + registerLow;
  const count = countHigh * 256 + countLow;
  if (pdu.length !== 5 || count < 1 || count > REGISTERS_MAX) return exception(3);
  const held = new Map<number, number>();
  for (const block of code === 4 ? unit.input : unit.holding) {
    for (const [i, word] of block.words().entries()) held.set(block.register + i, word);
  }
  // A device has a range of registers; the unused ones in it read 0.
  if (!held.has(register)) return exception(2);
  const bytes: number[] = [];
  for (let i = 0; i < count; i++) {
    const word = held.get(register + i) ?? 0;
    bytes.push(word >>> 8, word & 0xff);
  }
  return [code, bytes.length, ...bytes];
}

function frame(
  framing: "rtu" | "tcp",
  unit: number,
  pdu: readonly number[],
  transaction: readonly number[],
): number[] {
  const body = [unit, ...pdu];
  if (framing === "rtu") return [...body, ...crcOf(body)];
  return [...transaction, 0, 0, body.length >>> 8, body.length & 0xff, ...body];
}

/** Low byte first, as it is sent. */
function crcOf(bytes: readonly number[]): [low: number, high: number] {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
  }
  return [crc & 0xff, crc >> 8];
}

function spoiled(
  good: readonly number[],
  before: readonly number[],
  asked: readonly number[],
  fault: SimModbusFault | undefined,
  framing: "rtu" | "tcp",
  random: Random,
): number[] {
  const bytes = [...good];
  switch (fault?.kind) {
    case "silent":
      return [];
    case "flipped": {
      // Of TCP up to the byte count.
      const at = random.below(framing === "rtu" ? bytes.length : Math.min(9, bytes.length));
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      return bytes;
    }
    case "cut":
      return bytes.slice(0, 1 + random.below(bytes.length - 1));
    case "joined":
      return [...before, ...bytes];
    case "echo":
      return [...asked, ...bytes];
    case "garbage":
      return Array.from({ length: 1 + random.below(64) }, () => random.below(256));
    default:
      return bytes;
  }
}
