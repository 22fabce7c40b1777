// Lines over onoff, that is over sysfs: relays, buttons, interlocks. What sysfs cannot do, and who chooses a line's
// driver must know: it has no pulls; an export has no owner, so that two programs on one line are not kept apart, and it
// outlives its program with the output as it was (native/guard.c opens it then); and a pulse that is over when the
// program gets to look at it never was, so that `edges` is a lower bound and no meter.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { isMainThread } from "node:worker_threads";
import type { Gpio } from "onoff";
import { HalError } from "../hal-error.ts";
import type { EdgeInput, InputPin, Lines, OutputPin } from "../pin.ts";
import { heldExports, refusal, takeLine } from "./gpio-busy.ts";
import { lineInfo } from "./gpio-chip.ts";
import { SYSFS_GPIO, sysfsNumber } from "./gpio-sysfs.ts";
import type { WiredLine } from "./gpio-wiring.ts";
import { monotonicMs } from "./system-clock.ts";

type Onoff = typeof import("onoff");

const EBUSY = -16;

/** Throws HalError `refused` away from the main thread: there onoff's native part ends the process. */
export function openOnoffLines(locate: (line: string) => WiredLine): Lines {
  if (!isMainThread) throw new HalError("refused", "onoff runs on the main thread only");
  const onoff = createRequire(import.meta.url)("onoff") as Onoff;
  return {
    output: (name) => openOutput(openGpio(onoff, locate(name), "output")),
    input: (name) => openInput(openGpio(onoff, locate(name), "input")),
    edges: (name) => openEdges(openGpio(onoff, locate(name), "edges")),
  };
}

interface OpenGpio {
  name: string;
  gpio: Gpio;
  /** Throws HalError `canceled` when it was closed, `disconnected` when the call fails. */
  use<T>(call: (gpio: Gpio) => T): T;
  /** Idempotent. Throws HalError `disconnected`, the export left, when `last` fails, which comes before. */
  close(last?: (gpio: Gpio) => void): void;
}

function openGpio(onoff: Onoff, line: WiredLine, use: "output" | "input" | "edges"): OpenGpio {
  const number = sysfsNumber(line.chip, line.offset);
  if (number === undefined) {
    const message = `line ${line.name}: chip ${line.chip.label} is not in ${SYSFS_GPIO}, or we may not use that`;
    throw new HalError("refused", message);
  }
  const gpio = takeGpio(onoff, line, number, use);
  heldExports.add(number);
  let open = true;
  return {
    name: line.name,
    gpio,
    use: (call) => {
      if (!open) throw new HalError("canceled", `line ${line.name} was closed`);
      return guarded(line, () => call(gpio));
    },
    close: (last) => {
      if (!open) return;
      open = false;
      heldExports.delete(number);
      try {
        last?.(gpio);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        // A chip that is gone drives nothing. Else the export stays: by it the guard finds the line.
        if (code !== "ENODEV") throw lineGone(line, error);
      }
      gpio.unexport();
    },
  };
}

/**
 * A line that is exported already is taken as it is, an output going to its safe level in the one write that makes it
 * one: what a killed loop left closed opens here.
 */
function takeGpio(onoff: Onoff, line: WiredLine, number: number, use: string): Gpio {
  const activeLow = line.wiring.activeLow === true;
  // Levels on the wire, whatever `active_low` says.
  const safe = activeLow ? "high" : "low";
  let gpio: Gpio | undefined;
  takeLine(line, () => {
    const info = lineInfo(line.chip.path, line.offset);
    if (heldExports.has(number)) throw refusal(line, "EBUSY");
    if (info.used && info.consumer !== "sysfs") return EBUSY;
    const edge = use === "edges" ? "rising" : "none";
    try {
      gpio = new onoff.Gpio(number, use === "output" ? safe : "in", edge, { activeLow });
    } catch (error) {
      throw refusal(line, (error as NodeJS.ErrnoException).code ?? String(error));
    }
    return 0;
  });
  if (gpio === undefined) throw refusal(line, "not opened");
  // Of a line that was exported already onoff hides what it could not set.
  const direction = use === "output" ? "out" : "in";
  const file = (name: string): string =>
    readFileSync(`${SYSFS_GPIO}/gpio${number}/${name}`, "utf8").trim();
  if (file("direction") !== direction || file("active_low") !== (activeLow ? "1" : "0")) {
    throw refusal(line, "exported by another program, which set it up otherwise");
  }
  return gpio;
}

function guarded<T>(line: WiredLine, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw lineGone(line, error);
  }
}

/** What is no error of the system is a bug of ours, and stays as it is. */
function lineGone(line: WiredLine, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined) return error;
  return new HalError("disconnected", `line ${line.name} is gone: ${code}`, error);
}

function openOutput(line: OpenGpio): OutputPin {
  return {
    set: (active) => line.use((gpio) => gpio.writeSync(active ? 1 : 0)),
    close: () => line.close((gpio) => gpio.writeSync(0)),
  };
}

function openInput(line: OpenGpio): InputPin {
  return { read: () => line.use((gpio) => gpio.readSync() === 1), close: () => line.close() };
}

/** Counts wake-ups that still found the line active. */
function openEdges(line: OpenGpio): EdgeInput {
  let count = 0;
  let atMs = monotonicMs();
  let wake: () => void = () => {};
  line.gpio.watch((error) => {
    if (error) return;
    count++;
    atMs = monotonicMs();
    wake();
  });
  return {
    edges: () => line.use(() => ({ count, atMs })),
    onEdge: (listener) =>
      line.use(() => {
        wake = listener;
      }),
    close: () => {
      wake = () => {};
      line.close();
    },
  };
}
