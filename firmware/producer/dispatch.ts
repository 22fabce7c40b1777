// What each request gets for an answer. One function per request; whatever is not allowed is a Fault.

import type { Clock } from "../../hal/clock.ts";
import type { Crypto } from "../../hal/crypto.ts";
import { equalBytes } from "../bytes.ts";
import type { FaultKind } from "../fault.ts";
import type { Message, MessageOf } from "../protocol/messages.ts";
import { fail, ok, type Result } from "../result.ts";
import { verifyToken } from "../token/delivery-token.ts";
import { peekPrepaid } from "../token/prepaid-token.ts";
import type { Catalogue, Service } from "./catalogue.ts";
import type { Caller } from "./connections.ts";
import type { Delivery } from "./delivery.ts";
import type { Journal } from "./journal.ts";
import type { Offers, OpenOffer } from "./offers.ts";
import type { Operation } from "./operation.ts";
import { acknowledgedUpTo, type Order } from "./order.ts";
import { enoughLeft, type Prepaid, spent } from "./prepaid.ts";
import { priceList, serviceList } from "./price-list.ts";
import type { Sale } from "./sale.ts";

export interface DispatchPorts {
  crypto: Crypto;
  clock: Clock;
  signKey: Uint8Array;
  operatorKey: Uint8Array;
  /** The operator's latest list of revoked devices, where the device has one. */
  revocations: Uint8Array | undefined;
  /** Errors: `expired` for a device for which its operator does not vouch any more. */
  vouched(): Result<void>;
  /** The device in a sentence. */
  description: string | undefined;
  operation: Operation;
  /** Its service was removed with a refund: it is closed as soon as it idles. */
  withdrawn(order: string): boolean;
  /** Whether it was changed while the device ran. */
  changed(service: number, price?: number): boolean;
  quoted(offer: OpenOffer): void;
  begun(order: Order): void;
  catalogue: Catalogue;
  journal: Journal;
  offers: Offers;
  sale: Sale;
  delivery: Delivery;
  prepaid: Prepaid;
  /** The payer asks again, and may have missed what he was asked. */
  asked(order: Order): void;
  /** The caller wants to hear how the order goes on: metering and receipts. */
  watch(caller: Caller, order: Order): void;
}

/** The answer, or `later` when the order's next change gives it, if anything does. */
export type Answer = Result<Message> | "later";

export type Dispatch = (caller: Caller, message: Message) => Promise<Answer>;

/** What a `pay` is answered in each state of its order. */
export function payAnswer(order: Order): Result<Message> | "later" {
  if (order.state === "taking") return "later";
  if (order.state === "failed") {
    return fail((order.why ?? "declined") as FaultKind, "the payment was not taken: select again");
  }
  if (order.token === undefined) return fail("internal", "a paid order without its token");
  return ok({ is: "paid", token: order.token });
}

export function openDispatch(ports: DispatchPorts): Dispatch {
  const requests = new Requests(ports);
  return (caller, message) => requests.answer(caller, message);
}

class Requests {
  readonly #ports: DispatchPorts;

  constructor(ports: DispatchPorts) {
    this.#ports = ports;
  }

