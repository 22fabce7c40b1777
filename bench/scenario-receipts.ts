// The signed receipts of a bench, by which a recording is held that put nothing on the wire: a sale to whoever stands there.

import type { Bench } from "./bench.ts";

/** The oldest are forgotten. */
const RECEIPTS_MAX = 64;

export interface ReceiptOfBoard {
  board: string;
  /** In hexadecimal digits. */
  signed: string;
}

/** From now on; gives the latest so far, oldest first. */
export function watchReceipts(bench: Pick<Bench, "onEvent">): () => readonly ReceiptOfBoard[] {
  const receipts: ReceiptOfBoard[] = [];
  bench.onEvent((event) => {
    if (event.is !== "receipt") return;
    const { board, signed } = event;
    receipts.push({ board, signed });
    if (receipts.length > RECEIPTS_MAX) receipts.shift();
  });
  return () => receipts;
}
