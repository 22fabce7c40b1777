// What every command of `sluice` has in common: options by node:util, help, exit codes, and output that is
// either for people or, with --json, one JSON object a line.

import { type ParseArgsConfig, parseArgs } from "node:util";
import type { Fault } from "../firmware/result.ts";

type ParseArgsOptionsConfig = NonNullable<ParseArgsConfig["options"]>;

/** Exit codes: 0 ok, 1 failed, 2 called wrongly (or a choice is needed that only the user can make). */
export type ExitCode = 0 | 1 | 2;

export interface Output {
  json: boolean;
  /** For people, on standard output; nothing with --json. */
  say(line: string): void;
  /** For machines: one object with a `step` or `type`; nothing without --json. */
  emit(fact: Readonly<Record<string, unknown>>): void;
  /** A line that is written over by the next one, on a terminal only. */
  progress(line: string): void;
  /** What went wrong and what to do: standard error, or an object of type `fault` with --json. */
  fault(fault: Fault): void;
}

export interface Invocation {
  values: Readonly<Record<string, string | boolean | string[] | undefined>>;
  positionals: readonly string[];
  out: Output;
}

export interface Command {
  name: string;
  /** One line for the list of commands. */
  summary: string;
  /** `sluice NAME` is put in front. */
  usage: string;
  /** What it does, options and examples, for --help. */
  help: string;
  options: ParseArgsOptionsConfig;
  /** How many positional arguments it takes at most. */
  positionalsMax: number;
  run(invocation: Invocation): Promise<ExitCode>;
}

const COMMON: ParseArgsOptionsConfig = {
  help: { type: "boolean", short: "h" },
  json: { type: "boolean" },
};

/** Throws what parseArgs throws for an unknown or malformed option: the caller answers with exit code 2. */
export function parseCommand(
  command: Command,
  args: readonly string[],
): Pick<Invocation, "values" | "positionals"> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { ...command.options, ...COMMON },
    allowPositionals: true,
    strict: true,
  });
  if (positionals.length > command.positionalsMax) {
    // Not quoted: it may be a card number without its option.
    throw new TypeError(`too many arguments: at most ${command.positionalsMax} is taken`);
  }
  return { values, positionals } as Pick<Invocation, "values" | "positionals">;
}