  async answer(caller: Caller, message: Message): Promise<Answer> {
    switch (message.is) {
      case "get-services":
        return this.#services();
      case "get-identity":
        return this.#identity();
      case "get-readings":
        return ok({ is: "readings", readings: this.#ports.delivery.readings() });
      case "get-operation":
        return ok({ is: "operation", number: this.#ports.operation.next() });
      case "operate":
        return this.#ports.operation.operate(message.command);
      case "get-prices":
        return this.#prices(message);
      case "select":
        return this.#select(caller, message);
      case "pay":
        return this.#pay(caller, message);
      case "confirm":
        return this.#confirm(caller, message);
      case "begin":
        return this.#begin(caller, message);
      case "end":
        return this.#end(caller, message);
      case "acknowledge":
        return this.#acknowledge(caller, message);
      case "get-order":
        return this.#standing(caller, message);
      default:
        return fail("unsupported", `${message.is} is no request`);
    }
  }

  async #find(caller: Caller, id: string): Promise<Result<Order>> {
    const order = await this.#ports.journal.find(id);
    if (order !== undefined && order.consumer === caller.consumer) return ok(order);
    return fail("order-unknown", "there is no such order of yours", "order");
  }

  #services(): Answer {
    const { catalogue, delivery } = this.#ports;
    const free = ({ outlet }: Service): boolean =>
      delivery.free(outlet) && delivery.ready(outlet).ok;
    const available = (service: Service) => delivery.available(service);
    const changed = ({ id }: Service) => this.#ports.changed(id);
    return ok({ is: "services", ...serviceList(catalogue.list(), free, available, changed) });
  }

  #prices(message: MessageOf<"get-prices">): Answer {
    const { catalogue } = this.#ports;
    const service = catalogue.get(message.service);
    if (service === undefined)
      return fail("service-unknown", "there is no such service", "service");
    const { unit } = catalogue.meter(service);
    // Of a service that was added as a whole that is said once, with the service.
    const changed = (price: number) =>
      !this.#ports.changed(service.id) && this.#ports.changed(service.id, price);
    return ok({ is: "prices", ...priceList(service.prices, unit, changed) });
  }

  #identity(): Answer {
    const { operatorKey, description, revocations } = this.#ports;
    const told: MessageOf<"identity"> = { is: "identity", operatorKey };
    if (description !== undefined) told.description = description;
    if (revocations !== undefined) told.revocations = revocations;
    return ok(told);
  }

