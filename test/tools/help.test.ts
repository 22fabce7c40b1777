// What a command says of itself is what it takes: help names every option and no other, and what it does not
// take is refused in plain words.

import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Command, parseCommand } from "../../tools/command.ts";
import { buy } from "../../tools/commands/buy.ts";

const FOLDER = new URL("../../tools/commands/", import.meta.url);
const LINE_MAX = 105;

async function commandOf(file: string): Promise<Command> {
  const name = file.replace(/\.ts$/, "");
  const module = (await import(new URL(file, FOLDER).href)) as Record<string, Command>;
  const { [name]: command } = module;
  if (command === undefined) throw new Error(`${file} exports no ${name}`);
  return command;
}

describe.each(readdirSync(FOLDER))("%s", (file) => {
  test("help names every option that it takes, and takes every option that help names", async () => {
    const { help, usage, options } = await commandOf(file);
    const text = `${usage}\n${help}`;
    const missing = Object.keys(options).filter((name) => !text.includes(`--${name}`));
    expect(missing).toEqual([]);
    // Those that a line of help begins with, also two of them: "--cert FILE --key FILE".
    const listed = help.split("\n").flatMap((line) => {
      const [head = ""] = /^ {2,4}--\S.*?(?= {2}|$)/.exec(line) ?? [];
      return [...head.matchAll(/--([a-z-]+)/g)].map(([, name = ""]) => name);
    });
    const untaken = listed.filter((name) => name !== "json" && !(name in options));
    expect(untaken).toEqual([]);
  });

  test("no option is given two sorts of value: it would be taken for one of them only", async () => {
    const { help } = await commandOf(file);
    const given = help.matchAll(/^ {2,4}--([a-z-]+) ([A-Z][A-Z|]*)/gm);
    const sorts = new Map<string, Set<string>>();
    for (const [, name = "", value = ""] of given) {
      sorts.set(name, (sorts.get(name) ?? new Set()).add(value));
    }
    expect([...sorts].filter(([, values]) => values.size > 1)).toEqual([]);
  });

  test("help has lines that fit and an example of itself", async () => {
    const { name, help } = await commandOf(file);
    expect(help.split("\n").filter((line) => line.length > LINE_MAX)).toEqual([]);
    expect(help).toMatch(/\bexample|\bExample/);
    expect(help).toContain(`sluice ${name}`);
  });
});

test.each([
  [["--unit", "3"], "there is no option --unit: did you mean --units?"],
  [["-x"], "there is no option -x"],
  [["--units"], "--units needs a value"],
  [
    ["--units", "--json"],
    "--units needs a value (a value that begins with a dash is written --units=VALUE)",
  ],
  [["--json=yes"], "--json takes no value"],
  [["three"], "too many arguments: it takes options only"],
])("what is called wrongly is said in plain words: %s", (args, said) => {
  expect(() => parseCommand(buy, args)).toThrow(new TypeError(said));
});
