// A device file read in a thread of its own is read as it is here: what crosses is plain data.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readDeviceFile } from "../../tools/device-file.ts";
import { requireBuilt } from "../support/built.ts";

const BOARDS = fileURLToPath(new URL("../../boards", import.meta.url));
const BUILT = new URL("../../build/tools/device-file-apart.js", import.meta.url).href;

test("every device file that comes with it, and one that is not there", async () => {
  requireBuilt("tools/device-file-apart.js");
  const { readDeviceFileApart } = (await import(
    /* @vite-ignore */ BUILT
  )) as typeof import("../../tools/device-file-apart.ts");
  const files = readdirSync(BOARDS).filter((name) => name.endsWith(".yaml"));
  expect(files.length).toBeGreaterThan(5);
  for (const name of [...files, "none.yaml"]) {
    const path = join(BOARDS, name);
    expect(await readDeviceFileApart(path)).toEqual(readDeviceFile(path));
  }
});
