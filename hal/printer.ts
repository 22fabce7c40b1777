// Printer port: a receipt on paper.

export interface PrintedReceipt {
  /** Printable text, a line each; left and right part of a line are told apart by a tab. */
  lines: readonly string[];
  /** Content of a QR code below them. */
  code?: string;
}

export interface Printer {
  /** Resolves when the bytes were handed to the line: `failed` when the printer was not there. */
  print(receipt: PrintedReceipt): Promise<"printed" | "failed">;
  /** Idempotent. */
  close(): Promise<void>;
}
