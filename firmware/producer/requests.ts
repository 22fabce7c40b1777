// From a request that has been opened to its answer: each consumer has so many under way at most, the application
// that hosts the device may refuse, and everything else happens in the device's queue.

import type { Crypto } from "../../hal/crypto.ts";
import type { FaultKind } from "../fault.ts";
import type { Log } from "../log.ts";
import type { Message } from "../protocol/messages.ts";
import type { Fault } from "../result.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Caller, Connections } from "./connections.ts";
import type { Dispatch } from "./dispatch.ts";
import { consumerPrint, type SaleEvents } from "./events.ts";
import type { Journal } from "./journal.ts";
import { type Asking, aboutOrder, leaveRequest } from "./leave.ts";
import type { Offers } from "./offers.ts";
import type { Payers } from "./payers.ts";
import type { Prepaid } from "./prepaid.ts";
import { Shares } from "./shares.ts";

/** Of one consumer, waiting at once. */
const WAITING_PER_CONSUMER_MAX = 16;

export interface Requests {
  take(caller: Caller, message: Message): void;
}

export interface RequestsPorts {
  crypto: Crypto;
  log: Log;
  events: SaleEvents;
  journal: Journal;
  catalogue: Catalogue;
  offers: Offers;
  payers: Payers;
  prepaid: Prepaid;
  connections: Connections;
  dispatch: Dispatch;
  /** The device is stopping. */
  closing(): boolean;
  /** The runtime's queue (runtime.ts). */
  offer(work: () => Promise<void>, lost: () => void): void;
}

interface Request {
  caller: Caller;
  message: Message;
  /** Gives the consumer's share back. */
  done(): void;
}

export function openRequests(ports: RequestsPorts): Requests {
  return new SharedRequests(ports);
}

class SharedRequests implements Requests {
  readonly #ports: RequestsPorts;
  readonly #shares = new Shares(WAITING_PER_CONSUMER_MAX);

  constructor(ports: RequestsPorts) {
    this.#ports = ports;
  }

  take(caller: Caller, message: Message): void {
    const done = this.#shares.take(caller.consumer);
    if (done !== undefined) {
      this.#queue({ caller, message, done }, false);
      return;
    }
    const slower = "too many questions at once: wait for answers";
    this.#ports.connections.refuse(caller, { kind: "too-many", message: slower });
  }

  #queue(request: Request, allowed: boolean): void {
    const { caller, message, done } = request;
    const refuse = (kind: FaultKind, words: string): void => {
      done();
      this.#ports.connections.refuse(caller, { kind, message: words });
    };
    // What is running may still be ended and acknowledged; nothing new begins.
    if (this.#ports.closing() && message.is !== "end" && message.is !== "acknowledge") {
      refuse("not-ready", "the device is stopping");
      return;
    }
    this.#ports.offer(
      () => this.#work(request, allowed),
      () => refuse("internal", "the device is in trouble: try again"),
    );
  }

  /** Whether the host has a word in it shows when its turn has come: what went before it may have changed that. */
  async #work(request: Request, allowed: boolean): Promise<void> {
    const { caller, message, done } = request;
    const isGuarded = this.#ports.events.guarded() && !allowed;
    const asking = isGuarded ? leaveRequest(this.#ports, caller, message) : undefined;
    if (asking === undefined) await this.#answer(caller, message).finally(done);
    else void this.#ask(asking, request);
  }

  /** Out of the queue: while the host thinks, deliveries go on. */
  async #ask(asking: Asking, request: Request): Promise<void> {
    const { caller, message, done } = request;
    const left = await this.#ports.events.leave(asking);
    // A request that was sent twice, and allowed the other time, is answered as what it is.
    if (left.ok || leaveRequest(this.#ports, caller, message) === undefined) {
      this.#queue(request, left.ok);
      return;
    }
    done();
    this.#refuse(caller, message, left.fault);
  }

  async #answer(caller: Caller, message: Message): Promise<void> {
    const { connections, dispatch, journal, log, payers } = this.#ports;
    const answer = await dispatch(caller, message);
    const said = answer === "later" ? answer : answer.ok ? answer.value.is : answer.fault.kind;
    log("debug", "answered", { request: message.is, said });
    if (answer === "later") {
      if (message.is !== "pay") return;
      payers.wait(caller, message.offer);
      const order = journal.order(message.offer);
      if (order !== undefined) payers.answer(order);
    } else if (answer.ok) connections.reply(caller, answer.value);
    else this.#refuse(caller, message, answer.fault);
  }

  #refuse(caller: Caller, message: Message, fault: Fault): void {
    const { connections, crypto, events } = this.#ports;
    connections.refuse(caller, fault);
    const about = aboutOrder(message);
    const consumer = consumerPrint(crypto, caller.consumer);
    events.tell({
      event: "fault",
      reason: fault.kind,
      message: fault.message,
      consumer,
      ...about,
    });
  }
}
