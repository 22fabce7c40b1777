// The SPLIT stage: an application says which share of a payment is paid next, by whom it knows; it may take a part of
// it at once, or end the flow.

import type { FlowApp, FlowStage } from "../config/flow-config.ts";
import type { Amounts } from "../model/amounts.ts";
import type { Basket } from "../model/basket.ts";
import { EMPTY_CARD } from "../model/card-mask.ts";
import { type Data, NO_DATA } from "../model/data.ts";
import type { FlowResponse } from "../model/flow-response.ts";
import { deepFreeze } from "../model/freeze.ts";
import type { SplitRequest } from "../model/payment.ts";
import { addToBag } from "./bag.ts";
import { abortOn, type PaymentContext, selectionFor } from "./payment-context.ts";
import { whyOf } from "./processing.ts";
import { type StageEnd, saysNothing } from "./stage-task.ts";
import { TransactionState } from "./transaction-state.ts";

export interface Round {
  state: TransactionState;
  /** A share was asked for: others follow. */
  isShare: boolean;
}

export interface RoundStart {
  id: string;
  remaining: Amounts;
  transactions: SplitRequest["transactions"];
}

/** A transaction for all that remains. */
export function wholeRound({ payment }: PaymentContext, { id, remaining }: RoundStart): Round {
  const baskets = payment.basket === undefined ? [] : [payment.basket];
  const start = { id, payment, requested: remaining, baskets, data: payment.data };
  return { state: new TransactionState(start), isShare: false };
}

/** Asks for the next share. Without an answer that can be taken, the transaction is for all that remains. */
export async function nextRound(
  context: PaymentContext,
  stage: FlowStage,
  start: RoundStart,
): Promise<Round> {
  const { run, tenders } = context;
  const whole = wholeRound(context, start);
  const [app] = run.select(stage, selectionFor(context, undefined)).chosen;
  if (app === undefined || run.over) return whole;
  const mayPay = run.known(app.id)?.info.canPayAmounts === true;
  if (mayPay) await tenders.secure();
  if (run.over) return whole;
  const round = await ask(context, app, start);
  if (round.end.kind === "accepted") return round.made ?? whole;
  const evidence = round.end.kind === "rejected" ? round.end.evidence : undefined;
  const isUnknown = round.end.kind !== "rejected" || saysNothing(round.end.refusal);
  if (evidence || (mayPay && isUnknown)) tenders.doubt(whole.state, app.id, evidence);
  const why = whyOf(round.end, app);
  if (why && round.end.kind !== "rejected") abortOn(context, stage, why);
  return whole;
}

async function ask(
  context: PaymentContext,
  app: FlowApp,
  start: RoundStart,
): Promise<{ end: StageEnd<"SPLIT">; made: Round | undefined }> {
  const { run, payment, requested, tenders } = context;
  const { limits } = run.start.initiator;
  const { id, transactions } = start;
  let made: Round | undefined;
  const end = await run.call({
    stage: "SPLIT",
    app,
    // A part that is paid at once is paid for the transaction of that id.
    input: deepFreeze({ id, payment, requested, transactions: [...transactions] }),
    transaction: id,
    ...(limits && { limits }),
    apply: ({ output, augmented }) => {
      if (output === undefined) return undefined;
      const state = shareOf(context, start, output);
      if (state === undefined) {
        return { rejection: "too-large", message: "the request's data holds no more keys" };
      }
      state.executed({ service: app.id, stage: "SPLIT", augmented });
      const refusal = pay(context, state, app, output);
      if (refusal) return refusal;
      if (output.cancel === true) {
        run.audit.add("cancelled", { stage: "SPLIT", service: app.id });
        run.end({ reason: "cancelled", message: `cancelled by ${app.id}` });
      }
      made = { state, isShare: output.updatedAmounts !== undefined };
      return undefined;
    },
    late: (evidence) => tenders.late(wholeRound(context, start).state, evidence),
  });
  return { end, made };
}

function shareOf(
  { payment }: PaymentContext,
  { id, remaining }: RoundStart,
  output: FlowResponse,
): TransactionState | undefined {
  const data = withMore(payment.data, output.requestData);
  if (data === undefined) return undefined;
  const share: Basket | undefined = output.additionalBasket ?? payment.basket;
  const requested = output.updatedAmounts ?? remaining;
  const baskets = share === undefined ? [] : [share];
  return new TransactionState({ id, payment, requested, baskets, data });
}

function withMore(data: Data, more: Data = NO_DATA): Data | undefined {
  const all = addToBag(data, more);
  return all.ok ? all.value : undefined;
}

function pay(
  { tenders }: PaymentContext,
  state: TransactionState,
  app: FlowApp,
  { amountsPaid, paidWith = "", references = NO_DATA }: FlowResponse,
): ReturnType<TransactionState["respond"]> {
  if (amountsPaid === undefined) return undefined;
  const refusal = state.respond({
    id: state.id,
    outcome: "approved",
    amounts: amountsPaid,
    paymentMethod: paidWith,
    card: EMPTY_CARD,
    references,
    service: app.id,
    stage: "SPLIT",
  });
  if (refusal === undefined && state.last) tenders.took(state, state.last);
  return refusal;
}
