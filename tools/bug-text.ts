// The text of an error of ours that nobody caught, as it may be shown: what the log hides is hidden here too, and the
// lines of the stack stay lines.

import { hideSecrets, plainText } from "../firmware/log.ts";

const CHARACTERS_MAX = 32_768;
const LINES_MAX = 64;

export function bugText(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  // As a whole first: a key stands on several lines.
  const lines = hideSecrets(text.slice(0, CHARACTERS_MAX)).split("\n");
  return lines.slice(0, LINES_MAX).map(plainText).join("\n");
}
