// Money of an order: pay, settle, expire, and take all of it up again after a restart. The journal is written
// before money is asked to move and after it has; what the payment side answers comes back as an input of its
// own, so nothing here waits while a host thinks.

import type { Clock } from "../../hal/clock.ts";
import type { Crypto, Signer } from "../../hal/crypto.ts";
import { assert } from "../assert.ts";
import { fromHex } from "../bytes.ts";
import type { Log } from "../log.ts";
import type { FlowEvent } from "../payment/model/flow-event.ts";
import type { PaymentOrder, Payments, TakeOutcome } from "../payment/payments.ts";
import type { MessageOf } from "../protocol/messages.ts";
import { fail, ok, type Result } from "../result.ts";
import { signToken } from "../token/delivery-token.ts";
import { shortDigest, thumbprint } from "../token/signed.ts";
import { milliUnits } from "../units.ts";
import type { Journal } from "./journal.ts";
import type { OpenOffer } from "./offers.ts";
import * as order from "./order.ts";
import { dueRefundMinor, openRefund, refunded, refundedBefore } from "./order-refunds.ts";
import type { PaymentTalk } from "./payment-talk.ts";
import { credentialsOf, evidenceOf, paymentOf, payWrong } from "./sale-payment.ts";
import { committedStream } from "./stream-commitment.ts";

type Order = order.Order;
type Settlement = NonNullable<Order["settlement"]>;
type StreamOfPay = Result<Order["stream"]>;

/** Orders that one consumer, and all together, may have unsettled at once. */
const OPEN_PER_CONSUMER_MAX = 32;
const OPEN_MAX = 1000;
/** A closed or failed order stays this long, to answer repeated questions. */
const KEEP_CLOSED_S = 24 * 3600;

export interface SalePorts {
  clock: Clock;
  crypto: Crypto;
  signer: Signer;
  journal: Journal;
  payments: Payments;
  log: Log;
  /** Puts work into the device's one queue of inputs. */
  enqueue(work: () => Promise<void>): void;
  /** Somebody may wait for this order: its state has changed. */
  changed(order: Order): void;
  /** Who takes part in its payment says something to the payer. */
  talk: PaymentTalk;
}

export interface Sale {
  /** Journals the order and starts to take its money; the outcome shows in the order. */
  pay(offer: OpenOffer, request: MessageOf<"pay">, consumer: string): Promise<Result<Order>>;
  /** As `pay`, by whoever stands at the board: held, by the card that its reader reads, or by what `method` says. */
  payAtBoard(offer: OpenOffer, consumer: string, method?: string): Promise<Result<Order>>;
  /** The payer wants no more: it is not waited for his card any longer, and what was taken goes back. */
  cancel(order: string): void;
  /** The payer's answer to a question. Errors: `confirmation-unknown`. */
  confirm(paying: Order, answer: MessageOf<"confirm">): Result<void>;
  /** Starts to move what a closing order still has to move. */
  settle(closing: Order): void;
  /** Starts to move what a closed order gives back at the operator's command, if anything. */
  refund(closed: Order): void;
  /** Closes what has expired and idles, forgets what is long closed. */
  sweep(): Promise<void>;
  /** Takes up again what a restart interrupted. */
  resume(): void;
}

export function openSale(ports: SalePorts): Sale {
  return new JournaledSale(ports);
}

class JournaledSale implements Sale {
  readonly #ports: SalePorts;

  constructor(ports: SalePorts) {
    this.#ports = ports;
  }

