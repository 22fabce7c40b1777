// One payment that was approved without the payment host, as it stands on disk: what the host must still be told, in
// order, and what was promised meanwhile. The card is in it only sealed, and only until the host has decided.

import type { HostBinding, HostCredential } from "../../../hal/payment-host.ts";
import { fromHex, toHex } from "../../bytes.ts";

export type SealedCredential = Extract<HostCredential, { kind: "sealed" }>;

/** What the host is still to be told, after it has decided about the payment. */
export interface DeferredStep {
  /** The name under which it was asked of us, and will be of the host. */
  attempt: string;
  kind: "capture" | "refund" | "reverse";
  amountMinor: number;
  /** Of a capture: hexadecimal. */
  evidence?: string;
}

export interface DeferredRecord {
  attempt: string;
  /** As it was told to the sale. */
  reference: string;
  amountMinor: number;
  currency: string;
  atMs: number;
  /** `open`: the host has not decided. `lost`: it declined, and what was delivered is a loss. */
  state: "open" | "authorised" | "lost" | "reversed";
  /** Sealed, while the host has not decided: hexadecimal. */
  sealed?: {
    payerKey: string;
    nonce: string;
    box: string;
    readAtBoard: "tap" | "insert";
    offer: string;
    boundMinor: number;
  };
  /** What the host approved. */
  host?: { reference: string; amountMinor: number };
  /** As promised to the sale; at the host once the steps are done. */
  capturedMinor: number;
  refundedMinor: number;
  hostCapturedMinor: number;
  hostRefundedMinor: number;
  /** The sale wants it undone. */
  isUndone: boolean;
  /** Refunds that the host refused: owed to the payer. */
  owedMinor: number;
  steps: readonly DeferredStep[];
  /** Those that were answered, and need not be told the host any more, by their attempts. */
  done: readonly DeferredStep[];
}

export function newDeferred(
  named: { attempt: string; reference: string; atMs: number },
  { payerKey, nonce, box }: SealedCredential,
  readAtBoard: "tap" | "insert",
  binding: HostBinding,
  amountMinor: number,
): DeferredRecord {
  const hidden = { payerKey: toHex(payerKey), nonce: toHex(nonce), box: toHex(box) };
  return {
    ...named,
    ...{ amountMinor, currency: binding.currency, state: "open", isUndone: false },
    sealed: {
      ...{ ...hidden, readAtBoard },
      ...{ offer: toHex(binding.offer), boundMinor: binding.amountMinor },
    },
    ...{ capturedMinor: 0, refundedMinor: 0, hostCapturedMinor: 0, hostRefundedMinor: 0 },
    ...{ owedMinor: 0, steps: [], done: [] },
  };
}

/** What the host was, and will be, asked with; undefined where that cannot be read any more. */
export function askedWith({
  sealed,
  currency,
}: DeferredRecord): { credential: SealedCredential; binding: HostBinding } | undefined {
  if (sealed === undefined) return undefined;
  const { boundMinor, readAtBoard } = sealed;
  const [payerKey, nonce, box, offer] = [
    sealed.payerKey,
    sealed.nonce,
    sealed.box,
    sealed.offer,
  ].map(fromHex);
  if (!payerKey || !nonce || !box || !offer) return undefined;
  return {
    credential: { kind: "sealed", payerKey, nonce, box, readAtBoard },
    binding: { offer, amountMinor: boundMinor, currency },
  };
}

export function keptMinor({ capturedMinor, refundedMinor }: DeferredRecord): number {
  return capturedMinor - refundedMinor;
}

/** What the seller stands to lose while the host has not decided. */
export function riskMinor(record: DeferredRecord): number {
  if (record.state !== "open" || record.isUndone) return 0;
  return record.capturedMinor > 0 ? keptMinor(record) : record.amountMinor;
}

/** What was delivered and is not paid, as far as it is decided. */
export function lostMinor(record: DeferredRecord): number {
  if (record.state === "lost" && !record.isUndone) return keptMinor(record);
  if (record.state !== "authorised" || record.steps.length > 0 || record.isUndone) return 0;
  const atHostMinor = record.hostCapturedMinor - record.hostRefundedMinor;
  return Math.max(0, keptMinor(record) - atHostMinor);
}

/** Settled, and the sale is done with it: what is still held is to be captured or undone, however old it is. */
export function isOver(record: DeferredRecord): boolean {
  return isSettled(record) && (record.capturedMinor > 0 || record.isUndone);
}

/** Nothing is left to be told to anybody. */
export function isSettled({ state, steps }: DeferredRecord): boolean {
  return state !== "open" && steps.length === 0;
}
