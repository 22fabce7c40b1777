// What a test of the Stripe host asks of it, and benches that are closed after each test.

import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import type { HostAnswer } from "../../hal/payment-host.ts";
import { bindingOf, credentialOf, order } from "../contract/payment-host-payer.ts";
import { openStripeBench, type StripeBench } from "./stripe-bench.ts";
import type { MockFault } from "./stripe-mock.ts";

export const AUTHORISE = `${order(1)}/1/authorise`;
export const CAPTURE = `${order(1)}/1/capture`;
export const REFUND = `${order(1)}/1/refund`;
export const REVERSE = `${order(1)}/1/reverse`;
export const CARD = "4111111111111111";
export const EVIDENCE = Uint8Array.of(0xca, 0xfe);
/** Faults that end at once: nothing waits. */
export const QUICK: readonly MockFault[] = ["reset", "server-error", "malformed", "scalar", "huge"];

const open: StripeBench[] = [];

/** After each test. */
export async function closeBenches(): Promise<void> {
  for (const bench of open.splice(0)) await bench.close();
}

export async function bench(...options: Parameters<typeof openStripeBench>): Promise<StripeBench> {
  const opened = await openStripeBench(...options);
  open.push(opened);
  return opened;
}

export function eur(amountMinor: number) {
  return { amountMinor, currency: "EUR" };
}

/** The amount may be below what the payer signed. */
export function authorise(
  { host }: StripeBench,
  amountMinor?: number,
  card = CARD,
): Promise<HostAnswer> {
  const crypto = openNodeCrypto();
  const cards = { approve: card, decline: card };
  const credential = credentialOf({ host, crypto, cards } as never);
  return host.authorise(AUTHORISE, credential, bindingOf(), amountMinor);
}

export function payWith({ host }: StripeBench, method: string): Promise<HostAnswer> {
  const token = new TextEncoder().encode(method);
  const credential = { kind: "token", payerKey: new Uint8Array(32).fill(7), token } as const;
  return host.authorise(AUTHORISE, credential, bindingOf());
}

export function referenceOf(answer: HostAnswer): string {
  if (answer.kind !== "approved") throw new Error(JSON.stringify(answer));
  return answer.reference;
}

export async function insist(call: () => Promise<HostAnswer>): Promise<HostAnswer> {
  for (let round = 0; round < 8; round++) {
    const answer = await call();
    if (answer.kind !== "no-answer") return answer;
  }
  throw new Error("no answer after 8 rounds");
}

/** What the mock has in its books, over all intents. */
export function sums({ mock }: StripeBench): { held: number; taken: number; back: number } {
  const sum = { held: 0, taken: 0, back: 0 };
  for (const one of mock.ledger.intents.values()) {
    sum.held += one.amountCapturable;
    sum.taken += one.amountReceived;
    sum.back += one.refunded;
  }
  return sum;
}
