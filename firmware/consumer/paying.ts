// Paying an offer once, however often and by however many processes it is tried: the application may refuse, the
// spending limit is kept, the purchase is journaled before money may move and after it has.

import { after, type Clock, type Timer } from "../../hal/clock.ts";
import type { Crypto } from "../../hal/crypto.ts";
import type { Entropy } from "../../hal/entropy.ts";
import { FURTHER_CREDENTIALS_MAX, type Message, type MessageOf } from "../protocol/messages.ts";
import { type Fault, fail, ok, type Result } from "../result.ts";
import type { Certificate } from "../token/certificate.ts";
import { verifyToken } from "../token/delivery-token.ts";
import { type Offer, verifyOffer } from "../token/offer.ts";
import { shortDigest } from "../token/signed.ts";
import { checkToken } from "./checks.ts";
import { type Card, type SealedCredential, sealCard } from "./credential.ts";
import { PaymentQuestions, type PayOptions } from "./payment-questions.ts";
import {
  isPaid,
  type Purchase,
  type Purchases,
  type StreamTerms,
  withoutPayer,
  withPayer,
} from "./purchase.ts";
import type { Spending } from "./spending.ts";
import { commitTo } from "./stream-order.ts";

const PAY_AGAIN_MS = 1_000;
/** A payment that the device cannot decide by then is left to a later `pay` of the same order. */
const PAY_TIMEOUT_MS = 90_000;
/** An application that has not allowed it by then has refused it. */
const ALLOW_MS = 60_000;
/** So long after an offer expired the device surely knows an order that was made of it (24 h), and no frame is under way. */
const KNOWN_S = { from: 300, to: 20 * 3600 };

const ANOTHER_WAY = "it is being paid already, in the other way: by the unit, or in one piece";

/** What a payer signs for beside the offer's total. */
interface Signed {
  mostMinor: number | undefined;
  byTheUnit: (StreamTerms & { commitment: Uint8Array }) | undefined;
}

/** Whether the application lets this be paid: its words reach whoever asked. */
export type Allow = (offer: Offer, purchase: Purchase) => Result<void> | Promise<Result<void>>;

export interface PayingPorts {
  clock: Clock;
  crypto: Crypto;
  entropy: Entropy;
  purchases: Purchases;
  spending: Spending;
  boxSecret: Uint8Array;
  allow(): Allow | undefined;
  askToPay(request: Message): Promise<Result<MessageOf<"paid">>>;
  askToConfirm(answer: MessageOf<"confirm">): Promise<Result<unknown>>;
}

export class Paying {
  readonly #ports: PayingPorts;
  readonly #device: Certificate;
  readonly #questions: PaymentQuestions;

  constructor(ports: PayingPorts, device: Certificate) {
    this.#ports = ports;
    const { purchases, askToConfirm } = ports;
    this.#questions = new PaymentQuestions({ purchases, confirm: askToConfirm });
    this.#device = device;
  }

