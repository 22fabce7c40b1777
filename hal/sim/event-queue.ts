// What is still to happen in the world, soonest first; events of one instant in the order they were
// added. A binary heap; canceled events stay in it until they surface or outnumber the living.

export interface QueuedEvent {
  readonly atMs: number;
  /** Undefined once it ran or was canceled. */
  run: ((atMs: number) => void) | undefined;
}

interface Entry extends QueuedEvent {
  readonly order: number;
}

export interface EventQueue {
  add(atMs: number, run: (atMs: number) => void): QueuedEvent;
  cancel(event: QueuedEvent): void;
  /** Time of the next event, Infinity when there is none. */
  nextMs(): number;
  /** Takes the next event out. */
  take(): QueuedEvent | undefined;
  /** Events that still will run. */
  size(): number;
}

const COMPACT_FROM = 1024;

export function eventQueue(): EventQueue {
  let heap: Entry[] = [];
  let order = 0;
  let canceled = 0;

  const skipCanceled = (): void => {
    while (heap.length > 0 && heap[0]?.run === undefined) {
      pop(heap);
      canceled--;
    }
  };

  return {
    add: (atMs, run) => {
      const entry: Entry = { atMs, run, order: order++ };
      heap.push(entry);
      siftUp(heap, heap.length - 1);
      return entry;
    },
    cancel: (event) => {
      if (event.run === undefined) return;
      event.run = undefined;
      canceled++;
      if (canceled < COMPACT_FROM || canceled * 2 < heap.length) return;
      heap = heap
        .filter((entry) => entry.run !== undefined)
        .sort((a, b) => (before(a, b) ? -1 : 1));
      canceled = 0;
    },
    nextMs: () => {
      skipCanceled();
      return heap[0]?.atMs ?? Number.POSITIVE_INFINITY;
    },
    take: () => {
      skipCanceled();
      return pop(heap);
    },
    size: () => heap.length - canceled,
  };
}

function before(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function siftUp(heap: Entry[], from: number): void {
  const entry = heap[from] as Entry;
  let at = from;
  while (at > 0) {
    const above = (at - 1) >> 1;
    const parent = heap[above] as Entry;
    if (!before(entry, parent)) break;
    heap[at] = parent;
    at = above;
  }
  heap[at] = entry;
}

function pop(heap: Entry[]): Entry | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= heap.length) break;
    const right = below + 1;
    if (right < heap.length && before(heap[right] as Entry, heap[below] as Entry)) below = right;
    const child = heap[below] as Entry;
    if (!before(child, last)) break;
    heap[at] = child;
    at = below;
  }
  heap[at] = last;
  return first;
}
