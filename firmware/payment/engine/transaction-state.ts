// One transaction while it runs: what is asked for, what was answered, what is left. Each change comes from an answer
// that passed the gate, and is made whole or not at all.

import { ADDITIONAL_AMOUNTS_MAX, type Amounts, MODEL_AMOUNT_MAX } from "../model/amounts.ts";
import {
  additionalOf,
  amountsPlus,
  isZero,
  newAmounts,
  sameCurrency,
  totalOf,
} from "../model/amounts-arithmetic.ts";
import { type Basket, ITEMS_MAX } from "../model/basket.ts";
import type { Card } from "../model/card.ts";
import { EMPTY_CARD } from "../model/card-mask.ts";
import type { Customer } from "../model/customer.ts";
import { DATA_KEYS_MAX, type Data, NO_DATA } from "../model/data.ts";
import type { FlowResponse } from "../model/flow-response.ts";
import { deepFreeze } from "../model/freeze.ts";
import type { Payment } from "../model/payment.ts";
import {
  type Augmented,
  type Executed,
  RESPONSES_MAX,
  type Transaction,
  type TransactionRequest,
  type TransactionResponse,
  type TransactionSummary,
} from "../model/transaction.ts";
import { remainingOf, tenders } from "../model/transaction-sums.ts";
import { addToBag } from "./bag.ts";
import type { CalledStage } from "./service.ts";
import type { Refusal } from "./stage-task.ts";

/** Places among the responses that are kept for payment applications. */
const RESPONSES_FOR_PROCESSING = 9;
const EXECUTED_MAX = 32;
/** One key of the references is the engine's: the id of the transaction. */
const REFERENCES_MAX = DATA_KEYS_MAX - 1;

export interface Doer {
  service: string;
  stage: CalledStage;
  augmented: readonly Augmented[];
}

/** May the flow as a whole ask for that? */
export type Bound = (requested: Amounts) => Refusal | undefined;

export interface TransactionStart {
  id: string;
  payment: Payment;
  requested: Amounts;
  baskets: readonly Basket[];
  data: Data;
}

export class TransactionState {
  readonly id: string;
  readonly asked: Amounts;
  /** An application that reads cards has declined: nothing more is tried. */
  isDeclined = false;
  /** A payment application has approved nothing, where nothing was asked for. */
  isZeroApproved = false;
  requested: Amounts;
  card: Card;
  /** The payment application that read the card. */
  kept: string | undefined;
  /** What these services took in the transaction is being given back: they refuse to take anything more in it. */
  readonly givenBack = new Set<string>();
  readonly #payment: Payment;
  #baskets: readonly Basket[];
  #customer: Customer | undefined;
  #data: Data;
  #responses: readonly TransactionResponse[] = [];
  #executed: readonly Executed[] = [];
  #references: Data = NO_DATA;

  constructor({ id, payment, requested, baskets, data }: TransactionStart) {
    this.id = id;
    this.asked = requested;
    this.requested = requested;
    this.#payment = payment;
    this.#baskets = baskets;
    this.#customer = payment.customer;
    this.#data = data;
    const { cardToken } = payment;
    this.card = cardToken === undefined ? EMPTY_CARD : deepFreeze({ token: cardToken, data: {} });
  }

