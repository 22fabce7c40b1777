// Modules of the page for tests that run without a browser: they are of another TypeScript program, which knows the browser's types.

import { join } from "node:path";

/** `Is` is what the test needs of it. */
export async function pageModule<Is>(name: string): Promise<Is> {
  return (await import(join(import.meta.dirname, "..", "..", "page", name))) as Is;
}
