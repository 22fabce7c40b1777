// `sluice bench --ui` as a process: where the page is, a port that somebody has, Ctrl-C, and being called wrongly.

import { createServer } from "node:net";
import { afterEach, expect, test } from "vitest";
import { requireBuilt } from "../support/built.ts";
import { Program } from "./program.ts";

/** On a busy computer. */
const LIMIT_MS = 60_000;
const programs: Program[] = [];

afterEach(async () => {
  await Promise.all(programs.splice(0).map((one) => one.kill()));
});

function sluice(...args: string[]): Program {
  requireBuilt("page/index.html");
  const program = new Program(["bench", ...args, "--json"], process.env);
  programs.push(program);
  return program;
}

test("it says where the page is, takes another port where its own is in use, and ends at Ctrl-C", async () => {
  const other = createServer();
  const port = await new Promise<number>((resolve) => {
    other.listen(0, "127.0.0.1", () => resolve((other.address() as { port: number }).port));
  });
  const page = sluice("--ui", "--port", String(port), "--device", "boards/virtual-washer.yaml");
  const told = await page.until("bench-page", undefined, LIMIT_MS);
  expect(told).toMatchObject({ portTaken: true, broker: expect.stringMatching(/^mqtt:\/\/127/) });
  const url = String(told["url"]);
  expect(url).not.toContain(`:${port}/`);
  expect(await (await fetch(url)).text()).toContain("<script");
  page.signal("SIGINT");
  expect(await page.ended(LIMIT_MS)).toBe(0);
  await new Promise((resolve) => other.close(resolve));
}, 120_000);

test.each([
  [["--ui", "tap", "visa-test"], 2, "is of no use to --ui"],
  [["--ui", "--reader", "x"], 2, "--reader"],
  [["--port", "1"], 2, "is for --ui"],
  [["--ui", "--rate", "0"], 2, "--rate is a whole number"],
  [["--ui", "--device", "boards/none.yaml"], 1, "none.yaml"],
  [["--ui", "--device", "boards/pi-charger.yaml"], 1, "its board exists"],
])(
  "called with %j it ends with %i and says why",
  async (args, code, words) => {
    const wrong = sluice(...args);
    expect(await wrong.ended(LIMIT_MS)).toBe(code);
    expect(wrong.output).toContain(words);
  },
  60_000,
);
