// Files beside keys, and keys: whole or not at all, on a disk that takes a part of what it is given.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { readKeyFile, writeKeyFile } from "../../hal/linux/key-file.ts";
import { replace, writeNew } from "../../tools/key-files.ts";

vi.mock("node:fs", async (original) => {
  const fs = await original<typeof import("node:fs")>();
  const writeSync = (fd: number, data: Uint8Array | string): number => {
    const bytes = Buffer.from(data as Uint8Array);
    return fs.writeSync(fd, bytes.subarray(0, bytes.length / 2));
  };
  return { ...fs, writeSync };
});

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-whole-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("what a disk takes in parts is written to the end", () => {
  const path = join(folder, "list");
  const content = new Uint8Array(1_400).fill(7);
  writeNew(path, content);
  expect(new Uint8Array(readFileSync(path))).toEqual(content);
  replace(path, "other");
  expect(readFileSync(path, "utf8")).toBe("other");
  const seed = new Uint8Array(32).fill(5);
  writeKeyFile(join(folder, "key.pem"), "ed25519", seed);
  expect(readKeyFile(join(folder, "key.pem")).seed).toEqual(seed);
});
