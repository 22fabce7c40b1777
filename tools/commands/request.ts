// `sluice request`: asks the services of a running device something that is no payment.

import { FLOW_TYPES } from "../../firmware/payment/config/flow-types.ts";
import { fail, ok, type Result } from "../../firmware/result.ts";
import type { Command } from "../command.ts";
import { OPERATOR_HELP, OPERATOR_OPTIONS, type Operator, withOperator } from "../operator.ts";
import { askFlow } from "../operator-flows.ts";
import { integerOption, type OptionValues, textOption, textsOption } from "../option-value.ts";

const WAIT_S = 30;
const LOOK_MS_MIN = 50;
const LOOK_MS_MAX = 1_000;

const KNOWN = Object.entries(FLOW_TYPES)
  .filter(([type, { requestClass }]) => requestClass !== "payment" && type !== "reversal")
  .map(([type]) => type);

export const request: Command = {
  name: "request",
  summary: "ask the flow services of a device: a balance, a batch closure, a receipt again",
  usage: "TYPE [--data KEY=VALUE ...] [--json-data TEXT] [--target ID] [options]",
  help: `TYPE is ${KNOWN.slice(0, 3).join(", ")},
${KNOWN.slice(3).join(", ")},
or a type of a service's own ("sluice flows --services" lists them). Signed by the device's operator.

  --data KEY=VALUE   a text; KEY:=VALUE is a whole number, true or false, or amounts in the minor unit
                     of a currency, such as 1000EUR; may be repeated
  --json-data TEXT   all of the data, as JSON: {"amount":{"is":"integer","value":5}}
  --target ID        only this service
  --wait SECONDS     how long to wait for the answer (default: ${WAIT_S})
${OPERATOR_HELP}

examples:
  sluice request batchClosure
  sluice request storedValueLoad --data account=01ab23cd45ef6789 --data amounts:=1000EUR
  sluice request pointsBalance --data customer=01ab23cd45ef6789 --target points`,
  options: {
    ...OPERATOR_OPTIONS,
    data: { type: "string", multiple: true },
    "json-data": { type: "string" },
    target: { type: "string" },
    wait: { type: "string" },
  },
  positionalsMax: 1,
  run: (invocation) =>
    withOperator(invocation, (values) => readWanted(values, invocation.positionals[0]), ask),
};

interface Wanted {
  type: string;
  data: string;
  target: string;
  waitS: number;
}

function readWanted(values: OptionValues, type: string | undefined): Result<Wanted> {
  if (type === undefined) return fail("usage", "say what to ask: request batchClosure", "TYPE");
  const wait = integerOption(values, "wait", { min: 0, max: 3600 });
  if (!wait.ok) return wait;
  const data = readData(values);
  if (!data.ok) return data;
  const target = textOption(values, "target") ?? "";
  return ok({ type, data: data.value, target, waitS: wait.value ?? WAIT_S });
}

function readData(values: OptionValues): Result<string> {
  const json = textOption(values, "json-data");
  const given = textsOption(values, "data");
  if (json !== undefined) {
    return given.length === 0
      ? ok(json)
      : fail("usage", "is of no use beside --data", "--json-data");
  }
  const data: Record<string, object> = {};
  for (const text of given) {
    const [, key, typed, value = ""] = /^([\w.-]+?)(:?)=(.*)$/su.exec(text) ?? [];
    if (key === undefined) return fail("usage", `${text} is not written KEY=VALUE`, "--data");
    const read = typed === ":" ? typedValue(value) : { is: "text", value };
    if (read === undefined) {
      const message = `${value} is no whole number, true, false or amounts such as 1000EUR`;
      return fail("usage", message, "--data");
    }
    data[key] = read;
  }
  return ok(JSON.stringify(data));
}

/** What stands after KEY:= ; undefined for none of it. */
export function typedValue(value: string): object | undefined {
  if (value === "true" || value === "false") return { is: "flag", value: value === "true" };
  const [, base, currency] = /^(\d{1,12})([A-Z]{3})$/.exec(value) ?? [];
  if (currency !== undefined) {
    return { is: "amounts", value: { currency, base: Number(base), additional: {} } };
  }
  const number = Number(value);
  return /^-?\d{1,15}$/.test(value) ? { is: "integer", value: number } : undefined;
}

async function ask(operator: Operator, wanted: Wanted): Promise<Result<void>> {
  const { type, data, target, waitS } = wanted;
  const sent = await operator.do({ do: "flow-request", type, data, target });
  if (!sent.ok) return sent;
  const id = String(sent.value["request"]);
  const deadlineMs = performance.now() + 1000 * waitS;
  for (let lookMs = LOOK_MS_MIN; ; lookMs = Math.min(2 * lookMs, LOOK_MS_MAX)) {
    const answer = await askFlow(operator, id);
    if (!answer.ok) return answer;
    const { state, message } = answer.value;
    if (state === "refused") {
      const see = "sluice flows shows what can be asked";
      return fail("refused", `it was not started: ${String(message)}; ${see}`);
    }
    if (state === "ended") return tell(operator, id, answer.value);
    if (performance.now() > deadlineMs) {
      return fail("timed-out", `nobody has answered yet: sluice history ${id} tells it later`);
    }
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}

function tell(
  { out, device }: Operator,
  id: string,
  answer: Readonly<Record<string, unknown>>,
): Result<void> {
  const { outcome, message, service, response } = answer;
  const { data = {} } = (response ?? {}) as { data?: Record<string, { value?: unknown }> };
  out.emit({ step: "request", device, request: id, outcome, service, message, data });
  for (const [name, item] of Object.entries(data)) {
    out.say(`  ${name.padEnd(16)}  ${JSON.stringify(item.value ?? item)}`);
  }
  const who = service === undefined ? "nobody" : String(service);
  const words = message === "" ? "" : `: ${String(message)}`;
  if (outcome !== "success")
    return fail("refused", `answered by ${who}${words}; see sluice audit ${id}`);
  out.say(`answered by ${who}${words}`);
  return ok(undefined);
}
