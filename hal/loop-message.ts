// The shape of what crosses between the metering loop and its host, checked on both sides: the other end is
// another process, and what it sends is believed no more than what comes from the network.
// A field that is not known is refused too, so that two different versions notice each other.

import { HalError } from "./hal-error.ts";
import {
  type LoopCommand,
  type LoopReport,
  type OutletReport,
  RUN_ON_MS_MAX,
  type RunOn,
  type SensorQuality,
  type SensorReport,
  STOP_CAUSE_UNITS,
  STOP_REASONS,
  type StopCause,
  type StopReason,
} from "./loop-host.ts";
import { SENSOR_VALUE_MAX } from "./sensor.ts";

const ID_CHARACTERS_MAX = 64;
const WHY_CHARACTERS_MAX = 500;
/** What the loop says of an ailing meter or sensor. */
export const WORDS_CHARACTERS_MAX = 200;
const OUTLETS_MAX = 64;
const METERS_MAX = 16;
const INTERLOCKS_MAX = 16;
const SENSORS_MAX = 16;
const UNIT_CHARACTERS_MAX = 8;
const CAUSE_CHARACTERS_MAX = 32;
const CAUSE_MAX = 4_000_000_000;
const QUALITIES: readonly SensorQuality[] = ["good", "stale", "lost"];

/** Throws HalError `corrupt`, naming the field. */
export function parseLoopCommand(value: unknown): LoopCommand {
  const fields = object(value, "command");
  const { do: what } = fields;
  switch (what) {
    case "grant": {
      only(fields, ["do", "session", "outlet", "meter", "pulses", "total", "runOn"], "grant");
      const pulses = count(fields, "pulses");
      const total = count(fields, "total");
      if (pulses > total) refuse("pulses", "must not be above total");
      return {
        do: "grant",
        session: id(fields, "session"),
        outlet: id(fields, "outlet"),
        meter: id(fields, "meter"),
        pulses,
        total,
        ...runOn(fields),
      };
    }
    case "extend":
      only(fields, ["do", "session", "pulses"], "extend");
      return { do: "extend", session: id(fields, "session"), pulses: count(fields, "pulses") };
    case "stop":
      only(fields, ["do", "session", "reason"], "stop");
      return { do: "stop", session: id(fields, "session"), reason: reason(fields, "reason") };
    default:
      return refuse("do", "must be grant, extend or stop");
  }
}

/** Throws HalError `corrupt`, naming the field. */
export function parseLoopReport(value: unknown): LoopReport {
  const fields = object(value, "report");
  const { on } = fields;
  switch (on) {
    case "ready":
    case "alive":
      only(fields, ["on", "atMs", "outlets", "sensors"], on);
      return {
        on,
        atMs: time(fields),
        outlets: list(fields, "outlets", OUTLETS_MAX).map(outletReport),
        sensors: list(fields, "sensors", SENSORS_MAX).map(sensorReport),
      };
    case "progress":
      only(fields, ["on", "session", "pulses", "reading", "held", "atMs"], on);
      return {
        on,
        session: id(fields, "session"),
        pulses: count(fields, "pulses"),
        reading: count(fields, "reading"),
        held: flag(fields, "held"),
        atMs: time(fields),
      };
    case "stopped":
      only(fields, [...STOPPED_FIELDS], on);
      return {
        on,
        session: id(fields, "session"),
        reason: reason(fields, "reason"),
        startReading: count(fields, "startReading"),
        endReading: count(fields, "endReading"),
        pulses: count(fields, "pulses"),
        runOnPulses: count(fields, "runOnPulses"),
        atMs: time(fields),
        ...cause(fields),
        ...runOn(fields),
      };
    case "button":
      only(fields, ["on", "button", "atMs"], on);
      return { on, button: id(fields, "button"), atMs: time(fields) };
    case "lost":
      only(fields, ["on", "why"], on);
      return { on, why: text(fields, "why", WHY_CHARACTERS_MAX) };
    default:
      return refuse("on", "must be ready, alive, progress, stopped, button or lost");
  }
}

const OUTLET_FIELDS = [
  "outlet",
  "healthy",
  "fault",
  "session",
  "readings",
  "retained",
  "raised",
  "ailing",
  "awaited",
  "runaway",
] as const;

const STOPPED_FIELDS = [
  "on",
  "session",
  "reason",
  "startReading",
  "endReading",
  "pulses",
  "runOnPulses",
  "atMs",
  "cause",
  "runOn",
] as const;

type Fields = Record<string, unknown>;

function outletReport(value: unknown): OutletReport {
  const fields = object(value, "outlets");
  only(fields, [...OUTLET_FIELDS], "outlets");
  const { fault, session, readings: read, awaited, runaway } = fields;
  if (runaway !== undefined && runaway !== true) refuse("runaway", "must be true, or left out");
  if (awaited !== undefined && awaited !== true) refuse("awaited", "must be true, or left out");
  const readings = object(read, "readings");
  const meters = Object.keys(readings);
  if (meters.length > METERS_MAX) refuse("readings", `must name at most ${METERS_MAX} meters`);
  for (const meter of meters) count(readings, meter);
  const ailing = object(fields["ailing"], "ailing");
  if (Object.keys(ailing).length > METERS_MAX) {
    refuse("ailing", `must name at most ${METERS_MAX} meters`);
  }
  for (const meter of Object.keys(ailing)) text(ailing, meter, WORDS_CHARACTERS_MAX);
  return {
    outlet: id(fields, "outlet"),
    healthy: flag(fields, "healthy"),
    ...(fault === undefined ? {} : { fault: reason(fields, "fault") }),
    ...(session === undefined ? {} : { session: id(fields, "session") }),
    readings: readings as Record<string, number>,
    retained: ids(fields, "retained", METERS_MAX),
    raised: ids(fields, "raised", INTERLOCKS_MAX),
    ailing: ailing as Record<string, string>,
    ...(awaited === true && { awaited }),
    ...(runaway === true && { runaway }),
  };
}

