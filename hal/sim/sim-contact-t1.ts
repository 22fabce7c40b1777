// The card's side of T=1 on the bench: numbered blocks, chains, block sizes, requests for time, and blocks that come
// wrong on demand.

export interface SimT1Setup {
  /** Longest block that the card takes. */
  ifsc: number;
  crc: boolean;
  apdu(command: Uint8Array): Uint8Array;
  /** How many of the next blocks carry a wrong checksum; counted down. */
  badBlocks: { left: number };
  /** Times that it asks for more time before each answer. */
  timeRequests: () => number;
}

const IFSD_AT_RESET = 32;

export class SimT1 {
  readonly #setup: SimT1Setup;
  #ifsd = IFSD_AT_RESET;
  #ours = 0;
  #theirs = 0;
  #command: number[] = [];
  /** Pieces of the answer that are still to be sent. */
  #pieces: Uint8Array[] = [];
  #timeLeft = 0;
  #lastPiece: readonly [number, Uint8Array] | undefined;
  /** What was sent last, as control byte and data. */
  #last: readonly [number, Uint8Array] = [0x82, new Uint8Array(0)];

  constructor(setup: SimT1Setup) {
    this.#setup = setup;
  }

  /** The card's answer to one block. */
  receive(block: Uint8Array): Uint8Array {
    const answer = this.#answer(block);
    this.#last = answer;
    const bytes = this.#encode(...answer);
    if (this.#setup.badBlocks.left > 0) {
      this.#setup.badBlocks.left--;
      bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 0x55;
    }
    return bytes;
  }

  #answer(block: Uint8Array): readonly [number, Uint8Array] {
    const none = new Uint8Array(0);
    const wanted = (trouble: number) => [0x80 | (this.#theirs << 4) | trouble, none] as const;
    const edc = this.#setup.crc ? 2 : 1;
    const [, control = 0, length = 0] = block;
    if (block.length < 3 + edc || block.length !== 3 + length + edc) return wanted(2);
    const again = this.#checksum(block.subarray(0, 3 + length));
    if (!again.every((byte, i) => byte === block[3 + length + i])) return wanted(1);
    const data = block.slice(3, 3 + length);
    if ((control & 0x80) === 0) {
      if (length > this.#setup.ifsc || control >> 6 !== this.#theirs) return wanted(2);
      return this.#takeI(data, (control & 0x20) !== 0);
    }
    if ((control & 0x40) === 0) return this.#takeR((control >> 4) & 1);
    return this.#takeS(control, data) ?? wanted(2);
  }

  #takeI(data: Uint8Array, isMore: boolean): readonly [number, Uint8Array] {
    this.#theirs ^= 1;
    this.#lastPiece = undefined;
    this.#command.push(...data);
    if (isMore) return [0x80 | (this.#theirs << 4), new Uint8Array(0)];
    const answer = this.#setup.apdu(Uint8Array.from(this.#command.splice(0)));
    this.#pieces = [];
    for (let at = 0; at < answer.length; at += this.#ifsd) {
      this.#pieces.push(answer.slice(at, at + this.#ifsd));
    }
    this.#timeLeft = this.#setup.timeRequests();
    return this.#nextPiece();
  }

  #nextPiece(): readonly [number, Uint8Array] {
    if (this.#timeLeft > 0) {
      this.#timeLeft--;
      return [0xc3, Uint8Array.of(2)];
    }
    const piece = this.#pieces.shift() ?? new Uint8Array(0);
    const control = (this.#ours << 6) | (this.#pieces.length > 0 ? 0x20 : 0);
    this.#ours ^= 1;
    this.#lastPiece = [control, piece];
    return this.#lastPiece;
  }

  #takeR(wantedNumber: number): readonly [number, Uint8Array] {
    const isNextWanted = wantedNumber === this.#ours;
    if (!isNextWanted && this.#lastPiece !== undefined) return this.#lastPiece;
    // The next of a chain, where the host has the one before.
    const isLastPiece = (this.#last[0] & 0x80) === 0;
    if (isNextWanted && isLastPiece && this.#pieces.length > 0) return this.#nextPiece();
    return this.#last;
  }

  #takeS(control: number, data: Uint8Array): readonly [number, Uint8Array] | undefined {
    switch (control) {
      case 0xc0:
        this.#ours = 0;
        this.#theirs = 0;
        this.#ifsd = IFSD_AT_RESET;
        this.#command = [];
        this.#pieces = [];
        this.#lastPiece = undefined;
        return [0xe0, data];
      case 0xc1:
        this.#ifsd = data[0] ?? IFSD_AT_RESET;
        return [0xe1, data];
      case 0xe3:
        return this.#nextPiece();
      default:
        return undefined;
    }
  }

  #encode(control: number, data: Uint8Array): Uint8Array {
    const head = Uint8Array.of(0, control, data.length, ...data);
    return Uint8Array.of(...head, ...this.#checksum(head));
  }

  #checksum(bytes: Uint8Array): number[] {
    if (!this.#setup.crc) {
      let sum = 0;
      for (const byte of bytes) sum ^= byte;
      return [sum];
    }
    let crc = 0xffff;
    for (const byte of bytes) {
      for (let bit = 0; bit < 8; bit++) {
        const isOdd = ((crc ^ (byte >> bit)) & 1) === 1;
        crc >>= 1;
        if (isOdd) crc ^= 0x8408;
      }
    }
    return [~crc & 0xff, (~crc >> 8) & 0xff];
  }
}