  async pay(offer: OpenOffer, request: MessageOf<"pay">, consumer: string): Promise<Result<Order>> {
    const wrong = payWrong(offer, request);
    if (!wrong.ok) return wrong;
    const stream = this.#streamOf(offer, request);
    if (!stream.ok) return stream;
    const { way, flow } = offer.service.payment ?? {};
    const { method, maximumMinor } = request;
    return this.#start(offer, consumer, {
      ...credentialsOf(offer.offer.id, request),
      ...(way !== undefined && { way }),
      ...(flow !== undefined && { flow }),
      ...(method !== undefined && { method }),
      ...(maximumMinor !== undefined && { maximumMinor }),
      ...(stream.value && { stream: stream.value }),
    });
  }

  #streamOf(offer: OpenOffer, { commitment, maximumMinor }: MessageOf<"pay">): StreamOfPay {
    if (commitment === undefined) return ok(undefined);
    const { clock, crypto, signer } = this.#ports;
    const goodToS = clock.wallQuality() === "unset" ? 0 : this.#nowS() + offer.service.tokenLifeS;
    const device = thumbprint(crypto, signer.publicKey);
    return committedStream(offer, commitment, maximumMinor, { crypto, device, goodToS });
  }

  payAtBoard(offer: OpenOffer, consumer: string, method?: string): Promise<Result<Order>> {
    const { way, flow } = offer.service.payment ?? {};
    return this.#start(offer, consumer, {
      atBoard: true,
      way: "hold",
      // Of another way it is the name of another flow.
      ...(way === "hold" && flow !== undefined && { flow }),
      ...(method !== undefined && { method }),
    });
  }

  cancel(order: string): void {
    this.#ports.payments.cancel(order);
  }

  async #start(offer: OpenOffer, consumer: string, how: Partial<Order>): Promise<Result<Order>> {
    const allowed = this.#room(consumer);
    if (!allowed.ok) return allowed;
    const { id, consumer: _, expiresS: __, tariff, ...terms } = offer.offer;
    const taking = order.newOrder({
      id,
      consumer,
      terms,
      ...(tariff === undefined ? {} : { tariff }),
      outlet: offer.service.outlet,
      meter: offer.service.meter,
      tokenLifeS: offer.service.tokenLifeS,
      offer: offer.signed,
      madeS: this.#nowS(),
      ...how,
    });
    await this.#ports.journal.save(taking);
    this.#startTaking(taking, "take", offer.service.name);
    return ok(taking);
  }

  confirm({ id }: Order, { confirmation, values }: MessageOf<"confirm">): Result<void> {
    const { payments, talk } = this.#ports;
    if (!payments.confirm(id, confirmation, values)) {
      return fail("confirmation-unknown", "nobody waits for that answer", "confirmation");
    }
    talk.answered(id, confirmation);
    return ok(undefined);
  }

  settle(closing: Order): void {
    const { journal, enqueue } = this.#ports;
    const { settlement } = closing;
    assert(settlement !== undefined, "a closing order has its settlement decided");
    const move = async (): Promise<void> => {
      const moved = await this.#move(closing, settlement);
      enqueue(() => {
        // Read again: the consumer may have acknowledged receipts while the money moved.
        const now = journal.order(closing.id) ?? closing;
        return this.#settled(order.closed(now, moved, this.#closedAt()));
      });
    };
    void move().catch((error: unknown) => enqueue(() => Promise.reject(error)));
  }

  /** What was delivered is made final, and the rest given back; of a hold the rest was never taken. */
  async #move(closing: Order, settlement: Settlement): Promise<order.Moved> {
    // Its money was never here.
    if (closing.prepaid !== undefined) return { owedMinor: 0 };
    const { crypto, payments } = this.#ports;
    const payment = this.#payment(closing);
    const { amountMinor, forfeitMinor, refundMinor } = settlement;
    const evidence = evidenceOf(closing, crypto);
    const kept = await payments.complete(payment, amountMinor + forfeitMinor, evidence);
    if (closing.way === "hold") return { capturedMinor: kept.amountMinor };
    const back = await payments.giveBack(payment, refundMinor);
    return { owedMinor: back.kind === "owed" ? back.amountMinor : 0 };
  }

  refund(closed: Order): void {
    const { payments, enqueue } = this.#ports;
    const open = openRefund(closed);
    if (closed.state !== "closed" || open === undefined) return;
    const dueMinor = dueRefundMinor(closed);
    const later = {
      number: open.number,
      capturedMinor: order.capturedMinor(closed),
      before: refundedBefore(closed),
    };
    void payments.giveBack(this.#payment(closed), dueMinor, later).then(
      (back) => {
        const movedMinor = back.kind === "owed" ? dueMinor - back.amountMinor : dueMinor;
        enqueue(() => this.#refunded(closed, movedMinor));
      },
      (error: unknown) => enqueue(() => Promise.reject(error)),
    );
  }

  async #refunded(closed: Order, movedMinor: number): Promise<void> {
    const { journal, log } = this.#ports;
    // Read again: the consumer may have acknowledged receipts while the money moved.
    const now = (await journal.find(closed.id)) ?? closed;
    await journal.save(refunded(now, movedMinor));
    log("info", "refunded", { order: closed.id, movedMinor, currency: closed.terms.currency });
  }

  async sweep(): Promise<void> {
    const { clock, journal, payments } = this.#ports;
    const nowS = this.#nowS();
    // A clock that was never set says nothing about time: nothing expires by it, and nothing is forgotten.
    if (clock.wallQuality() === "unset") return;
    for (const one of [...journal.orders()]) {
      if (one.clockUnset === true) await journal.save(order.dated(one, nowS));
      const idle = one.state === "paid" && one.running === undefined && one.clockUnset !== true;
      if (idle && one.expiresS !== undefined && one.expiresS <= nowS) {
        const closing = order.expired(one);
        await journal.save(closing);
        this.settle(closing);
      }
    }
    // Until then the operator may give back what was captured.
    for (const id of await journal.forgetClosed(nowS - KEEP_CLOSED_S)) await payments.forget(id);
  }

  resume(): void {
    for (const one of this.#ports.journal.orders()) {
      if (one.state === "taking") this.#startTaking(one, "findOut");
      if (one.state === "closing") this.settle(one);
      this.refund(one);
    }
  }

  #nowS(): number {
    return Math.floor(this.#ports.clock.wallMs() / 1000);
  }

  #closedAt(): order.ClosedAt {
    const closedS = this.#nowS();
    return this.#ports.clock.wallQuality() === "unset"
      ? { closedS, clockUnset: true }
      : { closedS };
  }

  #room(consumer: string): Result<void> {
    let mine = 0;
    let all = 0;
    for (const one of this.#ports.journal.orders()) {
      if (one.state === "closed" || one.state === "failed") continue;
      // The operator's own word brought it, and it waits here for as long as that is good.
      if (one.prepaid !== undefined) continue;
      all += 1;
      if (one.consumer === consumer) mine += 1;
    }
    if (mine >= OPEN_PER_CONSUMER_MAX) return fail("too-many", "finish or end an order first");
    return all >= OPEN_MAX
      ? fail("too-many", "the device has too many open orders")
      : ok(undefined);
  }

  #payment(one: Order, serviceName?: string): PaymentOrder {
    return paymentOf(one, this.#ports.crypto, serviceName);
  }

  #startTaking(taking: Order, how: "take" | "findOut", serviceName?: string): void {
    const { payments, enqueue, talk } = this.#ports;
    const payment = this.#payment(taking, serviceName);
    const { totalMinor } = taking.terms;
    // Later: whoever asked to pay is watching by then.
    const tell = (event: FlowEvent): void =>
      enqueue(() => Promise.resolve(talk.heard(taking.id, event)));
    const outcome =
      how === "take"
        ? payments.take(payment, taking.maximumMinor ?? totalMinor, tell)
        : payments.findOut(payment);
    void outcome.then(
      (known) => enqueue(() => this.#taken(taking, known)),
      (error: unknown) => enqueue(() => Promise.reject(error)),
    );
  }

  async #taken(taking: Order, outcome: TakeOutcome): Promise<void> {
    const { crypto, signer, journal, log, changed, talk } = this.#ports;
    talk.over(taking.id);
    if (outcome.kind !== "taken") {
      const why = outcome.kind === "lost" ? "payment-lost" : outcome.why;
      log("info", "payment-refused", { order: taking.id, why });
      const failed = order.failed(taking, why, this.#closedAt());
      await journal.save(failed);
      this.#forget(failed);
      changed(failed);
      return;
    }
    const expiresS = this.#nowS() + taking.tokenLifeS;
    const token = signToken(
      {
        order: taking.id,
        consumer: thumbprint(crypto, fromHex(taking.consumer) ?? new Uint8Array()),
        service: taking.terms.service,
        price: taking.terms.price,
        units: taking.terms.units,
        expiresS,
      },
      signer,
    );
    const { reference, amountMinor, extras } = outcome;
    const clockUnset = this.#ports.clock.wallQuality() === "unset";
    const paid = order.paid(taking, {
      reference,
      takenMinor: amountMinor,
      token,
      expiresS,
      clockUnset,
      ...(extras !== undefined && { extras }),
    });
    await journal.save(paid);
    const { units, unit, currency } = paid.terms;
    log("info", "paid", { order: paid.id, units, unit, amountMinor, currency });
    changed(paid);
  }

  async #settled(closed: Order): Promise<void> {
    const { crypto, journal, log, changed } = this.#ports;
    const { settlement } = closed;
    assert(settlement !== undefined, "a closed order has its settlement");
    await journal.save(closed, {
      is: "settlement",
      order: closed.id,
      offer: shortDigest(crypto, closed.offer),
      payment: closed.reference ?? "",
      sessions: closed.sessions,
      pulses: closed.pulses,
      milliUnits: milliUnits(closed.pulses, order.ratioOf(closed)),
      ...order.wholeCharge(closed),
      capturedMinor: order.capturedMinor(closed),
      refundedMinor: settlement.refundMinor,
      forfeitedMinor: settlement.forfeitMinor,
      owedMinor: settlement.owedMinor,
      reason: settlement.reason as "expired",
    });
    const { cause: _, ...moved } = settlement;
    log("info", "settled", { order: closed.id, currency: closed.terms.currency, ...moved });
    changed(closed);
    this.refund(closed);
  }

  /** What the payment side keeps of an order costs nothing but space: it goes when there is time. */
  #forget({ id }: Order): void {
    const { payments, enqueue } = this.#ports;
    enqueue(() => payments.forget(id));
  }
}
