// What a page that comes later is told of what has happened: the latest of each board, in order, and never without bound.

import { expect, test } from "vitest";
import type { BenchEvent } from "../../../bench/bench-state.ts";
import { PastEvents } from "../../../tools/bench-page/past-events.ts";

function event(seq: number, board: string, fact: object): BenchEvent {
  return { atMs: seq, seq, board, ...fact } as BenchEvent;
}

test("of each board the latest of each kind are kept, however busy another board or kind is", () => {
  const past = new PastEvents();
  past.see(event(1, "quiet", { is: "receipt", order: "a", signed: "00", words: [] }));
  for (let seq = 2; seq < 10_000; seq++) {
    const fact =
      seq % 3 === 0 ? { is: "stage" } : seq % 3 === 1 ? { is: "metal" } : { is: "frame" };
    past.see(event(seq, "busy", fact));
  }
  const all = past.all();
  expect(all[0]).toMatchObject({ seq: 1, board: "quiet", is: "receipt" });
  const count = (is: string): number => all.filter((one) => one.is === is).length;
  expect([count("stage"), count("metal"), count("frame")]).toEqual([60, 80, 0]);
  const seqs = all.map(({ seq }) => seq);
  expect(seqs).toEqual([...seqs].sort((one, other) => one - other));
  expect(seqs.at(-1)).toBe(9_999);
  past.forget();
  expect(past.all()).toEqual([]);
});

test("what is judged of the bench, which has no number, stands where its time is", () => {
  const past = new PastEvents();
  past.see(event(7, "a", { is: "metal" }));
  past.see({ ...event(0, "", { is: "finding" }), atMs: 8 });
  past.see(event(9, "a", { is: "stage" }));
  expect(past.all().map(({ atMs }) => atMs)).toEqual([7, 8, 9]);
});
