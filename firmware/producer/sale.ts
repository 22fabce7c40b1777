// Money of an order: pay, settle, expire, and take all of it up again after a restart. The journal is written
// before money is asked to move and after it has; what the payment side answers comes back as an input of its
// own, so nothing here waits while a host thinks.

import type { Clock } from "../../hal/clock.ts";
import type { Crypto, Signer } from "../../hal/crypto.ts";
import { assert } from "../assert.ts";
import { fromHex } from "../bytes.ts";
import type { Log } from "../log.ts";
import type { PaymentOrder, Payments, TakeOutcome } from "../payment/payments.ts";
import { credentialNonce } from "../protocol/credential.ts";
import type { MessageOf } from "../protocol/messages.ts";
import { fail, ok, type Result } from "../result.ts";
import { signToken } from "../token/delivery-token.ts";
import { shortDigest, thumbprint } from "../token/signed.ts";
import { milliUnits } from "../units.ts";
import type { Journal } from "./journal.ts";
import type { OpenOffer } from "./offers.ts";
import * as order from "./order.ts";

type Order = order.Order;

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
}

export interface Sale {
  /** Journals the order and starts to take its money; the outcome shows in the order. */
  pay(offer: OpenOffer, request: MessageOf<"pay">, consumer: string): Promise<Result<Order>>;
  /** Starts to move what a closing order still has to move. */
  settle(closing: Order): void;
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
      credential: {
        nonce: credentialNonce(id, request.nonce),
        box: request.credential,
        tokenised: request.tokenised === true,
      },
    });
    await this.#ports.journal.save(taking);
    this.#startTaking(taking, "take");
    return ok(taking);
  }

  settle(closing: Order): void {
    const { crypto, journal, payments, enqueue } = this.#ports;
    const { settlement } = closing;
    assert(settlement !== undefined, "a closing order has its settlement decided");
    const move = async (): Promise<void> => {
      const payment = this.#toPayment(closing);
      await payments.complete(payment, settlement.amountMinor, shortDigest(crypto, closing.offer));
      const back = await payments.giveBack(payment, settlement.refundMinor);
      const owedMinor = back.kind === "owed" ? back.amountMinor : 0;
      enqueue(() => {
        // Read again: the consumer may have acknowledged receipts while the money moved.
        const now = journal.order(closing.id) ?? closing;
        return this.#settled(order.closed(now, owedMinor, this.#closedAt()));
      });
    };
    void move().catch((error: unknown) => enqueue(() => Promise.reject(error)));
  }

  async sweep(): Promise<void> {
    const { clock, journal } = this.#ports;
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
    await journal.forgetClosed(nowS - KEEP_CLOSED_S);
  }

  resume(): void {
    for (const one of this.#ports.journal.orders()) {
      if (one.state === "taking") this.#startTaking(one, "findOut");
      if (one.state === "closing") this.settle(one);
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
      all += 1;
      if (one.consumer === consumer) mine += 1;
    }
    if (mine >= OPEN_PER_CONSUMER_MAX) return fail("too-many", "finish or end an order first");
    return all >= OPEN_MAX
      ? fail("too-many", "the device has too many open orders")
      : ok(undefined);
  }

  #toPayment(one: Order): PaymentOrder {
    const { id, terms, offer, credential, reference } = one;
    const payment: PaymentOrder = {
      id,
      currency: terms.currency,
      totalMinor: terms.totalMinor,
      offer,
      offerDigest: shortDigest(this.#ports.crypto, offer),
    };
    if (reference !== undefined) payment.reference = reference;
    if (credential !== undefined) {
      const payerKey = fromHex(one.consumer) ?? new Uint8Array();
      const { nonce, box, tokenised } = credential;
      payment.credential = tokenised
        ? { kind: "token", payerKey, token: box }
        : { kind: "sealed", payerKey, nonce, box };
    }
    return payment;
  }

  #startTaking(taking: Order, how: "take" | "findOut"): void {
    const { payments, enqueue } = this.#ports;
    const payment = this.#toPayment(taking);
    const outcome =
      how === "take" ? payments.take(payment, taking.terms.totalMinor) : payments.findOut(payment);
    void outcome.then(
      (known) => enqueue(() => this.#taken(taking, known)),
      (error: unknown) => enqueue(() => Promise.reject(error)),
    );
  }

  async #taken(taking: Order, outcome: TakeOutcome): Promise<void> {
    const { crypto, signer, journal, log, changed } = this.#ports;
    if (outcome.kind !== "taken") {
      const why = outcome.kind === "lost" ? "payment-lost" : outcome.why;
      log("info", "payment-refused", { order: taking.id, why });
      const failed = order.failed(taking, why, this.#closedAt());
      await journal.save(failed);
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
    const { reference, amountMinor } = outcome;
    const clockUnset = this.#ports.clock.wallQuality() === "unset";
    const paid = order.paid(taking, {
      reference,
      takenMinor: amountMinor,
      token,
      expiresS,
      clockUnset,
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
      capturedMinor: closed.takenMinor,
      refundedMinor: settlement.refundMinor,
      forfeitedMinor: settlement.forfeitMinor,
      owedMinor: settlement.owedMinor,
      reason: settlement.reason as "expired",
    });
    log("info", "settled", { order: closed.id, currency: closed.terms.currency, ...settlement });
    changed(closed);
  }
}
