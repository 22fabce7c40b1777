// Lines over the character device of a GPIO chip (uAPI v2). A line is a descriptor, which the kernel closes when the
// process dies; what becomes of the pin then is the chip's affair, see native/guard.c.

import { closeSync } from "node:fs";
import { HalError } from "../hal-error.ts";
import type { InputPin, Lines, OutputPin } from "../pin.ts";
import { CONSUMER, refusal, takeLine } from "./gpio-busy.ts";
import {
  FLAG_ACTIVE_LOW,
  FLAG_BIAS_PULL_DOWN,
  FLAG_BIAS_PULL_UP,
  FLAG_EDGE_RISING,
  FLAG_INPUT,
  FLAG_OUTPUT,
  requestLine,
} from "./gpio-chip.ts";
import { openEdges } from "./gpio-edges.ts";
import type { WiredLine } from "./gpio-wiring.ts";
import { errorName, loadNative } from "./native.ts";

const LINE_GET_VALUES = 0xc010b40e;
const LINE_SET_VALUES = 0xc010b40f;

/**
 * Events that the kernel keeps for us. The count is taken from the number of the newest one, which is kept when older
 * ones are dropped, so a small store loses nothing.
 */
const EVENTS_MAX = 64;

export function openChipLines(locate: (line: string) => WiredLine): Lines {
  return {
    output: (name) => openOutput(locate(name)),
    input: (name) => openInput(locate(name)),
    edges: (name) => {
      const line = locate(name);
      return openEdges(name, take(line, FLAG_INPUT | FLAG_EDGE_RISING));
    },
  };
}

/**
 * Debouncing is the kernel's: a level counts when it has stood for the time stated. We could compare the times of
 * edges ourselves, but not of those that the kernel dropped while we were stalled, and the count would be wrong. The
 * price: an edge is dated when it has stood, and times are rounded to a tick of the kernel (1 to 10 ms).
 */
function take(line: WiredLine, flags: number): number {
  const { activeLow, bias, debounceMs } = line.wiring;
  let all = flags | (activeLow === true ? FLAG_ACTIVE_LOW : 0);
  if (bias === "pull-up") all |= FLAG_BIAS_PULL_UP;
  if (bias === "pull-down") all |= FLAG_BIAS_PULL_DOWN;
  const isInput = (flags & FLAG_INPUT) !== 0;
  return takeLine(line, () => {
    try {
      return requestLine({
        path: line.chip.path,
        offset: line.offset,
        flags: all,
        consumer: CONSUMER,
        ...(isInput && debounceMs !== undefined && { debounceMs }),
        ...((flags & FLAG_EDGE_RISING) !== 0 && { eventsMax: EVENTS_MAX }),
      });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === undefined) throw error;
      throw refusal(line, code);
    }
  });
}

function openOutput(line: WiredLine): OutputPin {
  const values = openValues(line.name, take(line, FLAG_OUTPUT));
  return {
    set: (active) => values.set(active),
    close: () => {
      if (values.closed()) return;
      try {
        values.set(false);
      } catch (error) {
        // A chip that is gone drives nothing. Any other may drive it still.
        if (!(error instanceof HalError && error.cause === "ENODEV")) throw error;
      } finally {
        values.close();
      }
    },
  };
}

function openInput(line: WiredLine): InputPin {
  const values = openValues(line.name, take(line, FLAG_INPUT));
  return { read: values.get, close: values.close };
}

/** The one line behind a descriptor: its bit is the lowest. */
function openValues(name: string, fd: number) {
  const native = loadNative();
  const bytes = Buffer.alloc(16);
  let open = true;
  const call = (request: number, bit: number): boolean => {
    if (!open) throw new HalError("canceled", `line ${name} was closed`);
    // Bits and mask, 64 each: the upper halves stay 0.
    bytes.writeUInt32LE(bit, 0);
    bytes.writeUInt32LE(1, 8);
    const result = native.ioctl(fd, request, bytes);
    if (result < 0) {
      const code = errorName(result);
      throw new HalError("disconnected", `line ${name} is gone: ${code}`, code);
    }
    return bytes.readUInt32LE(0) === 1;
  };
  return {
    get: (): boolean => call(LINE_GET_VALUES, 0),
    set: (active: boolean): void => {
      call(LINE_SET_VALUES, active ? 1 : 0);
    },
    closed: (): boolean => !open,
    close: (): void => {
      if (!open) return;
      open = false;
      closeSync(fd);
    },
  };
}
