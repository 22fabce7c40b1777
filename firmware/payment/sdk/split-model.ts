// SPLIT: says how much is paid next, by base amount or by items, pays a part itself, or ends the flow.

import type { Amounts } from "../model/amounts.ts";
import type { FlowResponse } from "../model/flow-response.ts";
import { lastTransactionFailed, splitRemaining } from "../model/split-sums.ts";
import { basketFrom, type ItemParts } from "./basket-parts.ts";
import { dataFrom, type PlainData, type PlainValue } from "./plain-data.ts";
import type { ServiceCall } from "./service-call.ts";
import { StageModel } from "./stage-model.ts";

export class SplitModel extends StageModel<"SPLIT"> {
  /** Of what was asked for in all; a share is at most its base. */
  readonly remaining: Amounts;
  #answer: FlowResponse = {};

  constructor(call: ServiceCall<"SPLIT">) {
    super(call, call.call.input.payment.data);
    this.remaining = splitRemaining(call.call.input);
  }

  /** Whether the transaction before this one was not paid in full, and was declined. */
  get lastFailed(): boolean {
    return lastTransactionFailed(this.request);
  }

  /** What the next transaction is for; replaces a basket. */
  setShare(baseMinor: number): void {
    const { additionalBasket: _, ...rest } = this.#answer;
    this.#set({ ...rest, updatedAmounts: { ...this.remaining, base: baseMinor } });
  }

  /** The items that the next transaction is for: their total is the share. */
  setBasket(id: string, name: string, items: readonly ItemParts[]): void {
    const { updatedAmounts: _, ...rest } = this.#answer;
    this.#set({ ...rest, additionalBasket: basketFrom(id, name, items) });
  }

  addData(key: string, value: PlainValue): void {
    const requestData = { ...this.#answer.requestData, ...dataFrom({ [key]: value }) };
    this.#set({ ...this.#answer, requestData });
  }

  /** The service has taken this much of the base itself. Keep references by which it can be given back. */
  pay(baseMinor: number, method: string, references?: PlainData): void {
    const { currency } = this.remaining;
    const { references: _, ...rest } = this.#answer;
    this.#set({
      ...rest,
      amountsPaid: { currency, base: baseMinor, additional: {} },
      paidWith: method,
      ...(references && { references: dataFrom(references) }),
    });
  }

  /** Ends the flow; what was paid so far in it is given back. */
  cancel(): void {
    this.call.answer({ ...this.#answer, cancel: true });
  }

  skip(): void {
    this.call.answer(undefined);
  }

  conclude(): void {
    if (!this.isAnswered) this.call.answer(this.#answer);
  }

  #set(answer: FlowResponse): void {
    this.call.check(answer);
    this.#answer = answer;
  }
}
