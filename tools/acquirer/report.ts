// The acquirer's settlement report: every payment, and the sums of each currency, to be laid beside a seller's books.

import { formatMinor } from "../../firmware/money.ts";
import type { BatchSums } from "../../hal/drivers/iso8583-batch.ts";
import { type AcquirerBooks, heldMinor, netMinor, type Payment } from "./books.ts";

export interface SettledPayment {
  reference: string;
  terminal: string;
  merchant: string;
  card: string;
  currency: string;
  atMs: number;
  authorisedMinor: number;
  /** Still held. */
  heldMinor: number;
  capturedMinor: number;
  refundedMinor: number;
  /** Given back by a reversal. */
  returnedMinor: number;
  /** What the merchant gets. */
  netMinor: number;
  reversed: boolean;
}

export type SettledSum = Omit<
  SettledPayment,
  "reference" | "terminal" | "merchant" | "card" | "atMs" | "reversed"
> & { payments: number };

/** A terminal's batch as the acquirer had it when it was closed. */
export interface SettledBatch extends BatchSums {
  terminal: string;
  batch: string;
  /** Empty for a batch of nothing. */
  currency: string;
  inBalance: boolean;
}

export interface Settlement {
  payments: readonly SettledPayment[];
  sums: readonly SettledSum[];
  batches: readonly SettledBatch[];
}

const SUMMED = [
  "authorisedMinor",
  "heldMinor",
  "capturedMinor",
  "refundedMinor",
  "returnedMinor",
  "netMinor",
] as const;

export function settlement(books: AcquirerBooks, nowMs: number): Settlement {
  const payments = books.payments().map((payment) => settled(payment, nowMs));
  const sums = new Map<string, SettledSum>();
  for (const payment of payments) {
    const { currency } = payment;
    const sum = sums.get(currency) ?? emptySum(currency);
    sum.payments++;
    for (const name of SUMMED) sum[name] += payment[name];
    sums.set(currency, sum);
  }
  return {
    payments,
    sums: [...sums.values()].sort((a, b) => (a.currency < b.currency ? -1 : 1)),
    batches: books.closings().flatMap(({ terminal, batch = "", currency, closed }) => {
      return closed === undefined
        ? []
        : [{ terminal, batch, currency, inBalance: closed.inBalance, ...closed.sums }];
    }),
  };
}

function settled(payment: Payment, nowMs: number): SettledPayment {
  const { reference, terminal, merchant, card, currency, atMs, authorisedMinor } = payment;
  const { capturedMinor, refundedMinor, returnedMinor, reversed } = payment;
  return {
    ...{ reference, terminal, merchant, card, currency, atMs, authorisedMinor },
    heldMinor: heldMinor(payment, nowMs),
    ...{ capturedMinor, refundedMinor, returnedMinor, netMinor: netMinor(payment), reversed },
  };
}

function emptySum(currency: string): SettledSum {
  const zeros = Object.fromEntries(SUMMED.map((name) => [name, 0]));
  return { currency, payments: 0, ...zeros } as SettledSum;
}

/** For people: one line for each payment, one for each currency. */
export function settlementText({ payments, sums, batches }: Settlement): readonly string[] {
  const closed = batches.map(batchText);
  if (payments.length === 0) return ["Nothing to settle: no payment was approved.", ...closed];
  const lines = payments.map((payment) => {
    const { reference, terminal, card, atMs, reversed, currency } = payment;
    const at = new Date(atMs).toISOString().slice(0, 19);
    return `  ${at}Z  ${reference}  ${terminal}  ${card}  ${partsText(payment, currency)}${
      reversed ? "  reversed" : ""
    }`;
  });
  const totals = sums.map(
    (sum) => `${String(sum.payments).padStart(6)} payments  ${partsText(sum, sum.currency)}`,
  );
  return [...lines, ...totals, ...closed];
}

function batchText({ terminal, batch, currency, inBalance, ...sums }: SettledBatch): string {
  const { captures, refunds, returns } = sums;
  const netMinor = sums.capturedMinor - sums.refundedMinor - sums.returnedMinor;
  const counts = `captures ${captures}  refunds ${refunds}  returns ${returns}`;
  const net = currency === "" ? "" : `  net ${formatMinor(netMinor, currency)}`;
  const balance = inBalance ? "in balance" : "out of balance";
  return `  batch ${batch}  ${terminal}  ${counts}${net}  ${balance}`;
}

function partsText(sum: Omit<SettledSum, "payments">, currency: string): string {
  const parts = [
    ["held", sum.heldMinor],
    ["captured", sum.capturedMinor],
    ["refunded", sum.refundedMinor],
    ["returned", sum.returnedMinor],
  ] as const;
  const said = parts
    .filter(([, minor]) => minor !== 0)
    .map(([name, minor]) => `${name} ${formatMinor(minor, currency)}`);
  return [...said, `net ${formatMinor(sum.netMinor, currency)}`].join("  ");
}
