// What the page makes of what it is told.

import { expect, test } from "vitest";
import type { BenchEvent, BenchState } from "../../bench/bench-state.ts";
import { pageModule } from "./page-module.ts";

interface Told {
  seeState(time: object, state: BenchState, size: object): void;
  seeEvents(events: readonly BenchEvent[]): void;
  log(board: string): { happenings: readonly BenchEvent[] };
}
const { Picture } = await pageModule<{ Picture: new () => Told }>("picture.ts");
const TIME = { nowMs: 9, wallMs: 9, rate: 1, paused: false };

test("what a replay has found is told at every board, and once, also where the line was lost", () => {
  const picture = new Picture();
  const state = {
    nowMs: 9,
    boards: [
      { id: "one", outlets: [] },
      { id: "two", outlets: [] },
    ],
  };
  const size = { steps: 0, bytes: 0, isTooLong: false };
  picture.seeState(TIME, state as unknown as BenchState, size);
  const head = { atMs: 5, seq: 0, board: "", is: "log", level: "error" };
  const fields = { what: "receipts: 2", seen: "1" };
  const finding = { ...head, event: "expectation-broken", fields } as unknown as BenchEvent;
  const power = { atMs: 6, seq: 3, board: "one", is: "power", on: true } as BenchEvent;
  picture.seeEvents([finding, power]);
  picture.seeEvents([finding, power]);
  const told = (board: string): string[] =>
    picture.log(board).happenings.map((one) => (one.is === "log" ? one.event : one.is));
  expect(told("one")).toEqual(["power", "expectation-broken"]);
  expect(told("two")).toEqual(["expectation-broken"]);
});
