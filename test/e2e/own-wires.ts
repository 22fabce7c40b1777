// A bench of which single serial cables end at our own simulators: the bench's plug is pulled, and a pseudo-terminal of
// ours takes its path. What the device says on each is kept.

import { join } from "node:path";
import { openPty } from "../../hal/linux/pty.ts";
import type { SerialPort } from "../../hal/serial.ts";
import { readBenchWords, requestBench } from "../../tools/bench-words.ts";
import { type Line, pause } from "./program.ts";

const UNTIL_MS = 60_000;

/** As `sluice bench` does, without a process for each word. */
export async function bench(data: string, ...words: string[]): Promise<Line> {
  const request = readBenchWords(words, {});
  const told = request.ok ? await requestBench(data, request.value) : request;
  if (!told.ok) throw new Error(told.fault.message);
  return told.value;
}

export interface OwnWire {
  port: SerialPort;
  /** All that the device wrote. */
  heard(): Uint8Array;
  /** All that our simulator wrote, as it went out. */
  said(): Uint8Array;
}

/** `change` may put other bytes in the place of each piece that our simulator writes. */
export async function takeWire(
  data: string,
  serial: string,
  change: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes,
): Promise<OwnWire> {
  await bench(data, "unplug", serial);
  const pty = openPty(join(data, "bench", serial));
  const heard: Uint8Array[] = [];
  const said: Uint8Array[] = [];
  const port: SerialPort = {
    write: (bytes) => {
      const changed = change(bytes);
      said.push(Uint8Array.from(changed));
      return pty.port.write(changed);
    },
    onData: (listener) =>
      pty.port.onData((bytes) => {
        heard.push(bytes);
        listener(bytes);
      }),
    onLost: (listener) => pty.port.onLost(listener),
    close: () => pty.port.close(),
  };
  return { port, heard: () => Buffer.concat(heard), said: () => Buffer.concat(said) };
}

export async function untilSo(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + UNTIL_MS;
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${UNTIL_MS} ms: ${what}`);
    await pause(50);
  }
}
