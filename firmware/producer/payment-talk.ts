// What applications that take part in a payment say to the payer while it runs, and his answers to their questions.
// Both go between the order's own consumer and the flow; a question that is open is said again to whoever asks again.

import type { FlowEvent } from "../payment/model/flow-event.ts";
import type { Message, MessageOf } from "../protocol/messages.ts";

type Told = MessageOf<"payment-event">;

/** Of a text in a message, whatever alphabet it is in. */
const TEXT_CHARACTERS_MAX = 340;

export interface PaymentTalk {
  heard(order: string, event: FlowEvent): void;
  /** Messages are pushed once, and may be lost. */
  repeat(order: string): void;
  /** The question is answered. */
  answered(order: string, confirmation: string): void;
  /** The payment is decided: nothing is open any more. */
  over(order: string): void;
}

export function openPaymentTalk(push: (order: string, message: Message) => void): PaymentTalk {
  const open = new Map<string, Told>();
  return {
    heard: (order, event) => {
      const message = toMessage(order, event);
      if (message === undefined) return;
      if (message.confirmation !== undefined) open.set(order, message);
      push(order, message);
    },
    repeat: (order) => {
      const message = open.get(order);
      if (message !== undefined) push(order, message);
    },
    answered: (order, confirmation) => {
      if (open.get(order)?.confirmation?.id === confirmation) open.delete(order);
    },
    over: (order) => open.delete(order),
  };
}

/** Undefined for what is not for the payer. */
function toMessage(order: string, { type, data }: FlowEvent): Told | undefined {
  const payload = Object.hasOwn(data, type) ? data[type] : undefined;
  const told: Told = { is: "payment-event", order, type };
  switch (payload?.is) {
    case "text":
      return { ...told, text: oneLine(payload.value) };
    case "receipt":
      return { ...told, text: oneLine(payload.value.text ?? "") };
    case "confirmation-request": {
      const { id, type: sort, title, description, options, extra } = payload.value;
      return {
        ...told,
        confirmation: {
          id,
          type: sort,
          ...(title !== undefined && { title }),
          ...(description !== undefined && { description }),
          ...(options !== undefined && { options: options.map((option) => ({ ...option })) }),
          ...(extra !== undefined && { extra: { ...extra } }),
        },
      };
    }
    default:
      return undefined;
  }
}

function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ").slice(0, TEXT_CHARACTERS_MAX);
}
