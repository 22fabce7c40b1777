// TRANSACTION_PROCESSING: a payment application charges all of what is asked for, a part of it, or nothing. It must
// answer.

import type { Amounts } from "../model/amounts.ts";
import { partialAuthorisation } from "../model/apportion.ts";
import type { Card } from "../model/card.ts";
import { EMPTY_CARD } from "../model/card-mask.ts";
import type { Outcome } from "../model/transaction.ts";
import { dataFrom, type PlainData } from "./plain-data.ts";
import { SdkError } from "./sdk-error.ts";
import type { ServiceCall } from "./service-call.ts";
import { StageModel } from "./stage-model.ts";

export interface ProcessedDetails {
  /** All that a reversal or a completion needs later. */
  readonly references?: PlainData;
  /** One of those in the info; the first of them, or "card", where it is left out. */
  readonly method?: string;
  /** With network and entryMethod in its data, and a token. */
  readonly card?: Card;
  readonly message?: string;
  /** As the host says it. */
  readonly responseCode?: string;
}

export class TransactionProcessingModel extends StageModel<"TRANSACTION_PROCESSING"> {
  readonly #method: string;

  constructor(call: ServiceCall<"TRANSACTION_PROCESSING">, methods: readonly string[]) {
    super(call, call.call.input.data);
    this.#method = methods[0] ?? "card";
  }

  /** All of it, in the structure in which it was asked for: others need to see each additional amount. */
  approveFully(details: ProcessedDetails = {}): void {
    this.#answer("approved", details, this.request.amounts);
  }

  /** A part: the base first, then the additional amounts in proportion. Throws SdkError above what was asked. */
  approvePart(authorisedMinor: number, details: ProcessedDetails = {}): void {
    const part = partialAuthorisation(this.request.amounts, authorisedMinor);
    if (!part.ok) throw new SdkError("over-approved", part.fault.message);
    this.#answer("approved", details, part.value);
  }

  /** It is in order that nothing is charged. */
  approveWithoutCharge(details: ProcessedDetails = {}): void {
    this.#answer("approved", details);
  }

  decline(message: string, responseCode?: string, details: ProcessedDetails = {}): void {
    const code = responseCode === undefined ? {} : { responseCode };
    this.#answer("declined", { ...details, message, ...code });
  }

  conclude(): void {
    if (!this.isAnswered) this.call.fail("it returned without an answer, and this stage needs one");
  }

  #answer(outcome: Outcome, details: ProcessedDetails, amounts?: Amounts): void {
    const { references = {}, method = this.#method, card = EMPTY_CARD } = details;
    this.call.answer({
      id: this.request.id,
      outcome,
      ...(details.message !== undefined && { outcomeMessage: details.message }),
      ...(amounts && { amounts }),
      ...(details.responseCode !== undefined && { responseCode: details.responseCode }),
      paymentMethod: method,
      card,
      references: dataFrom(references),
    });
  }
}
