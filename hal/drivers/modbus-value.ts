// From the registers of a Modbus device to a whole number in a quantity's unit, exactly where the meter is exact.

import { HalError } from "../hal-error.ts";
import type { ModbusRead } from "./modbus-frame.ts";
import {
  MODBUS_MODELS,
  type ModbusModel,
  type RegisterQuantity,
  type RegisterType,
} from "./modbus-maps.ts";

const REGISTERS: Readonly<Record<RegisterType, number>> = {
  u16: 1,
  s16: 1,
  u32: 2,
  s32: 2,
  u64: 4,
  s64: 4,
  float32: 2,
  "s32+float32": 4,
};

export type ModbusValue =
  | { kind: "value"; value: number }
  /** The meter has none, or none that can be true. In a sentence. */
  | { kind: "none"; message: string };

export interface QuantityReader {
  read: ModbusRead;
  /** Of the bytes that answer `read`. */
  value(bytes: Uint8Array): ModbusValue;
}

/** Throws HalError `refused`, which names what there is, for a model or a quantity that no map has. */
export function quantityReader(part: {
  id: string;
  address: number;
  model: string;
  quantity: string;
}): QuantityReader {
  const { id, address, model: name } = part;
  const model = own(MODBUS_MODELS, name);
  if (model === undefined) {
    const known = Object.keys(MODBUS_MODELS).join(", ");
    throw new HalError("refused", `${id}: no map for model ${name}; there are ${known}`);
  }
  const quantity = own(model.quantities, part.quantity);
  if (quantity === undefined) {
    const known = Object.keys(model.quantities).join(", ");
    throw new HalError("refused", `${id}: ${name} has no ${part.quantity}; it has ${known}`);
  }
  const { register, type } = quantity;
  const count = REGISTERS[type];
  return {
    read: { unit: address, function: model.function, register, count },
    value: (bytes) => numberOf(quantity, model.wordOrder, bytes),
  };
}

function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function numberOf(
  { type, scale, absent }: RegisterQuantity,
  wordOrder: ModbusModel["wordOrder"],
  bytes: Uint8Array,
): ModbusValue {
  const raw = type === "s32+float32" ? 0n : bitsOf(bytes, wordOrder);
  if (absent === "all-ones" && isAllOnes(raw, type)) {
    return { kind: "none", message: "the meter says that it has no such value" };
  }
  const value =
    type === "float32"
      ? scaledFloat(floatOf(raw), scale)
      : type === "s32+float32"
        ? scaledParts(bytes, wordOrder, scale)
        : scaledInteger(type.startsWith("s") ? BigInt.asIntN(8 * bytes.length, raw) : raw, scale);
  if (Number.isSafeInteger(value)) return { kind: "value", value };
  return { kind: "none", message: "the meter holds what is no number" };
}

function bitsOf(bytes: Uint8Array, wordOrder: ModbusModel["wordOrder"]): bigint {
  let bits = 0n;
  for (let at = 0; at < bytes.length; at += 2) {
    const from = wordOrder === "high-first" ? at : bytes.length - 2 - at;
    bits = (bits << 16n) | BigInt((bytes[from] ?? 0) * 256 + (bytes[from + 1] ?? 0));
  }
  return bits;
}

function isAllOnes(raw: bigint, type: RegisterType): boolean {
  const bits = BigInt(16 * REGISTERS[type]);
  const all = (1n << bits) - 1n;
  return raw === (type.startsWith("s") ? all >> 1n : all);
}

function floatOf(bits: bigint): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, Number(bits));
  return view.getFloat32(0);
}

/** The nearest integer. A float32 times 1000 is exact in a double, so the order of two readings never turns. */
function scaledFloat(value: number, [numerator, denominator]: RegisterQuantity["scale"]): number {
  return Math.round((value * numerator) / denominator) + 0;
}

/** Rounded down. */
function scaledInteger(value: bigint, [numerator, denominator]: RegisterQuantity["scale"]): number {
  const [above, below] = [value * BigInt(numerator), BigInt(denominator)];
  const cut = above / below;
  return Number(above % below < 0n ? cut - 1n : cut);
}

/** Whole number and fraction are one value, rounded as one: it does not fall when the fraction wraps. */
function scaledParts(
  bytes: Uint8Array,
  wordOrder: ModbusModel["wordOrder"],
  [numerator, denominator]: RegisterQuantity["scale"],
): number {
  const whole = Number(BigInt.asIntN(32, bitsOf(bytes.subarray(0, 4), wordOrder)));
  const fraction = floatOf(bitsOf(bytes.subarray(4), wordOrder));
  if (!(Math.abs(fraction) <= 1)) return Number.NaN;
  return Math.round(((whole + fraction) * numerator) / denominator) + 0;
}
