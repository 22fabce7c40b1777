// Words of `sluice bench` into requests to the bench, and its answers into lines for people.

import { fail, ok, type Result } from "../firmware/result.ts";
import { askBench } from "../hal/linux/bench-control.ts";
import { BENCH_FOLDER } from "../hal/serial-paths.ts";
import { didYouMean } from "./did-you-mean.ts";
import { type OptionValues, textOption } from "./option-value.ts";

type Words = Readonly<Record<string, unknown>>;
/** What the bench said when it did what it was asked. */
export type Told = Readonly<Record<string, unknown>>;

/** What stands after each verb, in order. What the board has only one of may be left out. */
const VERBS: Readonly<Record<string, readonly string[]>> = {
  tap: ["card"],
  insert: ["card"],
  remove: [],
  press: ["button"],
  raise: ["interlock"],
  clear: ["interlock"],
  break: ["fault", "target"],
  mend: ["fault", "target"],
  unplug: ["serial"],
  plug: ["serial"],
  sensor: ["sensor", "value"],
  display: [],
  paper: [],
};

const NAMED = ["reader", "outlet"];

/** Error: `usage`. */
export function readBenchWords(
  [verb, ...words]: readonly string[],
  values: OptionValues,
): Result<Words> {
  if (verb === undefined) return ok({ do: "list" });
  const places = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (places === undefined) {
    const known = [...Object.keys(VERBS), "run"];
    return fail(
      "usage",
      `there is no bench ${verb}${didYouMean(verb, known)}; there is ${known.join(", ")}`,
    );
  }
  if (words.length > places.length) {
    const wanted = places.map((place) => ` ${place.toUpperCase()}`).join("");
    return fail("usage", `too many words: sluice bench ${verb}${wanted}`);
  }
  const request: Record<string, unknown> = { do: verb };
  for (const [i, word] of words.entries()) {
    const place = places[i] ?? "";
    if (place === "value" && !/^-?\d{1,10}$/.test(word)) {
      return fail("usage", "the value of a sensor is a whole number", "value");
    }
    request[place] = place === "value" ? Number(word) : word;
  }
  for (const name of NAMED) {
    const text = textOption(values, name);
    if (text !== undefined) request[name] = text;
  }
  return ok(request);
}

/**
 * Errors: `usage` where a choice is needed, `not-found` and `refused` as the bench says. Throws HalError where no bench
 * runs on that data folder, or one that does not answer.
 */
export async function requestBench(data: string, request: Words): Promise<Result<Told>> {
  const answer = (await askBench(`${data}/${BENCH_FOLDER}`, request)) as Told | null;
  if (answer?.["ok"] === true) {
    const { ok: _, ...told } = answer;
    return ok(told);
  }
  const { kind, message, at } = answer ?? {};
  const known = kind === "malformed" ? "usage" : kind === "not-found" ? kind : "refused";
  return fail(known, String(message ?? "the bench said nothing"), textOf(at));
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** A line or more for people. */
export function benchText({ do: verb }: Words, told: Told): readonly string[] {
  const text = (name: string): string => String(told[name] ?? "");
  const texts = (name: string): string => listOf(told[name]).join(", ") || "nothing";
  switch (verb) {
    case "list":
      return listText(told);
    case "tap":
    case "insert":
      return [`${text("card")} is at ${text("reader")}; take it away with: sluice bench remove`];
    case "remove":
      return [`removed: ${texts("removed")}`];
    case "press":
      return [`pressed ${text("button")}`];
    case "raise":
    case "clear":
      return [
        `${text("interlock")} of ${texts("outlets")} is ${verb === "raise" ? "raised" : "clear"}`,
      ];
    case "break":
      return [
        `${text("target")}: ${text("fault")}; mend it with: sluice bench mend ${text("fault")}`,
      ];
    case "mend":
      return [`${text("target")}: no ${text("fault")} any more`];
    case "unplug":
    case "plug":
      return [`${text("serial")} is ${verb}ged${verb === "plug" ? " in" : ""}`];
    case "sensor":
      return [`${text("sensor")} shows ${text("value")}`];
    case "display":
      return displayText(listOf(told["rows"]));
    default:
      return paperText(told);
  }
}

function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function objectsOf(value: unknown): readonly Told[] {
  return Array.isArray(value) ? (value as Told[]) : [];
}

function displayText(rows: readonly string[]): readonly string[] {
  const width = Math.max(16, ...rows.map(({ length }) => length));
  const edge = `+${"-".repeat(width + 2)}+`;
  return [edge, ...rows.map((row) => `| ${row.padEnd(width)} |`), edge];
}

function paperText(told: Told): readonly string[] {
  const papers = objectsOf(told["papers"]);
  if (papers.length === 0) return ["nothing was printed"];
  return papers.flatMap((paper, i) => [
    ...(i > 0 ? ["- - - - - - - -"] : []),
    ...listOf(paper["lines"]),
    ...listOf(paper["codes"]).map((code) => `[QR code] ${code}`),
  ]);
}

function listText(told: Told): readonly string[] {
  const named = (title: string, lines: readonly string[]): readonly string[] =>
    lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)];
  const outlets = objectsOf(told["outlets"]).map(({ id, contact, interlocks }) => {
    const raised = objectsOf(interlocks).map(
      (one) => `${one["id"]} ${one["raised"] === true ? "raised" : "clear"}`,
    );
    return `${id}  ${contact === true ? "closed" : "open"}${raised.length > 0 ? `  ${raised.join(", ")}` : ""}`;
  });
  const sensors = objectsOf(told["sensors"]).map(
    ({ id, unit, value }) => `${id}  ${value ?? "?"} ${unit}`,
  );
  const readers = objectsOf(told["readers"]).map(
    ({ id, kind, holds }) => `${id}  ${kind}  ${listOf(holds).join(", ") || "empty"}`,
  );
  const terminal = told["terminal"] as Told | undefined;
  const serial = objectsOf(told["serial"]).map(
    ({ id, plugged }) => `${id}${plugged === true ? "" : "  unplugged"}`,
  );
  const cards = objectsOf(told["cards"]).map(
    ({ name, ways, what }) => `${name}  ${listOf(ways).join(" or ")}  ${what}`,
  );
  const faults = objectsOf(told["faults"]).map(({ id, of, what }) => `${id}  ${of}: ${what}`);
  return [
    `bench of ${String(told["board"])}`,
    ...named("outlets:", outlets),
    ...named("sensors:", sensors),
    ...named("buttons:", listOf(told["buttons"])),
    ...named("readers:", readers),
    ...named(
      "terminal:",
      terminal
        ? [`shows "${terminal["screen"]}"`, `takes ${listOf(terminal["cards"]).join(", ")}`]
        : [],
    ),
    ...named("serial ports:", serial),
    ...named("cards:", cards),
    ...named("what can break:", faults),
    ...(told["display"] === undefined ? [] : displayText(listOf(told["display"]))),
  ];
}
