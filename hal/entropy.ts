// Entropy port: unpredictable bytes on a board, seeded ones on the bench.

export interface Entropy {
  bytes(length: number): Uint8Array;
}
