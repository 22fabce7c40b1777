// POST_TRANSACTION and POST_FLOW: the outcome is known. References may be added to a transaction; to the end of the
// flow nothing.

import type { Data } from "../model/data.ts";
import { dataFrom, type PlainData } from "./plain-data.ts";
import type { ServiceCall } from "./service-call.ts";
import { StageModel } from "./stage-model.ts";

export class PostTransactionModel extends StageModel<"POST_TRANSACTION"> {
  #references: Data = {};

  constructor(call: ServiceCall<"POST_TRANSACTION">) {
    super(call, call.call.input.data);
  }

  /** Keys that the payment application has set keep its values. */
  addReferences(references: PlainData): void {
    const all = { ...this.#references, ...dataFrom(references) };
    this.call.check({ references: all });
    this.#references = all;
  }

  skip(): void {
    this.call.answer(undefined);
  }

  conclude(): void {
    if (this.isAnswered) return;
    const isNone = Object.keys(this.#references).length === 0;
    this.call.answer(isNone ? undefined : { references: this.#references });
  }
}

export class PostFlowModel extends StageModel<"POST_FLOW"> {
  constructor(call: ServiceCall<"POST_FLOW">) {
    super(call, call.call.input.payment.data);
  }

  /** Lets the flow go on while the handler works on. */
  finish(): void {
    this.call.answer(undefined);
  }

  conclude(): void {
    if (!this.isAnswered) this.finish();
  }
}