  get snapshot(): Transaction {
    const customer = this.#customer;
    return deepFreeze({
      id: this.id,
      requested: this.requested,
      baskets: [...this.#baskets],
      ...(customer && { customer }),
      data: this.#data,
      responses: [...this.#responses],
      executed: [...this.#executed],
      references: this.#references,
    });
  }

  get remaining(): Amounts {
    return remainingOf({ requested: this.requested, responses: this.#responses });
  }

  get last(): TransactionResponse | undefined {
    return this.#responses.at(-1);
  }

  get hasTenders(): boolean {
    return tenders({ responses: this.#responses }).length > 0;
  }

  /** Nothing was paid, and somebody said no: what services added in it does not count. */
  get isRefused(): boolean {
    return !this.hasTenders && this.#responses.some(({ outcome }) => outcome === "declined");
  }

  isOpen(allowZeroAmounts: boolean): boolean {
    if (this.isDeclined) return false;
    if (!isZero(this.remaining)) return true;
    return allowZeroAmounts && isZero(this.requested) && !this.isZeroApproved;
  }

  request(id: string, stage: TransactionRequest["stage"], flowType: string): TransactionRequest {
    const { paymentMethod } = this.#payment;
    const customer = this.#customer;
    return deepFreeze({
      id,
      transactionId: this.id,
      flowType,
      stage,
      amounts: this.remaining,
      baskets: [...this.#baskets],
      ...(paymentMethod !== undefined && { paymentMethod }),
      ...(customer && { customer }),
      data: this.#data,
      card: this.card,
      audience: "customer",
    });
  }

  summary(flowType: string): TransactionSummary {
    const card = this.#responses.at(-1)?.card ?? EMPTY_CARD;
    const isEmpty = Object.keys(card.data).length === 0 && Object.keys(card).length === 1;
    const shown = isEmpty ? this.card : card;
    return deepFreeze({ ...this.snapshot, flowType, audience: "customer", card: shown });
  }

  /** What a value-added application changed. */
  augment(
    input: TransactionRequest,
    output: FlowResponse | undefined,
    by: Doer,
    bound: Bound,
  ): Refusal | undefined {
    if (output === undefined) {
      this.#did(by);
      return undefined;
    }
    const requested = output.updatedAmounts
      ? this.#raised(input.amounts, output.updatedAmounts)
      : this.requested;
    if (requested === undefined) return tooLarge("the amounts are more than a transaction holds");
    const refusal = bound(requested);
    if (refusal) return refusal;
    const data = addToBag(this.#data, output.requestData ?? {});
    if (!data.ok) return tooLarge(data.fault.message);
    const baskets = withBaskets(this.#baskets, output);
    if (baskets === undefined) return tooLarge(`a basket holds at most ${ITEMS_MAX} items`);
    const paid = output.amountsPaid && paidResponse(input, output, by);
    if (paid && this.#responses.length >= RESPONSES_MAX - RESPONSES_FOR_PROCESSING) {
      return tooLarge("a transaction holds no more answers");
    }
    if (paid && Object.keys(paid.references).length > REFERENCES_MAX) return tooManyReferences();
    this.requested = requested;
    this.#data = data.value;
    this.#baskets = baskets;
    if (output.customer) this.#customer = output.customer;
    if (paid) this.respond(paid);
    this.#did(by);
    return undefined;
  }

  /** Adds the answer of somebody who paid, declined, or approved nothing. */
  respond(response: TransactionResponse): Refusal | undefined {
    if (Object.keys(response.references).length > REFERENCES_MAX) return tooManyReferences();
    if (this.#responses.length >= RESPONSES_MAX) return tooLarge("it holds no more answers");
    // With it, the references alone say what a reversal is about.
    const { amounts, references } = response;
    const isTender = response.outcome === "approved" && amounts !== undefined;
    const transactionId = { is: "text", value: this.id } as const;
    const kept = isTender
      ? { ...response, references: { ...references, transactionId } }
      : response;
    this.#responses = [...this.#responses, deepFreeze(kept)];
    return undefined;
  }

  /** References of services that were called after the outcome; nothing that is there is overwritten. */
  refer(references: Data, by: Doer): Refusal | undefined {
    const all = addToBag(this.#references, references);
    if (!all.ok) return tooLarge(all.fault.message);
    const last = this.#responses.at(-1);
    const ofLast = last && addToBag(last.references, references);
    if (ofLast?.ok === false) return tooLarge(ofLast.fault.message);
    this.#references = all.value;
    if (last && ofLast?.ok) {
      const more = deepFreeze({ ...last, references: ofLast.value });
      this.#responses = [...this.#responses.slice(0, -1), more];
    }
    this.#did(by);
    return undefined;
  }

  executed(by: Doer): void {
    this.#did(by);
  }

  /** What was given back counts as paid no more: it stays, as an answer that took nothing. */
  withdraw(isWithdrawn: (response: TransactionResponse) => boolean, message: string): void {
    this.#responses = this.#responses.map((response) => {
      if (response.outcome !== "approved" || response.amounts === undefined) return response;
      if (!isWithdrawn(response)) return response;
      const { amounts: _, ...rest } = response;
      return deepFreeze({ ...rest, outcome: "declined" as const, outcomeMessage: message });
    });
  }

  /** The card is forgotten; what is bytes of it is overwritten. */
  forgetCard(): void {
    for (const value of Object.values(this.card.data)) {
      if (value.is === "bytes") value.value.fill(0);
    }
    this.card = EMPTY_CARD;
  }

  #did({ service, stage, augmented }: Doer): void {
    if (this.#executed.length >= EXECUTED_MAX) return;
    this.#executed = [...this.#executed, deepFreeze({ service, stage, augmented: [...augmented] })];
  }

  /** What is asked for in all, after what is left was raised. */
  #raised(left: Amounts, updated: Amounts): Amounts | undefined {
    // The gate lets the currency change only where nothing is paid yet.
    if (!sameCurrency(left, updated)) return withinBounds(updated);
    const names = Object.keys(updated.additional);
    const rises = names.map((name) => {
      return [name, additionalOf(updated, name) - additionalOf(left, name)] as const;
    });
    const risen = rises.filter(([, rise]) => rise > 0);
    const rise = newAmounts(left.currency, updated.base - left.base, Object.fromEntries(risen));
    if (!rise.ok) return undefined;
    const { converted } = this.requested;
    const sum = amountsPlus(this.requested, { ...rise.value, ...(converted && { converted }) });
    return sum.ok ? withinBounds(sum.value) : undefined;
  }
}

function withinBounds(amounts: Amounts): Amounts | undefined {
  const names = Object.keys(amounts.additional).length;
  return names <= ADDITIONAL_AMOUNTS_MAX && totalOf(amounts) <= MODEL_AMOUNT_MAX
    ? amounts
    : undefined;
}

function withBaskets(
  baskets: readonly Basket[],
  { additionalBasket, modifiedBasket }: FlowResponse,
): readonly Basket[] | undefined {
  const modified = baskets.map((basket) => {
    if (basket.id !== modifiedBasket?.id) return basket;
    return { ...basket, items: [...basket.items, ...modifiedBasket.items] };
  });
  const all = additionalBasket === undefined ? modified : [...modified, additionalBasket];
  return all.every(({ items }) => items.length <= ITEMS_MAX) ? all : undefined;
}

function paidResponse(
  input: TransactionRequest,
  output: FlowResponse,
  by: Doer,
): TransactionResponse {
  return {
    id: input.id,
    outcome: "approved",
    ...(output.amountsPaid && { amounts: output.amountsPaid }),
    paymentMethod: output.paidWith ?? "",
    card: EMPTY_CARD,
    references: output.references ?? NO_DATA,
    service: by.service,
    stage: by.stage,
  };
}

function tooLarge(message: string): Refusal {
  return { rejection: "too-large", message };
}

function tooManyReferences(): Refusal {
  return tooLarge(`references hold at most ${REFERENCES_MAX} keys`);
}
