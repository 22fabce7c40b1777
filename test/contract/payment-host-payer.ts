// A payer for contract tests: seals a card to the host under test by the documented layout.

import type { HostBinding, HostCredential } from "../../hal/payment-host.ts";
import type { HostBench } from "./payment-host-bench.ts";

export const CURRENCY = "EUR";
/** The secret of a payer who pays everywhere in these tests. */
export const PAYER_SECRET = new Uint8Array(32).fill(0x31);

export interface Sealing {
  offer?: number;
  amountMinor?: number;
  currency?: string;
  card?: string;
  /** Credentials of one nonce are one credential. */
  nonce?: number;
  secret?: Uint8Array;
  /** Digest of the commitment that stands in the offer's place. */
  stream?: Uint8Array;
}

export function bindingOf(sealing: Sealing = {}): HostBinding {
  const { offer = 1, amountMinor = 1_000, currency = CURRENCY, stream } = sealing;
  return { offer: stream ?? new Uint8Array(16).fill(offer), amountMinor, currency };
}

export function credentialOf(bench: HostBench, sealing: Sealing = {}): HostCredential {
  const { crypto, host } = bench;
  const { offer, amountMinor, currency } = bindingOf(sealing);
  const { card = bench.cards.approve, secret = PAYER_SECRET } = sealing;
  if (bench.present !== undefined) {
    bench.present(card);
    return { kind: "present" };
  }
  const plain = new Uint8Array(25 + card.length);
  plain.set(offer, 0);
  new DataView(plain.buffer).setUint32(16, amountMinor);
  plain.set(new TextEncoder().encode(currency), 20);
  plain.set([30, sealing.stream === undefined ? 12 : 128 + 12], 23);
  plain.set(new TextEncoder().encode(card), 25);
  const nonce = new Uint8Array(24).fill(sealing.nonce ?? 1);
  const shared = crypto.boxShared(host.publicKey, secret);
  if (shared === undefined) throw new Error("the host's key is of small order");
  const box = crypto.seal(plain, nonce, shared);
  return { kind: "sealed", payerKey: crypto.boxPublicKey(secret), nonce, box };
}

/** Credential and binding of the same words, for `authorise`. */
export function paying(
  bench: HostBench,
  sealing: Sealing = {},
): [credential: HostCredential, binding: HostBinding] {
  return [credentialOf(bench, sealing), bindingOf(sealing)];
}

/** An order's name: 16 hexadecimal digits. */
export function order(number: number): string {
  return number.toString(16).padStart(16, "0");
}
