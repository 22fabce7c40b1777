// What every stage model can: read the request, say something, ask the payer, hear what became of the answer.

import type { CalledStage, StageInputs } from "../engine/service.ts";
import type { Data } from "../model/data.ts";
import { dataOf } from "../model/data-access.ts";
import type { DataType, DataTypes } from "../model/data-value.ts";
import type { ConfirmationRequest, FinalAmount, FlowEvent, Receipt } from "../model/flow-event.ts";
import type { RejectedAnswer, ServiceCall } from "./service-call.ts";

/** A question to the payer. `extra` asks to accept an additional amount, which may then be set in this stage. */
export type Question = Partial<Omit<ConfirmationRequest, "id">>;

export type Notice =
  | "abort"
  | "duplicateReceipt"
  | "emvReceiptPrint"
  | "eftFinished"
  | "communicationStarted"
  | "communicationFinished";

const APPROVE_OR_REJECT = [
  { value: "approve", label: "Yes" },
  { value: "reject", label: "No" },
];

export abstract class StageModel<S extends CalledStage> {
  /** Frozen: what the engine asks. */
  readonly request: StageInputs[S];
  protected readonly call: ServiceCall<S>;
  readonly #data: Data;

  constructor(call: ServiceCall<S>, data: Data) {
    this.request = call.call.input;
    this.call = call;
    this.#data = data;
  }

  get flowType(): string {
    return this.call.call.flowType;
  }

  /** Who started the flow: "sale", "operator", or a service's id. */
  get initiator(): string {
    return this.call.call.initiator;
  }

  /** No person is there: what needs one must fail at once. */
  get background(): boolean {
    return this.call.call.background;
  }

  get isAnswered(): boolean {
    return this.call.isAnswered;
  }

  /** The engine waits no longer: stop. What was paid all the same must still be answered, and is then given back. */
  get isFinished(): boolean {
    return this.call.isFinished;
  }

  /** A value of the request's additional data; undefined where there is none of that type under that key. */
  get<K extends DataType>(key: string, is: K): DataTypes[K] | undefined {
    return dataOf(this.#data, key, is);
  }

  /** A line in the flow's audit log: five for a call are kept, 80 characters of each. */
  audit(severity: "info" | "warning" | "error", text: string): void {
    this.call.audit(severity, text);
  }

  /** Tells the payer what is going on. */
  progress(text: string): void {
    this.call.say({
      type: "progressMessage",
      data: { progressMessage: { is: "text", value: text } },
    });
  }

  notify(notice: Notice): void {
    this.call.say({ type: "notifyAction", data: { notifyAction: { is: "text", value: notice } } });
  }

  /** A receipt for whoever started the flow to show or print. */
  receipt(receipt: Receipt): void {
    this.call.say({ type: "receipt", data: { receipt: { is: "receipt", value: receipt } } });
  }

  /** Any other event to whoever started the flow. */
  say(event: FlowEvent): void {
    this.call.say(event);
  }

  /**
   * Asks the payer; the values that were chosen, none when there was no answer in time. A question that names an `extra`
   * and no options offers "approve" and "reject".
   */
  async confirm(question: Question): Promise<readonly string[]> {
    const id = this.call.newQuestionId();
    const isOpen = question.options === undefined && question.input === undefined;
    const value: ConfirmationRequest = {
      type: question.extra ? "extra" : "question",
      multiSelect: false,
      ...question,
      ...(isOpen && { options: APPROVE_OR_REJECT }),
      id,
    };
    const asked: FlowEvent = {
      type: "confirmationRequest",
      data: { confirmationRequest: { is: "confirmation-request", value } },
    };
    const answered = await this.call.ask(asked, (event) => confirmed(event)?.request === id);
    return (answered && confirmed(answered)?.values) ?? [];
  }

  /** The final amount of a provisional one, where whoever started the flow knows it. */
  async finalAmount(): Promise<FinalAmount> {
    const asked: FlowEvent = { type: "finalAmountRequest", data: {} };
    const answered = await this.call.ask(asked, ({ type }) => type === "finalAmountResponse");
    const amount = answered && dataOf(answered.data, answered.type, "final-amount");
    return amount ?? { type: "unknown" };
  }

  /** Everything that the engine tells this service during the call. */
  onEvent(listener: (event: FlowEvent) => void): void {
    this.call.onEvent(listener);
  }

  /** The answer was applied; also where it changed nothing. */
  onAccepted(listener: () => void): void {
    this.call.onAccepted(listener);
  }

  /** Nothing of the answer was applied; there is no second one. */
  onRejected(listener: (rejected: RejectedAnswer) => void): void {
    this.call.onRejected(listener);
  }

  onFinish(listener: () => void): void {
    this.call.onFinish(listener);
  }

  /** The handler has returned: answers with what was set, if nothing was sent. */
  abstract conclude(): void;
}

function confirmed({
  type,
  data,
}: FlowEvent): { request: string; values: readonly string[] } | undefined {
  return type === "confirmationResponse" ? dataOf(data, type, "confirmation-response") : undefined;
}
