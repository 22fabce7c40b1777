// How the page says times, amounts and what happened.

import type { BenchEvent, OutletState } from "../bench/bench-state.ts";
import { formatMinor } from "../firmware/money.ts";
import { countText } from "../firmware/units.ts";

/** "1:02:03.4" of the world. */
export function worldTime(ms: number): string {
  const tenths = Math.floor(ms / 100);
  const [s, m, hours] = [
    Math.floor(tenths / 10) % 60,
    Math.floor(tenths / 600) % 60,
    Math.floor(tenths / 36_000),
  ];
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${hours}:${two(m)}:${two(s)}.${tenths % 10}`;
}

/** "2026-03-01 12:00:00" of the world's clocks, UTC. */
export function wallTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace("T", " ");
}

/** Units with so many decimals as they need to be seen moving. */
export function unitsText(pulses: number, { pulsesPerUnit, unit }: OutletState): string {
  const units = pulses / pulsesPerUnit;
  const digits = pulsesPerUnit >= 1000 ? 3 : pulsesPerUnit > 1 ? 2 : 0;
  return `${units.toFixed(digits)} ${unit}`;
}

/** "0 EUR" for nothing of no currency. */
export function money(amountMinor: number, currency: string): string {
  return formatMinor(amountMinor, currency);
}

/** "stuck-meter" as people read it. */
export function plain(word: string): string {
  return word.replaceAll("-", " ");
}

/** A board's state, or an event, in a line. */
export function happeningWords(event: BenchEvent): string {
  switch (event.is) {
    case "power":
      return event.on ? "The power is back: the device starts" : "The power is gone";
    case "hand":
      return `By hand: ${handWords(event.action)}`;
    case "metal":
      return `${event.outlet}: coil ${event.coil ? "on" : "off"}, contact ${event.contact ? "closed" : "open"}`;
    case "session": {
      const cause = event.cause === undefined ? "" : `, because of ${event.cause.of}`;
      return `${event.outlet}: delivery ${event.what === "begin" ? "begins" : `ends after ${countText(event.pulses, "pulse")}${cause}`}`;
    }
    case "first-pulse":
      return `${event.outlet}: it flows`;
    case "order": {
      const { order, state, totalMinor, currency } = event.order;
      return `Order ${order} of ${money(totalMinor, currency)} is ${state}`;
    }
    case "paper":
      return "The receipt is printed";
    case "log":
      return `${event.level}: ${plain(event.event)} ${fieldsText(event.fields)}`;
    default:
      return event.is;
  }
}

function fieldsText(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ")
    .slice(0, 160);
}

function handWords(action: Readonly<Record<string, unknown>>): string {
  const { do: verb, board: _, ...rest } = action;
  return [verb, ...Object.values(rest)].map(String).join(" ").slice(0, 120);
}
