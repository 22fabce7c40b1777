// What happens in a running device, as short lines for people or, with --json, one object a line.

import type { Log } from "../firmware/log.ts";
import { formatMinor } from "../firmware/money.ts";
import type { Output } from "./command.ts";

type Fields = Readonly<Record<string, string | number | boolean>>;

const TEXT: Readonly<Record<string, (fields: Fields) => string>> = {
  paid: (f) => `paid      ${f["units"]} ${f["unit"]} for ${money(f, "amountMinor")}`,
  "payment-refused": (f) => `refused   payment: ${f["why"]}`,
  "session-begun": (f) => `begun     ${f["outlet"]}, session ${f["session"]}, up to ${amount(f)}`,
  "session-ended": (f) => `ended     ${f["outlet"]}, ${amount(f)} delivered: ${f["reason"]}`,
  settled: (f) => `settled   ${money(f, "amountMinor")}${given(f)}`,
  "link-down": () => "broker    connection lost, trying again",
  "link-up": () => "broker    connected",
  "loop-lost": (f) => `outputs   ${f["why"]}: outputs are open, it is started again`,
  "world-broke": (f) => `trouble   ${f["message"]}`,
};

function money(fields: Fields, name: string): string {
  return formatMinor(Number(fields[name]), String(fields["currency"]));
}

function amount(fields: Fields): string {
  return `${Number(fields["milliUnits"]) / 1000} ${fields["unit"]}`;
}

function given(fields: Fields): string {
  const parts = [
    ["refundMinor", "refunded"],
    ["forfeitMinor", "forfeited"],
    ["owedMinor", "still owed"],
  ].filter(([name = ""]) => Number(fields[name] ?? 0) > 0);
  return parts.map(([name = "", word]) => `, ${money(fields, name)} ${word}`).join("");
}

/** Every line about an order begins with the time and the start of its id. */
export function saleLog(out: Output): Log {
  return (level, event, fields = {}) => {
    out.emit({ type: "log", level, event, ...fields });
    const text = TEXT[event]?.(fields) ?? `${event}  ${JSON.stringify(fields)}`;
    const time = new Date().toTimeString().slice(0, 8);
    const order = typeof fields["order"] === "string" ? fields["order"].slice(0, 6) : "      ";
    out.say(`${time}  ${order}  ${text}`);
  };
}
