// Receipt printer that takes ESC/POS on a serial line. The one place that knows the library that encodes it.

import ReceiptPrinterEncoder from "@point-of-sale/receipt-printer-encoder";
import type { PrinterPart } from "../board.ts";
import type { Clock } from "../clock.ts";
import { HalError } from "../hal-error.ts";
import type { PrintedReceipt, Printer } from "../printer.ts";
import type { OpenSerial } from "../serial.ts";
import { keepSerialLine } from "./serial-line.ts";

export type PaperSize = Pick<PrinterPart, "columns">;

const CODE_SIZE = 3;
/** The right half of a line, for what stands there. */
const LINES_MAX = 64;

/** The line is opened anew when it was unplugged. A printer says nothing: out of paper looks printed. */
export function openEscposPrinter(open: OpenSerial, clock: Clock, size: PaperSize): Printer {
  const line = keepSerialLine(open, clock);
  return {
    print: async (receipt) => {
      try {
        await line.write(receiptBytes(receipt, size.columns));
        return "printed";
      } catch (error) {
        if (error instanceof HalError) return "failed";
        throw error;
      }
    },
    close: () => line.close(),
  };
}

function receiptBytes({ lines, code }: PrintedReceipt, columns: PaperSize["columns"]): Uint8Array {
  const encoder = new ReceiptPrinterEncoder({ language: "esc-pos", columns, feedBeforeCut: 3 });
  encoder.initialize().codepage("cp858");
  for (const line of lines.slice(0, LINES_MAX)) encoder.text(inColumns(line, columns)).newline();
  if (code !== undefined) {
    encoder.align("center").qrcode(code, { model: 2, size: CODE_SIZE, errorlevel: "l" });
  }
  return encoder.align("left").cut().encode();
}

/** Left part, blanks, right part: what does not fit beside each other stands in two lines. */
function inColumns(line: string, columns: number): string {
  const [left = "", right] = line.replace(/[^\t\P{Cc}]/gu, " ").split("\t");
  if (right === undefined) return left;
  const blanks = columns - [...left].length - [...right].length;
  if (blanks >= 1) return left + " ".repeat(blanks) + right;
  return `${left}\n${right.padStart(columns)}`;
}
