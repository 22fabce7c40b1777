// Events between a service at work and whoever started the flow: which there are, what they carry, and the
// questions to the payer that are still open.

import { after, type Clock, type Timer } from "../../../hal/clock.ts";
import { readJson } from "../../protocol/schema.ts";
import type { DataType } from "../model/data-value.ts";
import type { ConfirmationRequest, FlowEvent } from "../model/flow-event.ts";
import { flowEvent } from "../model/flow-event.ts";
import { plainCopy } from "../rules/plain-copy.ts";

/** Of one call; more are not passed on. */
export const EVENTS_MAX = 32;
const EVENT_CHARACTERS_MAX = 8192;
const CONFIRMATIONS_MAX = 4;

export interface EventShape {
  from: "service" | "initiator" | "both";
  /** Of the payload, which stands in the event's data under the event's own name. */
  payload: DataType;
  payloadRequired: boolean;
  about: string;
}

export const FLOW_EVENTS: Readonly<Record<string, EventShape>> = {
  progressMessage: {
    from: "service",
    payload: "text",
    payloadRequired: true,
    about: "What the service is doing, for the payer.",
  },
  confirmationRequest: {
    from: "service",
    payload: "confirmation-request",
    payloadRequired: true,
    about: "A question to the payer; one with `extra` asks to accept an additional amount.",
  },
  confirmationResponse: {
    from: "initiator",
    payload: "confirmation-response",
    payloadRequired: true,
    about: "The payer's answer; without values when none came in time.",
  },
  finalAmountRequest: {
    from: "service",
    payload: "integer",
    payloadRequired: false,
    about: "Asks for the final amount of a provisional one; the payload is a time limit in ms.",
  },
  finalAmountResponse: {
    from: "initiator",
    payload: "final-amount",
    payloadRequired: true,
    about: "The final amount: known, unknown, or abort.",
  },
  notifyAction: {
    from: "both",
    payload: "text",
    payloadRequired: true,
    about:
      "abort, duplicateReceipt, emvReceiptPrint, eftFinished, communicationStarted or -Finished.",
  },
  receipt: {
    from: "service",
    payload: "receipt",
    payloadRequired: true,
    about: "A receipt, for whoever started the flow to show or print.",
  },
};

export type ReadEvent =
  | { kind: "known"; event: FlowEvent }
  | { kind: "unknown"; type: string }
  | { kind: "malformed"; message: string };

/** A copy of ours, checked against the table; never throws, whatever it was given. */
export function readEvent(from: "service" | "initiator", given: unknown): ReadEvent {
  try {
    const plain = plainCopy(given, "event");
    if (!plain.ok) return { kind: "malformed", message: plain.message };
    const copy = readJson(flowEvent, plain.value, "event");
    if (!copy.ok) return { kind: "malformed", message: copy.fault.message };
    const event = copy.value;
    const shape = Object.hasOwn(FLOW_EVENTS, event.type) ? FLOW_EVENTS[event.type] : undefined;
    if (shape === undefined || (shape.from !== "both" && shape.from !== from)) {
      return { kind: "unknown", type: event.type };
    }
    if (JSON.stringify(flowEvent.toJson(event)).length > EVENT_CHARACTERS_MAX) {
      return { kind: "malformed", message: "event is too large" };
    }
    const payload = event.data[event.type];
    if (payload === undefined ? shape.payloadRequired : payload.is !== shape.payload) {
      return { kind: "malformed", message: `event.data.${event.type} must be a ${shape.payload}` };
    }
    return { kind: "known", event };
  } catch {
    return { kind: "malformed", message: "event cannot be read" };
  }
}

const ACCEPTED = ["approve", "yes", "ok"];

/** The questions of one call. What the payer accepted counts for this call alone. */
export class Questions {
  /** Additional amounts that the payer accepted, by name, in minor units. */
  readonly confirmed: Record<string, number> = {};
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #tell: (event: FlowEvent) => void;
  readonly #askedBefore: Set<string>;
  readonly #open = new Map<string, { request: ConfirmationRequest; timer: Timer | undefined }>();
  #finalAmountAsked = false;

  /** `askedBefore` holds the ids of all questions of the flow: an answer that comes late must not be taken for another's. */
  constructor(
    clock: Clock,
    limitMs: number,
    tell: (event: FlowEvent) => void,
    askedBefore: Set<string>,
  ) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#tell = tell;
    this.#askedBefore = askedBefore;
  }

  /** False where the event may not be passed on to the initiator: too many are open. */
  asked(event: FlowEvent, isAnybodyThere: boolean): boolean {
    if (event.type === "finalAmountRequest") {
      this.#finalAmountAsked = true;
      if (!isAnybodyThere) this.#tellFinalUnknown();
      return isAnybodyThere;
    }
    const payload = event.data[event.type];
    if (event.type !== "confirmationRequest" || payload?.is !== "confirmation-request") return true;
    const request = payload.value;
    if (this.#open.has(request.id)) return false;
    const isUsed = this.#askedBefore.has(request.id);
    if (isUsed || !isAnybodyThere || this.#open.size >= CONFIRMATIONS_MAX) {
      this.#tellNothing(request.id);
      return false;
    }
    this.#askedBefore.add(request.id);
    const ask = { request, timer: undefined as Timer | undefined };
    if (this.#limitMs > 0) {
      ask.timer = after(this.#clock, this.#limitMs, () => {
        this.#open.delete(request.id);
        this.#tellNothing(request.id);
      });
    }
    this.#open.set(request.id, ask);
    return true;
  }

  /** False when nobody waits for it. The event is passed on to the service. */
  answered(event: FlowEvent): boolean {
    if (event.type === "finalAmountResponse") {
      if (!this.#finalAmountAsked) return false;
      this.#finalAmountAsked = false;
    } else if (event.type === "confirmationResponse") {
      const payload = event.data[event.type];
      if (payload?.is !== "confirmation-response") return false;
      const { request: id, values } = payload.value;
      const open = this.#open.get(id);
      if (open === undefined) return false;
      this.#open.delete(id);
      open.timer?.cancel();
      const { extra } = open.request;
      const [value] = values;
      if (extra && values.length === 1 && ACCEPTED.includes(value ?? "")) {
        this.confirmed[extra.name] = extra.amountMinor;
      }
    }
    this.#tell(event);
    return true;
  }

  /** No answer is waited for any more. */
  close(): void {
    for (const { timer } of this.#open.values()) timer?.cancel();
    this.#open.clear();
    this.#finalAmountAsked = false;
  }

  #tellNothing(request: string): void {
    const value = { request, values: [] };
    const payload = { is: "confirmation-response", value } as const;
    this.#tell({ type: "confirmationResponse", data: { confirmationResponse: payload } });
  }

  #tellFinalUnknown(): void {
    this.#finalAmountAsked = false;
    const payload = { is: "final-amount", value: { type: "unknown" } } as const;
    this.#tell({ type: "finalAmountResponse", data: { finalAmountResponse: payload } });
  }
}
