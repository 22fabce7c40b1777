// Tests that start other processes or threads need the compiled program.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Throws, saying what to run, when the program was not compiled. */
export function requireBuilt(file: string): void {
  const path = fileURLToPath(new URL(`../../build/${file}`, import.meta.url));
  if (!existsSync(path)) {
    throw new Error(`${path} is missing: run npx tsc -p tsconfig.build.json first`);
  }
}
