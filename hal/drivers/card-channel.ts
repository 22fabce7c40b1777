// A card that is there and powered, as the readers' drivers hand it to whoever speaks to cards: APDUs of ISO 7816-4
// in and out. What the link below needs (blocks, chaining, waiting time, GET RESPONSE, the length again after 6Cxx) is done below.

export type ApduAnswer =
  /** `data` without the status word; `status` is SW1 and SW2 as one number, such as 0x9000. */
  | { kind: "answer"; data: Uint8Array; status: number }
  /** The card was taken away. */
  | { kind: "gone" }
  /** It is there and does not answer, or answers what is no APDU. */
  | { kind: "mute" }
  /** The reader is gone. */
  | { kind: "lost" };

export interface CardChannel {
  readonly way: "tap" | "insert";
  /** At most 261 bytes. A case-4 command has its Le of 00. */
  transmit(command: Uint8Array): Promise<ApduAnswer>;
}
