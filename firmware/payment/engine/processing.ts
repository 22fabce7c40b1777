// The stages of payment applications: reading a card, and taking the money, by one application or by several in turn
// until all is paid.

import type { FlowApp, FlowStage } from "../config/flow-config.ts";
import { isZero } from "../model/amounts-arithmetic.ts";
import type { TransactionResponse } from "../model/transaction.ts";
import {
  abortOn,
  type PaymentContext,
  PROCESSING,
  selectionFor,
  type Why,
} from "./payment-context.ts";
import type { CalledStage } from "./service.ts";
import type { StageEnd } from "./stage-task.ts";
import type { TransactionState } from "./transaction-state.ts";

/** Calls of payment applications in one transaction. */
const PROCESSING_MAX = 8;

/** A card that is read goes on to all later stages; a decline ends the transaction. */
export async function readCard(
  context: PaymentContext,
  state: TransactionState,
  stage: FlowStage,
): Promise<void> {
  const { run } = context;
  if (!state.isOpen(run.start.config.allowZeroAmounts === true)) return;
  const [app] = run.select(stage, selectionFor(context, state)).chosen;
  if (app === undefined) return;
  state.kept = app.id;
  const end = await run.call({
    stage: "PAYMENT_CARD_READING",
    app,
    input: state.request(context.newId(), stage.name, run.start.config.type),
    transaction: state.id,
    apply: ({ output }) => (output.outcome === "declined" ? state.respond(output) : undefined),
  });
  if (end.kind === "accepted") {
    const { output } = end.checked;
    if (output.outcome === "declined") {
      state.isDeclined = true;
      context.why = declinedBy(output);
    } else if (hasCard(output)) state.card = output.card;
    return;
  }
  const why = whyOf(end, app);
  if (why) abortOn(context, stage, why);
}

/** Takes the money. In FULFILLED_CHECK others are tried, and the rest asked for, until all is paid or nobody is left. */
export async function process(
  context: PaymentContext,
  state: TransactionState,
  stage: FlowStage,
  isLoop: boolean,
): Promise<void> {
  const { run } = context;
  const tried = [...state.givenBack];
  for (let n = 0; n < PROCESSING_MAX; n++) {
    if (run.over || !state.isOpen(run.start.config.allowZeroAmounts === true)) return;
    const app = nextApp(context, state, stage, tried);
    if (app === undefined) {
      if (n === 0 && stage.apps.length > 0) context.why = nobody();
      return;
    }
    const made = await processBy(context, state, stage, app);
    if (!made || !isLoop) tried.push(app.id);
    if (!isLoop && (!made || stage.execution !== "MULTIPLE")) return;
  }
}

function nextApp(
  context: PaymentContext,
  state: TransactionState,
  stage: FlowStage,
  tried: readonly string[],
): FlowApp | undefined {
  const partlyFulfilled = state.hasTenders;
  const { chosen } = context.run.select(
    stage,
    selectionFor(context, state, { tried, partlyFulfilled }),
  );
  return chosen.find(({ id }) => id === state.kept) ?? chosen[0];
}

/** True when something was paid, or nothing was asked for and that was approved. */
async function processBy(
  context: PaymentContext,
  state: TransactionState,
  stage: FlowStage,
  app: FlowApp,
): Promise<boolean> {
  const { run, tenders } = context;
  await tenders.secure();
  // A cancel may have come while that was written.
  if (run.over) return false;
  const input = state.request(context.newId(), PROCESSING, run.start.config.type);
  const end = await run.call({
    stage: PROCESSING,
    app,
    input,
    transaction: state.id,
    apply: ({ output }) => state.respond(output),
    late: (evidence) => tenders.late(state, evidence),
  });
  if (end.kind === "accepted") return accepted(context, state, app, end.checked.output);
  const why = whyOf(end, app);
  if (why) context.why = why;
  const isUnasked = end.kind === "failed" && end.code === "stageNotSupported";
  if (!isUnasked) {
    const evidence = end.kind === "rejected" ? end.evidence : undefined;
    if (evidence) keepEvidence(context, state, app, evidence);
    tenders.doubt(state, app.id, evidence);
  }
  if (why && end.kind !== "rejected") abortOn(context, stage, why);
  return false;
}

function accepted(
  context: PaymentContext,
  state: TransactionState,
  app: FlowApp,
  output: TransactionResponse,
): boolean {
  if (output.outcome === "declined") {
    context.why = declinedBy(output);
    return false;
  }
  context.used(app.id);
  if (output.amounts !== undefined && !isZero(output.amounts)) {
    context.tenders.took(state, output);
    return true;
  }
  if (isZero(state.requested)) state.isZeroApproved = true;
  return state.isZeroApproved;
}

/** Money moved, and the answer that says so was refused: it is never dropped, never counted, and given back. */
function keepEvidence(
  context: PaymentContext,
  state: TransactionState,
  app: FlowApp,
  evidence: TransactionResponse,
): void {
  const { amounts: _, ...rest } = evidence;
  const message = "the answer was refused";
  state.respond({ ...rest, outcome: "declined", outcomeMessage: message });
  const of = { stage: PROCESSING, service: app.id, transaction: state.id } as const;
  context.run.audit.add("flagged", { ...of, severity: "error", code: "rejected-charge" });
  context.run.end({ reason: "error", message: `the answer of ${app.id} was refused` });
}

function declinedBy({ outcomeMessage }: TransactionResponse): Why {
  return { reason: "declined", message: outcomeMessage ?? "declined" };
}

function nobody(): Why {
  return { reason: "rejected", message: "no payment application can take it" };
}

function hasCard({ card }: TransactionResponse): boolean {
  return Object.keys(card).length > 1 || Object.keys(card.data).length > 0;
}

/** Undefined where nothing went wrong: the service was skipped, or the flow ends anyway. */
export function whyOf<S extends CalledStage>(end: StageEnd<S>, app: FlowApp): Why | undefined {
  switch (end.kind) {
    case "rejected":
      return { reason: "error", message: `the answer of ${app.id} was refused` };
    case "failed":
      return { reason: "error", message: `${app.id} failed` };
    case "finished":
      return end.why === "timed-out"
        ? { reason: "timeout", message: `${app.id} did not answer` }
        : undefined;
    default:
      return undefined;
  }
}
