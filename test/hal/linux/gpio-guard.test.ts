// The guard of the outputs: what it does when the program that started it dies, stalls or ends. Without lines, which
// test/kernel/guard.test.ts has.

import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test, vi } from "vitest";
import { startGuard } from "../../../hal/linux/gpio-guard.ts";
import { ended, guardsOf, order, startLoop } from "../../support/guarded-loop.ts";

const SILENT_MS = 400;

const children: ChildProcess[] = [];
const start = async (): Promise<ChildProcess> => {
  const child = await startLoop(SILENT_MS);
  children.push(child);
  return child;
};
const guards = (child: ChildProcess): number[] => guardsOf(child);

afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  await vi.waitFor(() => expect(guardsOf(...children)).toEqual([]));
  children.length = 0;
});

test("a loop that ends in order lets its guard go, and may take its time over the beats", async () => {
  const child = await start();
  const guard = guards(child);
  expect(guard).toHaveLength(1);
  await sleep(SILENT_MS * 2);
  expect(guards(child)).toEqual(guard);
  await order(child, "end");
  await vi.waitFor(() => expect(guards(child)).toEqual([]));
  expect(child.exitCode).toBe(0);
});

test("I7: a loop that stalls is killed, not sooner than stated and soon after", async () => {
  const child = await start();
  const startMs = performance.now();
  child.kill("SIGSTOP");
  expect(await ended(child)).toBe("SIGKILL");
  const afterMs = performance.now() - startMs;
  expect(afterMs).toBeGreaterThan(SILENT_MS * 0.7);
  expect(afterMs).toBeLessThan(SILENT_MS * 3);
  await vi.waitFor(() => expect(guards(child)).toEqual([]));
});

test("a loop that loses its guard ends", async () => {
  const child = await start();
  const [guard = -1] = guards(child);
  process.kill(guard, "SIGKILL");
  expect(await ended(child)).toBe(3);
});

test("the keys and the stop of a whole service do not end it before the loop", async () => {
  const child = await start();
  const [guard = -1] = guards(child);
  for (const signal of ["SIGINT", "SIGHUP", "SIGTERM"] as const) process.kill(guard, signal);
  await sleep(100);
  expect(guards(child)).toEqual([guard]);
  child.kill("SIGKILL");
  await vi.waitFor(() => expect(guards(child)).toEqual([]));
});

test("a line that it cannot reach is refused at the start, with the reason", async () => {
  const started = startGuard({
    outputs: ["/dev/gpiochip-none:1:0"],
    silentMsMax: SILENT_MS,
    onLost: () => undefined,
  });
  await expect(started).rejects.toMatchObject({ kind: "refused" });
  await expect(started).rejects.toThrow(/gpiochip-none: No such file or directory/);
});
