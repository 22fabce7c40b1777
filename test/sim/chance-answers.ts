// What a flow service may answer in each stage, drawn by chance: legal changes, changes that no rule allows, and things
// that are no answer at all. Every field that can hold a text holds the mark of its answer, by which it is found again.

import type { CalledStage, StageInputs } from "../../firmware/payment/engine/service.ts";
import type { Amounts } from "../../firmware/payment/model/amounts.ts";
import { totalOf } from "../../firmware/payment/model/amounts-arithmetic.ts";
import type { Basket } from "../../firmware/payment/model/basket.ts";
import type { TransactionRequest } from "../../firmware/payment/model/transaction.ts";

/** A number from 0, below this one. */
export type Pick = (below: number) => number;

export interface Answer {
  output: unknown;
  /** What it says that it took, or took and did not say, in minor units. */
  tookMinor: number;
}

type Fields = Record<string, unknown>;

function noted(mark: string): Fields {
  return { [mark]: { is: "text", value: mark } };
}

export function basketOf(id: string, amountMinor: number): Basket {
  const baseMillionths = amountMinor * 1_000_000;
  const item = { id, label: id, amountMinor, baseMillionths, quantity: 1 };
  return { id, name: id, items: [item], data: {}, primary: false, rounding: "nearest" };
}

/** No model of anything, in one of the many ways. */
function garbage(pick: Pick, mark: string): unknown {
  const kinds: (() => unknown)[] = [
    () => pick(1000),
    () => mark,
    () => [mark],
    () => () => mark,
    () => Symbol(mark),
    () => ({ requestData: mark }),
    () => ({ requestData: { [mark]: { is: "nothing", value: mark } } }),
    () => ({ requestData: { [mark]: { is: "text", value: "x".repeat(20_000) } } }),
    () => ({ amountsPaid: { currency: "gbp", base: "much", additional: mark } }),
    () => ({ updatedAmounts: { currency: "GBP", base: Number.NaN, additional: {} } }),
    () => ({ updatedAmounts: { currency: "GBP", base: 1.5, additional: {} } }),
    () => {
      const cycle: Fields = { requestData: {} };
      cycle["requestData"] = cycle;
      return cycle;
    },
    () => ({
      get requestData(): unknown {
        throw new Error(mark);
      },
    }),
    () =>
      new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error(mark);
          },
        },
      ),
  ];
  return kinds[pick(kinds.length)]?.();
}

function changedAmounts(amounts: Amounts, pick: Pick): Amounts {
  const { base, additional } = amounts;
  const tip = (additional["tip"] ?? 0) + pick(120);
  const odd: (() => Amounts)[] = [
    () => ({ ...amounts, base: base + 1 + pick(500) }),
    () => ({ ...amounts, base: Math.max(0, base - 1 - pick(500)) }),
    () => ({ ...amounts, additional: { ...additional, tip: -1 } }),
    () => ({ ...amounts, additional: {} }),
    () => ({ ...amounts, currency: "EUR" }),
    () => ({ ...amounts, base: -base - 1 }),
    () => ({ ...amounts, additional: { ...additional, tip: 10 ** 13 } }),
    () => ({ ...amounts, converted: { from: "EUR", rateMillionths: 1_000_000 } }),
  ];
  if (pick(3) === 0) return odd[pick(odd.length)]?.() ?? amounts;
  const name = pick(4) === 0 ? "donation" : "tip";
  const raised = name === "tip" ? tip : (additional["donation"] ?? 0) + pick(50);
  return { ...amounts, additional: { ...additional, [name]: raised } };
}

function paidPart(amounts: Amounts, pick: Pick): Amounts {
  const { currency, base } = amounts;
  const part = (minor: number): Amounts => ({ currency, base: minor, additional: {} });
  const odd: (() => Amounts)[] = [
    () => part(base + 1 + pick(500)),
    () => part(0),
    () => ({ ...part(base), currency: "EUR" }),
    () => ({ ...part(base), additional: { tip: 1 + pick(50) } }),
    () => part(-1 - base),
  ];
  if (pick(4) === 0) return odd[pick(odd.length)]?.() ?? part(base);
  return part(pick(3) === 0 ? base : pick(base + 1));
}

