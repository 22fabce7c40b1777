// What every command of `sluice` has in common: options by node:util, help, exit codes, and output that is
// either for people or, with --json, one JSON object a line.

import { type ParseArgsConfig, parseArgs } from "node:util";
import type { Fault } from "../firmware/result.ts";
import { didYouMean } from "./did-you-mean.ts";

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

/** Throws a TypeError, in plain words, for options and arguments that it does not take: exit code 2. */
export function parseCommand(
  command: Command,
  args: readonly string[],
): Pick<Invocation, "values" | "positionals"> {
  const options = { ...command.options, ...COMMON };
  const { values, positionals } = parsed(args, options);
  const { positionalsMax } = command;
  if (positionals.length > positionalsMax) {
    // Not quoted: it may be a card number without its option.
    const taken = positionalsMax === 0 ? "options only" : `at most ${positionalsMax}`;
    throw new TypeError(`too many arguments: it takes ${taken}`);
  }
  return { values, positionals } as Pick<Invocation, "values" | "positionals">;
}

function parsed(args: readonly string[], options: ParseArgsOptionsConfig) {
  try {
    const joined = withDashedValues(args, options);
    return parseArgs({ args: joined, options, allowPositionals: true, strict: true });
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string };
    const option = /'(?:-\w, )?(-[\w-]+)/.exec(message)?.[1] ?? "an option";
    if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
      const known = Object.keys(options).map((name) => `--${name}`);
      throw new TypeError(`there is no option ${option}${didYouMean(option, known)}`);
    }
    if (code !== "ERR_PARSE_ARGS_INVALID_OPTION_VALUE") throw error;
    // Node takes what begins with a dash for the next option.
    if (/ambiguous/.test(message)) {
      const dashed = `a value that begins with a dash is written ${option}=VALUE`;
      throw new TypeError(`${option} needs a value (${dashed})`);
    }
    const takesNone = /does not take/.test(message);
    throw new TypeError(`${option} ${takesNone ? "takes no value" : "needs a value"}`);
  }
}

/** Node takes what begins with a dash for the next option; the id of one device in 64 does, and no option of ours but -h. */
function withDashedValues(args: readonly string[], options: ParseArgsOptionsConfig): string[] {
  const end = args.indexOf("--");
  const all = end < 0 ? args : args.slice(0, end);
  const joined: string[] = [];
  for (let i = 0; i < all.length; i++) {
    const [arg = "", next = ""] = [all[i], all[i + 1]];
    const takesValue = arg.startsWith("--") && options[arg.slice(2)]?.type === "string";
    const isJoined = takesValue && /^-[^-]/.test(next) && next !== "-h";
    joined.push(isJoined ? `${arg}=${next}` : arg);
    if (isJoined) i++;
  }
  return [...joined, ...args.slice(all.length)];
}
