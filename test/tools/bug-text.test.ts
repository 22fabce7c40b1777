// What is shown of an error that nobody caught: its stack, and nothing that the log would hide.

import { expect, test } from "vitest";
import { bugText } from "../../tools/bug-text.ts";

const NUMBER = "4761739001010119";

function thrown(message: string): Error {
  return new Error(message);
}

test("the stack of an error keeps its lines, and each says where", () => {
  const [first, second, ...more] = bugText(thrown("broken")).split("\n");
  expect(first).toBe("Error: broken");
  expect(second).toMatch(/^ {4}at thrown \(.*bug-text\.test\.ts:\d+:\d+\)$/);
  expect(more.length).toBeGreaterThan(0);
  expect(bugText("a word")).toBe("a word");
});

test.each([
  ["in its digits", `no card ${NUMBER} here`],
  ["in groups", "no card 4761 7390 0101 0119 here"],
  ["with spaces that do not look like any", "4761\u200b7390\u00a00101\u200b0119"],
  ["on a line further down", `first\nsecond ${NUMBER}\nthird`],
])("I12: a card number %s is hidden", (_, message) => {
  const text = bugText(thrown(message));
  expect(text).toContain("[hidden]");
  expect(text.replace(/\D/g, "")).not.toContain(NUMBER);
  expect(text).toContain("at thrown");
});

test("I12: a key on several lines is hidden to its end, and nothing steers the terminal", () => {
  const key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAw\nBQYD\n-----END PRIVATE KEY-----";
  const text = bugText(thrown(`read ${key}\u001b[2J`));
  for (const part of ["MC4CAQAw", "BQYD", "\u001b"]) expect(text).not.toContain(part);
  expect(text).toContain("read [hidden]");
});

test("a text without end is cut", () => {
  const text = bugText(thrown("x\n".repeat(100_000)));
  expect(text.length).toBeLessThan(1000);
  expect(text.split("\n")).toHaveLength(64);
});
