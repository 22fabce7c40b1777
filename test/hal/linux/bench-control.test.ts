// The control socket of a bench: one line in, one out, in a folder of any length; what is too long or no JSON harms
// nobody, and whoever asks where no bench runs is told so.

import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { HalError } from "../../../hal/hal-error.ts";
import { askBench, type BenchControl, openBenchControl } from "../../../hal/linux/bench-control.ts";

let folder = "";
let controls: BenchControl[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-control-"));
  controls = [];
});
afterEach(() => {
  for (const control of controls) control.close();
  rmSync(folder, { recursive: true, force: true });
});

async function serve(where = folder, answer = (asked: unknown): unknown => ({ asked })) {
  const control = await openBenchControl(where, async (asked) => answer(asked));
  controls.push(control);
  return control;
}

async function trouble(asking: Promise<unknown>): Promise<string | undefined> {
  return asking.then(
    () => undefined,
    (error: unknown) => (error instanceof HalError ? error.kind : String(error)),
  );
}

test("answers what it is asked, also from a folder whose name is longer than a socket's may be", async () => {
  const long = join(folder, "d".repeat(200), "bench");
  await serve(long);
  expect(await askBench(long, { do: "list" })).toEqual({ asked: { do: "list" } });
  expect(statSync(long).mode & 0o777).toBe(0o700);
  // Not at a name that was cut off.
  expect(existsSync(join(long, "control.sock"))).toBe(true);
});

test("takes the place of a socket that an earlier bench left", async () => {
  writeFileSync(join(folder, "control.sock"), "");
  chmodSync(folder, 0o700);
  await serve();
  expect(await askBench(folder, 1)).toEqual({ asked: 1 });
});

test("a bench that does not run is disconnected, whether it ever did or not", async () => {
  expect(await trouble(askBench(join(folder, "none"), {}))).toBe("disconnected");
  expect(await trouble(askBench(folder, {}))).toBe("disconnected");
  const control = await serve();
  control.close();
  control.close();
  expect(await trouble(askBench(folder, {}))).toBe("disconnected");
});

function send(text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection(join(folder, "control.sock"));
    let heard = "";
    socket.on("connect", () => socket.write(text));
    socket.on("data", (chunk) => {
      heard += String(chunk);
      if (heard.endsWith("\n")) socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(heard));
  });
}

test("what is no JSON is handed on as nothing", async () => {
  await serve(folder, (asked) => ({ isNothing: asked === undefined }));
  expect(await send("{\n")).toBe('{"isNothing":true}\n');
});

test("a line without end is cut off, and the next who asks is served", async () => {
  await serve();
  const startMs = performance.now();
  expect(await send("x".repeat(100_000))).toBe("");
  // Who only says nothing is waited for longer.
  expect(performance.now() - startMs).toBeLessThan(4_000);
  expect(await askBench(folder, 2)).toEqual({ asked: 2 });
});

test("an answer that is too long is none", async () => {
  await serve(folder, () => "x".repeat(300 * 1024));
  expect(await trouble(askBench(folder, {}))).toBe("corrupt");
});

test("no socket where there can be none", async () => {
  writeFileSync(join(folder, "file"), "");
  const opening = openBenchControl(join(folder, "file", "bench"), async () => 0);
  await expect(opening).rejects.toThrow();
  expect(existsSync(join(folder, "file", "bench"))).toBe(false);
});
