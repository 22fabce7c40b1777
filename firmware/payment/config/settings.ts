// Settings of the engine; 0 seconds is no limit.

import {
  field,
  flag,
  map,
  named,
  type Of,
  optional,
  readJson,
  text,
  uint,
} from "../../protocol/schema.ts";
import { fail, type Result } from "../../result.ts";

const seconds = uint(3600);

export const flowSettings = named(
  "flow-settings",
  map({
    splitResponseTimeoutSeconds: field(1, seconds),
    /** All stages but SPLIT, TRANSACTION_PROCESSING and STATUS_UPDATE. */
    flowResponseTimeoutSeconds: field(2, seconds),
    paymentResponseTimeoutSeconds: field(3, seconds),
    statusUpdateTimeoutSeconds: field(4, seconds),
    serviceInfoTimeoutSeconds: field(5, seconds),
    /** How long a payer has to confirm an extra. */
    confirmationTimeoutSeconds: field(6, seconds),
    isCurrencyChangeAllowed: field(7, flag),
    shouldAbortOnFlowAppError: field(8, flag),
    shouldAbortOnPaymentError: field(9, flag),
    alwaysAllowDynamicSelect: field(10, flag),
    /** A service that lists flow types is called for those only. */
    filterServicesByFlowType: field(11, flag),
    alwaysCallPreFlow: field(12, flag),
    /** Ended flows that are kept. */
    historyRows: field(13, uint(10_000)),
    primaryCurrency: optional(14, text(3)),
    primaryLanguage: field(15, text(8)),
  }),
);
export type FlowSettings = Readonly<Of<typeof flowSettings>>;

export const DEFAULT_SETTINGS: FlowSettings = {
  splitResponseTimeoutSeconds: 1200,
  flowResponseTimeoutSeconds: 120,
  paymentResponseTimeoutSeconds: 120,
  statusUpdateTimeoutSeconds: 10,
  serviceInfoTimeoutSeconds: 3,
  confirmationTimeoutSeconds: 60,
  isCurrencyChangeAllowed: false,
  shouldAbortOnFlowAppError: false,
  shouldAbortOnPaymentError: false,
  alwaysAllowDynamicSelect: false,
  filterServicesByFlowType: true,
  alwaysCallPreFlow: false,
  historyRows: 1000,
  primaryLanguage: "en",
};

/** What each does, for people. */
export const SETTING_MEANINGS: Readonly<Record<keyof FlowSettings, string>> = {
  splitResponseTimeoutSeconds: "time for an answer in SPLIT; 0 is no limit",
  flowResponseTimeoutSeconds:
    "time for an answer in all other stages but the two below; 0 is no limit",
  paymentResponseTimeoutSeconds: "time for an answer in TRANSACTION_PROCESSING; 0 is no limit",
  statusUpdateTimeoutSeconds: "time for each service in STATUS_UPDATE; 0 is no limit",
  serviceInfoTimeoutSeconds: "time for a service to say what it is; 0 is no limit",
  confirmationTimeoutSeconds: "time for a payer to confirm an extra",
  isCurrencyChangeAllowed: "services may change the currency of a transaction",
  shouldAbortOnFlowAppError:
    "a value-added service that fails ends the flow; else it is passed over",
  shouldAbortOnPaymentError:
    "a payment application that fails ends the flow; else another is tried",
  alwaysAllowDynamicSelect: "flows may use DYNAMIC_SELECT",
  filterServicesByFlowType: "services that list flow types are called for these only",
  alwaysCallPreFlow: "PRE_FLOW is called for every payment; else for those of a total of zero",
  historyRows: "ended flows that are kept",
  primaryCurrency: "the currency that people see first",
  primaryLanguage: "the language that people see first",
};

/** As in a device file: what is not given is as usual. Fails with `malformed`, naming the field. */
export function readSettings(value: unknown, at: string): Result<FlowSettings> {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isObject) return readJson(flowSettings, value, at);
  const unknown = Object.keys(value).find((name) => !Object.hasOwn(SETTING_MEANINGS, name));
  if (unknown !== undefined) {
    const names = Object.keys(SETTING_MEANINGS).join(", ");
    return fail(
      "malformed",
      `${at}.${unknown} is no setting; there are ${names}`,
      `${at}.${unknown}`,
    );
  }
  return readJson(flowSettings, { ...DEFAULT_SETTINGS, ...value }, at);
}
