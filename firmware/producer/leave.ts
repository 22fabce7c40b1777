// What the application that hosts the device is asked before a request is answered that offers, takes money or
// closes a switch. Only what would be done is asked about: the rest is answered as ever.

import type { Crypto } from "../../hal/crypto.ts";
import type { Message } from "../protocol/messages.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Caller } from "./connections.ts";
import { consumerPrint, type LeaveRequest } from "./events.ts";
import type { Journal } from "./journal.ts";
import type { Offers } from "./offers.ts";

export interface LeavePorts {
  crypto: Crypto;
  catalogue: Catalogue;
  offers: Offers;
  journal: Journal;
}

export type Asking = Omit<LeaveRequest, "device" | "atMs">;

/** The order, or the offer that becomes one, that a request is about. */
export function aboutOrder(message: Message): { order?: string } {
  if (message.is === "pay") return { order: message.offer };
  return "order" in message && typeof message.order === "string" ? { order: message.order } : {};
}

export function leaveRequest(
  { crypto, catalogue, offers, journal }: LeavePorts,
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
      const order = journal.order(message.order);
      if (order?.consumer !== caller.consumer) return undefined;
      if (order.state !== "paid" || order.running !== undefined) return undefined;
      const { service, price, units } = order.terms;
      const asked = { order: order.id, service, price, units: message.units ?? units };
      return { step: "begin", ...asked, session: message.session, consumer: print() };
    }
    default:
      return undefined;
  }
}
