// Stored value: accounts that people have paid into, such as gift cards or residents' accounts. Pays in PRE_TRANSACTION
// from the account of the customer, or of the code that the request holds; the debit is durable before the answer.

import { field, flag, int, map, type Of, oneOf } from "../../protocol/schema.ts";
import { MODEL_AMOUNT_MAX } from "../model/amounts.ts";
import { totalOf } from "../model/amounts-arithmetic.ts";
import type { PaymentResponse } from "../model/payment.ts";
import type { Response } from "../model/request.ts";
import { type DefinedFlowService, definePaymentFlowService } from "../sdk/define-service.ts";
import type { GenericModel } from "../sdk/generic-models.ts";
import type { PreTransactionModel } from "../sdk/pre-transaction-model.ts";
import { Ledger, type LedgerPorts } from "./ledger.ts";

export const storedValueOptions = map({
  /** Whose account: the customer's, or that of the code under `accountCode` in the data of the payment. */
  accountBy: field(1, oneOf({ customer: 1, code: 2 })),
  method: field(2, oneOf({ giftCard: 1, prepaidCard: 2 })),
  /** Pays a part where the balance is not enough for all; else nothing. */
  partial: field(3, flag),
  /** Nothing is loaded above it. */
  balanceMaxMinor: field(4, int(1, MODEL_AMOUNT_MAX)),
});
type Options = Of<typeof storedValueOptions>;

export const STORED_VALUE_USUAL: Options = {
  accountBy: "customer",
  method: "giftCard",
  partial: true,
  balanceMaxMinor: 100_000,
};

const PAYS: readonly string[] = ["sale", "motoSale", "preAuthorisation", "deposit"];
const COMPLETES = "preAuthCompletion";

/** References of what it paid. */
const REFERENCES = { account: "account", transaction: "debitTransaction" } as const;

export function openStoredValue(
  id: string,
  options: Options,
  ports: LedgerPorts,
): DefinedFlowService {
  const ledger = new Ledger(id, ports);
  return definePaymentFlowService({
    info: {
      id,
      vendor: "Sluice",
      displayName: "Stored value",
      flowTypes: [...PAYS, COMPLETES, "reversal"],
      customRequestTypes: ["storedValueBalance", "storedValueLoad"],
      dataKeys: ["accountCode"],
      canPayAmounts: true,
      paymentMethods: [options.method],
    },
    stages: {
      PRE_TRANSACTION: (model) =>
        model.flowType === COMPLETES
          ? complete(model, id, options, ledger)
          : pay(model, id, options, ledger),
      GENERIC: (model) => answer(model, options, ledger),
    },
    ended: (response) => giveBackFailed(response, ledger),
  });
}

/** Paid, or held until it is completed: to an account both are the same, what is not kept comes back. */
async function pay(
  model: PreTransactionModel,
  id: string,
  options: Options,
  ledger: Ledger,
): Promise<void> {
  const { amounts, transactionId, customer } = model.request;
  const account =
    options.accountBy === "code" ? model.get("accountCode", "text") : (customer?.id ?? "");
  if (!PAYS.includes(model.flowType) || !account || amounts.base === 0) return;
  model.onRejected(() => void ledger.giveBack(transactionId, { what: "all" }).catch(() => {}));
  const paidMinor = await ledger.take({
    transaction: transactionId,
    account,
    unit: amounts.currency,
    mostMinor: amounts.base,
    isPart: options.partial,
    worthMinor: 1,
  });
  if (paidMinor === 0) return;
  model.pay(paidMinor, options.method, {
    paymentService: id,
    [REFERENCES.account]: account,
    [REFERENCES.transaction]: transactionId,
  });
}

