// Modbus as it stands on the wire: requests to read registers, and what is an answer to one, in the two framings:
// RTU (address, PDU, CRC; a serial line) and TCP (transaction, length, unit, PDU; a byte stream that loses nothing).

/** 3 reads holding registers, 4 reads input registers. */
export type ModbusFunction = 3 | 4;

/** What is read in one request. */
export interface ModbusRead {
  /** 1 to 247; over TCP also 0 and 255, for the device itself. */
  unit: number;
  function: ModbusFunction;
  /** As on the wire: 0 for register 40001 of function 3. */
  register: number;
  /** 1 to 125. */
  count: number;
}

export type ModbusAnswer =
  /** Two bytes for each register, high byte first. */
  { kind: "registers"; bytes: Uint8Array } | { kind: "exception"; code: number };

export const REGISTERS_MAX = 125;
const EXCEPTION_BIT = 0x80;

/** What exception codes mean, for people. */
const EXCEPTIONS: Readonly<Record<number, string>> = {
  1: "it does not know the function",
  2: "it has no such register",
  3: "it cannot read so many registers",
  4: "it failed",
  5: "it needs more time",
  6: "it is busy",
  8: "its memory is damaged",
  10: "the gateway has no way to it",
  11: "it did not answer the gateway",
};

export function exceptionWords(code: number): string {
  return `${EXCEPTIONS[code] ?? "it refused"} (Modbus exception ${code})`;
}

/** CRC-16/MODBUS; low byte first on the wire. */
export function modbusCrc(bytes: Uint8Array): number {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1;
  }
  return crc;
}

function requestPdu({ function: code, register, count }: ModbusRead): number[] {
  return [code, register >>> 8, register & 0xff, count >>> 8, count & 0xff];
}

export function rtuRequest(read: ModbusRead): Uint8Array {
  const body = Uint8Array.of(read.unit, ...requestPdu(read));
  const crc = modbusCrc(body);
  return Uint8Array.of(...body, crc & 0xff, crc >>> 8);
}

export function tcpRequest(read: ModbusRead, transaction: number): Uint8Array {
  const pdu = requestPdu(read);
  return Uint8Array.of(...word(transaction), 0, 0, ...word(pdu.length + 1), read.unit, ...pdu);
}

function word(value: number): [high: number, low: number] {
  return [value >>> 8, value & 0xff];
}

/**
 * The first answer to `read` that stands whole and with a good CRC anywhere in `bytes`: noise before it, as drivers of a
 * shared line make when they turn round, is passed over, and so is an echo of the request, which is no answer.
 */
export function findRtuAnswer(read: ModbusRead, bytes: Uint8Array): ModbusAnswer | undefined {
  for (let at = 0; at + 5 <= bytes.length; at++) {
    if (bytes[at] !== read.unit) continue;
    const isException = bytes[at + 1] === (read.function | EXCEPTION_BIT);
    if (!isException && bytes[at + 1] !== read.function) continue;
    const length = isException ? 5 : 5 + 2 * read.count;
    const frame = bytes.subarray(at, at + length);
    if (frame.length < length) continue;
    const crc = modbusCrc(frame.subarray(0, -2));
    if (frame[length - 2] !== (crc & 0xff) || frame[length - 1] !== crc >>> 8) continue;
    const answer = answerOf(read, frame.subarray(1, -2));
    if (answer !== undefined) return answer;
  }
  return undefined;
}

/** Undefined for a PDU that answers something else. */
function answerOf(read: ModbusRead, pdu: Uint8Array): ModbusAnswer | undefined {
  const [code, second = 0] = pdu;
  if (code === (read.function | EXCEPTION_BIT) && pdu.length === 2) {
    return { kind: "exception", code: second };
  }
  const isWhole = second === 2 * read.count && pdu.length === 2 + second;
  if (code !== read.function || !isWhole) return undefined;
  return { kind: "registers", bytes: pdu.slice(2) };
}

const HEADER_BYTES = 7;
/** Unit and a PDU of 253. */
const LENGTH_MAX = 254;

export type TcpTaken =
  | { kind: "answer"; answer: ModbusAnswer }
  /** Nothing yet; `rest` is the start of a frame. */
  | { kind: "more"; rest: Uint8Array }
  /** What comes on this connection cannot be told apart any more. */
  | { kind: "broken" };

/** Passes over answers to other transactions: they came too late. */
export function takeTcpAnswer(read: ModbusRead, transaction: number, bytes: Uint8Array): TcpTaken {
  let rest = bytes;
  while (rest.length >= HEADER_BYTES) {
    const [t1 = 0, t2 = 0, p1, p2, l1 = 0, l2 = 0, unit] = rest;
    const length = l1 * 256 + l2;
    // A unit and two bytes are the least that an answer can be.
    if (p1 !== 0 || p2 !== 0 || length < 3 || length > LENGTH_MAX) return { kind: "broken" };
    const end = HEADER_BYTES - 1 + length;
    if (rest.length < end) break;
    const pdu = rest.subarray(HEADER_BYTES, end);
    rest = rest.subarray(end);
    if (t1 * 256 + t2 !== transaction) continue;
    const answer = unit === read.unit ? answerOf(read, pdu) : undefined;
    return answer === undefined ? { kind: "broken" } : { kind: "answer", answer };
  }
  return { kind: "more", rest };
}
