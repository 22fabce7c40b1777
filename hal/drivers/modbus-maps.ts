// What meters hold in which registers: data, one entry for each model. docs/meters.md says where each comes from,
// what to set at the meter, and how to add one.

import type { ModbusFunction } from "./modbus-frame.ts";

export type RegisterType =
  | "u16"
  | "s16"
  | "u32"
  | "s32"
  | "u64"
  | "s64"
  | "float32"
  /** A whole number as s32 and what is beyond the point as float32, four registers in all. */
  | "s32+float32";

export interface RegisterQuantity {
  /** As on the wire, counted from 0. */
  register: number;
  type: RegisterType;
  /** The value times this is the quantity in its unit. */
  scale: readonly [numerator: number, denominator: number];
  /** The meter says so where it has no value: all bits set, of a signed number all but the sign. */
  absent?: "all-ones";
}

export interface ModbusModel {
  title: string;
  function: ModbusFunction;
  /** Of the registers of one value; the bytes in a register are always high byte first. */
  wordOrder: "high-first" | "low-first";
  /** By name; the end of the name is the unit. */
  quantities: Readonly<Record<string, RegisterQuantity>>;
}

const kilo = (register: number): RegisterQuantity => ({
  register,
  type: "float32",
  scale: [1000, 1],
});

/** Eastron: big-endian floats in even pairs of input registers, one map of which each model has a part. */
const EASTRON_ONE_PHASE: ModbusModel["quantities"] = {
  importWh: kilo(0x48),
  exportWh: kilo(0x4a),
  totalWh: kilo(0x156),
  powerMw: kilo(0x0c),
  voltage1Mv: kilo(0x00),
  current1Ma: kilo(0x06),
  powerFactorMilli: kilo(0x1e),
  frequencyMilliHz: kilo(0x46),
};

const EASTRON_THREE_PHASE: ModbusModel["quantities"] = {
  importWh: kilo(0x48),
  exportWh: kilo(0x4a),
  totalWh: kilo(0x156),
  powerMw: kilo(0x34),
  power1Mw: kilo(0x0c),
  power2Mw: kilo(0x0e),
  power3Mw: kilo(0x10),
  voltage1Mv: kilo(0x00),
  voltage2Mv: kilo(0x02),
  voltage3Mv: kilo(0x04),
  current1Ma: kilo(0x06),
  current2Ma: kilo(0x08),
  current3Ma: kilo(0x0a),
  powerFactorMilli: kilo(0x3e),
  frequencyMilliHz: kilo(0x46),
};

const abb = (register: number, type: RegisterType, numerator: number): RegisterQuantity => ({
  register,
  type,
  scale: [numerator, 1],
  absent: "all-ones",
});

const ABB_ONE_PHASE: ModbusModel["quantities"] = {
  importWh: abb(0x5000, "u64", 10),
  exportWh: abb(0x5004, "u64", 10),
  netWh: abb(0x5008, "s64", 10),
  powerMw: abb(0x5b14, "s32", 10),
  voltage1Mv: abb(0x5b00, "u32", 100),
  current1Ma: abb(0x5b0c, "u32", 10),
  powerFactorMilli: abb(0x5b3a, "s16", 1),
  frequencyMilliHz: abb(0x5b2c, "u16", 10),
};

const ABB_THREE_PHASE: ModbusModel["quantities"] = {
  ...ABB_ONE_PHASE,
  power1Mw: abb(0x5b16, "s32", 10),
  power2Mw: abb(0x5b18, "s32", 10),
  power3Mw: abb(0x5b1a, "s32", 10),
  voltage2Mv: abb(0x5b02, "u32", 100),
  voltage3Mv: abb(0x5b04, "u32", 100),
  current2Ma: abb(0x5b0e, "u32", 10),
  current3Ma: abb(0x5b10, "u32", 10),
};

const eastron = (title: string, quantities: ModbusModel["quantities"]): ModbusModel => ({
  title,
  function: 4,
  wordOrder: "high-first",
  quantities,
});

const abbModel = (title: string, quantities: ModbusModel["quantities"]): ModbusModel => ({
  title,
  function: 3,
  wordOrder: "high-first",
  quantities,
});

export const MODBUS_MODELS: Readonly<Record<string, ModbusModel>> = {
  sdm120: eastron("Eastron SDM120, one phase", EASTRON_ONE_PHASE),
  sdm230: eastron("Eastron SDM230, one phase", EASTRON_ONE_PHASE),
  sdm630: eastron("Eastron SDM630, three phases", EASTRON_THREE_PHASE),
  "abb-b21": abbModel("ABB B21, one phase", ABB_ONE_PHASE),
  "abb-b23": abbModel("ABB B23, three phases", ABB_THREE_PHASE),
  "abb-b24": abbModel("ABB B24, three phases by transformers", ABB_THREE_PHASE),
  /** Totals as it counts them when its unit is m3 and its multiplier 1. */
  "tuf-2000m": {
    title: "TUF-2000M, ultrasonic flow and heat",
    function: 3,
    wordOrder: "low-first",
    quantities: {
      forwardLitres: { register: 8, type: "s32+float32", scale: [1000, 1] },
      reverseLitres: { register: 12, type: "s32+float32", scale: [1000, 1] },
      netLitres: { register: 24, type: "s32+float32", scale: [1000, 1] },
      flowLitresPerHour: { register: 0, type: "float32", scale: [1000, 1] },
      inletMilliC: { register: 32, type: "float32", scale: [1000, 1] },
      outletMilliC: { register: 34, type: "float32", scale: [1000, 1] },
      signalQuality: { register: 91, type: "u16", scale: [1, 1] },
    },
  },
  /** No make but a habit: what many pulse converters and DIN-rail water meters hold. */
  "water-u32": {
    title: "Water meter with a total in litres and a flow in litres an hour",
    function: 3,
    wordOrder: "high-first",
    quantities: {
      forwardLitres: { register: 0, type: "u32", scale: [1, 1], absent: "all-ones" },
      flowLitresPerHour: { register: 2, type: "u16", scale: [1, 1], absent: "all-ones" },
    },
  },
};
