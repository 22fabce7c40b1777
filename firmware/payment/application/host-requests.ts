// Requests to the payment host that charge nobody: money back, a hold made final, a reversal, a token, the end of the
// day. Each finds what it is about by the references of the response that it follows.

import type { PaymentHost } from "../../../hal/payment-host.ts";
import type { Amounts } from "../model/amounts.ts";
import { totalOf } from "../model/amounts-arithmetic.ts";
import type { Data } from "../model/data.ts";
import { entryOf, textOf } from "../model/data-access.ts";
import type { Charge, Undone } from "./charge.ts";
import { stepKey } from "./charge.ts";
import type { Decided, HostCalls, Patience } from "./host-calls.ts";
import { cardSeen, words } from "./host-references.ts";

const NO_EVIDENCE = new Uint8Array(16);

/** What a generic request is answered. */
export interface Answered {
  success: boolean;
  message: string;
  data: Data;
}

function failed(message: string): Answered {
  return { success: false, message, data: {} };
}

/**
 * Captures what a hold left, or gives back: the host's word, undefined when it could not be asked or said nothing.
 * `stepAttempt` in the data is the key to use, so that whoever asks may ask again; else it is the transaction's.
 */
export async function followUp(
  step: "capture" | "refund",
  ports: { host: PaymentHost; calls: HostCalls },
  asked: { transactionId: string; amounts: Amounts; data: Data },
  patience: Patience,
): Promise<{ attempt: string; answer: Decided } | undefined> {
  const { host, calls } = ports;
  const reference = textOf(asked.data, "hostReference");
  if (reference === undefined) return undefined;
  const attempt = textOf(asked.data, "stepAttempt") ?? `${asked.transactionId}/${step}`;
  const evidence = entryOf(asked.data, "evidence");
  const amount = { amountMinor: totalOf(asked.amounts), currency: asked.amounts.currency };
  const call =
    step === "refund"
      ? () => host.refund(attempt, reference, amount)
      : () =>
          host.capture(
            attempt,
            reference,
            amount,
            evidence?.is === "bytes" ? evidence.value : NO_EVIDENCE,
          );
  const answer = await calls.insist(attempt, call, patience);
  return answer === undefined ? undefined : { attempt, answer };
}

/**
 * Undoes the attempt that the references name, or, by `transactionId` alone, all attempts of that transaction: also
 * when none of them ever arrived, and then none ever will.
 */
export async function reverse(
  ports: { host: PaymentHost; calls: HostCalls },
  data: Data,
  chargeOf: (transactionId: string) => Charge | undefined,
  unknown: (transactionId: string) => Charge,
  patience: Patience,
): Promise<Answered> {
  const { host, calls } = ports;
  const transactionId = textOf(data, "transactionId");
  const attempt = textOf(data, "hostAttempt");
  if (transactionId === undefined) return failed("transactionId is missing");
  const charge = chargeOf(transactionId);
  const undoAll = (): Promise<Undone> =>
    charge?.undoAll(patience) ?? unknown(transactionId).undoUnknown(patience);
  const done =
    attempt === undefined
      ? (await undoAll()) === "undone"
      : charge?.has(attempt) === true
        ? await charge.undo(attempt, patience)
        : await reverseOne(host, calls, attempt, patience);
  if (!done) return failed("the payment host does not answer, or refuses");
  return {
    success: true,
    message: "reversed",
    data: { transactionId: words(transactionId), ...(attempt && { hostAttempt: words(attempt) }) },
  };
}

async function reverseOne(
  host: PaymentHost,
  calls: HostCalls,
  attempt: string,
  patience: Patience,
): Promise<boolean> {
  const key = stepKey(attempt, "reverse");
  // A refund, or another's attempt, is no charge of ours.
  if (key === attempt) return false;
  const answer = await calls.insist(key, () => host.reverse(key, attempt), patience);
  return answer?.kind === "approved";
}

/** A token that stands for the card of the credential: good for recognising it, of no use for paying. */
export async function tokenise(
  ports: { host: PaymentHost; calls: HostCalls },
  charge: Charge | undefined,
  patience: Patience,
): Promise<Answered> {
  const answer = await identify(ports, charge, patience);
  if (answer?.kind !== "approved") return failed(answer?.why ?? "there is no card");
  const { token } = cardSeen(answer.card);
  if (token === undefined) return failed("the payment host gives no tokens");
  return { success: true, message: "", data: { token: { is: "token", value: token } } };
}

/** What the host says of the first credential's card, without charging it; undefined without one. */
export async function identify(
  { host, calls }: { host: PaymentHost; calls: HostCalls },
  charge: Charge | undefined,
  patience: Patience,
): Promise<Decided | undefined> {
  const entrusted = charge?.entrusted;
  const [credential] = entrusted?.credentials ?? [];
  if (charge === undefined || entrusted === undefined || credential === undefined) return undefined;
  const key = `${charge.transactionId}/identify`;
  return calls.insist(key, () => host.tokenise(key, credential, entrusted.binding), patience);
}

/** Ends the acquirer's day. */
export async function closeBatch(host: PaymentHost, attempt: string): Promise<Answered> {
  if (host.closeBatch === undefined) return failed("the payment host has no batches");
  const closed = await host.closeBatch(attempt).catch(() => undefined);
  if (closed?.kind !== "closed") {
    const why = closed?.message ?? "the payment host does not answer";
    return failed(`${why}: ask again, the batch stays as it is`.slice(0, 90));
  }
  const { batch, captures, capturedMinor, refunds, refundedMinor, inBalance = true } = closed;
  const count = (value: number) => ({ is: "integer" as const, value });
  return {
    success: inBalance,
    message: inBalance
      ? `batch ${batch} is closed`.slice(0, 90)
      : `batch ${batch} is closed out of balance: compare it with the acquirer's`.slice(0, 90),
    data: {
      batchNumber: words(batch),
      captures: count(captures),
      capturedMinor: count(capturedMinor),
      refunds: count(refunds),
      refundedMinor: count(refundedMinor),
      ...(closed.inBalance !== undefined && { inBalance: { is: "flag", value: inBalance } }),
    },
  };
}
