// What must be true of a flow that has ended, whatever its services did: against the ledger of the services, what the
// payer confirmed, and the audit log.

import { stagesOf } from "../../firmware/payment/config/flow-config.ts";
import type { Amounts } from "../../firmware/payment/model/amounts.ts";
import { totalOf } from "../../firmware/payment/model/amounts-arithmetic.ts";
import type { AuditEntry } from "../../firmware/payment/model/audit-entry.ts";
import type { FlowResponse } from "../../firmware/payment/model/flow-response.ts";
import type { PaymentResponse } from "../../firmware/payment/model/payment.ts";
import type { Transaction, TransactionRequest } from "../../firmware/payment/model/transaction.ts";
import { FLAGS } from "../../firmware/payment/rules/rejection.ts";
import type { ChanceFlow, ChanceRun } from "./chance-flow.ts";
import type { Said } from "./chance-service.ts";

/** The longest that a flow may take, and then its reversals. */
const END_MS_MAX = 8 * 3_600_000;
/** Of a transaction; later ones are not listed in it. */
const EXECUTED_MAX = 32;
const EVIDENCE = "the answer was refused";

export function wrongOf(run: ChanceRun): readonly string[] {
  const wrong: string[] = [];
  if (run.engine.active().length > 0) wrong.push("a flow is still active");
  if (run.endMs > END_MS_MAX) wrong.push(`it took ${run.endMs} ms`);
  for (const flow of run.flows) {
    const found = flow.payment ? wrongPayment(run, flow) : wrongAnswer(run, flow);
    wrong.push(...found.map((text) => `${flow.id}: ${text}`));
  }
  wrong.push(...wrongLedger(run));
  return wrong;
}

function auditOf(run: ChanceRun, { id }: ChanceFlow): readonly AuditEntry[] {
  return run.audits.get(id) ?? [];
}

function wrongAnswer(run: ChanceRun, flow: ChanceFlow): string[] {
  if (flow.refused !== undefined) return [];
  if (flow.answer === undefined) return ["it never ended"];
  return wrongMarks(run, JSON.stringify(flow.answer));
}

function wrongPayment(run: ChanceRun, flow: ChanceFlow): string[] {
  const { response, refused } = flow;
  if (refused !== undefined) return [];
  if (response === undefined) return ["it never ended"];
  return [
    ...wrongMarks(run, textOf(response)),
    ...wrongAmounts(run, flow, response),
    ...wrongSums(run, response),
    ...wrongExecuted(run, flow, response),
  ];
}

/** What a refused answer says of money that moved is kept as evidence, and counts for nothing: it is left out. */
function textOf(response: PaymentResponse): string {
  const text = JSON.stringify(response);
  if (!text.includes(EVIDENCE)) return text;
  return JSON.stringify(response, (_key, value: unknown) => {
    const isEvidence =
      typeof value === "object" &&
      value !== null &&
      "outcomeMessage" in value &&
      value.outcomeMessage === EVIDENCE;
    return isEvidence ? undefined : value;
  });
}

/** I14: each mark is of an answer that was accepted. */
function wrongMarks(run: ChanceRun, text: string): string[] {
  const accepted = new Set(run.said.flatMap(({ mark, isAccepted }) => (isAccepted ? [mark] : [])));
  const marks = new Set(text.match(/\bm\d+m\b/g) ?? []);
  return [...marks]
    .filter((mark) => !accepted.has(mark))
    .map((mark) => `I14: ${mark} is of an answer that was refused`);
}

