// The books of the simulated payment host: its charges, and the batch of what was captured and given back since the one
// before.

import type { HostBatch } from "../payment-host.ts";

export interface SimCharge {
  authorisedMinor: number;
  capturedMinor: number;
  refundedMinor: number;
  reversed: boolean;
  currency: string;
  /** First six and last four digits only. */
  card: string;
  /** Digest of the commitment that it is bound to, in hexadecimal. */
  stream?: string;
}

export type SimBatch = Omit<HostBatch, "kind" | "batch"> & { number: number };

export function emptyBatch(number: number): SimBatch {
  return { number, captures: 0, capturedMinor: 0, refunds: 0, refundedMinor: 0 };
}

export function take(charge: SimCharge, batch: SimBatch, amountMinor: number): void {
  charge.capturedMinor = amountMinor;
  batch.captures++;
  batch.capturedMinor += amountMinor;
}

export function giveBack(charge: SimCharge, batch: SimBatch, amountMinor: number): void {
  charge.refundedMinor += amountMinor;
  batch.refunds++;
  batch.refundedMinor += amountMinor;
}
