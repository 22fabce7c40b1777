// What a service changed of a payment, field by field: the value before and the value after, as people read them. Card data and
// tokens are never among it; other words are scrubbed as records of payments are.

import { hideSecrets } from "../firmware/log.ts";
import { formatMinor } from "../firmware/money.ts";
import type { TakenAnswer } from "../firmware/payment/engine/engine.ts";
import type { Amounts } from "../firmware/payment/model/amounts.ts";
import { amountsLess } from "../firmware/payment/model/amounts-arithmetic.ts";
import { normalise } from "../firmware/payment/model/apportion.ts";
import type { Basket } from "../firmware/payment/model/basket.ts";
import type { Card } from "../firmware/payment/model/card.ts";
import type { Customer } from "../firmware/payment/model/customer.ts";
import type { Data } from "../firmware/payment/model/data.ts";
import type { DataValue } from "../firmware/payment/model/data-value.ts";
import type { FlowResponse } from "../firmware/payment/model/flow-response.ts";
import type { Payment, SplitRequest } from "../firmware/payment/model/payment.ts";
import { splitRemaining } from "../firmware/payment/model/split-sums.ts";
import type { TransactionResponse } from "../firmware/payment/model/transaction.ts";
import { cutWords } from "../firmware/payment/record/flow-audit.ts";
import { scrub } from "../firmware/payment/record/scrub.ts";

export interface FlowChange {
  what: string;
  /** Nothing was there. */
  from?: string;
  /** Nothing is left of it. */
  to?: string;
}

const CHANGES_MAX = 32;
const HIDDEN = "hidden";

/** What a stage is given and may change, whichever stage it is. */
interface Subject {
  amounts?: Amounts | undefined;
  baskets?: readonly Basket[] | undefined;
  customer?: Customer | undefined;
  data?: Data | undefined;
  references?: Data | undefined;
  card?: Card | undefined;
  paidWith?: string | undefined;
  outcome?: string | undefined;
  cancelled?: boolean | undefined;
  /** In SPLIT the amounts are those of the round. */
  isRound?: boolean;
}
type Input = Subject & Partial<Payment> & Partial<SplitRequest>;
type Output = FlowResponse & Partial<TransactionResponse> & { readonly data?: Data };

/** At most 32; none for a stage that was skipped. */
export function changesOf({ flow, input, output }: TakenAnswer): readonly FlowChange[] {
  if (output === undefined) return [];
  const before = subjectOf(input as Input);
  const old = wordsOf(before, flow);
  const now = wordsOf(changed(before, output as Output), flow);
  const names = new Set([...old.keys(), ...now.keys()]);
  const changes = [...names].flatMap((what): FlowChange[] => {
    const [from, to] = [old.get(what), now.get(what)];
    if (from === to) return [];
    return [{ what, ...(from !== undefined && { from }), ...(to !== undefined && { to }) }];
  });
  return changes.slice(0, CHANGES_MAX);
}

function subjectOf(input: Input): Subject {
  const { payment, requested, transactions } = input;
  if (payment !== undefined && requested !== undefined && transactions !== undefined) {
    return { amounts: splitRemaining({ requested, transactions }), isRound: true };
  }
  const { amounts, baskets, basket, customer, data, references, card } = input;
  const all = baskets ?? (basket === undefined ? [] : [basket]);
  return { amounts, baskets: all, customer, data, references, card };
}

function changed(before: Subject, output: Output): Subject {
  const { updatedPayment, amountsPaid, amounts: processed, additionalBasket: added } = output;
  const start = updatedPayment === undefined ? before : subjectOf(updatedPayment);
  const asked = output.updatedAmounts ?? start.amounts;
  const baskets = withDiscounts(start.baskets ?? [], output.modifiedBasket);
  return {
    ...start,
    amounts: asked && less(asked, amountsPaid ?? processed),
    baskets: added === undefined ? baskets : [...baskets, added],
    customer: output.customer ?? start.customer,
    data: { ...start.data, ...output.requestData, ...output.data },
    references: { ...start.references, ...output.references },
    card: output.card ?? start.card,
    paidWith: output.paidWith ?? (processed && output.paymentMethod),
    outcome: output.outcome,
    cancelled: output.cancel,
  };
}

function withDiscounts(baskets: readonly Basket[], discounts: Basket | undefined): Basket[] {
  return baskets.map((one) =>
    one.id === discounts?.id ? { ...one, items: [...one.items, ...discounts.items] } : one,
  );
}

/** Amounts may be stated in another structure than they were asked for. */
function less(asked: Amounts, paid: Amounts | undefined): Amounts {
  if (paid === undefined) return asked;
  const left = amountsLess(asked, normalise(asked, paid) ?? paid, true);
  return left.ok ? left.value : asked;
}

function wordsOf(subject: Subject, flow: string): ReadonlyMap<string, string> {
  const { customer, data, references, card, paidWith, outcome, cancelled } = subject;
  const words = new Map<string, string>();
  const say = (what: string, value: string | undefined): void => {
    if (value === undefined) return;
    const name = shown(what, flow);
    let own = name;
    // Two lines of a basket may be called the same: one of them is no change of the other.
    for (let n = 2; words.has(own); n++) own = `${name} (${n})`;
    words.set(own, shown(value, flow));
  };
  sayMoney(subject, say);
  say("customer", customer?.id);
  say("customer, name", customer?.fullName);
  sayData(customer?.details, "customer", say);
  sayData(data, "data", say);
  sayData(references, "reference", say);
  if (card !== undefined && isRead(card)) say("card", "read, and not shown");
  say("paid with", paidWith);
  say("outcome", outcome);
  if (cancelled === true) say("cancelled", "yes");
  return words;
}

type Say = (what: string, value: string) => void;

function sayMoney({ amounts, baskets = [], isRound }: Subject, say: Say): void {
  if (amounts === undefined) return;
  const { currency, base, additional } = amounts;
  const left = isRound === true ? "to pay in this round" : "left to pay";
  say(left, formatMinor(base, currency));
  for (const [name, minor] of Object.entries(additional)) {
    say(`${left}, ${name}`, formatMinor(minor, currency));
  }
  for (const { name, items } of baskets) {
    for (const { label, quantity, amountMinor } of items) {
      const price = formatMinor(amountMinor, currency);
      say(`basket ${name}, ${label}`, quantity === 1 ? price : `${quantity} x ${price}`);
    }
  }
}

function isRead({ data, ...rest }: Card): boolean {
  return Object.keys(data).length > 0 || Object.values(rest).some((one) => one !== undefined);
}

function sayData(data: Data | undefined, of: string, say: Say): void {
  for (const [key, value] of Object.entries(data ?? {})) {
    const plain = plainOf(value);
    // What a record of the payment may not hold is hidden here too, by its name or by what it is.
    const kept = scrub({ [key]: { is: value.is, value: plain } }, "") as object;
    say(`${of} ${key}`, Object.hasOwn(kept, key) ? plain : HIDDEN);
  }
}

function plainOf(given: DataValue): string {
  switch (given.is) {
    case "text":
      return given.value;
    case "flag":
    case "integer":
      return String(given.value);
    case "texts":
    case "integers":
      return given.value.join(", ");
    case "bytes":
      return `${given.value.length} bytes`;
    case "amount":
      return formatMinor(given.value.value, given.value.currency);
    default:
      // Whole models: what is in them is not searched for what must be hidden.
      return `a ${given.is}`;
  }
}

function shown(words: string, flow: string): string {
  return cutWords(hideSecrets(String(scrub(words, flow))));
}
