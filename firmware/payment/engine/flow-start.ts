// Whether a flow may start: all that is refused at once, with its code, before any service is called.

import { utf8 } from "../../bytes.ts";
import { FLOW_API_MAJOR, majorOf } from "../config/api-version.ts";
import { appsFor, type FlowConfig, requestClass } from "../config/flow-config.ts";
import { missingKeys } from "../config/flow-types.ts";
import type { FlowSettings } from "../config/settings.ts";
import { totalOf } from "../model/amounts-arithmetic.ts";
import { checkedCopy } from "../model/freeze.ts";
import type { Payment } from "../model/payment.ts";
import { buildPayment } from "../model/payment-builder.ts";
import { type Request, request as requestShape } from "../model/request.ts";
import type { ServiceRegistry } from "../registry/registry.ts";
import { missingMandatory, resolveFlow, selectServices } from "../registry/selection.ts";
import type { FlowError } from "../rules/rejection.ts";
import type { AmountLimits, Initiator } from "./engine.ts";

/** Transactions are named after the payment: so much is left for the rest of the name. */
const PAYMENT_ID_BYTES_MAX = 44;

export interface Refused {
  ok: false;
  error: FlowError;
  message: string;
}

type Checked<T> = { ok: true; value: T; config: FlowConfig } | Refused;

export interface StartFacts {
  registry: Pick<ServiceRegistry, "flows" | "services">;
  settings: FlowSettings;
}

export function refuse(error: FlowError, message: string): Refused {
  return { ok: false, error, message };
}

export function checkPayment(
  { registry, settings }: StartFacts,
  given: Payment,
  by: Initiator,
): Checked<Payment> {
  const built = buildPayment(given);
  if (!built.ok) return refuse("invalidRequest", built.fault.message);
  const payment = built.value;
  if (utf8(payment.id).length > PAYMENT_ID_BYTES_MAX) {
    return refuse("invalidRequest", `payment.id must be at most ${PAYMENT_ID_BYTES_MAX} bytes`);
  }
  const over = overLimits(payment, by.limits);
  if (over !== undefined) return refuse("invalidRequest", over);
  const { flowType: type, flowName, paymentMethod, cardToken, amounts } = payment;
  const wanted = { type, flowName, paymentMethod, cardToken, currency: amounts.currency };
  const services = registry.services();
  const resolved = resolveFlow(wanted, by.id, registry.flows(), services, settings);
  if (!resolved.ok) return resolved;
  const config = resolved.flow;
  if (requestClass(config) !== "payment") {
    return refuse("unsupportedOperation", `${config.name} is no payment flow`);
  }
  const unable = checkServices(config, registry) ?? checkPaymentApps(config, registry);
  return unable ?? { ok: true, value: payment, config };
}

export function checkRequest(
  { registry, settings }: StartFacts,
  given: Request,
  by: Initiator,
): Checked<Request> {
  const read = checkedCopy(requestShape, given, "request");
  if (!read.ok) return refuse("invalidRequest", read.fault.message);
  const request = read.value;
  const { id, type, flowName, target, data } = request;
  if (id === "") return refuse("invalidRequest", "request.id must not be empty");
  const missing = missingKeys(type, data);
  if (missing !== undefined) {
    return refuse("invalidRequest", `request.data lacks ${missing.join(" and ")}`);
  }
  const services = registry.services();
  const wanted = { type, flowName, target };
  const resolved = resolveFlow(wanted, by.id, registry.flows(), services, settings);
  if (!resolved.ok) return resolved;
  const config = resolved.flow;
  if (requestClass(config) === "payment") {
    return refuse("unsupportedOperation", `${config.name} is a payment flow`);
  }
  const unable =
    checkServices(config, registry) ?? checkAnswering(config, registry, settings, target);
  return unable ?? { ok: true, value: request, config };
}

function overLimits({ amounts }: Payment, limits: AmountLimits | undefined): string | undefined {
  if (limits === undefined) return undefined;
  if (amounts.base > limits.offerMinor) return "payment.amounts.base is more than the offer";
  const isOver = totalOf(amounts) > Math.max(limits.maximumMinor, limits.offerMinor);
  return isOver ? "payment.amounts are more than the payer signed" : undefined;
}

function checkServices(config: FlowConfig, registry: StartFacts["registry"]): Refused | undefined {
  if ((config.apiMajor ?? FLOW_API_MAJOR) !== FLOW_API_MAJOR) {
    return refuse(
      "incompatibleApiVersion",
      `flow ${config.name} is for version ${config.apiMajor}`,
    );
  }
  const missing = missingMandatory(config, registry.services());
  if (missing === undefined) return undefined;
  return refuse("noFlowServices", `${missing.at}: ${missing.id} is not there`);
}

/** A flow that names payment applications cannot do without any of them; one that names none does without. */
function checkPaymentApps(
  config: FlowConfig,
  registry: StartFacts["registry"],
): Refused | undefined {
  const named = appsFor(config, "TRANSACTION_PROCESSING").map(({ id }) => id);
  if (named.length === 0) return undefined;
  const infos = registry
    .services()
    .flatMap(({ id, info }) => (info && named.includes(id) ? [info] : []));
  if (infos.length === 0) {
    return refuse("noFlowServices", `none of ${named.join(", ")} is there`);
  }
  if (infos.every(({ apiVersion }) => majorOf(apiVersion) !== FLOW_API_MAJOR)) {
    return refuse("incompatibleApiVersion", `${named.join(", ")}: made for another version`);
  }
  return undefined;
}

/** A request needs somebody who answers it. */
function checkAnswering(
  config: FlowConfig,
  registry: StartFacts["registry"],
  settings: FlowSettings,
  target: string | undefined,
): Refused | undefined {
  const stage = config.stages.find(({ name }) => name === "GENERIC");
  if (stage === undefined) return undefined;
  const context = { settings, ...(target !== undefined && { target }) };
  const { matching, filtered, ambiguous } = selectServices(
    config,
    stage,
    registry.services(),
    context,
  );
  if (ambiguous) {
    const names = matching.map(({ id }) => id).join(", ");
    return refuse("ambiguous", `several services would do: name one of ${names} as target`);
  }
  if (matching.length > 0) return undefined;
  const told = filtered.filter(({ reason }) => reason !== "not-target");
  if (told.length > 0 && told.every(({ reason }) => reason === "api-version")) {
    return refuse("incompatibleApiVersion", "its services are made for another version");
  }
  const why = told.map(({ id, reason }) => `${id}: ${reason}`).join(", ");
  return refuse("noFlowServices", `no service can answer it (${why === "" ? "none listed" : why})`);
}
