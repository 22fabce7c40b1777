// The registers of meters in wide use, tied to what flows on the bench. Each is laid out here anew, from what the
// makers say and not from the maps of the drivers, so that a mistake in the one shows in the other.

import type { SimModbusUnit, SimRegisters } from "./sim-modbus.ts";

/** What a meter of the bench measures. */
export interface SimFlow {
  /** All that went through so far: Wh, or litres. */
  total(): number;
  /** Now: W, or litres an hour. */
  rate(): number;
}

const VOLTS = 230.2;
const HERTZ = 49.98;
const CELSIUS = 36.625;

export const SIM_MODBUS_METERS: Readonly<
  Record<string, (address: number, flow: SimFlow) => SimModbusUnit>
> = {
  sdm120: (address, flow) => eastron(address, flow, 1),
  sdm230: (address, flow) => eastron(address, flow, 1),
  sdm630: (address, flow) => eastron(address, flow, 3),
  "abb-b21": (address, flow) => abb(address, flow, 1),
  "abb-b23": (address, flow) => abb(address, flow, 3),
  "abb-b24": (address, flow) => abb(address, flow, 3),
  "tuf-2000m": tuf,
  "water-u32": water,
};

/** Floats, high word first, in input registers; kWh, V, A, W, Hz. */
function eastron(address: number, { total, rate }: SimFlow, phases: 1 | 3): SimModbusUnit {
  const at = (register: number, value: () => number): SimRegisters => ({
    register,
    words: () => floatWords(value()),
  });
  const kWh = (): number => total() / 1000;
  const each = (): number => rate() / phases;
  const input = [at(72, kWh), at(74, () => 0), at(342, kWh), at(70, () => HERTZ)];
  for (let phase = 0; phase < phases; phase++) {
    const shift = 2 * phase;
    input.push(
      at(0 + shift, () => VOLTS),
      at(6 + shift, () => each() / VOLTS),
      at(12 + shift, each),
      at(30 + shift, () => 1),
    );
  }
  if (phases === 3) {
    input.push(
      at(52, rate),
      at(62, () => 1),
    );
  }
  const settings = [
    { register: 20, words: () => floatWords(address) },
    { register: 28, words: () => floatWords(2) },
    { register: 0xfc00, words: () => [0x0123, 0x4567, 0x0020] },
  ];
  return { address, input, holding: settings };
}

/** Integers, high word first, in holding registers; what a meter does not have is all ones. */
function abb(address: number, { total, rate }: SimFlow, phases: 1 | 3): SimModbusUnit {
  const at = (register: number, bits: 16 | 32 | 64, value: () => number): SimRegisters => ({
    register,
    words: () => integerWords(BigInt(Math.floor(value())), bits),
  });
  const none = (register: number, words: number): SimRegisters => ({
    register,
    words: () => Array.from({ length: words }, () => 0xffff),
  });
  const each = (): number => rate() / phases;
  const holding = [
    at(0x5000, 64, () => total() / 10),
    none(0x5004, 4),
    at(0x5008, 64, () => total() / 10),
    at(0x5b14, 32, () => rate() * 100),
    at(0x5b2c, 16, () => HERTZ * 100),
    at(0x5b3a, 16, () => 1000),
  ];
  for (let phase = 0; phase < phases; phase++) {
    const shift = 2 * phase;
    holding.push(
      at(0x5b00 + shift, 32, () => VOLTS * 10),
      at(0x5b0c + shift, 32, () => (each() / VOLTS) * 100),
      at(0x5b16 + shift, 32, () => each() * 100),
    );
  }
  return { address, input: [], holding };
}

/** Low word first; a total is a whole number of cubic metres and the rest as a float after it. */
function tuf(address: number, { total, rate }: SimFlow): SimModbusUnit {
  const float = (register: number, value: () => number): SimRegisters => ({
    register,
    words: () => floatWords(value()).reverse(),
  });
  const cubic = (register: number): SimRegisters => ({
    register,
    words: () => {
      const litres = total();
      const whole = Math.floor(litres / 1000);
      const rest = (litres - 1000 * whole) / 1000;
      return [...integerWords(BigInt(whole), 32).reverse(), ...floatWords(rest).reverse()];
    },
  });
  const holding = [
    float(0, () => rate() / 1000),
    cubic(8),
    { register: 12, words: () => [0, 0, 0, 0] },
    cubic(24),
    float(32, () => CELSIUS),
    float(34, () => CELSIUS),
    { register: 71, words: () => [0] },
    { register: 91, words: () => [90] },
  ];
  return { address, input: [], holding };
}

function water(address: number, { total, rate }: SimFlow): SimModbusUnit {
  const words = (): number[] => [
    ...integerWords(BigInt(Math.floor(total())), 32),
    ...integerWords(BigInt(Math.floor(rate())), 16),
  ];
  return { address, input: [], holding: [{ register: 0, words }] };
}

function floatWords(value: number): number[] {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return [view.getUint16(0), view.getUint16(2)];
}

function integerWords(value: bigint, bits: 16 | 32 | 64): number[] {
  const words: number[] = [];
  for (let shift = bits - 16; shift >= 0; shift -= 16) {
    words.push(Number((BigInt.asUintN(bits, value) >> BigInt(shift)) & 0xffffn));
  }
  return words;
}
