// Character LCD on a serial line that takes Matrix Orbital commands: 0xFE, a letter, its operands. It has no codes, and
// shows what the controller's own alphabet has: everything else becomes a question mark.

import type { Clock } from "../clock.ts";
import type { Display, DisplayPage } from "../display.ts";
import { HalError } from "../hal-error.ts";
import type { OpenSerial } from "../serial.ts";
import { keepSerialLine, type SerialLine } from "./serial-line.ts";

export interface LcdSize {
  columns: number;
  rows: number;
}

const COMMAND = 0xfe;
const CLEAR = 0x58;
const SET_CURSOR = 0x47;

/** The line is opened anew when it was unplugged, and the last page is shown again. */
export function openLcdDisplay(open: OpenSerial, clock: Clock, size: LcdSize): Display {
  return new LcdDisplay(keepSerialLine(open, clock), size);
}

class LcdDisplay implements Display {
  readonly showsCodes = false;
  readonly #line: SerialLine;
  readonly #size: LcdSize;
  #page: DisplayPage = { lines: [] };
  #isWriting = false;
  #isStale = false;

  constructor(line: SerialLine, size: LcdSize) {
    this.#line = line;
    this.#size = size;
    line.onState((up) => {
      if (up) this.show(this.#page);
    });
  }

  show(page: DisplayPage): void {
    this.#page = page;
    this.#isStale = true;
    if (!this.#isWriting) void this.#write();
  }

  close(): Promise<void> {
    return this.#line.close();
  }

  /** One page after the other; of those that came meanwhile the last. */
  async #write(): Promise<void> {
    this.#isWriting = true;
    try {
      while (this.#isStale && this.#line.isUp()) {
        this.#isStale = false;
        await this.#line.write(pageBytes(this.#page, this.#size));
      }
    } catch (error) {
      // It is shown again when the line is back.
      if (!(error instanceof HalError)) throw error;
    } finally {
      this.#isWriting = false;
    }
  }
}

/** Clears, then every row from its first column. */
function pageBytes({ lines }: DisplayPage, { columns, rows }: LcdSize): Uint8Array {
  const bytes = [COMMAND, CLEAR];
  for (const [row, line] of lines.slice(0, rows).entries()) {
    bytes.push(COMMAND, SET_CURSOR, 1, row + 1);
    for (const sign of [...line].slice(0, columns)) {
      const code = sign.codePointAt(0) ?? 0;
      bytes.push(code >= 0x20 && code < 0x7f ? code : 0x3f);
    }
  }
  return Uint8Array.from(bytes);
}