/** Of a value-added application, around the card. */
function augmenting(input: TransactionRequest, pick: Pick, mark: string): Answer {
  const { amounts } = input;
  const output: Fields = {};
  let tookMinor = 0;
  if (pick(3) === 0) output["requestData"] = noted(mark);
  if (pick(4) === 0) output["updatedAmounts"] = changedAmounts(amounts, pick);
  if (pick(6) === 0) {
    output["customer"] = { id: mark, tokens: [{ value: mark }], details: noted(mark) };
  }
  if (pick(8) === 0) {
    output["additionalBasket"] = basketOf(pick(9) === 0 ? "shop" : mark, pick(400) - 40);
  }
  if (pick(3) === 0) {
    const paid = paidPart(amounts, pick);
    output["amountsPaid"] = paid;
    output["references"] = noted(mark);
    if (pick(12) > 0) output["paidWith"] = pick(15) === 0 ? "cheque" : "points";
    tookMinor = Math.max(0, totalOf(paid));
    if (pick(4) === 0) output["modifiedBasket"] = basketOf("shop", -paid.base);
  }
  const strange = pick(40);
  if (strange === 0) output["cancel"] = true;
  if (strange === 1) output["updatedPayment"] = { id: mark };
  if (strange === 2) output["references"] = noted(mark);
  return { output, tookMinor };
}

function splitting(input: StageInputs["SPLIT"], pick: Pick, mark: string): Answer {
  const { currency, base, additional } = input.requested;
  const share = pick(base + (pick(6) === 0 ? 200 : 1));
  const amounts = { currency: pick(20) === 0 ? "EUR" : currency, base: share, additional: {} };
  const output: Fields = {};
  let tookMinor = 0;
  if (pick(6) > 0) output["updatedAmounts"] = pick(5) === 0 ? { ...amounts, additional } : amounts;
  if (pick(6) === 0) output["additionalBasket"] = basketOf(mark, share);
  if (pick(3) === 0) output["requestData"] = noted(mark);
  if (pick(5) === 0) {
    const paid = paidPart({ currency, base: Math.min(share, base), additional: {} }, pick);
    output["amountsPaid"] = paid;
    output["paidWith"] = "points";
    output["references"] = noted(mark);
    tookMinor = Math.max(0, totalOf(paid));
  }
  if (pick(25) === 0) output["cancel"] = true;
  return { output, tookMinor };
}

/** Of a payment application. */
function processing(input: TransactionRequest, pick: Pick, mark: string): Answer {
  const { id, amounts } = input;
  const { currency, base } = amounts;
  const said = { id, paymentMethod: "card", card: { data: {} }, references: noted(mark) };
  const approved = (of: Amounts): Answer => ({
    output: { ...said, outcome: "approved", amounts: of },
    tookMinor: Math.max(0, totalOf(of)),
  });
  const declined = { ...said, outcome: "declined", outcomeMessage: mark };
  switch (pick(20)) {
    case 0:
    case 1:
    case 2:
      return { output: declined, tookMinor: 0 };
    case 3:
      return { output: { ...declined, amounts }, tookMinor: 0 };
    case 4:
      return approved({ ...amounts, base: base + 1 + pick(500) });
    case 5:
      return approved({ ...amounts, currency: "EUR" });
    case 6:
      return { output: { ...said, outcome: "approved" }, tookMinor: 0 };
    case 7: {
      const { output, tookMinor } = approved(amounts);
      return { output: { ...(output as Fields), id: mark }, tookMinor };
    }
    case 8:
      return approved({ currency, base: -1 - pick(50), additional: {} });
    case 9:
      return approved({ currency, base: 0, additional: { strange: 1 + pick(50) } });
    case 10:
    case 11:
    case 12:
      return approved({ currency, base: pick(base + 1), additional: {} });
    default:
      return approved(amounts);
  }
}

