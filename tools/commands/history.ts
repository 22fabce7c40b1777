// `sluice history`: flows that have ended on a running device, for its operator.

import { formatMinor } from "../../firmware/money.ts";
import { HISTORY_ROWS_MAX } from "../../firmware/producer/command.ts";
import { fail, ok, type Result } from "../../firmware/result.ts";
import type { Command, Output } from "../command.ts";
import {
  type Answer,
  OPERATOR_HELP,
  OPERATOR_OPTIONS,
  type Operator,
  withOperator,
} from "../operator.ts";
import {
  askFlow,
  askHistory,
  askWhole,
  deferredText,
  type HistoryLine,
  type HistoryWanted,
  resolveFlow,
  timeText,
} from "../operator-flows.ts";
import { integerOption, type OptionValues, textOption } from "../option-value.ts";
import { deviceLog, writeLog } from "../order-log.ts";
import { resolveOrder } from "../refunding.ts";

const ROWS = 20;

export const history: Command = {
  name: "history",
  summary: "the payments and requests that a device has ended",
  usage: "[ID] [--log FILE] [--type TYPE] [--from TIME --until TIME] [--max N] [options]",
  help: `Flows that have ended, latest first: orders, refunds, and what else was asked of the device's services.
With ID (an order, the beginning of one, last, or another flow): everything that came of it, without
card data. The device keeps as many as its setting historyRows says. Where the device file allows
payments without the payment host (payment.deferred), the last line says what is at risk and what is
lost. Signed by the device's operator.

  --log FILE         with an order: write what the device can show of it there, for sluice dispute
  --type TYPE        only flows of this type, such as sale or refund
  --from TIME        ended then or later: 2026-11-22, 2026-11-22T08:00 or 90m, 12h, 7d ago
  --until TIME       ended then or before
  --max N            at most so many (default ${ROWS}, at most ${HISTORY_ROWS_MAX})
${OPERATOR_HELP}

example: sluice history --type refund --from 7d`,
  options: {
    ...OPERATOR_OPTIONS,
    log: { type: "string" },
    type: { type: "string" },
    from: { type: "string" },
    until: { type: "string" },
    max: { type: "string" },
  },
  positionalsMax: 1,
  run: (invocation) => {
    const [reference] = invocation.positionals;
    const read = (values: OptionValues) => readWanted(values, reference);
    return withOperator(invocation, read, (operator, wanted) =>
      reference === undefined
        ? tellAll(operator, wanted)
        : tellOne(operator, reference, wanted.log),
    );
  },
};

type Wanted = HistoryWanted & { log?: string };

function readWanted(values: OptionValues, reference: string | undefined): Result<Wanted> {
  const log = textOption(values, "log");
  if (log !== undefined && reference === undefined) {
    return fail("usage", "whose log? name the order: sluice history ORDER --log FILE", "--log");
  }
  const most = integerOption(values, "max", { min: 1, max: HISTORY_ROWS_MAX });
  if (!most.ok) return most;
  const sinceS = readTime(values, "from");
  if (!sinceS.ok) return sinceS;
  const untilS = readTime(values, "until");
  if (!untilS.ok) return untilS;
  const type = textOption(values, "type");
  return ok({
    most: most.value ?? ROWS,
    ...(log !== undefined && { log }),
    ...(type !== undefined && { type }),
    ...(sinceS.value !== undefined && { sinceS: sinceS.value }),
    ...(untilS.value !== undefined && { untilS: untilS.value }),
  });
}

const UNITS_S: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 86_400 };

/** Seconds since 1970. */
function readTime(values: OptionValues, name: string): Result<number | undefined> {
  const text = textOption(values, name);
  if (text === undefined) return ok(undefined);
  const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const nowMs = Date.now();
  const atMs =
    unit === undefined ? Date.parse(text) : nowMs - 1000 * Number(count) * (UNITS_S[unit] ?? 0);
  const atS = Math.floor(atMs / 1000);
  if (Number.isFinite(atS) && atS > 0 && atS <= 0xffff_ffff) return ok(atS);
  return fail(
    "usage",
    `${text} is no time: 2026-11-22, 2026-11-22T08:00, 90m, 12h or 7d`,
    `--${name}`,
  );
}