  /**
   * Errors: `out-of-order`, `refused`, `over-limit`, the device's and the host's, `timed-out`. After `not-ready`,
   * `too-many` and `not-streamed` no money was asked to move: it may be paid later, as long as the offer lives. Without a card it is
   * paid from an account that the operator keeps.
   */
  async pay(
    id: string,
    card: Card | undefined,
    options: PayOptions = {},
  ): Promise<Result<Purchase>> {
    const { crypto, purchases } = this.#ports;
    const latest = await purchases.get(id);
    if (latest === undefined) return fail("out-of-order", "select comes before pay", "purchase");
    if (isPaid(latest)) return ok(latest);
    if (latest.state === "failed") return fail("declined", "this payment failed: select again");
    const offer = verifyOffer(latest.offer, this.#device.signKey, crypto);
    if (!offer.ok) return offer;
    const allowed = await this.#allowed(offer.value, latest);
    if (!allowed.ok) return allowed;
    const { maximumMinor = 0 } = options;
    const mostMinor = maximumMinor > offer.value.totalMinor ? maximumMinor : undefined;
    const byTheUnit = this.#byTheUnit(offer.value, latest, mostMinor, options);
    if (!byTheUnit.ok) return byTheUnit;
    const signed = { mostMinor, byTheUnit: byTheUnit.value };
    const request = this.#request(offer.value, latest.offer, card, signed, options);
    if (!request.ok) return request;
    const begun = await this.#beginToPay(id, offer.value, signed);
    if (!begun.ok) return begun;
    if (begun.value.state !== "paying") return this.#decided(begun.value);
    const unlisten = this.#questions.listen(id, options);
    try {
      return await this.#ask(request.value, offer.value);
    } finally {
      unlisten();
    }
  }

  /** What is said, and asked, while we pay. */
  onPush(message: MessageOf<"payment-event">): void {
    this.#questions.onPush(message);
  }

  /** Undefined for what is paid in one piece. What may be on its way to the device is not paid in another way. */
  #byTheUnit(
    offer: Offer,
    { state, stream, offer: signedOffer }: Purchase,
    mostMinor: number | undefined,
    { stream: terms, further = [] }: PayOptions,
  ): Result<Signed["byTheUnit"]> {
    const isBegun = state === "paying";
    if (terms === undefined && !(isBegun && stream !== undefined)) return ok(undefined);
    if (mostMinor !== undefined || further.length > 0) {
      const words = "one card pays by the unit, for the units alone: nothing comes on top";
      return fail("not-streamed", words, "stream");
    }
    if (isBegun) return stream ? ok(stream) : fail("out-of-order", ANOTHER_WAY, "purchase");
    const { signKey } = this.#device;
    const { step = 1, window = 0 } = terms ?? {};
    const made = commitTo(offer, { signedOffer, signKey }, this.#ports);
    return made.ok ? ok({ commitment: made.value, step, window }) : made;
  }

  #request(
    offer: Offer,
    signed: Uint8Array,
    card: Card | undefined,
    { mostMinor, byTheUnit }: Signed,
    { method, further = [] }: PayOptions,
  ): Result<MessageOf<"pay">> {
    const { crypto, entropy, boxSecret } = this.#ports;
    const { hostKey } = this.#device;
    const { commitment } = byTheUnit ?? {};
    const digest =
      commitment === undefined
        ? shortDigest(crypto, signed)
        : { commitment: shortDigest(crypto, commitment) };
    const cards = card === undefined ? [] : [card, ...further];
    const sealed: SealedCredential[] = [];
    for (const one of cards) {
      const made = sealCard(one, offer, digest, hostKey, boxSecret, this.#ports, mostMinor);
      if (!made.ok) return made;
      sealed.push(made.value);
    }
    const [first, ...others] = sealed;
    const { nonce, box } = first ?? { nonce: entropy.bytes(8), box: new Uint8Array() };
    if (others.length > FURTHER_CREDENTIALS_MAX) {
      return fail("too-many", `at most ${1 + FURTHER_CREDENTIALS_MAX} cards pay together`, "card");
    }
    const more = others.map((one) => ({ nonce: one.nonce, credential: one.box, tokenised: false }));
    return ok({
      is: "pay",
      offer: offer.id,
      nonce,
      credential: box,
      ...(method !== undefined && { method }),
      ...(mostMinor !== undefined && { maximumMinor: mostMinor }),
      ...(more.length > 0 && { further: more }),
      ...(commitment !== undefined && { commitment }),
    });
  }

  async #allowed(offer: Offer, purchase: Purchase): Promise<Result<void>> {
    const { clock } = this.#ports;
    const allow = this.#ports.allow();
    if (allow === undefined) return ok(undefined);
    let timer: Timer | undefined;
    const late = new Promise<Result<void>>((resolve) => {
      const refused = fail("refused", "the application does not answer");
      timer = after(clock, ALLOW_MS, () => resolve(refused));
    });
    try {
      return await Promise.race([allow(offer, purchase), late]);
    } catch (error) {
      return fail("refused", `the application failed: ${String(error).slice(0, 100)}`);
    } finally {
      timer?.cancel();
    }
  }

