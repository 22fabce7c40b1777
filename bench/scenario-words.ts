// What happens on a bench as lines of a timeline, in plain words; what only goes on as before is no line.

import { formatMinor } from "../firmware/money.ts";
import { stopWords } from "../firmware/token/stop-words.ts";
import { countText } from "../firmware/units.ts";
import type { BenchEvent } from "./bench-state.ts";

type Change = Extract<BenchEvent, { is: "stage" }>["changes"][number];

/** Of an order, by its state. */
const STATES: Readonly<Record<string, string>> = {
  taking: "is being paid",
  paid: "is paid",
  closing: "is being settled",
  closed: "is closed",
  failed: "has failed",
};

export class Timeline {
  /** By board: the display without its numbers; by order: its state; by log event: its words. */
  readonly #last = new Map<string, string>();

  /** Undefined for what is not worth a line. */
  words(event: BenchEvent): string | undefined {
    switch (event.is) {
      case "power":
        return event.on ? "power is back" : "power is gone";
      case "hand":
        return `by hand: ${handWords(event.action)}`;
      case "metal":
        return `${event.outlet}: coil ${event.coil ? "on" : "off"}, contact ${event.contact ? "closed" : "open"}`;
      case "session":
        return sessionWords(event);
      case "first-pulse":
        return `${event.outlet}: it flows, ${countText(event.pulses, "pulse")} of order ${event.order} so far`;
      case "stage":
        return stageWords(event);
      case "order": {
        const { order, state, totalMinor, currency } = event.order;
        const words = `order ${order} of ${formatMinor(totalMinor, currency)} ${STATES[state] ?? state}`;
        return this.#isNew(`${event.board} order ${order}`, state) ? words : undefined;
      }
      case "receipt":
        return event.words.join(", ");
      case "display": {
        const words = `shows: ${joined(event.lines)}`;
        return this.#isNew(`${event.board} display`, words.replace(/\d+/g, "")) ? words : undefined;
      }
      case "paper":
        return `prints: ${joined(event.lines)}`;
      case "log": {
        if (event.level === "info" || event.level === "debug") return undefined;
        const words = `${event.level}: ${event.event} ${fieldWords(event.fields)}`;
        return this.#isNew(`${event.board} ${event.event}`, words) ? words : undefined;
      }
      case "frame":
        return undefined;
    }
  }

  #isNew(what: string, words: string): boolean {
    if (this.#last.get(what) === words) return false;
    this.#last.set(what, words);
    return true;
  }
}

function joined(lines: readonly string[]): string {
  const words = lines.map((line) => line.trim().replace(/ {2,}/g, " "));
  return words.filter((line) => line !== "").join(" | ");
}

function sessionWords({
  what,
  outlet,
  order,
  pulses,
  reason,
  cause,
}: Extract<BenchEvent, { is: "session" }>): string {
  const count = countText(pulses, "pulse");
  if (what === "begin") return `${outlet}: order ${order} begins, ${count} granted`;
  const why = reason === undefined ? "" : `: ${stopWords({ reason, cause })}`;
  return `${outlet}: order ${order} ends after ${count}${why}`;
}

/** Of a payment only what was decided and changed: whom a stage called, and that he heard it, is no line. */
function stageWords({
  stage,
  service,
  outcome,
  changes,
}: Extract<BenchEvent, { is: "stage" }>): string | undefined {
  if (/^(called|acknowledged|event:|resolved:)/.test(outcome)) return undefined;
  // Where the host keeps it is for whoever looks into the payment, and not for a story.
  const more = changes.filter(({ what }) => !what.startsWith("reference ")).map(changeWords);
  const who = [stage, service].filter((word) => word !== "").join(", ");
  return [`payment: ${who === "" ? "" : `${who} `}${outcome}`, ...more].join(", ");
}

function changeWords({ what, from, to }: Change): string {
  if (to === undefined) return `${what} is no more`;
  return from === undefined ? `${what} ${to}` : `${what} ${from} -> ${to}`;
}

function fieldWords(fields: Readonly<Record<string, unknown>>): string {
  const words = Object.entries(fields).map(([name, value]) => `${name} ${String(value)}`);
  return words.filter((word) => !word.endsWith(" ")).join(", ");
}

function handWords(action: Readonly<Record<string, unknown>>): string {
  const { do: verb, board: _, ...words } = action;
  return [verb, ...Object.values(words)].map(String).join(" ");
}
