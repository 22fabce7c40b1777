// What happens in a running device, as short lines for people or, with --json, one object a line.

import { LOG_LEVELS, type Log, type LogFields, type LogLevel, openLog } from "../firmware/log.ts";
import { formatMinor } from "../firmware/money.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import { countedUnits } from "../firmware/units.ts";
import type { Output } from "./command.ts";
import { type OptionValues, textOption } from "./option-value.ts";

const TEXT: Readonly<Record<string, (fields: LogFields) => string>> = {
  paid: (f) =>
    `paid      ${countedUnits(Number(f["units"]), String(f["unit"]))} for ${money(f, "amountMinor")}`,
  "payment-refused": (f) => `refused   payment: ${f["why"]}`,
  "session-begun": (f) => `begun     ${f["outlet"]}, session ${f["session"]}, up to ${amount(f)}`,
  "session-ended": (f) =>
    `ended     ${f["outlet"]}, ${amount(f)} delivered: ${f["reason"]}${because(f)}`,
  settled: (f) => `settled   ${money(f, "amountMinor")}${given(f)}`,
  "link-down": () => "broker    connection lost, trying again",
  "link-up": () => "broker    connected",
  "loop-lost": (f) => `outputs   ${f["why"]}: outputs are open, it is started again`,
  "outlet-awaits": (f) => `outlet    ${f["outlet"]} waits for the ${f["contact"]}`,
  "outlet-trouble": (f) => `outlet    ${f["outlet"]}: ${f["fault"]}${because(f)}`,
  "outlet-well": (f) => `outlet    ${f["outlet"]} can deliver`,
  "sensor-trouble": (f) => `sensor    ${f["sensor"]} is ${f["quality"]}${because(f)}`,
  "sensor-well": (f) => `sensor    ${f["sensor"]} is well again`,
  changed: (f) => `changed   by the operator: ${f["action"]}`,
  "clock-jumped": (f) => `clock     jumped by ${f["byS"]} s: it counts as unset until it is steady`,
  answered: (f) => `answered  ${f["request"]}: ${f["said"]}`,
  "world-broke": (f) => `trouble   ${f["message"]}`,
};

/** What is not of everyday is marked; people see at once what is wrong. */
const MARK: Readonly<Record<LogLevel, string>> = {
  debug: "debug: ",
  info: "",
  warn: "WARNING: ",
  error: "ERROR: ",
};

function money(fields: LogFields, name: string): string {
  return formatMinor(Number(fields[name]), String(fields["currency"]));
}

function because({ why }: LogFields): string {
  return why === undefined || why === "" ? "" : `, ${why}`;
}

function amount(fields: LogFields): string {
  return countedUnits(Number(fields["milliUnits"]) / 1000, String(fields["unit"]));
}

function given(fields: LogFields): string {
  const parts = [
    ["refundMinor", "refunded"],
    ["forfeitMinor", "forfeited"],
    ["owedMinor", "still owed"],
  ].filter(([name = ""]) => Number(fields[name] ?? 0) > 0);
  return parts.map(([name = "", word]) => `, ${money(fields, name)} ${word}`).join("");
}

/** --log-level, or what --quiet says. Error: `usage`. */
export function readLogLevel(values: OptionValues): Result<LogLevel> {
  const given = textOption(values, "log-level");
  const level = given ?? (values["quiet"] === true ? "warn" : "info");
  const known = LOG_LEVELS.find((one) => one === level);
  if (known !== undefined) return ok(known);
  return fail("usage", `--log-level is one of ${LOG_LEVELS.join(", ")}`, "--log-level");
}

/** Every line about an order begins with the time and the start of its id. */
export function saleLog(out: Output, levelMin: LogLevel): Log {
  return openLog(levelMin, (level, event, fields) => {
    const now = new Date();
    out.emit({ ...fields, type: "log", time: now.toISOString(), level, event });
    const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${value}`);
    const text = TEXT[event]?.(fields) ?? `${event}${rest.join("")}`;
    const order = typeof fields["order"] === "string" ? fields["order"].slice(0, 6) : "";
    out.say(`${now.toTimeString().slice(0, 8)}  ${order.padEnd(6)}  ${MARK[level]}${text}`);
  });
}
