// How every command takes its options: ids that begin with a dash, and words for what is no option.

import { describe, expect, test } from "vitest";
import { type Command, parseCommand } from "../../tools/command.ts";

const command: Command = {
  ...{ name: "find", summary: "", usage: "", help: "", positionalsMax: 2 },
  options: {
    device: { type: "string" },
    tag: { type: "string", multiple: true },
    all: { type: "boolean" },
  },
  run: async () => 0,
};

describe("a value that begins with a dash", () => {
  test.each([
    [["--device", "-Xy_3-"], { device: "-Xy_3-" }, []],
    [["--device=-Xy", "last"], { device: "-Xy" }, ["last"]],
    [["--tag", "-a", "--tag", "b", "--all"], { tag: ["-a", "b"], all: true }, []],
    [["--device", "-X", "--", "--device", "-Y"], { device: "-X" }, ["--device", "-Y"]],
    [["--device", "d", "-h"], { device: "d", help: true }, []],
  ])("%j", (args, values, positionals) => {
    const parsed = parseCommand(command, args);
    expect({ ...parsed.values }).toEqual(values);
    expect(parsed.positionals).toEqual(positionals);
  });

  test.each([
    [["--device", "-h"], "--device needs a value"],
    [["--device", "--all"], "--device needs a value"],
    [["--device"], "--device needs a value"],
    [["--all", "-x"], "there is no option -x"],
    [["-x"], "there is no option -x"],
    [["--devise", "-x"], "there is no option --devise"],
  ])("is no other option: %j", (args, message) => {
    expect(() => parseCommand(command, args)).toThrow(message);
  });
});
