// What a scenario file may name: its boards with what is on them, its buyers. A name that fits nothing is refused, because an
// expectation of a thing that is not there could never be broken.

import type { BenchBoardSetup } from "../bench/bench.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import { didYouMean } from "./did-you-mean.ts";

export interface ScenarioNames {
  boards: readonly string[];
  buyers: readonly string[];
  /** By board. */
  outlets: Readonly<Record<string, readonly string[]>>;
  currencies: Readonly<Record<string, readonly string[]>>;
}

export function namesOf(
  setups: readonly BenchBoardSetup[],
  buyers: readonly string[],
): ScenarioNames {
  const byBoard = (list: (setup: BenchBoardSetup) => readonly string[]) =>
    Object.fromEntries(setups.map((setup) => [setup.id, [...new Set(list(setup))]]));
  return {
    boards: setups.map(({ id }) => id),
    buyers,
    outlets: byBoard(({ board }) => board.outlets.map(({ id }) => id)),
    currencies: byBoard(({ config }) =>
      config.services.flatMap(({ prices }) => prices.map(({ currency }) => currency)),
    ),
  };
}

/** The only one need not be named. Errors: `malformed`, `not-found`. */
export function toBoard(named: unknown, at: string, { boards }: ScenarioNames): Result<string> {
  const [only, ...others] = boards;
  if (named === undefined && only !== undefined && others.length === 0) return ok(only);
  if (named === undefined) return fail("malformed", `say which board: ${boards.join(", ")}`, at);
  return known(named, boards, at, "board");
}

/** Error: `not-found`. */
export function known(
  named: unknown,
  list: readonly string[],
  at: string,
  what: string,
): Result<string> {
  if (typeof named === "string" && list.includes(named)) return ok(named);
  const all = list.join(", ") || "none";
  return fail(
    "not-found",
    `there is no such ${what}; there is ${all}${didYouMean(named, list)}`,
    at,
  );
}
