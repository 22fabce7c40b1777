// A bug of ours in a line: what was thrown, and where.

import { plainText } from "../firmware/log.ts";

/** Never throws, whatever was thrown. */
export function bugWords(error: unknown): string {
  if (!(error instanceof Error)) return `thrown: ${plainText(typeof error)}`;
  const { name, message, stack = "" } = error;
  const [where = ""] = stack.split("\n").filter((line) => /^\s+at /.test(line));
  return plainText(`${name}: ${message} ${where.trim()}`.trim());
}
