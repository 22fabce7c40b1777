// What a reader does for a protocol of ISO 7816-3: it carries one block, or one command of T=0, to the card and
// brings back what the card says to it.

export type BlockAnswer =
  | { kind: "block"; bytes: Uint8Array }
  /** The card was taken away, or lost its power. */
  | { kind: "gone" }
  /** The reader is gone. */
  | { kind: "lost" }
  /** It never went to the card. */
  | { kind: "refused" }
  /** It may have gone to the card; what that said, if anything, is not known. */
  | { kind: "unclear" }
  /** What the card said arrived at the reader garbled. */
  | { kind: "garbled" };

export interface BlockSender {
  /** Sends once. `times` is how many times the usual waiting time the card has asked for, 1 otherwise. */
  send(block: Uint8Array, times: number): Promise<BlockAnswer>;
}
