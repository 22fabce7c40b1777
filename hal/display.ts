// Display port: a few lines of text for whoever stands at the board, and, where it can show one, a QR code.
// Showing never fails: a display that is gone shows what was last asked for when it is back.

export interface DisplayPage {
  /** At most DISPLAY_LINES_MAX lines of printable text; what does not fit is cut off by the driver. */
  lines: readonly string[];
  /** A QR code drawn with half blocks, row by row, for a display that can show one. */
  code?: readonly string[];
}

export const DISPLAY_LINES_MAX = 8;

export interface Display {
  /** Whether it can show codes. */
  readonly showsCodes: boolean;
  show(page: DisplayPage): void;
  /** Idempotent. */
  close(): Promise<void>;
}
