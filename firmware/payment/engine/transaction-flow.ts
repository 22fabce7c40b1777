// One transaction of a payment flow: value-added applications before and after the card, payment applications, and
// what follows when the outcome is known.

import type { FlowApp, FlowStage } from "../config/flow-config.ts";
import {
  abortOn,
  boundOf,
  extrasElsewhere,
  type PaymentContext,
  PROCESSING,
  selectionFor,
  settingsFor,
} from "./payment-context.ts";
import { process, readCard, whyOf } from "./processing.ts";
import { type StageEnd, saysNothing } from "./stage-task.ts";
import type { TransactionState } from "./transaction-state.ts";

type AugmentStage = "PRE_TRANSACTION" | "POST_CARD_READING";

/** All stages up to the outcome. */
export async function runTransaction(
  context: PaymentContext,
  state: TransactionState,
  stages: readonly FlowStage[],
): Promise<void> {
  for (const stage of stages) {
    if (context.run.over || state.isDeclined) return;
    switch (stage.name) {
      case "PRE_TRANSACTION":
      case "POST_CARD_READING":
        await augment(context, state, stage, stage.name);
        break;
      case "PAYMENT_CARD_READING":
        await readCard(context, state, stage);
        break;
      case PROCESSING:
        await process(context, state, stage, false);
        break;
      case "FULFILLED_CHECK": {
        const inner = stage.inner?.find(({ name }) => name === PROCESSING);
        if (inner) await process(context, state, inner, true);
        break;
      }
      default:
        break;
    }
  }
}

/** Receipts, points and the like: they may add references, and nothing else any more. */
export async function runPostTransaction(
  context: PaymentContext,
  state: TransactionState,
  stages: readonly FlowStage[],
): Promise<void> {
  const stage = stages.find(({ name }) => name === "POST_TRANSACTION");
  const { run } = context;
  if (stage === undefined || run.over) return;
  for (const app of run.select(stage, selectionFor(context, state)).chosen) {
    if (run.over || run.isOutOfTime) return;
    const end = await run.call({
      stage: "POST_TRANSACTION",
      app,
      input: state.summary(run.start.config.type),
      transaction: state.id,
      apply: ({ output, augmented }) => {
        const by = { service: app.id, stage: "POST_TRANSACTION", augmented } as const;
        return state.refer(output?.references ?? {}, by);
      },
    });
    const why = whyOf(end, app);
    if (why && end.kind !== "rejected") abortOn(context, stage, why);
  }
}

async function augment(
  context: PaymentContext,
  state: TransactionState,
  stage: FlowStage,
  name: AugmentStage,
): Promise<void> {
  const { run } = context;
  const tried = [...state.givenBack];
  for (const app of run.select(stage, selectionFor(context, state, { tried })).chosen) {
    if (run.over) return;
    const mayPay = run.known(app.id)?.info.canPayAmounts === true;
    if (mayPay) await context.tenders.secure();
    if (run.over) return;
    const end = await augmentBy(context, state, name, app);
    settle(context, state, app, end, mayPay);
    const why = whyOf(end, app);
    if (why && end.kind !== "rejected") abortOn(context, stage, why);
  }
}

function augmentBy(
  context: PaymentContext,
  state: TransactionState,
  stage: AugmentStage,
  app: FlowApp,
): Promise<StageEnd<AugmentStage>> {
  const { run, tenders } = context;
  const { limits } = run.start.initiator;
  const input = state.request(context.newId(), stage, run.start.config.type);
  return run.call<AugmentStage>({
    stage,
    app,
    input,
    transaction: state.id,
    settings: settingsFor(context, state),
    extrasPaidMinor: extrasElsewhere(context, state, input.amounts),
    ...(limits && { limits }),
    apply: ({ output, augmented }) => {
      const by = { service: app.id, stage, augmented };
      const refusal = state.augment(input, output, by, boundOf(context, state));
      const paid = output?.amountsPaid && state.last;
      if (refusal === undefined && paid) tenders.took(state, paid);
      return refusal;
    },
    late: (evidence) => tenders.late(state, evidence),
  });
}

/** A service that may pay, and whose answer was not taken, may have taken money: it is given back. */
function settle(
  { tenders }: PaymentContext,
  state: TransactionState,
  app: FlowApp,
  end: StageEnd<AugmentStage>,
  mayPay: boolean,
): void {
  if (end.kind === "accepted") return;
  if (end.kind === "rejected") {
    const isUnread = mayPay && saysNothing(end.refusal);
    // One that may not pay, and says that it did, is taken at its word.
    if (end.evidence || isUnread) tenders.doubt(state, app.id, end.evidence);
    return;
  }
  if (!mayPay) return;
  const isUnasked = end.kind === "failed" && end.code === "stageNotSupported";
  if (!isUnasked) tenders.doubt(state, app.id);
}
