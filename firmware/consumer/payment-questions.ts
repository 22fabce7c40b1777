// What applications that take part in a payment say to us while we pay, and the questions they ask. An extra is
// accepted only within what we signed, and is in the journal before the device hears of it; whatever nobody answers is
// not accepted.

import type { MessageOf } from "../protocol/messages.ts";
import type { Result } from "../result.ts";
import { type Extra, extrasMinor } from "../token/charge.ts";
import { peekOffer } from "../token/offer.ts";
import { EXTRAS_MAX } from "../token/receipt.ts";
import type { Card } from "./credential.ts";
import { isPaid, type Purchase, type Purchases, type StreamTerms } from "./purchase.ts";

type Told = MessageOf<"payment-event">;
export type PaymentQuestion = NonNullable<Told["confirmation"]>;

/** What the device expects of a payer who accepts an extra. */
const APPROVE = "approve";

/** How we pay, beside the card. */
export interface PayOptions {
  /** The payment method; any when absent. */
  method?: string;
  /** The most that is signed: above the offer's total it leaves room for extras, which are asked for. */
  maximumMinor?: number;
  /** More cards, tried in turn when the one before does not cover all. */
  further?: readonly Card[];
  /**
   * Paid while it is delivered, unit by unit, as is said here unless `begin` says otherwise: a commitment is signed for
   * the total, and the money is only held.
   */
  stream?: StreamTerms;
  /** What an application says, for people. */
  onMessage?(type: string, text: string): void;
  /** The values that are chosen; none for no. An extra is accepted by "approve". */
  onQuestion?(question: PaymentQuestion): Promise<readonly string[]>;
}

export interface QuestionPorts {
  purchases: Purchases;
  confirm(answer: MessageOf<"confirm">): Promise<Result<unknown>>;
}

interface Listening {
  options: PayOptions;
  asked: Set<string>;
  /** Questions whose extra we accepted, by the extra's name: accepted once, it is paid once. */
  accepted: Map<string, PaymentQuestion>;
}

export class PaymentQuestions {
  readonly #ports: QuestionPorts;
  readonly #payments = new Map<string, Listening>();

  constructor(ports: QuestionPorts) {
    this.#ports = ports;
  }

  /** Hears what is said about an order while it is paid; ends with the function that is returned. */
  listen(order: string, options: PayOptions): () => void {
    const payment = { options, asked: new Set<string>(), accepted: new Map() };
    this.#payments.set(order, payment);
    return () => {
      if (this.#payments.get(order) === payment) this.#payments.delete(order);
    };
  }

  onPush({ order, type, text, confirmation }: Told): void {
    const payment = this.#payments.get(order);
    if (payment === undefined) return;
    const { options, asked } = payment;
    if (text !== undefined) options.onMessage?.(type, text);
    if (confirmation === undefined) return;
    // A question that was lost is sent again; each is answered once. Ids are unique within an application alone.
    const question = JSON.stringify(confirmation);
    if (asked.has(question)) return;
    asked.add(question);
    // Our own journal that breaks is told by the payment, which writes it too.
    this.#answer(order, confirmation, payment).catch(() => asked.delete(question));
  }

  async #answer(order: string, question: PaymentQuestion, payment: Listening): Promise<void> {
    const { confirm } = this.#ports;
    const { options, accepted: before } = payment;
    const { id: confirmation, extra } = question;
    const isFirst = (one: Extra): boolean => (before.get(one.name) ?? question) === question;
    const mayAccept =
      extra === undefined || (isFirst(extra) && (await this.#hasRoom(order, extra)));
    const chosen = mayAccept ? ((await options.onQuestion?.(question)) ?? []) : [];
    if (extra === undefined) {
      await confirm({ is: "confirm", order, confirmation, values: [...chosen] });
      return;
    }
    const isYes = chosen.includes(APPROVE) && isFirst(extra);
    if (isYes) before.set(extra.name, question);
    const accepted = isYes && (await this.#accepted(order, extra));
    const values = accepted ? [APPROVE] : [];
    await confirm({ is: "confirm", order, confirmation, values });
  }

  async #hasRoom(order: string, extra: Extra): Promise<boolean> {
    const purchase = await this.#ports.purchases.get(order);
    return purchase !== undefined && withExtra(purchase, extra) !== undefined;
  }

  /** Whether it is in the journal. */
  async #accepted(order: string, extra: Extra): Promise<boolean> {
    const now = await this.#ports.purchases.change(order, (current) => withExtra(current, extra));
    return now?.extras?.some((one) => isSame(one, extra)) === true;
  }
}

function isSame(a: Extra, b: Extra): boolean {
  return a.name === b.name && a.amountMinor === b.amountMinor;
}

/** I4: undefined for more than was signed, and for another amount of what was accepted already. */
function withExtra(purchase: Purchase, extra: Extra): Purchase | undefined {
  const { extras = [], offer, maximumMinor = 0 } = purchase;
  if (isPaid(purchase)) return undefined;
  if (extras.some((one) => isSame(one, extra))) return purchase;
  const read = peekOffer(offer);
  const sum = extrasMinor(extras) + extra.amountMinor;
  const fits = read.ok && read.value.totalMinor + sum <= maximumMinor;
  const isNew = extras.length < EXTRAS_MAX && extras.every(({ name }) => name !== extra.name);
  return fits && isNew ? { ...purchase, extras: [...extras, extra] } : undefined;
}
