// How a board changes to another release: never in the middle of a sale, and back where that one does not get ready. The
// real scripts among programs that are played; in a guest with systemd `make test-deploy` does the same.

import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PlayedBoard } from "./played-board.ts";

let board: PlayedBoard;
beforeEach(async () => {
  board = await PlayedBoard.open();
});
afterEach(() => board.close());

const there = (path: string): boolean => existsSync(join(board.folder, path));

test("one that gets ready is confirmed; it and the one before stay, others go", async () => {
  board.release("older", "ready");
  board.link("former", "older");
  board.release("new", "ready");
  board.release("part-other", "ready");
  const { code, result, log } = await board.switchTo("new", 10, 30);
  expect({ code, result }).toEqual({ code: 0, result: "0" });
  expect(log).toBe("starting new\nnew is ready to sell\n");
  expect(board.names()).toEqual(["new", "new", "old"]);
  expect(["older", "new", "old", "part-other"].map((name) => there(`releases/${name}`))).toEqual([
    false,
    true,
    true,
    true,
  ]);
  expect(there("releases/new/tried")).toBe(false);
}, 60_000);

test("back again by hand, with nothing but names", async () => {
  board.release("new", "ready");
  await board.switchTo("new", 10, 30);
  expect(await board.switchTo("old", 10, 30)).toMatchObject({ code: 0 });
  expect(board.names()).toEqual(["old", "old", "new"]);
}, 60_000);

test.each([["dies"], ["never ready"], ["cannot be started"]] as const)(
  "one that %s is left again, and removed",
  async (fate) => {
    board.release("new", fate);
    // What ends by itself is not waited for: the test has less time than the release.
    const readyS = fate === "dies" ? 90 : 4;
    const { code, result, log } = await board.switchTo("new", 10, readyS);
    expect({ code, result }).toEqual({ code: 1, result: "1" });
    expect(log).toContain(
      "last words\nnew does not get ready to sell: back to old\nrolled back: old is ready to sell again\n",
    );
    if (fate === "never ready")
      expect(log).toContain('not ready to sell: "the broker \\"x\\" is not connected","[odd]"\n');
    expect(board.names()).toEqual(["old", "old", "none"]);
    expect(there("releases/new")).toBe(false);
  },
  60_000,
);

test("a former release that does not get ready any more stays what it is: the former one", async () => {
  board.release("former", "dies");
  board.link("former", "former");
  expect((await board.switchTo("former", 10, 4)).code).toBe(1);
  expect(board.names()).toEqual(["old", "old", "former"]);
  expect(there("releases/former")).toBe(true);
}, 60_000);

test("the first one goes on trying: there is nothing to go back to", async () => {
  rmSync(join(board.folder, "releases/old"), { recursive: true });
  board.release("new", "never ready");
  for (const each of ["current", "confirmed"]) board.link(each, "new");
  const { code, log } = await board.switchTo("new", 10, 4);
  expect(code).toBe(1);
  expect(log).toContain("there is none before it: it goes on trying; make stop ends that");
  expect(board.names()).toEqual(["new", "new", "none"]);
}, 60_000);

test("in the middle of a sale nothing is changed, and the device is not even asked to end", async () => {
  board.release("new", "ready");
  board.write("busy", "");
  const { code, log } = await board.switchTo("new", 3, 30);
  expect(code).toBe(1);
  expect(log).toMatch(
    /^a sale is running: waiting for its end, up to 3 s\na sale is running, still after 3 s: nothing was changed/,
  );
  expect(board.names()).toEqual(["old", "old", "none"]);
  expect(there("releases/new")).toBe(false);
  expect(readFileSync(join(board.folder, "asked"), "utf8")).not.toMatch(/USR2|restart\b.*sluice/);
  expect(there("next")).toBe(false);
}, 60_000);

test("the end of a sale is waited for", async () => {
  board.release("new", "ready");
  board.write("busy", "");
  const timer = setTimeout(() => rmSync(join(board.folder, "busy")), 2_000);
  expect(await board.switchTo("new", 60, 30)).toMatchObject({ code: 0 });
  clearTimeout(timer);
}, 90_000);

test("a sale that began before the device heard that it may end goes on", async () => {
  board.release("new", "ready");
  board.write("busy", "");
  // Says that it is idle, and is not any more when the signal comes.
  board.answer = '{"ok":true,"reasons":[],"busy":false}\n';
  const timer = setTimeout(() => {
    board.answer = undefined;
  }, 1_500);
  // Or a device that dies in that sale would come back as the new one.
  const wanted: boolean[] = [];
  const look = setTimeout(() => wanted.push(there("next")), 5_000);
  const { code } = await board.switchTo("new", 9, 30);
  for (const each of [timer, look]) clearTimeout(each);
  expect({ code, wanted }).toEqual({ code: 1, wanted: [false] });
  expect(board.names()).toEqual(["old", "old", "none"]);
  expect(there("next")).toBe(false);
}, 90_000);

test("a release that does not say whether it is in a sale, and a device that says nothing, are left alone", async () => {
  board.release("new", "ready");
  board.answer = '{"ok":true,"reasons":[],"running":0}\n';
  expect((await board.switchTo("new", 2, 30)).log).toContain(
    "does not say whether it is in a sale: make stop",
  );
  rmSync(join(board.folder, "run/log"));
  rmSync(join(board.folder, "run/result"));
  board.answer = "";
  expect((await board.switchTo("new", 2, 30)).log).toContain(
    "nobody knows whether a sale is running: nothing was changed",
  );
  expect(board.names()).toEqual(["old", "old", "none"]);
}, 60_000);

test("a device that is stopped serves nobody: it is started as the new release", async () => {
  board.release("new", "ready");
  board.write("state", "inactive");
  expect(await board.switchTo("new", 2, 30)).toMatchObject({ code: 0 });
  expect(board.names()).toEqual(["new", "new", "old"]);
}, 60_000);
