// The lines of a board as a program sees them that may die: a dead one drives nothing any more.

import type { Lines } from "../hal/pin.ts";
import { PowerCut } from "./mortal-host.ts";

export interface LineLife {
  alive(): boolean;
  /** Around each write of an output; the program may be dead after either. */
  before(): void;
  after(): void;
  /** An output is about to be driven active. */
  onActive(line: string): void;
}

export function mortalLines(lines: Lines, { alive, before, after, onActive }: LineLife): Lines {
  const opened = <T>(open: () => T): T => {
    if (alive()) return open();
    throw new PowerCut();
  };
  return {
    input: (name) => opened(() => lines.input(name)),
    edges: (name) => opened(() => lines.edges(name)),
    output: (name) => {
      const pin = opened(() => lines.output(name));
      return {
        set: (active) => {
          if (!alive()) return;
          before();
          if (!alive()) return;
          if (active) onActive(name);
          pin.set(active);
          after();
        },
        close: () => {
          if (alive()) pin.close();
        },
      };
    },
  };
}
