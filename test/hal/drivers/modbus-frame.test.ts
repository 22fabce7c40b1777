// Modbus frames and values against frames that another program sent and decoded (test/vectors/modbus-frames.json).

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  findRtuAnswer,
  type ModbusFunction,
  type ModbusRead,
  modbusCrc,
  rtuRequest,
  takeTcpAnswer,
  tcpRequest,
} from "../../../hal/drivers/modbus-frame.ts";
import { MODBUS_MODELS } from "../../../hal/drivers/modbus-maps.ts";
import { quantityReader } from "../../../hal/drivers/modbus-value.ts";
import { HalError } from "../../../hal/hal-error.ts";

interface Vector {
  meaning: string;
  request: string;
  answer: string;
  model?: string;
  quantity?: string;
  value?: number | null;
  exception?: number;
}

const vectors = JSON.parse(readFileSync("test/vectors/modbus-frames.json", "utf8")) as {
  crc: { text: string; crc: number };
  tcp: { request: string; answer: string; exception: string };
  rtu: Vector[];
};

const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.split(" "), (digits) => Number.parseInt(digits, 16));

function readOf(frame: Uint8Array): ModbusRead {
  const [unit = 0, code = 0, r1 = 0, r2 = 0, n1 = 0, n2 = 0] = frame;
  return {
    unit,
    function: code as ModbusFunction,
    register: r1 * 256 + r2,
    count: n1 * 256 + n2,
  };
}

const VOLTS = readOf(bytesOf("01 04 00 00 00 02"));
const VOLTS_ANSWER = bytesOf("01 04 04 43 66 33 33 5A FA");

