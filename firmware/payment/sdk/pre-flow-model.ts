// PRE_FLOW: before anything else, the payment may be filled in, or the flow cancelled.

import type { FlowResponse } from "../model/flow-response.ts";
import type { Payment } from "../model/payment.ts";
import type { ServiceCall } from "./service-call.ts";
import { StageModel } from "./stage-model.ts";

/** What of a payment may be given another value; what is left out stays. */
export type PaymentChanges = Partial<Omit<Payment, "id" | "flowType" | "flowName" | "source">>;

export class PreFlowModel extends StageModel<"PRE_FLOW"> {
  #updated: Payment | undefined;

  constructor(call: ServiceCall<"PRE_FLOW">) {
    super(call, call.call.input.data);
  }

  /** Amounts may not be lowered; a basket must sum up to the base. Several calls add up. */
  update(changes: PaymentChanges): void {
    const updated = { ...(this.#updated ?? this.request), ...changes };
    this.call.check({ updatedPayment: updated });
    this.#updated = updated;
  }

  /** Ends the flow: it is cancelled. */
  cancel(): void {
    this.call.answer({ cancel: true } satisfies FlowResponse);
  }

  skip(): void {
    this.call.answer(undefined);
  }

  conclude(): void {
    if (this.isAnswered) return;
    this.call.answer(this.#updated && { updatedPayment: this.#updated });
  }
}
