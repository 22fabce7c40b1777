// What a payment host says of a payment, as references and card of a flow's response, and how a later request finds
// its way back to the host by them.

import type { HostAnswer, HostCard } from "../../../hal/payment-host.ts";
import type { Card } from "../model/card.ts";
import type { Data } from "../model/data.ts";
import type { DataValue } from "../model/data-value.ts";

type Approved = Extract<HostAnswer, { kind: "approved" }>;

/** Of a host's own words in a flow. */
const TEXT_CHARACTERS_MAX = 100;
const MORE_MAX = 8;

/** What a receipt has room for (token/receipt.ts). */
const REFERENCE = /^[\x21-\x7e]{1,32}$/;

/** What is taken under a reference that no receipt can hold could not be proved. */
export function isUsableReference(reference: string): boolean {
  return REFERENCE.test(reference);
}

/**
 * All that reversal and completion need: `hostReference`, and the key of the attempt that was approved; beside them
 * what a receipt must say, and what else the host wants to see again.
 */
export function referencesOf(transactionId: string, attempt: string, answer: Approved): Data {
  const { reference, record } = answer;
  const data: Record<string, DataValue> = {
    transactionId: words(transactionId),
    hostReference: words(reference),
    hostAttempt: words(attempt),
  };
  if (record === undefined) return data;
  const { merchantId, merchantName, terminalId, timeMs, authCode, responseCode } = record;
  Object.assign(data, {
    merchantId: words(merchantId),
    merchantName: words(merchantName),
    terminalId: words(terminalId),
    transactionDateTime: { is: "integer", value: timeMs },
    ...(authCode !== undefined && { authCode: words(authCode) }),
    ...(responseCode !== undefined && { acquirerResponseCode: words(responseCode) }),
  } satisfies Record<string, DataValue>);
  for (const [name, value] of Object.entries(record.references ?? {}).slice(0, MORE_MAX)) {
    if (!Object.hasOwn(data, name)) data[name] = words(value);
  }
  return data;
}

/** The card as the flow may see it; empty where the host says nothing of it. */
export function cardSeen(card: HostCard | undefined): Card {
  if (card === undefined) return { data: {} };
  const { maskedPan, expiry, network, entryMethod, token } = card;
  return {
    ...(maskedPan !== undefined && { maskedPan }),
    ...(expiry !== undefined && { expiry }),
    token: { value: token, source: "card" },
    data: { network: words(network), entryMethod: words(entryMethod) },
  };
}

/** One card, as the host says it and as the reader at the board did, whose word goes first. */
export function bothSeen(byHost: Card, byReader: Card | undefined): Card {
  if (byReader === undefined) return byHost;
  return { ...byHost, ...byReader, data: { ...byHost.data, ...byReader.data } };
}

export function words(value: string): DataValue {
  return { is: "text", value: value.slice(0, TEXT_CHARACTERS_MAX) };
}
