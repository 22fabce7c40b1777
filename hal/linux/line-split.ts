// Bytes into lines of text, with a bound: a line above it is left out whole and counted.

import { StringDecoder } from "node:string_decoder";

export interface LineSplit {
  push(chunk: Uint8Array): void;
  /** Lines left out because they were too long. */
  refused(): number;
}

/** Calls `onLine` without the line end. What follows the last line end waits for more. */
export function splitLines(charactersMax: number, onLine: (line: string) => void): LineSplit {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  let skipping = false;
  let refused = 0;
  return {
    push: (chunk) => {
      const pieces = (rest + decoder.write(Buffer.from(chunk))).split("\n");
      rest = pieces.pop() ?? "";
      for (const piece of pieces) {
        if (skipping) skipping = false;
        else if (piece.length > charactersMax) refused++;
        else onLine(piece);
      }
      if (rest.length > charactersMax) {
        if (!skipping) refused++;
        skipping = true;
      }
      if (skipping) rest = "";
    },
    refused: () => refused,
  };
}