function sensorReport(value: unknown): SensorReport {
  const fields = object(value, "sensors");
  const known = ["sensor", "unit", "value", "ageMs", "staleAfterMs", "quality", "why"];
  only(fields, known, "sensors");
  const { value: read, quality, why } = fields;
  if (typeof read !== "number" || !Number.isInteger(read) || Math.abs(read) > SENSOR_VALUE_MAX) {
    return refuse("value", `must be an integer within ${SENSOR_VALUE_MAX} either way`);
  }
  return {
    sensor: id(fields, "sensor"),
    unit: text(fields, "unit", UNIT_CHARACTERS_MAX),
    value: read,
    ageMs: count(fields, "ageMs"),
    staleAfterMs: count(fields, "staleAfterMs"),
    quality:
      QUALITIES.find((known) => known === quality) ??
      refuse("quality", "must be good, stale or lost"),
    ...(why === undefined ? {} : { why: text(fields, "why", WORDS_CHARACTERS_MAX) }),
  };
}

function cause(fields: Fields): { cause?: StopCause } {
  if (fields["cause"] === undefined) return {};
  const { of, value, unit, ...others } = object(fields["cause"], "cause");
  only(others, [], "cause");
  if (typeof value !== "number" || !Number.isSafeInteger(value) || Math.abs(value) > CAUSE_MAX) {
    return refuse("value", `must be an integer within ${CAUSE_MAX} either way`);
  }
  const read =
    STOP_CAUSE_UNITS.find((known) => known === unit) ?? refuse("unit", "must be one of a cause");
  const named = text({ of }, "of", CAUSE_CHARACTERS_MAX);
  return {
    cause: { of: named === "" ? refuse("of", "must not be empty") : named, value, unit: read },
  };
}

function runOn(fields: Fields): { runOn?: RunOn } {
  if (fields["runOn"] === undefined) return {};
  const known = object(fields["runOn"], "runOn");
  only(known, ["delayMs", "spreadMs", "stops"], "runOn");
  const stops = count(known, "stops");
  if (stops === 0) refuse("stops", "must be 1 or more");
  return {
    runOn: { delayMs: runOnMs(known, "delayMs"), spreadMs: runOnMs(known, "spreadMs"), stops },
  };
}

function runOnMs(fields: Fields, field: string): number {
  const value = fields[field];
  if (typeof value !== "number" || !(value >= 0 && value <= RUN_ON_MS_MAX)) {
    return refuse(field, `must be 0 to ${RUN_ON_MS_MAX}`);
  }
  return value;
}

function refuse(field: string, must: string): never {
  throw new HalError("corrupt", `loop message: ${field} ${must}`);
}

function object(value: unknown, field: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return refuse(field, "must be an object");
  }
  return value as Fields;
}

function only(fields: Fields, known: readonly string[], what: string): void {
  const stranger = Object.keys(fields).find((field) => !known.includes(field));
  if (stranger !== undefined) refuse(stranger.slice(0, 40), `is not a field of ${what}`);
}

function text(fields: Fields, field: string, charactersMax: number): string {
  const value = fields[field];
  if (typeof value !== "string" || value.length > charactersMax) {
    return refuse(field, `must be a text of at most ${charactersMax} characters`);
  }
  return value;
}

function id(fields: Fields, field: string): string {
  const value = text(fields, field, ID_CHARACTERS_MAX);
  return value === "" ? refuse(field, "must not be empty") : value;
}

function ids(fields: Fields, field: string, lengthMax: number): string[] {
  const values = list(fields, field, lengthMax);
  return values.map((_, i) => id(values as unknown as Fields, String(i)));
}

function count(fields: Fields, field: string): number {
  const value = fields[field];
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    return refuse(field, "must be an integer from 0 up");
  }
  return value;
}

function time(fields: Fields): number {
  const { atMs } = fields;
  if (typeof atMs !== "number" || !Number.isFinite(atMs)) {
    return refuse("atMs", "must be a number of milliseconds");
  }
  return atMs;
}

function flag(fields: Fields, field: string): boolean {
  const value = fields[field];
  return typeof value === "boolean" ? value : refuse(field, "must be true or false");
}

function reason(fields: Fields, field: string): StopReason {
  const value = fields[field];
  return (
    STOP_REASONS.find((known) => known === value) ??
    refuse(field, "must be one of the stop reasons")
  );
}

function list(fields: Fields, field: string, lengthMax: number): readonly unknown[] {
  const value = fields[field];
  if (!Array.isArray(value) || value.length > lengthMax) {
    return refuse(field, `must be a list of at most ${lengthMax}`);
  }
  return value;
}
