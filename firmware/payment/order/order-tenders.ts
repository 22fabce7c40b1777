// What paid an order: one tender or several, kept until the order is closed. A plain card payment is rebuilt from the
// order itself and costs no record of its own.

import type { HostAnswer } from "../../../hal/payment-host.ts";
import { assert } from "../../assert.ts";
import { PAYMENT_APPLICATION } from "../application/application-info.ts";
import { isUsableReference, referencesOf } from "../application/host-references.ts";
import type { Amounts } from "../model/amounts.ts";
import { totalOf } from "../model/amounts-arithmetic.ts";
import { apportion } from "../model/apportion.ts";
import { textOf } from "../model/data-access.ts";
import type { PaymentResponse } from "../model/payment.ts";
import type { TransactionResponse } from "../model/transaction.ts";
import { tenders } from "../model/transaction-sums.ts";
import type { LaterRefund, PaymentOrder } from "../payments.ts";
import type { Tender, TenderJournal } from "../record/flow-journal.ts";
import { transactionOf } from "./order-payment.ts";

/** A tender without the state that its record has. */
export type OrderTender = Omit<Tender, "state" | "atMs">;

/** Everything that a flow's services took, in the order in which they did. */
export function tendersOf({ id: flow, transactions }: PaymentResponse): readonly OrderTender[] {
  const all = transactions.flatMap((one) =>
    tenders(one).map((tender) => ({ transaction: one.id, tender })),
  );
  return all.map(({ transaction, tender }, index) => ({
    flow,
    transaction,
    n: index + 1,
    service: tender.service ?? "",
    method: tender.paymentMethod,
    amounts: tender.amounts,
    references: tender.references,
  }));
}

export function sumOf(all: readonly Pick<OrderTender, "amounts">[]): number {
  return all.reduce((sum, { amounts }) => sum + totalOf(amounts), 0);
}

/** The references of a payment by the first card that was given, which are all that a refund needs. */
function plainTender(order: PaymentOrder, amountMinor: number, reference: string): OrderTender {
  const transaction = transactionOf(order.id);
  const amounts: Amounts = { currency: order.currency, base: amountMinor, additional: {} };
  return {
    flow: order.id,
    transaction,
    n: 1,
    service: PAYMENT_APPLICATION,
    method: "card",
    amounts,
    references: {
      transactionId: { is: "text", value: transaction },
      hostReference: { is: "text", value: reference },
      hostAttempt: { is: "text", value: `${transaction}/authorise` },
    },
  };
}

/** What the host says of an attempt, after a restart. */
export function foundTender(
  order: PaymentOrder,
  attempt: string,
  answer: Extract<HostAnswer, { kind: "approved" }>,
): OrderTender {
  const plain = plainTender(order, answer.amountMinor, answer.reference);
  return { ...plain, references: referencesOf(plain.transaction, attempt, answer) };
}

/** Whether the order's own record says enough to find the money again. */
function isPlain(all: readonly OrderTender[]): boolean {
  const [first, ...others] = all;
  return (
    first !== undefined &&
    others.length === 0 &&
    first.service === PAYMENT_APPLICATION &&
    textOf(first.references, "hostAttempt") === `${first.transaction}/authorise`
  );
}

/** What stands on the order's receipts: the host's reference of a card payment, else the transaction. */
export function receiptReference(all: readonly OrderTender[]): string {
  const [first] = all;
  assert(first !== undefined, "what was paid was paid by somebody");
  const reference = all.length === 1 ? textOf(first.references, "hostReference") : undefined;
  // Whoever paid chose it: what no receipt can hold would make the order's own record unreadable.
  return reference !== undefined && isUsableReference(reference) ? reference : first.transaction;
}

/** Durable before the order is, where the order's record would not say enough. */
export async function keepTenders(
  journal: TenderJournal,
  all: readonly OrderTender[],
  atMs: number,
): Promise<void> {
  const [first] = all;
  if (first === undefined || isPlain(all)) return;
  const kept = await journal.list(first.flow);
  if (kept.filter(({ state }) => state === "taken").length === all.length) return;
  for (const tender of all) await journal.save({ ...tender, state: "taken", atMs });
}

/** Of an order that is paid. */
export async function keptTenders(
  journal: TenderJournal,
  order: PaymentOrder,
): Promise<readonly OrderTender[]> {
  const kept = (await journal.list(order.id)).filter(({ state }) => state === "taken");
  if (kept.length > 0) return kept;
  const { extras = [], reference, totalMinor } = order;
  const taken = extras.reduce((sum, { amountMinor }) => sum + amountMinor, totalMinor);
  return reference === undefined ? [] : [plainTender(order, taken, reference)];
}

export interface TenderShare {
  tender: OrderTender;
  shareMinor: number;
}

/** Divides an amount over the tenders in proportion to what each paid; the shares sum up to it exactly. */
export function sharesOf(amountMinor: number, all: readonly OrderTender[]): readonly TenderShare[] {
  const parts = divided(
    amountMinor,
    all.map(({ amounts }) => totalOf(amounts)),
  );
  return all.map((tender, index) => ({ tender, shareMinor: parts[index] ?? 0 }));
}

function divided(amountMinor: number, weights: readonly number[]): readonly number[] {
  const parts = apportion(amountMinor, weights);
  assert(parts.ok, "an amount of the order is divided over what paid it");
  return parts.value;
}

/** Of one more refund: all of them together stay in proportion, and none gives back more than was captured of it. */
export function laterSharesOf(
  amountMinor: number,
  all: readonly OrderTender[],
  { capturedMinor, before }: LaterRefund,
): readonly TenderShare[] {
  const captured = sharesOf(capturedMinor, all).map(({ shareMinor }) => shareMinor);
  let gone = captured.map(() => 0);
  let shares: readonly number[] = gone;
  let sumMinor = 0;
  for (const partMinor of [...before, amountMinor]) {
    sumMinor += partMinor;
    const lacking = divided(sumMinor, captured).map((due, index) => {
      return Math.max(0, due - (gone[index] ?? 0));
    });
    shares = divided(partMinor, lacking);
    gone = gone.map((so, index) => so + (shares[index] ?? 0));
  }
  return all.map((tender, index) => ({ tender, shareMinor: shares[index] ?? 0 }));
}

/** As the response that the tender was, for giving all of it back. */
export function asResponse(
  tender: Pick<OrderTender, "service" | "references"> & Partial<OrderTender>,
): TransactionResponse {
  const { service, references, method = "", amounts, n = 0 } = tender;
  return {
    id: String(n),
    outcome: "approved",
    paymentMethod: method,
    card: { data: {} },
    references,
    service,
    ...(amounts && { amounts }),
  };
}
