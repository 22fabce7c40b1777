// Which changes of a service the engine applies: the one gate, whoever made the answer and wherever it ran. Shape and
// size first, then the rules of the stage (rules-*.ts).

import { readJson, type Type } from "../../protocol/schema.ts";
import type { FlowSettings } from "../config/settings.ts";
import type { AmountLimits } from "../engine/engine.ts";
import type { CalledStage, StageInputs, StageOutputs } from "../engine/service.ts";
import { flowResponse } from "../model/flow-response.ts";
import { deepFreeze } from "../model/freeze.ts";
import type { ServiceInfo } from "../model/service-info.ts";
import type { Augmented, TransactionResponse } from "../model/transaction.ts";
import { encodedBytes } from "./encoded-size.ts";
import { type Plain, plainCopy } from "./plain-copy.ts";
import { type Flag, REJECTIONS, type Rejection } from "./rejection.ts";
import { evidenceOf } from "./rules-evidence.ts";
import { judgeAdditions, judgeNothing, judgeReferences, judgeResponse } from "./rules-generic.ts";
import { judgePreFlow } from "./rules-pre-flow.ts";
import { judgeCardReading, judgeProcessing } from "./rules-processing.ts";
import { judgeSplit } from "./rules-split.ts";
import { judgeTransaction } from "./rules-transaction.ts";
import { type Refused, refused, taken, type Verdict } from "./rules-verdict.ts";
import { STAGE_OUTPUTS } from "./stage-shapes.ts";
import { UnfitAnswer } from "./unfit-answer.ts";

/** Of an answer, encoded. */
const ANSWER_BYTES_MAX = 8192;

export interface RuleContext {
  info: ServiceInfo;
  settings: FlowSettings;
  /** Of a flow that pays an offer. */
  limits?: AmountLimits;
  /** Additional amounts that the payer accepted in this flow, by name, in minor units. */
  confirmed: Readonly<Record<string, number>>;
  /** Additional amounts that earlier transactions of this flow have paid, in minor units. */
  extrasPaidMinor?: number;
}

export type Checked<S extends CalledStage> =
  | {
      ok: true;
      /** A copy of ours, frozen. The empty answer is `undefined`. */
      output: StageOutputs[S];
      augmented: readonly Augmented[];
      /** Trouble with an answer that is kept all the same. */
      flags: readonly Flag[];
    }
  | {
      ok: false;
      rejection: Rejection;
      message: string;
      /** Where money may have moved: what is known of it, for reversal. Ours, frozen. */
      evidence?: TransactionResponse;
    };

type Judge<S extends CalledStage> = (
  input: StageInputs[S],
  answer: NonNullable<StageOutputs[S]>,
  context: RuleContext,
) => Verdict<NonNullable<StageOutputs[S]>>;

/** POST_FLOW is left out: it has no answer but the empty one. */
const JUDGES: { readonly [S in Exclude<CalledStage, "POST_FLOW">]: Judge<S> } = {
  PRE_FLOW: judgePreFlow,
  SPLIT: judgeSplit,
  PRE_TRANSACTION: judgeTransaction,
  PAYMENT_CARD_READING: judgeCardReading,
  POST_CARD_READING: judgeTransaction,
  TRANSACTION_PROCESSING: judgeProcessing,
  POST_TRANSACTION: (_, answer) => judgeReferences(answer),
  GENERIC: judgeResponse,
  POST_GENERIC: judgeAdditions,
  STATUS_UPDATE: judgeResponse,
};

/** Stages that wait for an answer: the empty one is none. */
const MUST_ANSWER: readonly CalledStage[] = [
  "PAYMENT_CARD_READING",
  "TRANSACTION_PROCESSING",
  "GENERIC",
];

/** Checks shape, size and rules. Never throws, whatever the service gave. */
export function checkAnswer<S extends CalledStage>(
  stage: S,
  input: StageInputs[S],
  output: unknown,
  context: RuleContext,
): Checked<S> {
  const copied = unfit(output) ?? plainCopy(output, "answer");
  if (!copied.ok) return copied;
  const verdict = judge(stage, input, copied.value, context);
  if (!verdict.ok) {
    const evidence = evidenceOf(stage, input, copied.value, context.info.id);
    return evidence ? { ...verdict, evidence: deepFreeze(evidence) } : verdict;
  }
  const isEmpty = verdict.output === undefined || isSkip(stage, verdict.output);
  const given = isEmpty ? undefined : deepFreeze(verdict.output);
  return { ...verdict, output: given as StageOutputs[S] };
}

/** What the engine's own side put in the place of an answer that did not get here. */
function unfit(output: unknown): Refused | undefined {
  try {
    if (!(output instanceof UnfitAnswer)) return undefined;
    const { rejection, message } = output;
    return Object.hasOwn(REJECTIONS, rejection) ? refused(rejection, message) : undefined;
  } catch {
    // It only looks like one: a proxy may throw when it is asked what it is.
    return undefined;
  }
}

function judge<S extends CalledStage>(
  stage: S,
  input: StageInputs[S],
  copy: Plain | undefined,
  context: RuleContext,
): Verdict<unknown> {
  if (copy === undefined || copy === null) {
    if (!MUST_ANSWER.includes(stage)) return taken(undefined);
    return refused("skip-forbidden", "this stage must be answered");
  }
  const below = negativeAmount(copy);
  if (below !== undefined) return refused("amount-negative", `${below} is below zero`);
  const called: CalledStage = stage;
  if (called === "POST_FLOW") {
    const answer = readAnswer(flowResponse, copy);
    return answer.ok ? judgeNothing(answer.output) : answer;
  }
  const type = STAGE_OUTPUTS[called] as Type<unknown>;
  const answer = readAnswer(type, copy);
  if (!answer.ok) return answer;
  return (JUDGES[called] as Judge<CalledStage>)(input, answer.output as never, context);
}

function readAnswer<T>(type: Type<T>, copy: Plain): { ok: true; output: T } | Refused {
  const read = readJson(type, copy, "answer");
  if (!read.ok) return refused("malformed", read.fault.message);
  // Bytes may have come as text, and depth is counted as it is sent.
  const size = encodedBytes(type, read.value);
  if (size === undefined) return refused("too-large", "the answer is nested too deeply");
  if (size > ANSWER_BYTES_MAX) {
    return refused(
      "too-large",
      `the answer takes ${size} bytes, at most ${ANSWER_BYTES_MAX} are taken`,
    );
  }
  return { ok: true, output: read.value };
}

/** Whether the response of a value-added application changes nothing. */
function isSkip(stage: CalledStage, output: unknown): boolean {
  const isFlowResponse = stage === "POST_FLOW" || STAGE_OUTPUTS[stage] === flowResponse;
  return isFlowResponse && Object.keys(output as object).length === 0;
}

/** The path of an amount below zero, which has a code of its own; the shape would call it malformed. */
function negativeAmount(copy: Plain): string | undefined {
  const holders = ["updatedAmounts", "amountsPaid", "amounts", "updatedPayment.amounts"];
  for (const path of holders) {
    const amounts = path.split(".").reduce<unknown>(partOf, copy);
    const parts = [
      ["base", partOf(amounts, "base")],
      ...Object.entries(Object(partOf(amounts, "additional"))),
    ];
    const below = parts.find(([, value]) => typeof value === "number" && value < 0);
    if (below) return `${path}.${below[0]}`;
  }
  return undefined;
}

function partOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}