/** I4: no more than the offer, what was signed, and what was confirmed. */
function wrongAmounts(run: ChanceRun, { id, by, payment }: ChanceFlow, response: PaymentResponse) {
  const wrong: string[] = [];
  const { requested, processed } = response;
  const initial = payment?.amounts ?? requested;
  if (totalOf(processed) > totalOf(requested)) wrong.push("more was paid than requested");
  if (requested.currency !== initial.currency || initial.currency === "XXX") {
    if (by.limits) wrong.push("I4: the currency of an offer changed");
    return wrong;
  }
  if (requested.base < initial.base) wrong.push("the base was lowered");
  for (const [name, minor] of Object.entries(initial.additional)) {
    if ((requested.additional[name] ?? 0) < minor) wrong.push(`${name} was lowered`);
  }
  if (by.limits === undefined) return wrong;
  const { offerMinor, maximumMinor } = by.limits;
  if (requested.base > offerMinor) wrong.push(`I4: ${requested.base} is above the offer`);
  if (totalOf(requested) > maximumMinor) wrong.push(`I4: ${totalOf(requested)} above the maximum`);
  for (const [name, minor] of Object.entries(requested.additional)) {
    const confirmed = run.confirmed.filter((one) => one.flow === id && one.name === name);
    const mostMinor = confirmed.reduce((sum, { amountMinor }) => sum + amountMinor, 0);
    const rise = minor - (initial.additional[name] ?? 0);
    if (rise > mostMinor) wrong.push(`I4: ${name} rose by ${rise}, ${mostMinor} were confirmed`);
  }
  return wrong;
}

/** I14: what a transaction asks for is what it began with and what accepted answers added. */
function wrongSums(run: ChanceRun, response: PaymentResponse): string[] {
  const { payment, transactions, requested } = response;
  if (requested.converted || transactions.some((one) => one.requested.converted)) return [];
  if (transactions.some((one) => one.requested.currency !== payment.amounts.currency)) return [];
  const rises = transactions.map((one) => riseOf(run, one));
  const wrong: string[] = [];
  const [only] = transactions;
  if (transactions.length === 1 && !payment.splitEnabled && only) {
    const due = totalOf(payment.amounts) + (rises[0] ?? 0);
    if (totalOf(only.requested) !== due) {
      wrong.push(`I14: ${totalOf(only.requested)} are requested, ${due} were accepted`);
    }
  }
  // A round counts once something was paid in it, also where that was given back later.
  const sums = (isCounted: (one: Transaction) => boolean): number =>
    transactions.reduce(
      (sum, one, index) => (isCounted(one) ? sum + (rises[index] ?? 0) : sum),
      totalOf(payment.amounts),
    );
  const leastMinor = sums(isPaid);
  const mostMinor = sums(() => true);
  const totalMinor = totalOf(requested);
  // A flow that ended early has not counted its last round.
  const isEarly = response.failureReason !== "none" && totalMinor >= totalOf(payment.amounts);
  if (totalMinor > mostMinor || (totalMinor < leastMinor && !isEarly)) {
    wrong.push(`I14: ${totalMinor} are requested, accepted were ${leastMinor} to ${mostMinor}`);
  }
  return wrong;
}

function isPaid({ responses }: Transaction): boolean {
  return responses.some(({ outcome, amounts }) => outcome === "approved" && amounts !== undefined);
}

function riseOf(run: ChanceRun, { id }: Transaction): number {
  const added = run.said.filter(
    ({ transaction, stage, isAccepted }) =>
      isAccepted &&
      transaction === id &&
      (stage === "PRE_TRANSACTION" || stage === "POST_CARD_READING"),
  );
  return added.reduce((sum, said) => sum + riseBy(said), 0);
}

function riseBy({ input, output }: Said): number {
  const { amounts } = input as TransactionRequest;
  const { updatedAmounts, additionalBasket } = (output ?? {}) as FlowResponse;
  if (updatedAmounts) {
    const names = Object.keys(updatedAmounts.additional);
    const rise = (name: string): number =>
      Math.max(0, minorOf(updatedAmounts, name) - minorOf(amounts, name));
    return names.reduce((sum, name) => sum + rise(name), updatedAmounts.base - amounts.base);
  }
  return additionalBasket?.items.reduce((sum, item) => sum + item.amountMinor, 0) ?? 0;
}

function minorOf({ additional }: Amounts, name: string): number {
  return additional[name] ?? 0;
}

