// What the application that hosts the device is asked before a request is answered that offers, takes money or
// closes a switch. Only what would be done is asked about: the rest is answered as ever.

import type { Crypto } from "../../hal/crypto.ts";
import type { Message, MessageOf } from "../protocol/messages.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Caller } from "./connections.ts";
import { consumerPrint, type LeaveRequest } from "./events.ts";
import type { Journal } from "./journal.ts";
import type { Offers } from "./offers.ts";
import type { Order } from "./order.ts";
import type { Prepaid } from "./prepaid.ts";

export interface LeavePorts {
  crypto: Crypto;
  catalogue: Catalogue;
  offers: Offers;
  journal: Journal;
  prepaid: Prepaid;
}

export type Asking = Omit<LeaveRequest, "device" | "atMs">;

/** The order, or the offer that becomes one, that a request is about. */
export function aboutOrder(message: Message): { order?: string } {
  if (message.is === "pay") return { order: message.offer };
  return "order" in message && typeof message.order === "string" ? { order: message.order } : {};
}

export function leaveRequest(
  { crypto, catalogue, offers, journal, prepaid }: LeavePorts,
  caller: Caller,
  message: Message,
): Asking | undefined {
  const print = (): string => consumerPrint(crypto, caller.consumer);
  switch (message.is) {
    case "select": {
      const { service, price, units } = message;
      if (catalogue.get(service) === undefined) return undefined;
      return { step: "quote", service, price, units, consumer: print() };
    }
    case "pay": {
      const open = offers.find(message.offer, caller.consumer);
      if (journal.order(message.offer) !== undefined || !open.ok) return undefined;
      const { service, price, units, totalMinor, currency } = open.value.offer;
      const asked = { order: message.offer, service, price, units, totalMinor, currency };
      return { step: "pay", ...asked, consumer: print() };
    }
    case "begin": {
      const order = begunOrder(journal, prepaid, caller, message);
      if (order === undefined) return undefined;
      if (order.state !== "paid" || order.running !== undefined) return undefined;
      const { service, price, units } = order.terms;
      const asked = { order: order.id, service, price, units: message.units ?? units };
      return { step: "begin", ...asked, session: message.session, consumer: print() };
    }
    default:
      return undefined;
  }
}

/** The caller's own, or the one that a prepaid token brings. */
function begunOrder(
  journal: Journal,
  prepaid: Prepaid,
  { consumer }: Caller,
  { order, token: signed }: MessageOf<"begin">,
): Order | undefined {
  const mine = journal.order(order);
  if (mine?.consumer === consumer) return mine;
  const shown = signed && prepaid.would({ signed, order, consumer });
  return shown?.ok === true ? shown.value : undefined;
}
