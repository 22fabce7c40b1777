// When the loop's process collects its garbage: between sessions, now and then, and never while one runs.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { LoopChannel } from "../../../hal/linux/loop-channel.ts";
import { collectWhenQuiet } from "../../../hal/linux/quiet-collection.ts";
import type { LoopCommand, LoopReport } from "../../../hal/loop-host.ts";

const SESSIONS = 32;

let collected = 0;
let hear: (command: LoopCommand) => void = () => undefined;
const passed: unknown[] = [];
const plain: LoopChannel = {
  onCommand: (listener) => {
    hear = listener;
  },
  report: (report) => passed.push(report),
  onParentLost: () => undefined,
  close: async () => undefined,
  refused: () => 0,
};

beforeEach(() => {
  collected = 0;
  passed.length = 0;
  vi.stubGlobal("gc", () => {
    collected += 1;
  });
});
afterEach(() => void vi.unstubAllGlobals());

const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function grant(session: string): void {
  hear({ do: "grant", session, outlet: "a", meter: "m", pulses: 1, total: 1 });
}

function stopped(session: string): LoopReport {
  const readings = { startReading: 0, endReading: 1, pulses: 1, runOnPulses: 0 };
  return { on: "stopped", session, reason: "exhausted", ...readings, atMs: 0 };
}

test("after the start, and after so many sessions once none runs", async () => {
  const channel = collectWhenQuiet(plain);
  const heard: LoopCommand[] = [];
  channel.onCommand((command) => heard.push(command));
  await soon();
  expect(collected).toBe(1);
  grant("long");
  for (let i = 0; i < SESSIONS; i++) {
    grant(String(i));
    channel.report(stopped(String(i)));
    await soon();
  }
  expect(collected).toBe(1);
  channel.report(stopped("long"));
  // What it told the device comes first.
  expect([collected, passed.length]).toEqual([1, SESSIONS + 1]);
  await soon();
  expect(collected).toBe(2);
  expect(heard).toHaveLength(SESSIONS + 1);
});

test("not while a session began in the meantime, nor after a few", async () => {
  const channel = collectWhenQuiet(plain);
  channel.onCommand(() => undefined);
  grant("first");
  await soon();
  expect(collected).toBe(0);
  channel.report(stopped("first"));
  await soon();
  expect(collected).toBe(1);
  grant("second");
  channel.report(stopped("second"));
  await soon();
  expect(collected).toBe(1);
});
