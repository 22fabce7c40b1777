// A card or a tag of the bench, as a simulated reader holds it. It computes and encodes for itself.

export interface SimCard {
  /** As it is called on the command line, such as "visa-test". */
  readonly name: string;
  /** Answer to reset (ISO 7816-3), for a card with contacts. */
  readonly atr?: Uint8Array;
  /** What it says in the field (ISO 14443-3 type A), for a contactless one; `ats` with its length byte, for those with SAK bit 20. */
  readonly field?: {
    /** 4, 7 or 10 bytes. */
    uid: Uint8Array;
    sensRes: readonly [number, number];
    selRes: number;
    ats?: Uint8Array;
  };
  /** A command APDU in, data and status word out. Absent for a tag of memory. */
  apdu?(command: Uint8Array): Uint8Array;
  /** Memory of an NFC Forum type 2 tag. Absent for other cards. */
  memory?: {
    /** Four pages of four bytes from `page` on; undefined for a page that is not there. */
    read(page: number): Uint8Array | undefined;
    /** False where it may not be written. */
    write(page: number, bytes: Uint8Array): boolean;
  };
  /** Power or field was lost: what it had selected is forgotten. */
  reset(): void;
}
