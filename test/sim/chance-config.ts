// What a flow by chance is started with: legal settings and configurations of every kind, and a payment.

import type { FlowConfig, FlowStage } from "../../firmware/payment/config/flow-config.ts";
import { DEFAULT_SETTINGS, type FlowSettings } from "../../firmware/payment/config/settings.ts";
import type { Payment } from "../../firmware/payment/model/payment.ts";
import type { Stage } from "../../firmware/payment/model/stages.ts";
import { basketOf, type Pick } from "./chance-answers.ts";

const PROCESSING = "TRANSACTION_PROCESSING";
const CALLING_ONE: readonly Stage[] = ["SPLIT", "PAYMENT_CARD_READING", PROCESSING];

export function chanceSettings(pick: Pick): FlowSettings {
  const seconds = (): number => [0, 1, 30, 120, 600][pick(5)] ?? 0;
  return {
    ...DEFAULT_SETTINGS,
    splitResponseTimeoutSeconds: seconds(),
    flowResponseTimeoutSeconds: seconds(),
    paymentResponseTimeoutSeconds: seconds(),
    statusUpdateTimeoutSeconds: seconds(),
    confirmationTimeoutSeconds: seconds(),
    isCurrencyChangeAllowed: pick(3) === 0,
    shouldAbortOnFlowAppError: pick(3) === 0,
    shouldAbortOnPaymentError: pick(3) === 0,
    alwaysAllowDynamicSelect: pick(4) === 0,
    alwaysCallPreFlow: pick(2) === 0,
  };
}

export function chanceConfigs(
  pick: Pick,
  names: readonly string[],
  settings: FlowSettings,
): readonly FlowConfig[] {
  const stage = (name: Stage, isInner = false): FlowStage => {
    if (settings.alwaysAllowDynamicSelect && pick(8) === 0) {
      return { name, execution: "DYNAMIC_SELECT", apps: [] };
    }
    const isListed = (): boolean => pick(2) === 0 || (name === PROCESSING && pick(3) > 0);
    const listed = names.filter(isListed);
    const apps = listed.map((id) => ({
      id,
      ...(pick(6) === 0 && { delegateCancellationsTo: true }),
      ...(isInner && pick(6) === 0 && { conditionalOn: "outcomePartiallyFulfilled" as const }),
    }));
    if (apps.length === 0) return { name, execution: "NONE", apps };
    const execution = CALLING_ONE.includes(name)
      ? apps.length === 1
        ? "SINGLE"
        : "SINGLE_SELECT"
      : "MULTIPLE";
    return { name, execution, apps };
  };
  const processing = stage(PROCESSING, true);
  const { apps } = processing;
  const plain = { ...processing, apps: apps.map(({ conditionalOn: _, ...app }) => app) };
  const inner = [
    ...["PRE_TRANSACTION", "PAYMENT_CARD_READING", "POST_CARD_READING"].map((name) =>
      stage(name as Stage),
    ),
    pick(3) === 0
      ? plain
      : {
          name: "FULFILLED_CHECK" as const,
          execution: "NONE" as const,
          apps: [],
          inner: [processing],
        },
    stage("POST_TRANSACTION"),
  ];
  const split = { ...stage("SPLIT"), inner };
  const body = pick(3) === 0 ? inner : [split];
  const stages = [stage("PRE_FLOW"), ...body, stage("POST_FLOW")];
  const zero = pick(3) === 0 && { allowZeroAmounts: true };
  const asked = (name: Stage): FlowStage => {
    const one = stage(name);
    return name === "GENERIC" && one.execution === "MULTIPLE"
      ? { ...one, execution: one.apps.length === 1 ? "SINGLE" : "SINGLE_SELECT" }
      : one;
  };
  return [
    { name: "sale", type: "sale", version: 1, stages, ...zero },
    {
      name: "tokenisation",
      type: "tokenisation",
      version: 1,
      stages: [asked("GENERIC"), stage("POST_GENERIC")],
    },
    {
      name: "status",
      type: "basketStatusUpdate",
      version: 1,
      stages: [stage("STATUS_UPDATE")],
    },
  ];
}

export function chancePayment(pick: Pick, id: string): Payment {
  const base = pick(10) === 0 ? 0 : 1 + pick(2000);
  const additional = pick(4) === 0 ? { tip: pick(60) } : {};
  return {
    id,
    flowType: "sale",
    amounts: { currency: "GBP", base, additional },
    splitEnabled: pick(3) === 0,
    data: {},
    source: "sale",
    ...(pick(3) === 0 && { basket: { ...basketOf("shop", base), primary: true } }),
    ...(pick(4) === 0 && { customer: { id: "payer", tokens: [], details: {} } }),
  };
}