/** I14: each line of what was done is an accepted answer of a service of that stage, and each of these is a line. */
function wrongExecuted(run: ChanceRun, flow: ChanceFlow, response: PaymentResponse): string[] {
  const audit = auditOf(run, flow);
  if (audit.some(({ text }) => /lines? left out$/.test(text ?? ""))) return [];
  const taken = audit.filter(({ kind, transaction }) => {
    return transaction !== undefined && (kind === "accepted" || kind === "skipped");
  });
  const wrong = response.transactions.flatMap((one) => wrongTransaction(run, one, taken));
  const stages = stagesOf(run.configs[0] as (typeof run.configs)[number]);
  for (const { kind, stage, service = "" } of audit) {
    if (kind !== "accepted") continue;
    const listed = stages.find(({ name }) => name === stage);
    const isListed = listed?.apps.some(({ id }) => id === service);
    if (!isListed && listed?.execution !== "DYNAMIC_SELECT") {
      wrong.push(`I14: ${service} was heard in ${stage}, where it has no part`);
    }
  }
  return wrong;
}

function wrongTransaction(
  { infos }: ChanceRun,
  { id, executed, responses }: Transaction,
  taken: readonly AuditEntry[],
): string[] {
  const wrong: string[] = [];
  const mine = taken.filter(({ transaction }) => transaction === id);
  const say = (stage: string | undefined, service: string | undefined, augmented: unknown) =>
    `${stage} ${service} ${JSON.stringify(augmented ?? [])}`;
  const expected = mine
    .filter(({ kind, stage }) =>
      stage === "SPLIT"
        ? kind === "accepted"
        : stage !== "PAYMENT_CARD_READING" && stage !== "TRANSACTION_PROCESSING",
    )
    .map(({ stage, service, augmented }) => say(stage, service, augmented))
    .slice(0, EXECUTED_MAX);
  const told = executed.map(({ stage, service, augmented }) => say(stage, service, augmented));
  if (told.join("\n") !== expected.join("\n")) {
    wrong.push(`I14: ${id} says ${told.join(", ")}; accepted were ${expected.join(", ")}`);
  }
  for (const { outcome, amounts, service = "", stage } of responses) {
    if (outcome !== "approved" || amounts === undefined) continue;
    const isTaken = mine.some((one) => one.service === service && one.stage === stage);
    if (!isTaken) wrong.push(`I14: ${service} paid in ${stage}, and no answer of it was accepted`);
    if (infos.get(service)?.canPayAmounts !== true) wrong.push(`${service} may not pay`);
  }
  return wrong;
}

/** I1: what a service holds is what the response says that it took, or is flagged as owed. */
function wrongLedger(run: ChanceRun): string[] {
  const wrong: string[] = [];
  for (const flow of run.flows) {
    const { response, by } = flow;
    if (response === undefined) continue;
    // What was not paid in full, the initiator has undone after the end.
    const isUndone = by.limits !== undefined && response.outcome !== "fulfilled";
    const owed = new Set(
      auditOf(run, flow)
        .filter(({ code }) => code === FLAGS["undo-failed"])
        .map(({ service, transaction }) => `${service} ${transaction}`),
    );
    const said = saidHeld(response);
    const sum = [...said.values()].reduce((so, minor) => so + minor, 0);
    if (sum !== totalOf(response.processed)) wrong.push(`${flow.id}: processed is not the sum`);
    const keys = run.ledger.keys().filter((key) => key.includes(` ${flow.id}/`));
    for (const key of new Set([...keys, ...said.keys()])) {
      const due = isUndone ? 0 : (said.get(key) ?? 0);
      const held = run.ledger.heldMinor(key);
      if (held !== due && !owed.has(key)) wrong.push(`I1: ${key} holds ${held}, not ${due}`);
    }
  }
  return wrong;
}

function saidHeld({ transactions }: PaymentResponse): Map<string, number> {
  const held = new Map<string, number>();
  for (const { id, responses } of transactions) {
    for (const { outcome, amounts, service } of responses) {
      if (outcome !== "approved" || amounts === undefined) continue;
      const key = `${service} ${id}`;
      held.set(key, (held.get(key) ?? 0) + totalOf(amounts));
    }
  }
  return held;
}
