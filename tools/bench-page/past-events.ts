// What has happened in a world, so far as a page that comes later still shows it: the latest of each board, without its frames.

import type { BenchEvent } from "../../bench/bench-state.ts";

/** Of a board, by what they are; the oldest make room. */
const RECEIPTS_MAX = 30;
const STAGES_MAX = 60;
const OTHERS_MAX = 80;

export class PastEvents {
  readonly #lists = new Map<string, BenchEvent[]>();

  see(event: BenchEvent): void {
    const { is, board } = event;
    if (is === "frame" || is === "display") return;
    const kind = is === "receipt" || is === "stage" ? is : "other";
    const name = `${kind} ${board}`;
    const list = this.#lists.get(name) ?? [];
    this.#lists.set(name, list);
    list.push(event);
    if (list.length > mostOf(kind)) list.shift();
  }

  /** Another world begins. */
  forget(): void {
    this.#lists.clear();
  }

  /** In the order in which they were told. */
  all(): readonly BenchEvent[] {
    return [...this.#lists.values()].flat().sort(order);
  }
}

function mostOf(kind: "receipt" | "stage" | "other"): number {
  if (kind === "receipt") return RECEIPTS_MAX;
  return kind === "stage" ? STAGES_MAX : OTHERS_MAX;
}

/** What is judged of the bench has no number, but its time. */
function order(one: BenchEvent, other: BenchEvent): number {
  return one.atMs - other.atMs || one.seq - other.seq;
}
