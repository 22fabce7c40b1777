// GPIO chips through the kernel's character device, uAPI v2: which there are, what their lines are called and who
// holds them, and the layouts of the requests. Kernel 5.10 or later.

import { closeSync, lstatSync, openSync, readdirSync } from "node:fs";
import { endianness } from "node:os";
import { HalError } from "../hal-error.ts";
import { errorName, loadNative } from "./native.ts";

const GET_CHIPINFO = 0x8044b401;
const GET_LINEINFO = 0xc100b405;
const GET_LINE = 0xc250b407;

const FLAG_USED = 1 << 0;
export const FLAG_ACTIVE_LOW = 1 << 1;
export const FLAG_INPUT = 1 << 2;
export const FLAG_OUTPUT = 1 << 3;
export const FLAG_EDGE_RISING = 1 << 4;
export const FLAG_BIAS_PULL_UP = 1 << 8;
export const FLAG_BIAS_PULL_DOWN = 1 << 9;

const ATTRIBUTE_VALUES = 2;
const ATTRIBUTE_DEBOUNCE = 3;
const NAME_BYTES = 32;
const LITTLE = endianness() === "LE";

export interface LineInfo {
  name: string;
  /** Who holds it, as it called itself; "" when nobody does. */
  consumer: string;
  used: boolean;
  output: boolean;
}

export interface GpioChip {
  path: string;
  label: string;
  /** Names of its lines by offset; "" where the kernel has none. */
  names: readonly string[];
}

/** The chips that we may open, and the paths of those that we may not. */
export interface GpioChips {
  chips: readonly GpioChip[];
  forbidden: readonly string[];
}

/** Throws HalError `refused` where chips are there and none can be asked, as without the native part. */
export function listChips(): GpioChips {
  let failure: HalError | undefined;
  const chips: GpioChip[] = [];
  const forbidden: string[] = [];
  for (const name of readdirSync("/dev").sort()) {
    const path = `/dev/${name}`;
    // A link is an old name of a chip that is listed under its own.
    if (!/^gpiochip\d+$/.test(name) || lstatSync(path).isSymbolicLink()) continue;
    try {
      chips.push(describeChip(path));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EACCES" || code === "EPERM") forbidden.push(path);
      else if (error instanceof HalError) failure = error;
      else if (code === undefined) throw error;
    }
  }
  if (failure !== undefined && chips.length === 0 && forbidden.length === 0) throw failure;
  return { chips, forbidden };
}

function describeChip(path: string): GpioChip {
  const fd = openSync(path, "r");
  try {
    const info = Buffer.alloc(68);
    call(path, fd, GET_CHIPINFO, info);
    const names: string[] = [];
    const lines = viewOf(info).getUint32(64, LITTLE);
    for (let offset = 0; offset < lines; offset++) names.push(readLineInfo(path, fd, offset).name);
    return { path, label: text(info, 32), names };
  } finally {
    closeSync(fd);
  }
}

/** Throws HalError or the error of the file system. */
export function lineInfo(path: string, offset: number): LineInfo {
  const fd = openSync(path, "r");
  try {
    return readLineInfo(path, fd, offset);
  } finally {
    closeSync(fd);
  }
}

function readLineInfo(path: string, fd: number, offset: number): LineInfo {
  const info = Buffer.alloc(256);
  viewOf(info).setUint32(64, offset, LITTLE);
  call(path, fd, GET_LINEINFO, info);
  const flags = viewOf(info).getUint32(LITTLE ? 72 : 76, LITTLE);
  return {
    name: text(info, 0),
    consumer: text(info, NAME_BYTES),
    used: (flags & FLAG_USED) !== 0,
    output: (flags & FLAG_OUTPUT) !== 0,
  };
}

export interface LineRequest {
  path: string;
  offset: number;
  flags: number;
  consumer: string;
  /** Level of an output from the first moment: 0, inactive, unless stated. */
  active?: boolean;
  /** Done by the kernel; of inputs. */
  debounceMs?: number;
  /** Events that the kernel keeps for us, 1 to 1024; of lines with edges. */
  eventsMax?: number;
}

/** The line's descriptor, or -errno. Throws the file system's error where the chip cannot be opened. */
export function requestLine(request: LineRequest): number {
  const bytes = Buffer.alloc(592);
  const view = viewOf(bytes);
  view.setUint32(0, request.offset, LITTLE);
  bytes.write(request.consumer.slice(0, NAME_BYTES - 1), 256, "latin1");
  view.setBigUint64(288, BigInt(request.flags), LITTLE);
  let attributes = 0;
  const attribute = (id: number, value: bigint | number): void => {
    const at = 320 + 24 * attributes;
    view.setUint32(at, id, LITTLE);
    if (typeof value === "bigint") view.setBigUint64(at + 8, value, LITTLE);
    else view.setUint32(at + 8, value, LITTLE);
    view.setBigUint64(at + 16, 1n, LITTLE);
    attributes++;
  };
  // Said, though 0 is what the kernel takes by itself: this is what the safe level stands on.
  if ((request.flags & FLAG_OUTPUT) !== 0) {
    attribute(ATTRIBUTE_VALUES, request.active === true ? 1n : 0n);
  }
  if (request.debounceMs !== undefined) {
    attribute(ATTRIBUTE_DEBOUNCE, Math.round(request.debounceMs * 1000));
  }
  view.setUint32(296, attributes, LITTLE);
  view.setUint32(560, 1, LITTLE);
  view.setUint32(564, request.eventsMax ?? 0, LITTLE);
  const fd = openSync(request.path, "r");
  try {
    const result = loadNative().ioctl(fd, GET_LINE, bytes);
    return result < 0 ? result : view.getInt32(588, LITTLE);
  } finally {
    closeSync(fd);
  }
}

function call(path: string, fd: number, request: number, bytes: Uint8Array): void {
  const result = loadNative().ioctl(fd, request, bytes);
  if (result < 0) {
    const message = `${path}: ${errorName(result)}: this kernel's GPIO is older than 5.10, or no GPIO at all`;
    throw new HalError("refused", message);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function text(bytes: Buffer, at: number): string {
  const field = bytes.subarray(at, at + NAME_BYTES);
  const end = field.indexOf(0);
  return field.toString("latin1", 0, end < 0 ? NAME_BYTES : end);
}
