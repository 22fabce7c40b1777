// Whether the books of a site balance, to the minor unit and to the pulse: what the payment host has, what the chain of
// signed receipts says, and what really flowed.

import { durableOrders } from "../../bench/invariants.ts";
import { crypto, type Site } from "../../bench/site.ts";
import { fromHex } from "../../firmware/bytes.ts";
import { type Receipt, verifyChain } from "../../firmware/token/receipt.ts";
import type { OutletPart } from "../../hal/board.ts";

export interface Books {
  orders: number;
  /** Kept at the payment host, and what receipts say was delivered, forfeited or is owed. */
  keptMinor: number;
  receiptedMinor: number;
  /** Flowed, and accounted for on receipts. */
  flowedPulses: number;
  receiptedPulses: number;
  cuts: number;
  wrong: readonly string[];
}

/** The first meter of each outlet is the one that is charged by. */
export async function booksOf(site: Site, outlets: readonly OutletPart[]): Promise<Books> {
  const wrong: string[] = [];
  const signed = site.store
    .durable("receipt")
    .map(({ body }) => fromHex(JSON.parse(body).signed) ?? new Uint8Array());
  const chain = verifyChain(signed, site.signKey, crypto);
  if (!chain.ok) wrong.push(`the chain of receipts is broken: ${chain.fault.message}`);
  const receipts = chain.ok ? chain.value : [];
  const { orders, receiptedMinor } = settle(receipts, wrong);
  const charges = await site.host.charges();
  let keptMinor = 0;
  for (const [reference, { capturedMinor, refundedMinor, reversed }] of charges) {
    const net = capturedMinor - refundedMinor;
    keptMinor += net;
    if (capturedMinor === 0 && !reversed) wrong.push(`I6: ${reference} is still held`);
    if (net !== (orders.get(reference) ?? 0)) {
      wrong.push(`I1: ${reference} has ${net}, receipts ${orders.get(reference) ?? 0}`);
    }
  }
  for (const { id, state } of durableOrders(site)) {
    if (state === "paid") wrong.push(`I6: order ${id} is left open`);
  }
  const flowedPulses = outlets.reduce(
    (sum, { id, meters: [meter] }) =>
      sum + (site.board.metal.outlet(id).meters[meter?.id ?? ""]?.physical ?? 0),
    0,
  );
  const receiptedPulses = receipts.reduce((sum, one) => {
    if (one.is !== "session") return sum;
    return sum + one.pulses + one.runOnPulses - (one.breakdown?.streamed?.caughtUpPulses ?? 0);
  }, 0);
  if (keptMinor !== receiptedMinor) {
    wrong.push(`I1: ${keptMinor} kept, ${receiptedMinor} on receipts`);
  }
  if (flowedPulses !== receiptedPulses) {
    wrong.push(`I10: ${flowedPulses} pulses flowed, ${receiptedPulses} are on receipts`);
  }
  return {
    ...{ orders: orders.size, keptMinor, receiptedMinor, flowedPulses, receiptedPulses },
    cuts: site.cuts,
    wrong: wrong.slice(0, 10),
  };
}

/** What each payment should have come to, by reference. */
function settle(receipts: readonly Receipt[], wrong: string[]) {
  const orders = new Map<string, number>();
  let receiptedMinor = 0;
  for (const one of receipts) {
    if (one.is !== "settlement") continue;
    const { payment, amountMinor, capturedMinor, refundedMinor, forfeitedMinor, owedMinor } = one;
    const kept = amountMinor + forfeitedMinor + owedMinor;
    if (capturedMinor !== kept + refundedMinor) {
      wrong.push(`I1: ${capturedMinor} captured, ${kept} kept, ${refundedMinor} back`);
    }
    if (orders.has(payment)) wrong.push(`I2: ${payment} was settled twice`);
    orders.set(payment, kept);
    receiptedMinor += kept;
  }
  return { orders, receiptedMinor };
}
