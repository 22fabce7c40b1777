// Flow services for the stories about money: one that pays a part from points, one that pays all from an account, one
// that asks for a tip. Their books are outside, as a real one's would be: they outlive the device.

import { durableOrders } from "../../bench/invariants.ts";
import { ENERGY, type Site } from "../../bench/site.ts";
import type { SiteOptions } from "../../bench/site-options.ts";
import type { Purchase } from "../../firmware/consumer/purchase.ts";
import { defaultFlows } from "../../firmware/payment/config/default-flows.ts";
import { totalOf } from "../../firmware/payment/model/amounts-arithmetic.ts";
import { amountsOf, textOf } from "../../firmware/payment/model/data-access.ts";
import type { PaymentSideOptions } from "../../firmware/payment/payment-side.ts";
import {
  type DefinedFlowService,
  definePaymentFlowService,
} from "../../firmware/payment/sdk/define-service.ts";
import type { Service } from "../../firmware/producer/catalogue.ts";
import { TEST_CARDS } from "../../hal/sim/sim-payment-host.ts";
import { CARD, type Met, value } from "./story.ts";

export interface Account {
  /** By transaction: taken, and given back. */
  taken: Map<string, number>;
  back: Map<string, number>;
  /** Steps that were done, by their key: done again they do nothing. */
  steps: Set<string>;
}

export function newAccount(): Account {
  return { taken: new Map(), back: new Map(), steps: new Set() };
}

export function netOf({ taken, back }: Account): number {
  const sum = (of: Map<string, number>): number =>
    [...of.values()].reduce((so, one) => so + one, 0);
  return sum(taken) - sum(back);
}

/** Pays at most so much of the base of each transaction. */
export function payingService(
  id: string,
  method: string,
  mostMinor: number,
  account: Account,
): DefinedFlowService {
  return definePaymentFlowService({
    info: {
      id,
      vendor: "Bench",
      displayName: id,
      canPayAmounts: true,
      paymentMethods: [method],
      flowTypes: ["sale", "preAuthorisation", "reversal"],
    },
    stages: {
      PRE_TRANSACTION: (model) => {
        const { transactionId, amounts } = model.request;
        if (account.back.has(transactionId)) return;
        const part = Math.min(mostMinor, amounts.base);
        const paid = account.taken.get(transactionId) ?? part;
        account.taken.set(transactionId, paid);
        model.pay(paid, method, { account: id });
      },
      GENERIC: (model) => {
        const { data } = model.request;
        const transaction = textOf(data, "transactionId") ?? "";
        const part = amountsOf(data, "amounts");
        const step = textOf(data, "stepAttempt") ?? `${transaction} whole`;
        const taken = account.taken.get(transaction) ?? 0;
        const before = account.back.get(transaction) ?? 0;
        const amount = part === undefined ? taken - before : totalOf(part);
        if (!account.steps.has(step)) account.back.set(transaction, before + amount);
        account.steps.add(step);
        model.succeed();
      },
    },
  });
}

/** Asks the payer for a tip, and adds it only if he says yes; or adds it unasked. */
export function tipService(amountMinor: number, how: "asks" | "adds unasked"): DefinedFlowService {
  return definePaymentFlowService({
    info: { id: "tip", vendor: "Bench", displayName: "Tips", canAdjustAmounts: true },
    stages: {
      PRE_TRANSACTION: async (model) => {
        const extra = { name: "tip", amountMinor };
        const isAsked = how === "asks";
        model.progress("one moment");
        const said = isAsked ? await model.confirm({ title: "A tip?", extra }) : ["approve"];
        if (said.includes("approve")) model.setAdditional("tip", amountMinor);
      },
    },
  });
}

export const SELECTION = { service: 1, price: 1, units: 2 };
export const TOTAL = 90;
export const HOLD: Service = { ...ENERGY, payment: { way: "hold" } };
export const card = (behaviour: keyof typeof TEST_CARDS) => ({
  ...CARD,
  number: TEST_CARDS[behaviour],
});

export type Delivered = "all" | "half" | "nothing";
export const DELIVERED: readonly Delivered[] = ["all", "half", "nothing"];
export const VALUE: Readonly<Record<Delivered, number>> = { all: 90, half: 45, nothing: 0 };

export async function takeDelivery(
  { dealer }: Met,
  purchase: Purchase,
  how: Delivered,
): Promise<Purchase> {
  if (how !== "nothing") {
    value(await dealer.begin(purchase, how === "all" ? undefined : 1, () => undefined));
  }
  if (how !== "all") value(await dealer.end(purchase, "settle"));
  return dealer.settled(purchase, 60_000);
}

export async function charged(site: Site): Promise<number> {
  const charges = [...(await site.host.charges()).values()];
  return charges.reduce((sum, one) => sum + one.capturedMinor - one.refundedMinor, 0);
}

export function settlementOf(site: Site) {
  const [order] = durableOrders(site);
  return site.settlements(order?.id ?? "")[0];
}

export function withServices(services: PaymentSideOptions["services"]): Partial<SiteOptions> {
  return { payment: () => ({ services: services ?? [] }) };
}

/** Only the account pays: the flow has no payment application. */
export function storedValue(account: Account): Partial<SiteOptions> {
  const service = payingService("account", "giftCard", 1_000_000, account);
  const [sale] = defaultFlows("payment-application", []).filter(({ type }) => type === "sale");
  const others = defaultFlows("payment-application", []).filter(({ type }) => type !== "sale");
  if (sale === undefined) throw new Error("there is no sale");
  const accountSale = {
    ...sale,
    name: "residents",
    stages: sale.stages.map((stage) => ({
      ...stage,
      inner: (stage.inner ?? []).flatMap((one) => {
        if (one.name === "PRE_TRANSACTION") {
          return [{ ...one, execution: "MULTIPLE" as const, apps: [{ id: "account" }] }];
        }
        const inner = one.inner?.map((two) => ({ ...two, execution: "NONE" as const, apps: [] }));
        if (one.name === "PAYMENT_CARD_READING") return [];
        return inner === undefined ? [one] : [{ ...one, inner }];
      }),
    })),
  };
  return {
    payment: () => ({ services: [service], flows: [accountSale, ...others] }),
    services: [{ ...ENERGY, payment: { way: "stored-value", flow: "residents" } }],
  };
}

export function bound(host: Parameters<NonNullable<SiteOptions["wrapHost"]>>[0]) {
  return {
    canQuery: host.canQuery,
    publicKey: host.publicKey,
    simulated: host.simulated,
    tokenise: host.tokenise.bind(host),
    capture: host.capture.bind(host),
    refund: host.refund.bind(host),
    reverse: host.reverse.bind(host),
    onLateAnswer: host.onLateAnswer.bind(host),
  };
}
