// PAYMENT_CARD_READING: a payment application reads the card, or does not, or declines. Nothing is charged yet.

import type { Card } from "../model/card.ts";
import { EMPTY_CARD } from "../model/card-mask.ts";
import type { TransactionResponse } from "../model/transaction.ts";
import type { ServiceCall } from "./service-call.ts";
import { StageModel } from "./stage-model.ts";

export class CardReadingModel extends StageModel<"PAYMENT_CARD_READING"> {
  constructor(call: ServiceCall<"PAYMENT_CARD_READING">) {
    super(call, call.call.input.data);
  }

  /** At most ten digits of its number in clear; network and entryMethod in its data. */
  approve(card: Card): void {
    this.#answer({ outcome: "approved", card });
  }

  /** No card: the transaction goes on. */
  skip(): void {
    this.#answer({ outcome: "approved", card: EMPTY_CARD });
  }

  /** Ends the transaction. */
  decline(message: string, responseCode?: string): void {
    this.#answer({
      outcome: "declined",
      outcomeMessage: message,
      card: EMPTY_CARD,
      ...(responseCode !== undefined && { responseCode }),
    });
  }

  conclude(): void {
    if (!this.isAnswered) this.skip();
  }

  #answer(
    said: Pick<TransactionResponse, "outcome" | "card"> & Partial<TransactionResponse>,
  ): void {
    this.call.answer({ ...said, id: this.request.id, paymentMethod: "card", references: {} });
  }
}