/** Keeps of what it held as much as the final amount, and gives the rest back. */
async function complete(
  model: PreTransactionModel,
  id: string,
  options: Options,
  ledger: Ledger,
): Promise<void> {
  const held = model.get(REFERENCES.transaction, "text");
  if (held === undefined || model.get("paymentService", "text") !== id) return;
  const step = model.get("stepAttempt", "text") ?? "complete";
  const keepMinor = model.request.amounts.base;
  const done = await ledger.giveBack(held, { what: "all-but", keepMinor, step });
  const leftMinor = await ledger.left(held);
  if (done === undefined || leftMinor === 0) return;
  const account = model.get(REFERENCES.account, "text") ?? "";
  model.pay(leftMinor, options.method, {
    paymentService: id,
    [REFERENCES.account]: account,
    [REFERENCES.transaction]: held,
  });
}

async function answer(model: GenericModel, options: Options, ledger: Ledger): Promise<void> {
  switch (model.request.type) {
    case "reversal":
      return reverse(model, ledger);
    case "storedValueBalance":
      return balance(model, ledger);
    case "storedValueLoad":
      return load(model, options, ledger);
    default:
      model.fail(`${model.request.type} is nothing that it knows`);
  }
}

/** All that the references are about; with `amounts` a part of it, once for each `stepAttempt`. */
async function reverse(model: GenericModel, ledger: Ledger): Promise<void> {
  const transaction =
    model.get(REFERENCES.transaction, "text") ?? model.get("transactionId", "text");
  if (transaction === undefined) return model.fail("transactionId is missing");
  const amounts = model.get("amounts", "amounts");
  const step = model.get("stepAttempt", "text") ?? model.request.id;
  const backMinor = await ledger.giveBack(
    transaction,
    amounts === undefined ? { what: "all" } : { what: "part", minor: totalOf(amounts), step },
  );
  if (backMinor === undefined) return model.fail("it is more than there is to give back");
  // Said again for those who act on it afterwards.
  model.succeed({
    transactionId: transaction,
    stepAttempt: step,
    ...(amounts && { amounts: { is: "amounts", value: amounts } }),
  });
}

/** Balances are nobody's business but the operator's and the sale's. */
async function balance(model: GenericModel, ledger: Ledger): Promise<void> {
  if (model.initiator !== "operator" && model.initiator !== "sale") {
    return model.fail("only the operator and the sale may ask for a balance");
  }
  const account = model.get("account", "text") ?? "";
  const currency = model.get("currency", "text");
  if (account === "") return model.fail("account is missing: a customer id or an account code");
  const balances = Object.entries(await ledger.balances(account));
  const [unit, value = 0] = balances.find(([name]) => (currency ?? name) === name) ?? [currency];
  if (unit === undefined) return model.fail("there is no such account, and no currency was named");
  model.succeed({ account, balance: { is: "amount", value: { value, currency: unit } } });
}

async function load(model: GenericModel, options: Options, ledger: Ledger): Promise<void> {
  if (model.initiator !== "operator") return model.fail("only the operator may load an account");
  const account = model.get("account", "text") ?? "";
  const amounts = model.get("amounts", "amounts");
  if (account === "") return model.fail("account is missing: a customer id or an account code");
  if (amounts === undefined) return model.fail("amounts is missing: what is paid in");
  const { currency } = amounts;
  const most = options.balanceMaxMinor;
  const key = model.get("stepAttempt", "text") ?? model.request.id;
  const units = totalOf(amounts);
  const value = units > 0 ? await ledger.load(account, currency, units, key, most) : undefined;
  if (value === undefined) {
    return model.fail(`it must be above 0, and the balance at most ${most} minor units`);
  }
  model.succeed({ account, balance: { is: "amount", value: { value, currency } } });
}

/** Of a payment that came to nothing nobody keeps anything; whoever started it asks for the same. */
function giveBackFailed(response: PaymentResponse | Response, ledger: Ledger): void {
  if (!("outcome" in response) || response.outcome !== "failed") return;
  for (const { id } of response.transactions) {
    void ledger.giveBack(id, { what: "known" }).catch(() => {});
  }
}