  /** The purchase as `paying`; or as another process of this identity left it meanwhile. */
  async #beginToPay(
    id: string,
    offer: Offer,
    { mostMinor, byTheUnit }: Signed,
  ): Promise<Result<Purchase>> {
    const { purchases, spending } = this.#ports;
    const seen: { fault?: Fault } = {};
    const payer = (current: Purchase): Purchase | undefined => {
      delete seen.fault;
      // Another process may have begun to pay it meanwhile.
      const isOtherWay =
        current.state === "paying" && (current.stream === undefined) !== (byTheUnit === undefined);
      if (!isOtherWay) return withPayer(current, mostMinor, byTheUnit);
      seen.fault = fail("out-of-order", ANOTHER_WAY, "purchase").fault;
      return undefined;
    };
    const now = await purchases.change(id, payer, async (current) => {
      // What may have been charged already is in the sum.
      if (current.state === "paying") return [];
      const reserved = await spending.reserve(offer, mostMinor);
      if (reserved.ok) return reserved.value;
      seen.fault = reserved.fault;
      return undefined;
    });
    if (seen.fault !== undefined) return { ok: false, fault: seen.fault };
    return now === undefined
      ? fail("out-of-order", "select comes before pay", "purchase")
      : ok(now);
  }

  #decided(purchase: Purchase): Result<Purchase> {
    if (isPaid(purchase)) return ok(purchase);
    return fail("declined", "this payment failed: select again");
  }

  async #ask(request: MessageOf<"pay">, offer: Offer): Promise<Result<Purchase>> {
    const { clock, askToPay } = this.#ports;
    const { id } = offer;
    const deadlineMs = clock.monotonicMs() + PAY_TIMEOUT_MS;
    for (let time = 1; ; time++) {
      const reply = await askToPay(request);
      if (reply.ok) return this.paid(id, offer, reply.value.token);
      const { kind, message } = reply.fault;
      if (kind === "not-ready" || kind === "too-many" || kind === "not-streamed") {
        // An earlier request of ours that was not answered may still be under way to the device.
        if (time === 1) await this.#ports.purchases.change(id, withoutPayer);
        return reply;
      }
      const open = kind === "payment-pending" || kind === "internal" || kind === "timed-out";
      if (!open) {
        const now = await this.#failed(id, message);
        return now !== undefined && isPaid(now) ? ok(now) : reply;
      }
      if (clock.monotonicMs() >= deadlineMs) return reply;
      await new Promise<void>((resolve) => after(clock, PAY_AGAIN_MS, resolve));
    }
  }

  #failed(id: string, message: string): Promise<Purchase | undefined> {
    const why = message.slice(0, 100);
    return this.#ports.purchases.change(id, (current) =>
      isPaid(current) || current.state === "quoted"
        ? undefined
        : { ...current, state: "failed", why },
    );
  }

  /** Keeps the token of an order that is paid. Errors: those of verifyToken and checkToken. */
  async paid(id: string, offer: Offer, token: Uint8Array): Promise<Result<Purchase>> {
    const { crypto, purchases } = this.#ports;
    const read = verifyToken(token, this.#device.signKey, crypto);
    if (!read.ok) return read;
    const checked = checkToken(read.value, offer);
    if (!checked.ok) return checked;
    // Another process may have been quicker, and be further: what it has kept stays.
    const now = await purchases.change(id, (current) => {
      if (!isPaid(current)) return { ...current, state: "paid", token };
      return current.token === undefined ? { ...current, token } : undefined;
    });
    return now === undefined ? fail("order-unknown", "the order is not in the journal") : ok(now);
  }

  /** What the device says of an order whose payment we left undecided is kept. */
  async learn(id: string, standing: Result<MessageOf<"order">>): Promise<void> {
    const { clock, crypto, purchases } = this.#ports;
    const current = await purchases.get(id);
    if (current === undefined || (current.state !== "paying" && current.state !== "failed")) return;
    const offer = verifyOffer(current.offer, this.#device.signKey, crypto);
    if (!offer.ok) return;
    if (standing.ok) {
      const { state, token } = standing.value;
      if (token !== undefined) await this.paid(id, offer.value, token);
      else if (state === "failed" && current.state === "paying")
        await this.#failed(id, "the payment was not taken");
      return;
    }
    if (current.state === "failed" || standing.fault.kind !== "order-unknown") return;
    if (clock.wallQuality() === "unset") return;
    const sinceS = Math.floor(clock.wallMs() / 1000) - offer.value.expiresS;
    if (sinceS > KNOWN_S.from && sinceS < KNOWN_S.to) {
      await this.#failed(id, "the device never took it up, and the offer has expired");
    }
  }
}