describe("Modbus frames", () => {
  test("the CRC of the nine digits", () => {
    expect(modbusCrc(new TextEncoder().encode(vectors.crc.text))).toBe(vectors.crc.crc);
  });

  test.each(vectors.rtu)("$meaning", ({ request, answer, model, quantity, value, exception }) => {
    const read = readOf(bytesOf(request));
    expect(rtuRequest(read)).toEqual(bytesOf(request));
    const found = findRtuAnswer(read, bytesOf(answer));
    if (exception !== undefined) {
      expect(found).toEqual({ kind: "exception", code: exception });
      return;
    }
    if (found?.kind !== "registers") throw new Error(`${found?.kind}`);
    expect(found.bytes).toEqual(bytesOf(answer).slice(3, -2));
    if (model === undefined || quantity === undefined) return;
    const reader = quantityReader({ id: "m", address: read.unit, model, quantity });
    expect(reader.read).toEqual(read);
    const taken = reader.value(found.bytes);
    expect(taken.kind === "value" ? taken.value : null).toBe(value);
  });

  test("an answer is found after noise and after an echo, and nowhere else", () => {
    const noise = Uint8Array.of(0x00, 0x01, 0xff);
    const echo = rtuRequest(VOLTS);
    const kindOf = (...parts: Uint8Array[]): string | undefined =>
      findRtuAnswer(VOLTS, Uint8Array.from(parts.flatMap((part) => [...part])))?.kind;
    expect(kindOf(noise, VOLTS_ANSWER)).toBe("registers");
    expect(kindOf(echo, VOLTS_ANSWER)).toBe("registers");
    expect(kindOf(echo)).toBeUndefined();
    expect(kindOf(VOLTS_ANSWER.subarray(0, -1))).toBeUndefined();
  });

  test("every single bit that is wrong makes it no answer", () => {
    for (let bit = 0; bit < 8 * VOLTS_ANSWER.length; bit++) {
      const wrong = Uint8Array.from(VOLTS_ANSWER);
      wrong[bit >> 3] = (wrong[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(findRtuAnswer(VOLTS, wrong)).toBeUndefined();
    }
  });

  test("an answer of another unit, function or length is none", () => {
    for (const read of [
      { ...VOLTS, unit: 2 },
      { ...VOLTS, function: 3 as const },
      { ...VOLTS, count: 1 },
      { ...VOLTS, count: 4 },
    ]) {
      expect(findRtuAnswer(read, VOLTS_ANSWER)).toBeUndefined();
    }
  });

  test("over TCP: request, answer, exception", () => {
    const { request, answer, exception } = vectors.tcp;
    expect(tcpRequest(VOLTS, 1)).toEqual(bytesOf(request));
    const registers = VOLTS_ANSWER.slice(3, -2);
    expect(takeTcpAnswer(VOLTS, 1, bytesOf(answer))).toEqual({
      kind: "answer",
      answer: { kind: "registers", bytes: registers },
    });
    expect(takeTcpAnswer(VOLTS, 1, bytesOf(exception))).toEqual({
      kind: "answer",
      answer: { kind: "exception", code: 2 },
    });
  });

  test("over TCP: cut anywhere it waits, late ones are passed over, another framing is broken", () => {
    const answer = bytesOf(vectors.tcp.answer);
    for (let end = 0; end < answer.length; end++) {
      expect(takeTcpAnswer(VOLTS, 1, answer.subarray(0, end)).kind).toBe("more");
    }
    const late = Uint8Array.from([...answer, ...answer]);
    // Another transaction, another value.
    late[1] = 9;
    late[12] = 0x34;
    expect(takeTcpAnswer(VOLTS, 1, late)).toEqual(takeTcpAnswer(VOLTS, 1, answer));
    expect(takeTcpAnswer(VOLTS, 1, late.subarray(0, 13))).toEqual({
      kind: "more",
      rest: new Uint8Array(),
    });
    // Protocol, length (two ways), unit, function, byte count.
    for (const [at, value] of [
      [2, 1],
      [4, 2],
      [5, 2],
      [5, 6],
      [6, 2],
      [7, 3],
      [8, 2],
    ] as const) {
      const wrong = Uint8Array.from(answer);
      wrong[at] = value;
      expect([at, takeTcpAnswer(VOLTS, 1, wrong).kind]).toEqual([at, "broken"]);
    }
  });
});

describe("Modbus values", () => {
  const of = (model: string, quantity: string, hex: string): number | string => {
    const taken = quantityReader({ id: "m", address: 1, model, quantity }).value(bytesOf(hex));
    return taken.kind === "value" ? taken.value : taken.kind;
  };

  test("whole numbers are exact beyond what a double holds, up to what it counts exactly", () => {
    expect(of("abb-b21", "importWh", "00 03 33 33 33 33 33 33")).toBe(9_007_199_254_740_990);
    expect(of("abb-b21", "importWh", "00 03 33 33 33 33 33 34")).toBe("none");
    expect(of("abb-b21", "netWh", "FF FF FF FF FF FF FF FE")).toBe(-20);
  });

  test("signed numbers, and what says that there is none", () => {
    expect(of("abb-b23", "power1Mw", "FF FF EC 6C")).toBe(-50_120);
    expect(of("abb-b23", "power1Mw", "7F FF FF FF")).toBe("none");
    expect(of("abb-b23", "power1Mw", "FF FF FF FF")).toBe(-10);
    expect(of("abb-b23", "voltage1Mv", "FF FF FF FF")).toBe("none");
    expect(of("abb-b21", "netWh", "7F FF FF FF FF FF FF FF")).toBe("none");
  });

  test("a total in two parts is one number, low word first", () => {
    // 12345 and 0.25.
    expect(of("tuf-2000m", "forwardLitres", "30 39 00 00 00 00 3E 80")).toBe(12_345_250);
    // A fraction of 1.5 is none.
    expect(of("tuf-2000m", "forwardLitres", "30 39 00 00 00 00 3F C0")).toBe("none");
  });

  test("floats that are no number are none", () => {
    for (const hex of ["7F C0 00 00", "7F 80 00 00", "FF 80 00 00", "7F 7F FF FF"]) {
      expect(of("sdm120", "importWh", hex)).toBe("none");
    }
    expect(of("sdm120", "importWh", "80 00 00 00")).toBe(0);
  });

  test("a count never falls by rounding: the next float up is the same count or a higher one", () => {
    const view = new DataView(new ArrayBuffer(4));
    for (const start of [0x3dcccccd, 0x449a5225, 0x46000000, 0x497423ff]) {
      let before = -1;
      for (let bits = start; bits < start + 3_000; bits++) {
        view.setUint32(0, bits);
        const hex = [0, 1, 2, 3].map((i) => view.getUint8(i).toString(16)).join(" ");
        const count = of("sdm120", "importWh", hex) as number;
        expect(count).toBeGreaterThanOrEqual(before);
        before = count;
      }
    }
  });

  test("a model or a quantity without a map is refused with what there is", () => {
    const open = (model: string, quantity: string) => () =>
      quantityReader({ id: "m1", address: 1, model, quantity });
    expect(open("sdm121", "importWh")).toThrow(HalError);
    expect(open("sdm121", "importWh")).toThrow(/m1: no map for model sdm121; there are sdm120,/);
    expect(open("sdm120", "toString")).toThrow(/sdm120 has no toString; it has importWh,/);
    expect(open("constructor", "importWh")).toThrow(/no map for model constructor/);
  });

  test("every map stays within what can be asked", () => {
    for (const [model, { quantities }] of Object.entries(MODBUS_MODELS)) {
      for (const quantity of Object.keys(quantities)) {
        const { read } = quantityReader({ id: "m", address: 1, model, quantity });
        expect(read.register + read.count).toBeLessThanOrEqual(65_536);
        expect(quantity).toMatch(/(Wh|Mw|Mv|Ma|Milli|MilliHz|Litres|PerHour|MilliC|Quality)$/);
      }
    }
  });
});