  #select(caller: Caller, message: MessageOf<"select">): Answer {
    const { catalogue, delivery, offers } = this.#ports;
    const vouched = this.#ports.vouched();
    if (!vouched.ok) return vouched;
    const service = catalogue.get(message.service);
    if (service === undefined)
      return fail("service-unknown", "there is no such service", "service");
    const able = delivery.ready(service.outlet);
    if (!able.ok) return able;
    const made = offers.make(caller.consumer, message);
    if (!made.ok) return made;
    this.#ports.quoted(made.value);
    return ok({ is: "offer", offer: made.value.signed });
  }

  async #pay(caller: Caller, message: MessageOf<"pay">): Promise<Answer> {
    const { journal, offers, sale, delivery, watch } = this.#ports;
    const before = await this.#find(caller, message.offer);
    if (before.ok) {
      watch(caller, before.value);
      this.#ports.asked(before.value);
      return payAnswer(before.value);
    }
    const offer = offers.find(message.offer, caller.consumer);
    if (!offer.ok) return offer;
    // I5: ready when it was offered is not enough; it must be so now.
    const able = delivery.ready(offer.value.service.outlet);
    if (!able.ok) return able;
    const left = delivery.available(offer.value.service);
    if (left !== undefined && left < offer.value.offer.units) {
      return fail("not-ready", `only ${left} can be supplied now: select again`);
    }
    const order = await sale.pay(offer.value, message, caller.consumer);
    if (!order.ok) return order;
    offers.remove(message.offer);
    watch(caller, order.value);
    const now = journal.order(order.value.id) ?? order.value;
    return payAnswer(now);
  }

  async #confirm(caller: Caller, message: MessageOf<"confirm">): Promise<Answer> {
    const found = await this.#find(caller, message.order);
    if (!found.ok) return found;
    const confirmed = this.#ports.sale.confirm(found.value, message);
    return confirmed.ok ? ok({ is: "confirmed" }) : confirmed;
  }

  /** The caller's own order, or the one that the token which he shows is for. */
  async #findShown(caller: Caller, message: MessageOf<"begin">): Promise<Result<Order>> {
    const { order, token: signed } = message;
    const found = await this.#find(caller, order);
    if (found.ok || signed === undefined || !peekPrepaid(signed).ok) return found;
    return this.#ports.prepaid.take({ signed, order, consumer: caller.consumer });
  }

  #checkToken(order: Order, token: Uint8Array): Result<void> {
    const { signKey, crypto } = this.#ports;
    if (order.prepaid !== undefined) {
      const isIt = equalBytes(order.offer, token);
      return isIt ? ok(undefined) : fail("token-invalid", "it is another order's token", "token");
    }
    const read = verifyToken(token, signKey, crypto);
    if (!read.ok) return fail("token-invalid", read.fault.message, "token");
    // The device's own record decides; the token must be the very one that was given out.
    const same = order.token !== undefined && equalBytes(order.token, token);
    return same ? ok(undefined) : fail("token-invalid", "it is another order's token", "token");
  }

  async #begin(caller: Caller, message: MessageOf<"begin">): Promise<Answer> {
    const { clock, delivery, watch, withdrawn } = this.#ports;
    const found = await this.#findShown(caller, message);
    if (!found.ok) return found;
    const order = found.value;
    if (order.state === "taking") return fail("payment-pending", "the payment is not decided yet");
    if (order.state === "failed") return fail("order-unpaid", "the payment was not taken");
    if (order.prepaid !== undefined && order.state !== "paid") return spent(order);
    if (order.state !== "paid") return fail("order-closed", "the order is closed");
    if (message.token !== undefined) {
      const genuine = this.#checkToken(order, message.token);
      if (!genuine.ok) return genuine;
    }
    const running = order.running !== undefined;
    const nowS = Math.floor(clock.wallMs() / 1000);
    const dated = order.clockUnset !== true && clock.wallQuality() !== "unset";
    if (!running && dated && order.expiresS !== undefined && order.expiresS <= nowS) {
      return fail("token-expired", "the delivery token has expired");
    }
    if (!running && withdrawn(order.id)) {
      return fail("order-closed", "its service was removed: what remains is refunded");
    }
    if (!running && order.prepaid !== undefined) {
      const enough = enoughLeft(order, message.units);
      if (!enough.ok) return enough;
    }
    const begun = await delivery.begin(order, message.session, message.units, message);
    if (!begun.ok) return begun;
    if (!running) this.#ports.begun(begun.value);
    delivery.hear(begun.value, caller.connection);
    watch(caller, begun.value);
    const session = begun.value.running;
    return ok({
      is: "begun",
      pulses: session?.total ?? 0,
      startReading: session?.startReading ?? 0,
    });
  }

  async #end(caller: Caller, message: MessageOf<"end">): Promise<Answer> {
    const { delivery, watch } = this.#ports;
    const found = await this.#find(caller, message.order);
    if (!found.ok) return found;
    const { state } = found.value;
    if (state === "taking") return fail("payment-pending", "the payment is not decided yet");
    if (state === "failed") return fail("order-unpaid", "the payment was not taken");
    // A running session stays with whoever began it, so that its receipts go there.
    if (found.value.running === undefined) watch(caller, found.value);
    if (state !== "paid") return ok({ is: "ending", running: false });
    const { running, sessions } = found.value;
    if (message.session !== (running?.session ?? sessions)) {
      return fail(
        "session-unknown",
        `the order is at session ${running?.session ?? sessions}`,
        "session",
      );
    }
    if (running === undefined && message.close !== true)
      return ok({ is: "ending", running: false });
    const ended = await delivery.end(found.value, "consumer-end");
    return ended.ok ? ok({ is: "ending", running: ended.value.running }) : ended;
  }

  async #acknowledge(caller: Caller, message: MessageOf<"acknowledge">): Promise<Answer> {
    const { journal } = this.#ports;
    const found = await this.#find(caller, message.order);
    if (!found.ok) return found;
    const waiting = journal.unacknowledged(found.value);
    const last = waiting.findLast(({ number }) => number <= message.receipt);
    if (last !== undefined) await journal.save(acknowledgedUpTo(found.value, last.number));
    // No answer: a receipt that is not sent again says it.
    return "later";
  }

  async #standing(caller: Caller, message: MessageOf<"get-order">): Promise<Answer> {
    const found = await this.#find(caller, message.order);
    if (!found.ok) return found;
    const order = found.value;
    this.#ports.watch(caller, order);
    this.#ports.delivery.hear(order, caller.connection);
    const told: MessageOf<"order"> = {
      is: "order",
      state: order.state,
      sessions: order.sessions,
      running: order.running !== undefined,
      pulses: order.pulses,
      grantPulses: order.grantPulses,
    };
    if (order.token !== undefined) told.token = order.token;
    const proved = this.#ports.delivery.proved(order);
    if (proved !== undefined) told.proved = proved;
    return ok(told);
  }
}