function reading({ id }: TransactionRequest, pick: Pick, mark: string): Answer {
  const token = { value: `card-${mark}` };
  const data = {
    network: { is: "text", value: "visa" },
    entryMethod: { is: "text", value: "tap" },
  };
  const said = { id, outcome: "approved", paymentMethod: "card", references: noted(mark) };
  const cards = [{ data: {} }, { token, data }, { token, data: {} }, { maskedPan: mark, data }];
  const output: Fields = { ...said, card: cards[pick(cards.length)] };
  if (pick(10) === 0) output["outcome"] = "declined";
  if (pick(15) === 0) output["amounts"] = { currency: "GBP", base: 1, additional: {} };
  return { output, tookMinor: 0 };
}

function preFlow(input: StageInputs["PRE_FLOW"], pick: Pick, mark: string): Answer {
  if (pick(20) === 0) return { output: { cancel: true }, tookMinor: 0 };
  const updated: Fields = { ...input, data: { ...input.data, ...noted(mark) } };
  const odd: Fields[] = [
    { id: mark },
    { flowType: "refund" },
    { source: "operator" },
    { amounts: { ...input.amounts, base: input.amounts.base + 1 + pick(300) } },
    { amounts: { ...input.amounts, base: Math.max(0, input.amounts.base - 1) } },
    { amounts: { ...input.amounts, additional: { ...input.amounts.additional, tip: pick(90) } } },
    { splitEnabled: true, cardToken: { value: mark } },
    { basket: basketOf(mark, 1) },
  ];
  const changes = pick(2) === 0 ? odd[pick(odd.length)] : {};
  return { output: { updatedPayment: { ...updated, ...changes } }, tookMinor: 0 };
}

function answering(
  input: { id: string; type: string; background: boolean },
  pick: Pick,
  mark: string,
): unknown {
  const { id, type, background } = input;
  const known = "data" in input && pick(2) === 0 ? (input.data as Fields) : {};
  const data = { ...known, ...noted(mark) };
  const output = { id, type, success: pick(4) > 0, outcomeMessage: "", data, background };
  const odd: Fields[] = [{ id: mark }, { type: mark }, { outcomeMessage: mark }, { data: mark }];
  return pick(4) === 0 ? { ...output, ...odd[pick(odd.length)] } : output;
}

export function answerFor(
  stage: CalledStage,
  input: StageInputs[CalledStage],
  { pick, isCalm }: { pick: Pick; isCalm: boolean },
  mark: string,
): Answer {
  if (pick(isCalm ? 200 : 12) === 0) {
    return { output: garbage(pick, mark), tookMinor: pick(3) === 0 ? 7 : 0 };
  }
  const isSkip = pick(6) === 0;
  switch (stage) {
    case "PRE_FLOW":
      if (isSkip) return { output: undefined, tookMinor: 0 };
      return preFlow(input as StageInputs["PRE_FLOW"], pick, mark);
    case "SPLIT":
      if (isSkip) return { output: undefined, tookMinor: 0 };
      return splitting(input as StageInputs["SPLIT"], pick, mark);
    case "PRE_TRANSACTION":
    case "POST_CARD_READING":
      if (isSkip) return { output: undefined, tookMinor: 0 };
      return augmenting(input as TransactionRequest, pick, mark);
    case "PAYMENT_CARD_READING":
      return reading(input as TransactionRequest, pick, mark);
    case "TRANSACTION_PROCESSING":
      return processing(input as TransactionRequest, pick, mark);
    case "POST_TRANSACTION":
      if (pick(8) === 0) return { output: { requestData: noted(mark) }, tookMinor: 0 };
      return { output: isSkip ? undefined : { references: noted(mark) }, tookMinor: 0 };
    case "POST_FLOW":
      return { output: pick(3) === 0 ? { references: noted(mark) } : undefined, tookMinor: 0 };
    default:
      return { output: answering(input as StageInputs["GENERIC"], pick, mark), tookMinor: 0 };
  }
}