async function tellAll(operator: Operator, wanted: HistoryWanted): Promise<Result<void>> {
  const { out, device } = operator;
  const answer = await askHistory(operator, wanted);
  if (!answer.ok) return answer;
  const { flows, deferred } = answer.value;
  if (flows.length === 0) out.say("no flow has ended that is kept");
  for (const line of flows) {
    out.emit({ step: "history", device, ...line });
    out.say(`  ${timeText(line.endedMs)}  ${historyText(line)}`);
  }
  if (deferred !== undefined) {
    out.emit({ step: "deferred", device, ...deferred });
    out.say(deferredText(deferred));
  }
  return ok(undefined);
}

/** What an order's payment is by itself is not said twice. */
export function historyText(line: HistoryLine): string {
  const by = line.initiator === line.flow ? "" : ` by ${line.initiator}`;
  return `${line.id}  ${line.flow}${by}: ${ended(line)}`;
}

function ended(line: HistoryLine): string {
  const { outcome = "unknown", reason = "none", message, service, currency } = line;
  const paid =
    currency === undefined
      ? []
      : `${formatMinor(line.processedMinor ?? 0, currency)} of ${formatMinor(line.requestedMinor ?? 0, currency)}`;
  return [outcome, reason === "none" ? [] : reason, paid, service ?? [], message || []]
    .flat()
    .join(", ");
}

async function keepLog(operator: Operator, reference: string, file: string): Promise<Result<void>> {
  const order = await resolveOrder(operator, reference);
  if (!order.ok) return order;
  const answer = await askWhole(operator, (from) => ({
    do: "order-log",
    order: order.value,
    from,
  }));
  if (!answer.ok) return answer;
  const log = deviceLog(answer.value, operator.key);
  if (!log.ok) return log;
  writeLog(log.value, file, operator.out);
  return ok(undefined);
}

async function tellOne(operator: Operator, reference: string, log?: string): Promise<Result<void>> {
  // The flow of a payment may be forgotten long before its order is.
  if (log !== undefined) return keepLog(operator, reference, log);
  const { out, device } = operator;
  const id = await resolveFlow(operator, reference);
  if (!id.ok) return id;
  const answer = await askFlow(operator, id.value);
  if (!answer.ok) return answer;
  const { state } = answer.value;
  if (state === "unknown") {
    return fail("not-found", `the device remembers no flow ${id.value}: see sluice history`);
  }
  out.emit({ step: "flow-ended", device, ...answer.value });
  out.say(`${id.value}: ${String(state)}`);
  tellFields(answer.value, out);
  out.say(`Next: sluice audit ${id.value}`);
  return ok(undefined);
}

interface PartLine {
  transaction: string;
  outcome: string;
  service?: string;
  method: string;
  amountMinor?: number;
  currency?: string;
  message?: string;
}

function tellFields(answer: Answer, out: Output): void {
  const { flow: _, state: __, response, transactions, ...rest } = answer;
  const said = Object.entries(rest).filter(
    ([name, value]) => name !== "reason" || value !== "none",
  );
  for (const [name, value] of said) out.say(`  ${name.padEnd(14)}  ${String(value)}`);
  for (const part of (transactions ?? []) as PartLine[]) {
    const { transaction, outcome, service = "", method, amountMinor, currency, message } = part;
    const amount =
      amountMinor === undefined || currency === undefined ? [] : formatMinor(amountMinor, currency);
    const words = [`${outcome} by ${service}`, method || [], amount, message ?? []].flat();
    out.say(`  ${transaction}: ${words.join(", ")}`);
  }
  const { data } = (response ?? {}) as { data?: Record<string, { value?: unknown }> };
  for (const [name, item] of Object.entries(data ?? {})) {
    out.say(`  ${name.padEnd(14)}  ${JSON.stringify(item.value ?? item)}`);
  }
}
