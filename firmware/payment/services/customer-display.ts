// Customer display: what is in the basket, what is to be paid, and what became of it, on a few lines for whoever stands
// before the device. What was shown of a customer is forgotten when his payment ends, or after a minute.

import { after, type Clock, type Timer } from "../../../hal/clock.ts";
import { formatMinor } from "../../money.ts";
import { field, int, map, type Of, text } from "../../protocol/schema.ts";
import type { Amounts } from "../model/amounts.ts";
import { totalOf } from "../model/amounts-arithmetic.ts";
import { basketTotal } from "../model/basket-total.ts";
import { isFulfilled } from "../model/transaction-sums.ts";
import { type DefinedFlowService, definePaymentFlowService } from "../sdk/define-service.ts";
import type { StatusUpdateModel } from "../sdk/generic-models.ts";

/** Text for people, from the top. */
export interface CustomerDisplay {
  show(lines: readonly string[]): void;
}

export const customerDisplayOptions = map({
  /** Shown when there is nothing to say. */
  idle: field(1, text(64)),
  /** Characters in a line, and lines. */
  width: field(2, int(8, 80)),
  rows: field(3, int(2, 16)),
});
type Options = Of<typeof customerDisplayOptions>;

export const CUSTOMER_DISPLAY_USUAL: Options = { idle: "Welcome", width: 20, rows: 4 };

const FORGET_MS = 60_000;

export function openCustomerDisplay(
  id: string,
  options: Options,
  ports: { clock: Clock; display: CustomerDisplay },
): DefinedFlowService {
  const screen = new Screen(options, ports);
  return definePaymentFlowService({
    info: { id, vendor: "Sluice", displayName: "Customer display" },
    stages: {
      STATUS_UPDATE: (model) => screen.showForAWhile(statusLines(model)),
      PRE_TRANSACTION: ({ request }) => {
        screen.showFlow(flowOf(request.transactionId), ["To pay", sum(request.amounts)]);
      },
      POST_TRANSACTION: ({ request }) => {
        const said = isFulfilled(request) ? "Paid" : "Not paid";
        screen.showFlow(flowOf(request.id), [said, sum(request.requested)]);
      },
    },
    ended: (response) => {
      if ("outcome" in response) screen.forget(response.id);
    },
  });
}

class Screen {
  readonly #options: Options;
  readonly #clock: Clock;
  readonly #display: CustomerDisplay;
  /** Whose lines stand there. */
  #flow: string | undefined;
  #timer: Timer | undefined;

  constructor(options: Options, { clock, display }: { clock: Clock; display: CustomerDisplay }) {
    this.#options = options;
    this.#clock = clock;
    this.#display = display;
    this.#idle();
  }

  /** Several flows may run at once; the last one that has something to say is shown. */
  showFlow(flow: string, lines: readonly string[]): void {
    this.#flow = flow;
    this.showForAWhile(lines);
  }

  showForAWhile(lines: readonly string[]): void {
    if (lines.length === 0) return;
    this.#show(lines);
    this.#timer?.cancel();
    this.#timer = after(this.#clock, FORGET_MS, () => this.#idle());
  }

  forget(flow: string): void {
    if (this.#flow !== undefined && this.#flow !== flow) return;
    this.#timer?.cancel();
    this.#idle();
  }

  #idle(): void {
    this.#flow = undefined;
    this.#show([this.#options.idle]);
  }

  #show(lines: readonly string[]): void {
    const { width, rows } = this.#options;
    const plain = lines.map((line) => line.replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, " "));
    this.#display.show(plain.slice(0, rows).map((line) => [...line].slice(0, width).join("")));
  }
}

function statusLines(model: StatusUpdateModel): readonly string[] {
  const customer = model.get("customerUpdate", "customer");
  if (customer !== undefined) return [`Hello ${customer.fullName ?? ""}`.trimEnd()];
  const basket = model.get("basketUpdated", "basket");
  const currency = model.get("currency", "text") ?? "";
  const money = (minor: number): string =>
    /^[A-Z]{3}$/.test(currency) ? formatMinor(minor, currency) : String(minor);
  if (basket !== undefined) {
    const total = basketTotal(basket);
    const [last] = basket.items.slice(-1);
    return [last?.label ?? "", total.ok ? `Total ${money(total.value)}` : ""];
  }
  const one = model.get("basketItemUpdated", "basket-item");
  const added = model.get("basketItemsAdded", "basket-items") ?? [];
  const removed = model.get("basketItemsRemoved", "basket-items") ?? [];
  return [
    ...[...(one ? [one] : []), ...added].map((item) => `${item.label} ${money(item.amountMinor)}`),
    ...removed.map((item) => `- ${item.label}`),
  ];
}

/** Transactions are named after their flow: "FLOW/1". */
function flowOf(transaction: string): string {
  return transaction.slice(0, transaction.lastIndexOf("/"));
}

function sum(amounts: Amounts): string {
  return formatMinor(totalOf(amounts), amounts.currency);
}
